"""Two processes that share every batch over loopback, against one with the same batches: loss by step, and speed.

    python benchmarks/two_workers.py

`mlp_mnist` without what every device would draw or work out for itself (dropout, batch normalisation), on MNIST where
DL100_DATA has it and else on its sample. Each step's loss is that of the whole batch, asked of all workers. Both get
the same cores in all: the single process both of two, each worker one, so an efficiency of 1 is the best there is.
"""

import json
import os
import subprocess
import sys
import tempfile
import time

import numpy as np
import recording

STEPS, WARM, BATCH = 150, 20, 256


def session(workers: int, index: int, addresses: list[str]) -> None:
    """Be one of the processes; the chief prints the loss of every step and the steps a second as JSON."""
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

    losses, times = [], []

    class Each(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            losses.append(float(self.model.get_metrics_result()["loss"]))
            self.model.reset_metrics()
            times.append(time.monotonic())

    config = mlp_mnist.Config(normalise=False, dropout=0.0, augment=False, batch_size=BATCH, hidden=(1024, 1024))
    with training.shared(1):
        training.set_seeds(0, False)
        data = mlp_mnist.load_data(config)
        model = mlp_mnist.build_model(config)
        batches = Batches(data.train, BATCH, 0)
        state.build(model, batches.one())
        distribution.prepare(model, BATCH)
        epochs = -(-STEPS // batches.steps)
        for epoch in range(epochs):
            model.fit(batches.epoch(epoch).take(STEPS - len(losses)), shuffle=False, verbose=0,
                      callbacks=[Each()])
    if index == 0:
        print(json.dumps({"losses": losses, "steps a second": (STEPS - WARM) / (times[-1] - times[WARM - 1]),
                          "data": data.source.rung}))
    sys.stdout.flush()
    os._exit(0)  # what TensorFlow would tidy up waits for workers that may be gone


def measure(workers: int) -> dict:
    """What the chief of that many workers says."""
    from dl100_tf.cluster import free_addresses

    addresses = free_addresses(workers)
    with tempfile.TemporaryDirectory() as home:
        processes = [subprocess.Popen([sys.executable, __file__, "--be", str(workers), str(index), *addresses],
                                      stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                      env=os.environ | {"DL100_HOME": home}) for index in range(workers)]
        said = [process.communicate(timeout=600) for process in processes]
    if any(process.returncode for process in processes):
        raise SystemExit("\n".join(errors[-2000:] for _, errors in said))
    return json.loads(said[0][0].splitlines()[-1])


def main() -> int:
    if sys.argv[1:2] == ["--be"]:
        session(int(sys.argv[2]), int(sys.argv[3]), sys.argv[4:])
    arguments = recording.parser(__doc__).parse_args()
    one, two = measure(1), measure(2)
    apart = np.abs(np.array(one["losses"]) - two["losses"]) / np.array(one["losses"])
    result = recording.measured(**{
        "data": one["data"], "steps": STEPS, "batch": BATCH, "largest relative difference of a step's loss": {
            f"first {until} steps": float(apart[:until].max()) for until in (10, 50, STEPS)},
        "steps a second, one process": round(one["steps a second"], 1),
        "steps a second, two workers": round(two["steps a second"], 1),
        "efficiency": round(two["steps a second"] / one["steps a second"], 2)})
    print(json.dumps(result, indent=1))
    good = apart.max() <= 1e-5
    print("PASS" if good else "FAIL")
    if arguments.write and good:
        recording.write(recording.RESULTS / "two_workers.json", result)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
