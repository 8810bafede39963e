import json

import pytest

from dl100_tf.data import passages, sources, squad
from dl100_tf.errors import DataError, UserError


def article(title, *paragraphs):
    """In SQuAD's format: each paragraph a passage and its questions, (id, text, answer)."""
    return {"title": title, "paragraphs": [
        {"context": passage, "qas": [
            {"id": name, "question": text, "answers": [{"text": answer, "answer_start": passage.find(answer)}]}
            for name, text, answer in asked]} for passage, asked in paragraphs]}


def towns(count, prefix):
    return [article(f"{prefix}{n}", (f"Town {prefix}{n} lies on the Aa.", [(f"{prefix}{n}-q", "Where?", "on the Aa")]),
                    (f"Its mayor is Żoë {n}.", [(f"{prefix}{n}-r", "Who?", f"Żoë {n}")])) for n in range(count)]


@pytest.fixture
def folder(data_dir):
    """`squad/` with 20 + 6 questions on 10 + 3 articles."""
    (data_dir / "squad").mkdir()
    write(data_dir, squad.TRAIN, towns(10, "t"))
    write(data_dir, squad.DEV, towns(3, "d"))
    return data_dir


def write(data_dir, name, articles):
    (data_dir / "squad" / name).write_text(json.dumps({"version": "1.1", "data": articles}), encoding="utf-8")


def test_local_files_with_whole_articles_held_out(folder, capsys):
    splits = squad.load("local", folder, validation=0.2)
    assert [len(split) for split in splits.parts().values()] == [16, 4, 6]
    assert not {one.title for one in splits.train.x} & {one.title for one in splits.validation.x}
    assert {one.title for one in splits.test.x} == {"d0", "d1", "d2"}
    for split in splits.parts().values():
        assert [splits.labels[number] for number in split.y] == [one.title for one in split.x]
        for one in split.x:
            assert one.passage[one.starts[0]:one.starts[0] + len(one.answers[0])] == one.answers[0]
    assert capsys.readouterr().err == "data    local: 20 + 6 questions from …/squad\n"


def test_the_seed_and_the_count_decide_which_questions_are_learnt_from(folder):
    def ids(**settings):
        splits = squad.load("local", folder, 0.2, **settings)
        return [[one.id for one in split.x] for split in splits.parts().values()]

    assert ids(seed=1) == ids(seed=1) != ids(seed=2)
    few = ids(count=8)
    assert len(few[0]) + len(few[1]) == 8 and few[1] and len(few[2]) == 6
    assert ids(count=99) == ids()
    with pytest.raises(DataError, match="too few to hold any out"):
        ids(count=1)
    with pytest.raises(UserError, match="validation share is 1"):
        squad.load("local", folder, 1)
    with pytest.raises(UserError, match="-3 is no number of questions"):
        ids(count=-3)


def test_copies_with_other_ids_are_the_same_data_in_the_same_order(folder):
    before = squad.load("local", folder)
    changed = towns(10, "t")[::-1]
    for one in changed:
        for paragraph in one["paragraphs"]:
            paragraph["qas"][0]["id"] += "-other"
    write(folder, squad.TRAIN, changed)
    after = squad.load("local", folder)
    assert after.source.digest == before.source.digest
    assert [one.text + one.passage for one in after.train.x] == [one.text + one.passage for one in before.train.x]


def spoil(change):
    articles = towns(3, "d")
    change(articles[1]["paragraphs"][0])
    return articles


@pytest.mark.parametrize("change, message", [
    (lambda one: one["qas"][0]["answers"][0].update(answer_start=2), "'on the Aa' of question d1-q doesn't stand at"),
    (lambda one: one["qas"][0]["answers"][0].update(answer_start=-9), "doesn't stand at character -9"),
    (lambda one: one["qas"][0]["answers"][0].update(text="on the Bb"), "'on the Bb' of question d1-q doesn't"),
    (lambda one: one["qas"][0]["answers"][0].update(text=""), "'' of question d1-q doesn't"),
    (lambda one: one["qas"][0].update(answers=[]), "question d1-q has no answer.*version 1.1"),
    (lambda one: one.update(context=" \n"), "question d1-q has an empty passage"),
    (lambda one: one["qas"][0].update(question=" "), "question d1-q is empty"),
    (lambda one: one["qas"][0].update(id="d0-q"), "two questions have the id d0-q"),
    (lambda one: one["qas"][0].update(id=7), "not of SQuAD 1.1's format"),
    (lambda one: one.pop("qas"), "not of SQuAD 1.1's format .KeyError: 'qas'"),
    (lambda one: one["qas"][0]["answers"][0].update(answer_start="x"), "not of SQuAD 1.1's format"),
    (lambda one: one["qas"][0]["answers"][0].update(answer_start=float("inf")), "format .OverflowError"),
    (lambda one: one["qas"][0]["answers"][0].update(answer_start=float("nan")), "format .ValueError"),
    (lambda one: one["qas"][0].update(question="What is \ud83d?"), "format .UnicodeEncodeError"),
    (lambda one: one["qas"][0].update(id="\udc00"), "format .UnicodeEncodeError"),
])
def test_what_isn_t_true_is_named(folder, change, message):
    write(folder, squad.DEV, spoil(change))
    with pytest.raises(DataError, match=message) as caught:
        squad.load("local", folder)
    assert squad.DEV in str(caught.value)


