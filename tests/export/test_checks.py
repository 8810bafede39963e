"""What others make of a bundle: that they are asked rightly, and believed only where they agree."""

import ast
import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from dl100_tf.errors import UserError
from dl100_tf.export import asking, checks, golden, graph, litert, metadata, operators
from dl100_tf.export.contract import Contract

RANDOM = np.random.default_rng(0)
WEIGHTS = RANDOM.normal(0, 0.004, (3, 48)).astype("float16").astype("float32")
CONTRACT = Contract("three", "Three of a kind", "image", (4, 4, 3), ("a", "b", "c"), "100 % accuracy on a sample")
PICTURES = RANDOM.integers(0, 256, (40, 4, 4, 3)).astype("uint8")
FLAT = PICTURES.reshape(40, 48).astype("float32") @ WEIGHTS.T
KERAS = (np.exp(FLAT) / np.exp(FLAT).sum(1, keepdims=True)).astype("float32")
TABLE = """
============================== Summary by node type ==============================
\t             [Node type]\t  [count]\t  [avg ms]\t    [avg %]
\t          AllocateTensors\t        1\t     9.000\t   100.000%
============================== Summary by node type ==============================
\t             [Node type]\t  [count]\t  [avg ms]\t    [avg %]\t    [cdf %]\t  [mem KB]\t[times called]
\tFully Connected (NC, F32)\t        2\t     0.030\t    75.000%\t    75.000%\t     0.000\t        2
\t                 SOFTMAX\t        1\t     0.010\t    25.000%\t   100.000%\t     0.000\t        1

Timings (microseconds): count=50 curr=40
"""


def model(half: bool = False) -> bytes:
    """A .tflite file of two or three operators; `half`: its weights in 16 bits."""
    kind, option = schema.BuiltinOperator, schema.BuiltinOptions
    codes = [kind.RESHAPE, kind.FULLY_CONNECTED, kind.SOFTMAX, kind.DEQUANTIZE]
    contents = [None, np.array([1, 48], "int32"), WEIGHTS.astype("float16") if half else WEIGHTS]
    tensors = [((1, 4, 4, 3), "FLOAT32", 0), ((2,), "INT32", 1), ((1, 48), "FLOAT32", 0),
               ((3, 48), "FLOAT16" if half else "FLOAT32", 2), ((1, 3), "FLOAT32", 0), ((1, 3), "FLOAT32", 0)]
    steps = [(0, [0, 1], [2], None, None),
             (1, [2, 6 if half else 3, -1], [4], option.FullyConnectedOptions, schema.FullyConnectedOptionsT()),
             (2, [4], [5], option.SoftmaxOptions, schema.SoftmaxOptionsT(beta=1.0))]
    if half:
        tensors.append(((3, 48), "FLOAT32", 0))
        steps.insert(0, (3, [3], [6], None, None))
    main = schema.SubGraphT(
        inputs=[0], outputs=[5], name=b"main",
        tensors=[schema.TensorT(shape=list(shape), type=getattr(schema.TensorType, dtype), buffer=buffer, name=b"t",
                                hasRank=True) for shape, dtype, buffer in tensors],
        operators=[schema.OperatorT(opcodeIndex=code, inputs=given, outputs=result, builtinOptionsType=which or 0,
                                    builtinOptions=options) for code, given, result, which, options in steps])
    built = schema.ModelT(
        version=3, description=b"", subgraphs=[main],
        operatorCodes=[schema.OperatorCodeT(deprecatedBuiltinCode=code, builtinCode=code, version=1) for code in codes],
        buffers=[schema.BufferT(data=None if one is None else np.frombuffer(one.tobytes(), "uint8"))
                 for one in contents])
    return metadata.put(graph.packed(built), CONTRACT, version="1", author="us", license="MIT")


@pytest.fixture
def folder(tmp_path):
    """A published bundle of two files."""
    files = {"float32.tflite": model(), "float16.tflite": model(half=True)}
    place = tmp_path / "three/1"
    place.mkdir(parents=True)
    for name, content in files.items():
        (place / name).write_bytes(content)
    (place / golden.FILE).write_text(golden.write(CONTRACT, PICTURES, PICTURES, KERAS, KERAS.argmax(1)))
    told = {name: {"variant": name.split(".")[0], "sha256": hashlib.sha256(content).hexdigest()}
            for name, content in files.items()}
    (place / "card.json").write_text(json.dumps({"name": "three", "labels": CONTRACT.labels, "files": told}))
    return place


