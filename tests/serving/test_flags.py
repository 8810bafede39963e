"""Flags in all their forms, and those that are wrong."""

import pytest

from dl100_tf.errors import UserError
from dl100_tf.serving import flags


class TestForms:
    @pytest.mark.parametrize("words", [["--port=1"], ["--port", "1"], ["--port=9", "--port=1"]])
    def test_values(self, words):
        assert flags.parsed(words).port == 1

    @pytest.mark.parametrize(("words", "value"), [
        (["--enable_batching"], True), (["--enable_batching=true"], True), (["--enable_batching", "true"], True),
        (["--enable_batching=1"], True), (["--noenable_batching"], False), (["--enable_batching=false"], False),
        (["--enable_batching", "--port=1"], True), ([], False)])
    def test_switches(self, words, value):
        assert flags.parsed(words).enable_batching is value

    def test_a_value_may_hold_anything(self):
        found = flags.parsed(["--grpc_channel_arguments=a=1,b=2", "--model_base_path=", "--model_name", "x y"])
        assert (found.grpc_channel_arguments, found.model_base_path, found.model_name) == ("a=1,b=2", "", "x y")

    def test_the_defaults_are_tensorflow_servings(self):
        found = flags.parsed([])
        assert (found.port, found.rest_api_port, found.rest_api_timeout_in_ms, found.model_name) == (8500, 0, 30000,
                                                                                                  "default")
        assert (found.max_num_load_retries, found.load_retry_interval_micros) == (5, 60_000_000)
        assert (found.file_system_poll_wait_seconds, found.saved_model_tags) == (1, "serve")
        assert found.enable_model_warmup and not found.enable_signature_method_name_check


class TestRefused:
    @pytest.mark.parametrize(("words", "message"), [
        (["--modelname=x"], "unknown argument: --modelname=x, did you mean model_name?"),
        (["serve"], "unknown argument: serve"), (["-port=1"], "unknown argument: -port=1"),
        (["--noport"], "unknown argument: --noport"), (["--port=a"], "--port is a whole number, not 'a'"),
        (["--enable_batching=maybe"], "--enable_batching is true or false, not 'maybe'"),
        (["--model_name"], "--model_name needs a value"), (["--model_name", "--port=1"], "--model_name needs a value"),
        (["--platform_config_file=x"], "is not supported")])
    def test_one_line_says_why(self, words, message):
        with pytest.raises(UserError) as caught:
            flags.parsed(words)
        assert message in str(caught.value) and "\n" not in str(caught.value)

    def test_every_flag_is_explained(self):
        for name in flags.FIELDS:
            assert f"--{name}" in flags.usage()
