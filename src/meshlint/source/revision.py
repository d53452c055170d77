"""Which lines of files changed since a revision: git is asked, and runs nothing that the repository brings along.

Hooks, filters, textconv, external diffs, fsmonitor and transports are off. A filter of the user's own (git-lfs, git-crypt)
does not run either, so a file that it changes counts as changed when git has to look at it.
"""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from .document import Location, Mark, SourceFile
from .files import STDIN, SUFFIXES, ancestors, is_left_out, may_be_manifest

_KEPT = (
    "GIT_CEILING_DIRECTORIES",
    "GIT_CONFIG_COUNT",
    "GIT_CONFIG_GLOBAL",
    "GIT_CONFIG_KEY_",
    "GIT_CONFIG_NOSYSTEM",
    "GIT_CONFIG_SYSTEM",
    "GIT_CONFIG_VALUE_",
    "GIT_DISCOVERY_ACROSS_FILESYSTEM",
    "GIT_EXEC_PATH",
)
"""How variables begin that git is given: not which repository or index it is about, nor what programs to run."""

_SET = {
    "GIT_ALLOW_PROTOCOL": "none",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "LC_ALL": "C",
}
_SAFE = {
    "core.fsmonitor": "false",
    "core.hooksPath": os.devnull,
    "core.quotePath": "true",
    "diff.external": "",
}
_DIFF = (
    "diff",
    "--unified=0",
    "--inter-hunk-context=0",
    "--find-renames",
    "--text",
    "--src-prefix=a/",
    "--dst-prefix=b/",
    "--no-color",
    "--no-ext-diff",
    "--no-textconv",
    "--no-relative",
    "--ignore-submodules=dirty",
    "--submodule=short",
)
_HUNK = re.compile(rb"@@ -\d+(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")
_OLDEST = (2, 31)
_LINKS = ("120000", "160000")
"""Modes of symbolic links and of submodules."""

Lines = tuple[tuple[int, int], ...]
"""Stretches of 1-based lines, both ends included, in order."""

_ALL: Lines = ((1, sys.maxsize),)


class RevisionError(Exception):
    """A revision that nothing can be compared with; the message says why, and what to do."""


class Changes(NamedTuple):
    """What changed in some files since a commit.

    `lines` are those of a file by its `path`; a file that is not there did not change. `outside` are the paths of files that
    are not in the repository, which cannot be told of. `before` are the files of which lines were removed as they were,
    `reduced` the paths of those that are still there.
    """

    lines: Mapping[str, Lines]
    outside: tuple[str, ...]
    before: tuple[SourceFile, ...]
    reduced: frozenset[str]

    def touch(self, place: Location | Mark) -> bool:
        """Whether a line of a place changed, from its key to the end of its value; what is missing is at its parent."""
        changed = self.lines.get(place.source.path or "", ())
        if not changed:
            return False
        first = min(span.start_line for span in (place.key, place.value) if span)
        stretches = [(first, place.value.end_line)]
        if isinstance(place, Location) and (target := place.target):
            stretches.append((target.start_line, target.end_line))
        return any(_overlaps(changed, *stretch) for stretch in stretches)


def _overlaps(lines: Lines, first: int, last: int) -> bool:
    index = bisect_left(lines, first, key=lambda stretch: stretch[1])
    return index < len(lines) and lines[index][0] <= last


