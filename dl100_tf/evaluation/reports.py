"""The report of a run: `report.md`, and `report.html` that needs nothing but itself."""

import base64
import functools
import itertools
import json
import re
from pathlib import Path

import jinja2

from dl100_tf.errors import UserError
from dl100_tf.evaluation import records, wording

PLOTS = {
    "history": "Loss and accuracy by epoch, in training and validation.",
    "confusion": "Confusion matrix: true classes by row, judged classes by column.",
    "roc": "ROC curve: true positive rate over false positive rate.",
    "reliability": "Reliability diagram: accuracy over confidence, above a histogram of confidence.",
}
MEANING = {  # of two labels: the second is what is looked for
    "loss": "cross-entropy; 0 is perfect",
    "auroc": "1 ranks every example rightly, 0.5 is chance",
    "f1": "precision and recall in one",
    "precision": "how many of the finds are right",
    "recall": "how many of those to find are found",
    "brier": "squared error of the probability; 0 is perfect",
    "calibration_error": "how far confidence is from accuracy, on average",
}
NAMES = {"auroc": "AUROC", "f1": "F1", "brier": "Brier score"}
JUMP = 0.2  # a word that moves the probability this far is underlined
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
    sessions = [session for session in provenance.get("sessions") or [] if isinstance(session, dict)]
    sample = source["rung"] == "sample"
    return {
        "project": run.project, "run": run.name, "title": provenance.get("title") or run.project,
        "headline": headline(scores), "verdict": verdict(scores, source), "sample": sample,
        "source": source, "source_name": "sample data" if sample else
                                         records.SOURCES.get(source["rung"], source["rung"] or "source not noted"),
        "warning": (source["note"] or records.SAMPLE) if sample else "",
        "metrics": metrics(scores["metrics"]), "effort": effort(scores, records.mapping(run, "training.json")),
        "plots": plots(run), "history": rows, "best": records.best_epoch(run, rows),
        "reactions": findings["reactions"],
        "poles": poles(scores), "mistakes": findings["mistakes"],
        "wrong": wrong(scores), "config": config, "origin": origin(source, sessions), "repeat": repeat(sessions),
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
    """The one number of the run: accuracy where there is one, else the metric named first."""
    values = scores["metrics"]
    if "accuracy" in values:
        return wording.percent(values["accuracy"])
    return wording.number(next(iter(values.values()))) if values else "\u2013"


def verdict(scores: dict, source: dict) -> str:
    """The result in one sentence, the data source in it."""
    values = scores["metrics"]
    sample = source["rung"] == "sample"
    kind = "sample" if sample else "real test" if source["rung"] else "test"
    many = wording.count(scores.get("n") or 0)
    what = f"{many} {kind} {scores.get('noun', 'examples')}"
    if "accuracy" in values:
        said = f"{wording.percent(values['accuracy'])} of {what} judged right"
    else:
        name, value = next(iter(values.items()), ("nothing measured", float("nan")))
        said = f"{title(name)} {wording.number(value)} on {what}"
    if "accuracy" in values and {"accuracy_low", "accuracy_high"} <= set(values):
        low, high = (f"{100 * values[name]:.1f}" for name in ("accuracy_low", "accuracy_high"))
        said += f" (95{wording.NARROW}%: {low}\u00a0to\u00a0{high})"
    return said + (f": {records.SAMPLE}" if sample else "")


def title(name: str) -> str:
    """A metric's name as it is written."""
    return NAMES.get(name) or name.replace("_", " ").capitalize()


def metrics(values: dict) -> list[dict]:
    """All metrics but accuracy and its interval, which the headline tells."""
    return [{"name": title(name), "value": wording.number(value), "meaning": MEANING.get(name, "")}
            for name, value in values.items() if not name.startswith("accuracy")]


def effort(scores: dict, training: dict) -> list[str]:
    """What it took: time, epochs, parameters; what isn't known is left out."""
    known = training | {name: value for name, value in scores.items() if value is not None}
    said = []
    if known.get("train_seconds") is not None:
        said.append(f"trained in {wording.duration(known['train_seconds'])}")
    if known.get("epochs") is not None:
        best = f", the best was number {training['best_epoch']}" if training.get("best_epoch") else ""
        said.append(f"{wording.count(known['epochs'])} epoch{'s' * (known['epochs'] != 1)}{best}")
    if known.get("parameters") is not None:
        said.append(f"{wording.count(known['parameters'])} parameters")
    if training.get("stopped_early"):
        said.append("stopped early")
    return said


def plots(run) -> list[dict]:
    """The figures that are there, as data URIs."""
    there = []
    for name, alt in PLOTS.items():
        light, dark = run.path(f"plots/{name}.png"), run.path(f"plots/{name}-dark.png")
        if light.is_file():
            there.append({"name": name, "alt": alt, "light": embedded(light),
                          "dark": embedded(dark) if dark.is_file() else ""})
    return there


def embedded(path: Path) -> str:
    """A PNG file as a data URI."""
    return "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode()


def found(run) -> dict:
    """The findings, ready to be shown; empty lists where the run has none."""
    known = records.mapping(run, "findings.json")
    try:
        return {"reactions": [drawn(reaction) for reaction in known.get("reactions") or []],
                "mistakes": [{name: mistake[name] for name in ("label", "guess", "confidence", "text", "left_off")}
                             for mistake in known.get("mistakes") or []]}
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UserError(f"{run.path('findings.json')} is damaged ({error!r}). {records.again(run)}") from error


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


def origin(source: dict, sessions: list[dict]) -> dict[str, str]:
    """Where the result comes from: data, machine, versions, times. Folders are left out, as reports travel."""
    said = {"data": records.SOURCES.get(source["rung"], source["rung"]), "data digest": source["digest"]}
    if sessions:
        first = sessions[0]
        versions = {"python": first.get("python"), **(first.get("versions") or {})}
        said |= {"started": first.get("started"), "sessions": len(sessions), "commit": first.get("commit"),
                 "processor": first.get("cpu"), "cores": first.get("cores"), "platform": first.get("platform"),
                 "switches": ", ".join(f"{name}={value}" for name, value in (first.get("environment") or {}).items()
                                       if not name.startswith("DL100_")),
                 "versions": ", ".join(f"{name} {value}" for name, value in versions.items() if value)}
    return {name: str(value) for name, value in said.items() if value}


def repeat(sessions: list[dict]) -> list[str]:
    """The commands that make this run again, each once, in their order; empty where nothing was noted."""
    commands = list(dict.fromkeys(str(session["command"]) for session in sessions if session.get("command")))
    if not commands:
        return []
    versions = sessions[0].get("versions") or {}
    pinned = " ".join(f"{name}=={value}" for name, value in versions.items() if value and name != "dl100_tf")
    commit = str(sessions[0].get("commit") or "").removesuffix("+changes")
    return [*([f"git checkout {commit}"] if commit else []), *([f"pip install {pinned}"] if pinned else []), *commands]


@functools.cache
def templates() -> jinja2.Environment:
    """The templates beside this module; whatever they are given is disarmed, and escaped in HTML."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("dl100_tf.evaluation", "templates"), undefined=jinja2.StrictUndefined,
        autoescape=jinja2.select_autoescape(["html"], default=False), trim_blocks=True, lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=lambda value: wording.clean(value) if type(value) is str else value)
    environment.filters |= {"md": wording.markdown, "code": wording.code, "number": wording.number,
                            "count": wording.count, "confidence": wording.confidence, "lines": lines}
    return environment


def lines(text: str) -> str:
    """A text with its HTML line breaks as real ones, none of them double."""
    return re.sub(r"\s*\n\s*", "\n", re.sub(r"<br\s*/?>", "\n", text, flags=re.IGNORECASE)).strip()
