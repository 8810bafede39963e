"""The report: complete, self-contained, honest about its data, and safe whatever the texts hold."""

import html.parser
import json
import re

import pytest
from PIL import Image

from dl100_tf import evaluation
from dl100_tf.errors import UserError
from dl100_tf.evaluation.embedding import PLOTS

from .conftest import NOTE, Counter, reviews, splits

DOT = "data:image/png;base64,iVBORw0KGgo="
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


def test_what_counts_most_is_what_the_recipe_says(trained):
    texts, y = reviews()
    scores = evaluation.record(trained, splits(texts, y), {"accuracy": 0.5, "nats": 1.25}, 120, "letters", ["nats"])
    assert trained.read_json("scores.json") == scores and scores["epochs"] == 3
    _, page, markdown = read(trained)
    assert "Nats 1.2500 on 120 real test letters" in plain(page.text)
    assert "| Accuracy | 0.5000 |" in plain(markdown)


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


def line(figure, theme):
    figure.subplots().plot([0, 1], color=theme.blue)


def with_exhibits(run):
    """A run that has a table, a figure, an animation and a mistaken picture."""
    evaluation.table(run, "sweep", [{"rate": 0.1, "test accuracy": 0.9}, {"rate": 0.2, "test accuracy": 0.8}], "Sweep",
                     "A note on it.", mark=[0], aside=[1])
    evaluation.figure(run, "a_closer_look", line, "What is to be seen.", (4, 2))
    evaluation.table(run, "after", [{"x": 1}], "Afterwards")
    evaluation.figure(run, "film", line, "", (4, 2), "How it moved")
    Image.new("L", (8, 4)).save(run.path("plots/film.gif"))
    run.write_json("findings.json", {"pictures": [
        {"index": 3, "label": "cat", "guess": "dog", "confidence": 0.9997, "width": 8, "height": 8, "crisp": True,
         "picture": DOT, "heat": DOT}]})
    return run


def test_what_a_recipe_adds_stands_in_its_order(scored):
    source, page, markdown = read(with_exhibits(scored))
    for text, heading in ((plain(page.text), ""), (plain(markdown), "## ")):
        places = [text.index(heading + title) for title in ("Sweep", "A closer look", "Afterwards", "How it moved")]
        assert places == sorted(places)
        assert "A note on it." in text and "What is to be seen." in text and "90.00 %" in text
    assert page.tags.count("picture") == 3 and "data:image/gif;base64" in source
    assert "![A closer look](plots/a_closer_look.png)" in markdown
    assert "![How it moved, moving](plots/film.gif)" in markdown
    assert "| rate | test accuracy |" in markdown and "SAMPLE" not in source and 'class="badge">sample' not in source


def test_mistaken_pictures_are_embedded(scored):
    source, page, markdown = read(with_exhibits(scored))
    assert source.count(DOT) == 2 and source.count('class="crisp"') == 2
    text = plain(page.text)
    assert "cat judged dog > 99.9 % sure" in text and "Grad-CAM" in text
    assert "1. **cat**, judged **dog**, &gt; 99.9 % sure." in plain(markdown) and "plots/mistakes.png" in markdown


def test_a_long_animation_stays_in_its_file(scored, monkeypatch):
    monkeypatch.setattr("dl100_tf.evaluation.embedding.MOVING", 5)
    source, _, markdown = read(with_exhibits(scored))
    assert "image/gif" not in source and "plots/film.gif" not in markdown


def test_figures_with_photographs_are_embedded_smaller(scored):
    import numpy as np

    evaluation.figure(scored, "noisy", line, "", (4, 4))
    smooth = np.random.default_rng(0).normal(128, 60, (60, 60, 3)).clip(0, 255).astype("uint8")
    Image.fromarray(smooth).resize((800, 800)).save(scored.path("plots/noisy.png"))
    assert scored.path("plots/noisy.png").stat().st_size > 300_000
    source, _, _ = read(scored)
    assert source.count("data:image/webp;base64") == 1 and len(source) < 300_000
    first = source
    assert read(scored)[0] == first


def many_classes(run, k=100, each=3, labels=None):
    import numpy as np

    random = np.random.default_rng(0)
    y = np.repeat(np.arange(k), each)
    p = random.dirichlet(np.ones(k), len(y)) + np.eye(k)[y] / 4
    model = Says(p / p.sum(axis=1, keepdims=True))
    evaluation.score(model, splits(["x"] * len(y), y, labels=labels or [f"breed {i}" for i in range(k)]), run)


