"""Mixed precision: a net computes in 16 bits while it is trained, as accelerators do several times as fast.

Its weights, the optimizer and the loss stay in 32 bits (Micikevicius et al. 2018, arXiv:1710.03740). bfloat16 has the
range of float32, so no loss has to be scaled; GPUs have it since 2020, TPUs and some processors too.
"""

import contextlib

import keras

EXACT = (keras.layers.InputLayer, keras.layers.Normalization, keras.layers.Softmax)  # what is large, and probabilities


@contextlib.contextmanager
def computing(model, precision: str):
    """Let a model compute in `precision` inside, and in 32 bits again after it: so it is scored, saved and served.

    In 32 bits stay what gives the outputs of a net or of a part of it, and `EXACT`.

    Args:
        model: built; what of it is not of float32 stays as it is.
        precision: a policy of Keras': `float32` changes nothing.
    """
    if precision == "float32":
        yield
        return
    last = _last(model)
    layers = [layer for layer in model._flatten_layers() if layer.dtype_policy.name == "float32" and layer not in last
              and not isinstance(layer, EXACT)]
    try:
        _take(model, layers, precision)
        yield
    finally:
        _take(model, layers, "float32")


def _take(model, layers: list, policy: str) -> None:
    for layer in layers:
        layer.dtype_policy = policy
    for one in (model, *layers):  # what was traced for another precision is traced anew
        if isinstance(one, keras.Model):
            one.train_function = one.test_function = one.predict_function = None


def _last(model) -> list:
    """The layers from which the outputs of a model, and of the models that it consists of, come."""
    models = [one for one in model._flatten_layers() if isinstance(one, keras.Model) and hasattr(one, "outputs")]
    return [output._keras_history.operation for one in models for output in one.outputs or ()]
