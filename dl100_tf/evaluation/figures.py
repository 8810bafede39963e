"""How every figure comes to be: in the house's style, for a light page and for a dark one, with its origin at the foot.

`figure` is what a recipe calls for a figure of its own; the report shows it with its caption.
"""

import dataclasses
import textwrap
import warnings
from pathlib import Path

import matplotlib.style
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from dl100_tf.evaluation import exhibits, records
from dl100_tf.evaluation.wording import clean, count

SIZE = (5.2, 5.2)  # inches: four of a size make a tidy page, and one fills a phone with letters still readable
WIDE = (10.4, 5.2)  # a figure that has the page's width to itself
DPI = 200  # twice the screen's
FOOT = 0.28  # inches that a sheet leaves for the line at its foot


@dataclasses.dataclass(frozen=True)
class Theme:
    """Colours that go together; the two strong ones (Okabe and Ito's) differ for every kind of colour vision."""

    suffix: str
    paper: str
    ink: str
    soft: str
    grid: str
    blue: str
    orange: str
    others: tuple[str, ...]  # for a third class and those after it

    @property
    def classes(self) -> tuple[str, ...]:
        """A colour for each class, as many as there are."""
        return (self.blue, self.orange, *self.others)


LIGHT = Theme("", "#ffffff", "#1c2024", "#646b75", "#e6e8eb", "#0072b2", "#d55e00",
              ("#009e73", "#cc79a7", "#b58900", "#56b4e9", "#7a5195", "#6b6b6b", "#8c564b", "#17a2b8"))
DARK = Theme("-dark", "#171a1f", "#e8eaed", "#9aa2ad", "#2b3038", "#56b4e9", "#f0883e",
             ("#2ec4a0", "#e39cc4", "#e6c229", "#8fd3ff", "#b48ead", "#a8a8a8", "#c49c94", "#4dd0e1"))
THEMES = (LIGHT, DARK)


def figure(run, name: str, draw, caption: str, size: tuple[float, float] = WIDE, title: str = "") -> Path:
    """Draw a figure of the recipe's own into `plots/<name>.png` and `plots/<name>-dark.png`; the report shows it.

    Args:
        run: the `Run` to write into.
        name: letters, digits, `_` and `-`; a figure written again under the same name keeps its place in the report.
        draw: called as `draw(figure, theme)` once for each `Theme`, with an empty Matplotlib figure to draw on.
        caption: what the report says beneath it.
        size: width and height in inches, at 200 pixels an inch.
        title: the report's heading above it; `name` in words if empty.

    Returns:
        The path of the light figure.
    """
    exhibits.valid(name)
    foot = origin(run)
    for theme in THEMES:
        write(run, f"plots/{name}{theme.suffix}.png", draw, theme, foot, size)
    exhibits.note(run, name, {"title": clean(title), "caption": clean(caption), "width": round(size[0] * DPI),
                              "height": round(size[1] * DPI)})
    return run.path(f"plots/{name}.png")


def write(run, name: str, draw, theme: Theme, foot: str, size: tuple[float, float] = SIZE,
          dpi: int = DPI) -> None:
    """Draw one figure for one theme into the file `name` of the run, with the line `foot` below it."""
    with matplotlib.style.context(["default", style(theme)]), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")  # a name in a script without letters here: boxes do
        figure = Figure(figsize=size, dpi=dpi, layout="constrained")
        FigureCanvasAgg(figure)
        lines = textwrap.wrap(foot, round(86 * size[0] / SIZE[0]))
        strip = 0.156 * len(lines) / size[1]
        figure.get_layout_engine().set(rect=(0, strip + 0.01, 1, 0.99 - strip), w_pad=0.08, h_pad=0.06)
        draw(figure, theme)
        figure.text(0.104 / size[0], 0.078 / size[1], "\n".join(lines), fontsize=8, va="bottom", linespacing=1.35,
                    color=theme.orange if records.SAMPLE in foot else theme.soft)
        figure.get_layout_engine().execute(figure)
        figure.set_layout_engine(None)  # with one, `savefig` would draw everything twice, the first time to lay it out
        with run.writing(name) as file:
            figure.savefig(file, metadata={"Software": None})


def sheet(figure: Figure, across: float, down: float):
    """An axis without a frame over all of the figure but its foot, from (0, 0) at the top left to (across, down)."""
    figure.set_layout_engine("none")
    foot = FOOT / figure.get_figheight()
    axis = figure.add_axes((0, foot, 1, 1 - foot))
    axis.set(xlim=(0, across), ylim=(down, 0))
    axis.axis("off")
    return axis


def origin(run, n: int = 0) -> str:
    """What stands at the foot of every figure: whose it is, of how many test examples (0: of none), the data source."""
    noun = records.mapping(run, "scores.json").get("noun", "examples")
    tested = [f"{count(n)} test {noun}"] if n else []
    return clean(" · ".join([f"{run.project} / {run.name}", *tested, records.told(records.source(run))]))


def style(theme: Theme) -> dict:
    """One look for all figures; mathematics off, as a `$` in a label is a dollar."""
    return {
        "figure.facecolor": theme.paper, "savefig.facecolor": theme.paper, "axes.facecolor": theme.paper,
        "text.color": theme.ink, "axes.labelcolor": theme.soft, "xtick.color": theme.soft, "ytick.color": theme.soft,
        "axes.edgecolor": theme.grid, "axes.spines.top": False, "axes.spines.right": False,
        "axes.grid": True, "grid.color": theme.grid, "grid.linewidth": 0.8, "axes.axisbelow": True,
        "xtick.major.size": 0, "ytick.major.size": 0, "xtick.minor.size": 0, "ytick.minor.size": 0,
        "xtick.labelsize": 9.5, "ytick.labelsize": 9.5,
        "axes.labelsize": 10, "axes.titlesize": 12, "axes.titleweight": "bold", "axes.titlelocation": "left",
        "axes.titlepad": 10, "lines.linewidth": 2, "legend.frameon": False, "legend.fontsize": 9.5,
        "font.family": "DejaVu Sans", "text.parse_math": False, "path.simplify": True}
