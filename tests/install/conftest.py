"""A copy of the checkout to install and to change."""

from __future__ import annotations

from pathlib import Path

import pytest
from working_tree import committed


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    return committed(tmp_path / "meshlint")
