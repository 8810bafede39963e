"""The configuration: which versions under which labels, whether each file is what its reader wants, and requests."""

import json
import random
import re
import subprocess
import sys
from pathlib import Path

import pytest
from google.protobuf import text_format
from tensorflow_serving.config import model_server_config_pb2

from dl100_tf.errors import UserError
from dl100_tf.serving import config, flags, text_protos
from dl100_tf.serving.config_requests import request
from dl100_tf.serving.config_versions import Served, planned

ROOT = Path(__file__).parents[2]
# What TensorFlow Serving exports, from its sources: `servables/tensorflow/util.cc`, `batching/batching_session.cc` and
# `servables/tensorflow/saved_model_warmup_util.cc`; and TensorFlow's `cc/saved_model/loader.cc`.
HISTOGRAMS = {"serving:request_latency": {"model_name", "API", "entrypoint"},
              "serving:runtime_latency": {"model_name", "API", "runtime"},
              "serving:batching_session:queuing_latency": {"thread_pool_name"},
              "serving:model_warmup_latency": {"model_path", "status"}}
COUNTERS = {"serving:request_count": {"model_name", "status"}, "serving:batching_session:wrapped_run_count": set(),
            "cc:saved_model:load_attempt_count": {"model_path", "status"},
            "cc:saved_model:load_latency": {"model_path"}}
METRICS = {f":tensorflow:{name}": labels for name, labels in COUNTERS.items()} | {
    f":tensorflow:{name}_{part}": labels | ({"le"} if part == "bucket" else set())
    for name, labels in HISTOGRAMS.items() for part in ("bucket", "sum", "count")} | {"up": {"job", "instance"}}


def golden(kind="text"):
    rows = [{"text": f"text {i}", "png": "iVBORw==", "numbers": [1.5, i], "ids": [i], "label": "ab"[i % 2],
             "probabilities": [0.25, 0.75]} for i in range(5)]
    return {"kind": kind, "labels": ["a", "b"], "examples": rows}


@pytest.fixture
def models(tmp_path):
    """Published: `one` in versions 1 and 2, `two` in 10; and what isn't: no number, no model, half a version."""
    root = tmp_path / "export" / "models"
    for name in ("one/1", "one/2", "two/10", "one/.writing-x", "one/latest", "three/1"):
        (root / "saved_model" / name).mkdir(parents=True)
        if name not in ("three/1",):
            (root / "saved_model" / name / "saved_model.pb").touch()
    (root / "saved_model" / "one" / "3").mkdir()
    (root / "saved_model" / "README.md").touch()
    for name, kind in (("one/2", "text"), ("one/1", "text"), ("two/10", "image")):
        (root / "tflite" / name).mkdir(parents=True)
        (root / "tflite" / name / "golden.json").write_text(json.dumps(golden(kind)))
    return root / "saved_model"


@pytest.fixture
def written(models, tmp_path):
    config.write(models, tmp_path / "serving", asked={"one": {"stable": 1, "canary": 2}})
    return tmp_path / "serving"


