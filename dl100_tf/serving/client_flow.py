"""How a client talks with a model server, whatever the wire: what it asks when, and what it asks again.

The conversations are generators that yield an `Ask` or a `Pause` and are sent the answer. They do no input or output
themselves, so blocking and asynchronous clients, REST and gRPC share them.
"""

import random
import time
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

from dl100_tf.errors import UserError
from dl100_tf.serving.client_signature import InputError, chosen, made_for

AGAIN = ("UNAVAILABLE", "RESOURCE_EXHAUSTED")  # the server says that it has done nothing
MISMATCH = ("INVALID_ARGUMENT", "FAILED_PRECONDITION")  # what a model with another signature answers


class ServerError(UserError):
    """A server didn't answer, or refused to.

    Attributes:
        code: gRPC's name for what is wrong, `NOT_FOUND`, over REST as well.
    """

    def __init__(self, message: str, code: str):
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class Ask:
    """One request, as a wire knows it.

    Attributes:
        what: the verb, for messages: `predict`.
        content: the request itself.
        timeout: seconds that are left for it.
    """

    what: str
    content: Any
    timeout: float = 0.0


@dataclass(frozen=True)
class Pause:
    """Seconds to wait before the next request."""

    seconds: float


@dataclass(frozen=True)
class Trouble:
    """What came instead of an answer.

    Attributes:
        code: gRPC's name for it.
        message: the server's words, or the network's.
        reached: whether a server answered at all.
        lost: whether the connection broke before it did.
        after: seconds that the server asks to wait.
    """

    code: str
    message: str
    reached: bool = True
    lost: bool = False
    after: float | None = None


@dataclass(frozen=True)
class Retry:
    """When a request is repeated, and after which pause.

    Repeated is what has not been done (nobody listens, 429, 503), and what changes nothing when it is done twice, which
    is so for every request here: one whose connection broke. What took too long is not: the server may still be at it,
    and asking again makes an overload worse. Pauses are drawn between 0 and `first`, 2 · `first`, 4 · `first`, ...
    seconds, so that a thousand clients don't come back at the same instant.

    Attributes:
        times: how often at most; 0: never.
        first: seconds that the first pause has at most.
        longest: seconds that any pause has at most.

    Source: https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter ("full jitter")
    """

    times: int = 3
    first: float = 0.1
    longest: float = 5.0

    def pause(self, attempt: int, trouble: Trouble) -> float | None:
        """Seconds before attempt `attempt` + 1, the first being 0; None where it isn't to be made."""
        if attempt >= self.times or not (trouble.lost or not trouble.reached or trouble.code in AGAIN):
            return None
        if trouble.code == "DEADLINE_EXCEEDED":
            return None
        drawn = random.uniform(0, min(self.longest, self.first * 2**attempt))
        return drawn if trouble.after is None else max(drawn, trouble.after)


