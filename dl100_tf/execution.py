"""Carrying a recipe out in a run, and what is left where it is stopped."""

import dataclasses

from dl100_tf import provenance, terminal
from dl100_tf.errors import Interrupted


def stopped(run, stop: BaseException) -> str:
    """What of an interrupted run is on the disk."""
    if isinstance(stop, Interrupted):
        return "Stopped; what was trained is saved."
    from dl100_tf.training.checkpoints import newest_steps

    steps = newest_steps(run.directory)
    return f"Stopped at once; saved up to step {steps[-1]}." if any(steps) else (
        "Stopped; nothing had been trained yet.")


def execute(recipe, config, run, command: str = "") -> dict:
    """Carry out `recipe` with `config` in `run`; its scores.

    Raises:
        Interrupted: the user stopped it; the state is saved.
        UserError: something the user can mend.
    """
    with run.owned():
        run.begin(config, command)
        run.note(title=recipe.__doc__.splitlines()[0].rstrip("."))
        with terminal.loading("Loading TensorFlow"):
            import keras  # noqa: F401

            from dl100_tf import training
        with training.shared(config.devices):
            training.set_seeds(config.seed, config.deterministic)
            # What `auto` found in the first session stays this run's data.
            scores = recipe.recipe(dataclasses.replace(config, source=run.rung or config.source), run)
        run.note(finished={"epochs": config.epochs, "at": provenance.now()})
    return scores
