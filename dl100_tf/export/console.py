"""What a user chooses of an export, and is told of it."""

from dl100_tf.errors import UserError, closest
from dl100_tf.export import parity
from dl100_tf.export.converter import VARIANTS
from dl100_tf.export.versions import FORMATS


def chosen(formats: str, quantize: str) -> dict:
    """`publish`'s `formats` and `quantize` from what was typed, names with commas between.

    Raises:
        UserError: there is no such name, or none at all.
    """
    def names(flag, typed, known):
        found = [name for name in typed.replace(",", " ").split() if name]
        for name in found:
            if name not in known:
                raise UserError(f"--{flag} knows no {name!r}{closest(name, known)} There are: {', '.join(known)}.")
        if not found:
            raise UserError(f"--{flag} wants one or more of {', '.join(known)}, with commas between.")
        return [name for name in known if name in found]

    return {"formats": names("formats", formats, FORMATS), "quantize": names("quantize", quantize, VARIANTS)}


def summary(done) -> str:
    """An `Export` in words: the table of variants, what was refused and why, and where the files are."""
    lines = [parity.table(list(done.parity.values()))]
    lines += [f"{'refused':<12}{variant}: {why}" for variant, why in done.refused.items()]
    lines += [f"{form:<12}{folder}" for form, folder in done.folders.items()]
    if "tflite" in done.folders:
        lines.append(f"{'card':<12}{done.folders['tflite'] / 'card.html'}")
    return "\n".join(lines if done.folders else [*lines, "Nothing was published."])
