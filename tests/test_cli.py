"""The command line: what it answers, how fast it loads, and one clear line for everything that is wrong."""

import sys
import types

import pytest

from dl100_tf import cli, curriculum, flags, settings
from dl100_tf.errors import UserError
from dl100_tf.projects import lstm_imdb
from dl100_tf.run import Run

HEAVY = ("tensorflow", "keras", "sklearn", "matplotlib", "tensorflow_datasets")


@pytest.mark.parametrize("words", [("dl100_tf", "--help"), ("dl100_tf", "list"), ("dl100_tf", "--version"),
                                   *((f"dl100_tf.projects.{name}", "--help") for name in curriculum.projects())],
                         ids=" ".join)
def test_help_and_list_load_nothing_heavy(command, words):
    answer = command("runpy_probe", *words, env={"PYTHONPATH": str(PROBE)})
    assert answer.returncode == 0, answer.stderr
    loaded = answer.stderr.rsplit("LOADED ", 1)[1].split()
    assert not set(HEAVY) & set(loaded)


@pytest.fixture(autouse=True, scope="module")
def probe(tmp_path_factory):
    """A module that runs another as `__main__` and then prints what was loaded."""
    global PROBE
    PROBE = tmp_path_factory.mktemp("probe")
    (PROBE / "runpy_probe.py").write_text(
        "import runpy, sys, atexit\n"
        "atexit.register(lambda: print('LOADED', *{name.split('.')[0] for name in sys.modules}, file=sys.stderr))\n"
        "sys.argv = sys.argv[1:]\n"
        "runpy.run_module(sys.argv[0], run_name='__main__', alter_sys=True)\n")


def test_importing_the_package_touches_neither_network_nor_disk(command):
    answer = command("audited", env={"PYTHONPATH": str(PROBE)})
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout == "quiet\n"


@pytest.fixture(autouse=True, scope="module")
def audited(probe):
    (PROBE / "audited.py").write_text(
        "import sys\nseen = []\n"
        "def watch(event, args):\n"
        "    if event.startswith('socket.') or (event == 'open' and set(str(args[1])) & set('wax+')):\n"
        "        seen.append((event, args))\n"
        "sys.dont_write_bytecode = True\nsys.addaudithook(watch)\n"
        "import dl100_tf, dl100_tf.cli, dl100_tf.run, dl100_tf.data, dl100_tf.models, dl100_tf.training\n"
        "import dl100_tf.evaluation\nprint(seen or 'quiet')\n")


def test_help_shows_a_field_s_comment_and_the_card(command):
    answer = command("dl100_tf.projects.lstm_imdb", "--help")
    assert "keep only the most frequent words" in answer.stdout
    assert "Film-review sentiment" in answer.stdout


def test_list_shows_every_project_with_its_days(command):
    answer = command("dl100_tf", "list")
    for name in curriculum.projects():
        assert name in answer.stdout
    assert "27-28" in answer.stdout


@pytest.mark.parametrize(("words", "says"), [
    (["--epochs", "0"], "--epochs can't be 0: it goes from 1 to"),
    (["--epochs", "99999999999"], "--epochs can't be 99999999999"),
    (["--learning-rate", "nan"], "--learning-rate can't be nan"),
    (["--learning-rate", "inf"], "--learning-rate can't be inf"),
    (["--dropout", "2"], "--dropout can't be 2.0"),
    (["--units", "0"], "--units can't be 0"),
    (["--embedding", "-1"], "--embedding can't be -1"),
    (["--learning-rate", "0"], "--learning-rate can't be 0"),
    (["--pool", "1000"], "--pool can't be 1000: a review has --length 400 words"),
    (["--epochs", "-1"], "--epochs can't be -1"),
    (["--epochs", "abc"], "--epochs"),
    (["--batch-size", "0"], "--batch-size can't be 0"),
    (["--epohcs", "3"], "Unrecognized options: --epohcs"),
    (["--source", "web"], "invalid choice 'web'"),
    (["--run", "../up"], "can't name a run"),
    (["--run", "a/b"], "can't name a run"),
    (["trian"], "did you mean train?"),
    (["demo"], "not in dl100_tf"),
    (["export"], "has no finished run"),
    (["export", "--run", "nowhere"], "has no run 'nowhere'"),
    (["predict", "--run", "nowhere", "a film"], "has no run 'nowhere'"),
    (["predict", "a film"], "has no finished run"),
    (["predict"], "review"),
    (["report", "--run", "nowhere"], "has no run 'nowhere'"),
], ids=lambda value: " ".join(value) if isinstance(value, list) else "")
def test_a_mistake_is_one_line_and_exit_code_2(monkeypatch, capsys, words, says):
    monkeypatch.setattr(sys, "argv", ["lstm_imdb.py", *words])
    with pytest.raises(SystemExit) as end:
        cli.main(lstm_imdb.__file__)
    said = capsys.readouterr()
    assert end.value.code == 2 and not said.out
    assert said.err.startswith("error: ") and says in said.err and said.err.count("\n") == 1


