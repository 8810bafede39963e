"""A request's outcome: TensorFlow's status codes, how they read over HTTP, and the error that carries one."""

OK = 0
CANCELLED = 1
UNKNOWN = 2
INVALID_ARGUMENT = 3
DEADLINE_EXCEEDED = 4
NOT_FOUND = 5
ALREADY_EXISTS = 6
PERMISSION_DENIED = 7
RESOURCE_EXHAUSTED = 8
FAILED_PRECONDITION = 9
ABORTED = 10
OUT_OF_RANGE = 11
UNIMPLEMENTED = 12
INTERNAL = 13
UNAVAILABLE = 14
DATA_LOSS = 15
UNAUTHENTICATED = 16

NAMES = ("OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS",
         "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED",
         "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED")
# tensorflow_serving/model_servers/http_server.cc, ToHTTPStatusCode
HTTP = (200, 499, 500, 400, 504, 404, 409, 403, 429, 400, 409, 400, 501, 500, 503, 500, 401)


class ServingError(Exception):
    """A request, a load or a configuration failed: `code` is one of TensorFlow's, `message` what a client is told."""

    def __init__(self, code: int, message: str):
        super().__init__(message)
        self.code, self.message = code, message

    def __str__(self) -> str:
        """As TensorFlow writes a status: `INVALID_ARGUMENT: what is wrong`."""
        return f"{NAMES[self.code]}: {self.message}"


def invalid(message: str) -> ServingError:
    """The most frequent error, INVALID_ARGUMENT."""
    return ServingError(INVALID_ARGUMENT, message)


def of(error: BaseException) -> ServingError:
    """Any exception as a `ServingError`: TensorFlow's own keep their code and message.

    It has no traceback: who keeps it would keep the frames that it came through, and the version that they used.
    """
    if isinstance(error, ServingError):
        return error.with_traceback(None)
    code, message = getattr(error, "error_code", None), getattr(error, "message", None)
    if isinstance(code, int) and 0 < code < len(NAMES) and isinstance(message, str):
        return ServingError(code, message)
    if isinstance(error, MemoryError):
        return ServingError(RESOURCE_EXHAUSTED, "out of memory")
    return ServingError(INTERNAL, f"{type(error).__name__}: {error}")
