"""Training that a signal stops right after a checkpoint, in a process forked from one with TensorFlow loaded."""

# The command that a user would type. Where a signal is named, it comes right after the checkpoint of that step: in a
# recipe whose steps take microseconds, a signal from outside would find any step, or none.
TRAIN = """
import os, runpy, signal, sys
from dl100_tf.training.checkpoints import Checkpoints

project, number, at = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
save = Checkpoints.save

def save_and_signal(self, step, *rest):
    global number
    save(self, step, *rest)
    if number and step >= at:
        os.kill(os.getpid(), number)
        number = 0

Checkpoints.save = save_and_signal
sys.argv[1:] = sys.argv[4:]
runpy.run_module(f"dl100_tf.projects.{project}", run_name="__main__", alter_sys=True)
"""


def train(forked, project, words, home, number=0, at=0):
    """Train in a process that gets the signal `number` at step `at`: (its return code, what it said)."""
    done = forked(project, int(number), at, *words, code=TRAIN, env={"DL100_HOME": str(home)}, together=True)
    return done.returncode, done.stdout
