"""Numbers and texts as they stand in a report."""

import pytest

from dl100_tf.evaluation import wording


def plain(text):
    return text.replace(wording.NARROW, " ")


@pytest.mark.parametrize(("value", "text"), [(0, "0"), (0.27412, "0.2741"), (1e-5, "1e-05"), (12.3456, "12.35"),
                                             (3, "3"), (25_000, "25 000"), (-2.5, "-2.5000"), (float("nan"), "\u2013")])
def test_number(value, text):
    assert plain(wording.number(value)) == text


@pytest.mark.parametrize(("seconds", "text"), [(0.26, "0.3 s"), (43.4, "43 s"), (59.7, "1 min 00 s"),
                                               (125, "2 min 05 s"), (4020, "1 h 07 min")])
def test_duration(seconds, text):
    assert wording.duration(seconds) == text


def test_confidence_is_never_certain():
    assert [plain(wording.confidence(p)) for p in (1, 0.9991, 0.95, 0)] == ["> 99.9 %", "> 99.9 %", "95.0 %", "< 0.1 %"]


@pytest.mark.parametrize("text", ["plain words, (in brackets): 88.9 % - done.", "سيء", "👩‍👩‍👧"])
def test_harmless_text_stays_readable_markdown(text):
    assert wording.markdown(text) == text


@pytest.mark.parametrize(("text", "safe"), [
    ("# a", r"\# a"), ("1. a", r"1\. a"), ("- a", r"\- a"), ("a|b", r"a\|b"), ("<b>&", "&lt;b&gt;&amp;"),
    ("*a* _b_ `c`", r"\*a\* \_b\_ \`c\`"), ("[a](b)", r"\[a\](b)"), ("http://a", r"http\://a"), ("www.a", r"www\.a"),
    ("a\n\n# b", "a # b"), ("a<br />b", "a b")])
def test_markdown_takes_no_effect(text, safe):
    assert wording.markdown(text) == safe


def test_code_with_backticks():
    assert wording.code("a") == "`a`"
    assert wording.code("a``b|") == r"``` a``b\| ```"
