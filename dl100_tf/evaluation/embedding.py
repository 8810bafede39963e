"""Figures as a page that stands alone holds them: their bytes inside it."""

import base64
import io
from pathlib import Path

from PIL import Image, features

from dl100_tf.evaluation import exhibits

PLOTS = {
    "history": "Loss and accuracy by epoch, in training and validation.",
    "confusion": "Confusion matrix: true classes by row, judged classes by column.",
    "roc": "ROC curve: true positive rate over false positive rate.",
    "reliability": "Reliability diagram: accuracy over confidence, above a histogram of confidence.",
}
LARGE = 300_000  # bytes: beyond, a figure holds photographs, which PNG can't make small
MOVING = 1_500_000  # bytes: a longer animation stays in its file


def plots(run) -> list[dict]:
    """The figures of every run that are there, with their `name` and `alt` and as data URIs, `light` and `dark`."""
    return [{"name": name, "alt": alt, **both(run, f"plots/{name}", ".png")} for name, alt in PLOTS.items()
            if run.path(f"plots/{name}.png").is_file()]


def figures(run) -> list[dict]:
    """The recipe's own figures that are there: `index`, `title`, `caption`, `width` and `height` in pixels, data URIs.

    `moving` holds the URIs of the animation, or empty ones where there is none or it is too long for a page, and its
    `width` and `height`.
    """
    return [said | {"name": name, "title": said["title"] or name.replace("_", " ").capitalize(),
                    **both(run, f"plots/{name}", ".png"), "moving": moving(run, f"plots/{name}")}
            for name, said in exhibits.captions(run).items() if run.path(f"plots/{name}.png").is_file()]


def moving(run, name: str) -> dict:
    """The animation of a figure: `both` its themes, and `width` and `height` in pixels."""
    found = both(run, name, ".gif")
    if not found["light"]:
        return found
    with Image.open(run.path(f"{name}.gif")) as film:
        return found | {"width": film.width, "height": film.height}


def both(run, name: str, suffix: str) -> dict[str, str]:
    """A figure's two files as data URIs, `light` and `dark`; empty where there is none."""
    return {theme: uri(run.path(name + ending + suffix)) for theme, ending in (("light", ""), ("dark", "-dark"))}


def uri(path: Path) -> str:
    """A picture file as a data URI; empty where there is none, or where it is an animation that is too long."""
    if not path.is_file():
        return ""
    content, kind = path.read_bytes(), path.suffix[1:]
    if kind == "gif" and len(content) > MOVING:
        return ""
    if kind == "png" and len(content) > LARGE and features.check("webp"):
        content, kind = _smaller(content)
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"


def _smaller(content: bytes) -> tuple[bytes, str]:
    """A PNG as WebP, if that is any smaller; and which of them it is."""
    packed = io.BytesIO()
    try:
        Image.open(io.BytesIO(content)).convert("RGB").save(packed, "webp", quality=88)
    except OSError:  # whatever it is, the browser will say
        return content, "png"
    return (packed.getvalue(), "webp") if packed.tell() < len(content) else (content, "png")
