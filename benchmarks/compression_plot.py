"""Accuracy, size and latency in one picture, from what compression.py recorded: benchmarks/results/compression.png.

    python benchmarks/compression_plot.py

A kind of file is a point: to the left is smaller, below is better, bright is faster. The line through it is one sd over
the seeds to either side; from a pruned file a dotted one leads to what gzip makes of it. What has far more wrong
answers than the teacher is only named.
"""

import json
from statistics import mean, stdev

import recording

FILE = recording.RESULTS / "compression.json"
WORST = 8  # times the teacher's wrong answers; what has more isn't drawn
SIZES = (10, 20, 50, 100, 200)  # KiB
TIMES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1)  # ms


def draw() -> None:
    """Draw the recorded results beside them."""
    import matplotlib.style
    from matplotlib.figure import Figure

    from dl100_tf.evaluation import figures

    found = json.loads(FILE.read_text())
    errors, theme = 100 - 100 * found["keras"], figures.LIGHT
    rows = [row | {"wrong": 100 - 100 * mean(row["accuracy"])} for row in found["results"]]
    far = [f"{row['file']} ({row['wrong']:.0f} %)" for row in rows if row["wrong"] > WORST * errors]
    with matplotlib.style.context(["default", figures.style(theme)]):
        figure = Figure((11, 7), 140, layout="constrained")
        axis = figure.subplots()
        bar = figure.colorbar(points(axis, [row for row in rows if row["wrong"] <= WORST * errors], theme.ink),
                              label="ms for one picture, one thread", ticks=TIMES, format="%g")
        bar.minorticks_off()
        axis.axhline(errors, color=theme.orange, lw=1, label="teacher in Keras", zorder=0)
        axis.set(xscale="log", xlabel="KiB (dotted: to what gzip makes of it)", ylabel="wrong answers, %")
        axis.set_xticks(SIZES, list(map(str, SIZES)))
        axis.minorticks_off()
        axis.margins(0.06, 0.14)
        figure.legend(loc="outside lower center", ncols=7)
        axis.set_title("cnn_mnist, smaller" + (f"; beyond the picture: {', '.join(far)}" if far else ""))
        figure.savefig(FILE.with_suffix(".png"), metadata={"Software": None})


def points(axis, rows: list[dict], ink: str):
    """A point for each row, its marker that of its model, its colour its latency; what the colours are taken from."""
    from matplotlib.colors import LogNorm

    times, markers = [row["ms"] for row in rows], dict(zip(dict.fromkeys(row["model"] for row in rows), "osvDP^",
                                                           strict=False))
    for number, row in enumerate(sorted(rows, key=lambda row: row["bytes"])):
        size, y = row["bytes"] / 1024, row["wrong"]
        drawn = axis.scatter(size, y, 80, [row["ms"]], markers[row["model"]], "viridis_r",
                             LogNorm(min(times), max(times)), edgecolors=ink)
        axis.annotate(row["file"], (size, y), (0, (16, -24, 50, -44)[number % 4]), textcoords="offset points",
                      fontsize=8, ha="center", arrowprops={"arrowstyle": "-", "color": ink, "lw": 0.4})
        if len(row["accuracy"]) > 1:
            axis.errorbar(size, y, 100 * stdev(row["accuracy"]), color=ink, lw=1, zorder=0)
        if row["model"].startswith("pruned"):
            axis.plot([row["gzip"] / 1024, size], [y, y], ":", color=ink, lw=1, marker="|", zorder=0)
    for model, marker in markers.items():
        axis.scatter([], [], 70, "none", marker, edgecolors=ink, label=model)
    return drawn


def main() -> None:
    recording.parser(__doc__).parse_args()
    draw()


if __name__ == "__main__":
    main()
