"""A copy of the checkout to install and to change, and its wheel."""

from __future__ import annotations

from pathlib import Path

import pytest
from environments import built
from working_tree import committed


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
