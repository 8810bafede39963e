"""A net cut in two: where that can be done, its parts as models of their own, and which of them is trained."""


from dl100_tf.errors import UserError, closest


def between(start, end):
    """The part of a net between two of its tensors, as a model; its layers are the net's own.

    Args:
        start: a Keras tensor that every path from the input to `end` goes through.
        end: a Keras tensor.
    """
    import keras

    return keras.Model(start, end)


def cut(model, thaw: str):
    """The tensor below which a backbone stays frozen.

    Args:
        model: from `load`.
        thaw: `all`; the last share of its layers, `0.25` say; or how the first layer to be trained begins, as
            `block_13` does.

    Returns:
        The last Keras tensor before that layer which alone connects what is below with what is above: inside a
        residual block that is the block's input. The model's input where there is none.

    Raises:
        UserError: no layer begins like this, or the share isn't over 0 and at most 1.
    """
    steps = model.operations  # in an order in which every one comes after its inputs
    first = _first_thawed([step.name for step in steps], thaw)
    last_use = {id(tensor): len(steps) for tensor in model.outputs}
    for place in range(len(steps) - 1, 0, -1):
        for tensor in _listed(steps[place].input):
            last_use.setdefault(id(tensor), place)
    alive, found = [], model.inputs[0]
    for place, step in enumerate(steps[:first]):
        alive = [tensor for tensor in [*alive, *_listed(step.output)] if last_use.get(id(tensor), 0) > place]
        if len(alive) == 1:
            found = alive[0]
    return found


def parted(net, start):
    """The parts of `net` below and above one of its tensors, as models; below its input there is None."""
    if start is net.inputs[0]:
        return None, net
    return between(net.inputs[0], start), between(start, net.outputs[0])


def thaw(net, start, norms: bool) -> tuple:
    """Make the layers above a tensor trainable, and no others of `net`; its two parts, as `parted` gives them.

    Args:
        net: a flat model.
        start: one of its tensors.
        norms: whether batch normalisation learns as well. In a net that was trained on much it had better not: batches
            of a small set spoil its statistics (https://keras.io/guides/transfer_learning/).
    """
    import keras

    below, above = parted(net, start)
    chosen = {id(layer) for layer in above.layers}
    for layer in net.layers:
        layer.trainable = id(layer) in chosen and (norms or not isinstance(layer, keras.layers.BatchNormalization))
    return below, above


def layer(model, name: str):
    """The layer of that name.

    Raises:
        UserError: there is none; the message names the closest one.
    """
    names = [layer.name for layer in model.layers]
    if name not in names:
        raise UserError(f"no layer of this backbone is called {name!r}{closest(name, names)} Its last layers: "
                        f"{', '.join(names[-8:])}.")
    return model.get_layer(name)


def maps(model, names) -> list:
    """The feature maps, (batch, h, w, c), that the layers of these names give.

    Raises:
        UserError: none is named, there is no such layer, or one gives no maps.
    """
    if not names:
        raise UserError("--layers names no layer: name one, or leave the flag out.")
    found = {name: layer(model, name).output for name in names}
    for name, output in found.items():
        if len(output.shape) != 4:
            raise UserError(f"the layer {name} gives no maps to be averaged: name a convolution or the end of a block.")
    return list(found.values())


def last_maps(model) -> str:
    """The name of the last layer that gives feature maps, for Grad-CAM."""
    return next(layer.name for layer in reversed(model.layers) if len(layer.output.shape) == 4)


def _first_thawed(names: list[str], thaw: str) -> int:
    if thaw == "all":
        return 0
    try:
        share = float(thaw)
    except ValueError:
        begins = [place for place, name in enumerate(names) if thaw and name.startswith(thaw)]
        if begins:
            return begins[0]
        raise UserError(f"no layer of this backbone begins with {thaw!r}{closest(thaw, names)} Its last layers: "
                        f"{', '.join(names[-8:])}.") from None
    if not 0 < share <= 1:
        raise UserError(f"--thaw can't be {thaw}: as a share of the layers it is over 0 and at most 1.")
    return len(names) - max(1, round(share * len(names)))


def _listed(tensors) -> list:
    return list(tensors) if isinstance(tensors, list | tuple) else [tensors]
