"""The report of a run: `report.md`, and `report.html` that needs nothing but itself."""

import functools
import itertools
import json
import re
from pathlib import Path

import jinja2

from dl100_tf.errors import UserError
from dl100_tf.evaluation import embedding, exhibits, origins, records, tables, wording

MEANING = {  # of two labels: the second is what is looked for
    "loss": "cross-entropy; 0 is perfect",
    "auroc": "1 ranks every example rightly, 0.5 is chance",
    "f1": "precision and recall in one",
    "precision": "how many of the finds are right",
    "recall": "how many of those to find are found",
    "brier": "squared error of the probability; 0 is perfect",
    "mae": "mean absolute error over all hours that are forecast, in the target's unit",
    "rmse": "root of the mean squared error, which large misses rule",
    "skill": "the part of the best baseline's mean absolute error that is gone; 0 is no better than it",
    "calibration_error": "how far confidence is from accuracy, on average",
    "auroc_mean": "each class as the normal one in turn: mean AUROC of distances in pre-trained features",
    "auroc_autoencoder": "the same of an autoencoder's reconstruction error",
    "pca_ratio": "test error beside that of PCA with as many numbers, those of the largest bottleneck; 1 is no better",
    "error": "mean squared error of clean test pictures given back, white being 1",
    "analogies": "the share answered with the very word that was listed",
    "kinds": "the share of listed words whose nearest listed word is of their kind",
    "fid_in_cnn_mnist_features": "how far what was made lies from the test pictures, for our classifier; 0 is alike",
    "frechet_distance_of_pixels": "how far what was made lies from the test pictures, shrunk to 14 x 14; 0 is alike",
    "floor": "the same distance of real training pictures: about as near as can be",
    "sure": "what was made, as far as the classifier gives a class 90 % or more",
    "least": "share of the class that it sees least often in what was made",
    "most": "share of the class that it sees most often",
    "sure_of_real": "test pictures, as far as the classifier gives a class 90 % or more",
    "as_asked": "what was made and is seen as the class that was asked for",
}
MEANS = {  # of more: each label is looked for in turn, and the mean over all is told
    "auroc": "each label against the rest; 1 is perfect, 0.5 is chance",
    "f1": "precision and recall in one, mean over the labels",
    "precision": "how many of the finds are right, mean over the labels",
    "recall": "how many of those to find are found, mean over the labels",
}
NAMES = {"auroc": "AUROC", "f1": "F1", "brier": "Brier score", "mae": "MAE", "pca": "PCA", "psnr": "PSNR",
         "rmse": "RMSE"} | records.CALLED
JUMP = 0.2  # a word that moves the probability this far is underlined
PICTURE = re.compile(r"data:image/(png|jpeg);base64,[A-Za-z0-9+/=]*")
CHART = (600, 60)  # the word-by-word line's box; it is stretched to the page's width


def report(run) -> Path:
    """Write `report.md` and `report.html` from the run's files, and return the path of the latter.

    The page makes no outside request: style and figures are inside, and its own policy forbids anything else. Only
    `scores.json` must be there; each other part is left out where the run has no file for it.

    Raises:
        UserError: the run has not been scored, or one of its files is damaged.
    """
    page = contents(run)
    for name in ("report.md", "report.html"):  # the page last: it is what makes a run finished
        run.write_text(name, templates().get_template(name).render(page))
    return run.path("report.html")


