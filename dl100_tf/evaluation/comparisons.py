"""A run beside those of other projects, and the runs of an ablation beside each other."""

from dl100_tf import paths
from dl100_tf.errors import UserError
from dl100_tf.evaluation import figures, records, wording
from dl100_tf.evaluation.tables import table
from dl100_tf.run import Run


def compare(run, projects: list[str], title: str = "Beside the others", note: str = "") -> None:
    """Write the table `comparison`: this run beside the latest scored run of each project.

    A run on the same data as this one is preferred to a later one on other data; data are the same if their digests
    are. What isn't comparable is marked, and so is sample data.

    Args:
        run: the `Run`, scored.
        projects: names of recipes, e.g. `["numpy_mnist", "mlp_mnist"]`.
        title: the heading in the report.
        note: what the report says beneath it, before what is to be said of other data.

    Raises:
        UserError: this run has not been scored.
    """
    own = records.scores(run)
    digest = records.source(run)["digest"]
    rows, aside = [_row(run, own, digest)], []
    for project in projects:
        found = _latest(project, digest)
        aside += [] if found and records.source(found)["digest"] == digest else [len(rows)]
        rows.append(_row(found, records.scores(found), digest) if found else {
            "project": project, "data": f"not trained here yet: python -m dl100_tf.projects.{project}"})
    if any(i in aside and "run" in row for i, row in enumerate(rows)):
        note = f"{note} A run on other data can't be compared with this one.".strip()
    if records.source(run)["rung"] == "sample":
        note = f"{note} These are scores on sample data: they mean nothing outside it.".strip()
    table(run, "comparison", rows, title, note, mark=[0], aside=aside)


def draw_gap(run, rows: list[dict], caption: str, title: str = "Training against test", name: str = "gap"):
    """Draw the accuracy in training and in the test of each row, best test accuracy first, as `plots/gap.png`.

    Args:
        run: the `Run` to write into.
        rows: each with `name`, and `train` and `test`, accuracies in 0..1.
        caption: what the report says beneath the figure.
        title: the report's heading above it.
        name: the figure's name.

    Returns:
        The path of the light figure.
    """
    ranked = sorted(rows, key=lambda row: row["test"])
    return figures.figure(run, name, lambda figure, theme: gap(figure, theme, ranked), caption,
                          (figures.WIDE[0], 1.3 + 0.42 * len(rows)), title)


def latest_on(project: str, digest: str) -> Run | None:
    """The run of `project` that was scored last on the data with this digest."""
    found = _latest(project, digest)
    return found if found and records.source(found)["digest"] == digest else None


def _latest(project: str, digest: str) -> Run | None:
    """The run of `project` that was scored last, on the same data if there is one."""
    scored = sorted(paths.runs(project).glob("*/scores.json"), key=lambda path: path.stat().st_mtime, reverse=True)
    others = []
    for file in scored:
        try:
            run = Run(project, file.parent.name)
            if "accuracy" in records.scores(run)["metrics"]:
                others.append(run)
                if records.source(run)["digest"] == digest:
                    return run
        except UserError:  # a damaged run of another project is not this one's trouble
            continue
    return others[0] if others else None


def _row(run, scores: dict, digest: str) -> dict:
    source = records.source(run)
    data = "sample data" if source["rung"] == "sample" else f"real data ({source['rung'] or 'source not noted'})"
    if source["digest"] != digest:
        data = f"other data: {data}"
    return {"project": run.project, "run": run.name, "accuracy": scores["metrics"].get("accuracy"),
            "parameters": scores.get("parameters"), "training seconds": scores.get("train_seconds"), "data": data}


def gap(figure, theme, rows: list[dict]) -> None:
    """Two dots a row, training and test, and a bar between them; the last row at the top."""
    axis = figure.subplots()
    for place, row in enumerate(rows):
        axis.plot([row["test"], row["train"]], [place, place], color=theme.grid, linewidth=5, zorder=1,
                  solid_capstyle="round")
    places = range(len(rows))
    axis.scatter([row["train"] for row in rows], places, s=60, color=theme.orange, zorder=2, label="training")
    axis.scatter([row["test"] for row in rows], places, s=60, color=theme.blue, zorder=3, label="test")
    for place, row in enumerate(rows):
        low, high = sorted((row["train"], row["test"]))
        for value, side, shift in ((low, "right", -9), (high, "left", 9)):
            axis.annotate(wording.percent(value), (value, place), (shift, 0), textcoords="offset points", ha=side,
                          va="center", fontsize=9, color=theme.blue if value == row["test"] else theme.orange)
    axis.set_yticks(places, [wording.clean(str(row["name"]))[:40] for row in rows])
    axis.tick_params(axis="y", labelcolor=theme.ink)
    axis.grid(axis="y", visible=False)
    axis.margins(x=0.12)
    axis.set_ylim(-0.6, len(rows) - 0.4)
    axis.xaxis.set_major_formatter(lambda value, _: f"{100 * value:.3g} %")
    axis.set_xlabel("accuracy")
    figure.legend(loc="outside upper left", ncols=2)
