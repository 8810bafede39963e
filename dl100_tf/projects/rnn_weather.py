"""Tomorrow's temperature, hour by hour, with a recurrent net on top of a linear model.

Idea    A linear model says most of it; a recurrent net reads the last days and learns what is left.
Data    Beijing 2010 to 2014, hour by hour: three years to learn from, one to decide by, the last to be tested on.
Run     python -m dl100_tf.projects.rnn_weather
Expect  1.859 ± 0.009 °C mean absolute error, 3 epochs, 16 s of training on 2 cores
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from dl100_tf import cli, evaluation, training
from dl100_tf.data import weather
from dl100_tf.errors import UserError
from dl100_tf.models import forecasting


@dataclass(frozen=True)
class Config(cli.Common):
    epochs: int = 3  # passes over the training windows; more than a finished run has extend it
    batch_size: int = 128  # windows a step
    learning_rate: float = 2e-3  # the largest learning rate
    schedule: cli.Schedule = "cosine"  # how the learning rate moves
    cell: Literal["simple", "gru", "lstm"] = "gru"  # what carries its state along the hours
    hours: int = 72  # of the past that the model sees
    stride: int = 3  # hours that the recurrent layer sees as one step
    units: int = 64  # of the recurrent layer
    dropout: float = 0.2  # part of the features left out while training
    csv: str = ""  # a file of your own instead of Beijing's, with a row an hour; its columns are named below
    time: str = ""  # its column with date and time; empty: it has the columns year, month, day and hour
    target: str = ""  # its column that is forecast; empty: the file is laid out as Beijing's or Jena's
    unit: str = "°C"  # of the target
    columns: tuple[str, ...] = ()  # its other columns of numbers that the model sees
    direction: str = ""  # its column that says where the wind comes from, in degrees or as N, NE …

    def __post_init__(self):
        super().__post_init__()
        if self.hours < 24 or self.hours % self.stride:
            raise UserError(f"--hours can't be {self.hours}: 24 are the least, as yesterday is a baseline, and "
                            f"--stride {self.stride} has to divide it.")
        if (self.time or self.columns or self.direction) and not self.target:
            raise UserError("--time, --columns and --direction describe a file of your own: say with --target which of "
                            "its columns is forecast.")

    @property
    def layout(self):
        """The columns of a file of one's own; None: they are known."""
        columns = {self.target: self.unit} | {name: "" for name in self.columns if name != self.target}
        return weather.Layout(columns, self.time, self.direction) if self.target else None


def load_data(config):
    """Windows of the past, float32 (n, hours, columns), and the next 24 hours, parted by time."""
    return weather.load(config.source, config.data_dir, config.hours, config.csv, config.layout)


def build_model(config, linear):
    """A series as it was measured (batch, hours, columns) in, the next 24 hours (batch, 24) out, in its own unit."""
    import keras
    from keras import layers

    series = keras.Input((config.hours, len(linear.mean) + 2), dtype="float32", name="series")
    measured, time = forecasting.scaled(series, linear), forecasting.clock(series)
    x = layers.Concatenate()([measured, time])
    x = layers.Conv1D(config.units, config.stride, config.stride, activation="gelu")(x)
    cell = {"simple": layers.SimpleRNN, "gru": layers.GRU, "lstm": layers.LSTM}[config.cell]
    x = cell(config.units)(layers.Dropout(config.dropout)(x))
    x = layers.Dropout(config.dropout)(layers.Concatenate()([x, measured[:, -1], time[:, -1]]))
    x = layers.Dropout(config.dropout)(layers.Dense(64, activation="gelu")(x))
    rest = layers.Dense(forecasting.AHEAD, kernel_initializer="zeros")(x)
    rest = layers.Rescaling(float(linear.deviation[0]))(rest)  # 0 at first: then the linear model stands alone
    change = layers.Add()([forecasting.as_layer(linear, measured, time), rest])
    forecast = layers.Add(name="forecast")([series[:, -1, :1], change])  # what is now, and how it changes
    model = keras.Model(series, forecast, name="rnn_weather")
    model.compile(optimizer=keras.optimizers.Adam(config.learning_rate), loss="mae")
    return model


def predict(model, config, recent: Path) -> str:
    """The temperature of the 24 hours after the last one in a CSV file, which has the columns of the training file."""
    found = weather.recent(recent, model.input_shape[1], config.layout)
    if found.values.shape[1] != model.input_shape[2]:
        raise UserError(f"{recent} has the columns {', '.join(found.columns)}, and the model was trained on "
                        f"{model.input_shape[2]} of another file: give it one of that kind.")
    forecast = model.predict(found.values[None], verbose=0)[0]
    return evaluation.chart(found.times[-1] + np.arange(1, len(forecast) + 1), forecast, config.unit)


def recipe(config, run):
    windows = load_data(config)
    linear = forecasting.Linear(windows.train, windows.validation)
    model = build_model(config, linear)
    training.fit(model, windows, run, config)
    run.save(model)
    scores = evaluation.forecast(model, windows, run, {
        "persistence": forecasting.persistence, "yesterday": forecasting.yesterday, "linear": linear}, config.unit)
    evaluation.plot(run)
    evaluation.report(run)
    return scores


if __name__ == "__main__":
    cli.main(__file__)
