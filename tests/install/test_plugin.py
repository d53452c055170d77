"""The example plugin, built and installed beside meshlint as a team would do it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from environments import ENV, built, fresh, pip, run
from working_tree import ROOT

PLUGIN = ROOT / "examples" / "plugin"
FOLDERS = sorted(path.parent for path in PLUGIN.rglob("rule.yaml"))
RULE = "model-outside-model-namespaces"
SOURCE = "meshlint-acme 1.0.0"

MESH = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: llama, namespace: shop}
spec:
  selector: {matchLabels: {app: llama}}
  template:
    metadata: {labels: {app: llama}}
    spec:
      containers: [{name: vllm, image: "vllm/vllm-openai:v0.9.1"}]
"""
FOUND = (
    f"mesh.yaml:6:3: error[{RULE}] shop/llama serves a model in a namespace that is not for models (models), so neither "
    "the GPU quota nor the limits on egress hold for it."
)


@pytest.fixture(scope="module")
def programs(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh environment with meshlint and the wheel of the plugin."""
    found = fresh(tmp_path_factory.mktemp("venv"), wheel)
    project = tmp_path_factory.mktemp("project") / "plugin"
    shutil.copytree(PLUGIN, project, ignore=shutil.ignore_patterns("__pycache__"))
    pip(found, "install", str(built(project, tmp_path_factory.mktemp("dist"))))
    return found


@pytest.fixture
def mesh(tmp_path: Path) -> Path:
    (tmp_path / "mesh.yaml").write_text(MESH)
    return tmp_path


def listed(programs: Path, cwd: Path) -> dict[str, str | None]:
    """The plugin of each rule."""
    rules = run(programs, "rules", "--format", "json", cwd=cwd)
    assert rules.returncode == 0, rules.stderr
    return {rule["id"]: rule["plugin"] for rule in json.loads(rules.stdout)}


def test_its_rules_are_listed(programs: Path, mesh: Path) -> None:
    theirs = {id: plugin for id, plugin in listed(programs, mesh).items() if plugin}
    assert theirs == {folder.name.replace("_", "-"): SOURCE for folder in FOLDERS}
    assert f"Model runs outside the namespaces for models ({SOURCE})\n" in run(programs, "rules", cwd=mesh).stdout


def test_its_rules_find(programs: Path, mesh: Path) -> None:
    checked = run(programs, "check", "--select", "models", "--format", "concise", cwd=mesh)
    assert (checked.returncode, checked.stdout.splitlines()) == (1, [FOUND])
    (mesh / "meshlint.yaml").write_text(f"rules: {{{RULE}: {{options: {{namespaces: [shop]}}}}}}\n")
    assert run(programs, "check", "--select", "models", "--allow-empty", cwd=mesh).returncode == 0


def test_its_rules_are_explained(programs: Path, mesh: Path) -> None:
    explained = run(programs, "explain", RULE, cwd=mesh)
    title, _, facts, _, suppress, _, plugin, _, *rest = explained.stdout.splitlines()
    assert [title, facts, suppress, plugin] == [
        "# Model runs outside the namespaces for models",
        f"`{RULE}` · models · error · high confidence · regular",
        f"Suppress: `# meshlint: ignore[{RULE}] reason`",
        f"Plugin: {SOURCE}",
    ]
    assert rest == (FOLDERS[1] / "README.md").read_text().splitlines()[2:]


def test_its_examples_hold(programs: Path, mesh: Path) -> None:
    tested = run(programs, "test", str(PLUGIN), cwd=mesh)
    assert tested.returncode == 0, tested.stdout
    assert f"ok    {FOLDERS[0].name}/examples/fixed_unnamed.yaml\n" in tested.stdout


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_its_checks_have_types_that_hold_against_what_is_installed(
    programs: Path, mesh: Path, tmp_path_factory: pytest.TempPathFactory, folder: Path
) -> None:
    def checked(file: Path) -> subprocess.CompletedProcess[str]:
        cache = tmp_path_factory.getbasetemp() / "mypy"
        options = ["--strict", "--python-executable", str(programs / "python"), "--cache-dir", str(cache)]
        command = [sys.executable, "-m", "mypy", *options, str(file)]
        return subprocess.run(command, cwd=mesh, env=ENV, capture_output=True, encoding="utf-8", check=False)

    right = checked(folder / "check.py")
    assert right.returncode == 0, right.stdout
    (mesh / "check.py").write_text(re.sub(r"\.(name|namespace)\b", ".nothing", (folder / "check.py").read_text()))
    assert 'has no attribute "nothing"' in checked(mesh / "check.py").stdout


def test_uninstalling_it_takes_its_rules_away(programs: Path, mesh: Path) -> None:
    pip(programs, "uninstall", "--yes", "meshlint-acme")
    assert set(listed(programs, mesh).values()) == {None}
    checked = run(programs, "check", "--select", RULE, cwd=mesh)
    assert (checked.returncode, checked.stderr) == (2, f"meshlint: unknown rule {RULE}\n")


def test_the_commands_of_its_readme(wheel: Path, tmp_path: Path) -> None:
    programs = fresh(tmp_path / "venv", wheel)
    project = tmp_path / "plugin"
    shutil.copytree(PLUGIN, project, ignore=shutil.ignore_patterns("__pycache__"))
    (block,) = re.findall(r"^```sh\n(.+?)^```$", (PLUGIN / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    env = {**ENV, "PATH": f"{programs}:{ENV['PATH']}", "PIP_NO_INDEX": "1", "PIP_NO_BUILD_ISOLATION": "0"}
    done = subprocess.run(
        ["sh", "-euc", block], cwd=project, env=env, capture_output=True, encoding="utf-8", check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "wrote src/meshlint_acme/models/my_rule/check.py\n" in done.stdout
    assert "ok    my_rule/examples/bad_example.yaml\n" in done.stdout
    assert [path.name for path in (project / "dist").iterdir()] == ["meshlint_acme-1.0.0-py3-none-any.whl"]
    assert listed(programs, tmp_path)["my-rule"] == SOURCE, "an editable installation has new rules at once"