@pytest.fixture
def bundle(folder):
    return asking.opened(folder)


@pytest.fixture
def program(tmp_path):
    """Makes a program that runs Python code where an interpreter is expected."""
    def make(code):
        file = tmp_path / "program"
        file.write_text(f"#!{sys.executable}\n{code}\n")
        file.chmod(0o755)
        return str(file)
    return make


def answering(**answers):
    """Code of an interpreter that doesn't look at what it is asked."""
    lines = [asking.mark() + json.dumps({"file": f"{name}.tflite"} | told) for name, told in answers.items()]
    return f"import sys\nsys.stdin.read()\nprint('a word of its own')\nprint({chr(10).join(lines)!r})"


class TestAsked:
    def test_another_process_gives_the_same_scores(self, bundle):
        found = asking.ask([sys.executable], bundle.request("litert"), bundle.files)
        assert set(found) == {"float32.tflite", "float16.tflite"}
        for name, answer in found.items():
            assert asking.judged("litert", name, answer, bundle).outcome == "agrees"
            assert answer["machine"] == platform.machine()

    def test_a_crash_and_a_damaged_file_are_told_and_keep_nobody_else(self, bundle, program):
        killer = program("import sys\ntext = sys.stdin.read()\nstart = 'def litert(request, content):\\n'\n"
                         "assert start in text\nexec(compile(text.replace(start, start + \"    if content == b'kill':"
                         "\\n        import os\\n        os.abort()\\n\"), 'x', 'exec'))")
        good = bundle.files["float32.tflite"]
        found = asking.ask([killer], bundle.request("litert"), {"a": good, "b": b"kill", "c": b"junk", "d": good})
        assert "crashed (signal 6)" in found["b"]["error"] and "ValueError" in found["c"]["error"]
        assert np.allclose(found["a"]["scores"], KERAS, atol=1e-5) and found["a"]["scores"] == found["d"]["scores"]

    def test_a_reader_that_is_not_installed(self, bundle):
        found = asking.ask([sys.executable], bundle.request("mediapipe", raw=True), {"a": b""})
        assert found["a"]["error"].startswith("ModuleNotFoundError")

    def test_the_readers_stand_alone(self):
        tree = ast.parse(asking.SOURCE.read_text(encoding="utf-8"))
        names = {name for node in ast.walk(tree) for name in (
            [alias.name for alias in node.names] if isinstance(node, ast.Import) else
            [node.module] if isinstance(node, ast.ImportFrom) else [])}
        assert names and {name.split(".")[0] for name in names} == {
            "base64", "json", "time", "platform", "numpy", "mediapipe", "tflite_support", "ai_edge_litert"}

    def test_a_module_in_the_current_folder_is_not_taken_for_a_reader(self, bundle, tmp_path, monkeypatch):
        (tmp_path / "base64.py").write_text("raise SystemExit('the wrong base64')")
        monkeypatch.chdir(tmp_path)
        assert "scores" in asking.ask([sys.executable], bundle.request("litert"), bundle.files)["float32.tflite"]

    def test_text_is_prepared_as_the_card_says(self):
        assert asking._prepared("It's GREAT, ÄH?", "A-Z", "'!,?", "") == "its great Äh"


