"""How numbers and other people's text are written in a report: numbers short and alike, text disarmed."""

import math
import re

NARROW = "\u202f"  # narrow no-break space: between thousands, and before the percent sign

# Control characters, lone surrogates and explicit direction overrides: none of them can be shown, some can't even be
# encoded, and the last would let one review rearrange the letters of another. Direction marks and joiners stay, as
# right-to-left text and emoji need them.
_UNSHOWABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\u2028-\u202e\u2066-\u2069\ufffe\uffff]")
_MARKDOWN = re.compile(r"([\\`*_\[\]|~$]|:(?=//)|(?<=www)\.|^[#+\-=:]|(?<=^\d)[.)](?=\s|$)|(?<=^\d\d)[.)](?=\s|$))")
_BREAK = re.compile(r"<br\s*/?>", re.IGNORECASE)


def clean(text: str) -> str:
    """`text` with what can't be shown safely replaced by the replacement character."""
    return _UNSHOWABLE.sub("\ufffd", text)


def one_line(text: str) -> str:
    """`text` cleaned, its HTML line breaks and runs of whitespace turned to single spaces."""
    return " ".join(clean(_BREAK.sub(" ", text)).split())


def markdown(value) -> str:
    """`value` as one line of literal Markdown text: no mark-up, no HTML, no link in it takes effect."""
    text = one_line(str(value)).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _MARKDOWN.sub(r"\\\1", text)


def code(value) -> str:
    """`value` as Markdown code on one line, whatever backticks it holds."""
    text = " ".join(clean(str(value)).split())
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", text)), default=0))
    space = " " if "`" in text else ""
    return f"{fence}{space}{text}{space}{fence}".replace("|", r"\|")


def count(number: float) -> str:
    """A whole number with its thousands apart: 25 000."""
    return f"{round(number):,}".replace(",", NARROW)


def percent(share: float, digits: int = 1) -> str:
    """A share of one as a percentage: 0.889 is 88.9 %."""
    return f"{100 * share:.{digits}f}{NARROW}%"


def share(value: float) -> str:
    """A share of one to four places, as tables of classes have it; a dash where it isn't defined."""
    return f"{value:.4f}" if math.isfinite(value) else "\u2013"


def times(number: int) -> str:
    """How often something happened: once, 7 times."""
    return "once" if number == 1 else f"{count(number)} times"


def confidence(share: float) -> str:
    """A probability as a percentage that never claims to be certain: 0.99999 is > 99.9 %, and 0.00001 < 0.1 %."""
    if share > 0.999:
        return f"> 99.9{NARROW}%"
    return f"< 0.1{NARROW}%" if share < 0.001 else percent(share)


def duration(seconds: float) -> str:
    """A time as one reads it: 43 s, 2 min 05 s, 1 h 07 min."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, left = divmod(minutes, 60)
    if hours:
        return f"{hours} h {left:02} min"
    return f"{minutes} min {rest:02} s" if minutes else f"{rest} s"


def number(value: float) -> str:
    """A measured number with as many digits as mean something: 0.2741, 12.35, 25 000."""
    if not math.isfinite(value):
        return "\u2013"
    if value == round(value):
        return count(value)
    if 0 < abs(value) < 0.001:
        return f"{value:.3g}"
    return f"{value:.4f}" if abs(value) < 10 else f"{value:.4g}"
