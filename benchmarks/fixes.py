"""What `check --fix --unsafe-fixes` makes of real meshes: `fixes.py [OUT]`, where ../shared is present.

Every mesh of corpus/meshes.yaml, every repository of the corpus and the made-up meshes are copied into a git repository. It
must hold that `git apply` of `--diff` writes what `--fix` does, and that a second run changes nothing. What is printed: per input
how many findings say a change, have edits, are fixed, are refused and why; then by rule. The diffs go into the folder OUT.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import yaml

SHARED = Path(__file__).parents[2] / "shared"
NO_MESH = "istio+istio"
"""Test data of hundreds of meshes, which are looked at one by one."""


class Mesh(NamedTuple):
    name: str
    paths: list[str]
    namespace: str | None


def meshes() -> Iterator[Mesh]:
    """Paths are relative to ../shared."""
    for entry in yaml.safe_load((SHARED / "corpus/meshes.yaml").read_text(encoding="utf-8"))["meshes"]:
        yield Mesh(entry["name"], [f"corpus/{path}" for path in entry["paths"]], entry["namespace"])
    for folder in sorted((SHARED / "corpus").iterdir()):
        if folder.is_dir() and folder.name != NO_MESH:
            yield Mesh(f"repository {folder.name}", [f"corpus/{folder.name}"], None)
    for path in [*sorted((SHARED / "meshes").iterdir()), *sorted((SHARED / "seed").glob("*.yaml"))]:
        if path.name not in ("README.md", "labels.yaml"):
            yield Mesh(f"made up {path.name}", [path.relative_to(SHARED).as_posix()], None)


class Outcome(NamedTuple):
    """Rules of findings: with edits, left after the fixes, and refused; the refusals in words, and the diff."""

    fixable: list[str]
    refused: list[str]
    told: list[str]
    diff: str
    wrong: list[str]


def tried(mesh: Mesh, *thresholds: str) -> Outcome:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for path in mesh.paths:
            source = SHARED / path
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copytree(source, folder / path) if source.is_dir() else shutil.copy(source, folder / path)
        git(folder, "init", "-q")
        git(folder, "add", "-f", "-A")
        git(folder, "commit", "-q", "--allow-empty", "-m", "before")
        chosen = [*mesh.paths, *thresholds, *(["-n", mesh.namespace] if mesh.namespace else [])]
        found = findings(check(folder, *chosen, "--format", "json").stdout)
        fixable = [finding["rule"] for finding in found if finding["fix"]]
        if not fixable:
            return Outcome([], [], [], "", [])
        patch = check(folder, *chosen, "--diff", "--unsafe-fixes").stdout
        git(folder, "apply", "--allow-empty", "-", stdin=patch)
        applied = git(folder, "diff")
        git(folder, "checkout", "-q", ".")
        run = check(folder, *chosen, "--fix", "--unsafe-fixes", "--format", "json")
        diff = git(folder, "diff")
        again = check(folder, *chosen, "--fix", "--unsafe-fixes", "--format", "json")
        wrong = ["git apply of --diff differs from --fix"] if applied != diff else []
        wrong += ["a second run changes something"] if git(folder, "diff") != diff else []
        wrong += ["a second run finds something else"] if findings(again.stdout) != findings(run.stdout) else []
        told = re.findall(r"Not fixed: (.*?)\.\n", re.sub(r"\n(?!Not fixed|Next|Fixed)", " ", run.stderr))
        left = [finding["rule"] for finding in findings(run.stdout) if finding["fix"]]
        return Outcome(fixable, left, told, diff, wrong)


def findings(text: str) -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads(text)["findings"]
    return found


def check(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "meshlint", "check", "--isolated", "--exit-zero", "--allow-empty", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, encoding="utf-8", check=False)


def git(folder: Path, *arguments: str, stdin: str = "") -> str:
    command = ["git", "-c", "user.name=x", "-c", "user.email=x@x", *arguments]
    run = subprocess.run(command, cwd=folder, input=stdin.encode(), capture_output=True, check=False)
    if run.returncode:
        raise SystemExit(f"{' '.join(arguments)}: {run.stderr.decode()}")
    return run.stdout.decode()


def main() -> int:
    out = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    fixable: Counter[str] = Counter()
    refused: Counter[str] = Counter()
    failed = False
    for mesh in meshes():
        outcome = tried(mesh, "--audience", "auditor", "--min-confidence", "low")
        fixable.update(outcome.fixable)
        refused.update(outcome.refused)
        failed |= bool(outcome.wrong)
        if outcome.fixable:
            print(f"{mesh.name}: {len(outcome.fixable)} fixable, {len(outcome.refused)} left")
        for line in (*outcome.told, *outcome.wrong):
            print(f"    {line}")
        if out and outcome.diff:
            out.mkdir(parents=True, exist_ok=True)
            (out / f"{mesh.name.replace('/', '_')}.diff").write_text(outcome.diff, encoding="utf-8")
    print("\nRULE, FIXABLE, LEFT")
    for rule, number in fixable.most_common():
        print(f"{rule}, {number}, {refused[rule]}")
    print(f"all, {fixable.total()}, {refused.total()}")
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