@pytest.mark.parametrize("content, message", [
    (b'{"data": [', "damaged"), (b"", "damaged"), (b"[]", "format"), (b'{"data": {"a": 1}}', "format"),
    (b'{"data": []}', "holds no questions"), (b"\xff\xfe", "damaged"), (b"[" * 100_000, "damaged")])
def test_damaged_files(folder, content, message):
    (folder / "squad" / squad.TRAIN).write_bytes(content)
    for source in ("local", "auto"):
        with pytest.raises(DataError, match=message) as caught:
            squad.load(source, folder)
        assert squad.TRAIN in str(caught.value)


def test_a_file_saved_by_an_editor_begins_with_a_mark(folder):
    before, file = squad.load("local", folder), folder / "squad" / squad.DEV
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes().replace(b"\n", b"\r\n"))
    assert squad.load("local", folder).source.digest == before.source.digest


def test_a_folder_where_a_file_should_be(folder):
    (folder / "squad" / squad.DEV).unlink()
    (folder / "squad" / squad.DEV).mkdir()
    with pytest.raises(DataError, match=r"dev-v1.1.json can't be read \(Is a directory\)"):
        squad.load("local", folder)


def test_a_file_without_the_other(folder):
    (folder / "squad" / squad.DEV).unlink()
    with pytest.raises(DataError, match=r"dev-v1.1.json is missing, and train-v1.1.json is beside it"):
        squad.load("auto", folder)


def test_one_article_can_t_be_parted(folder):
    write(folder, squad.TRAIN, towns(1, "t"))
    with pytest.raises(DataError, match="all of one article"):
        squad.load("local", folder)


@pytest.mark.slow
def test_tensorflow_datasets_give_the_same(folder, tmp_path, monkeypatch):
    """TFDS' own builder prepares the files, answers of different number and all; only the download is replaced."""
    tfds = pytest.importorskip("tensorflow_datasets")
    pytest.importorskip("importlib_resources", reason="tensorflow_datasets needs it to prepare a dataset")
    several = towns(3, "d")
    several[0]["paragraphs"][0]["qas"][0]["answers"].append({"text": "Aa", "answer_start": 20})
    write(folder, squad.DEV, several)
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "tfds"))
    monkeypatch.setattr(sources, "reachable", lambda url: True)
    monkeypatch.setattr(tfds.download.DownloadManager, "download_and_extract", lambda self, urls: {
        name: folder / "squad" / url.rsplit("/", 1)[-1] for name, url in urls.items()})
    found, local = squad.load("tfds"), squad.load("local", folder)
    assert found.source.digest == local.source.digest and found.source.rung == "tfds"
    assert all((one.x == other.x).all() for one, other in zip(found.parts().values(), local.parts().values(),
                                                              strict=True))
    for shard in (tmp_path / "tfds").rglob("*.tfrecord*"):
        shard.write_bytes(shard.read_bytes()[:-9])
    with pytest.raises(DataError, match=r"is damaged .*: delete that folder"):
        squad.load("tfds")


def test_the_sample_is_sound_and_says_what_it_is():
    splits = squad.load("sample")
    assert splits.source.is_sample and "sample" in splits.source.note
    assert len(splits.test) == 240 and not {one.passage for one in splits.test.x} & {one.passage
                                                                                    for one in splits.train.x}
    assert passages.questions(3, 5) == passages.questions(3, 5) != passages.questions(3, 6)


def test_real_files(real_data):
    splits = squad.load("local", real_data, count=15_000)
    assert len(splits.test) == 10_570 and len(splits.train) + len(splits.validation) == 15_000
    assert len(splits.validation) >= 300
