"""The REST API: which request is meant, and its answer (http_rest_api_handler.cc, http_rest_api_util.cc)."""

import dataclasses
import functools
import json
import re
import time
import urllib.parse

from dl100_tf.serving import example_json, inference, json_writer, metrics, predict_json, signatures, states
from dl100_tf.serving.status import FAILED_PRECONDITION, HTTP, NAMES, OK, ServingError, invalid, of

WHICH = r"(?:/versions/([0-9]+)|/labels/([^/:]+))?"
ASK = re.compile(rf"/v1/models/([^/:]+){WHICH}:(classify|regress|predict)", re.IGNORECASE)
LOOK = re.compile(rf"/v1/models(?:/([^/:]+))?{WHICH}(?:/(metadata))?", re.IGNORECASE)
OURS = re.compile(r"/v1/.*", re.IGNORECASE)
CORS = ((b"access-control-allow-origin", b"*"), (b"access-control-allow-methods", b"POST, GET"),
        (b"access-control-allow-headers", b"Content-Type"))


@dataclasses.dataclass(frozen=True, slots=True)
class Route:
    """What a request's first line asks for; `verb` is empty where it is none of the API's requests."""

    verb: str  # predict, classify, regress, status, metadata
    name: str = ""
    version: int | None = None
    label: str | None = None
    method: str = ""  # as metrics tell it


@functools.lru_cache(1024)
def route(method: str, target: str) -> Route:
    """The `Route` of a method and a target (path and query, as they were sent).

    Raises:
        ServingError: the version's number is too large.
    """
    found = {"POST": ASK, "GET": LOOK}[method].fullmatch(target) if method in ("POST", "GET") else None
    if found is None:
        return Route("")
    name, version, label, last = found.groups()
    if version is not None and int(version) >= 1 << 63:
        raise invalid(f"Failed to convert version: {version} to numeric.")
    if method == "GET":
        verb, last = "metadata" if last == "metadata" else "status", ""
    else:
        verb = last if last == last.lower() else ""
    return Route(verb, _decoded(name or ""), int(version) if version else None, _decoded(label) if label else None,
                 last)


def _decoded(text: str) -> str:
    return urllib.parse.unquote_to_bytes(text.encode("latin-1")).decode("utf-8", "replace")


class Rest:
    """Answers the API's requests; it doesn't know how they arrive."""

    def __init__(self, core, settings):
        self._core, self._settings = core, settings

    def answer(self, method: str, target: str, body: bytes, origin: str = "") -> tuple[int, bytes]:
        """The HTTP status and the JSON body of the answer."""
        start, wanted, code, text = time.perf_counter(), Route(""), OK, b""
        try:
            if method == "OPTIONS":
                if not re.search("https?://", origin):
                    raise ServingError(FAILED_PRECONDITION, "Origin header is missing in CORS preflight")
            else:
                wanted = route(method, target)
        except ServingError as error:
            code = error.code  # of these TensorFlow Serving sends the status alone
        else:
            code, text = (OK, b"") if method == "OPTIONS" else self._tried(method, target, wanted, body)
        if code == OK:
            metrics.REQUEST_LATENCY.add((time.perf_counter() - start) * 1e6, wanted.name, wanted.method, "REST")
        metrics.REQUESTS.add(1, wanted.name, NAMES[code])
        return HTTP[code], text

    def _tried(self, method: str, target: str, wanted: Route, body: bytes) -> tuple[int, bytes]:
        try:
            if not wanted.verb:
                raise invalid(f"Malformed request: {method} {target}")
            return OK, getattr(self, f"_{wanted.verb}")(wanted, body)
        except Exception as error:
            told = of(error)
            return told.code, json_writer.error(told.message)

    def _predict(self, wanted: Route, body: bytes) -> bytes:
        found = []

        def inputs_of(name: str) -> dict:
            handle = found[0] if found else self._core.find(wanted.name, wanted.version, wanted.label)
            found[:] = [handle]  # one version for the whole request, whatever is swapped meanwhile
            return signatures.for_rest(handle.signatures, name).inputs

        name, layout, given = predict_json.read(body, inputs_of, self._settings.max_json_depth)
        handle, start = found[0], time.perf_counter()
        outputs = inference.predict(handle, handle.signatures[name or signatures.DEFAULT], given,
                                    check_method=self._settings.enable_signature_method_name_check)
        metrics.RUNTIME_LATENCY.add((time.perf_counter() - start) * 1e6, wanted.name, "Predict", "TF1")
        if not outputs:
            raise invalid("Cannot convert empty tensor map to JSON")
        return (json_writer.rows if layout == predict_json.ROWS else json_writer.columns)(outputs)

    def _asked(self, wanted: Route, body: bytes, method: str):
        """The version, signature and examples of a classify or regress request."""
        name, examples = example_json.read(body, self._settings.max_json_depth)
        handle, check = self._core.find(wanted.name, wanted.version, wanted.label), (
            self._settings.enable_signature_method_name_check)
        return handle, inference.named(handle, name, method, check), examples, check

    def _classify(self, wanted: Route, body: bytes) -> bytes:
        results = inference.classify(*self._asked(wanted, body, signatures.CLASSIFY))
        self._count(wanted.name, len(results))
        return json_writer.classifications(results)

    def _regress(self, wanted: Route, body: bytes) -> bytes:
        results = inference.regress(*self._asked(wanted, body, signatures.REGRESS))
        self._count(wanted.name, len(results))
        return json_writer.regressions(results)

    def _count(self, name: str, examples: int) -> None:
        metrics.EXAMPLES.add(examples, name)
        metrics.EXAMPLES_TOTAL.add(examples, name)

    def _status(self, wanted: Route, body: bytes) -> bytes:
        if not wanted.name:
            raise invalid("Missing model name in request.")
        found = [{"version": str(version), "state": states.NAMES[state],
                  "status": {"error_code": NAMES[error.code if error else OK],
                             "error_message": error.message if error else ""}}
                 for version, (state, error) in self._core.statuses(wanted.name, wanted.version).items()]
        return (json.dumps({"model_version_status": found}, indent=1, ensure_ascii=False) + "\n").encode()

    def _metadata(self, wanted: Route, body: bytes) -> bytes:
        if not wanted.name:
            raise invalid("Missing model name in request.")
        handle = self._core.find(wanted.name, wanted.version, wanted.label)
        spec = {"name": handle.name, "signature_name": "", "version": str(handle.version)}
        found = {name: _plain(definition) for name, definition in handle.model.signature_defs.items()}
        return (json.dumps({"model_spec": spec, "metadata": {"signature_def": {"signature_def": found}}}, indent=1,
                           ensure_ascii=False) + "\n").encode()


def _plain(message) -> dict:
    from google.protobuf import json_format

    return json_format.MessageToDict(message, always_print_fields_with_no_presence=True,
                                     preserving_proto_field_name=True)
