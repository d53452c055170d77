"""Finds the configuration of a project."""

import os.path
from collections.abc import Sequence

from ..source.files import CONFIGURATIONS, ancestors
from .model import Config

PYPROJECT = "pyproject.toml"


def load(paths: Sequence[str], explicit: str | None = None, *, isolated: bool = False) -> Config:
    """The configuration for some paths: `explicit`, else the nearest, else the defaults; these, too, when `isolated`.

    Looked for from the first path upwards, not beyond the root of its git repository. Raises ConfigError.
    """
    found = None if isolated else explicit or nearest(paths)
    if found is None:
        return Config()
    from .read import read

    return read(found)


def nearest(paths: Sequence[str]) -> str | None:
    """The file that counts, as people would write it from here, where it is below the current directory."""
    first = paths[0] if paths and paths[0] != "-" else "."
    here = os.path.abspath(".")
    for directory in ancestors(os.path.abspath(first.partition("*")[0] or ".")):
        candidate = inside(directory)
        if candidate:
            return os.path.relpath(candidate) if candidate.startswith(os.path.join(here, "")) else candidate
        if os.path.exists(os.path.join(directory, ".git")):
            return None
    return None


def inside(directory: str) -> str | None:
    """The file of a directory that counts."""
    for name in CONFIGURATIONS:
        candidate = os.path.join(directory, name)
        if os.path.isfile(candidate):
            return candidate
    candidate = os.path.join(directory, PYPROJECT)
    return candidate if os.path.isfile(candidate) and _has_section(candidate) else None


def _has_section(path: str) -> bool:
    """Whether a pyproject.toml has `[tool.meshlint]`; one that is no TOML counts as having what it mentions."""
    try:
        with open(path, "rb") as file:
            data = file.read()
    except OSError:
        return True
    if b"meshlint" not in data:
        return False
    import tomllib

    try:
        tool = tomllib.loads(data.decode("utf-8-sig")).get("tool")
    except (UnicodeDecodeError, tomllib.TOMLDecodeError):
        return True
    return isinstance(tool, dict) and "meshlint" in tool
