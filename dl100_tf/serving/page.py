"""The page at `/`: models and versions, what can be asked of them, a form to try it, and how long it takes.

It shows what the API tells anyway, and changes nothing: its form asks the API. Nothing comes from another machine.
"""

import functools
import importlib.resources
import json

import jinja2

from dl100_tf import __version__
from dl100_tf.serving import metrics, states
from dl100_tf.serving.signatures import DEFAULT
from dl100_tf.serving.status import ServingError

FILES = {"/page.css": b"text/css; charset=utf-8", "/page.js": b"text/javascript; charset=utf-8"}
SAFE = [(b"content-security-policy", b"default-src 'self'; frame-ancestors 'none'; base-uri 'none'"),
        (b"x-content-type-options", b"nosniff"), (b"referrer-policy", b"no-referrer"), (b"cache-control", b"no-store")]


@functools.cache
def _file(name: str) -> str:
    return (importlib.resources.files("dl100_tf.serving") / "templates" / name).read_text("utf-8")


class Page:
    """Answers for `/`, its style, its script, and what the script shows."""

    def __init__(self, core):
        self._core = core

    def __call__(self, method: str, target: str) -> tuple[bytes, list] | None:
        """The body and the headers for a path; None where the page has nothing there."""
        if method != "GET":
            return None
        if target == "/":
            text, kind = jinja2.Environment(autoescape=True).from_string(_file("page.html")).render(
                version=__version__), b"text/html; charset=utf-8"
        elif target in FILES:
            text, kind = _file(target[1:]), FILES[target]
        elif target == "/page.json":
            text, kind = json.dumps(self.facts()), b"application/json"
        else:
            return None
        return text.encode(), [(b"content-type", kind), *SAFE]

    def facts(self) -> dict:
        """What the page shows: the models, and requests and time by model and API."""
        counts = [{"model": labels[0], "api": labels[1] or "status", "entrypoint": labels[2], "count": sum(cell[:-1]),
                   "mean_ms": cell[-1] / 1000 / max(sum(cell[:-1]), 1), "p99_ms": _percentile(cell[:-1], 0.99) / 1000}
                  for labels, cell in metrics.REQUEST_LATENCY.cells().items()]
        return {"models": [self._model(model.name) for model in self._core.models()], "requests": counts}

    def _model(self, name: str) -> dict:
        versions, signatures = [], {}
        try:
            for version, (state, error) in self._core.statuses(name).items():
                versions.append({"version": version, "state": states.NAMES[state], "error": str(error or "")})
            handle = self._core.find(name, None, None)
            ordered = sorted(handle.signatures.items(), key=lambda item: item[0] != DEFAULT)  # that one is tried first
            signatures = {key: _signature(found) for key, found in ordered if found.method}
        except ServingError:  # not loaded yet, or not any more
            pass
        return {"name": name, "versions": versions, "labels": self._core.labels(name), "signatures": signatures}


def _signature(found) -> dict:
    return {"method": found.method, "inputs": _slots(found.inputs), "outputs": _slots(found.outputs)}


def _slots(slots: dict) -> dict:
    return {name: {"type": slot.kind.name, "shape": None if slot.shape is None else list(slot.shape)}
            for name, slot in slots.items()}


def _percentile(counts: list[int], part: float) -> float:
    """The upper edge of the bucket in which that part of all events lies, in microseconds."""
    total, seen = sum(counts), 0
    for limit, count in zip(metrics.LATENCY, counts, strict=False):
        seen += count
        if seen >= part * total:
            return limit
    return metrics.LATENCY[-1]
