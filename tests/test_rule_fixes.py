"""`check --fix` on every bad example of every rule that describes a fix, in a git repository."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any
from urllib.parse import unquote

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


@pytest.mark.parametrize(("info", "example"), EXAMPLES, ids=named)
def test_the_replacements_of_sarif_are_what_fix_writes(repository: Path, info: RuleInfo, example: Path) -> None:
    """With characters beyond U+FFFF, CRLF and a byte order mark."""
    here = repository / example.name
    shutil.copytree(example, here) if example.is_dir() else shutil.copy(example, here)
    for file in [path for path in (repository.rglob("*.y*ml")) if path.name != "meshlint.yaml"]:
        text = file.read_bytes().decode().replace("\n", "\r\n")
        file.write_bytes(f"\ufeff# \U0001f600\r\n{text}".encode())
    chosen = (example.name, "--select", info.id, *EVERYTHING, "--unsafe-fixes")
    log = json.loads(check(*chosen, "--format", "sarif").stdout)["runs"][0]
    assert log["columnKind"] == "unicodeCodePoints"
    replacements: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for result in log["results"]:
        for changed in (changed for fix in result.get("fixes", ()) for changed in fix["artifactChanges"]):
            replacements[unquote(changed["artifactLocation"]["uri"])] += changed["replacements"]
    wanted = texts(repository)
    for name, given in replacements.items():
        text = wanted[name].decode()
        mark = text[: text.startswith("\ufeff")]
        wanted[name] = (mark + replaced(text.removeprefix("\ufeff"), given)).encode()
    check(*chosen, "--fix")
    assert texts(repository) == wanted


ON_ONE_LINE = (
    '{"apiVersion": "security.istio.io/v1", "kind": "PeerAuthentication", "metadata": {"name": "a", "namespace": "b", '
    '"annotations": {"note": "\U0001f600\U0001f600"}}, "spec": {"selector": {"matchLabels": {"app": "a"}}, '
    '"mtls": {"mode": "PERMISSIVE"}}}\n---\n{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a", "namespace": "b", '
    '"labels": {"app": "a", "sidecar.istio.io/inject": "true"}}, "spec": {"containers": [{"name": "a", "ports": '
    '[{"containerPort": 80}]}]}}\n'
)


def test_columns_of_sarif_are_code_points(repository: Path) -> None:
    file = repository / "a.yaml"
    file.write_text(ON_ONE_LINE, encoding="utf-8")
    chosen = ("a.yaml", "--select", "port-accepts-plaintext", *EVERYTHING, "--unsafe-fixes")
    (result,) = json.loads(check(*chosen, "--format", "sarif").stdout)["runs"][0]["results"]
    wanted = replaced(ON_ONE_LINE, result["fixes"][0]["artifactChanges"][0]["replacements"])
    check(*chosen, "--fix")
    assert file.read_text(encoding="utf-8") == wanted == ON_ONE_LINE.replace("PERMISSIVE", "STRICT")


def position(replacement: dict[str, Any]) -> tuple[int, int]:
    return replacement["deletedRegion"]["startLine"], replacement["deletedRegion"]["startColumn"]


def replaced(text: str, replacements: list[dict[str, Any]]) -> str:
    """A text after the replacements of a SARIF file, the last one first so that regions stay where they are."""
    lines = text.split("\n")
    for replacement in sorted(replacements, key=position, reverse=True):
        region = replacement["deletedRegion"]
        before = [*lines[: region["startLine"] - 1], lines[region["startLine"] - 1][: region["startColumn"] - 1]]
        after = [lines[region["endLine"] - 1][region["endColumn"] - 1 :], *lines[region["endLine"] :]]
        inserted = replacement.get("insertedContent", {}).get("text", "")
        lines = ("\n".join(before) + inserted + "\n".join(after)).split("\n")
    return "\n".join(lines)
