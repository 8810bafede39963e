"""A net that begins as the linear model, and what it says of a file."""

from pathlib import Path

import numpy as np
import pytest

from dl100_tf.data import weather
from dl100_tf.errors import DataError, UserError
from dl100_tf.models import forecasting
from dl100_tf.projects import rnn_weather as recipe

HOURS = Path(__file__).parents[1] / "data/weather_hours.csv"
CONFIG = {"source": "sample", "hours": 24, "units": 4}


@pytest.fixture(scope="module")
def windows():
    return recipe.load_data(recipe.Config(**CONFIG))


@pytest.fixture(scope="module")
def linear(windows):
    return forecasting.Linear(windows.train, windows.validation)


@pytest.mark.parametrize("cell", ["simple", "gru", "lstm"])
def test_before_its_first_step_it_is_the_linear_model(windows, linear, cell):
    model = recipe.build_model(recipe.Config(**CONFIG, cell=cell), linear)
    x = windows.test.x[:64]
    before = model.predict(x, verbose=0)
    np.testing.assert_allclose(before, linear(x), atol=5e-3)
    linear_layer = model.get_layer("linear").get_weights()[0]
    model.fit(windows.train.x[:256], windows.train.y[:256], verbose=0)
    assert np.abs(model.predict(x, verbose=0) - before).max() > 1e-3, "then it learns"
    assert np.array_equal(model.get_layer("linear").get_weights()[0], linear_layer), "but for the linear part"


def test_predict_draws_the_next_24_hours(windows, linear, tmp_path):
    config = recipe.Config(**CONFIG)
    model = recipe.build_model(config, linear)
    said = recipe.predict(model, config, HOURS).splitlines()
    assert len(said) == 24 and said[0].startswith("2010-01-05 00:00") and said[-1].startswith("2010-01-05 23:00")
    found = weather.recent(HOURS, 24)
    assert [float(line.split()[2]) for line in said] == pytest.approx(linear(found.values[None])[0].tolist(), abs=0.1)
    short = tmp_path / "short.csv"
    short.write_text("".join(HOURS.read_text().splitlines(keepends=True)[:20]))
    with pytest.raises(DataError, match="the model looks at 24"):
        recipe.predict(model, config, short)
    other = tmp_path / "other.csv"
    other.write_text("when,t\n" + "".join(f"2020-01-01T{hour:02}:00,{hour}\n" for hour in range(24)))
    own = recipe.Config(**CONFIG | {"source": "local"}, csv=str(other), time="when", target="t")
    with pytest.raises(UserError, match="the model was trained on 11 of another file"):
        recipe.predict(model, own, other)


def test_a_file_of_one_s_own_is_named_by_flags(tmp_path):
    path = tmp_path / "mine.csv"
    path.write_text("when,bath,door,from\n" + "".join(
        f"{np.datetime64('2020-01-01T00', 'h') + hour}:00,{hour % 24},{hour % 7},{hour % 360}\n"
        for hour in range(1500)))
    config = recipe.Config(hours=24, csv=str(path), time="when", target="bath", columns=["door"], direction="from")
    found = recipe.load_data(config)
    assert found.columns[:3] == ("bath, °C", "door", "wind to the east") and found.source.rung == "local"
    twice = recipe.Config(hours=24, csv=str(path), time="when", target="bath", columns=["door", "bath"])
    assert twice.layout.names == ("bath, °C", "door"), "its unit stays"
    with pytest.raises(UserError, match="'from' is named as two things"):
        recipe.load_data(recipe.Config(csv=str(path), time="when", target="bath", columns=["from"], direction="from"))


@pytest.mark.parametrize(("flags", "said"), [
    ({"hours": 25}, "--stride 3 has to divide it"), ({"hours": 21}, "24 are the least"),
    ({"columns": ("DEWP",)}, "say with --target"), ({"time": "when"}, "say with --target")])
def test_settings_that_can_t_be(flags, said):
    with pytest.raises(UserError, match=said):
        recipe.Config(**flags)
