"""Devices and workers that share every batch: they take the steps that one would."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf

from dl100_tf import cli, cluster, training
from dl100_tf.errors import UserError
from dl100_tf.projects import mlp_mnist, perceptron_points
from dl100_tf.run import Run
from dl100_tf.training import distribution
from dl100_tf.training.checkpoints import Checkpoints
from dl100_tf.training.trials import Trained

ROOT = Path(__file__).parents[2]
# Nothing that is drawn by chance on each device, nor worked out from what one device sees of a batch.
ALIKE = ("--source", "sample", "--hidden", "32", "--batch-size", "64", "--dropout", "0", "--no-normalise",
         "--no-augment")


def config(index: int, kind: str = "worker", **cluster) -> str:
    return json.dumps({"cluster": {"worker": ["a:1", "b:2"]} | cluster, "task": {"type": kind, "index": index}})


def test_who_a_worker_is(monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    assert distribution.task() is None
    monkeypatch.setenv("TF_CONFIG", config(1))
    assert distribution.task() == (1, 2)


@pytest.mark.parametrize("told", ["{", "[]", "{}", config(0, worker=[]), config(2), config(-1), config(0, "chief"),
                                  config(0, ps=["c:3"])])
def test_a_config_that_can_not_be_followed_is_shown_how(monkeypatch, told):
    monkeypatch.setenv("TF_CONFIG", told)
    with pytest.raises(UserError, match=r"TF_CONFIG can't be followed .* It has to look like"):
        distribution.task()


def test_workers_share_the_chief_s_checkpoints_and_end_with_the_training(home):
    run = Run("mlp_mnist", "a")
    chief, other = distribution.Worker(run, 0), distribution.Worker(run, 1)
    assert chief.directory == run.directory and other.directory == run.directory / "workers/1"
    assert chief.writes_checkpoints and not other.writes_checkpoints
    assert chief.path("checkpoints") == other.path("checkpoints") == run.path("checkpoints")
    part = other.part("frozen")
    assert part.path("checkpoints") == run.part("frozen").path("checkpoints")
    assert part.directory == run.part("frozen").directory / "workers/1" and not part.writes_checkpoints
    part.after_training()
    with pytest.raises(Trained):
        other.after_training()


def test_a_run_of_workers_needs_a_name(home, monkeypatch):
    monkeypatch.setenv("TF_CONFIG", config(0))
    with pytest.raises(UserError, match="share a name, --run NAME"):
        cli.train(mlp_mnist, [])


@pytest.fixture
def two_devices(monkeypatch):
    """As if there were two devices, for what is asked before anything is trained."""
    strategy = tf.distribute.MirroredStrategy(["CPU:0"])
    monkeypatch.setattr(type(strategy), "num_replicas_in_sync", 2)
    monkeypatch.setattr(tf.distribute, "get_strategy", lambda: strategy)


def test_batches_have_to_be_shared_evenly(two_devices, home):
    model = mlp_mnist.build_model(mlp_mnist.Config(hidden=(4,)))
    distribution.prepare(model, 64)
    with pytest.raises(UserError, match="--batch-size 63 can't be shared evenly by 2 devices: take a multiple of 2"):
        distribution.prepare(model, 63)


def test_a_game_is_played_on_one_device(two_devices):
    with pytest.raises(UserError, match="trained on one device"):
        distribution.prepare(SimpleNamespace(optimizers=("the critic's", "the generator's")), 64)


def test_what_is_trained_in_numpy_is_on_one_device(home):
    said = "leave --devices, --workers and --precision out"
    with tf.distribute.MirroredStrategy(["CPU:0"]).scope(), pytest.raises(UserError, match=said):
        cli.execute(perceptron_points, perceptron_points.Config(source="sample", epochs=1),
                    Run("perceptron_points", "a"))


def test_more_gpus_than_there_are(monkeypatch):
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: ["a GPU"] if kind == "GPU" else [])
    with pytest.raises(UserError, match="--devices can't be 2: this machine has 1 GPUs"), training.shared(2):
        pass


def test_the_manifest_is_kubernetes_and_tells_each_pod_who_it_is(monkeypatch):
    yaml = pytest.importorskip("yaml")
    validate = pytest.importorskip("kubernetes_validate").validate
    parts = [*yaml.safe_load_all((ROOT / "projects/scaling.yaml").read_text(encoding="utf-8"))]
    for part in parts:
        validate(part, "1.31", strict=True)
    (container,) = parts[-1]["spec"]["template"]["spec"]["containers"]
    script = container["args"][0].split("until ")[0] + 'printf "%s" "$TF_CONFIG"'
    for index in range(parts[-1]["spec"]["replicas"]):
        told = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True,
                              env=os.environ | {"HOSTNAME": f"dl100-{index}"}).stdout
        monkeypatch.setenv("TF_CONFIG", told)
        assert distribution.task() == (index, parts[-1]["spec"]["replicas"])


@pytest.fixture(scope="module")
def alone(forked, tmp_path_factory):
    """The history of a run on one device."""
    return trained(forked, tmp_path_factory.mktemp("alone"))


def trained(forked, home, *words) -> np.ndarray:
    done = forked("dl100_tf.projects.mlp_mnist", *ALIKE, "--epochs", "2", *words, "--run", "a",
                  env={"DL100_HOME": str(home)}, together=True)
    assert done.returncode == 0, done.stdout
    assert (home / "runs/mlp_mnist/a/report.html").is_file()
    return np.loadtxt(home / "runs/mlp_mnist/a/history.csv", delimiter=",", skiprows=1)


@pytest.mark.slow
@pytest.mark.parametrize("flag", ["--devices", "--workers"])
def test_two_take_the_steps_of_one(forked, alone, home, flag):
    np.testing.assert_allclose(trained(forked, home, flag, "2"), alone, rtol=1e-5)
    run = home / "runs/mlp_mnist/a"
    shared = run / "workers/1" if flag == "--workers" else run
    assert json.loads((shared / "provenance.json").read_text())["replicas"] == 2
    assert len((shared / "history.csv").read_text().splitlines()) == 3
    assert json.loads((run / "config.json").read_text())["checkpoint_minutes"] == 1.0


def step_with(strategy, optimizer, slopes) -> list[np.ndarray]:
    """The weights after a step with the mean of each device's slopes."""
    with strategy.scope():
        model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, kernel_initializer="zeros")])
        model.compile(optimizer())
        model.optimizer.build(model.trainable_variables)
        for _ in range(2):  # a model may be fitted twice
            distribution.prepare(model, 2 * strategy.num_replicas_in_sync)

        @tf.function
        def step():
            def on_each():
                number = tf.distribute.get_replica_context().replica_id_in_sync_group
                mine = tf.gather(tf.constant(slopes), number) / len(slopes)
                model.optimizer.apply([mine, tf.zeros(1)], model.trainable_variables)
            strategy.run(on_each)
        step()
        return [np.array(keras.ops.convert_to_tensor(variable)) for variable in model.trainable_variables]


