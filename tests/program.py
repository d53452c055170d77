"""Runs the real program."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def meshlint(*arguments: object, cwd: Path, stdin: str = "", **env: str) -> subprocess.CompletedProcess[str]:
    """`python -m meshlint ARGUMENTS` in a directory; its output is not a terminal."""
    return subprocess.run(
        [sys.executable, "-m", "meshlint", *map(str, arguments)],
        cwd=cwd,
        input=stdin,
        capture_output=True,
        encoding="utf-8",
        env={**os.environ, **env},
        check=False,
    )
