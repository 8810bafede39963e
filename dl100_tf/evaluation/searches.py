"""What a search over settings found: every trial, how it got better, and which setting mattered."""

import math
import warnings

import numpy as np
from matplotlib import colormaps, colors

from dl100_tf.evaluation import figures
from dl100_tf.evaluation.tables import table
from dl100_tf.evaluation.wording import clean

ENOUGH = 8  # trials with a score, below which nothing is said of what mattered
TREES = 100
DECADE = 8.0  # a setting whose largest value is so many times its least is seen by its logarithm


def explain_search(run, trials: list[dict], settings: list[str], judged_by: str, method: str, winner: int) -> None:
    """Show a search in the run's report: a table of all trials, the best so far, and what the settings did.

    Args:
        run: the `Run` to write into.
        trials: a row for each in the order in which they ended: `trial`, every one of `settings`, `epochs`, `seconds`,
            the metric under its name, None where it failed, and `why` it did.
        settings: the names of what was varied.
        judged_by: the metric, `val_accuracy` or a loss.
        method: how the values were chosen.
        winner: the place among `trials` of the one whose settings were taken.
    """
    scored = [row for row in trials if row[judged_by] is not None]
    spent = sum(row["seconds"] for row in trials)
    failed = f" {len(trials) - len(scored)} failed." if len(scored) < len(trials) else ""
    began = " A trial that went on from a shorter one has only what it added." if method == "hyperband" else ""
    table(run, "search", trials, f"The search: {len(trials)} trials, {method}",
          f"{spent / 60:.1f} minutes of training in all, {sum(row['epochs'] for row in trials)} epochs.{failed}{began} "
          "The validation split decides, so what the best has there is somewhat too good to be true; the test set was "
          "looked at once, after the search.", best={}, mark=[winner])
    _draw_progress(run, scored, judged_by)
    if settings:
        _draw_parallel(run, scored, settings, judged_by, scored.index(trials[winner]))
    if len(scored) >= ENOUGH and len(settings) > 1:
        _draw_importance(run, scored, settings, judged_by)


def _better(judged_by: str) -> int:
    """1 where more is better, -1 where less is."""
    return 1 if judged_by.endswith("accuracy") else -1


def _draw_progress(run, rows: list[dict], judged_by: str) -> None:
    """The metric of each trial, and the best so far, by trials and by epochs trained."""
    values = np.array([row[judged_by] for row in rows])
    so_far = np.maximum.accumulate(values) if _better(judged_by) > 0 else np.minimum.accumulate(values)
    cost = np.cumsum([row["epochs"] for row in rows])

    def draw(figure, theme):
        panels = figure.subplots(1, 2, sharey=True)
        for axis, along, said in zip(panels, (np.arange(1, len(rows) + 1), cost), ("trials", "epochs trained in all"),
                                     strict=True):
            axis.scatter(along, values, 22, theme.blue, label="a trial")
            axis.step(along, so_far, theme.orange, where="post", label="the best so far")
            axis.set(xlabel=said)
        panels[0].set(ylabel=clean(judged_by))
        panels[0].legend(loc="best")

    figures.figure(run, "search_progress", draw, "Each trial's score on the validation split, and the best of those "
                   "before it.", (figures.WIDE[0], 4.0), "How the search got better")


def _draw_parallel(run, rows: list[dict], settings: list[str], judged_by: str, winner: int) -> None:
    """A line for each trial across an axis for each setting, the last one being its score."""
    columns = [*settings, judged_by]
    places = {name: _scale([row[name] for row in rows]) for name in columns}
    order = [*np.argsort([_better(judged_by) * row[judged_by] for row in rows])]
    order.sort(key=lambda number: number == winner)  # drawn last, above all, even if a shorter trial did better

    def draw(figure, theme):
        axis = figure.subplots()
        paint = colormaps["cividis" if theme is figures.DARK else "cividis_r"]
        shade = colors.Normalize(0, max(len(rows) - 1, 1))
        for rank, number in enumerate(order):
            last = rank == len(rows) - 1
            axis.plot(range(len(columns)), [places[name][0][number] for name in columns], lw=3 if last else 1.4,
                      color=theme.orange if last else paint(shade(rank)), alpha=1 if last else 0.75)
        for x, name in enumerate(columns):
            axis.axvline(x, color=theme.soft, lw=1, zorder=0)
            for place, said in places[name][1]:
                axis.annotate(clean(said), (x, place), (4, 0), textcoords="offset points", fontsize=8, va="center",
                              color=theme.ink, bbox={"facecolor": theme.paper, "edgecolor": "none", "alpha": 0.7,
                                                     "pad": 0.8})
        axis.set_xticks(range(len(columns)), [clean(name) for name in columns])
        axis.set(yticks=[], ylim=(-0.06, 1.06), xlim=(-0.1, len(columns) - 0.6))
        axis.grid(visible=False)
        axis.spines[:].set_visible(False)

    figures.figure(run, "search_parallel", draw, "A line is a trial, from setting to setting and to its score; the "
                   "one that was taken is orange, the better of the others are darker on a light page, lighter on a "
                   "dark one.",
                   (figures.WIDE[0], 4.6), "What was tried, and what came of it")