@pytest.mark.slow
def test_the_slopes_of_the_whole_batch_are_clipped():
    """In a process of its own, as a processor is divided before it is first used."""
    words = [sys.executable, "-c", f"""if True:
        import sys, numpy as np, keras, tensorflow as tf
        sys.path[:0] = [{str(Path(__file__).parent)!r}, {str(Path(__file__).parents[1])!r}]
        from dl100_tf import training
        from test_distribution import step_with
        slopes = np.array([[[3.0], [4.0]], [[1.0], [-8.0]]], "float32")
        with training.shared(2):
            strategy = tf.distribute.get_strategy()
        for limit in ("clipnorm", "global_clipnorm", "clipvalue"):
            optimizer = lambda: keras.optimizers.SGD(1.0, **{{limit: 1.0}})
            both = step_with(strategy, optimizer, slopes)
            one = step_with(tf.distribute.OneDeviceStrategy("CPU:0"), optimizer, slopes.mean(axis=0, keepdims=True))
            np.testing.assert_allclose(both[0], one[0], rtol=1e-6)
            assert np.abs(both[0]).max() > 0.5
    """]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.slow
def test_when_a_worker_is_killed_all_go_on_from_the_newest_checkpoint(forked, home):
    words = [sys.executable, "-m", "dl100_tf.projects.mlp_mnist", *ALIKE, "--epochs", "5", "--run", "a"]
    process = subprocess.Popen([*words, "--workers", "2"], cwd=ROOT, env=os.environ | {"DL100_HOME": str(home)},
                               text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    run = home / "runs/mlp_mnist/a"
    for folder, how in (("workers/1", signal.SIGKILL), (".", signal.SIGTERM)):
        seen = set(run.glob("checkpoints/step-*"))
        while len(set(run.glob("checkpoints/step-*")) - seen) < 2 and process.poll() is None:
            time.sleep(0.05)
        os.kill(json.loads((run / folder / ".owner.json").read_text())["pid"], how)
    said, _ = process.communicate(timeout=280)
    assert process.returncode == 0, said
    assert "worker 1 was lost (exit code -9): all begin again from step" in said
    assert "worker 0 was lost (exit code -15): all begin again from step" in said and "Resuming" in said
    rows = np.loadtxt(run / "history.csv", delimiter=",", skiprows=1)
    np.testing.assert_allclose(rows, trained(forked, home / "whole", "--epochs", "5"), rtol=1e-4)


@pytest.mark.slow
def test_ctrl_c_stops_all_workers_and_says_what_is_saved(home):
    words = [sys.executable, "-m", "dl100_tf.projects.mlp_mnist", *ALIKE, "--epochs", "500", "--run", "a"]
    process = subprocess.Popen([*words, "--workers", "2"], cwd=ROOT, env=os.environ | {"DL100_HOME": str(home)},
                               text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)
    run = home / "runs/mlp_mnist/a"
    while len(list(run.glob("checkpoints/step-*"))) < 2 and process.poll() is None:
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)
    said, _ = process.communicate(timeout=120)
    assert process.returncode == 130 and "Stopping all workers" in said and "safe point" not in said, said
    assert "Stopped at once; saved up to step" in said and "--run a" in said


def test_a_cluster_that_has_trained_its_net_is_not_waited_for(home, monkeypatch, capsys):
    run = Run("mlp_mnist", "a")
    Checkpoints(run.path("checkpoints")).save(9, {}, {"progress": {"epoch": 2, "stopped_early": False}})
    monkeypatch.setenv("TF_CONFIG", config(1))
    assert cluster.join(mlp_mnist, mlp_mnist.Config(epochs=2), run, ["--run", "a"]) == 0
    assert "the chief carries on" in capsys.readouterr().out


def test_one_way_to_share_at_a_time():
    with pytest.raises(UserError, match="leave one of them out"):
        mlp_mnist.Config(devices=2, workers=2)


@pytest.mark.slow
def test_what_a_worker_can_not_do_is_said_once_and_nothing_begins_again(forked, home):
    done = forked("dl100_tf.projects.mlp_mnist", *ALIKE, "--batch-size", "63", "--workers", "2", "--run", "a",
                  env={"DL100_HOME": str(home)}, together=True)
    assert done.returncode == 2 and done.stdout.count("can't be shared evenly by 2 devices") == 1
