"""Writes into a Markdown file what its commands really print: `console.py FILE...`.

A block of ```console begins with `$ ` and a command of meshlint; what follows is its output, stdout before stderr.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
BLOCK = re.compile(r"^```console\n\$ (meshlint .*)\n(?:.*\n)*?```$", re.MULTILINE)


def rewritten(text: str) -> str:
    """The text with the output of every command as it is today."""
    return BLOCK.sub(lambda block: f"```console\n$ {block[1]}\n{_output(block[1])}```", text)


def _output(command: str) -> str:
    _, *arguments = shlex.split(command)
    run = subprocess.run(
        [sys.executable, "-m", "meshlint", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return run.stdout + run.stderr


def main() -> None:
    for file in map(Path, sys.argv[1:]):
        file.write_text(rewritten(file.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