class TestPlanned:
    """Version 1 is stable, 2 is tried, promoted, and taken back."""

    def test_a_new_model_serves_its_newest_version(self):
        assert planned("m", [1, 2], None, {}) == Served((2,), {"stable": 2}, ())

    def test_a_new_version_changes_nothing_until_somebody_says_so(self):
        now = planned("m", [1, 2], Served((1,), {"stable": 1}), {})
        assert (now.versions, now.labels) == ((1,), {"stable": 1}) and "--canary m=2 tries it" in now.notes[0]

    def test_canary(self):
        now = planned("m", [1, 2], Served((1,), {"stable": 1}), {"canary": 2})
        assert (now.versions, now.labels) == ((1, 2), {"stable": 1, "canary": 2})
        assert now.notes == ("m: requests without a label go to version 2, the highest: ask for labels/stable.",)

    def test_promoted_the_old_one_stays_for_the_way_back(self):
        now = planned("m", [1, 2], Served((1, 2), {"stable": 1, "canary": 2}), {"stable": 2})
        assert now == Served((1, 2), {"stable": 2}, ())
        assert planned("m", [1, 2], now, {}) == now

    def test_back_nobody_gets_the_bad_version_any_more(self):
        now = planned("m", [1, 2], Served((1, 2), {"stable": 2}), {"stable": 1})
        assert (now.versions, now.labels) == ((1,), {"stable": 1})

    def test_withdrawn(self):
        now = planned("m", [1, 2], Served((1, 2), {"stable": 1, "canary": 2}), {"canary": None})
        assert (now.versions, now.labels) == ((1,), {"stable": 1})

    def test_a_label_in_use_moves_only_when_its_version_is_loaded(self):
        first = planned("m", [1, 2, 3], Served((1, 2), {"stable": 1, "canary": 2}), {"canary": 3})
        assert (first.versions, first.labels) == ((1, 2, 3), {"stable": 1, "canary": 2})
        assert "version 3 is loaded first" in first.notes[0] and "canary moves from 2 to it" in first.notes[0]
        second = planned("m", [1, 2, 3], first, {"canary": 3})
        assert (second.versions, second.labels) == ((1, 3), {"stable": 1, "canary": 3})

    @pytest.mark.parametrize(("published", "asked", "says"), [
        ([1], {"stable": 2}, "has no version 2 to be stable: 1 are published"),
        ([1], {"stable": None}, "needs a stable version"),
        ([2], {}, "no version 1 to be stable"), ([2], {"stable": 2}, "not published any more, stable (1)")])
    def test_what_can_not_be(self, published, asked, says):
        with pytest.raises(UserError) as error:
            planned("m", published, Served((1,), {"stable": 1}), asked)
        assert says in str(error.value)

    def test_whatever_is_asked_tensorflow_serving_takes_it(self):
        """Against its rule: a label in use goes only to what is loaded; what has a label is loaded."""
        moves = 0
        for seed in range(300):
            chance, published, now, loaded, labels = random.Random(seed), [1], None, set(), {}
            for _ in range(12):
                if chance.random() < 0.5:
                    published.append(published[-1] + 1)
                asked = {label: chance.choice([*published, *[None] * (label == "canary")])
                         for label in ("stable", "canary") if chance.random() < 0.5}
                now = planned("m", published, now, asked)
                for label, version in now.labels.items():
                    assert label not in labels or labels[label] == version or version in loaded, (seed, now)
                    moves += label in labels and labels[label] != version
                assert set(now.labels.values()) <= set(now.versions) and len(now.versions) <= 6
                assert "stable" in now.labels and (asked.get("stable") in (None, now.labels["stable"]) or now.notes)
                labels, loaded = now.labels, set(now.versions)
        assert moves > 300


