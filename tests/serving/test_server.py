"""The program: how it starts, what it refuses in one line, and how it ends."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


class TestRefused:
    @pytest.mark.parametrize(("words", "message"), [
        (["--nonsense=1"], "unknown argument: --nonsense=1"), ([], "which model?"),
        (["--model_base_path=/x", "--port=7", "--rest_api_port=7"], "--rest_api_port cannot be the same as --port"),
        (["--model_base_path=/x", "--port=0"], "nothing to listen on"),
        (["--model_base_path=/x", "--batching_parameters_file=x"], "without --enable_batching"),
        (["--model_config_file=/nowhere"], "Failed to start server. Error: NOT_FOUND: /nowhere")])
    def test_in_one_line(self, command, words, message):
        answer = command("dl100_tf", "serve", *words)
        assert answer.returncode == 2 and answer.stderr.startswith("error: ") and message in answer.stderr
        assert "Traceback" not in answer.stderr

    def test_a_configuration_that_does_not_parse(self, command, tmp_path):
        (tmp_path / "c").write_text("model_config_list { config { nme: 'x' } }")
        answer = command("dl100_tf.serving.server", f"--model_config_file={tmp_path}/c")
        assert answer.returncode == 2 and f"Invalid protobuf file: '{tmp_path}/c'" in answer.stderr

    def test_a_port_that_is_taken(self, command, tmp_path):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            answer = command("dl100_tf.serving.server", f"--model_base_path={tmp_path}", f"--rest_api_port={port}")
        assert answer.returncode == 2 and f"can't listen on 127.0.0.1, port {port}" in answer.stderr

    @pytest.mark.parametrize(("words", "text"), [(["--help"], "--rest_api_port"), (["--version"], "ModelServer")])
    def test_what_needs_no_tensorflow(self, command, words, text):
        answer = command("dl100_tf", "serve", *words, env={"PYTHONPROFILEIMPORTTIME": "1"})
        assert answer.returncode == 0 and text in answer.stdout
        assert " tensorflow\n" not in answer.stderr and " grpc\n" not in answer.stderr


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="signals")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_serves_until_it_is_told_to_end(publish, tmp_path, number):
    import grpc
    import requests

    publish(tmp_path / "half", 1)
    ports = free_port(), free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "dl100_tf", "serve", "--port", str(ports[0]), f"--rest_api_port={ports[1]}",
         "--model_name=half", f"--model_base_path={tmp_path}/half"], cwd=ROOT, env=os.environ | {
             "DL100_HOME": str(tmp_path)}, stderr=subprocess.PIPE, text=True)
    try:
        with grpc.insecure_channel(f"localhost:{ports[0]}") as channel:
            grpc.channel_ready_future(channel).result(timeout=240)
        found = requests.post(f"http://localhost:{ports[1]}/v1/models/half:predict", data='{"instances": [1.0]}',
                              timeout=60)
        assert found.json() == {"predictions": [2.5]}
        process.send_signal(number)
        _, told = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 0 and "Traceback" not in told
    assert f"Running gRPC ModelServer at localhost:{ports[0]} ..." in told
