"""Rules of installed plugins, in environments of their own; and that nothing else is ever taken for one."""

from __future__ import annotations

import json
import os
import subprocess
import sysconfig
import textwrap
import venv
from collections.abc import Mapping
from pathlib import Path

import pytest

import meshlint

MESH = """\
apiVersion: v1
kind: Service
metadata: {name: cart, namespace: shop}
spec:
  ports: [{port: 80}]
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: shop}
spec:
  mtls: {mode: STRICT}
  portLevelMtls:
    9090: {mode: PERMISSIVE}
"""
OURS = "mesh.yaml:12:3: error[port-mtls-without-selector]"
THEIRS = "mesh.yaml:5:3: warning[service-has-ports] Service shop/cart has ports."

YAML = """\
title: A service has ports
severity: warning
confidence: high
audience: regular
meshes: [istio]
kinds: [Service]
message: "{service} has ports."
remediation: None.
options:
  kept:
    default: []
    description: services that may
    schema: {type: array, items: {type: string}}
"""
CHECK = """\
from meshlint.rule import Problem, Resource


def check(service: Resource, options):
    if service.name not in options["kept"]:
        yield Problem(service.at("spec", "ports"), service=service)
"""
RULE = {
    "acme_rules/__init__.py": "raise AssertionError('nobody needs to import the package')\n",
    "acme_rules/shape/service_has_ports/rule.yaml": YAML,
    "acme_rules/shape/service_has_ports/check.py": CHECK,
    "acme_rules/shape/service_has_ports/README.md": "# A service has ports\n\nIt has.\n",
}


class Environment:
    """A Python environment in which meshlint is installed."""

    def __init__(self, home: Path) -> None:
        venv.create(home, symlinks=True)
        self.python = home / "bin" / "python"
        self.site = next(home.glob("lib/python*/site-packages"))
        source = Path(meshlint.__file__).parents[1]
        (self.site / "meshlint.pth").write_text(f"{source}\n{sysconfig.get_path('purelib')}\n")
        self.program = home / "bin" / "meshlint"
        self.program.write_text(f"#!{self.python}\nfrom meshlint.__main__ import main\nmain()\n")
        self.program.chmod(0o755)

    def install(
        self, files: Mapping[str, str], name: str = "acme-rules", entry: str = "acme_rules", into: Path | None = None
    ) -> None:
        """A distribution as pip leaves it: its files, and what is known of it."""
        info = f"{name.replace('-', '_')}-1.0.dist-info"
        known = {
            f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n",
            f"{info}/entry_points.txt": f"[meshlint.rules]\nacme = {entry}\n",
        }
        write(into or self.site, {**files, **known})

    def run(self, *arguments: str, cwd: Path, module: bool = False, **env: str) -> subprocess.CompletedProcess[str]:
        command = [self.python, "-m", "meshlint"] if module else [self.program]
        clean = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
        return subprocess.run(
            [*map(str, command), *arguments], cwd=cwd, env={**clean, **env}, capture_output=True, encoding="utf-8"
        )


