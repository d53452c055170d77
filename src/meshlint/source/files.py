"""Finds and reads the files to check: what git would track of the paths given, in a fixed order."""

import os
import re
from codecs import BOM_UTF8
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from .document import Failure, SourceFile

SUFFIXES = (".yaml", ".yml", ".json")
CONFIGURATIONS = ("meshlint.yaml", ".meshlint.yaml")
VENDORED = frozenset({"node_modules", "vendor", "third_party", "site-packages", "__pycache__"})
MAX_BYTES = 64 * 1024 * 1024
STDIN = "-"


class NoSuchPath(Exception):
    """A path or glob that leads to nothing."""

    def __init__(self, path: str) -> None:
        super().__init__(f"{path}: there is no such file or directory")


class Reading(NamedTuple):
    """The files that were read, sorted by name, and those that could not be."""

    files: tuple[SourceFile, ...]
    failures: tuple[Failure, ...]


def read(paths: Sequence[str], stdin: Callable[[], str]) -> Reading:
    """Reads files, directories (recursively), globs and stdin (`-`). Raises NoSuchPath.

    In directories, files that git ignores, hidden and vendored folders, other suffixes than YAML's and JSON's and our own
    configurations are left out; a file that is named is always read.
    """
    outcomes: dict[str, SourceFile | Failure] = {}
    if STDIN in paths:
        outcomes["<stdin>"] = SourceFile("<stdin>", stdin().removeprefix("\ufeff"))
    for found in _once(sorted({path for given in paths if given != STDIN for path in _expand(given)})):
        name = found.replace(os.sep, "/")
        outcomes[name] = _read(found, name)
    read_ = [outcomes[name] for name in sorted(outcomes)]
    files = tuple(outcome for outcome in read_ if isinstance(outcome, SourceFile))
    return Reading(files, tuple(outcome for outcome in read_ if isinstance(outcome, Failure)))


def covers(paths: Sequence[str], folder: str) -> bool:
    """Whether one of some paths is a directory that is, or is around, an absolute one, so that all in it is read."""
    around = set(ancestors(os.path.realpath(folder)))
    return any(os.path.isdir(path) and os.path.realpath(path) in around for path in map(plain, paths))


def plain(path: str) -> str:
    """A path that is given without the pattern for all that is below it."""
    return os.path.normpath(path.removesuffix("/**"))


def may_be_manifest(path: str) -> bool:
    """Whether a file of this name is read where a directory or a pattern leads to it."""
    return path.endswith(SUFFIXES) and os.path.basename(path) not in CONFIGURATIONS


def is_left_out(folder: str) -> bool:
    """Whether a folder of this name is hidden or vendored."""
    return folder.startswith(".") or folder in VENDORED


def spec(patterns: Iterable[str]) -> Any:
    """What patterns as those of a .gitignore name. Raises ValueError or re.error for those that are none."""
    from pathspec import GitIgnoreSpec

    return GitIgnoreSpec.from_lines(patterns)


def is_pattern(text: str) -> bool:
    """Whether a line of a .gitignore says something; as for git one that does not, such as a lone `!`, names nothing."""
    try:
        spec((text,))
    except (ValueError, re.error):
        return False
    return True


def _spec_of(lines: Sequence[str]) -> Any:
    """What a .gitignore names; only where it has lines that say nothing each is looked at by itself."""
    try:
        return spec(lines)
    except (ValueError, re.error):
        return spec(filter(is_pattern, lines))


def ancestors(path: str) -> Iterator[str]:
    """An absolute path and the directories it lies in, the nearest first."""
    yield path
    while (parent := os.path.dirname(path)) != path:
        yield (path := parent)


def _once(paths: Sequence[str]) -> Iterator[str]:
    """Paths without those that lead to a file that an earlier one leads to: links, and other ways to write a path."""
    seen = set()
    for path in paths:
        try:
            status = os.stat(path)
        except OSError:
            yield path
            continue
        if (status.st_dev, status.st_ino) not in seen:
            seen.add((status.st_dev, status.st_ino))
            yield path