class TestJudged:
    @pytest.mark.parametrize("moved, outcome", [(5e-6, "agrees"), (2e-5, "differs"), (np.nan, "differs")])
    def test_scores_have_to_be_near(self, bundle, moved, outcome):
        scores = bundle.here["float32.tflite"].copy()
        scores[3, 1] += moved
        found = asking.judged("x", "float32.tflite", {"scores": scores.tolist()}, bundle)
        assert found.outcome == outcome and "40 examples" in found.told

    def test_near_here_is_not_enough_where_keras_is_far(self, bundle):
        wrong = np.roll(KERAS, 1, axis=1)
        bundle.here["float32.tflite"] = wrong
        found = asking.judged("x", "float32.tflite", {"scores": wrong.tolist()}, bundle)
        assert found.outcome == "differs" and "from Keras" in found.told

    def test_int8_may_be_a_step_off_and_no_more(self, bundle):
        bundle.card["files"]["float32.tflite"]["variant"] = "int8"
        for steps, outcome in ((1, "agrees"), (2, "differs")):
            scores = bundle.here["float32.tflite"] + steps / 256
            assert asking.judged("x", "float32.tflite", {"scores": scores.tolist()}, bundle).outcome == outcome

    def test_what_is_no_answer(self, bundle):
        assert asking.judged("x", "float32.tflite", {"scores": [[1.0]]}, bundle).outcome == "differs"
        assert asking.judged("x", "float32.tflite", {"error": "Oops"}, bundle).outcome == "failed"
        old = asking.judged("x", "float32.tflite", {"error": f"ValueError: {asking.OLD} 'ADD'"}, bundle)
        assert old.outcome == "not run" and "too old" in old.told


class TestReaders:
    def test_mediapipe_is_believed_only_where_it_agrees(self, folder, program, capsys, monkeypatch):
        monkeypatch.setattr(checks, "profile", lambda bundle, benchmark: [])
        monkeypatch.setattr(checks, "gpu", lambda bundle, delegate: [])
        right = {"scores": KERAS.tolist()}
        half = {"scores": asking.opened(folder).here["float16.tflite"].tolist()}
        tool = program(answering(float32=right, float16=half))
        assert checks.main([str(folder.parent), "--mediapipe-python", tool]) == 0
        assert capsys.readouterr().out.count("agrees") == 2
        tool = program(answering(float32={"scores": KERAS[:, ::-1].tolist()}, float16=half))
        assert checks.main([str(folder), "--mediapipe-python", tool]) == 1
        assert "mediapipe      float32.tflite   differs" in capsys.readouterr().out

    def test_where_the_network_cant_be_cut_off_it_says_so(self, bundle, program, monkeypatch):
        tool = program(answering(float32={"scores": KERAS.tolist()}, float16={"scores": KERAS.tolist()}))
        if checks.offline():
            assert not any("network" in one.told for one in checks.reader(bundle, "mediapipe", tool))
        monkeypatch.setattr(checks, "offline", list)
        assert all("the network could be reached" in one.told for one in checks.reader(bundle, "mediapipe", tool))

    @pytest.mark.skipif(not checks.offline(), reason="unshare --net isn't allowed here")
    def test_there_is_no_network(self, program):
        code = "import socket\nprint(socket.create_connection(('127.0.0.1', 9), 1))"
        said = subprocess.run([*checks.offline(), program(code)], capture_output=True, text=True)
        assert said.returncode and "unreachable" in said.stderr

    def test_loops_and_rows_of_numbers_are_nothing_for_mediapipe(self, bundle, program, monkeypatch):
        monkeypatch.setattr(graph, "subgraphs", lambda content: 3)
        found = checks.reader(bundle, "mediapipe", program("raise SystemExit(9)"))
        assert [one.outcome for one in found] == ["not run", "not run"] and "loop" in found[0].told
        rows = asking.Bundle(bundle.card, bundle.files, ("numbers", *bundle.vectors[1:]), [], bundle.here)
        assert checks.reader(rows, "mediapipe", "nothing")[0].outcome == "not run"

    def test_metadata_have_to_be_read_as_they_are(self, bundle, program):
        ours = metadata.read(bundle.files["float32.tflite"])
        right = {"metadata": ours, "files": {"labels.txt": "a\nb\nc\n"}, "scores": KERAS.tolist()}
        wrong = {"metadata": ours | {"author": "them"}, "files": {}, "error": "no"}
        found = checks.reader(bundle, "tflite-support", program(answering(float32=right, float16=wrong)))
        assert [one.outcome for one in found] == ["agrees", "agrees", "differs", "failed"]
        assert "another author; no or another labels.txt" in found[2].told

    @pytest.mark.parametrize("check", ["mediapipe", "tflite-support"])
    def test_the_real_one(self, bundle, check):
        tool = os.environ.get(f"DL100_{check.replace('-', '_').upper()}_PYTHON")
        if not tool:
            pytest.skip(f"DL100_{check.replace('-', '_').upper()}_PYTHON names no Python that has it")
        found = checks.reader(bundle, check, tool)
        assert found and not [one for one in found if one.outcome != "agrees"]


