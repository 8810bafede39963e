"""The report: complete, self-contained, honest about its data, and safe whatever the texts hold."""

import html.parser
import json
import re

import pytest

from dl100_tf import evaluation
from dl100_tf.errors import UserError
from dl100_tf.evaluation.embedding import PLOTS

from .conftest import NOTE, Counter, reviews, splits

VOID = {"meta", "link", "br", "img", "source", "wbr", "stop", "line", "polyline"}


class Page(html.parser.HTMLParser):
    """Notes every tag, address and piece of text, and that what opens closes."""

    def __init__(self, source: str):
        super().__init__()
        self.tags, self.addresses, self.handlers, self.text, self.open = [], [], [], "", []
        self.feed(source)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.addresses += [value for name, value in attributes if name in ("src", "href", "srcset", "action", "data")]
        self.handlers += [name for name, _ in attributes if name.startswith("on")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if not {"style", "script"} & set(self.open):
            self.text += data


def read(run) -> tuple[str, Page, str]:
    path = evaluation.report(run)
    assert path == run.path("report.html")
    source = path.read_text(encoding="utf-8")
    return source, Page(source), run.path("report.md").read_text(encoding="utf-8")


def draw(run):
    for name in PLOTS:
        for suffix in ("", "-dark"):
            run.write_text(f"plots/{name}{suffix}.png", "a picture")


def plain(text: str) -> str:
    return " ".join(text.split())  # no-break spaces too


def test_the_whole_report(scored):
    draw(scored)
    source, page, markdown = read(scored)
    text = plain(page.text)
    assert "90.0 % of 120 real test reviews judged right (95 %: 83.3 to 94.2)" in text
    for part in ("AUROC", "Calibration error", "trained in 1 min 04 s", "1 234 parameters", "What it reacts to",
                 "Its most confident mistakes", "Settings", "learning_rate", "Where it comes from", "a processor",
                 "git checkout 1234abcd", "pip install keras==3.15.1", "--run trial", "no commit holds"):
        assert part in text, part
    assert page.tags.count("img") == 4 and page.tags.count("source") == 4
    for part in ("90.0 % of 120 real test reviews", "plots/history.png", "| AUROC |", "## Settings", "git checkout"):
        assert part in plain(markdown), part
    assert "SAMPLE" not in source and "SAMPLE" not in markdown


def test_no_outside_request_and_no_script(scored):
    draw(scored)
    source, page, _ = read(scored)
    assert page.addresses and all(address.startswith("data:") for address in page.addresses)
    assert "script" not in page.tags and "iframe" not in page.tags and not page.handlers
    assert "default-src 'none'" in source
    style = re.search("<style>(.*?)</style>", source, re.DOTALL)[1]
    assert "@import" not in style and set(re.findall(r"url\((.*?)\)", style)) == {"#stance"}


def test_a_report_tells_no_folder_of_the_machine(scored):
    source, _, markdown = read(scored)
    assert "/home/someone" not in source + markdown and "/somewhere" not in source + markdown


def test_a_sample_says_so_wherever_its_score_stands(trained):
    evaluation.score(Counter(), splits(*reviews(), rung="sample", note=NOTE), trained, noun="reviews")
    source, page, markdown = read(trained)
    text = plain(page.text)
    assert "SAMPLE DATA" in text and NOTE in text
    assert re.search("<title>SAMPLE: 90.0", source)
    sentence = "of 120 sample reviews judged right (95 %: 83.3 to 94.2): a sample: the score means nothing outside it"
    assert sentence in text and sentence in plain(markdown)
    assert "real" not in text and "real" not in markdown


HOSTILE = ["<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "</div></main><h1>mine</h1>", "{{ 7 * 7 }}",
           "{% raw %}", "[a](javascript:alert(1))", "![b](http://example.org/b.png)", "\u202etxt.exe",
           "\x00\x07\x1b[2J",
           "سيء جدا", "🎬👩‍👩‍👧", "| a | b |", "# heading", "```", "&lt;b&gt;", '" onmouseover="x', "w" * 30_000,
           "word " * 10_000, "\ud800"]


def test_hostile_text_is_shown_and_does_nothing(trained):
    texts = [f"{text} bad {text}" for text in HOSTILE] + [f"{text}\ngood" for text in HOSTILE]
    labels = ("negative", "<b>\u202epositive</b>")
    data = splits(texts, [1] * len(HOSTILE) + [0] * len(HOSTILE), labels=labels)
    trained.write_json("config.json", {"note": "<script>|`x`\u202e", "nested": {"a": ["</td>"]}, "none": None})
    evaluation.score(Counter(), data, trained, noun="<em>reviews</em>")
    evaluation.explain_text(Counter(), data, trained)
    source, page, markdown = read(trained)
    assert not {"script", "em", "h3"} & set(page.tags) and page.tags.count("h1") == 1 and not page.handlers
    assert "img" not in page.tags
    assert "<script>alert(1)</script>" in page.text and "49" not in re.findall(r"\b49\b", page.text)
    assert not re.search("[\x00-\x08\x0b-\x1f\u202a-\u202e\u2066-\u2069]", source + markdown)
    assert len(source) < 300_000
    without_code = re.sub("`+[^`]*`+", "", markdown)
    assert "<script" not in without_code and "<img" not in without_code
    assert not re.search(r"(?<!\\)\]\(", without_code)
    assert not re.search("^#+ heading|^```", markdown, re.MULTILINE)


def test_a_run_of_another_kind(run):
    run.write_json("scores.json", {"project": "gan", "run": "trial", "source": "tfds", "n": 500,
                                   "metrics": {"frechet_distance": 12.3456}})
    _, page, markdown = read(run)
    for text in (page.text, markdown):
        assert "Frechet distance 12.35 on 500 real test examples" in plain(text)
        assert "react" not in text and "mistakes" not in text and "Settings" not in text


def test_a_run_that_measured_nothing(run):
    run.write_json("scores.json", {"metrics": {}})
    assert "Nothing measured" in read(run)[1].text


def test_a_run_without_a_score(trained):
    with pytest.raises(UserError, match=r"scores\.json is missing.*--run trial"):
        evaluation.report(trained)
    assert not trained.path("report.html").exists()


@pytest.mark.parametrize(("name", "text"), [
    ("scores.json", "{"), ("scores.json", "[1]"), ("scores.json", '{"metrics": {"accuracy": "high"}}'),
    ("training.json", "[]"), ("findings.json", "{'a'}"), ("config.json", "7"), ("provenance.json", "")])
def test_a_damaged_file_is_named(scored, name, text):
    scored.write_text(name, text)
    with pytest.raises(UserError, match=rf"{re.escape(name)} is damaged"):
        evaluation.report(scored)


@pytest.mark.parametrize("findings", [
    {"mistakes": 3}, {"mistakes": [{"text": "half"}]}, {"reactions": [{"words": ["a"], "probabilities": []}]}])
def test_findings_of_the_wrong_shape_are_named(scored, findings):
    scored.write_json("findings.json", findings)
    with pytest.raises(UserError, match=r"findings\.json is damaged"):
        evaluation.report(scored)


def test_the_report_can_be_made_again_and_is_the_same(scored):
    first = evaluation.report(scored).read_bytes()
    assert evaluation.report(scored).read_bytes() == first
    json.loads(scored.path("scores.json").read_text(encoding="utf-8"))
