"""The models that are configured: checking a configuration, carrying it out, labels, statuses (server_core.cc)."""

import os
import threading
import urllib.parse

from dl100_tf.serving import sources, states
from dl100_tf.serving.sources import log
from dl100_tf.serving.status import FAILED_PRECONDITION, NOT_FOUND, UNAVAILABLE, UNKNOWN, ServingError, invalid

PLATFORM = "tensorflow"


def single(name: str, base_path: str):
    """The `ModelServerConfig` of one model."""
    from tensorflow_serving.config import model_server_config_pb2

    config = model_server_config_pb2.ModelServerConfig()
    config.model_config_list.config.add(name=name, base_path=base_path, model_platform=PLATFORM)
    return config


def platform(model) -> str:
    """The platform of a `ModelConfig`.

    Raises:
        ServingError: it has none, or two.
    """
    if model.model_type:  # deprecated
        if model.model_platform:
            raise invalid("Illegal setting both ModelServerConfig::model_type (deprecated) and "
                          "ModelServerConfig::model_platform.")
        if model.model_type != 1:
            raise invalid(f"ModelServerConfig::model_type choice {model.model_type} not supported.")
        return PLATFORM
    if not model.model_platform:
        raise invalid("Illegal setting neither ModelServerConfig::model_type (deprecated) nor "
                      "ModelServerConfig::model_platform.")
    return model.model_platform


def check(models) -> None:
    """Raise a ServingError unless these `ModelConfig`s can be served together."""
    names = set()
    for model in models:
        if model.name in names:
            raise invalid(f"Illegal to list model {model.name} multiple times in config list")
        names.add(model.name)
    for model in models:
        if not os.path.isabs(model.base_path) and not urllib.parse.urlsplit(model.base_path).scheme:
            raise invalid(f"Expected model {model.name} to have an absolute path or URI; got base_path()="
                          f"{model.base_path}")


class Core:
    """What the server serves, as it is configured; and the way to a loaded version from a name, number or label."""

    def __init__(self, settings, manager):
        self._settings, self._manager = settings, manager
        self._source = sources.Source(manager.aspire, settings.file_system_poll_wait_seconds)
        self._models, self._labels, self._lock = None, {}, threading.Lock()

    def reload(self, config, wanted=lambda: True) -> None:
        """Serve what a `ModelServerConfig` lists and nothing else; wait for models that are new.

        Args:
            config: the configuration.
            wanted: asked now and then, while it waits, whether somebody still waits for the answer.

        Raises:
            ServingError: it can't be accepted, and the old one stays; or a new model can't be loaded.
        """
        with self._lock:
            kind = config.WhichOneof("config")
            if self._models is not None and kind != "model_config_list":
                raise ServingError(FAILED_PRECONDITION, "Cannot transition to requested config. It is only legal to "
                                   "transition from one ModelConfigList to another.")
            if kind is None:
                log("Taking no action for empty config.")
                return
            if kind != "model_config_list":
                raise invalid("ModelServer does not yet support custom model config.")
            models = list(config.model_config_list.config)
            check(models)
            self._check_platforms(models)
            self._labels = self._new_labels(models)
            first, old = self._models is None, {model.name for model in self._models or ()}
            self._models = models
            new = [model.name for model in models if model.name not in old]
            self._manager.states.forget(new)
            self._source.update(models)
            failed = self._manager.states.wait(new, wanted)
            if failed and wanted():
                raise _unavailable(failed, first)

    def _check_platforms(self, models) -> None:
        old = {model.name: platform(model) for model in self._models or ()}
        for model in models:
            found = platform(model)
            if old.get(model.name, found) != found:
                raise invalid(f"Illegal to change a model's platform. For model {model.name} platform was "
                              f"{old[model.name]} and new platform requested is {found}")
            if found != PLATFORM:
                raise invalid(f"Model {model.name} requests unsupported platform {found}")

    def _new_labels(self, models) -> dict[str, dict[str, int]]:
        """The labels of a configuration; each names a version that serves, or (where the flag says so) is new."""
        made = {}
        for model in models:
            known = self._manager.states.of(model.name)
            for label, version in sorted(model.version_labels.items()):
                moved = self._labels.get(model.name, {}).get(label, version) != version
                early = self._settings.allow_version_labels_for_unavailable_models and not moved
                if not early and known.get(version, (None,))[0] != states.AVAILABLE:
                    raise ServingError(FAILED_PRECONDITION, f"Request to assign label to version {version} of model "
                                       f"{model.name}, which is not currently available for inference")
                made.setdefault(model.name, {})[label] = version
        return made

    def handle(self, spec):
        """The loaded version that a `ModelSpec` names.

        Raises:
            ServingError: there is none.
        """
        if not spec.name:
            raise invalid("ModelSpec has no name specified.")
        choice = spec.WhichOneof("version_choice")
        return self.find(spec.name, spec.version.value if choice == "version" else None,
                         spec.version_label if choice == "version_label" else None)

    def find(self, name: str, version: int | None, label: str | None):
        """The loaded version with that number or label, or the highest one.

        Raises:
            ServingError: there is none.
        """
        return self._manager.handle(name, version if label is None else self.labelled(name, label))

    def labelled(self, name: str, label: str) -> int:
        """The number of the version that a label names.

        Raises:
            ServingError: there is no such label.
        """
        if self._models is None:
            raise ServingError(UNAVAILABLE, f"Model labels does not init yet.{label}")
        try:
            return self._labels[name][label]
        except KeyError:
            raise invalid(f"Unrecognized servable version label: {label}") from None

    def statuses(self, name: str, version: int | None = None) -> dict:
        """State and error of a model's version of that number, or of all of them.

        Raises:
            ServingError: NOT_FOUND.
        """
        known = self._manager.states.of(name)
        if version is not None:
            if version not in known:
                raise ServingError(NOT_FOUND, f"Could not find version {version} of model {name}")
            return {version: known[version]}
        if not known:
            raise ServingError(NOT_FOUND, f"Could not find any versions of model {name}")
        return known

    def models(self) -> list:
        """The `ModelConfig`s that are served."""
        return list(self._models or ())

    def labels(self, name: str) -> dict[str, int]:
        """The labels of a model and the versions that they name."""
        return dict(self._labels.get(name, {}))

    def close(self) -> None:
        """Serve nothing any more."""
        self._source.close()
        self._manager.close()


def _unavailable(failed: dict, first: bool) -> ServingError:
    """What is said of models that came to nothing."""
    told = "".join(f"{{{{name: {name} version: {version}}} due to error: {error}}}, "
                   for name, versions in failed.items() for version, (_, error) in versions.items() if error)
    return ServingError(UNKNOWN, f"{len(failed)} {'servable' if first else 'model'}(s) did not become available: "
                        f"{{{told}}}")
