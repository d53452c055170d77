"""The working tree of the checkout as a repository of its own, git, the package index, and a mesh to lint."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from small import PORT_WITHOUT_SELECTOR

ROOT = Path(__file__).parents[2]
SETTINGS = (
    "user.name=meshlint",
    "user.email=meshlint@example.com",
    "commit.gpgsign=false",
    "core.hooksPath=/dev/null",
)


BAD = PORT_WITHOUT_SELECTOR
GOOD = BAD.partition("  portLevelMtls")[0]


def git(*arguments: str, cwd: Path) -> str:
    """What git prints; identity and settings do not depend on who runs the tests."""
    command = ["git", *(word for setting in SETTINGS for word in ("-c", setting)), *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, encoding="utf-8", check=True).stdout


def files(root: Path) -> set[str]:
    """The files of a repository that git tracks or would track, relative to its root."""
    listed = git("ls-files", "--cached", "--others", "--exclude-standard", "-z", cwd=root).split("\0")
    return {name for name in listed if (root / name).is_file()}


def committed(folder: Path) -> Path:
    """A new repository with one commit: the working tree as it is, uncommitted changes included."""
    for name in files(ROOT):
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, target)
    git("init", "--quiet", cwd=folder)
    git("add", "--all", cwd=folder)
    git("commit", "--quiet", "--message", "The working tree", cwd=folder)
    return folder


def pip_reaches_an_index(folder: Path) -> bool:
    """Whether pip gets one of meshlint's dependencies."""
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--timeout", "5", "--retries", "0"]
    return subprocess.run([*pip, "--dest", folder, "sarif-om"], capture_output=True, check=False).returncode == 0
