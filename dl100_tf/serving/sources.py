"""Which versions of a model should be served, from what lies in its folder (file_system_storage_path_source.cc)."""

import os
import re
import sys
import threading

from dl100_tf.serving.status import ServingError, invalid

NUMBER = re.compile(r"\s*[+-]?[0-9]+\s*")
INT64 = range(-(1 << 63), 1 << 63)


def log(line: str) -> None:
    """Tell whoever runs the server."""
    print(line, file=sys.stderr, flush=True)


def found(base_path: str, name: str) -> dict[int, str]:
    """The versions in a model's folder: {number: folder}; what isn't named by a number is none.

    Raises:
        ServingError: there is no such folder, or it can't be read.
    """
    if not os.path.exists(base_path):
        raise invalid(f"Could not find base path {base_path} for servable {name} with error NOT_FOUND: {base_path} "
                      "not found")
    try:
        children = sorted(os.listdir(base_path))
    except OSError as error:
        raise invalid(f"Could not read base path {base_path} for servable {name}: {error.strerror}") from error
    return {int(child): os.path.join(base_path, child) for child in children
            if NUMBER.fullmatch(child) and int(child) in INT64}


def aspired(versions: dict[int, str], policy) -> dict[int, str]:
    """The versions that a `ServableVersionPolicy` wants served: the latest one if it says nothing."""
    choice = policy.WhichOneof("policy_choice")
    if choice == "all":
        return dict(versions)
    if choice == "specific":
        return {number: folder for number, folder in versions.items() if number in set(policy.specific.versions)}
    latest = sorted(versions, reverse=True)[:max(policy.latest.num_versions, 1)]
    return {number: versions[number] for number in latest}


class Source:
    """Looks into the models' folders from time to time and tells `target(name, versions)` what should be served."""

    def __init__(self, target, wait_seconds: int):
        self._target, self._wait_seconds = target, wait_seconds
        self._models, self._told, self._lock = [], {}, threading.Lock()
        self._stopped = threading.Event()
        self._thread = None

    def update(self, models) -> None:
        """Watch these `ModelConfig`s from now on, and let go of those that were watched and aren't among them."""
        with self._lock:
            gone = {model.name for model in self._models} - {model.name for model in models}
            self._models = list(models)
            for name in gone:
                self._target(name, {})
        if self._wait_seconds >= 0:
            self.poll()
        if self._wait_seconds > 0 and self._thread is None:
            self._thread = threading.Thread(target=self._watch, name="source", daemon=True)
            self._thread.start()

    def poll(self) -> None:
        """Look into all folders once."""
        with self._lock:
            for model in self._models:
                try:
                    versions = aspired(found(model.base_path, model.name), model.model_version_policy)
                    trouble = "" if versions else (
                        f"No versions of servable {model.name} found under base path {model.base_path}. Did you forget "
                        "to name your leaf directory as a number (eg. '/1/')?")
                    self._target(model.name, versions)
                except ServingError as error:  # a folder that is away for a moment takes no model down
                    trouble = f"FileSystemStoragePathSource encountered a filesystem access error: {error.message}"
                if trouble != self._told.get(model.name, "") and trouble:
                    log(trouble)
                self._told[model.name] = trouble

    def _watch(self) -> None:
        while not self._stopped.wait(self._wait_seconds):
            self.poll()

    def close(self) -> None:
        """Watch no longer."""
        self._stopped.set()