class TestFiles:
    def test_models_config_is_what_its_proto_says(self, written):
        found = text_format.Parse((written / "models.config").read_text(), model_server_config_pb2.ModelServerConfig())
        one, two = found.model_config_list.config
        assert (one.name, one.base_path, one.model_platform) == ("one", "/models/one", "tensorflow")
        assert list(one.model_version_policy.specific.versions) == [1, 2]
        assert dict(one.version_labels) == {"stable": 1, "canary": 2} and dict(two.version_labels) == {"stable": 10}

    def test_it_is_read_back(self, written, models):
        assert config.read(written / "models.config")["one"] == Served((1, 2), {"stable": 1, "canary": 2})
        config.write(models, written, asked={"one": {"stable": 2}})
        assert config.read(written / "models.config")["one"] == Served((1, 2), {"stable": 2})

    def test_latest_follows_the_newest(self, models, tmp_path):
        config.write(models, tmp_path / "s", latest=True)
        found = text_format.Parse((tmp_path / "s/models.config").read_text(),
                                  model_server_config_pb2.ModelServerConfig()).model_config_list.config[0]
        assert found.model_version_policy.latest.num_versions == 1 and not found.version_labels

    def test_parameters_are_what_their_protos_say(self, written):
        batching = text_protos.read(str(written / "batching_parameters.txt"), "BatchingParameters")
        monitoring = text_protos.read(str(written / "monitoring.txt"), "MonitoringConfig")
        assert batching.max_batch_size.value and batching.num_batch_threads.value
        assert monitoring.prometheus_config.enable
        scraped = (written / "prometheus/prometheus.yml").read_text()
        assert f"metrics_path: {monitoring.prometheus_config.path} " in scraped

    def test_what_is_tuned_by_hand_stays_and_goes_into_the_config_map(self, written, models):
        (written / "batching_parameters.txt").write_text("max_batch_size { value: 7 }\n")
        (written / "compose.yaml").write_text("gone")
        config.write(models, written)
        assert (written / "batching_parameters.txt").read_text() == "max_batch_size { value: 7 }\n"
        assert "    max_batch_size { value: 7 }" in (written / "kubernetes/configmap.yaml").read_text()
        assert "services:" in (written / "compose.yaml").read_text()

    @pytest.mark.parametrize("name", ["compose.yaml", "compose.batching.yaml", "kubernetes/deployment.yaml"])
    def test_every_flag_exists(self, written, name):
        found = re.findall(r"^ +(?:# )?- (--[^ \n]+)", (written / name).read_text(), re.MULTILINE)
        settings = flags.parsed(found)
        assert settings.port == 8500 and settings.rest_api_port == 8501 and len(found) >= 6
        for file in (settings.model_config_file, settings.monitoring_config_file, settings.batching_parameters_file):
            assert not file or (written / Path(file).name).is_file()

    def test_no_template_is_left(self, written):
        for file in written.rglob("*"):
            if file.is_file():
                assert not re.search(r"<<|>>|\{%|\.jinja|\n\n\n", file.read_text()), file
        assert (written / "compose.yaml").read_text().count("../export/models/saved_model}:/models:ro") == 1

    def test_what_the_repository_has_is_what_this_makes(self):
        served = config.read(ROOT / "serving" / "models.config")
        made = config.files(served, {}, "/models", "../export/models/saved_model", {})
        for name, text in made.items():
            if name != "requests/README.md":
                assert (ROOT / "serving" / name).read_text() == text, f"{name}: python -m dl100_tf.serving.config"


