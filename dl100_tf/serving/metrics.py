"""Counters and histograms under TensorFlow Serving's names, and the page that Prometheus reads them from.

TensorFlow Serving writes that page by itself (util/prometheus_exporter.cc), in a form that no client library for
Prometheus writes: names that begin with a colon, counters without `_total`.
"""

import bisect
import itertools
import re
import threading

NAME = re.compile(r"[^a-zA-Z0-9_]")
LATENCY = tuple(10 * 1.8**power for power in range(33))  # microseconds, up to twenty minutes
SIZES = tuple(2.0**power for power in range(15))
MOST_CELLS = 2000  # combinations of labels; names that requests make up must not fill the memory


class Metric:
    """A counter (without `buckets`) or a histogram, one for every combination of its labels' values."""

    def __init__(self, path: str, labels: tuple[str, ...], buckets: tuple[float, ...] = ()):
        self.name, self.labels, self.buckets = NAME.sub(":", path), labels, buckets
        self._cells, self._lock = {}, threading.Lock()

    def add(self, value: float, *labels: str) -> None:
        """Count `value` of a counter, or one event of the size `value` of a histogram."""
        with self._lock:
            cell = self._cells.get(labels)
            if cell is None:
                if len(self._cells) >= MOST_CELLS:
                    return
                cell = self._cells[labels] = [0] * (len(self.buckets) + 2) if self.buckets else [0]
            if self.buckets:
                cell[bisect.bisect_right(self.buckets, value)] += 1
                value = float(value)
            cell[-1] += value

    def cells(self) -> dict[tuple[str, ...], list]:
        """What was counted, by the labels' values; of a histogram the events by bucket and the sum."""
        with self._lock:
            return {labels: list(cell) for labels, cell in self._cells.items()}

    def lines(self) -> list[str]:
        """The metric as Prometheus reads it."""
        found = [f"# TYPE {self.name} {'histogram' if self.buckets else 'counter'}"]
        for values, cell in self.cells().items():
            labels = ",".join(f'{label}="{_escaped(value)}"' for label, value in zip(self.labels, values, strict=True))
            if not self.buckets:
                found.append(f"{self.name}{{{labels}}} {cell[0]}")
                continue
            front = f"{labels}," if labels else ""
            running = list(itertools.accumulate(cell[:-1]))
            limits = [f"{limit:g}" for limit in self.buckets] + ["+Inf"]
            found += [f'{self.name}_bucket{{{front}le="{limit}"}} {count}'
                      for limit, count in zip(limits, running, strict=True)]
            found += [f"{self.name}_sum{{{labels}}} {cell[-1]:g}", f"{self.name}_count{{{labels}}} {running[-1]}"]
        return found


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


REQUESTS = Metric("/tensorflow/serving/request_count", ("model_name", "status"))
REQUEST_LATENCY = Metric("/tensorflow/serving/request_latency", ("model_name", "API", "entrypoint"), LATENCY)
RUNTIME_LATENCY = Metric("/tensorflow/serving/runtime_latency", ("model_name", "API", "runtime"), LATENCY)
EXAMPLES = Metric("/tensorflow/serving/request_example_counts", ("model",), SIZES)
EXAMPLES_TOTAL = Metric("/tensorflow/serving/request_example_count_total", ("model",))
WARMUP_LATENCY = Metric("/tensorflow/serving/model_warmup_latency", ("model_path", "status"), LATENCY)
LOADS = Metric("/tensorflow/cc/saved_model/load_attempt_count", ("model_path", "status"))
LOAD_LATENCY = Metric("/tensorflow/cc/saved_model/load_latency", ("model_path",))
QUEUING_LATENCY = Metric("/tensorflow/serving/batching_session/queuing_latency", (), LATENCY)
INPUT_SIZE = Metric("/tensorflow/serving/batching_session/input_batch_size", (), SIZES)
BATCH_SIZE = Metric("/tensorflow/serving/batching_session/processed_batch_size", (), SIZES)
PADDING = Metric("/tensorflow/serving/batching_session/padding_size", ("execution_batch_size",), SIZES)
ALL = (REQUESTS, REQUEST_LATENCY, RUNTIME_LATENCY, EXAMPLES, EXAMPLES_TOTAL, WARMUP_LATENCY, LOADS, LOAD_LATENCY,
       QUEUING_LATENCY, INPUT_SIZE, BATCH_SIZE, PADDING)


def page() -> bytes:
    """All metrics as Prometheus reads them."""
    lines = itertools.chain.from_iterable(metric.lines() for metric in ALL if metric.cells())
    return ("\n".join(lines) + "\n").encode()
