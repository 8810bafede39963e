"""Where a result comes from, what it took, and how to get it again, as a report tells it."""

from dl100_tf.evaluation import records, wording


def effort(scores: dict, training: dict) -> list[str]:
    """What it took: time, epochs, parameters; what isn't known is left out."""
    known = training | {name: value for name, value in scores.items() if value is not None}
    said = []
    if known.get("train_seconds") is not None:
        said.append(f"trained in {wording.duration(known['train_seconds'])}")
    if known.get("epochs") is not None:
        best = f", the weights kept are of number {training['best_epoch']}" if training.get("best_epoch") else ""
        said.append(f"{wording.count(known['epochs'])} epoch{'s' * (known['epochs'] != 1)}{best}")
    if known.get("parameters") is not None:
        said.append(f"{wording.count(known['parameters'])} parameters")
    if training.get("stopped_early"):
        said.append("stopped early")
    return said


def origin(source: dict, sessions: list[dict]) -> dict[str, str]:
    """Where the result comes from: data, machine, versions, times. Folders are left out, as reports travel."""
    said = {"data": records.told(source), "data digest": source["digest"]}
    if sessions:
        first = sessions[0]
        versions = {"python": first.get("python"), **(first.get("versions") or {})}
        said |= {"started": first.get("started"), "sessions": len(sessions), "commit": first.get("commit"),
                 "processor": first.get("cpu"), "cores": first.get("cores"), "platform": first.get("platform"),
                 "switches": ", ".join(f"{name}={value}" for name, value in (first.get("environment") or {}).items()
                                       if not name.startswith("DL100_")),
                 "versions": ", ".join(f"{name} {value}" for name, value in versions.items() if value)}
    return {name: str(value) for name, value in said.items() if value}


def repeat(sessions: list[dict]) -> list[str]:
    """The commands that make this run again, each once, in their order; empty where nothing was noted."""
    commands = list(dict.fromkeys(str(session["command"]) for session in sessions if session.get("command")))
    if not commands:
        return []
    versions = sessions[0].get("versions") or {}
    pinned = " ".join(f"{name}=={value}" for name, value in versions.items() if value and name != "dl100_tf")
    commit = str(sessions[0].get("commit") or "").removesuffix("+changes")
    return [*([f"git checkout {commit}"] if commit else []), *([f"pip install {pinned}"] if pinned else []), *commands]
