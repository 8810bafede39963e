import functools
import socket
import threading
import time

import numpy as np
import pytest

from dl100_tf.data import Source, Split, Splits, sources
from dl100_tf.errors import DataError, UserError


def made(rung):
    split = Split(np.zeros(2), np.zeros(2))
    return Splits(split, split, split, ("a",), Source(rung, f"2 things from {rung}", "0"))


def absent(rung):
    raise sources.Absent(f"{rung} is not there.")


def damaged(rung):
    raise DataError(f"{rung} is damaged.")


def climb(source, local=made, tfds=made, sample=made):
    return sources.climb(source, "Get the real ones.", local=functools.partial(local, "local"),
                         tfds=functools.partial(tfds, "tfds"), sample=functools.partial(sample, "sample")).source.rung


@pytest.mark.parametrize("rung", sources.RUNGS)
def test_a_strict_source_is_that_or_an_error(rung):
    assert climb(rung) == rung
    with pytest.raises(DataError, match=f"^{rung} is not there.$"):
        climb(rung, **{rung: absent})


def test_auto_takes_the_first_that_is_there(capsys):
    assert climb("auto") == "local"
    assert capsys.readouterr().err == "data    local: 2 things from local\n"
    assert climb("auto", local=absent) == "tfds"


def test_the_sample_is_one_loud_line_with_the_remedy_and_the_reasons(capsys):
    assert climb("auto", local=absent, tfds=absent) == "sample"
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1
    for part in ("SAMPLE DATA!", "2 things from sample", "says nothing", "Get the real ones.", "local is not there.",
                 "tfds is not there."):
        assert part in err


def test_auto_never_steps_over_damage():
    with pytest.raises(DataError, match="local is damaged"):
        climb("auto", local=damaged)
    with pytest.raises(DataError, match="tfds is damaged"):
        climb("auto", local=absent, tfds=damaged)


def test_an_unknown_source():
    with pytest.raises(UserError, match="no source 'remote': use auto, local, tfds or sample"):
        climb("remote")


def test_find_takes_the_preferred_name(data_dir, monkeypatch):
    (data_dir / "b").mkdir()
    assert sources.find(data_dir, "a", "b") == data_dir / "b"
    (data_dir / "a").touch()
    assert sources.find(str(data_dir), "a", "b") == data_dir / "a"
    monkeypatch.setenv("DL100_DATA", str(data_dir))
    assert sources.find(None, "b") == sources.find("", "b") == data_dir / "b"


def test_find_says_what_it_looked_for_and_where(data_dir):
    with pytest.raises(sources.Absent, match="DL100_DATA"):
        sources.find(None, "a")
    with pytest.raises(sources.Absent) as caught:
        sources.find(data_dir, "a", "x/b")
    assert str(data_dir) in str(caught.value) and "a, x/b" in str(caught.value)


def test_a_data_folder_that_does_not_exist_is_a_mistake(tmp_path):
    with pytest.raises(UserError, match="doesn't exist") as caught:
        sources.find(tmp_path / "typo", "a")
    assert not isinstance(caught.value, sources.Absent)


@pytest.fixture
def server():
    """A server on this machine: `answer` is what it says, None for never anything."""
    listening = socket.create_server(("127.0.0.1", 0))
    answer, open_ = [b"HTTP/1.0 200 OK\r\n\r\n"], []

    def serve():
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            open_.append(connection)
            if answer[0] is not None:
                connection.recv(4096)
                connection.sendall(answer[0])
                connection.close()

    threading.Thread(target=serve, daemon=True).start()
    yield f"http://127.0.0.1:{listening.getsockname()[1]}/set.tar.gz", answer
    listening.close()
    for connection in open_:
        connection.close()


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    monkeypatch.setenv("no_proxy", "*")


def test_a_server_that_would_give_the_file_is_reachable(server):
    url, answer = server
    assert sources.reachable(url)
    answer[0] = b"HTTP/1.0 405 Method Not Allowed\r\n\r\n"
    assert sources.reachable(url)


@pytest.mark.parametrize("said", [b"HTTP/1.0 404 Not Found\r\n\r\n", b"HTTP/1.0 403 Forbidden\r\n\r\n", b"what?"])
def test_a_refusal_counts_as_no_network(server, said):
    url, answer = server
    answer[0] = said
    assert not sources.reachable(url)


def test_a_silent_server_and_a_slow_name_look_up_cost_seconds_not_minutes(server, monkeypatch):
    monkeypatch.setattr(sources, "CONNECT", 0.3)
    url, answer = server
    answer[0] = None
    start = time.monotonic()
    assert not sources.reachable(url)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: time.sleep(1) or [])
    assert not sources.reachable("http://slow.invalid/x")
    assert time.monotonic() - start < 1.5


def test_nobody_listens():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    assert not sources.reachable(f"http://127.0.0.1:{port}/x")


@pytest.fixture
def tfds_dir(tmp_path, monkeypatch):
    pytest.importorskip("tensorflow_datasets")
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "tfds"))
    return tmp_path / "tfds"


def prepared():
    return sources.prepared("imdb_reviews/plain_text", "http://reviews.invalid/x.tar.gz", ("train",))


def test_no_network_is_one_plain_sentence_within_seconds(tfds_dir, monkeypatch, capfd):
    monkeypatch.setattr(sources, "CONNECT", 0.5)
    monkeypatch.setattr(sources.importlib.import_module("urllib.request"), "urlopen", offline)
    prepared_at = time.monotonic()
    with pytest.raises(sources.Absent, match=r"^TensorFlow Datasets: .* reviews\.invalid can't be reached: connect"):
        prepared()
    assert time.monotonic() - prepared_at < 10
    assert capfd.readouterr() == ("", "")


def offline(*_, **__):
    raise OSError("no network in tests")


@pytest.mark.parametrize("error, kind, message", [
    (ValueError("checksum differs\nand more"), DataError, r"can't prepare imdb_reviews.*\(checksum differs\)"),
    (ModuleNotFoundError("no", name="importlib_resources"), sources.Absent, "pip install importlib_resources")])
def test_a_failed_preparation_is_one_line(tfds_dir, monkeypatch, error, kind, message):
    import tensorflow_datasets as tfds

    def fail(*_, **__):
        raise error

    monkeypatch.setattr(sources, "reachable", lambda url: True)
    monkeypatch.setattr(tfds.core.DatasetBuilder, "download_and_prepare", fail)
    with pytest.raises(kind, match=message) as caught:
        prepared()
    assert type(caught.value) is kind and "\n" not in str(caught.value)


def test_without_tfds_the_ladder_goes_on(monkeypatch):
    monkeypatch.setitem(sources.importlib.import_module("sys").modules, "tensorflow_datasets", None)
    with pytest.raises(sources.Absent, match="tensorflow_datasets is missing"):
        prepared()
