"""`check --fix` on every bad example of every rule that describes a fix, in a git repository."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from meshes import report

from meshlint import pipeline
from meshlint.cli.main import cli
from meshlint.finding import Finding, RuleInfo, Severity
from meshlint.rule import catalog

FIXING = [info for info in catalog.infos().values() if info.fix]
EXAMPLES = [(info, path) for info in FIXING for path in sorted(Path(info.folder, "examples").glob("bad*"))]
EVERYTHING = ("--audience", "auditor", "--min-confidence", "low", "--allow-empty")


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    git("init", "-q")
    return tmp_path


def git(*arguments: str, stdin: bytes = b"") -> None:
    command = ["git", "-c", "user.name=x", "-c", "user.email=x@x", *arguments]
    subprocess.run(command, input=stdin, check=True, capture_output=True)


def check(*arguments: str) -> Result:
    """`meshlint check`, as a program would be called here; it may not fail."""
    run = CliRunner().invoke(cli, ["check", *arguments])
    assert run.exit_code in (0, 1), run.output
    return run


def texts(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file() and ".git" not in path.parts)
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def named(info_and_path: object) -> str:
    return info_and_path.id if isinstance(info_and_path, RuleInfo) else getattr(info_and_path, "name", "")


@pytest.mark.parametrize(("info", "example"), EXAMPLES, ids=named)
def test_fixes_of_examples(repository: Path, info: RuleInfo, example: Path) -> None:
    here = repository / example.name
    shutil.copytree(example, here) if example.is_dir() else shutil.copy(example, here)
    git("add", "-A")
    git("commit", "-qm", "before")
    before = report(here, pipeline.Thresholds())
    chosen = (example.name, "--select", info.id, *EVERYTHING, "--unsafe-fixes")

    found = json.loads(check(*chosen, "--format", "json").stdout)["findings"]
    shown = check(*chosen, "--diff")
    assert shown.exit_code == int(any(finding["fix"] for finding in found))
    git("apply", "--allow-empty", "-", stdin=shown.stdout_bytes)
    applied = texts(repository)
    git("checkout", "-q", ".")
    left = json.loads(check(*chosen, "--fix", "--format", "json").stdout)["findings"]
    assert texts(repository) == applied
    assert [finding["message"] for finding in left] == [f["message"] for f in found if not f["fix"]]
    check(*chosen, "--fix")
    assert texts(repository) == applied

    after = report(here, pipeline.Thresholds())
    mildest = min((Severity[f["severity"].upper()] for f in found if f["fix"]), default=Severity.INFO)
    assert [f.message for f in new(before.findings, after.findings) if f.severity >= mildest] == []
    fixed = example.with_name(example.name.replace("bad", "fixed", 1))
    if fixed.exists():
        given = texts(fixed) if fixed.is_dir() else {".": fixed.read_bytes()}
        assert given == (texts(here) if here.is_dir() else {".": here.read_bytes()})


def new(before: tuple[Finding, ...], after: tuple[Finding, ...]) -> list[Finding]:
    left = Counter((f.rule.id, f.resource) for f in before)
    left.subtract((f.rule.id, f.resource) for f in after)
    return [f for f in after if left[f.rule.id, f.resource] < 0]