@pytest.mark.skipif(platform.machine().startswith(("arm", "aarch64")), reason="this is an ARM machine")
def test_another_processor_is_no_arm(bundle):
    found = checks.arm(bundle, sys.executable)
    assert {one.outcome for one in found} == {"failed"} and "no ARM processor" in found[0].told


class TestOperators:
    @pytest.mark.parametrize("half", [False, True])
    def test_each_is_cut_out_with_what_it_needs(self, half):
        from ai_edge_litert import interpreter

        cut = operators.pieces(model(half))
        assert [(name, count) for name, count, _ in cut] == [("RESHAPE", 1), ("FULLY_CONNECTED", 1), ("SOFTMAX", 1)]
        assert graph.ops(cut[1][2]) == ["DEQUANTIZE", "FULLY_CONNECTED"][not half:]
        assert len(cut[2][2]) < len(cut[1][2]) < len(model(half))
        given = PICTURES[:1].astype("float32")
        for _, _, content in cut:
            piece = interpreter.Interpreter(model_content=content)
            piece.allocate_tensors()
            (taken,), (result,) = piece.get_input_details(), piece.get_output_details()
            piece.set_tensor(taken["index"], given)
            piece.invoke()
            given = piece.get_tensor(result["index"])
        whole = litert.probabilities(model(half), "x", PICTURES[:1].astype("float32"))
        assert np.allclose(given, whole, atol=1e-6)

    def test_the_same_operator_is_timed_once(self):
        twice = graph.unpacked(model())
        main = twice.subgraphs[0]
        main.operators.append(schema.OperatorT(
            opcodeIndex=2, inputs=[5], outputs=[6], builtinOptionsType=schema.BuiltinOptions.SoftmaxOptions,
            builtinOptions=schema.SoftmaxOptionsT(beta=1.0)))
        main.tensors.append(schema.TensorT(shape=[1, 3], type=schema.TensorType.FLOAT32, buffer=0, name=b"u"))
        main.outputs = [6]
        assert [piece[:2] for piece in operators.pieces(graph.packed(twice))][-1] == ("SOFTMAX", 2)

    def test_a_profile_names_all(self, bundle):
        del bundle.files["float32.tflite"]
        one, = checks.profile(bundle, "")
        assert one.outcome == "timed" and "1 FULLY_CONNECTED" in one.told and "DEQUANTIZE" not in one.told

    def test_what_benchmark_model_prints(self, bundle, program):
        assert operators.benchmarked(TABLE) == {"Fully Connected (NC, F32)": (2, 0.03), "SOFTMAX": (1, 0.01)}
        assert operators.benchmarked("nothing") == {}
        tool = program(f"import sys\nassert '--enable_op_profiling=true' in sys.argv\nprint({TABLE!r})")
        told = checks.profile(bundle, tool)[0].told
        assert told == "0.040 ms by benchmark_model: 2 Fully Connected (NC, F32) 75%, 1 SOFTMAX 25%"
        failed = checks.profile(bundle, program("raise SystemExit('no such graph')"))[0]
        assert failed.outcome == "failed" and "no such graph" in failed.told

    def test_the_share_of_a_delegate(self):
        nodes = [{"inputs": [0, 1], "outputs": [2]}, {"inputs": [2, 3], "outputs": [4]},
                 {"inputs": [4], "outputs": [5]}]
        assert operators.share(model(), nodes) == (0, 3)
        assert operators.share(model(), [*nodes, {"inputs": [0, 1, 3], "outputs": [4]}]) == (2, 3)
        assert operators.share(model(), [*nodes, {"inputs": [0, 1, 3], "outputs": [5]}]) == (3, 3)


