"""What Keras gave when a run was scored: what every exported file is compared with."""

import zipfile

import numpy as np

from dl100_tf.errors import UserError
from dl100_tf.export import latents, parity

CHECKED = 64  # test examples on which the model has to be the one that was scored
TOLERANCE = 1e-4  # between two processes, batches of another size


def read(run, contract, n: int) -> tuple[np.ndarray, np.ndarray]:
    """What Keras gave, and what is right, both as `parity.compare` takes them.

    Args:
        run: the `Run`.
        contract: of its model.
        n: test examples that there are now; of a generator, points.

    Raises:
        UserError: it hasn't been scored, or on other examples.
    """
    file = run.path("predictions.npz")
    try:
        with np.load(file, allow_pickle=False) as arrays:
            given = arrays[contract.output]
            y = given if contract.picture else arrays["y"]  # pictures are compared with Keras'
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise UserError(f"{file} is missing or damaged ({error}): let the run finish with `{run.command}`, or train "
                        "again under another --run name.") from error
    if len(given) != n or len(y) != n:
        raise UserError(f"the run {run.name} was scored on {len(y)} test examples and there are {n} now: bring back "
                        "the data that it was trained on.")
    return given, parity.truth(y, given)


def examples(run, contract, data):
    """What the model takes, in `test` and `train`: the data's, or points where it makes pictures like the data."""
    return latents.points(run, contract) if contract.kind == "latent" else data


def same(run, contract, model, examples, expected: np.ndarray) -> None:
    """Raise a UserError where the model isn't the one that was scored, by its first answers to `examples`."""
    import tensorflow as tf

    examples, expected = examples[:CHECKED], expected[:CHECKED]
    given = tf.constant(list(examples)) if isinstance(examples[0], str) else examples
    found = np.asarray(model.predict(given, verbose=0)).reshape(len(examples), -1)
    if found.shape[1] == 1:
        found = np.hstack([1 - found, found])
    expected = expected.reshape(found.shape)
    if not np.allclose(found, expected, atol=TOLERANCE * contract.scale):  # also where something isn't a number
        raise UserError(f"{run.path('model.keras')} doesn't give what it gave when the run was scored: the file or the "
                        "data have been replaced. Train again under another --run name.")
