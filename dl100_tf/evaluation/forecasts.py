"""The measurement of forecasts: how far off, hour by hour, beside those of simpler ways."""

import numpy as np

from dl100_tf.errors import UserError
from dl100_tf.evaluation import figures, scores, tables

ROWS = (1, 3, 6, 9, 12, 18, 24)  # hours ahead that mark the figure's axis
RANKS = (0.1, 0.5, 0.9, 1.0)  # of the forecasts by their error, best first: those that are drawn
BEFORE = 48  # hours of the past that are drawn with them


def forecast(model, data, run, baselines: dict, unit: str, noun: str = "forecasts") -> dict:
    """Measure `model` on `data.test` beside baselines; write `predictions.npz`, `scores.json`, a table, two figures.

    `predictions.npz` holds `y` and `forecast`, float32 (n, hours). The metrics: `mae` and `rmse` over all hours in
    `unit`; `skill`, the part of the best baseline's mean absolute error that is gone; `mae_<name>` of each baseline.

    Args:
        model: has `predict`, windows (n, hours before, columns) to forecasts (n, hours).
        data: `Splits` of windows, with `columns` and `times`.
        run: the `Run` to write into.
        baselines: name to a function from windows to forecasts (n, hours).
        unit: of the target.
        noun: what the examples are called in the report, in the plural.

    Returns:
        What stands in `scores.json`.

    Raises:
        UserError: the model's output is NaN, or not a number for each hour.
    """
    y, found = data.test.y, checked(model.predict(data.test.x, batch_size=256, verbose=0), data.test.y.shape)
    with run.writing("predictions.npz") as file:
        np.savez_compressed(file, y=y, forecast=found)
    by_hour = {"net": error(found, y), **{name: error(base(data.test.x), y) for name, base in baselines.items()}}
    mean = {name: float(values.mean()) for name, values in by_hour.items()}
    best = min(baselines, key=mean.get)
    metrics = {"mae": mean["net"], "rmse": float(np.sqrt(np.square(found - y, dtype="float64").mean())),
               "skill": 1 - mean["net"] / mean[best], **{f"mae_{name}": mean[name] for name in baselines}}
    told = {"columns": list(data.columns), "unit": unit, "scale": float(data.train.y.std()),
            "horizons": list(data.labels)}
    record = scores.record(run, data, metrics, len(y), noun, ["mae", "skill", f"mae_{best}"], series=told,
                           units={name: unit for name in metrics if name != "skill"})
    rows = [{"hours ahead": f"{hour}", **{name: float(values[hour - 1]) for name, values in by_hour.items()}}
            for hour in range(1, len(by_hour["net"]) + 1)]
    tables.table(run, "errors", [*rows, {"hours ahead": "all", **mean}], f"Mean absolute error, {unit}",
                 best={}, mark=[len(rows)])
    _draw_errors(run, by_hour, unit)
    _draw_examples(run, data, found, {best: baselines[best](data.test.x)}, unit)
    return record


def error(found: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The mean absolute error at each hour, float64 (hours,)."""
    return np.abs(found.astype("float64") - y).mean(axis=0)


def checked(found, shape: tuple[int, ...]) -> np.ndarray:
    """A model's output as forecasts, float32 of `shape`."""
    found = np.asarray(found, "float32")
    if found.shape != shape:
        raise UserError(f"the model gives {found.shape} for forecasts {shape}: end it in a dense layer with a unit for "
                        "each hour.")
    bad = int((~np.isfinite(found)).any(axis=1).sum())
    if bad:
        raise UserError(f"the model's output is NaN or infinite for {bad} of {len(found)} test windows: training has "
                        "diverged. Train again under another --run name with a smaller learning rate.")
    return found


def _draw_errors(run, by_hour: dict[str, np.ndarray], unit: str) -> None:
    def draw(figure, theme):
        axis = figure.subplots()
        styles = ["-", (0, (5, 2)), (0, (2, 2)), (0, (6, 2, 1, 2))]
        for place, (name, values) in enumerate(by_hour.items()):
            colour = theme.blue if place == 0 else theme.classes[place % len(theme.classes)]
            axis.plot(range(1, len(values) + 1), values, color=colour, linestyle=styles[place % len(styles)],
                      linewidth=2.6 if place == 0 else 1.8, label=f"{name}: {values.mean():.2f} {unit}")
        axis.set(xlabel="hours ahead", ylabel=f"mean absolute error, {unit}", ylim=(0, None), xticks=ROWS)
        axis.legend(loc="best")
        axis.set_title("The further ahead, the further off")

    figures.figure(run, "errors", draw, "Mean absolute error on the test windows by how many hours ahead; the legend "
                   "has the mean over all of them.", title="Error by horizon")


def _draw_examples(run, data, found: np.ndarray, others: dict[str, np.ndarray], unit: str) -> None:
    y = data.test.y
    order = np.argsort(np.abs(found - y).mean(axis=1), kind="stable")
    chosen = [order[round(rank * (len(order) - 1))] for rank in RANKS]

    def draw(figure, theme):
        axes = figure.subplots(2, 2, sharex=True).ravel()
        ahead = np.arange(1, y.shape[1] + 1)
        for axis, one, rank in zip(axes, chosen, RANKS, strict=True):
            past = data.test.x[one, -BEFORE:, 0]
            axis.plot(np.arange(1 - len(past), 1), past, color=theme.soft, linewidth=1.4, label="before")
            axis.plot(ahead, y[one], color=theme.ink, label="truth")
            axis.plot(ahead, found[one], color=theme.blue, label="net")
            for name, other in others.items():
                axis.plot(ahead, other[one], color=theme.orange, linestyle=(0, (4, 2)), linewidth=1.6, label=name)
            axis.axvline(0.5, color=theme.grid)
            off = np.abs(found[one] - y[one]).mean()
            said = "the worst of all" if rank == 1 else f"{rank:.0%} are better"
            axis.set_title(f"{str(data.times[one]).replace('T', ' ')}:00 · {off:.1f} {unit} off, {said}", fontsize=10)
            axis.set_ylabel(unit)
        for axis in axes[2:]:
            axis.set_xlabel("hours from the first forecast")
        figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper left", ncols=5)

    figures.figure(run, "forecasts", draw, "Forecasts and what came, from one of the best to the worst.", (10.4, 7),
                   "Forecasts with the truth")