def _expand(text: str) -> Iterator[str]:
    path = plain(text)
    if os.path.isdir(path):
        yield from _walk(path)
    elif os.path.exists(path):
        yield path
    else:
        import glob

        found = sorted(glob.glob(path, recursive=True)) if glob.has_magic(text) else []
        if not found:
            raise NoSuchPath(text)
        for match in found:
            if os.path.isdir(match) and "**" not in text:
                yield from _walk(match)
            elif os.path.isfile(match) and may_be_manifest(match):
                yield match


def _walk(root: str) -> Iterator[str]:
    ignored = _Ignored(root)
    for directory, folders, names in os.walk(root):
        ignored.enter(os.path.abspath(directory))
        here = os.path.normpath(directory)
        folders[:] = sorted(f for f in folders if not (is_left_out(f) or ignored.matches(os.path.join(here, f), True)))
        for name in sorted(names):
            path = name if here == "." else os.path.join(here, name)
            if may_be_manifest(name) and not ignored.matches(path, False):
                yield path


class _Ignored:
    """The `.gitignore` files that count below a directory, those above it up to the root of the repository included.

    Where these ignore the directory itself they do not count: who names it wants it read.
    """

    def __init__(self, root: str) -> None:
        self._specs: dict[str, Any] = {}
        top = os.path.abspath(root)
        above = []
        for directory in ancestors(top):
            above.append(directory)
            if os.path.exists(os.path.join(directory, ".git")):
                for folder in above:
                    self.enter(folder)
                break
        if self.matches(top, True):
            self._specs.clear()

    def enter(self, directory: str) -> None:
        """Reads the `.gitignore` of a directory, given by its absolute path."""
        file = os.path.join(directory, ".gitignore")
        if directory not in self._specs and os.path.isfile(file):
            with open(file, encoding="utf-8", errors="replace") as lines:
                self._specs[directory] = _spec_of(lines.read().splitlines())

    def matches(self, path: str, is_folder: bool) -> bool:
        """Whether git ignores a path; a deeper `.gitignore` goes before those above it."""
        if not self._specs:
            return False
        absolute = os.path.abspath(path)
        for directory in ancestors(os.path.dirname(absolute)):
            spec = self._specs.get(directory)
            if spec is not None:
                name = os.path.relpath(absolute, directory).replace(os.sep, "/") + ("/" if is_folder else "")
                verdict = spec.check_file(name).include
                if verdict is not None:
                    return bool(verdict)
        return False


def _read(path: str, name: str) -> SourceFile | Failure:
    try:
        if os.stat(path).st_size > MAX_BYTES:
            return _failure(
                name,
                None,
                f"larger than {MAX_BYTES // 1024 // 1024} MiB, which no manifest is; leave it out or split it",
            )
        with open(path, "rb") as file:
            data = file.read()
    except OSError as error:
        return _failure(name, None, f"cannot be read: {error.strerror or error}")
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return _failure(name, 1, "encoded as UTF-16, which kubectl does not read; save it as UTF-8")
    try:
        return SourceFile(name, data.decode("utf-8-sig"), path, data.startswith(BOM_UTF8))
    except UnicodeDecodeError as error:
        line, _, text = undecodable(error)
        return _failure(name, line, f"{text}; save it as UTF-8")


def undecodable(error: UnicodeDecodeError) -> tuple[int, int, str]:
    """The line and column of the first byte that is not UTF-8, and what it is."""
    before = error.object[: error.start].decode()
    text = f"not UTF-8 (byte {error.object[error.start]:#04x})"
    return before.count("\n") + 1, len(before) - before.rfind("\n"), text


def _failure(name: str, line: int | None, message: str) -> Failure:
    return Failure("unreadable", name, line, message)
