"""The versions that are loaded, and the way from one to the next: the new one serves before the old one goes.

After core/aspired_versions_manager.cc and core/availability_preserving_policy.cc. Requests find a version in a map that
is replaced as a whole, so that they need no lock; a version's memory is given back when the last request has let go.
"""

import contextlib
import dataclasses
import gc
import os
import threading
import time
import weakref

from dl100_tf.serving import metrics
from dl100_tf.serving.sources import log
from dl100_tf.serving.states import AVAILABLE, END, LOADING, START, UNLOADING, States
from dl100_tf.serving.status import CANCELLED, NOT_FOUND, ServingError, of

NEW, BUSY, READY, DONE = "new", "busy", "ready", "done"  # what a managed version is up to


SETTLED = 0.5  # seconds without a change, after which a version that failed to load may be complete


def _files(folder: str) -> list:
    """What lies in a version's folder, to see whether it changes."""
    found = []
    for place, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):
                about = os.stat(os.path.join(place, name))
                found.append((place, name, about.st_size, about.st_mtime_ns))
    return sorted(found)


class Handle:
    """What a request holds on to: a loaded version. `runner` is the model, or its batches."""

    def __init__(self, name: str, version: int, model, runner):
        self.name, self.version, self.model, self.runner = name, version, model, runner
        self.signatures = model.signatures
        self.loops = getattr(model, "loops", False)

    def run(self, feeds, fetches):
        """Ask the version, as `SavedModel.run`."""
        return self.runner.run(feeds, fetches)


@dataclasses.dataclass
class _Managed:
    """A version that is wanted, or was and isn't gone yet."""

    name: str
    version: int
    folder: str
    state: str = NEW
    aspired: bool = True
    handle: Handle | None = None
    unwanted: threading.Event = dataclasses.field(default_factory=threading.Event)