def contents(run) -> dict:
    """What the templates show, by name."""
    scores = records.scores(run)
    source = records.source(run)
    config, provenance = records.mapping(run, "config.json"), records.mapping(run, "provenance.json")
    findings = found(run)
    rows = records.history(run)
    classes = tables.classes(run)
    sessions = [session for session in provenance.get("sessions") or [] if isinstance(session, dict)]
    sample = source["rung"] == "sample"
    return {
        "project": run.project, "run": run.name, "title": provenance.get("title") or run.project,
        "headline": headline(scores), "verdict": verdict(scores, source), "sample": sample,
        "source": source, "source_name": "sample data" if sample else records.told(source),
        "warning": (source["note"] or records.SAMPLE) if sample else "",
        "metrics": metrics(scores), "effort": origins.effort(scores, records.mapping(run, "training.json")),
        "plots": embedding.plots(run), "history": rows, "best": records.best_epoch(run, rows), "exhibits": shown(run),
        "classes": classes, "extremes": tables.extremes(classes), **findings, "poles": poles(scores),
        "wrong": wrong(scores), "config": config, "origin": origins.origin(source, sessions),
        "repeat": origins.repeat(sessions),
        "unclean": any(str(session.get("commit")).endswith("+changes") for session in sessions),
        "mixed": len({json.dumps([session.get("commit"), session.get("versions")]) for session in sessions}) > 1,
        "outrun": outrun(rows, scores),
    }


def outrun(rows: list[dict], scores: dict) -> str:
    """What is to be said where training has gone on since the scores were measured; else empty."""
    scored = scores.get("epochs")
    if not scored or len(rows) <= scored:
        return ""
    return (f"Training went on after this was scored: the scores are of {scored} epochs, the curves of {len(rows)}. "
            "Run the same command again to finish and score it.")


def headline(scores: dict) -> str:
    """The one number of the run: accuracy, or the metric that counts most."""
    name, value = first(scores)
    return wording.percent(value, digits(scores)) if name == "accuracy" else written(scores, name, value)


def written(scores: dict, name: str, value: float) -> str:
    """A metric's value, with its unit where the scores tell one."""
    unit = scores.get("units", {}).get(name)
    return f"{wording.number(value)}{wording.NARROW}{unit}" if unit else wording.number(value)


def first(scores: dict) -> tuple[str, float]:
    """The metric that counts most: the one the scores say, else accuracy, else the one named first."""
    values = scores["metrics"]
    name = next((name for name in (*scores.get("headline", ()), "accuracy", *values) if name in values), None)
    return (name, values[name]) if name else ("nothing measured", float("nan"))


def digits(scores: dict) -> int:
    """How many decimals the accuracy needs, in per cent: one, or two where one would hide most mistakes."""
    return 2 if 0.98 < scores["metrics"]["accuracy"] < 1 and (scores.get("n") or 0) >= 1000 else 1


def verdict(scores: dict, source: dict) -> str:
    """The result in one sentence, the data source in it."""
    values = scores["metrics"]
    sample = source["rung"] == "sample"
    kind = "sample" if sample else "real test" if source["rung"] else "test"
    many = wording.count(scores.get("n") or 0)
    what = f"{many} {kind} {scores.get('noun', 'examples')}"
    name, value = first(scores)
    if name == "accuracy":
        said = f"{wording.percent(value, digits(scores))} of {what} judged right"
    else:
        said = f"{title(name)} {written(scores, name, value)} on {what}"
    if name == "accuracy" and {"accuracy_low", "accuracy_high"} <= set(values):
        low, high = (f"{100 * values[name]:.{digits(scores)}f}" for name in ("accuracy_low", "accuracy_high"))
        said += f" (95{wording.NARROW}%: {low}\u00a0to\u00a0{high})"
    return said + (f": {records.SAMPLE}" if sample else "")


def title(name: str) -> str:
    """A metric's name as it is written."""
    if name in NAMES:
        return NAMES[name]
    first, *rest = name.split("_")
    return " ".join([NAMES.get(first, first.capitalize()), *rest])


def metrics(scores: dict) -> list[dict]:
    """All metrics but accuracy and its interval where the headline tells them."""
    meaning = MEANING | (MEANS if len(scores.get("labels") or []) > 2 else {})
    told = first(scores)[0] == "accuracy"
    return [{"name": title(name), "value": written(scores, name, value), "meaning": meaning.get(name, "")}
            for name, value in scores["metrics"].items() if not (told and name.startswith("accuracy"))]