class Revision(NamedTuple):
    """A revision as it was given, the root of its repository, and the commit where HEAD left it."""

    name: str
    root: str
    commit: str

    def changes(self, files: Sequence[SourceFile], paths: Sequence[str]) -> Changes:
        """What is different now in files that were read below some paths, committed or not. Raises RevisionError."""
        names = {file.path: self._name(os.path.realpath(file.path)) for file in files if file.path}
        modes = self._modes()
        links = {path: self._links(path, name, modes) for path, name in names.items() if name}
        asked = {*filter(None, names.values()), *(link for found in links.values() for link in found)}
        changed, reduced = self._diff(name for name in asked if not name.endswith(SUFFIXES))
        lines = {
            path: _ALL if changed.keys() & links[path] or not (links[path] or name in modes) else changed.get(name, ())
            for path, name in names.items()
            if name
        }
        outside = tuple(path for path, name in names.items() if not name)
        now = frozenset(reduced.values())
        still = frozenset(path for path, name in names.items() if name in now)
        return Changes(lines, outside, tuple(self._before(reduced, paths)), still)

    def _name(self, path: str) -> str | None:
        """An absolute path as git names it; None for what is not in the repository."""
        inside = path.startswith(os.path.join(self.root, ""))
        return os.path.relpath(path, self.root).replace(os.sep, "/") if inside else None

    def _modes(self) -> Mapping[str, str]:
        """The mode of everything that is tracked, by name."""
        entries = os.fsdecode(_git(self.root, "ls-files", "-z", "--stage")).split("\0")[:-1]
        return {name: about.partition(" ")[0] for about, _, name in (entry.partition("\t") for entry in entries)}

    def _links(self, path: str, name: str, modes: Mapping[str, str]) -> set[str]:
        """The links and submodules that lead to a file."""
        ways = [name, self._name(os.path.abspath(path)) or name]
        return {part for way in ways for part in ancestors(way) if modes.get(part) in _LINKS}

    def _diff(self, others: Iterable[str]) -> tuple[Mapping[str, Lines], Mapping[str, str]]:
        """The changed lines of each manifest and of some other names, and the names of what lost lines, then and now."""
        wanted = (*(f"*{suffix}" for suffix in SUFFIXES), *(f":(literal){name}" for name in sorted(others)))
        output = _git(self.root, *_DIFF, self.commit, "--", *wanted, settings=_without_filters(self.root))
        changed: dict[str, list[tuple[int, int]]] = {}
        reduced: dict[str, str] = {}
        old = new = ""
        lines = iter(output.split(b"\n"))
        for line in lines:
            if line.startswith(b"--- "):
                old = _unquoted(line[4:])
            elif line.startswith(b"+++ "):
                new = _unquoted(line[4:])
            elif hunk := _HUNK.match(line):
                removed, start, added = int(hunk[1] or 1), int(hunk[2]), int(hunk[3] or 1)
                stretch = (start, start + added - 1) if added else (start, start + 1)
                changed.setdefault(new, []).append(stretch)
                if removed:
                    reduced[old] = new
                for _ in range(removed + added):  # text may look like a header
                    next(lines)
        return {name: tuple(stretches) for name, stretches in changed.items()}, reduced

    def _before(self, names: Iterable[str], paths: Sequence[str]) -> Iterator[SourceFile]:
        """Manifests below some paths as they were."""
        roots = [os.path.realpath(_directory(path)) for path in paths]
        for name in names:
            path = os.path.join(self.root, name)
            if may_be_manifest(name) and any(_is_below(path, root) for root in roots):
                text = _git(self.root, "cat-file", "blob", f"{self.commit}:{name}").decode("utf-8", "replace")
                yield SourceFile(os.path.relpath(path).replace(os.sep, "/"), text.removeprefix("\ufeff"), path)


def revision(name: str, paths: Sequence[str]) -> Revision:
    """A revision of the repository of the first path. Raises RevisionError."""
    if STDIN in paths:
        raise RevisionError("--since compares files, and stdin is none: give it paths")
    if name.startswith("-"):
        raise RevisionError(f"--since {name}: no revision begins with -")
    _check_version()
    directory = _directory(paths[0])
    while not os.path.isdir(directory):
        directory = os.path.dirname(directory) or "."
    root = _root(directory)
    given = _commit(root, name)
    if given is None:
        raise RevisionError(f"--since {name}: there is no such revision in {root}{_shallow(root)}")
    if _commit(root, "HEAD") is None:
        raise RevisionError(f"--since {name}: HEAD of {root} has no commit yet")
    try:
        base = _git(root, "merge-base", given, "HEAD")
    except RevisionError:
        raise RevisionError(f"--since {name}: HEAD has no commit in common with it{_shallow(root)}") from None
    return Revision(name, root, base.decode().strip())


