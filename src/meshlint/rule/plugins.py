"""Rules of installed plugins: distributions that have the entry point group `meshlint.rules`, whose values name packages.

Only what is installed counts: beside meshlint, or in a directory that Python's `site` has for packages. `sys.path` as a whole
is not asked, since `python -m` and PYTHONPATH put directories there that may belong to what is linted.
"""

from __future__ import annotations

import os
import re
import site
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from ..source.document import Failure

if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec
    from importlib.metadata import EntryPoint

GROUP = "meshlint.rules"

_PACKAGE = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))


class Plugin(NamedTuple):
    """A package with rule folders: the distribution it is of with its version, and where it lies."""

    source: str
    folder: str


class Plugins(NamedTuple):
    """What is installed, by name, and what of it has no rules."""

    found: tuple[Plugin, ...]
    failures: tuple[Failure, ...]


def installed() -> Plugins:
    """The plugins of this installation. Nothing of theirs is imported."""
    found: set[Plugin] = set()
    failures: list[Failure] = []
    for source, entry, directory in _entries():
        folder = _folder(entry.value, directory)
        if folder:
            found.add(Plugin(source, folder))
        else:
            message = f"its entry point {entry.name} names {entry.value}, which is no package"
            failures.append(Failure("rule", source, None, message))
    return Plugins(tuple(sorted(found, key=lambda plugin: (plugin.source.lower(), plugin.folder))), tuple(failures))


def _entries() -> Iterator[tuple[str, EntryPoint, str]]:
    """The entry points of the group: the distribution, and the directory that it is in; of two of one name the first counts."""
    seen: set[str] = set()
    for directory in _directories():
        for info in _with_rules(directory):
            source, entries = _read(os.path.join(directory, info))
            name = re.sub(r"[-_.]+", "-", source.partition(" ")[0]).lower()
            if name not in seen:
                yield from ((source, entry, directory) for entry in entries)
            seen.add(name)


def _directories() -> list[str]:
    """Where packages are installed, in the order of `sys.path`."""
    own = [site.getusersitepackages()] if site.ENABLE_USER_SITE else []
    known = {os.path.realpath(path) for path in (*own, *site.getsitepackages(), os.path.dirname(_PACKAGE))}
    return list(dict.fromkeys(path for path in map(os.path.realpath, sys.path) if path in known))


def _with_rules(directory: str) -> list[str]:
    """The `*.dist-info` of a directory that name the group: a file is looked into for a tenth of what importlib.metadata costs."""
    try:
        names = sorted(name for name in os.listdir(directory) if name.endswith(".dist-info") and name[0] != "~")
    except OSError:
        return []
    return [name for name in names if GROUP.encode() in _entry_points(os.path.join(directory, name))]


def _entry_points(info: str) -> bytes:
    try:
        with open(os.path.join(info, "entry_points.txt"), "rb") as file:
            return file.read()
    except OSError:
        return b""


def _read(info: str) -> tuple[str, list[EntryPoint]]:
    """The name and version of a distribution, and its entry points of the group."""
    from importlib.metadata import PathDistribution
    from pathlib import Path

    distribution = PathDistribution(Path(info))
    entries = [entry for entry in distribution.entry_points if entry.group == GROUP]
    return f"{distribution.name} {distribution.version}", entries


def _folder(package: str, directory: str) -> str | None:
    """The folder of a package: beside its distribution, else (an editable installation) where Python finds it."""
    from importlib.machinery import PathFinder
    from importlib.util import find_spec

    if not re.fullmatch(r"\w+(\.\w+)*", package):
        return None
    top, *below = package.split(".")
    spec = PathFinder.find_spec(top, [directory]) or find_spec(top)
    for name in below:
        spec = PathFinder.find_spec(name, _locations(spec))
    return next(filter(os.path.isdir, _locations(spec)), None)


def _locations(spec: ModuleSpec | None) -> list[str]:
    """Where the modules of a package lie; nowhere where it is none."""
    return list(spec.submodule_search_locations or ()) if spec else []
