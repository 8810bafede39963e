import time

from dl100_tf.data import console


def test_a_line_is_never_wrapped_and_goes_to_stderr(capsys):
    console.say("word " * 60 + "[bold] 5")
    out, err = capsys.readouterr()
    assert out == "" and err == "word " * 60 + "[bold] 5\n"


def test_quick_work_is_silent(capsys):
    assert list(console.watched(range(1000), "counting", 1000)) == list(range(1000))
    assert capsys.readouterr().err == ""


def test_slow_work_says_so_once_where_there_is_no_terminal(capsys, monkeypatch):
    monkeypatch.setattr(console, "PATIENCE", 0.01)
    assert list(console.watched((time.sleep(0.01) or n for n in range(5)), "counting")) == list(range(5))
    assert capsys.readouterr().err == "counting …\n"


def test_slow_work_shows_a_bar_on_a_terminal(capsys, monkeypatch):
    monkeypatch.setattr(console, "PATIENCE", 0.01)
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    assert list(console.watched((time.sleep(0.01) or n for n in range(40)), "counting", 40)) == list(range(40))
    assert "/40" in capsys.readouterr().err


def test_an_abandoned_bar_is_put_away(monkeypatch):
    monkeypatch.setattr(console, "PATIENCE", -1)
    monkeypatch.setenv("FORCE_COLOR", "1")
    items = console.watched(range(9), "counting", 9)
    next(items)
    items.close()
    list(console.watched(range(9), "counting again", 9))  # rich allows one live display at a time
