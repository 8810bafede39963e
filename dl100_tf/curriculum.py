"""The hundred days: which project is worked on when."""

import ast
import functools
from pathlib import Path

FOLDER = Path(__file__).parent / "projects"

DAYS = {  # first and last day
    "perceptron_points": (1, 3), "numpy_mnist": (4, 7), "mlp_mnist": (8, 14), "cnn_mnist": (15, 19),
    "cnn_cifar10": (20, 21), "rnn_shakespeare": (22, 26), "rnn_weather": (22, 26), "lstm_imdb": (27, 28),
    "transfer_dogs": (29, 35), "augmented_cifar10": (36, 42), "word2vec_text8": (43, 45), "lstm_agnews": (46, 49),
    "transformer_agnews": (50, 54), "bert_squad": (55, 56), "gan_mnist": (57, 60), "gan_fashion": (61, 63),
    "autoencoder_mnist": (64, 67), "anomaly_cifar10": (68, 70),
}


@functools.cache
def projects() -> tuple[str, ...]:
    """The names of all recipes, by their days: a recipe is there when its file is."""
    found = [file.stem for file in FOLDER.glob("*.py") if not file.stem.startswith("_")]
    return tuple(sorted(found, key=lambda name: (DAYS.get(name, (101, 101)), name)))


def card(name: str) -> str:
    """The docstring of a recipe, read without importing it."""
    return ast.get_docstring(ast.parse((FOLDER / f"{name}.py").read_text(encoding="utf-8"))) or ""


def table() -> str:
    """The projects with their days, as `dl100 list` prints them."""
    rows = [(f"{DAYS[name][0]}-{DAYS[name][1]}" if name in DAYS else "", name, card(name).splitlines()[0])
            for name in projects()]
    width = max(len(name) for _, name, _ in rows)
    return "\n".join(f"{days:>7}  {name:<{width}}  {line}" for days, name, line in [("days", "project", "what"), *rows])