def is_unborn(directory: str) -> bool:
    """Whether a directory is in a repository that has no commit yet."""
    try:
        return _commit(_root(directory), "HEAD") is None
    except RevisionError:
        return False


def _check_version() -> None:
    """Older versions do not take settings from the environment."""
    said = _git(".", "version").decode("utf-8", "replace").strip()
    version = re.search(r"([0-9]+)\.([0-9]+)", said)
    if not version or (int(version[1]), int(version[2])) < _OLDEST:
        raise RevisionError(f"--since needs git {'.'.join(map(str, _OLDEST))} or newer, and this is {said}")


def _directory(path: str) -> str:
    """A path, up to the directory before the first part that is a pattern."""
    literal = re.split(r"[*?\[]", path, maxsplit=1)[0]
    return path if literal == path or os.path.exists(path) else os.path.dirname(literal) or "."


def _is_below(path: str, root: str) -> bool:
    """Whether a file would be read for a path that is given: the file itself, or a folder around it."""
    if not path.startswith(os.path.join(root, "")):
        return path == root
    return not any(map(is_left_out, os.path.relpath(path, root).split(os.sep)[:-1]))


def _root(directory: str) -> str:
    try:
        found = _git(directory, "rev-parse", "--show-toplevel")
    except RevisionError as error:
        where = os.path.abspath(directory)
        if "not a git repository" in str(error):
            raise RevisionError(f"--since: {where} is in no git repository") from None
        raise
    return os.path.realpath(os.fsdecode(found.removesuffix(b"\n")))


def _commit(root: str, name: str) -> str | None:
    try:
        return _git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}").decode().strip()
    except RevisionError:
        return None


def _shallow(root: str) -> str:
    if _git(root, "rev-parse", "--is-shallow-repository").strip() != b"true":
        return ""
    return "; the clone is shallow: fetch its history (git fetch --unshallow; actions/checkout: fetch-depth: 0)"


def _without_filters(root: str) -> Mapping[str, str]:
    """Settings by which no filter runs, whoever named it."""
    listed = ("config", "--includes", "-z", "--name-only", "--get-regexp", r"^filter\.")
    try:
        names = os.fsdecode(_git(root, *listed)).split("\0")[:-1]
    except RevisionError:
        return {}
    drivers = {name.rpartition(".")[0] for name in names}
    off = {"clean": "", "smudge": "", "process": "", "required": "false"}
    return {f"{driver}.{key}": value for driver in sorted(drivers) for key, value in off.items()}


def _unquoted(name: bytes) -> str:
    """A name in a header of a diff, without its prefix."""
    name = name.removesuffix(b"\t")
    if name.startswith(b'"'):
        name = ast.literal_eval("b" + name.decode("ascii"))
    return os.fsdecode(name[2:])


def _git(directory: str, *arguments: str, settings: Mapping[str, str] = MappingProxyType({})) -> bytes:
    """What git prints. Raises RevisionError."""
    command = ["git", "-C", directory, *arguments]
    try:
        ran = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, env=_environment({**_SAFE, **settings}), check=False
        )
    except FileNotFoundError:
        raise RevisionError("--since asks git, which is not installed") from None
    if ran.returncode:
        said = " ".join(ran.stderr.decode("utf-8", "replace").split())
        raise RevisionError(f"--since: git {arguments[0]} failed: {said or f'exit code {ran.returncode}'}")
    return ran.stdout


def _environment(settings: Mapping[str, str]) -> Mapping[str, str]:
    """This process' environment, with settings for git behind those that it has."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("GIT_") or k.startswith(_KEPT)}
    given = kept.get("GIT_CONFIG_COUNT", "")
    count = int(given) if given.isdecimal() else 0
    for number, (key, value) in enumerate(settings.items(), count):
        kept[f"GIT_CONFIG_KEY_{number}"], kept[f"GIT_CONFIG_VALUE_{number}"] = key, value
    return {**kept, **_SET, "GIT_CONFIG_COUNT": str(count + len(settings))}
