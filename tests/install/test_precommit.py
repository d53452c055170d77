"""The hooks of pre-commit, run by pre-commit itself in real repositories; one installed environment serves all."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest
from working_tree import BAD, GOOD, committed, git, pip_reaches_an_index

CONFIG = """\
repos:
  - repo: {meshlint}
    rev: {commit}
    hooks: [{{id: meshlint}}, {{id: meshlint-changed}}]
"""
ANOTHER_PORT = "    9091: {mode: PERMISSIVE}\n"


class Hooks(NamedTuple):
    """The installed hooks: what a repository says to use them, and where pre-commit keeps them."""

    config: str
    home: Path

    def run(self, repository: Path, *arguments: str, **env: str) -> tuple[int, str]:
        """Exit code and output of `pre-commit run`."""
        run = subprocess.run(
            [sys.executable, "-m", "pre_commit", "run", *arguments],
            cwd=repository,
            env={**os.environ, "PRE_COMMIT_HOME": str(self.home), **env},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            timeout=300,
            check=False,
        )
        return run.returncode, run.stdout


@pytest.fixture(scope="module")
def hooks(tmp_path_factory: pytest.TempPathFactory) -> Hooks:
    if not pip_reaches_an_index(tmp_path_factory.mktemp("probe")):
        pytest.skip("pip reaches no package index, and pre-commit installs the hook with it")
    meshlint = committed(tmp_path_factory.mktemp("meshlint"))
    commit = git("rev-parse", "HEAD", cwd=meshlint).strip()
    return Hooks(CONFIG.format(meshlint=meshlint, commit=commit), tmp_path_factory.mktemp("home"))


@pytest.fixture
def repository(hooks: Hooks, tmp_path: Path) -> Path:
    """A repository without a commit, that has a bad mesh and a file that is none."""
    (tmp_path / "k8s").mkdir()
    (tmp_path / "k8s" / "mesh.yaml").write_text(BAD)
    (tmp_path / "README.md").write_text("# Shop\n")
    (tmp_path / ".pre-commit-config.yaml").write_text(hooks.config)
    git("init", "--quiet", cwd=tmp_path)
    git("add", "--all", cwd=tmp_path)
    return tmp_path


@pytest.fixture
def begun(repository: Path) -> Path:
    """The same after its first commit."""
    git("commit", "--quiet", "--message", "Begin", cwd=repository)
    return repository


def change(repository: Path, text: str) -> None:
    """Adds to the mesh and stages that."""
    with open(repository / "k8s" / "mesh.yaml", "a", encoding="utf-8") as file:
        file.write(text)
    git("add", "--all", cwd=repository)


def test_a_bad_mesh_fails_with_its_finding(hooks: Hooks, begun: Path) -> None:
    code, output = hooks.run(begun, "meshlint", "--all-files")
    assert code == 1, output
    assert "- hook id: meshlint\n- exit code: 1\n" in output
    assert "error[port-mtls-without-selector]: PeerAuthentication shop/default" in output
    assert "  --> k8s/mesh.yaml:6:3  PeerAuthentication shop/default  spec.portLevelMtls\n" in output


def test_a_good_mesh_passes(hooks: Hooks, begun: Path) -> None:
    (begun / "k8s" / "mesh.yaml").write_text(GOOD)
    code, output = hooks.run(begun, "meshlint", "--all-files")
    assert code == 0, output
    assert output.splitlines()[-1].startswith("meshlint...") and output.rstrip().endswith("Passed")


def test_everything_is_a_change_in_the_first_commit(hooks: Hooks, repository: Path) -> None:
    code, output = hooks.run(repository, "meshlint-changed")
    assert code == 1, output
    assert "- hook id: meshlint-changed\n- exit code: 1\n" in output
    assert "  --> k8s/mesh.yaml:6:3  PeerAuthentication shop/default  spec.portLevelMtls\n" in output


def test_what_was_there_before_is_not_told(hooks: Hooks, begun: Path) -> None:
    (begun / "k8s" / "other.yaml").write_text(GOOD.replace("shop", "web"))
    git("add", "--all", cwd=begun)
    assert hooks.run(begun, "meshlint-changed")[0] == 0
    assert hooks.run(begun, "meshlint")[0] == 1


def test_what_a_commit_changes_is_told_and_stops_it(hooks: Hooks, begun: Path) -> None:
    change(begun, ANOTHER_PORT)
    code, output = hooks.run(begun, "meshlint-changed")
    assert code == 1, output
    assert "error[port-mtls-without-selector]" in output


@pytest.mark.parametrize(("settings", "result"), [("", "Skipped"), (", always_run: true", "Passed")])
def test_a_deletion_is_a_change_where_the_hook_always_runs(
    hooks: Hooks, begun: Path, settings: str, result: str
) -> None:
    config = begun / ".pre-commit-config.yaml"
    config.write_text(config.read_text().replace("id: meshlint-changed", f"id: meshlint-changed{settings}"))
    (begun / "k8s" / "other.yaml").write_text(GOOD.replace("shop", "web"))
    git("add", "--all", cwd=begun)
    git("commit", "--quiet", "--message", "Another mesh", cwd=begun)
    git("rm", "--quiet", "k8s/other.yaml", cwd=begun)
    code, output = hooks.run(begun, "meshlint-changed")
    assert (code, output.rstrip().endswith(result)) == (0, True), output


def test_what_is_not_staged_is_not_in_the_commit(hooks: Hooks, begun: Path) -> None:
    change(begun, "# staged\n")
    with open(begun / "k8s" / "mesh.yaml", "a", encoding="utf-8") as file:
        file.write(ANOTHER_PORT)
    code, output = hooks.run(begun, "meshlint-changed")
    assert code == 0, output
    assert "Unstaged files detected" in output


def test_between_two_revisions_what_changed_between_them_is_told(hooks: Hooks, begun: Path) -> None:
    change(begun, ANOTHER_PORT)
    git("commit", "--quiet", "--message", "Another port", cwd=begun)
    change(begun, "# why\n")
    git("commit", "--quiet", "--message", "Say why", cwd=begun)
    assert hooks.run(begun, "meshlint-changed", "--from-ref", "HEAD~2", "--to-ref", "HEAD")[0] == 1
    assert hooks.run(begun, "meshlint-changed", "--from-ref", "HEAD~1", "--to-ref", "HEAD")[0] == 0
    assert hooks.run(begun, "meshlint-changed", "--all-files")[0] == 0


def test_everything_is_a_change_in_the_first_push(hooks: Hooks, begun: Path) -> None:
    branch = ["--local-branch", "refs/heads/main", "--remote-branch", "refs/heads/main"]
    remote = ["--remote-name", "origin", "--remote-url", "https://example.com/mesh.git"]
    code, output = hooks.run(begun, "meshlint-changed", "--all-files", "--hook-stage", "pre-push", *branch, *remote)
    assert code == 1, output
    assert "error[port-mtls-without-selector]" in output
