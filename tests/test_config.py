"""`meshlint.yaml`: how it is found, read, and refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from program import meshlint

from meshlint import config
from meshlint.config import Config, ConfigError, Selector
from meshlint.finding import Severity
from meshlint.rule import catalog


def load(tmp_path: Path, text: str) -> Config:
    (tmp_path / "meshlint.yaml").write_text(text)
    return config.load([str(tmp_path)])


def test_every_setting(tmp_path: Path) -> None:
    found = load(
        tmp_path,
        """\
settings:
  istio-version: "1.23"
  cluster-domain: mesh.example
  trust-domains: [old.example, new.example]
  root-namespace: istio-config
  world: closed
  approved-egress-hosts: [api.openai.com]
  tenant-facing: [{namespace: acme}]
  internal: [{labels: {tier: data}}]
  inference: [{namespace: ml, name: ranker, kind: predictive}]
rules:
  port-accepts-plaintext: {severity: error, options: {allow: [9090]}}
select: [mtls]
ignore: [mtls-disabled-on-port]
""",
    )
    settings = found.settings
    assert settings.istio_version == (1, 23)
    assert settings.cluster_domain == "mesh.example"
    assert settings.trust_domains == ("old.example", "new.example")
    assert settings.root_namespace == "istio-config"
    assert settings.closed
    assert settings.approved_egress_hosts == ("api.openai.com",)
    assert settings.tenant_facing == (Selector(namespace="acme"),)
    assert settings.internal == (Selector(labels={"tier": "data"}),)
    assert settings.inference == (Selector(namespace="ml", name="ranker", kind="predictive"),)
    assert settings.places["world"].span.start_line == 6
    assert found.rules["port-accepts-plaintext"].severity is Severity.ERROR
    assert found.rules["port-accepts-plaintext"].options == {"allow": [9090]}
    assert (found.select, found.ignore) == (("mtls",), ("mtls-disabled-on-port",))
    catalog.check_config(found)


@pytest.mark.parametrize("written", ["1.30", "'1.30'", "1.30.2", "1.30  # not 1.3"])
def test_a_version_is_read_as_it_is_written(tmp_path: Path, written: str) -> None:
    text = f"settings:\n  istio-version: {written}\n  kubernetes-version: 1.30\n"
    settings = load(tmp_path, text).settings
    assert (settings.istio_version, settings.kubernetes_version) == ((1, 30), "1.30")


@pytest.mark.parametrize(
    ("text", "line", "column", "message"),
    [
        ("setings: {}\n", 1, 1, "unknown key setings; did you mean settings?"),
        ("world: closed\n", 1, 1, "world belongs under settings"),
        (
            "settings:\n  istio-versoin: 1.2\n",
            2,
            3,
            "unknown key istio-versoin in settings; did you mean istio-version?",
        ),
        (
            "settings:\n  istio-version: 1.19\n",
            2,
            18,
            "settings.istio-version is 1.19, and a version of Istio from 1.20 to 1.32 belongs there",
        ),
        (
            "settings:\n  istio-version: '1.33'\n",
            2,
            18,
            "settings.istio-version is 1.33, and a version of Istio from 1.20 to 1.32 belongs there",
        ),
        (
            "settings:\n  istio-version: 1\n",
            2,
            18,
            "settings.istio-version is 1, and a version is MAJOR.MINOR, such as 1.30",
        ),
        ("settings:\n  world: opne\n", 2, 10, "settings.world is opne; did you mean open? (one of open, closed)"),
        ("rules:\n  x:\n    severity: critical\n", 3, 15, "one of error, warning, info"),
        ("settings:\n  inference:\n    - kind: chat\n      name: x\n", 3, 13, "one of generation"),
        (
            "settings:\n  approved-egress-hosts: api.openai.com\n",
            2,
            26,
            "settings.approved-egress-hosts is api.openai.com, and a list belongs there",
        ),
        ("select: [mtls]\nselect: [egress]\n", 2, 1, "the key select is there twice"),
        ("settings: {world: false}\n", 1, 19, "settings.world is false (one of open, closed)"),
        ("settings: {world: [open]}\n", 1, 12, "settings.world is a list (one of open, closed)"),
        ("settings: {trust-domains: []}\n", 1, 12, "settings.trust-domains is empty"),
        ("settings: {internal: [{}]}\n", 1, 23, "settings.internal[0] is empty"),
        ("settings: {inference: [{kind: none}]}\n", 1, 24, "[0] has neither namespace nor name nor labels"),
        (
            "settings: {istio-version: v1.27}\n",
            1,
            27,
            "is v1.27, and a version of Istio from 1.20 to 1.32 belongs there",
        ),
        ("settings: {kubernetes-version: true}\n", 1, 32, "is true, and a version, MAJOR.MINOR, belongs there"),
        ("a: [\n", 2, 1, "not YAML"),
        ("settings:\n  null: 1\n", 2, 3, "null cannot be a key in Kubernetes; quote it if it is text"),
        ("# x\nfail-on: a: b\n", 2, 11, "not YAML: mapping values are not allowed in this context; quote text that"),
        ("select: []\n---\nignore: []\n", 2, 1, "one YAML document"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(tmp_path: Path, text: str, line: int, column: int, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text)
    assert message in caught.value.message
    assert (caught.value.line, caught.value.column) == (line, column)
    assert str(caught.value).startswith(f"{caught.value.file}:{line}:{column}: ")


@pytest.mark.parametrize(
    ("text", "line", "column", "message"),
    [
        ("select: [mtls, egres]\n", 1, 16, "unknown rule egres; did you mean egress?"),
        ("rules:\n  port-accept-plaintext: {}\n", 2, 3, "did you mean port-accepts-plaintext?"),
        (
            "rules:\n  port-accepts-plaintext:\n    options:\n      alow: [1]\n",
            4,
            7,
            "port-accepts-plaintext: unknown key alow; did you mean allow?",
        ),
        (
            "rules:\n  port-accepts-plaintext:\n    options:\n      allow: [http]\n",
            4,
            15,
            "port-accepts-plaintext: allow[0] is http, and a whole number belongs there",
        ),
        (
            "rules:\n  timeout-cuts-streaming-response:\n    options: {min: soon}\n",
            3,
            20,
            "timeout-cuts-streaming-response: min is soon, and a duration, such as 300s, belongs there",
        ),
        (
            "rules:\n  mtls: {severity: info}\n",
            2,
            3,
            "the id of a rule belongs here, and mtls names mtls-disabled-on-port",
        ),
        ("rules: {IST0109: {}}\n", 1, 9, "and IST0109 names virtualservice-shadowed-by-another"),
    ],
)
def test_rules_and_options_are_checked(tmp_path: Path, text: str, line: int, column: int, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        catalog.check_config(load(tmp_path, text))
    assert message in caught.value.message
    assert (caught.value.line, caught.value.column) == (line, column)


def test_the_nearest_file_counts_up_to_the_root_of_the_repository(tmp_path: Path) -> None:
    (tmp_path / "meshlint.yaml").write_text("ignore: [mtls]\n")
    inner = tmp_path / "repo" / "k8s" / "deep"
    inner.mkdir(parents=True)
    assert config.load([str(inner)]).ignore == ("mtls",)
    (tmp_path / "repo" / ".git").mkdir()
    assert config.load([str(inner)]).file is None
    (tmp_path / "repo" / "k8s" / "meshlint.yaml").write_text("ignore: [egress]\n")
    assert config.load([str(inner)]).ignore == ("egress",)
    assert config.load([str(inner)], str(tmp_path / "meshlint.yaml")).ignore == ("mtls",)


def test_no_file_is_the_defaults(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    assert config.load([str(tmp_path)]) == Config()


def test_what_looks_like_a_placeholder_is_text(tmp_path: Path) -> None:
    found = load(tmp_path, "settings:\n  approved-egress-hosts: ['${HOST}']\n  world: open\n")
    assert found.settings.approved_egress_hosts == ("${HOST}",)
    assert found.settings.places["world"].span.start_line == 3


def test_an_empty_file_is_the_defaults(tmp_path: Path) -> None:
    found = load(tmp_path, "# nothing yet\n")
    assert found.settings == Config().settings


def test_a_wrong_configuration_is_a_usage_error(tmp_path: Path) -> None:
    (tmp_path / "meshlint.yaml").write_text("selct: []\n")
    run = meshlint("check", cwd=tmp_path)
    assert (run.returncode, run.stdout) == (2, "")
    assert run.stderr == "meshlint: meshlint.yaml:1:1: unknown key selct; did you mean select?\n"


def test_a_missing_configuration_is_a_usage_error(tmp_path: Path) -> None:
    run = meshlint("check", "--config", "nowhere.yaml", cwd=tmp_path)
    said = "meshlint: nowhere.yaml:1:1: the configuration cannot be read: No such file or directory\n"
    assert (run.returncode, run.stderr) == (2, said)


@pytest.mark.parametrize("name", ["meshlint.yaml", "pyproject.toml"])
def test_one_that_is_not_utf_8_is_a_usage_error(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes("# meshlint: é\nfail-on: é".encode() + b"\xff\n")
    run = meshlint("check", cwd=tmp_path)
    assert (run.returncode, run.stderr) == (2, f"meshlint: {name}:2:11: not UTF-8 (byte 0xff); save it as UTF-8\n")