class Flow:
    """The conversations with one model; each is a generator for `run` or `run_async`.

    Args:
        wire: makes requests and reads answers: `client_rest.Rest` or `client_grpc.Grpc`.
        retry: when to repeat.
        timeout: seconds for a whole conversation, repeats included.
    """

    def __init__(self, wire, retry: Retry, timeout: float):
        self.wire, self.retry, self.timeout = wire, retry, timeout
        self._known, self.version = None, None

    def status(self, timeout: float | None = None) -> Generator:
        """The versions and their states."""
        return self.wire.read_status((yield from self._ask(self.wire.status(), self._end(timeout))))

    def metadata(self, timeout: float | None = None) -> Generator:
        """The signatures by name, asked now and remembered."""
        return (yield from self._metadata(self._end(timeout), again=True))

    def predict(self, inputs, signature: str, timeout: float | None, **options) -> Generator:
        """Inputs to outputs, arrays by name; see `client.Model.predict`."""
        end, fresh = self._end(timeout), self._known is None
        known = yield from self._metadata(end)
        try:
            return (yield from self._predict(known, inputs, signature, end, options))
        except (InputError, ServerError) as error:
            if fresh or getattr(error, "code", MISMATCH[0]) not in MISMATCH:
                raise
            trouble = error
        # The server may have swapped the model for one with another signature since we asked for it.
        if (yield from self._metadata(end, again=True)) == known:
            raise trouble
        return (yield from self._predict(self._known, inputs, signature, end, options))

    def examples(self, verb: str, examples, context, signature: str | None, timeout: float | None) -> Generator:
        """The verbs `classify` and `regress`; see `client.Model`."""
        end = self._end(timeout)
        name = signature or made_for(verb, (yield from self._metadata(end)))
        ask = self.wire.examples(verb, examples, context, name)
        return self.wire.read_examples(verb, (yield from self._ask(ask, end)))

    def _predict(self, known, inputs, name: str, end: float, options) -> Generator:
        signature = chosen(known, name, self.wire.model)
        ask = self.wire.predict(signature, signature.fit(self.wire.model, inputs), **options)
        reply = yield from self._ask(ask, end, f" Its {signature}.")
        if not self.wire.answers(signature, reply):  # another version has come in between
            signature = chosen((yield from self._metadata(end, again=True)), name, self.wire.model)
        return self.wire.read_predict(signature, reply)

    def _metadata(self, end: float, again: bool = False) -> Generator:
        if self._known is None or again:
            reply = yield from self._ask(self.wire.metadata(), end)
            self._known, self.version = self.wire.read_metadata(reply), self.wire.read_version(reply)
        return self._known

    def _ask(self, ask: Ask, end: float, hint: str = "") -> Generator:
        """Ask until there is an answer, it makes no sense any more, or it is too late."""
        attempt = 0
        while True:
            left = end - time.monotonic()
            answer = (yield Ask(ask.what, ask.content, left)) if left > 0 else self._late()
            if not isinstance(answer, Trouble):
                return answer
            pause = self.retry.pause(attempt, answer)
            if pause is None or time.monotonic() + pause >= end:
                raise self._error(ask, answer, attempt, hint)
            yield Pause(pause)
            attempt += 1

    def _end(self, timeout: float | None) -> float:
        return time.monotonic() + (self.timeout if timeout is None else timeout)

    def _late(self) -> Trouble:
        return Trouble("DEADLINE_EXCEEDED", "no time was left", reached=False)

    def _error(self, ask: Ask, trouble: Trouble, attempt: int, hint: str) -> ServerError:
        where, said = self.wire.address, " ".join(trouble.message.split())[:500].rstrip(".")
        tried = f", asked {attempt + 1} times" if attempt else ""
        if trouble.code == "DEADLINE_EXCEEDED":
            told = f"{where} didn't answer in time ({said}): give it more with `timeout`, or ask for less at once."
        elif not trouble.reached:
            told = (f"no server answers at {where}{tried} ({said}): start one, for example with `dl100 serve`, or "
                    "correct the address.")
        else:
            told = f"{where} doesn't {ask.what} {self.wire.model}{tried} ({trouble.code}): {said}."
            told += hint if trouble.code == "INVALID_ARGUMENT" else ""
        return ServerError(told, trouble.code)


def run(steps: Generator, send) -> Any:
    """Carry a conversation out: `send` answers an `Ask`."""
    answer = None
    while True:
        try:
            step = steps.send(answer)
        except StopIteration as end:
            return end.value
        answer = time.sleep(step.seconds) if isinstance(step, Pause) else send(step)


async def run_async(steps: Generator, send) -> Any:
    """The same where `send` is a coroutine function; of asyncio and nothing else."""
    import asyncio

    answer = None
    while True:
        try:
            step = steps.send(answer)
        except StopIteration as end:
            return end.value
        answer = await (asyncio.sleep(step.seconds) if isinstance(step, Pause) else send(step))