class Says:
    """A model that answers `output`, whatever it is asked."""

    def __init__(self, output):
        self.output, self.at = output, 0

    def predict(self, x, batch_size=None, verbose=None):
        self.at += len(x)
        return self.output[self.at - len(x):self.at]


def test_each_class_has_its_row(trained):
    many_classes(trained, 3, 30, ["cat", "<b>dog</b>", "a|b"])
    _, page, markdown = read(trained)
    assert "Class by class" in page.text and "details" not in page.tags and "b" not in page.tags
    assert "<b>dog</b>" in page.text and r"| a\|b |" in markdown and "&lt;b&gt;dog" in markdown
    assert "mean over the labels" in page.text


def test_of_a_hundred_classes_the_ends_are_shown_and_all_can_be_opened(trained):
    many_classes(trained)
    _, page, markdown = read(trained)
    assert "The 10 it knows best" in page.text and "The 10 it knows least" in page.text
    assert "All 100 classes" in page.text and page.text.count("breed 57") >= 1
    assert "<details><summary>All 100 classes</summary>" in markdown
    rows = [line for line in markdown.splitlines() if line.startswith("| breed ")]
    assert len(rows) == 120


def test_two_labels_have_no_table_of_classes(scored):
    assert "Class by class" not in read(scored)[1].text


def test_tables_on_sample_data_say_so(trained):
    evaluation.score(Counter(), splits(*reviews(), rung="sample", note=NOTE), trained)
    evaluation.table(trained, "mine", [{"accuracy": 0.9}], "Mine")
    source, _, markdown = read(trained)
    assert '<h2>Mine <span class="badge">sample data</span></h2>' in source and "## Mine (sample data)" in markdown


def test_hostile_tables_figures_and_classes_do_nothing(trained):
    many_classes(trained, len(HOSTILE), 2, HOSTILE)
    evaluation.table(trained, "mine", [{text[:200]: text[:200] for text in HOSTILE}], HOSTILE[0], HOSTILE[1])
    evaluation.figure(trained, "mine-too", line, HOSTILE[1], (4, 2), HOSTILE[0])
    evaluation.draw_gap(trained, [{"name": text[:200], "train": 1, "test": 0.5} for text in HOSTILE], HOSTILE[5])
    evaluation.plot(trained)
    source, page, markdown = read(trained)
    assert not {"script", "em"} & set(page.tags) and page.tags.count("h1") == 1 and not page.handlers
    assert all(address.startswith("data:") for address in page.addresses)
    assert not re.search("[\x00-\x08\x0b-\x1f\u202a-\u202e\u2066-\u2069]", source + markdown)
    assert "<script" not in markdown and not re.search(r"(?<!\\)\]\((?!plots/)", markdown)


@pytest.mark.parametrize(("name", "value"), [
    ("plots/captions.json", {"mine": 3}), ("plots/captions.json", {"../../mine": {
        "index": 1, "title": "", "caption": "", "width": 1, "height": 1}}),
    ("plots/captions.json", {"mine": {"index": "1", "title": "", "caption": "", "width": 1, "height": 1}}),
    ("tables/mine.json", {"title": "half"}), ("tables/mine.json", [1]),
    ("tables/mine.json", {"index": 1, "title": "", "note": "", "rows": [3], "best": {}, "mark": [], "aside": []}),
    ("findings.json", {"pictures": [{"picture": "https://example.org/a.png"}]}),
    ("findings.json", {"pictures": [{"index": 1, "label": "a", "guess": "b", "confidence": 1.0, "width": 1, "height": 1,
                                     "crisp": True, "picture": "https://example.org/a.png"}]}),
    ("findings.json", {"pictures": [{"picture": DOT}]})])
def test_damaged_exhibits_are_named(scored, name, value):
    scored.write_json(name, value)
    with pytest.raises(UserError, match=rf"{re.escape(name)} is damaged"):
        evaluation.report(scored)


def test_few_mistakes_take_two_decimals_to_tell(run):
    run.write_json("scores.json", {"n": 10_000, "source": "local", "metrics": {
        "accuracy": 0.9953, "accuracy_low": 0.9938, "accuracy_high": 0.9965}})
    assert "99.53 % of 10 000 real test examples judged right (95 %: 99.38 to 99.65)" in plain(read(run)[1].text)


def test_the_plots_of_a_recipe_outlive_the_verb_report(scored):
    with_exhibits(scored)
    before = read(scored)[0]
    evaluation.plot(scored)
    assert "A closer look" in read(scored)[1].text and before.count("<figure") + 4 == read(scored)[0].count("<figure")