class Manager:
    """Loads, swaps and unloads versions as `aspire` wants them."""

    def __init__(self, settings, loader):
        """`loader(name, version, folder)` gives a `Handle`, warm, or raises a ServingError."""
        self._settings, self._loader = settings, loader
        self.states = States()
        self._managed: dict[tuple[str, int], _Managed] = {}
        self._pending: dict[str, dict[int, str]] = {}
        self._serving: dict[str, dict[int | None, Handle]] = {}
        self._lock = threading.RLock()
        self._loading = threading.Semaphore(max(1, settings.num_load_threads))
        self._unloading = threading.Semaphore(max(1, settings.num_unload_threads))
        self._closed = False

    def handle(self, name: str, version: int | None = None) -> Handle:
        """The loaded version of that number, or the highest one.

        Raises:
            ServingError: NOT_FOUND.
        """
        try:
            return self._serving[name][version]
        except KeyError:
            wanted = f"Latest({name})" if version is None else f"Specific({name}, {version})"
            raise ServingError(NOT_FOUND, f"Servable not found for request: {wanted}") from None

    def serving(self) -> dict[str, list[int]]:
        """The loaded versions of every model, the highest first."""
        return {name: sorted((number for number in versions if number is not None), reverse=True)
                for name, versions in self._serving.items()}

    def aspire(self, name: str, versions: dict[int, str]) -> None:
        """From now on serve these versions of a model ({number: folder}) and no others."""
        with self._lock:
            self._pending[name] = dict(versions)
            self._step()

    def _step(self) -> None:
        """Do all that can be done now: take in what is wanted, then unload and load."""
        with self._lock:
            if self._closed:
                return
            for name, versions in list(self._pending.items()):
                self._take_in(name, versions)
            for name in {managed.name for managed in self._managed.values()}:
                self._act([managed for managed in self._managed.values() if managed.name == name])

    def _take_in(self, name: str, versions: dict[int, str]) -> None:
        mine = {managed.version: managed for managed in self._managed.values() if managed.name == name}
        for number, managed in mine.items():
            if number not in versions and managed.aspired:
                managed.aspired = False
                managed.unwanted.set()
            if not managed.aspired and managed.state in (NEW, DONE):
                del self._managed[name, number]
        if any(not managed.aspired for number, managed in mine.items()
               if number in versions and (name, number) in self._managed):
            return  # a version that is wanted again has to be gone first; it stays pending
        del self._pending[name]
        for number, folder in versions.items():
            if (name, number) not in self._managed:
                self._managed[name, number] = _Managed(name, number, folder)
                self.states.put(name, number, START)

    def _act(self, versions: list[_Managed]) -> None:
        """The availability-preserving policy for one model: unload what isn't wanted once something wanted serves."""
        old = sorted((found for found in versions if not found.aspired and found.state == READY),
                     key=lambda found: found.version)
        wanted = [found for found in versions if found.aspired]
        free = not wanted or any(found.state == READY for found in wanted)
        for managed in old if free else old[:-1]:
            managed.state = BUSY
            self._begin(self._unload, managed)
        for managed in sorted(wanted, key=lambda found: -found.version):
            if managed.state == NEW:
                managed.state = BUSY
                self._begin(self._load, managed)

    def _begin(self, action, managed: _Managed) -> None:
        threading.Thread(target=action, args=(managed,), daemon=True,
                         name=f"{action.__name__.strip('_')} {managed.name} {managed.version}").start()

    def _load(self, managed: _Managed) -> None:
        """Load a version, again and again if need be, and serve it."""
        name, number = managed.name, managed.version
        self.states.put(name, number, LOADING)
        error, retries = None, self._settings.max_num_load_retries
        while not managed.unwanted.is_set():
            seen = _files(managed.folder)
            with self._loading:
                managed.handle, error = self._attempt(managed)
            if error is None:
                break
            log(f"Loading servable: {{name: {name} version: {number}}} failed: {error}")
            if retries <= 0:
                break
            retries -= not self._wait(managed, seen)
        with self._lock:
            if managed.handle is None:
                error = error or ServingError(CANCELLED, "the version was not wanted any more")
                managed.state = DONE
                self.states.put(name, number, END, error)
            else:
                managed.state = READY
                self._publish(managed.name, number, managed.handle)
                self.states.put(name, number, AVAILABLE)
                log(f"Successfully loaded servable version {{name: {name} version: {number}}}")
            self._step()

    def _attempt(self, managed: _Managed) -> tuple[Handle | None, ServingError | None]:
        start, handle, failed = time.monotonic(), None, None
        try:
            handle = self._loader(managed.name, managed.version, managed.folder)
        except Exception as error:
            failed = of(error)
        metrics.LOADS.add(1, managed.folder, "fail" if failed else "success")
        metrics.LOAD_LATENCY.add((time.monotonic() - start) * 1e6, managed.folder)
        return handle, failed

    def _wait(self, managed: _Managed, seen: list) -> bool:
        """Wait before the next attempt; True where the version's files have changed, and then come to rest.

        TensorFlow Serving waits a minute whatever happens; a version that was still being copied is ready sooner.
        """
        end = time.monotonic() + self._settings.load_retry_interval_micros / 1e6
        before = seen
        while not managed.unwanted.wait(max(0.0, min(SETTLED, end - time.monotonic()))):
            now = _files(managed.folder)
            if now == before != seen:
                return True
            if time.monotonic() >= end:
                return False
            before = now
        return False

    def _publish(self, name: str, number: int, handle: Handle | None) -> None:
        """Replace the map in which requests find versions; None takes a version out of it."""
        versions = {found: held for found, held in self._serving.get(name, {}).items() if found is not None}
        versions.pop(number, None)
        if handle is not None:
            versions[number] = handle
        serving = dict(self._serving)
        serving.pop(name, None)
        if versions:
            serving[name] = versions | {None: versions[max(versions)]}
        self._serving = serving

    def _unload(self, managed: _Managed) -> None:
        """Stop serving a version, wait for its last request, and give back its memory."""
        name, number = managed.name, managed.version
        with self._unloading:
            with self._lock:
                self._publish(name, number, None)
                self.states.put(name, number, UNLOADING)
                model, runner, idle = managed.handle.model, managed.handle.runner, threading.Event()
                weakref.finalize(managed.handle, idle.set)
                managed.handle = None
            seconds = 1.0
            while not idle.wait(seconds):  # what a failed request left behind may only be held by itself
                gc.collect()
                seconds *= 2
            if runner is not model:
                runner.close()
            model.close()
            del model, runner
            gc.collect()  # a graph refers to itself: 1.6 MB a version would wait for the next collection
        with self._lock:
            managed.state = DONE
            self.states.put(name, number, END)
            log(f"Done unloading servable version {{name: {name} version: {number}}}")
            self._step()

    def close(self) -> None:
        """Load and serve nothing any more."""
        with self._lock:
            self._closed = True
            for managed in self._managed.values():
                managed.unwanted.set()
            self._serving = {}
