"""A run's model in files, published once for all the tests of a module."""

from dl100_tf import export
from dl100_tf.export import versions

FLOATS = {"saved_model", "float32", "float16", "dynamic"}  # variants that every kind of model has


def published_once(shelf, name, finished, variants):
    """The newest folders by format.

    Args:
        shelf: where they lie.
        name: the run's project.
        finished: called where they don't yet: the finished run and its data.
        variants: that have to come out, none refused.
    """
    folders = {form: shelf / form / name for form in versions.FORMATS}
    if not folders["tflite"].exists():
        done = export.publish(*finished(), to=str(shelf))
        assert not done.refused, done.refused
        assert set(done.parity) == variants
        has_errors = any(one.error is not None for one in done.parity.values())  # of forecasts and pictures
        assert ("mean absolute error" in export.summary(done)) == has_errors
    return {form: versions.newest(folder) for form, folder in folders.items()}
