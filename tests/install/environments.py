"""Wheels, and fresh environments to install them into with pip, without the network."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

ENV = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}


def built(project: Path, out: Path) -> Path:
    """The wheel of a project."""
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(project)]
    run = subprocess.run(build, capture_output=True, encoding="utf-8", check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    (wheel,) = out.glob("*.whl")
    return wheel


def fresh(home: Path, wheel: Path) -> Path:
    """The programs of a fresh environment with meshlint's wheel in it; its dependencies are those of this one."""
    venv.create(home, symlinks=True, with_pip=True)
    here = sysconfig.get_path("purelib")
    python = str(home / "bin" / "python")
    site = subprocess.check_output(
        [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], encoding="utf-8"
    )
    (Path(site.strip()) / "dependencies.pth").write_text(f"{here}\n")
    pip(home / "bin", "install", "--no-deps", str(wheel))
    return home / "bin"


def pip(programs: Path, *arguments: str) -> None:
    """pip of an environment, with no index to ask."""
    command = [programs / "python", "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments]
    subprocess.run(command, env={**ENV, "PIP_NO_INDEX": "1"}, check=True)


def run(programs: Path, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """`meshlint ARGUMENTS` of an environment."""
    return subprocess.run(
        [programs / "meshlint", *arguments], cwd=cwd, capture_output=True, encoding="utf-8", env=ENV, check=False
    )
