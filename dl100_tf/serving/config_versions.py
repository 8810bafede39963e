"""Which versions of a model are served under which labels, and in which order a server can get there.

A label is moved in two steps, as TensorFlow Serving refuses a configuration that moves a label it knows to a version it
hasn't loaded yet (`ServerCore::UpdateModelVersionLabelMap`), and then doesn't load that version either: first the
version is loaded, then the label is moved. A label that is new may be given at once, if the server was started with
`--allow_version_labels_for_unavailable_models`.
"""

from dataclasses import dataclass, field

from dl100_tf.errors import UserError

STABLE, CANARY = "stable", "canary"


@dataclass(frozen=True)
class Served:
    """What a configuration says of one model.

    Attributes:
        versions: that are loaded; empty: the newest, whichever that is.
        labels: a version each.
        notes: what whoever deploys it has to know, in sentences.
    """

    versions: tuple[int, ...] = ()
    labels: dict[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def planned(name: str, published: list[int], before: Served | None, asked: dict[str, int | None]) -> Served:
    """What is to be served next.

    Nothing moves by itself: labels stay where they are until somebody asks for another version. Loaded are the versions
    with a label, and the one that was before `stable`, so that a way back needs no loading. No version above these is,
    because requests without version and label go to the highest that is loaded.

    Args:
        name: the model's.
        published: its versions on the disk, at least one.
        before: what the server has now; None for a model that is new to it.
        asked: the version that a label shall have; None: the label goes.

    Raises:
        UserError: a version isn't published.
    """
    now = dict(before.labels) if before else {}
    loaded = set(before.versions if before else ()) & set(published)
    wanted = {STABLE: max(published)} | now | asked
    if wanted[STABLE] is None:
        raise UserError(f"{name} needs a stable version: {', '.join(map(str, published))} are there.")
    _published(name, published, now, wanted)
    if wanted.get(CANARY) == wanted[STABLE]:  # it has become the stable one; so the next canary is a new label
        wanted[CANARY] = None
    wanted = {label: version for label, version in wanted.items() if version is not None}
    labels, notes = {}, []
    for label, version in wanted.items():
        late = label in now and now[label] != version and version not in loaded
        labels[label] = now[label] if late else version
        if late:
            notes.append(f"{name}: version {version} is loaded first. When the server calls it AVAILABLE, run this "
                         f"command again, and {label} moves from {now[label]} to it.")
    back = [version for version in loaded if version < labels[STABLE]]
    versions = {*labels.values(), *wanted.values(), *sorted(back)[-1:]}
    notes += _notes(name, max(published), max(versions), labels[STABLE])
    return Served(tuple(sorted(versions)), dict(sorted(labels.items(), reverse=True)), tuple(notes))


def _notes(name: str, published: int, highest: int, stable: int):
    if highest > stable:
        yield f"{name}: requests without a label go to version {highest}, the highest: ask for labels/{STABLE}."
    if published > highest:
        yield f"{name}: version {published} is published and not served; --canary {name}={published} tries it."


def _published(name: str, published: list[int], now: dict, wanted: dict) -> None:
    for label, version in wanted.items():
        if version is not None and version not in published:
            raise UserError(f"{name} has no version {version} to be {label}: "
                            f"{', '.join(map(str, published))} are published.")
    gone = [f"{label} ({version})" for label, version in now.items() if version not in published]
    if gone:
        raise UserError(f"{name} has labels at versions that are not published any more, {', '.join(gone)}: bring "
                        "their folders back, or delete models.config and start the server anew.")