class TestReaders:
    """The schemas and parsers of those who read the files; what runs them isn't here."""

    def test_compose(self, written):
        schemas, validate = pytest.importorskip("check_jsonschema"), pytest.importorskip("jsonschema").validate
        schema = json.loads((Path(schemas.__file__).parent / "builtin_schemas/vendor/compose-spec.json").read_text())
        for name in ("compose.yaml", "compose.batching.yaml"):
            validate(_yaml(written / name)[0], schema)
        with pytest.raises(Exception, match="'imagine' was unexpected"):
            validate({"services": {"serving": {"imagine": "x"}}}, schema)
        serving = _yaml(written / "compose.yaml")[0]["services"]
        assert all(port.startswith("127.0.0.1:") for one in serving.values() for port in one["ports"])

    @pytest.mark.parametrize("version", ["1.30", "1.34"])
    def test_kubernetes(self, written, version):
        validate = pytest.importorskip("kubernetes_validate").validate
        listed = _yaml(written / "kubernetes/kustomization.yaml")[0]["resources"]
        assert sorted([*listed, "kustomization.yaml"]) == sorted(p.name for p in (written / "kubernetes").iterdir())
        found = [one for name in listed for one in _yaml(written / "kubernetes" / name)]
        for one in found:
            validate(one, version, strict=True)
        with pytest.raises(Exception, match="replikas"):
            validate({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "x"}, "spec": {
                "replikas": 1, "selector": {}, "template": {}}}, version, strict=True)
        kinds = {(one["kind"], one["metadata"]["name"]): one for one in found}
        assert len(kinds) == 8
        deployment = kinds["Deployment", "tensorflow-serving"]["spec"]
        labels = deployment["template"]["metadata"]["labels"]
        selectors = [one["spec"]["selector"] for (kind, _), one in kinds.items() if kind == "Service"]
        assert all(selector == labels == deployment["selector"]["matchLabels"] for selector in selectors)
        pod = deployment["template"]["spec"]
        assert {(one["name"], next(iter(one[kind].values()))) for one, kind in zip(
            pod["volumes"], ("persistentVolumeClaim", "configMap"), strict=True)} == {
                ("models", "models"), ("config", "tensorflow-serving")}
        ports = {port["name"] for port in pod["containers"][0]["ports"]}
        for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
            assert pod["containers"][0][probe]["httpGet"]["port"] in ports

    def test_the_config_map_holds_the_files_as_they_are(self, written):
        for name, text in _yaml(written / "kubernetes/configmap.yaml")[0]["data"].items():
            assert text == (written / name).read_text()

    def test_queries_ask_for_metrics_that_are_exported(self, written):
        promql = pytest.importorskip("promql_parser")
        board = json.loads((written / "grafana/dashboards/serving.json").read_text())
        alerts = [rule for group in _yaml(written / "prometheus/alerts.yml")[0]["groups"] for rule in group["rules"]]
        queries = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
        assert len(queries) >= 12 and len(alerts) >= 3
        for query in [*queries, *(rule["expr"] for rule in alerts)]:
            query = query.replace("$__rate_interval", "1m").replace("$model", ".*")
            promql.parse(query)
            for name, matchers in re.findall(r"([a-z_:]*:[a-z_:]+|up)(?:\{([^}]*)\})?(?=[\[)\s]|$)", query):
                assert name in METRICS, query
                assert set(re.findall(r'(\w+)(?:=~|!=|=)"', matchers)) <= METRICS[name], query
            grouped = {label for by in re.findall(r"by \(([^)]*)\)", query) for label in re.split(r", ?", by)}
            assert grouped <= set.union(*METRICS.values())

    def test_the_board_lies_well(self, written):
        board = json.loads((written / "grafana/dashboards/serving.json").read_text())
        places = [(x, y) for panel in board["panels"] for at in [panel["gridPos"]]
                  for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])]
        assert len(places) == len(set(places)) and max(x for x, _ in places) < 24
        assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
        source = _yaml(written / "grafana/provisioning/datasources/prometheus.yml")[0]["datasources"][0]
        assert {panel["datasource"]["uid"] for panel in board["panels"]} == {source["uid"]}