class TestGpu:
    def test_a_delegate_that_takes_nothing(self, bundle, tmp_path):
        if not shutil.which("cc"):
            pytest.skip("there is no C compiler")
        source = tmp_path / "idle.c"
        source.write_text("#include <stddef.h>\nstatic int ready(void* a, void* b) { return 0; }\n"
                          "static void* idle[16] = {NULL, (void*)ready};\n"
                          "void* tflite_plugin_create_delegate(char** k, char** v, size_t n, void (*e)(const char*)) "
                          "{ return idle; }\nvoid tflite_plugin_destroy_delegate(void* d) {}\n")
        subprocess.run(["cc", "-shared", "-fPIC", "-o", str(tmp_path / "idle.so"), str(source)], check=True)
        del bundle.files["float16.tflite"]
        found = checks.gpu(bundle, str(tmp_path / "idle.so"))
        assert {one.outcome for one in found} == {"refused"} and "takes no operator" in found[0].told

    def test_what_is_said_of_its_share(self, bundle, monkeypatch):
        def answers(command, request, files):
            assert request["reader"] == ("litert" if request.get("delegate") else "accelerator")
            nodes = [{"inputs": [0, 1], "outputs": [2]}, {"inputs": [2, 3], "outputs": [4]},
                     {"inputs": [4], "outputs": [5]}, {"inputs": [2], "outputs": [4]}]
            return {name: {"scores": (KERAS + moved).tolist(), "whole": True, "nodes": nodes} for name in files}

        moved = 2e-3
        monkeypatch.setattr(checks, "ask", answers)
        one, _ = checks.gpu(bundle, "")
        assert one.outcome == "agrees" and one.told.startswith("it takes all operators; 40 examples")
        assert checks.gpu(bundle, "x.so")[0].told.startswith("it takes 1 of 3 operators")
        moved = 2e-2
        assert checks.gpu(bundle, "")[0].outcome == "differs"

    def test_a_machine_without_one(self, bundle, monkeypatch):
        monkeypatch.setattr(checks, "ask", lambda command, request, files: {
            name: {"error": "RuntimeError: 1036", "log": f"INTERNAL: {checks.NO_GPU}"} for name in files})
        one, = checks.gpu(bundle, "")
        assert one.outcome == "not run" and "needs a GPU" in one.told


class TestCommand:
    def test_what_is_not_there_is_said_with_how_to_get_it(self, folder, capsys, monkeypatch):
        monkeypatch.setattr(checks, "ask", lambda command, request, files: {
            name: {"error": "RuntimeError: 1036", "log": checks.NO_GPU, "ms": 1.0} for name in files})
        monkeypatch.setattr(checks, "_timed", lambda content: ("1 ms", {"ADD": (1, 1.0)}))
        assert checks.main([str(folder)]) == 0
        said = capsys.readouterr().out.splitlines()
        for check, remedy in {"mediapipe": "--mediapipe-python", "tflite-support": "==0.4.4", "arm": "--arm",
                              "gpu": "--gpu-delegate"}.items():
            line, = (line for line in said if line.startswith(check))
            assert "not run" in line and remedy in line

    @pytest.mark.parametrize("flag", ["--mediapipe-python", "--arm", "--gpu-delegate", "--benchmark-model"])
    def test_a_tool_that_is_named_has_to_be_there(self, folder, flag, capsys):
        assert checks.main([str(folder), flag, "/nowhere/at all"]) == 2
        assert capsys.readouterr().err.startswith(f"error: {flag}: ")

    def test_bad_bundles(self, folder, tmp_path, capsys):
        assert checks.main([str(tmp_path / "none")]) == 2
        with (folder / "float16.tflite").open("ab") as file:
            file.write(b"x")
        assert checks.main([str(folder)]) == 2 and "not as it was published (float16.tflite)" in capsys.readouterr().err
        (folder / "card.json").write_text("{")
        with pytest.raises(UserError, match="no whole bundle"):
            asking.opened(Path(folder))


def test_texts_of_characters_are_for_no_task_library():
    card = {"input": {"tokenizer": {"split": "characters (code points)", "lower_case": "", "removed": "",
                                    "made_blank": ""}}}
    bundle = asking.Bundle(card, {"float32.tflite": b""}, ("text", np.zeros((1, 3), "int32")), ["A b!"], {})
    for check in ("mediapipe", "tflite-support"):
        found, = checks.reader(bundle, check, "no-such-python")
        assert found.outcome == "not run" and "characters" in found.told
    assert asking._prepared("A b!", **card["input"]["tokenizer"]) == "A b!"