def write(folder: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


@pytest.fixture
def environment(tmp_path: Path) -> Environment:
    return Environment(tmp_path / "venv")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    write(tmp_path / "repository", {"mesh.yaml": MESH})
    return tmp_path / "repository"


def found(checked: subprocess.CompletedProcess[str]) -> list[str]:
    return checked.stdout.splitlines()


def told(run: subprocess.CompletedProcess[str]) -> str:
    """What was said, in one line."""
    return " ".join(run.stderr.split())


def test_rules_of_a_plugin_are_rules(environment: Environment, repository: Path) -> None:
    environment.install(RULE)
    checked = environment.run("check", "--format", "concise", cwd=repository)
    assert checked.returncode == 1, checked.stderr
    assert [found(checked)[0] == THEIRS, found(checked)[1].startswith(OURS)] == [True, True]
    for selected in ("service-has-ports", "shape"):
        checked = environment.run("check", "--select", selected, "--format", "concise", cwd=repository)
        assert found(checked) == [THEIRS]
    checked = environment.run("check", "--ignore", "shape", "--format", "concise", cwd=repository)
    assert [line.partition(" ")[0] + " " + line.split()[1] for line in found(checked)] == [OURS]


def test_rules_of_a_plugin_are_listed_with_it(environment: Environment, repository: Path) -> None:
    environment.install(RULE)
    lines = environment.run("rules", cwd=repository).stdout.splitlines()
    assert [line.split() for line in lines if "acme" in line] == [
        ["service-has-ports", "warning,", "high", "A", "service", "has", "ports", "(acme-rules", "1.0)"]
    ]
    assert lines[lines.index("shape") - 1].startswith("  duplicate-key "), "categories are sorted"
    rules = json.loads(environment.run("rules", "--format", "json", cwd=repository).stdout)
    assert {rule["plugin"] for rule in rules if rule["category"] != "shape"} == {None}
    assert [rule["plugin"] for rule in rules if rule["id"] == "service-has-ports"] == ["acme-rules 1.0"]


def test_rules_of_a_plugin_are_explained(environment: Environment, repository: Path) -> None:
    environment.install(RULE)
    assert environment.run("explain", "service-has-ports", cwd=repository).stdout == (
        "# A service has ports\n\n`service-has-ports` · shape · warning · high confidence · regular\n\n"
        "Suppress: `# meshlint: ignore[service-has-ports] reason`\n\nPlugin: acme-rules 1.0\n\nIt has.\n"
    )


def test_rules_of_a_plugin_are_configured(environment: Environment, repository: Path) -> None:
    environment.install(RULE)
    config = repository / "meshlint.yaml"
    config.write_text("select: [shape]\nrules: {service-has-ports: {severity: error}}\n")
    checked = environment.run("check", "--format", "concise", cwd=repository)
    assert found(checked) == [THEIRS.replace("warning", "error")]
    config.write_text("select: [shape]\nrules:\n  service-has-ports: {options: {kept: [cart]}}\n")
    assert environment.run("check", cwd=repository).returncode == 0
    config.write_text("rules:\n  service-has-ports: {options: {keep: [cart]}}\n")
    checked = environment.run("check", cwd=repository)
    assert (checked.returncode, "meshlint.yaml:2:33: service-has-ports: unknown key keep" in checked.stderr) == (
        2,
        True,
    )


def test_rules_of_a_plugin_are_in_sarif(environment: Environment, repository: Path) -> None:
    environment.install(RULE)
    checked = environment.run("check", "--select", "shape", "--format", "sarif", cwd=repository)
    (run,) = json.loads(checked.stdout)["runs"]
    (rule,) = run["tool"]["driver"]["rules"]
    assert (rule["id"], rule["properties"]["plugin"]) == ("service-has-ports", "acme-rules 1.0")
    assert [(result["ruleId"], result["ruleIndex"]) for result in run["results"]] == [("service-has-ports", 0)]


def test_a_package_below_others_is_found_without_importing_them(environment: Environment, repository: Path) -> None:
    files = {name.replace("acme_rules/", "acme/lint/rules/"): text for name, text in RULE.items()}
    files["acme/__init__.py"] = files["acme/lint/rules/__init__.py"]
    environment.install(files, entry="acme.lint.rules")
    assert found(environment.run("check", "--select", "shape", "--format", "concise", cwd=repository)) == [THEIRS]


BROKEN = {
    "no package": (
        {},
        "acme_rules",
        "its entry point acme names acme_rules, which is no package",
    ),
    "an object": (
        RULE,
        "acme_rules:rules",
        "its entry point acme names acme_rules:rules, which is no package",
    ),
    "a module": (
        {"acme_rules.py": ""},
        "acme_rules",
        "its entry point acme names acme_rules, which is no package",
    ),
    "no folders": (
        {"acme_rules/__init__.py": ""},
        "acme_rules",
        "there is no CATEGORY/RULE/rule.yaml in {site}/acme_rules",
    ),
    "a rule.yaml without a title": (
        {**RULE, "acme_rules/shape/another/rule.yaml": YAML.partition("\n")[2]},
        "acme_rules",
        "{site}/acme_rules/shape/another/rule.yaml: 'title' is a required property",
    ),
    "a rule.yaml that is no YAML": (
        {**RULE, "acme_rules/shape/another/rule.yaml": "title: ["},
        "acme_rules",
        "{site}/acme_rules/shape/another/rule.yaml: ",
    ),
    "a name that is no id": (
        {**RULE, "acme_rules/shape/An other/rule.yaml": YAML},
        "acme_rules",
        "{site}/acme_rules/shape/An other/rule.yaml: the name of the folder makes no id: An other is not lower-case",
    ),
    "an id of meshlint": (
        {**RULE, "acme_rules/shape/duplicate_key/rule.yaml": YAML},
        "acme_rules",
        f"rule duplicate-key is left out: meshlint {meshlint.__version__} has a rule of that name",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_plugin_is_told_and_everything_else_runs(
    environment: Environment, repository: Path, case: str
) -> None:
    files, entry, message = BROKEN[case]
    environment.install(files, entry=entry)
    expected = message.format(site=os.path.realpath(environment.site))
    checked = environment.run("check", "--format", "json", cwd=repository)
    assert checked.returncode == 3
    report = json.loads(checked.stdout)
    (failure,) = report["failures"]
    assert failure["message"].startswith(expected)
    assert "port-mtls-without-selector" in {finding["rule"] for finding in report["findings"]}
    assert ("service-has-ports" in {finding["rule"] for finding in report["findings"]}) == (
        "acme_rules/shape/service_has_ports/rule.yaml" in files and entry == "acme_rules"
    )
    for command in (["rules"], ["explain", "duplicate-key"]):
        run = environment.run(*command, cwd=repository)
        assert (run.returncode, run.stdout != "") == (3, True)
        assert run.stderr.startswith(f"meshlint: not loaded: acme-rules 1.0: {expected}")


def test_two_plugins_with_one_id_are_both_named(environment: Environment, repository: Path) -> None:
    environment.install(RULE, name="acme-rules")
    other = {name.replace("acme_rules/", "other/"): text for name, text in RULE.items()}
    environment.install(other, name="Zeta.Rules", entry="other")
    checked = environment.run("check", "--format", "concise", cwd=repository)
    assert (checked.returncode, found(checked)[0]) == (3, THEIRS)
    assert "Zeta.Rules 1.0: rule service-has-ports is left out: acme-rules 1.0 has a rule of that name" in told(checked)


@pytest.mark.parametrize(
    ("check", "message"),
    [
        ("import nothing_like_it\n", "check.py: ModuleNotFoundError: No module named 'nothing_like_it'"),
        ("def check(x: int): ...\n", "check.py: the first parameter of check is of type int, and a rule judges one of"),
        (
            CHECK.replace("options):", "options, world):"),
            "check.py: check asks for world, and there are mesh and options",
        ),
        (CHECK.replace("import Problem,", "import Problems,"), "check.py: ImportError: cannot import name 'Problems'"),
    ],
)
def test_a_check_that_cannot_be_loaded_is_told(
    environment: Environment, repository: Path, check: str, message: str
) -> None:
    environment.install({**RULE, "acme_rules/shape/service_has_ports/check.py": check})
    checked = environment.run("check", "--format", "concise", cwd=repository)
    assert (checked.returncode, found(checked)[0].startswith(OURS)) == (3, True)
    assert "rule service-has-ports did not run: " in told(checked)
    assert message in told(checked)
    checked = environment.run("check", "--select", "mtls", cwd=repository)
    assert checked.returncode == 1, "the check of a rule that does not run is not loaded"


def test_a_rule_of_a_plugin_without_a_check_is_told(environment: Environment, repository: Path) -> None:
    environment.install({name: text for name, text in RULE.items() if not name.endswith("check.py")})
    checked = environment.run("check", cwd=repository)
    assert checked.returncode == 3
    assert "check.py: there is no check.py" in told(checked)


def test_a_check_that_raises_is_told_with_its_plugin(environment: Environment, repository: Path) -> None:
    environment.install({**RULE, "acme_rules/shape/service_has_ports/check.py": CHECK.replace("kept", "lost")})
    checked = environment.run("check", "--format", "json", cwd=repository)
    assert checked.returncode == 3
    assert json.loads(checked.stdout)["failures"] == [
        {
            "kind": "rule",
            "file": "acme-rules 1.0/shape/service_has_ports/check.py",
            "line": 5,
            "message": "rule service-has-ports failed on Service shop/cart: KeyError: 'lost'; every other rule was run; "
            "please report it to the authors of acme-rules 1.0",
        }
    ]


def test_what_an_installer_left_behind_is_no_plugin(environment: Environment, repository: Path) -> None:
    environment.install(RULE)
    write(environment.site, {"~cme_rules-0.9.dist-info/entry_points.txt": "[meshlint.rules]\nacme = nothing\n"})
    run = environment.run("rules", cwd=repository)
    assert (run.returncode, run.stderr) == (0, "")


def test_a_distribution_that_is_there_twice_counts_once(environment: Environment, repository: Path) -> None:
    """As importlib.metadata has it: of two of one name the first."""
    environment.install(RULE)
    (environment.site / "acme_rules-1.0.dist-info").rename(environment.site / "Acme.Rules-0.9.dist-info")
    environment.install({}, entry="nothing")
    run = environment.run("rules", cwd=repository)
    assert (run.returncode, run.stderr) == (0, "")
    assert "  service-has-ports " in run.stdout


# ---- nothing of the linted repository --------------------------------------------------------------------------------

MARK = "import pathlib; pathlib.Path({mark!r}).write_text('executed')\n"


@pytest.fixture
def mark(tmp_path: Path) -> Path:
    """A file that any code of the repository makes when it is executed."""
    return tmp_path / "mark"


@pytest.fixture
def hostile(environment: Environment, repository: Path, mark: Path) -> Path:
    """A repository that has all that could be taken for a plugin, or for a module of a program that runs in it."""
    evil = MARK.format(mark=str(mark))
    environment.install({name: text for name, text in RULE.items() if "__init__" not in name})
    environment.install(
        {
            name.replace("acme_rules/", "evil/"): evil + text if name.endswith("py") else text
            for name, text in RULE.items()
        },
        name="evil",
        entry="evil",
        into=repository,
    )
    write(
        repository,
        {
            "rules/shape/evil_rule/rule.yaml": YAML,
            "rules/shape/evil_rule/check.py": evil + CHECK,
            "acme_rules/__init__.py": evil,
            "acme_rules/shape/another_evil_rule/rule.yaml": YAML,
            "acme_rules/shape/another_evil_rule/check.py": evil + CHECK,
            "pyproject.toml": '[project]\nname = "meshlint"\n[project.entry-points."meshlint.rules"]\nevil = "evil"\n',
            **{f"{module}.py": evil for module in ("sitecustomize", "click", "yaml", "json", "__future__", "difflib")},
        },
    )
    return repository


@pytest.mark.parametrize("module", [False, True], ids=["program", "module"])
@pytest.mark.parametrize(
    "arguments", [("rules",), ("explain", "service-has-ports"), ("check", "--select", "shape", ".")]
)
def test_nothing_of_the_linted_repository_is_executed(
    environment: Environment, hostile: Path, mark: Path, arguments: tuple[str, ...], module: bool
) -> None:
    run = environment.run(*arguments, cwd=hostile, module=module)
    assert run.stdout
    assert "evil" not in run.stdout + run.stderr
    assert not mark.exists()


def test_the_rules_of_the_plugin_are_those_installed(environment: Environment, hostile: Path, mark: Path) -> None:
    checked = environment.run("check", "--format", "concise", "mesh.yaml", cwd=hostile, module=True)
    assert (checked.returncode, found(checked)[0]) == (1, THEIRS)


def test_what_is_on_pythonpath_is_no_plugin(environment: Environment, hostile: Path, mark: Path) -> None:
    """Python itself has the modules there go before others; without those, what remains is not taken for a plugin."""
    for shadow in hostile.glob("*.py"):
        shadow.unlink()
    for path in (str(hostile), ".", f":{hostile.parent}"):
        checked = environment.run("check", "--format", "concise", "mesh.yaml", cwd=hostile, PYTHONPATH=path)
        assert (checked.returncode, found(checked)[0]) == (1, THEIRS)
        assert not mark.exists()


@pytest.mark.parametrize(
    "text",
    [
        "plugins: [evil]\n",
        "rules: {evil-rule: {path: rules/shape/evil_rule}}\n",
        "rules: {evil-rule: {severity: error}}\n",
    ],
)
def test_the_configuration_names_no_code(environment: Environment, hostile: Path, mark: Path, text: str) -> None:
    (hostile / "meshlint.yaml").write_text(text)
    checked = environment.run("check", "mesh.yaml", cwd=hostile, module=True)
    assert (checked.returncode, checked.stdout) == (2, "")
    assert checked.stderr.startswith("meshlint: meshlint.yaml:1:")
    assert not mark.exists()


def test_the_marks_work(environment: Environment, hostile: Path, mark: Path) -> None:
    """So that the tests above can fail: the code is executed where somebody asks Python for it."""
    for name in ("click", "evil", "sitecustomize"):
        subprocess.run([environment.python, "-c", textwrap.dedent(f"import {name}")], cwd=hostile, capture_output=True)
        assert mark.exists(), name
        mark.unlink()
