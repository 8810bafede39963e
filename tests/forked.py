"""A process that has loaded TensorFlow and forks itself for every command, so that a hundred commands load it once.

    python tests/forked.py    # reads a job a line from stdin, as JSON, and answers with its return code

A forked child is a process like any other: it can be killed, interrupted, and takes its environment with it. Only the
import is not its own; the tests of the command line and of the package start Python anew.
"""

import gc
import json
import os
import runpy
import signal
import sys
import tempfile
import traceback


def load() -> None:
    """Import what commands need. Nothing is computed: TensorFlow starts its threads with the first operation."""
    from dl100_tf import terminal

    terminal.prepare()
    with terminal.loading("Loading TensorFlow"):
        import ai_edge_litert.interpreter  # noqa: F401
        import keras  # noqa: F401
        import matplotlib.pyplot  # noqa: F401
        import sklearn.metrics  # noqa: F401
        import tensorflow  # noqa: F401
    for name in [name for name in sys.modules if name.split(".")[0] == "dl100_tf"]:
        del sys.modules[name]  # a job may be one that has to do without this package
    os.fsync = lambda descriptor: None  # as in conftest.py
    gc.collect()
    gc.freeze()  # what stays needn't be walked through, nor copied, in every child


def child(job: dict) -> int:
    """Be `python -m module words` or `python -c code words`, with the job's environment and files; the exit code."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.clear()
    os.environ.update(job["env"])
    tempfile.tempdir = None  # which the environment may say anew
    os.chdir(job["cwd"])
    for number, name in enumerate((os.devnull, job["out"], job["err"])):
        os.dup2(os.open(name, os.O_RDWR | os.O_CREAT | os.O_APPEND), number)
    sys.argv = ["-c", *job["words"]]
    try:
        if job["code"]:
            exec(compile(job["code"], "<string>", "exec"), {"__name__": "__main__"})
        else:
            runpy.run_module(job["module"], run_name="__main__", alter_sys=True)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


def main() -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    load()
    for line in sys.stdin:
        pid = os.fork()
        if not pid:
            code = child(json.loads(line))
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
        _, status = os.waitpid(pid, 0)
        print(os.waitstatus_to_exitcode(status), file=answers, flush=True)


if __name__ == "__main__":
    main()
