"""Configuration files as text protobufs."""

import pytest

from dl100_tf.serving import batching, monitoring, text_protos
from dl100_tf.serving.flags import Settings
from dl100_tf.serving.status import ServingError


class TestMonitoring:
    @pytest.mark.parametrize(("text", "path"), [
        ("prometheus_config { enable: true }", monitoring.DEFAULT),
        ('prometheus_config: { enable: true, path: "/m" }', "/m"),
        ('prometheus_config { enable: false path: "/m" }', ""), ("", ""), ("# nothing", "")])
    def test_path(self, tmp_path, text, path):
        (tmp_path / "m").write_text(text)
        assert monitoring.path(Settings(monitoring_config_file=str(tmp_path / "m"))) == path
        assert monitoring.path(Settings()) == ""


class TestBatching:
    def test_all_of_it(self, tmp_path):
        (tmp_path / "b").write_text("""
            max_batch_size { value: 32 } batch_timeout_micros { value: 2000 } max_enqueued_batches { value: 100 }
            num_batch_threads { value: 4 } thread_pool_name { value: "t" } pad_variable_length_inputs: true
            allowed_batch_sizes: 8 allowed_batch_sizes: 32 enable_lazy_split { value: true }""")
        found = batching.parameters(str(tmp_path / "b"))
        assert found == batching.Parameters(32, 2000, 100, 4, (8, 32), True)

    def test_what_is_left_out_keeps_its_default(self, tmp_path):
        (tmp_path / "b").write_text("batch_timeout_micros { value: 0 }")
        assert batching.parameters(str(tmp_path / "b")) == batching.Parameters() == batching.parameters("")

    @pytest.mark.parametrize(("text", "message"), [
        ("allowed_batch_sizes: 4 allowed_batch_sizes: 2", "monotonically increasing"),
        ("max_batch_size { value: 4 } allowed_batch_sizes: 8", "last entry was 8; expected 4"),
        ("max_batch_size { value: 0 }", "must be positive"), ("max_batch_size: 4", "Invalid protobuf file"),
        ("nonsense { value: 4 }", "Invalid protobuf file")])
    def test_contradictions(self, tmp_path, text, message):
        (tmp_path / "b").write_text(text)
        with pytest.raises(ServingError, match=message):
            batching.parameters(str(tmp_path / "b"))


def test_a_file_that_is_missing_or_binary(tmp_path):
    with pytest.raises(ServingError, match="NOT_FOUND"):
        text_protos.read(str(tmp_path / "none"), "MonitoringConfig")
    (tmp_path / "binary").write_bytes(b"\xff\x00")
    with pytest.raises(ServingError, match="Invalid protobuf file"):
        text_protos.read(str(tmp_path / "binary"), "MonitoringConfig")
