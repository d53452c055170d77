"""What a run does not need is not imported: start-up time is part of the product."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from small import PORT_WITHOUT_SELECTOR

HEAVY = ["rich", "jsonschema", "jsonschema_rs", "sarif_om", "attr", "pathspec", "importlib.metadata", "urllib.parse"]


def imported(folder: Path, *arguments: str) -> set[str]:
    """The modules of a run that finds something."""
    command = [sys.executable, "-X", "importtime", "-m", "meshlint", "check", "one.yaml", *arguments]
    run = subprocess.run(command, cwd=folder, capture_output=True, encoding="utf-8", check=False)
    assert run.returncode == 1, run.stderr
    return set(re.findall(r"^import time:\s+\d+ \|\s+\d+ \|\s+(\S+)$", run.stderr, re.MULTILINE))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "one.yaml").write_text(PORT_WITHOUT_SELECTOR)
    return tmp_path


@pytest.mark.parametrize("arguments", [(), ("--format", "concise"), ("--format", "json")], ids=" ".join)
def test_a_plain_run_imports_nothing_heavy(folder: Path, arguments: tuple[str, ...]) -> None:
    loaded = imported(folder, *arguments)
    assert "meshlint.pipeline" in loaded
    assert sorted(loaded.intersection(HEAVY)) == []


def test_text_needs_no_json(folder: Path) -> None:
    assert "json" not in imported(folder)


def test_other_formats_and_commands_are_not_imported(folder: Path) -> None:
    loaded = imported(folder)
    ours = {module for module in loaded if module.startswith(("meshlint.cli.", "meshlint.report."))}
    assert ours.isdisjoint({"meshlint.cli.show", "meshlint.cli.test", "meshlint.report.json", "meshlint.report.sarif"})


@pytest.mark.parametrize(
    ("arguments", "needed"),
    [
        (("--color", "always"), "rich"),
        (("--format", "sarif"), "sarif_om"),
        (("--config", "meshlint.yaml"), "jsonschema"),
    ],
    ids=["colour", "sarif", "configuration"],
)
def test_what_a_run_needs_is_imported(folder: Path, arguments: tuple[str, ...], needed: str) -> None:
    """So that the test above can fail: the names are those that Python reports."""
    (folder / "meshlint.yaml").write_text("settings: {world: closed}\n")
    assert needed in imported(folder, *arguments)


def test_a_gitignore_brings_pathspec_in(folder: Path) -> None:
    (folder / ".gitignore").write_text("*.json\n")
    assert "pathspec" in imported(folder, ".")
