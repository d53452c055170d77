"""Runs the real program."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

CLEAN_ENV = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "FORCE_COLOR", "TERM", "COLUMNS")}


def meshlint(*arguments: object, cwd: Path, stdin: str = "", **env: str) -> subprocess.CompletedProcess[str]:
    """`python -m meshlint ARGUMENTS` in a directory; its output is not a terminal."""
    return subprocess.run(
        [sys.executable, "-m", "meshlint", *map(str, arguments)],
        cwd=cwd,
        input=stdin,
        capture_output=True,
        encoding="utf-8",
        env={**CLEAN_ENV, **env},
        check=False,
    )