@pytest.mark.parametrize(("words", "says"), [
    (["trian", "lstm_imdb"], "did you mean train?"),
    (["train", "lstm_imbd"], "did you mean lstm_imdb?"),
    (["train"], "which project?"),
    (["serve", "lstm_imdb"], "unknown argument: lstm_imdb"),
])
def test_the_console_script_says_what_is_wrong(monkeypatch, capsys, words, says):
    monkeypatch.setattr(sys, "argv", ["dl100", *words])
    with pytest.raises(SystemExit) as end:
        cli.dl100()
    assert end.value.code == 2 and says in capsys.readouterr().err


def test_a_resumed_run_keeps_its_settings_all_but_epochs(home):
    run = Run("lstm_imdb", "r")
    stored = lstm_imdb.Config(batch_size=32)
    run.begin(stored, "")
    asked = flags.training_flags(lstm_imdb, settings.stored(lstm_imdb, run), ["--run", "r", "--epochs", "7"]).config
    assert asked.batch_size == 32 and asked.epochs == 7
    changed = flags.training_flags(lstm_imdb, stored, ["--batch-size", "64"]).config
    settings.refuse_changes(run, stored, changed)  # nothing is trained yet
    run.note(source={"rung": "local", "where": "", "digest": "0"})
    settings.refuse_changes(run, stored, asked)
    with pytest.raises(UserError, match="begun with --batch-size 32, not 64"):
        settings.refuse_changes(run, stored, changed)
    moved = flags.training_flags(lstm_imdb, stored, ["--data-dir", "/moved", "--source", "local"]).config
    settings.refuse_changes(run, stored, moved)


def test_fewer_epochs_than_were_trained_are_refused_before_anything_is_changed(home):
    run = Run("lstm_imdb", "r")
    run.begin(lstm_imdb.Config(epochs=9), "")
    run.note(source={"rung": "local", "where": "", "digest": "0"})
    run.write_table("history.csv", [{"epoch": epoch, "loss": 1.0} for epoch in (1, 2, 3)])
    with pytest.raises(UserError, match="trained for 3 epochs already: --epochs can't be 2"):
        cli.train(lstm_imdb, ["--run", "r", "--epochs", "2"])
    assert settings.stored(lstm_imdb, run).epochs == 9


@pytest.mark.parametrize("number", ["nan", "inf", "1e39"])
def test_a_number_that_is_none_is_refused_by_predict(home, number):
    from dl100_tf.projects import perceptron_points

    with pytest.raises(UserError, match="length can't be"):
        cli.predict(perceptron_points, [number, "1"])


@pytest.fixture
def storyteller(home, monkeypatch):
    """A recipe whose `predict` has a flag of its own and answers in texts."""
    def predict(model, config, prompt: str, *, length: int = 2, glue: float = 0.5):
        """Go on with a text.

        Args:
            length: how many words come
        """
        for number in range(length):
            yield f"{prompt}{number}/{glue} "

    run = Run("storyteller", "r")
    run.begin(lstm_imdb.Config(), "")
    run.write_json("scores.json", {"source": "local", "n": 3, "noun": "texts", "headline": ["nats"],
                                   "metrics": {"accuracy": 0.5, "nats": 1.25}})
    monkeypatch.setattr(Run, "load_model", lambda self: None)
    return types.SimpleNamespace(__name__="dl100_tf.projects.storyteller", predict=predict, Config=lstm_imdb.Config)


