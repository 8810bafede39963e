"""TensorFlow Serving's REST API as requests and answers: URLs, JSON bodies, base64, NaN.

Source: https://www.tensorflow.org/tfx/serving/api_rest, and `util/json_tensor.cc` of TensorFlow Serving where the guide
is silent or wrong (`results`, not `result`).
"""

import base64
import binascii
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import numpy as np

from dl100_tf.errors import UserError
from dl100_tf.serving.client_flow import Ask, ServerError, Trouble
from dl100_tf.serving.client_signature import STRING, InputError, Signature, Tensor, empty_inside, feature, parsed

CODES = {400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND",
         405: "UNIMPLEMENTED", 408: "DEADLINE_EXCEEDED", 409: "ABORTED", 413: "INVALID_ARGUMENT",
         429: "RESOURCE_EXHAUSTED", 499: "CANCELLED", 501: "UNIMPLEMENTED", 502: "UNAVAILABLE", 503: "UNAVAILABLE",
         504: "DEADLINE_EXCEEDED"}


def address(server: str) -> str:
    """A server's address as the beginning of its URLs: `localhost:8501` becomes `http://localhost:8501`.

    Raises:
        UserError: it is no HTTP address.
    """
    found = server if "://" in server else f"http://{server}"
    if not found.startswith(("http://", "https://")) or not found.split("://", 1)[1].strip("/"):
        raise UserError(f"{server!r} is no address of a REST server: give one like http://localhost:8501.")
    return found.rstrip("/")


