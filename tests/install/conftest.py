"""A copy of the checkout to install and to change, its wheel, and a job on GitHub."""

from __future__ import annotations

from pathlib import Path

import pytest
from environments import built
from github_runner import Runner
from working_tree import BAD, GOOD, committed, git


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    return committed(tmp_path / "meshlint")


@pytest.fixture(scope="session")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The working tree with things in it that git ignores."""
    copy = committed(tmp_path_factory.mktemp("tree"))
    for folder in ("src/meshlint", "rules/mtls/port_accepts_plaintext", "schemas"):
        for left_over in ("__pycache__/check.cpython-311.pyc", "dist/left_over.txt"):
            path = copy / folder / left_over
            path.parent.mkdir()
            path.write_text("left over")
    return copy


@pytest.fixture(scope="session")
def wheel(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built(tree, tmp_path_factory.mktemp("wheel"))


@pytest.fixture
def runner(tmp_path: Path) -> Runner:
    """A job in the checkout of a repository that has a bad mesh and a good one."""
    repository = tmp_path / "the mesh"
    for name, mesh in {"k8s/bad.yaml": BAD, "good mesh/good.yaml": GOOD}.items():
        (repository / name).parent.mkdir(parents=True)
        (repository / name).write_text(mesh)
    git("init", "--quiet", cwd=repository)
    git("add", "--all", cwd=repository)
    git("commit", "--quiet", "--message", "Two meshes", cwd=repository)
    temporary = tmp_path / "temporary files"
    temporary.mkdir()
    return Runner(repository, temporary)
