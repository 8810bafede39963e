"""Requests that arrive together run as one batch (batching_session.cc, shared_batch_scheduler.h).

A batch is run when it is full, or when its first request has waited long enough and a thread is free. All models share
the threads; a batch has requests of one version, one choice of outputs, and one shape but for the first dimension.
"""

import collections
import dataclasses
import itertools
import os
import threading
import time

import numpy as np

from dl100_tf.serving import metrics, text_protos
from dl100_tf.serving.status import FAILED_PRECONDITION, UNAVAILABLE, ServingError, invalid, of

PER_MODEL = "batching_params.pbtxt"


@dataclasses.dataclass(frozen=True)
class Parameters:
    """BatchingParameters with their defaults."""

    max_batch_size: int = 1000
    batch_timeout_micros: int = 0
    max_enqueued_batches: int = 10
    num_batch_threads: int = 0
    allowed_batch_sizes: tuple[int, ...] = ()
    pad_variable_length_inputs: bool = False
    enable_large_batch_splitting: bool = False
    max_execution_batch_size: int = 0

    @property
    def largest(self) -> int:
        """The rows that run at once at most."""
        split = self.enable_large_batch_splitting and self.max_execution_batch_size
        return self.max_execution_batch_size if split else self.max_batch_size


def parameters(file: str) -> Parameters:
    """What a file with `BatchingParameters` says; the defaults without a file.

    Raises:
        ServingError: it doesn't parse, or its sizes contradict each other.
    """
    if not file:
        return Parameters()
    proto = text_protos.read(file, "BatchingParameters")
    given = {}
    for field in dataclasses.fields(Parameters):
        value = getattr(proto, field.name)
        if field.name == "allowed_batch_sizes":
            given[field.name] = tuple(value)
        elif not hasattr(value, "value"):
            given[field.name] = value
        elif proto.HasField(field.name):
            given[field.name] = value.value
    made = Parameters(**given)
    sizes = made.allowed_batch_sizes
    if list(sizes) != sorted(set(sizes)):
        raise invalid("allowed_batch_sizes entries must be monotonically increasing")
    if sizes and sizes[-1] != made.largest:
        raise invalid(f"Last entry in allowed_batch_sizes must match max_batch_size; last entry was {sizes[-1]}; "
                      f"expected {made.largest}")
    if made.max_batch_size < 1 or made.max_enqueued_batches < 1 or made.batch_timeout_micros < 0:
        raise invalid("max_batch_size and max_enqueued_batches must be positive, batch_timeout_micros not negative")
    return made


class Task:
    """A request, or a part of one, on its way through a batch."""

    def __init__(self, arrays: list[np.ndarray], size: int):
        self.arrays, self.size, self.since = arrays, size, time.monotonic()
        self.answer, self.error, self.done = None, None, threading.Event()


class Queue:
    """The tasks of one way to run one model, cut into batches."""

    def __init__(self, batches: "Batches", feeds: tuple[str, ...], fetches: tuple[str, ...]):
        self.batches, self.feeds, self.fetches = batches, feeds, fetches
        self.waiting: collections.deque[list[Task]] = collections.deque()

    def add(self, tasks: list[Task]) -> None:
        """Take in tasks, all of them or none (the scheduler's lock is held).

        Raises:
            ServingError: UNAVAILABLE, the queue is full.
        """
        limits = self.batches.parameters
        free = (limits.max_enqueued_batches - len(self.waiting)) * limits.largest
        if self.waiting:
            free += max(0, limits.largest - sum(task.size for task in self.waiting[-1]))
        if sum(task.size for task in tasks) > free:
            raise ServingError(UNAVAILABLE, "The batch scheduling queue to which this task was submitted is full; "
                               f"currently {len(self.waiting)} batches enqueued and max_enqueued_batches is "
                               f"{limits.max_enqueued_batches}")
        for task in tasks:
            last = self.waiting[-1] if self.waiting else None
            if last is None or sum(other.size for other in last) + task.size > limits.largest:
                self.waiting.append([task])
            else:
                last.append(task)

    def due(self, now: float) -> float:
        """Seconds until the first batch may run; none or less: now."""
        limits, first = self.batches.parameters, self.waiting[0]
        if len(self.waiting) > 1 or sum(task.size for task in first) >= limits.largest:
            return 0.0
        return first[0].since + limits.batch_timeout_micros / 1e6 - now


class Scheduler:
    """The threads that run batches, for all models."""

    def __init__(self, threads: int = 0):
        self.changed = threading.Condition()
        self.queues: collections.deque[Queue] = collections.deque()
        for number in range(threads or os.cpu_count() or 1):
            threading.Thread(target=self._work, name=f"batch {number}", daemon=True).start()

    def _next(self) -> tuple[Queue, list[Task]]:
        with self.changed:
            while True:
                soonest, now = None, time.monotonic()
                for _ in range(len(self.queues)):
                    queue = self.queues[0]
                    self.queues.rotate(-1)  # so that every model has its turn
                    if not queue.waiting:
                        continue
                    due = queue.due(now)
                    if due <= 0:
                        return queue, queue.waiting.popleft()
                    soonest = due if soonest is None else min(soonest, due)
                self.changed.wait(soonest)

    def _work(self) -> None:
        while True:
            queue, tasks = self._next()
            queue.batches.process(queue, tasks)
            del queue, tasks  # who waits must not keep a model alive


