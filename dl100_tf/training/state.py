"""Everything that training changes, as arrays and JSON, and back again."""

import functools

import keras
import numpy as np

from dl100_tf.errors import UserError

# What Keras' own callbacks learn while they run; their other attributes are settings.
LEARNT = {
    keras.callbacks.EarlyStopping: ("wait", "stopped_epoch", "best", "best_epoch", "best_weights"),
    keras.callbacks.ReduceLROnPlateau: ("wait", "best", "cooldown_counter"),
}


def variables(model, within_epoch: bool) -> dict:
    """Every variable of a built model by name: weights, seeds, optimizer; within an epoch its metrics' sums too."""
    groups = {"model": model.variables,
              "optimizer": [variable for one in optimizers(model) for variable in one.variables]}
    if within_epoch:
        groups["metrics"] = model.metrics_variables
    return {f"{group}/{index}": variable for group, members in groups.items() for index, variable in enumerate(members)}


def optimizers(model) -> tuple:
    """All optimizers of a model: Keras knows one, and a model with a step of its own may tell of more."""
    return getattr(model, "optimizers", (model.optimizer,))


def capture(model, callbacks, within_epoch: bool) -> tuple[dict[str, np.ndarray], dict]:
    """The state of `model` and `callbacks` as (arrays, JSON-ready facts)."""
    members = variables(model, within_epoch).items()
    arrays = {name: np.array(keras.ops.convert_to_tensor(variable)) for name, variable in members}
    facts = {}
    for callback in callbacks:
        for name in _learnt(callback):
            key, value = f"{type(callback).__name__}.{name}", getattr(callback, name)
            if isinstance(value, list):
                arrays |= {f"{key}/{index}": np.asarray(array) for index, array in enumerate(value)}
                facts[key] = {"arrays": len(value)}
            else:
                facts[key] = value if value is None or isinstance(value, int) else float(value)
    return arrays, facts


def restore(model, callbacks, arrays: dict[str, np.ndarray], facts: dict) -> None:
    """Put back what `capture` took, but for the metrics; the callbacks' `on_train_begin`, which clears them, is past.

    Raises:
        UserError: the state belongs to another model.
    """
    targets = variables(model, within_epoch=False)
    stored = {name for name in arrays if name.startswith(("model/", "optimizer/"))}
    if stored != set(targets) or any(arrays[name].shape != tuple(targets[name].shape) for name in stored):
        raise UserError("the checkpoint doesn't fit the model: the code or a package has changed since the run began "
                        "(see its provenance.json). Start again under another --run name.")
    for name, variable in targets.items():
        variable.assign(arrays[name])
    for callback in callbacks:
        for name in _learnt(callback):
            key = f"{type(callback).__name__}.{name}"
            value = facts[key]
            if isinstance(value, dict):
                value = [arrays[f"{key}/{index}"] for index in range(value["arrays"])]
            setattr(callback, name, value)


def restore_metrics(model, arrays: dict[str, np.ndarray]) -> None:
    """Put back what the metrics had summed up in the part of the epoch that was done."""
    for index, variable in enumerate(model.metrics_variables):
        variable.assign(arrays[f"metrics/{index}"])


def build(model, example) -> None:
    """Give `model` all the variables it will have: the optimizer's and the metrics', which come with the first batch.

    Args:
        model: a compiled model; one with several `optimizers` has built them and all else itself.
        example: one (x, y) batch.
    """
    if len(optimizers(model)) > 1:
        return
    x, y = example
    predicted = model(x, training=False)
    model.compute_loss(x, y, predicted, training=False)
    model.compute_metrics(x, y, predicted)
    model.reset_metrics()
    _build_optimizer(model)


def _build_optimizer(model) -> None:
    if not model.optimizer.built:
        model.optimizer.build(model.trainable_variables)


def remembered(model):
    """A function that puts a compiled model, and its optimizer, back to where they stand now.

    One net can so learn several things, one after the other, each from the same start, and is traced once.
    """
    _build_optimizer(model)
    arrays, facts = capture(model, (), within_epoch=False)
    return functools.partial(restore, model, (), arrays, facts)


def _learnt(callback) -> tuple[str, ...]:
    return next((names for kind, names in LEARNT.items() if isinstance(callback, kind)), ())
