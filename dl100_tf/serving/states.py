"""What became of every version: its state, its error, and waiting for them (core/servable_state_monitor.cc)."""

import threading

from dl100_tf.serving.status import ServingError

START, LOADING, AVAILABLE, UNLOADING, END = 10, 20, 30, 40, 50  # ModelVersionStatus.State
NAMES = {START: "START", LOADING: "LOADING", AVAILABLE: "AVAILABLE", UNLOADING: "UNLOADING", END: "END"}


class States:
    """The last known state of every version; those that ended stay in it, as in TensorFlow Serving."""

    def __init__(self):
        self._found: dict[str, dict[int, tuple[int, ServingError | None]]] = {}
        self._changed = threading.Condition()

    def put(self, name: str, version: int, state: int, error: ServingError | None = None) -> None:
        """Note a version's state, and its error where it ended by one."""
        with self._changed:
            self._found.setdefault(name, {})[version] = state, error
            self._changed.notify_all()

    def of(self, name: str) -> dict[int, tuple[int, ServingError | None]]:
        """State and error of each of a model's versions, the highest first; empty where nobody knows the model."""
        with self._changed:
            return dict(sorted(self._found.get(name, {}).items(), reverse=True))

    def forget(self, names) -> None:
        """Forget what these models' versions were: what follows is a new life."""
        with self._changed:
            for name in names:
                ended = {version: found for version, found in self._found.pop(name, {}).items() if found[0] != END}
                if ended:
                    self._found[name] = ended

    def wait(self, names, wanted=lambda: True, step: float = 0.2) -> dict[str, dict]:
        """Wait until each model has a version that is available or has ended, or nobody waits any more.

        Args:
            names: the models.
            wanted: asked now and then whether to go on waiting.
            step: seconds between two questions.

        Returns:
            The versions' states of those models of which none is available.
        """
        with self._changed:
            while not all(any(state in (AVAILABLE, END) for state, _ in self._found.get(name, {}).values())
                          for name in names) and wanted():
                self._changed.wait(step)
            return {name: dict(self._found.get(name, {})) for name in names
                    if AVAILABLE not in {state for state, _ in self._found.get(name, {}).values()}}
