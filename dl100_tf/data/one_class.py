"""A labelled dataset as a search for what is out of the ordinary: one class is normal, all others are not."""

import dataclasses

from dl100_tf.data.splits import Splits
from dl100_tf.errors import UserError, closest

ELSE = "anything else"


def number(data: Splits, normal: str) -> int:
    """The class that is meant by a name or a number.

    Raises:
        UserError: there is none; the message has all names.
    """
    if normal in data.labels:
        return data.labels.index(normal)
    if normal.isdecimal() and int(normal) < len(data.labels):
        return int(normal)
    raise UserError(f"there is no class {normal!r}{closest(normal, data.labels)} There are: {', '.join(data.labels)}, "
                    f"or 0 to {len(data.labels) - 1}.")


def against_rest(data: Splits, normal: int) -> Splits:
    """The same pictures, to be told whether they are of the class `normal`: only its own are there to learn from.

    Args:
        data: labelled examples.
        normal: the class.

    Returns:
        Splits with the labels (its name, `anything else`), y int32 (n,) being 1 for all but `normal`. `train` holds
        that class alone; `validation` and `test` hold all. A detector may keep what it learnt from, which is at no
        distance from itself: whoever asks how large distances are takes `validation`.
    """
    told = {name: dataclasses.replace(split, y=(split.y != normal).astype("int32"))
            for name, split in data.parts().items()}
    told["train"] = told["train"].take(data.train.y == normal)
    return dataclasses.replace(data, **told, labels=(data.labels[normal], ELSE), calibration="validation")


def only(data: Splits, normal: int) -> Splits:
    """The examples of one class, in all splits."""
    return dataclasses.replace(data, **{name: split.take(split.y == normal) for name, split in data.parts().items()})