class Batches:
    """A model whose requests run in batches: the same face as the model itself."""

    def __init__(self, model, scheduler: Scheduler, limits: Parameters):
        self.model, self.parameters, self._scheduler = model, limits, scheduler
        self._queues: dict[tuple, Queue] = {}

    def run(self, feeds: dict[str, np.ndarray], fetches: tuple[str, ...]) -> list[np.ndarray]:
        """As `SavedModel.run`; waits until its batch is done."""
        tasks = self._tasks(list(feeds.values()))
        key = tuple(feeds), fetches
        with self._scheduler.changed:
            queue = self._queues.get(key)
            if queue is None:
                queue = self._queues[key] = Queue(self, *key)
                self._scheduler.queues.append(queue)
            queue.add(tasks)
            self._scheduler.changed.notify()
        for task in tasks:
            task.done.wait()
            if task.error is not None:
                raise task.error
        if len(tasks) == 1:
            return tasks[0].answer
        return [np.concatenate(parts) for parts in zip(*(task.answer for task in tasks), strict=True)]

    def _tasks(self, arrays: list[np.ndarray]) -> list[Task]:
        """A request as tasks: one, or several where it is larger than a batch and may be split."""
        if not arrays:
            raise invalid("Batching Run() must have at least one input tensor")
        if any(array.ndim == 0 for array in arrays):
            raise invalid("Batching Run() input tensors must have at least one dimension")
        size = len(arrays[0])
        if any(len(array) != size for array in arrays):
            raise invalid("Batching Run() input tensors must have equal 0th-dimension size")
        metrics.INPUT_SIZE.add(size)
        limits = self.parameters
        if size > limits.max_batch_size:
            raise invalid(f"Task size {size} is larger than maximum input batch size {limits.max_batch_size}")
        step = limits.largest
        return [Task([array[start:start + step] for array in arrays], min(step, size - start))
                for start in range(0, max(size, 1), step)]

    def process(self, queue: Queue, tasks: list[Task]) -> None:
        """Run a batch and hand out its parts."""
        for task in tasks:
            metrics.QUEUING_LATENCY.add((time.monotonic() - task.since) * 1e6)
        try:
            answers = self._answers(queue, tasks)
        except Exception as error:
            if len(tasks) > 1:  # one of them is at fault; the others shall not suffer for it
                for task in tasks:
                    self.process(queue, [task])
                return
            answers, tasks[0].error = [None], of(error)
        for task, answer in zip(tasks, answers, strict=True):
            task.answer = answer
            task.done.set()

    def _answers(self, queue: Queue, tasks: list[Task]) -> list[list[np.ndarray]]:
        size = sum(task.size for task in tasks)
        rows = next((allowed for allowed in self.parameters.allowed_batch_sizes if allowed >= size), size)
        columns = zip(queue.feeds, zip(*(task.arrays for task in tasks), strict=True), strict=True)
        merged = {name: self._merged(name, parts, rows - size) for name, parts in columns}
        metrics.BATCH_SIZE.add(rows)
        metrics.PADDING.add(rows - size, str(rows))
        found = self.model.run(merged, queue.fetches)
        for array in found:
            if array.ndim == 0:
                raise ServingError(FAILED_PRECONDITION, "Batched output tensor has 0 dimensions")
            if len(array) != rows:
                raise ServingError(FAILED_PRECONDITION, "Batched output tensor's 0th dimension does not equal the sum "
                                   "of the 0th dimension sizes of the input tensors")
        starts = np.cumsum([0, *(task.size for task in tasks)])
        return [[array[start:end] for array in found] for start, end in itertools.pairwise(starts)]

    def _merged(self, name: str, parts: tuple[np.ndarray, ...], padding: int) -> np.ndarray:
        """The inputs of a batch one under the other, filled up with copies of the first row."""
        if len({part.dtype for part in parts}) > 1:
            raise invalid(f"Tensors with name '{name}' from different tasks have different types")
        if len({part.shape[1:] for part in parts}) > 1:
            parts = self._padded(name, parts)
        if padding:
            parts = (*parts, np.repeat(parts[0][:1], padding, axis=0))
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def _padded(self, name: str, parts: tuple[np.ndarray, ...]) -> tuple[np.ndarray, ...]:
        """Inputs of many lengths as long as the longest, filled up with their first value."""
        if not self.parameters.pad_variable_length_inputs or len({part.ndim for part in parts}) > 1:
            raise ServingError(FAILED_PRECONDITION, f"Tensors with name '{name}' from different tasks have different "
                               "shapes and padding is turned off. Set pad_variable_length_inputs to true, or ensure "
                               "that all tensors with the same name have equal dimensions starting with the first dim.")
        longest = np.max([part.shape[1:] for part in parts], axis=0)
        return tuple(np.pad(part, [(0, 0), *((0, most - size) for most, size in
                                             zip(longest, part.shape[1:], strict=True))], constant_values=part.flat[0])
                     for part in parts)

    def close(self) -> None:
        """Wait for no more requests."""
        with self._scheduler.changed:
            for queue in self._queues.values():
                self._scheduler.queues.remove(queue)
            self._queues.clear()