def shown(run) -> list[dict]:
    """The recipe's own tables and figures, each with its `kind`, in the order in which they were first written."""
    found = [{"kind": "figure", **figure} for figure in embedding.figures(run)]
    try:
        found += [{"kind": "table", "index": stored["index"], "name": name, **tables.shown(stored)}
                  for name, stored in exhibits.tables(run).items()]
    except (TypeError, ValueError, AttributeError) as error:
        raise UserError(f"{run.path('tables')} holds a damaged table ({error!r}). {records.again(run)}") from error
    return sorted(found, key=lambda one: one["index"])


def found(run) -> dict:
    """The findings, ready to be shown; empty lists where the run has none."""
    known = records.mapping(run, "findings.json")
    try:
        return {"pictures": [picture(one) for one in known.get("pictures") or []],
                "reactions": [drawn(reaction) for reaction in known.get("reactions") or []],
                "mistakes": [{name: mistake[name] for name in ("label", "guess", "confidence", "text", "left_off")}
                             for mistake in known.get("mistakes") or []]}
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UserError(f"{run.path('findings.json')} is damaged ({error!r}). {records.again(run)}") from error


def picture(one: dict) -> dict:
    """A mistaken picture as the templates need it, if its address is a picture's and nothing else."""
    for name in ("picture", "heat"):
        if not PICTURE.fullmatch(one.get(name) or "data:image/png;base64,"):
            raise ValueError(f"{name} {one['index']} is no picture")
    shown = {name: one[name] for name in ("label", "guess", "confidence", "picture", "width", "height", "crisp")}
    return shown | {"heat": one.get("heat", "")}


def drawn(reaction: dict) -> dict:
    """A reaction with each word's shade (0 to 10), its jumps, and the line of its probabilities as SVG points."""
    p = reaction["probabilities"]
    width, height = CHART
    step = width / max(len(p) - 1, 1)
    moved = [0.0, *(after - before for before, after in itertools.pairwise(p))]
    words = [{"text": word, "shade": round(10 * value), "told": wording.confidence(value), "breaks": breaks,
              "jump": abs(change) >= JUMP}
             for word, value, breaks, change in zip(reaction["words"], p, reaction["breaks"], moved, strict=True)]
    points = " ".join(f"{i * step:.1f},{2 + (height - 4) * (1 - value):.1f}" for i, value in enumerate(p))
    return reaction | {"words": words, "points": points, "end": wording.confidence(p[-1]) if p else ""}


def poles(scores: dict) -> list[str]:
    """What the two ends of the colour scale mean."""
    labels = scores.get("labels") or []
    return labels if len(labels) == 2 else ["any other label", "the true label"]


def wrong(scores: dict) -> str:
    """How many were judged wrongly, in words; empty where it isn't known."""
    accuracy, n = scores["metrics"].get("accuracy"), scores.get("n")
    return wording.count((1 - accuracy) * n) if accuracy is not None and n else ""


@functools.cache
def templates() -> jinja2.Environment:
    """The templates beside this module; whatever they are given is disarmed, and escaped in HTML."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("dl100_tf.evaluation", "templates"), undefined=jinja2.StrictUndefined,
        autoescape=jinja2.select_autoescape(["html"], default=False), trim_blocks=True, lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=lambda value: wording.clean(value) if type(value) is str else value)
    environment.filters |= {"md": wording.markdown, "lines": lines,
                            **{name: getattr(wording, name)
                               for name in ("code", "number", "count", "share", "times", "confidence")}}
    return environment


def lines(text: str) -> str:
    """A text with its HTML line breaks as real ones, none of them double."""
    return re.sub(r"\s*\n\s*", "\n", re.sub(r"<br\s*/?>", "\n", text, flags=re.IGNORECASE)).strip()
