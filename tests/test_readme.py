"""The README's first screen is true."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "docs"))
from console import BLOCK, rewritten  # noqa: E402

README = (ROOT / "README.md").read_text(encoding="utf-8")
FIRST_SCREEN = "\n".join(README.split("\n")[:60])


@pytest.mark.parametrize("script", ["demo", "test"])
def test_the_first_screen_has_the_two_commands(script: str) -> None:
    path = ROOT / "scripts" / script
    assert re.search(rf"^scripts/{script}\b", FIRST_SCREEN, re.MULTILINE)
    assert path.read_text(encoding="utf-8").startswith("#!/bin/sh\n")
    assert os.access(path, os.X_OK)


def test_every_output_is_what_its_command_prints() -> None:
    assert rewritten(README) == README
    shown = BLOCK.findall(README)
    assert shown[0] == "meshlint show routes examples/ai-inference"
    demo = (ROOT / "scripts" / "demo").read_text(encoding="utf-8").splitlines()[-1]
    assert demo.removeprefix(".venv/bin/") in shown


def test_an_output_that_rots_is_noticed() -> None:
    assert rewritten(README.replace("TIMEOUT", "TIME")) == README
