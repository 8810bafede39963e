"""What may be varied: in every recipe that can be tuned, all that is drawn makes settings."""

import importlib
import random

import keras_tuner
import pytest

from dl100_tf import curriculum
from dl100_tf.training import spaces

RECIPES = {name: importlib.import_module(f"dl100_tf.projects.{name}") for name in curriculum.projects()}
TUNED = {name: getattr(recipe, "search_space", spaces.usual) for name, recipe in RECIPES.items()
         if getattr(recipe, "search_space", spaces.usual)}


@pytest.mark.parametrize("project", TUNED)
def test_whatever_is_drawn_makes_settings(project):
    usual = RECIPES[project].Config()
    hp = keras_tuner.HyperParameters()
    assert TUNED[project](hp, usual) == usual  # the settings as they are stand among those that are tried
    assert {"learning_rate", "batch_size"} <= {one.name for one in hp.space}
    draw = random.Random(0)
    for _ in range(50):
        hp.values = {one.name: one.random_sample(draw.randrange(10 ** 6)) for one in hp.space}
        config = TUNED[project](hp, usual)
        assert type(config) is type(usual) and config.learning_rate == hp.values["learning_rate"]


def test_sizes_of_several_layers_go_together():
    hp = keras_tuner.HyperParameters()
    spaces.usual(hp, RECIPES["mlp_mnist"].Config())
    hp.values["hidden times"] = 0.5
    assert spaces.usual(hp, RECIPES["mlp_mnist"].Config()).hidden == (256, 128, 64)


def test_a_game_has_nothing_to_be_judged_by():
    assert {"gan_mnist", "gan_fashion"} == RECIPES.keys() - TUNED.keys()
