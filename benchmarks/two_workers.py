"""Two processes that share every batch over loopback, against one with the same batches: loss by step, and speed.

    python benchmarks/two_workers.py

`mlp_mnist` without what every device would draw or work out for itself (dropout, batch normalisation), on MNIST where
DL100_DATA has it and else on its sample. Each step's loss is that of the whole batch, asked of all workers.

Two things are compared. *From the same weights*: before every step the workers take the weights and the optimizer's
state that the single process had before that step, so the difference is what sharing one step makes: that of the loss
must be within 1e-5 of it, and that of the weights after the step within 1e-5 of the step. *Left alone*: each goes its
own way, and what rounding makes of a step grows from step to step, as it would between any two orders of adding up the
same numbers.

Both get the same cores in all: the single process both of two, each worker one, so an efficiency of 1 is the best there
is.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import recording

STEPS, WARM, BATCH = 150, 20, 256
BOUND = 1e-5  # relative, from the same weights: of a step's loss, and of the step


def session(workers: int, index: int, way: str, folder: Path, addresses: list[str]) -> None:
    """Be one of the processes; the chief prints the loss of every step and the steps a second as JSON.

    Args:
        way: `free`; `leads`, which leaves its weights in `folder` before each step; `follows`, which takes them.
    """
    threads = str(max(1, (os.cpu_count() or 1) // workers))
    os.environ |= {"TF_NUM_INTRAOP_THREADS": threads, "OMP_NUM_THREADS": threads}
    if workers > 1:
        os.environ["TF_CONFIG"] = json.dumps({"cluster": {"worker": addresses},
                                              "task": {"type": "worker", "index": index}})
    import keras

    from dl100_tf import training
    from dl100_tf.projects import mlp_mnist
    from dl100_tf.training import distribution, state
    from dl100_tf.training.batches import Batches

    losses, times, apart = [], [], []

    def variables(model):
        return [*model.variables, *model.optimizer.variables]

    def weights(model):
        return np.concatenate([np.array(keras.ops.convert_to_tensor(one)).ravel() for one in model.trainable_variables])

    class Each(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            file = folder / f"{len(losses)}.npz"
            if way == "leads":
                np.savez(file, *[np.array(keras.ops.convert_to_tensor(one)) for one in variables(self.model)])
            if way == "follows":
                with np.load(file) as kept:
                    its = [kept[name] for name in kept.files]
                before = getattr(self, "led", None)
                ours = weights(self.model)
                for variable, value in zip(variables(self.model), its, strict=True):
                    variable.assign(value)
                self.led = weights(self.model)
                if before is not None:
                    step = np.linalg.norm(self.led - before)
                    apart.append(float(np.linalg.norm(ours - self.led) / step))

        def on_train_batch_end(self, batch, logs=None):
            losses.append(float(self.model.get_metrics_result()["loss"]))
            self.model.reset_metrics()
            times.append(time.monotonic())

    config = mlp_mnist.Config(normalise=False, dropout=0.0, augment=False, batch_size=BATCH, hidden=(512, 512))
    with training.shared(1):
        training.set_seeds(0, False)
        data = mlp_mnist.load_data(config)
        model = mlp_mnist.build_model(config)
        batches = Batches(data.train, BATCH, 0)
        state.build(model, batches.one())
        distribution.prepare(model, BATCH)
        for epoch in range(-(-STEPS // batches.steps)):
            model.fit(batches.epoch(epoch).take(STEPS - len(losses)), shuffle=False, verbose=0, callbacks=[Each()])
    if index == 0:
        print(json.dumps({"losses": losses, "steps a second": (STEPS - WARM) / (times[-1] - times[WARM - 1]),
                          "apart": apart, "data": data.source.rung}))
    sys.stdout.flush()
    os._exit(0)  # what TensorFlow would tidy up waits for workers that may be gone


def measure(workers: int, way: str, folder: Path) -> dict:
    """What the chief of that many workers says."""
    from dl100_tf.cluster import free_addresses

    addresses = free_addresses(workers)
    processes = [subprocess.Popen([sys.executable, __file__, "--be", str(workers), str(index), way, folder, *addresses],
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                  env=os.environ | {"DL100_HOME": str(folder)}) for index in range(workers)]
    said = [process.communicate(timeout=900) for process in processes]
    if any(process.returncode for process in processes):
        raise SystemExit("\n".join(errors[-2000:] for _, errors in said))
    return json.loads(said[0][0].splitlines()[-1])


def differences(one: dict, two: dict) -> dict[str, float]:
    """The largest relative difference of a step's loss, within the first steps and within all."""
    apart = np.abs(np.array(one["losses"]) - two["losses"]) / np.array(one["losses"])
    return {f"first {until} steps": float(apart[:until].max()) for until in (10, 50, STEPS)}


def main() -> int:
    if sys.argv[1:2] == ["--be"]:
        session(int(sys.argv[2]), int(sys.argv[3]), sys.argv[4], Path(sys.argv[5]), sys.argv[6:])
    arguments = recording.parser(__doc__).parse_args()
    with tempfile.TemporaryDirectory(prefix="two_workers") as folder:
        one, two = (measure(workers, "free", Path(folder)) for workers in (1, 2))
        led, follows = (measure(*how, Path(folder)) for how in ((1, "leads"), (2, "follows")))
    same = differences(led, follows)
    result = recording.measured(**{
        "data": one["data"], "steps": STEPS, "batch": BATCH,
        "largest relative difference of a step's loss, from the same weights": same,
        "largest difference of the weights after one step, as a part of that step": max(follows["apart"]),
        "largest relative difference of a step's loss, left alone": differences(one, two),
        "steps a second, one process": round(one["steps a second"], 1),
        "steps a second, two workers": round(two["steps a second"], 1),
        "efficiency": round(two["steps a second"] / one["steps a second"], 2)})
    print(json.dumps(result, indent=1))
    good = max(same.values()) <= BOUND and max(follows["apart"]) <= BOUND
    print("PASS" if good else "FAIL")
    if arguments.write and good:
        recording.write(recording.RESULTS / "two_workers.json", result)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
