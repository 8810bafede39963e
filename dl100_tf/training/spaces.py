"""What a search varies where a recipe does not say: pace, size, and what keeps a net from learning by heart."""

import dataclasses

SIZES = ("hidden", "widths", "width", "units", "embedding", "phrases", "dim", "code")  # a whole number, or several
PARTS = {"dropout": 0.6, "forget": 0.6, "smoothing": 0.3}  # of a whole, and the most that is tried
WEIGHTS = ("decay", "l2")  # how much something counts, and by orders of magnitude


def usual(hp, config):
    """The settings of a trial, of those that `config` has: learning rate, batch size, layer sizes, regularisation.

    A size is halved or doubled; one of several numbers, such as the units of each hidden layer, in all of them.

    Args:
        hp: Keras Tuner's `HyperParameters`, which hands out the values.
        config: the settings that it starts from, and that stand in the middle of what is tried.
    """
    values = {"learning_rate": _around(hp, "learning_rate", config.learning_rate),
              "batch_size": _scaled(hp, "batch_size", config.batch_size)}
    for field in dataclasses.fields(config):
        name, value = field.name, getattr(config, field.name)
        if name in SIZES and isinstance(value, int):
            values[name] = _scaled(hp, name, value)
        elif name in SIZES:
            times = hp.Choice(f"{name} times", [0.5, 1.0, 2.0], default=1.0)
            values[name] = tuple(max(1, round(times * size)) for size in value)
        elif name in PARTS:
            values[name] = hp.Float(name, 0.0, max(PARTS[name], value), step=0.05, default=value)
        elif name in WEIGHTS and value:
            values[name] = _around(hp, name, value)
    return dataclasses.replace(config, **values)


def _around(hp, name: str, value: float) -> float:
    """A tenth of a value to ten times that, as likely below it as above."""
    return hp.Float(name, value / 10, value * 10, sampling="log", default=value)


def _scaled(hp, name: str, value: int) -> int:
    """A whole number, its half or its double."""
    return hp.Choice(name, sorted({max(1, value // 2), value, value * 2}), default=value)
