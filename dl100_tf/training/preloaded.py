"""What the fork server loads once for all processes that it forks; nobody else imports this."""

import signal

import keras  # noqa: F401
import tensorflow  # noqa: F401
from tensorboard.plugins.hparams import api  # noqa: F401

from dl100_tf.training.interrupts import SIGNALS

for number in SIGNALS:  # those meant for a whole group: if it went first, nobody would hear how what it forked ends
    signal.signal(number, signal.SIG_IGN)
