"""`predict --server`: what a recipe's `predict` says, said by a served model, and no TensorFlow loaded for it."""

import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from dl100_tf import predicting
from dl100_tf.errors import UserError
from dl100_tf.projects import cnn_mnist, lstm_imdb, perceptron_points, rnn_weather

ROOT = Path(__file__).parents[2]


def tensor(dtype, sizes):
    return {"dtype": dtype, "tensor_shape": {"dim": [{"size": str(size)} for size in sizes]}}


TAKES = {"text": ("DT_STRING", [-1]), "image": ("DT_UINT8", [-1] * 4), "points": ("DT_FLOAT", [-1, 2]),
         "series": ("DT_FLOAT", [-1, 72, 11])}


@pytest.fixture
def server():
    """A stand-in for TensorFlow Serving that knows version 3 of one model and answers as it is told."""
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            signatures = {"serving_default": {"inputs": {made.takes: tensor(*TAKES[made.takes])},
                                              "outputs": made.gives,
                                              "method_name": "tensorflow/serving/predict"},
                          "classify": {"inputs": {"inputs": tensor("DT_STRING", [-1])}, "outputs": {},
                                       "method_name": "tensorflow/serving/classify"}}
            self.say({"model_spec": {"version": "3"}, "metadata": {"signature_def": {"signature_def": signatures}}})

        def do_POST(self):
            made.asked.append((self.path, json.loads(self.rfile.read(int(self.headers["content-length"])))))
            self.say({"results": [made.results]} if not made.gives else {"outputs": made.results})

        def say(self, answer):
            content = json.dumps(answer).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_):
            pass

    made = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.daemon_threads = True
    made.asked, made.takes, made.gives, made.url = [], "text", {}, f"http://127.0.0.1:{made.server_port}"
    made.results = [["negative", 0.125], ["positive", 0.875]]
    threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield made
    made.shutdown()
    made.server_close()


def test_a_text(server, capsys):
    assert predicting.predict(lstm_imdb, ["--server", server.url, "not bad at all"]) == 0
    assert server.asked == [("/v1/models/lstm_imdb:classify", {
        "signature_name": "classify", "examples": [{"text": ["not bad at all"]}]})]
    assert capsys.readouterr().out == f"  87.5%  positive\n  12.5%  negative\n(lstm_imdb, version 3, at {server.url})\n"


def test_files_go_as_their_bytes_one_after_the_other(server, capsys, tmp_path):
    server.takes, server.results = "image", [[str(i), i / 100] for i in range(10)]
    for name in ("a.png", "b.png"):
        (tmp_path / name).write_bytes(b"\xff" + name.encode())
    assert not predicting.predict(cnn_mnist, ["--server", server.url, *(str(tmp_path / f"{x}.png") for x in "ab")])
    assert [body["examples"] for _, body in server.asked] == [[{"image/encoded": [{"b64": code}]}] for code in (
        "/2EucG5n", "/2IucG5n")]
    said = capsys.readouterr().out.splitlines()
    assert len(said) == 13 and said[0].endswith("a.png") and said[1] == "   9.0%  9" and said[5] == "   5.0%  5"


def test_numbers(server):
    server.takes = "points"
    predicting.predict(perceptron_points, ["--server", server.url, "1.5", "2"])
    assert server.asked[0][1]["examples"] == [{"points": [1.5, 2.0]}]


def test_a_recipe_that_answers_in_words_puts_them_around_what_the_server_gives(server, capsys, tmp_path):
    server.takes, server.gives = "series", {"forecast": tensor("DT_FLOAT", [-1, 24])}
    server.results = [[hour / 2 for hour in range(24)]]
    hours = "".join(f"2020,1,{1 + hour // 24},{hour % 24},{hour},-5,1016,2,0,0,{hour},NE\n" for hour in range(100))
    recent = tmp_path / "recent.csv"
    recent.write_text(f"year,month,day,hour,TEMP,DEWP,PRES,Iws,Is,Ir,pm2.5,cbwd\n{hours}")
    assert predicting.predict(rnn_weather, ["--server", server.url, str(recent)]) == 0
    (path, body), = server.asked
    assert path == "/v1/models/rnn_weather:predict"
    (series,), = body["inputs"].values() if isinstance(body["inputs"], dict) else (body["inputs"],)
    assert len(series) == 72 and series[0][0] == 28 and series[-1][:3] == [99, -5, 1016] and series[-1][-2:] == [3, 5]
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "2020-01-05 04:00     0.0 °C" and said[23].startswith("2020-01-06 03:00    11.5 °C  ██")
    assert said[24] == f"(rnn_weather, version 3, at {server.url})"


def test_the_version_with_a_label(server, capsys):
    predicting.predict(lstm_imdb, ["--server", server.url, "--label", "canary", "good"])
    assert server.asked[0][0] == "/v1/models/lstm_imdb/labels/canary:classify"
    assert f"(lstm_imdb, version 3, canary, at {server.url})" in capsys.readouterr().out


def test_what_a_stranger_s_server_says_is_shown_safely(server, capsys):
    server.results = [["\x1b[2Jgone", 1.0]]
    predicting.predict(lstm_imdb, ["--server", server.url, "good"])
    assert "\x1b" not in capsys.readouterr().out


@pytest.mark.parametrize(("words", "says"), [
    (["--server", "http://127.0.0.1:1", "good"], "no server answers at http://127.0.0.1:1"),
    (["--server", "http://127.0.0.1:1", "--run", "r", "good"], "leave one of them out"),
    (["--label", "stable", "good"], "say which server"), (["--server", "ftp://x", "good"], "is no address")])
def test_mistakes(words, says):
    with pytest.raises(UserError, match=says):
        predicting.predict(lstm_imdb, words)


@pytest.mark.parametrize("name", ["missing.png", "", "empty.png"])
def test_files_that_are_none(server, tmp_path, name):
    server.takes = "image"
    (tmp_path / "empty.png").touch()
    with pytest.raises(UserError, match=r"there is no file|can't be read|is empty"):
        predicting.predict(cnn_mnist, ["--server", server.url, str(tmp_path / name)])
    assert not server.asked


def test_another_model_of_that_name(server):
    server.takes = "image"
    with pytest.raises(UserError, match=r"takes image: uint8.*another model"):
        predicting.predict(lstm_imdb, ["--server", server.url, "good"])


def test_no_tensorflow_is_loaded(server):
    probe = ("import sys\nfrom dl100_tf import cli\nfrom dl100_tf.projects import lstm_imdb\n"
             "sys.argv = ['x', 'predict', '--server', sys.argv[1], 'good']\n"
             "try: cli.main(lstm_imdb.__file__)\n"
             "finally: print({'tensorflow', 'keras', 'grpc'} & set(sys.modules))\n")
    answer = subprocess.run([sys.executable, "-c", probe, server.url], capture_output=True, text=True, cwd=ROOT,
                            timeout=120, env=os.environ | {"PYTHONPATH": str(ROOT)})
    assert answer.stdout.splitlines()[0] == "  87.5%  positive" and answer.stdout.endswith("set()\n"), answer.stderr
