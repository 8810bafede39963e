"""Training by several processes: those that `--workers` starts here, or one of a cluster's, by `TF_CONFIG`."""

import dataclasses
import importlib
import json
import os
import shlex
import signal
import socket
import sys
import time
import traceback

from dl100_tf import settings, terminal
from dl100_tf.errors import UserError
from dl100_tf.execution import execute
from dl100_tf.run import Run

TRIES = 3  # how often workers are started without getting any further
LOOK = 0.2  # seconds between looks at them


def train(recipe, config, run: Run, command: str) -> None:
    """Train the run's net by `config.workers` processes on this machine; the recipe's other parts are left to do.

    If one is lost, all begin again from the newest checkpoint, as nothing can be worked out without it.

    Raises:
        Interrupted: the user asked to stop; what the newest checkpoint has is saved.
        UserError: a worker says what is wrong, or they get no further.
    """
    with terminal.loading("Loading TensorFlow"):
        from dl100_tf.training import checkpoints, distribution, interrupts, processes
        processes.load()
    stop = interrupts.InterruptFlag("Stopping all workers ...")
    tries, before = 0, checkpoints.newest_steps(run.directory)
    with stop.listening():
        while True:
            lost = _together(recipe, config, run, command, stop)
            if lost is None:
                return
            index, code = lost
            now = checkpoints.newest_steps(run.directory)
            tries, before = tries + 1 if now == before else 1, now
            if tries == TRIES:
                raise UserError(f"worker {index} was lost (exit code {code}), {TRIES} times without getting any "
                                f"further. What it printed: {distribution.Worker(run, index).path('log.txt')}")
            interrupts.say(f"worker {index} was lost (exit code {code}): all begin again from "
                           f"{f'step {before[-1]}' if any(before) else 'the beginning'}.")


def _together(recipe, config, run: Run, command: str, stop) -> tuple[int, int] | None:
    """Let workers train until they are done, or the user wants to stop, or one is lost: which one, with its exit code.

    Raises:
        KeyboardInterrupt: the user wants to stop. They can't come to a safe point together; there is the newest
            checkpoint.
        UserError: one of them says what is wrong.
    """
    from dl100_tf.training import distribution, processes

    addresses = free_addresses(config.workers)
    workers = [processes.begun(be_worker, (recipe.__name__, dataclasses.asdict(config), run.name, command, index,
                                          addresses))
               for index in range(config.workers)]
    try:
        while any(worker.is_alive() for worker in workers):
            time.sleep(LOOK)
            if stop:
                raise KeyboardInterrupt
            ended = {index: worker.exitcode for index, worker in enumerate(workers) if worker.exitcode}
            for index, code in ended.items():
                worker = distribution.Worker(run, index)
                if code == processes.MENDABLE or processes.failure(worker):
                    raise processes.complaint(worker, f"worker {index}")
            if ended:  # the one that was killed comes first: the others fail because it is gone
                return min(ended.items(), key=lambda item: item[1])
    finally:
        for worker in workers:  # none of them gets any further without the others
            worker.kill()
            worker.join()
    return None


def free_addresses(count: int) -> list[str]:
    """As many ports of this machine that nobody listens on."""
    with_ports = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    addresses = [f"127.0.0.1:{server.getsockname()[1]}" for server in with_ports]
    for server in with_ports:
        server.close()
    return addresses


def be_worker(module: str, chosen: dict, name: str, command: str, index: int, addresses: list[str]) -> None:
    """Be one of the processes; the chief prints, the others write what they say to `workers/<index>/log.txt`."""
    from dl100_tf.training import distribution, processes

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who started them decides
    os.environ["TF_CONFIG"] = json.dumps({"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}})
    recipe = importlib.import_module(module)
    worker = distribution.Worker(Run(settings.name_of(recipe), name), index)
    terminal.prepare()
    processes.enter(worker, errors_only=index == 0)
    worker.path("failure.json").unlink(missing_ok=True)
    try:
        processes.wait_for(worker)
        distribution.take_one_gpu(index)
        be_one_of_several(recipe, recipe.Config(**chosen), worker, command)
    except UserError as error:
        processes.fail(worker, error)
    except BaseException:
        traceback.print_exc()
        sys.exit(1)


def join(recipe, config, run: Run, words: list[str]) -> int:
    """Be the worker that `TF_CONFIG` says; the chief then starts anew, alone, for what comes after the training.

    Returns:
        The exit code; 75 where another worker was lost, and all are to be started again.
    """
    with terminal.loading("Loading TensorFlow"):
        import tensorflow as tf

        from dl100_tf.training import checkpoints, distribution
    index, count = distribution.task()
    print(f"worker {index} of {count}", flush=True)
    gone = (tf.errors.UnavailableError, tf.errors.AbortedError, tf.errors.CancelledError,
            tf.errors.DeadlineExceededError, tf.errors.InternalError, tf.errors.FailedPreconditionError)
    try:
        if checkpoints.Checkpoints(run.path("checkpoints")).progress().going_on(config.epochs):
            command = shlex.join(["python", "-m", recipe.__name__, *words])
            be_one_of_several(recipe, config, distribution.Worker(run, index), command)
    except gone as error:
        print(f"error: another worker was lost ({type(error).__name__}: {str(error).splitlines()[0]}): start all of "
              "them again, they go on from the newest checkpoint.", file=sys.stderr, flush=True)
        os._exit(75)  # what waits for the other workers would keep the process for minutes
    except KeyboardInterrupt:
        print("Stopped at once, and so will the others: start all of them again, they go on from the newest "
              "checkpoint.", flush=True)
        os._exit(130)
    if index:
        print("The net is trained; the chief carries on.")
        return 0
    del os.environ["TF_CONFIG"]
    os.execv(sys.executable, [sys.executable, "-m", recipe.__name__, *words])


def be_one_of_several(recipe, config, worker, command: str) -> None:
    """Train as one of the workers of `TF_CONFIG`, in step with all others, until the run's net is trained."""
    from dl100_tf.training.trials import Trained

    try:
        execute(recipe, config, worker, command)
    except Trained:
        return
    raise UserError(f"{settings.name_of(recipe)} trains no net that workers could share.")