def test_what_predict_says_is_printed_as_it_comes_and_its_options_are_flags(storyteller, capsys):
    assert cli.predict(storyteller, ["ROMEO", "--length", "3"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said == ["ROMEO0/0.5 ROMEO1/0.5 ROMEO2/0.5 ",
                    "(run r: nats 1.2500  on 3 test texts, source: local)"]
    with pytest.raises(UserError, match="glue can't be nan"):
        cli.predict(storyteller, ["ROMEO", "--glue", "nan"])
    with pytest.raises(SystemExit):
        cli.predict(storyteller, ["--help"])
    assert "how many words come" in capsys.readouterr().out


def test_a_recipe_may_have_verbs_of_its_own(home, monkeypatch, capsys):
    def count(words: str, *, times: int = 1) -> str:
        """Count words.

        Args:
            words: what is counted
        """
        return str(times * len(words.split()))

    def weigh(*, times: float) -> str:
        """Weigh words."""
        return str(times)

    monkeypatch.setattr(lstm_imdb, "VERBS", {"count": count}, raising=False)
    assert cli.run_verb("count", "lstm_imdb", ["a b c", "--times", "2"]) == 0
    assert cli.dispatch(["count", "lstm_imdb", "a"]) == 0
    assert capsys.readouterr().out == "6\n1\n"
    with pytest.raises(SystemExit):
        cli.run_verb("count", "lstm_imdb", ["--help"])
    assert "what is counted" in capsys.readouterr().out
    with pytest.raises(UserError, match=r"no verb 'cuont', did you mean count.*There are: .*report, count"):
        cli.run_verb("cuont", "lstm_imdb", [])
    with pytest.raises(UserError, match="times can't be nan"):
        monkeypatch.setattr(lstm_imdb, "VERBS", {"weigh": weigh})
        cli.run_verb("weigh", "lstm_imdb", ["--times", "nan"])
    with pytest.raises(UserError, match="no verb 'count'"):
        cli.run_verb("count", "cnn_mnist", [])


def test_tuples_keep_their_type_and_bounds(home):
    from dl100_tf.projects import numpy_mnist

    assert numpy_mnist.Config(hidden=[8, 4]).hidden == (8, 4)  # as JSON gives it back
    with pytest.raises(UserError, match="--hidden can't be -3"):
        numpy_mnist.Config(hidden=(8, -3))


def test_settings_of_another_version_are_named(home):
    run = Run("lstm_imdb", "r")
    run.write_json("config.json", {"no_such_setting": 1})
    with pytest.raises(UserError, match="not of this version"):
        settings.stored(lstm_imdb, run)


def test_a_damaged_run_is_one_line(home):
    for content in ("[]", '{"finished": 3}', '{"sess'):
        run = Run("lstm_imdb", "r")
        run.write_text("provenance.json", content)
        with pytest.raises(UserError, match=r"provenance\.json is damaged"):
            run.begin(lstm_imdb.Config(), "")
    run.write_text("provenance.json", "{}")
    run.begin(lstm_imdb.Config(), "")
    assert len(run.record()["sessions"]) == 1


def test_the_resume_command_names_this_python_and_this_home(home, monkeypatch, tmp_path):
    assert Run("p", "r").command.startswith(f"DL100_HOME={home} ")
    monkeypatch.delenv("DL100_HOME")
    monkeypatch.setattr(sys, "executable", str(tmp_path / ".venv/bin/python"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", "")
    assert Run("p", "r").command == ".venv/bin/python -m dl100_tf.projects.p --run r"


def test_a_closed_output_and_a_plain_terminal_are_no_errors(command):
    assert command("dl100_tf.projects.lstm_imdb", "--help", env={"PYTHONIOENCODING": "ascii"}).returncode == 0


def test_a_finished_run_has_nothing_to_do(home, capsys):
    run = Run("lstm_imdb", "r")
    run.begin(lstm_imdb.Config(), "")
    run.note(finished={"epochs": lstm_imdb.Config().epochs, "at": "now"})
    assert run.finished_epochs == 0, "a part is missing"
    for name in ("model.keras", "scores.json", "report.html"):
        run.write_text(name, "{}")
    assert cli.train(lstm_imdb, ["--run", "r"]) == 0
    assert "nothing to do" in capsys.readouterr().out


@pytest.mark.parametrize("source", ["local", "tfds"])
def test_a_source_that_is_not_there_is_one_line(command, forked, home, source):
    nowhere = {"TFDS_DATA_DIR": "/nonexistent", "http_proxy": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9"}
    if source == "local":  # TensorFlow, which has to be silent while it loads, is loaded once
        answer = command("dl100_tf.projects.lstm_imdb", "--source", source, env=nowhere)
    else:
        answer = forked("dl100_tf.projects.lstm_imdb", "--source", source, env=nowhere | {"DL100_HOME": str(home)})
    assert answer.returncode == 2, answer.stderr
    assert answer.stderr.startswith("error: ") and answer.stderr.count("\n") == 1 and not answer.stdout
