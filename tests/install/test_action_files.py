"""The files that other programs read, judged by these or by their schemas: the Action, the examples of CI, the hooks."""

from __future__ import annotations

import re
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
import yaml
from working_tree import ROOT

from meshlint import __version__

EXAMPLES = ROOT / "examples" / "ci"
WORKFLOWS = sorted(EXAMPLES.glob("github-*.yml"))
HOOKS = ROOT / ".pre-commit-hooks.yaml"
SCRIPTS = [ROOT / "action" / name for name in ("install", "lint", "result")]


def said(program: str, *arguments: object) -> tuple[int, str]:
    """Exit code and stdout of a program that is installed beside Python."""
    command = [str(Path(sysconfig.get_path("scripts")) / program), *map(str, arguments)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, encoding="utf-8", check=False)
    return run.returncode, run.stdout


@pytest.mark.parametrize(
    ("schema", "file"),
    [
        ("github-actions", ROOT / "action.yml"),
        *(("github-workflows", workflow) for workflow in WORKFLOWS),
        ("gitlab-ci", EXAMPLES / "gitlab-ci.yml"),
    ],
    ids=lambda each: each if isinstance(each, str) else each.name,
)
def test_it_fits_its_schema(schema: str, file: Path) -> None:
    assert said("check-jsonschema", "--builtin-schema", f"vendor.{schema}", file) == (0, "ok -- validation done\n")


def test_attackers_find_nothing_in_the_action_and_the_workflows() -> None:
    code, output = said("zizmor", "--offline", "--no-progress", "--persona", "auditor", ROOT / "action.yml", *WORKFLOWS)
    assert (code, output) == (0, "No findings to report. Good job! (2 ignored)\n")


def test_the_scripts_are_sound() -> None:
    assert said("shellcheck", *SCRIPTS) == (0, "")


@pytest.mark.parametrize(
    ("command", "file"), [("validate-manifest", HOOKS), ("validate-config", EXAMPLES / "pre-commit-config.yaml")]
)
def test_pre_commit_takes_it(command: str, file: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "pre_commit", command, file], capture_output=True, encoding="utf-8", check=False
    )
    assert (run.returncode, run.stdout + run.stderr) == (0, "")


def test_the_examples_name_this_version() -> None:
    text = {file.name: file.read_text(encoding="utf-8") for file in sorted(EXAMPLES.iterdir())}
    named = {name: re.findall(r"meshlint@v(\S+)|meshlint==(\S+)|rev: v(\S+)", each) for name, each in text.items()}
    assert {name: {"".join(version) for version in versions} for name, versions in named.items()} == {
        name: {__version__} for name in text
    }


def test_what_others_publish_is_named_by_its_commit_with_the_version() -> None:
    uses = [
        line.partition("uses:")[2].strip()
        for file in (ROOT / "action.yml", *WORKFLOWS)
        for line in file.read_text(encoding="utf-8").splitlines()
        if "uses:" in line and "meshlint/meshlint@" not in line
    ]
    assert [each for each in uses if not re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", each)] == []
    assert {each.partition("@")[0] for each in uses} == {"actions/checkout", "github/codeql-action/upload-sarif"}


PAGE = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")


def test_the_page_shows_the_examples_as_they_are() -> None:
    shown = re.findall(r"^```yaml.*\n((?:.*\n)*?)```$", PAGE, re.MULTILINE)
    assert sorted(shown) == sorted(file.read_text(encoding="utf-8") for file in EXAMPLES.iterdir())


def test_the_page_lists_the_inputs_with_their_defaults() -> None:
    inputs = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))["inputs"]
    rows = re.findall(r"^\| `([\w-]+)` \| (?:`(.*?)`)? ?\|", PAGE, re.MULTILINE)
    assert rows == [(name, declared["default"]) for name, declared in inputs.items()]