class Rest:
    """The wire: makes the requests for one model, and makes arrays of the answers.

    A request's content is its HTTP method, its path and its body; an answer is the decoded JSON.

    Attributes:
        address: of the server.
        model, version, label: what is asked; without version and label, the highest version that is loaded.
    """

    def __init__(self, server: str, model: str, version: int | None = None, label: str | None = None):
        self.address, self.model, self.version, self.label = address(server), model, version, label
        part = f"/versions/{version}" if version is not None else f"/labels/{quote(label, safe='')}" if label else ""
        self.path = f"/v1/models/{quote(model, safe='')}{part}"

    def status(self) -> Ask:
        """The request for the versions and their states."""
        return Ask("tell the status of", ("GET", self.path, None))

    def metadata(self) -> Ask:
        """The request for the signatures."""
        return Ask("describe", ("GET", f"{self.path}/metadata", None))

    def predict(self, signature: Signature, inputs: dict[str, np.ndarray], rows: bool = False) -> Ask:
        """The request for a prediction; see `client.Model.predict`."""
        for name, array in inputs.items():
            if empty_inside(array) or (rows and not len(np.atleast_1d(array))):
                raise InputError(f"{name} is empty, and JSON can't say of what shape: give one example at least, or "
                                 "ask over gRPC.")
        lists = {name: array.tolist() for name, array in inputs.items()}
        if not rows:
            return self._post("predict", {"signature_name": signature.name, "inputs": lists})
        counts = {array.shape[:1] for array in inputs.values()}
        if len(counts) > 1 or () in counts:
            raise InputError(f"inputs in rows have one length, these have {sorted(counts)}: ask with rows=False.")
        instances = ([dict(zip(lists, row, strict=True)) for row in zip(*lists.values(), strict=True)]
                     if len(lists) > 1 else next(iter(lists.values())))
        return self._post("predict", {"signature_name": signature.name, "instances": instances})

    def examples(self, verb: str, examples, context, signature: str) -> Ask:
        """The request to classify or regress examples; see `client.Model.classify`."""
        body: dict[str, Any] = {"signature_name": signature}
        if context:
            body["context"] = _features(context)
        return self._post(verb, body | {"examples": [_features(example) for example in examples]})

    def _post(self, verb: str, body: dict) -> Ask:
        try:  # NaN and Infinity go as they are, which is no standard JSON and what TensorFlow Serving reads
            content = json.dumps(body, ensure_ascii=False, separators=(",", ":"), default=_leaf).encode()
        except UnicodeEncodeError:
            raise InputError("a text has half a character in it, which UTF-8 can't say: give it as bytes.") from None
        return Ask(verb, ("POST", f"{self.path}:{verb}", content))

    def read_status(self, reply) -> list[dict]:
        """Versions and states of a status answer, highest version first."""
        found = [{"version": int(one["version"]), "state": one["state"],
                  "code": one.get("status", {}).get("error_code", "OK"),
                  "message": one.get("status", {}).get("error_message", "")}
                 for one in self._part(reply, "model_version_status")]
        return sorted(found, key=lambda one: -one["version"])

    def read_metadata(self, reply) -> dict[str, Signature]:
        """Signatures of a metadata answer."""
        return parsed(self._part(self._part(self._part(reply, "metadata"), "signature_def"), "signature_def"))

    def read_version(self, reply) -> int:
        """The version that a metadata answer is about."""
        return int(self._part(self._part(reply, "model_spec"), "version"))

    def answers(self, signature: Signature, reply) -> bool:
        """Whether the answer has the outputs that the signature gives."""
        found = reply.get("outputs") if "outputs" in reply else (self._part(reply, "predictions") or [None])[0]
        names = set(found) if isinstance(found, dict) and set(found) != {"b64"} else None
        return names == (set(signature.outputs) if len(signature.outputs) > 1 else None)

    def read_predict(self, signature: Signature, reply) -> dict[str, np.ndarray]:
        """Arrays of a prediction, by the outputs' names."""
        if not self.answers(signature, reply):
            raise self._foreign("outputs that its metadata don't tell of")
        one = next(iter(signature.outputs)) if len(signature.outputs) == 1 else None
        if "outputs" in reply:
            columns = {one: reply["outputs"]} if one else reply["outputs"]
        else:
            rows = reply["predictions"]
            columns = {one: rows} if one else {name: [row[name] for row in rows] for name in signature.outputs}
        return {name: self._array(tensor, columns[name]) for name, tensor in signature.outputs.items()}

    def read_examples(self, verb: str, reply) -> dict[str, np.ndarray] | np.ndarray:
        """Classes and scores (n, k), or values (n,), of a classify or regress answer."""
        results = self._part(reply, "results")
        if verb == "regress":
            return self._array(Tensor("values", "DT_FLOAT", None), results)
        return {name: self._array(Tensor(name, dtype, None), [[pair[i] for pair in row] for row in results])
                for i, (name, dtype) in enumerate((("classes", STRING), ("scores", "DT_FLOAT")))}

    def read(self, status: int, body: bytes, after: str | None = None):
        """An HTTP answer as decoded JSON, or as `Trouble`.

        Bytes that are no UTF-8, which the server lets pass in outputs not named `..._bytes`, become lone surrogates:
        `text.encode("utf-8", "surrogateescape")` has them again.
        """
        text = body.decode("utf-8", "surrogateescape")
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):
            found = None
        if status == 200 and isinstance(found, dict):
            return found
        said = found.get("error") if isinstance(found, dict) else None
        if status == 200:
            return Trouble("INTERNAL", f"its answer is no JSON object: {text[:100]!r}; is it TensorFlow Serving's API?")
        code = CODES.get(status, "UNKNOWN" if status < 500 else "INTERNAL")
        return Trouble(code, str(said or f"HTTP {status}, {text[:200]!r}"),
                       after=float(after) if after and after.strip().isdigit() else None)

    def _array(self, tensor: Tensor, value) -> np.ndarray:
        try:
            array = (Tensor(tensor.name, STRING, None).fit(_plain(value)) if tensor.dtype == STRING else
                     np.array(value, tensor.numpy))
        except (ValueError, TypeError, InputError, binascii.Error) as error:
            raise self._foreign(f"{tensor.name} in a form that isn't {tensor} ({error})") from error
        if not array.size and tensor.shape and array.ndim < len(tensor.shape):  # [] may stand for (0, 10)
            array = array.reshape(array.shape + tuple(size or 0 for size in tensor.shape[array.ndim:]))
        return array

    def _part(self, reply, name: str):
        if not isinstance(reply, Mapping) or name not in reply:
            raise self._foreign(f"an answer without {name!r}")
        return reply[name]

    def _foreign(self, what: str) -> ServerError:
        return ServerError(f"{self.address} gave {what} for {self.model}: is it TensorFlow Serving's API?", "INTERNAL")


def _leaf(value):
    """What `json` doesn't know: bytes go as base64."""
    if isinstance(value, bytes | bytearray | memoryview):
        return {"b64": base64.b64encode(value).decode()}
    raise InputError(f"JSON can't carry {type(value).__name__}: ask over gRPC.")


def _features(example) -> dict:
    """The features of a `tf.train.Example`."""
    if not isinstance(example, Mapping):
        raise InputError(f"an example is a dict of features, this is {type(example).__name__}.")
    return {name: feature(name, value) for name, value in example.items()}


def _plain(value):
    """Strings as the server writes them, base64 undone."""
    if isinstance(value, list):
        return [_plain(part) for part in value]
    return base64.b64decode(value["b64"], validate=True) if isinstance(value, dict) and "b64" in value else value
