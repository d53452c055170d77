"""The README's first screen is true."""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path

import pytest
from program import meshlint

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
FIRST_SCREEN = "\n".join(README.split("\n")[:60])


@pytest.mark.parametrize("script", ["demo", "test"])
def test_the_first_screen_has_the_two_commands(script: str) -> None:
    path = ROOT / "scripts" / script
    assert re.search(rf"^scripts/{script}\b", FIRST_SCREEN, re.MULTILINE)
    assert path.read_text(encoding="utf-8").startswith("#!/bin/sh\n")
    assert os.access(path, os.X_OK)


def test_the_output_below_them_is_what_the_demo_prints() -> None:
    program, *arguments = shlex.split((ROOT / "scripts" / "demo").read_text(encoding="utf-8").splitlines()[-1])
    assert (program, arguments[0]) == (".venv/bin/meshlint", "check")
    run = meshlint(*arguments, cwd=ROOT)
    assert run.returncode == 0
    _, _, below = README.partition("scripts/demo")
    (shown, *_) = re.findall(r"^```console\n(.*?)^```$", below, re.MULTILINE | re.DOTALL)
    assert shown.splitlines() == (run.stdout + run.stderr).splitlines()
