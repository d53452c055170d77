"""The example for GitLab: the scripts of its jobs, run in a repository."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from working_tree import BAD, ROOT, git

PIPELINE = yaml.safe_load((ROOT / "examples" / "ci" / "gitlab-ci.yml").read_text(encoding="utf-8"))


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A branch that changes a comment of a bad mesh."""
    repository = tmp_path / "mesh"
    (repository / "k8s").mkdir(parents=True)
    (repository / "k8s" / "mesh.yaml").write_text(BAD)
    git("init", "--quiet", cwd=repository)
    git("add", "--all", cwd=repository)
    git("commit", "--quiet", "--message", "Begin", cwd=repository)
    (repository / "k8s" / "mesh.yaml").write_text(f"# Ports\n{BAD}")
    git("commit", "--quiet", "--all", "--message", "Say what it is", cwd=repository)
    return repository


def run(job: str, repository: Path) -> tuple[int, str]:
    """Exit code and log of a job; the program is the one that the tests run in."""
    programs = repository.parent / "bin"
    programs.mkdir(exist_ok=True)
    (programs / "meshlint").write_text(f'#!/bin/sh\nexec {sys.executable} -m meshlint "$@"\n')
    (programs / "meshlint").chmod(0o755)
    ran = subprocess.run(
        ["sh", "-e", "-c", "\n".join(PIPELINE[job]["script"])],
        cwd=repository,
        env={
            **os.environ,
            "PATH": f"{programs}:{os.environ['PATH']}",
            "CI_MERGE_REQUEST_DIFF_BASE_SHA": git("rev-parse", "HEAD~1", cwd=repository).strip(),
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        check=False,
    )
    return ran.returncode, ran.stdout


def test_the_report_has_all_findings_and_passes(repository: Path) -> None:
    code, log = run("meshlint", repository)
    assert code == 0, log
    report = PIPELINE["meshlint"]["artifacts"]["reports"]["codequality"]
    (entry,) = json.loads((repository / report).read_text(encoding="utf-8"))
    assert entry["check_name"] == "port-mtls-without-selector"
    assert entry["location"]["path"] == "k8s/mesh.yaml"
    assert "error[port-mtls-without-selector]" in log


def test_what_was_there_before_does_not_fail_a_merge_request(repository: Path) -> None:
    code, log = run("meshlint-changed", repository)
    assert code == 0, log
    assert "port-mtls-without-selector" not in log


def test_what_a_merge_request_changes_fails_it(repository: Path) -> None:
    with open(repository / "k8s" / "mesh.yaml", "a", encoding="utf-8") as file:
        file.write("    9091: {mode: PERMISSIVE}\n")
    git("commit", "--quiet", "--all", "--amend", "--no-edit", cwd=repository)
    code, log = run("meshlint-changed", repository)
    assert code == 1, log
    junit = (repository / PIPELINE["meshlint-changed"]["artifacts"]["reports"]["junit"]).read_text(encoding="utf-8")
    assert "port-mtls-without-selector" in junit and "k8s/mesh.yaml" in junit
