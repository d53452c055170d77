"""Where a configuration may stand, and what counts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from program import meshlint
from small import PORT_WITHOUT_SELECTOR, TIMEOUT

from meshlint import config
from meshlint.config import ConfigError, Selector
from meshlint.rule import catalog

PYPROJECT = """\
[project]
name = "shop"

[tool.meshlint]
select = ["mtls", "IST0109"]
audience = "pedantic"
baseline = "known.json"

[tool.meshlint.settings]
istio-version = 1.30
inference = [{ namespace = "ml", labels = { app = "ranker" }, kind = "predictive" }]

[tool.meshlint.rules.port-accepts-plaintext]
options.allow = [9090]

[[tool.meshlint.suppressions]]
rules = ["egress"]
paths = ["k8s/**"]
reason = "no egress gateway yet"
until = 2026-12-31

[tool.meshlint.meshes.prod]
paths = ["prod/"]
"""


@pytest.fixture(autouse=True)
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".git").mkdir()
    (tmp_path / "k8s").mkdir()
    return tmp_path


def write(name: str, text: str = "{}\n") -> None:
    Path(name).write_text(text)


def found(path: str = "k8s") -> str | None:
    return config.load([path]).file


class TestWhichFile:
    def test_in_one_folder_the_plain_name_goes_first_then_the_hidden_one_then_pyproject(self) -> None:
        write("pyproject.toml", PYPROJECT)
        assert found() == "pyproject.toml"
        write(".meshlint.yaml")
        assert found() == ".meshlint.yaml"
        write("meshlint.yaml")
        assert found() == "meshlint.yaml"

    def test_the_nearest_folder_goes_before_the_better_name(self) -> None:
        write("meshlint.yaml")
        write("k8s/pyproject.toml", PYPROJECT)
        assert found() == "k8s/pyproject.toml"

    @pytest.mark.parametrize(
        "text", ["[tool.other]\n", "# meshlint\n", "[project]\nname = 'meshlint'\n", "[tool.meshlinter]\n", "a = = b\n"]
    )
    def test_a_pyproject_without_the_section_is_passed_over(self, text: str) -> None:
        write("meshlint.yaml")
        write("k8s/pyproject.toml", text)
        assert found() == "meshlint.yaml"

    def test_one_that_is_no_toml_counts_when_it_speaks_of_us(self) -> None:
        write("pyproject.toml", "[tool.meshlint]\nselect = [\n")
        with pytest.raises(ConfigError) as caught:
            found()
        assert str(caught.value).startswith("pyproject.toml:3:1: not TOML: ")

    @pytest.mark.parametrize("name", ["meshlint.yaml", ".meshlint.yaml", "pyproject.toml"])
    def test_none_beyond_the_root_of_the_repository(self, repository: Path, name: str) -> None:
        write(name, PYPROJECT if name.endswith("toml") else "{}\n")
        (repository / "k8s" / ".git").mkdir()
        assert found() is None


class TestOnTheCommandLine:
    def test_every_form_may_be_named(self) -> None:
        write("meshlint.yaml", "audience: [\n")
        write("other.yml", "audience: auditor\n")
        write("pyproject.toml", PYPROJECT)
        assert config.load(["."], "other.yml").audience == "auditor"
        assert config.load(["."], "pyproject.toml").audience == "pedantic"

    @pytest.mark.parametrize(
        ("name", "message"),
        [
            ("pyproject.toml", "there is no [tool.meshlint] in it"),
            ("config.json", "a configuration is YAML or TOML, not JSON"),
        ],
    )
    def test_what_is_named_must_be_one(self, name: str, message: str) -> None:
        write(name)
        if name.endswith("toml"):
            write(name, "[tool.other]\n")
        with pytest.raises(ConfigError) as caught:
            config.load(["."], name)
        assert str(caught.value) == f"{name}:1:1: {message}"

    def test_isolated_is_no_file_at_all(self, repository: Path) -> None:
        write("meshlint.yaml", "audiense: [\n")
        assert config.load(["."], isolated=True) == config.Config()
        run = meshlint("check", "--isolated", "--allow-empty", cwd=repository)
        assert run.returncode == 0
        both = meshlint("check", "--isolated", "--config", "meshlint.yaml", cwd=repository)
        assert (both.returncode, both.stderr) == (2, "meshlint: --isolated leaves no room for --config\n")


def test_pyproject_says_the_same_as_yaml() -> None:
    write("pyproject.toml", PYPROJECT)
    given = config.load(["."])
    catalog.check_config(given)
    assert (given.select, given.audience, given.baseline) == (("mtls", "IST0109"), "pedantic", "known.json")
    assert given.settings.istio_version == (1, 30)
    assert given.settings.inference == (Selector(namespace="ml", labels={"app": "ranker"}, kind="predictive"),)
    assert given.rules["port-accepts-plaintext"].options == {"allow": [9090]}
    (accepted,) = given.suppressions
    assert (accepted.reason, str(accepted.until)) == ("no egress gateway yet", "2026-12-31")
    assert [(mesh.name, mesh.paths) for mesh in given.meshes] == [("prod", ("prod/",))]


@pytest.mark.parametrize(
    ("before", "after", "line", "column", "message"),
    [
        ("audience =", "audeince =", 6, 1, "unknown key audeince; did you mean audience?"),
        (
            '"pedantic"',
            '"pedant"',
            6,
            12,
            "audience is pedant; did you mean pedantic? (one of regular, pedantic, auditor)",
        ),
        ('"mtls", ', '"mlts", ', 5, 11, "unknown rule mlts; did you mean mtls?"),
        ('["mtls", ', '[\n  # "x"\n  "mlts", ', 7, 3, "unknown rule mlts; did you mean mtls?"),
        (
            "1.30",
            "1.99",
            10,
            17,
            "settings.istio-version is 1.99, and a version of Istio from 1.20 to 1.32 belongs there",
        ),
        ("namespace =", "namspace =", 11, 16, "unknown key namspace in settings.inference[0]; did you mean namespace?"),
        ('"predictive"', '"chat"', 11, 70, "settings.inference[0].kind is chat (one of generation, embedding, "),
        ("rules.port-accepts", "rules.port-accept", 13, 22, "unknown rule port-accept-plaintext; did you mean "),
        ("options.allow", "options.alow", 14, 9, "port-accepts-plaintext: unknown key alow; did you mean allow?"),
        ("[9090]", "[9090, 'http']", 14, 24, "port-accepts-plaintext: allow[1] is http, and a whole number belongs"),
        ('reason = "no egress gateway yet"\n', "", 16, 1, "suppressions[0] has no reason (Why they are accepted)"),
        ("2026-12-31", "2026-12-31T00:00:00", 20, 9, "suppressions[0].until is 2026-12-31T00:00:00, and a day, YYYY"),
        ('paths = ["prod/"]', "paths = 'prod/'", 23, 9, "meshes.prod.paths is prod/, and a list belongs there"),
        ("[tool.meshlint.meshes.prod]", '[tool.meshlint.meshes."a b"]', 22, 23, "a b is no name: letters, digits, "),
    ],
)
def test_what_is_wrong_in_pyproject_is_said_with_its_place(
    before: str, after: str, line: int, column: int, message: str
) -> None:
    assert before in PYPROJECT
    write("pyproject.toml", PYPROJECT.replace(before, after))
    with pytest.raises(ConfigError) as caught:
        catalog.check_config(config.load(["."]))
    assert caught.value.message.startswith(message)
    assert (caught.value.line, caught.value.column) == (line, column)


class TestDefaultsOfCheck:
    """What the configuration says holds until the command line says otherwise."""

    @pytest.fixture(autouse=True)
    def mesh(self) -> None:
        write("k8s/mesh.yaml", PORT_WITHOUT_SELECTOR)

    @pytest.mark.parametrize(
        ("text", "arguments", "code"),
        [
            ("{}", (), 1),
            ("fail-on: never", (), 0),
            ("fail-on: never", ("--fail-on", "error"), 1),
            ("fail-on: error", ("--fail-on", "never"), 0),
            ("ignore: [port-mtls-without-selector]", (), 0),
            ("ignore: [port-mtls-without-selector]", ("--select", "port-mtls-without-selector"), 1),
            ("select: [egress]", (), 0),
            ("select: [egress]", ("--extend-select", "mtls"), 1),
            ("select: [mtls]", ("--ignore", "mtls"), 0),
        ],
    )
    def test_exit_codes(self, repository: Path, text: str, arguments: tuple[str, ...], code: int) -> None:
        write("meshlint.yaml", f"{text}\n")
        run = meshlint("check", *arguments, cwd=repository)
        assert run.returncode == code, run.stderr

    @pytest.mark.parametrize(
        ("text", "arguments", "shown"),
        [
            ("{}", (), ["timeout-cuts-streaming-response"]),
            ("audience: auditor", (), ["timeout-cuts-streaming-response", "inference-host-without-circuit-breaker"]),
            ("audience: auditor", ("--audience", "regular"), ["timeout-cuts-streaming-response"]),
            ("min-confidence: high", (), []),
            ("min-confidence: high", ("--min-confidence", "medium"), ["timeout-cuts-streaming-response"]),
        ],
    )
    def test_thresholds(self, repository: Path, text: str, arguments: tuple[str, ...], shown: list[str]) -> None:
        write("k8s/mesh.yaml", TIMEOUT)
        write("meshlint.yaml", f"{text}\n")
        run = meshlint("check", "--format", "json", *arguments, cwd=repository)
        assert [finding["rule"] for finding in json.loads(run.stdout)["findings"]] == shown

    def test_help_says_the_defaults(self, repository: Path) -> None:
        text = " ".join(meshlint("check", "--help", cwd=repository).stdout.split())
        assert "[default: regular, or the configuration's]" in text
        assert "[default: medium, or the configuration's]" in text
        assert "[default: warning, or the configuration's]" in text

    def test_a_word_that_names_no_rule_is_a_usage_error(self, repository: Path) -> None:
        run = meshlint("check", "--extend-select", "IST0101", cwd=repository)
        assert (run.returncode, run.stdout) == (2, "")
        assert run.stderr.startswith("meshlint: no rule checks what IST0101 of istioctl analyze does")


def test_show_says_what_holds_and_where_it_comes_from(repository: Path) -> None:
    write("pyproject.toml", PYPROJECT)
    run = meshlint("config", "show", "k8s", cwd=repository)
    lines = [line.split("  ") for line in run.stdout.splitlines()]
    said = {line[0]: line[-1].strip() for line in lines}
    assert lines[0] == ["# pyproject.toml"]
    assert said["settings.istio-version: 1.30"] == "pyproject.toml:10"
    assert said["rules.port-accepts-plaintext.options.allow: [9090]"] == "pyproject.toml:14"
    assert said["suppressions[0].until: 2026-12-31"] == "pyproject.toml:20"
    assert said["fail-on: warning"] == "default"
    assert said["settings.world: open"] == "default"
    assert "audience: regular" not in said and "settings.istio-version: 1.32" not in said


def test_a_version_is_read_where_other_line_ends_stand_before_it(repository: Path) -> None:
    write("pyproject.toml", PYPROJECT.replace('"shop"', '"sh\u2028op"'))
    assert config.load(["."]).settings.istio_version == (1, 30)
    run = meshlint("config", "show", cwd=repository)
    assert "settings.istio-version: 1.30 " in run.stdout


def test_show_without_any(repository: Path) -> None:
    lines = meshlint("config", "show", cwd=repository).stdout.splitlines()
    assert lines[0] == "# no configuration: the defaults"
    assert all(line.endswith("  default") for line in lines[1:])
    assert "settings.istio-version: 1.32" in {line.partition("  ")[0] for line in lines}
