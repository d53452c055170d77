"""The pre-commit hook, run by pre-commit itself in real repositories."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from program import CLEAN_ENV
from working_tree import BAD, GOOD, committed, git, pip_reaches_an_index


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[int, str]]:
    """Exit code and output of the hook, by the mesh it judged. Both run at once: each installs an environment."""
    if not pip_reaches_an_index(tmp_path_factory.mktemp("probe")):
        pytest.skip("pip reaches no package index, and pre-commit installs the hook with it")
    meshlint = committed(tmp_path_factory.mktemp("meshlint"))
    runs = {name: start(meshlint, tmp_path_factory.mktemp(name), mesh) for name, mesh in [("bad", BAD), ("good", GOOD)]}
    return {name: (run.wait(timeout=300), run.stdout.read() if run.stdout else "") for name, run in runs.items()}


def start(meshlint: Path, repository: Path, mesh: str) -> subprocess.Popen[str]:
    """`pre-commit try-repo` in a new repository that holds one mesh and a file that is none."""
    (repository / "k8s").mkdir()
    (repository / "k8s" / "mesh.yaml").write_text(mesh)
    (repository / "README.md").write_text("# Shop\n")
    git("init", "--quiet", cwd=repository)
    git("add", "--all", cwd=repository)
    return subprocess.Popen(
        [sys.executable, "-m", "pre_commit", "try-repo", str(meshlint), "meshlint", "--all-files"],
        cwd=repository,
        env={**CLEAN_ENV, "PRE_COMMIT_HOME": str(repository / ".git" / "pre-commit")},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
    )


def test_a_bad_mesh_fails_with_its_finding(outcomes: dict[str, tuple[int, str]]) -> None:
    code, output = outcomes["bad"]
    assert code == 1, output
    assert "- hook id: meshlint\n- exit code: 1\n" in output
    assert "error[port-mtls-without-selector]: PeerAuthentication shop/default" in output
    assert "  --> k8s/mesh.yaml:6:3  PeerAuthentication shop/default  spec.portLevelMtls\n" in output


def test_a_good_mesh_passes(outcomes: dict[str, tuple[int, str]]) -> None:
    code, output = outcomes["good"]
    assert code == 0, output
    assert output.splitlines()[-1].startswith("meshlint...") and output.rstrip().endswith("Passed")