def _scale(values: list) -> tuple[np.ndarray, list[tuple[float, str]]]:
    """Where values stand on an axis from 0 to 1, and a few places on it with what they mean."""
    if any(isinstance(value, str | bool) or not isinstance(value, int | float) for value in values):
        names = sorted({str(value) for value in values})
        place = {name: number / max(len(names) - 1, 1) for number, name in enumerate(names)}
        return np.array([place[str(value)] for value in values]), [(at, name) for name, at in place.items()]
    numbers = np.array(values, float)
    seen = np.log(numbers) if numbers.min() > 0 and numbers.max() >= DECADE * numbers.min() else numbers
    low, high = seen.min(), seen.max()
    at = (seen - low) / (high - low) if high > low else np.full(len(seen), 0.5)
    several = sorted(set(zip(at.round(9), numbers, strict=True)))
    marks = several if len(several) <= 5 else [several[round(part * (len(several) - 1))] for part in (0, 0.5, 1)]
    return at, [(place, f"{number:.3g}") for place, number in marks]


def importance(rows: list[dict], settings: list[str], judged_by: str) -> tuple[dict[str, float], float]:
    """How much worse a forest guesses the score of a trial when a setting's values are shuffled among the trials.

    Source: Breiman 2001, https://doi.org/10.1023/A:1010933404324

    Returns:
        A share for each setting, which add up to 1 (all 0 where none tells anything), the largest first; and the part
        of the scores' variance that the forest explains on trials it didn't learn from, 1 at most.
    """
    from sklearn.ensemble import RandomForestRegressor
    from sklearn.inspection import permutation_importance

    x = np.stack([_scale([row[name] for row in rows])[0] for name in settings], axis=1)
    y = np.array([row[judged_by] for row in rows])
    forest = RandomForestRegressor(TREES, min_samples_leaf=2, oob_score=True, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of few trials, some are in every tree
        forest.fit(x, y)
    worse = permutation_importance(forest, x, y, n_repeats=10, random_state=0).importances_mean.clip(0)
    shares = worse / worse.sum() if worse.sum() > 0 else worse
    found = dict(sorted(zip(settings, shares.tolist(), strict=True), key=lambda item: -item[1]))
    return found, float(forest.oob_score_) if math.isfinite(forest.oob_score_) else 0.0


def _draw_importance(run, rows: list[dict], settings: list[str], judged_by: str) -> None:
    """A bar for each setting."""
    shares, explained = importance(rows, settings, judged_by)

    def draw(figure, theme):
        axis = figure.subplots()
        names = [*shares][::-1]
        axis.barh([clean(name) for name in names], [100 * shares[name] for name in names], color=theme.blue, height=0.6)
        axis.set(xlabel="share of what all settings together tell about the score, %", xlim=(0, None))
        axis.grid(visible=False, axis="y")

    trust = (f"It explains {explained:.0%} of the scores' variance." if explained > 0 else
             "It can't tell the scores of trials that it hasn't seen: read nothing into this.")
    figures.figure(run, "search_importance", draw, "A forest of regression trees guesses each trial's score from its "
                   f"settings; the more its guesses suffer when a setting is shuffled, the longer the bar. {trust}",
                   (figures.WIDE[0], 1.4 + 0.34 * len(settings)), "Which setting mattered")