class TestRequests:
    @pytest.mark.parametrize(("kind", "signature", "instances"), [
        ("text", "serving_default", ["text 0", "text 1"]), ("image", "encoded", [{"b64": "iVBORw=="}] * 2),
        ("numbers", "serving_default", [[1.5, 0], [1.5, 1]])])
    def test_of_golden_vectors(self, models, kind, signature, instances):
        (models.parent / "tflite/one/2/golden.json").write_text(json.dumps(golden(kind)))
        found = request(models / "one/2")
        assert json.loads(found.body) == {"signature_name": signature, "instances": instances}
        assert found.expected == "a, b"

    def test_of_warm_up_requests(self, models):
        tf = pytest.importorskip("tensorflow")
        from tensorflow_serving.apis import prediction_log_pb2

        (models.parent / "tflite/one/2/golden.json").unlink()
        (models / "one/2/assets.extra").mkdir()
        with tf.io.TFRecordWriter(str(models / "one/2/assets.extra/tf_serving_warmup_requests")) as file:
            for signature, value in (("serving_default", [[0] * 50]), ("encoded", [b"\xff\xd8", b"text"])):
                log = prediction_log_pb2.PredictionLog()
                log.predict_log.request.model_spec.signature_name = signature
                log.predict_log.request.inputs["x"].CopyFrom(tf.make_tensor_proto(value))
                file.write(log.SerializeToString())
        assert json.loads(request(models / "one/2").body) == {
            "signature_name": "encoded", "inputs": {"x": [{"b64": "/9g="}, "text"]}}

    def test_of_nothing(self, models, tmp_path):
        (models.parent / "tflite/one/2/golden.json").unlink()
        assert request(models / "one/2") is None
        config.write(models, tmp_path / "s")
        assert [file.name for file in (tmp_path / "s/requests").glob("*.json")] == ["two.json"]
        assert "`one`" not in (tmp_path / "s/requests/README.md").read_text()

    def test_damaged(self, models):
        (models.parent / "tflite/one/2/golden.json").write_text('{"kind": "text"}')
        with pytest.raises(UserError, match=r"golden\.json is damaged"):
            request(models / "one/2")

    def test_each_has_its_curl_line(self, written):
        page = (written / "requests/README.md").read_text()
        for name in ("one", "two"):
            line = f"curl -d @serving/requests/{name}.json http://localhost:8501/v1/models/{name}:predict"
            assert page.count(line) == 1 and (written / f"requests/{name}.json").is_file()


class TestCommand:
    def test_it_tells_what_is_served(self, models, tmp_path, capsys):
        assert config.main(["--models", str(models), "--to", str(tmp_path / "s"), "--stable", "one=1",
                            "--canary", "one=2"]) == 0
        said = capsys.readouterr().out
        assert re.search(r"one +version 1, 2  stable 1  canary 2", said) and "labels/stable" in said
        assert config.main(["--models", str(models), "--to", str(tmp_path / "s"), "--canary", "one=none"]) == 0
        assert re.search(r"one +version 1  stable 1\n", capsys.readouterr().out)

    @pytest.mark.parametrize(("words", "says"), [
        (["--stable", "one"], "wants a model and a version"), (["--stable", "one=none"], "wants a model and a version"),
        (["--stable", "one=-1"], "wants a model and a version"), (["--canary", "onne=1"], "did you mean one?"),
        (["--stable", "one=9"], "no version 9"), (["--latest", "--stable", "one=1"], "leave it out"),
        (["--models", "nowhere"], "holds no models: export a run first")])
    def test_mistakes_are_one_line(self, models, tmp_path, capsys, words, says):
        assert config.main(["--models", str(models), "--to", str(tmp_path / "s"), *words]) == 2
        said = capsys.readouterr().err
        assert said.startswith("error: ") and says in said and said.count("\n") == 1
        assert not (tmp_path / "s").exists()

    def test_a_damaged_models_config(self, written, models, capsys):
        (written / "models.config").write_text("model_config_list { config { name: 3 } }")
        assert config.main(["--models", str(models), "--to", str(written)]) == 2
        assert "mend it, or delete it" in capsys.readouterr().err

    def test_a_name_that_can_not_be_served(self, models, capsys):
        (models / "one").rename(models / "a: b")
        assert config.main(["--models", str(models)]) == 2
        assert "a: b can't be a model's name" in capsys.readouterr().err

    def test_help_loads_nothing_heavy(self):
        probe = ("import sys\nfrom dl100_tf.serving import config\n"
                 "try: config.main(['--help'])\nexcept SystemExit: pass\n"
                 "print({'tensorflow', 'grpc', 'numpy', 'jinja2', 'google.protobuf'} & set(sys.modules))")
        answer = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, cwd=ROOT, timeout=120)
        assert answer.stdout.endswith("set()\n") and "--canary NAME=N" in answer.stdout


def _yaml(file: Path) -> list:
    return list(pytest.importorskip("yaml").safe_load_all(file.read_text()))
