"""The step of the Action that installs meshlint."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from github_runner import Runner
from working_tree import committed, pip_reaches_an_index

SHADOWS = ("venv", "pip", "meshlint", "shlex", "secrets", "yaml", "sitecustomize", "hatchling")


def test_the_commit_that_uses_names_is_installed_and_lints(runner: Runner, tmp_path: Path) -> None:
    if not pip_reaches_an_index(tmp_path / "probe"):
        pytest.skip("pip reaches no package index, and the Action installs meshlint with it")
    for name in SHADOWS:
        (runner.workspace / f"{name}.py").write_text(f"open({str(tmp_path / 'executed')!r}, 'a').write({name!r})\n")
    runner.action = committed(tmp_path / "action checkout")
    rule = runner.action / "rules" / "mtls" / "port_mtls_without_selector" / "rule.yaml"
    rule.write_text(rule.read_text().replace("severity: error", "severity: warning"))
    job = runner.run(paths="k8s")
    assert job.code == 1, job.log
    assert "warning[port-mtls-without-selector]" in job.log
    assert job.outputs["exit-code"] == "1"
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize("version", ["0.1.0 --index-url x", "$(touch x)", "0.1.0\n::warning::hello", "../other"])
def test_what_is_no_version_is_refused(runner: Runner, version: str) -> None:
    job = runner.run(version=version)
    assert (job.code, job.errors) == (2, ["The input version is no version, such as 0.1.0."])
    assert [command.name for command in job.commands] == ["error"]
    assert sorted(os.listdir(runner.workspace)) == [".git", "good mesh", "k8s"]


def test_what_pip_cannot_install_fails_the_job(runner: Runner) -> None:
    job = runner.run(version="0.0.0", env={"PIP_NO_INDEX": "1"})
    assert (job.code, job.errors) == (3, ["pip could not install meshlint; the log says why."])
    assert "No matching distribution found for meshlint==0.0.0" in job.log
    assert (job.outputs["exit-code"], job.outputs["sarif-file"], job.uploaded) == ("", "", None)


def test_a_machine_without_a_python_that_is_new_enough_is_told_so(runner: Runner, tmp_path: Path) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "sh").symlink_to("/bin/sh")
    old = programs / "python3"
    old.write_text(f'#!/bin/sh\nexec {sys.executable} -c "import sys; sys.version_info = (3, 10); $3"\n')
    old.chmod(0o755)
    assert subprocess.run([old, "-I", "-c", "print(sys.version_info)"], capture_output=True).stdout == b"(3, 10)\n"
    job = runner.run(env={"PATH": str(programs)})
    assert job.errors == ["There is no Python 3.11 or newer: put a step with actions/setup-python before this one."]
    assert (job.code, job.uploaded) == (3, None)
