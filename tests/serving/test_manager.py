"""Versions come and go: policies, the swap, retries, and what is never served."""

import dataclasses
import threading

import pytest

from dl100_tf.serving import manager, sources, states
from dl100_tf.serving.flags import Settings
from dl100_tf.serving.status import ServingError, invalid

QUICK = Settings(load_retry_interval_micros=10_000, max_num_load_retries=2)


class World:
    """A manager whose models load when they may, and a diary of what happened."""

    def __init__(self, fake_model, until, settings=QUICK):
        self.diary, self.broken, self.models, self.fake_model, self.until = [], {}, {}, fake_model, until
        self.manager = manager.Manager(settings, self.load)

    def load(self, name, version, folder):
        self.diary.append(("load", version))
        if version in self.broken:
            self.broken[version] -= 1
            if self.broken[version] >= 0:
                raise invalid("it is broken")
        model = self.models[version] = self.fake_model()
        return manager.Handle(name, version, model, model)

    def aspire(self, *versions):
        self.manager.aspire("m", {version: f"/nowhere/{version}" for version in versions})

    def settled(self, **wanted):
        """Wait until the versions are in these states."""
        names = {int(version[1:]): state for version, state in wanted.items()}
        self.until(lambda: {version: states.NAMES[state] for version, (state, _) in
                       self.manager.states.of("m").items()} == names, 20)


@pytest.fixture
def world(fake_model, until):
    made = World(fake_model, until)
    yield made
    made.manager.close()


class TestSwap:
    def test_the_new_version_serves_before_the_old_one_goes(self, world):
        world.aspire(1)
        world.settled(v1="AVAILABLE")
        gate, loading = threading.Event(), world.load

        def slow(*arguments):
            gate.wait(20)
            return loading(*arguments)
        world.manager._loader = slow
        world.aspire(2)
        world.settled(v1="AVAILABLE", v2="LOADING")
        assert world.manager.handle("m").version == 1
        gate.set()
        world.settled(v1="END", v2="AVAILABLE")
        assert world.manager.handle("m").version == 2 and world.models[1].closed and not world.models[2].closed

    def test_a_version_in_use_is_closed_only_when_its_last_request_has_ended(self, world):
        world.aspire(1)
        world.settled(v1="AVAILABLE")
        held = world.manager.handle("m", 1)
        world.aspire(2)
        world.settled(v1="UNLOADING", v2="AVAILABLE")
        assert not world.models[1].closed
        with pytest.raises(ServingError, match=r"Servable not found for request: Specific\(m, 1\)"):
            world.manager.handle("m", 1)
        del held
        world.settled(v1="END", v2="AVAILABLE")
        assert world.models[1].closed

    def test_a_version_that_does_not_load_takes_nothing_down(self, world):
        world.aspire(1)
        world.settled(v1="AVAILABLE")
        world.broken[2] = 99
        world.aspire(2)
        world.settled(v1="AVAILABLE", v2="END")
        assert world.manager.handle("m").version == 1 and world.diary.count(("load", 2)) == 3
        assert str(world.manager.states.of("m")[2][1]) == "INVALID_ARGUMENT: it is broken"

    def test_a_load_is_tried_again(self, world):
        world.broken[1] = 2
        world.aspire(1)
        world.settled(v1="AVAILABLE")
        assert world.diary == [("load", 1)] * 3

    def test_going_back(self, world):
        world.aspire(1)
        world.settled(v1="AVAILABLE")
        world.aspire(2)
        world.settled(v1="END", v2="AVAILABLE")
        world.aspire(1)
        world.settled(v1="AVAILABLE", v2="END")

    def test_all_versions_and_then_none(self, world):
        world.aspire(1, 2, 3)
        world.settled(v1="AVAILABLE", v2="AVAILABLE", v3="AVAILABLE")
        assert world.manager.handle("m").version == 3 and world.manager.handle("m", 2).version == 2
        assert world.manager.serving() == {"m": [3, 2, 1]}
        world.aspire()
        world.settled(v1="END", v2="END", v3="END")
        with pytest.raises(ServingError, match=r"NOT_FOUND: Servable not found for request: Latest\(m\)"):
            world.manager.handle("m")

    def test_a_version_that_is_not_wanted_any_more_is_not_tried_again(self, until, fake_model):
        world = World(fake_model, until, dataclasses.replace(QUICK, load_retry_interval_micros=60_000_000))
        world.broken[1] = 99
        world.aspire(1)
        until(lambda: world.diary == [("load", 1)])
        world.aspire()
        world.settled(v1="END")
        assert world.diary == [("load", 1)]

    def test_a_version_that_was_still_being_written_is_tried_when_it_is_complete(self, tmp_path, fake_model, until):
        world = World(fake_model, until, Settings(load_retry_interval_micros=600_000_000, max_num_load_retries=1))
        loading = world.load

        def load(name, version, folder):
            if not (tmp_path / "1" / "saved_model.pb").exists():
                raise invalid("no model yet")
            return loading(name, version, folder)
        world.manager._loader = load
        (tmp_path / "1").mkdir()
        world.manager.aspire("m", {1: str(tmp_path / "1")})
        world.settled(v1="LOADING")
        (tmp_path / "1" / "saved_model.pb").write_text("here it is")
        world.settled(v1="AVAILABLE")


class TestSource:
    @pytest.mark.parametrize(("policy", "versions"), [
        ("", [10]), ("latest { num_versions: 2 }", [9, 10]), ("latest { num_versions: 0 }", [10]),
        ("all {}", [1, 9, 10]), ("specific { versions: 9 versions: 1 versions: 7 }", [1, 9]),
        ("specific { versions: 7 }", [])])
    def test_policies(self, tmp_path, policy, versions):
        from google.protobuf import text_format
        from tensorflow_serving.config import file_system_storage_path_source_pb2 as protos

        for name in ("1", "9", "10", "ten", ".writing-11", "12.tmp", "1e3"):
            (tmp_path / name).mkdir()
        wanted = text_format.Parse(policy, protos.FileSystemStoragePathSourceConfig.ServableVersionPolicy())
        found = sources.aspired(sources.found(str(tmp_path), "m"), wanted)
        assert sorted(found) == versions
        assert all(folder == str(tmp_path / str(version)) for version, folder in found.items())

    def test_numbers_with_zeros_in_front(self, tmp_path):
        (tmp_path / "00000123").mkdir()
        assert sources.found(str(tmp_path), "m") == {123: str(tmp_path / "00000123")}

    def test_a_folder_that_is_away_for_a_moment_takes_nothing_down(self, tmp_path, capsys):
        from tensorflow_serving.config import model_server_config_pb2

        told = []
        source = sources.Source(lambda name, versions: told.append((name, sorted(versions))), -1)
        source.update([model_server_config_pb2.ModelConfig(name="m", base_path=str(tmp_path / "m")),
                       model_server_config_pb2.ModelConfig(name="n", base_path=str(tmp_path))])
        source.poll()
        assert told == [("n", [])] and "Could not find base path" in capsys.readouterr().err
        (tmp_path / "m" / "3").mkdir(parents=True)
        source.poll()
        source.update([])
        assert told[1:] == [("m", [3]), ("n", []), ("m", []), ("n", [])] or sorted(told[3:]) == [("m", []), ("n", [])]
