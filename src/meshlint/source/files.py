"""Finds and reads the files to check: what git would track of the paths given, in a fixed order."""

import glob
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from .document import Failure, SourceFile

SUFFIXES = (".yaml", ".yml", ".json")
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

    In directories, files that git ignores, hidden and vendored folders and other suffixes than YAML's and JSON's are
    left out; a file that is named is always read.
    """
    outcomes: dict[str, SourceFile | Failure] = {}
    if STDIN in paths:
        outcomes["<stdin>"] = SourceFile("<stdin>", stdin().removeprefix("\ufeff"))
    for found in _once(sorted({path for given in paths if given != STDIN for path in _expand(given)})):
        outcomes[found.as_posix()] = _read(found, found.as_posix())
    read_ = [outcomes[name] for name in sorted(outcomes)]
    files = tuple(outcome for outcome in read_ if isinstance(outcome, SourceFile))
    return Reading(files, tuple(outcome for outcome in read_ if isinstance(outcome, Failure)))


def _once(paths: Sequence[Path]) -> Iterator[Path]:
    """Paths without those that lead to a file that an earlier one leads to: links, and other ways to write a path."""
    seen = set()
    for path in paths:
        try:
            status = path.stat()
        except OSError:
            yield path
            continue
        if (status.st_dev, status.st_ino) not in seen:
            seen.add((status.st_dev, status.st_ino))
            yield path


def _expand(text: str) -> Iterator[Path]:
    path = Path(os.path.normpath(text.removesuffix("/**")))
    if path.is_dir():
        yield from _walk(path)
    elif path.exists():
        yield path
    else:
        found = list(_matching(path)) if glob.has_magic(text) else []
        if not found:
            raise NoSuchPath(text)
        for match in found:
            if match.is_dir() and "**" not in text:
                yield from _walk(match)
            elif match.is_file() and match.suffix in SUFFIXES:
                yield match


def _matching(pattern: Path) -> Iterator[Path]:
    """What a glob stands for; as in a shell, wildcards leave out what is hidden."""
    for match in Path(pattern.anchor).glob(str(pattern.relative_to(pattern.anchor))):
        if not any(part.startswith(".") and part not in pattern.parts for part in match.parts):
            yield match


def _walk(root: Path) -> Iterator[Path]:
    ignored = _Ignored(root)
    for directory, folders, names in os.walk(root):
        here = Path(directory)
        ignored.enter(here)
        folders[:] = sorted(
            f for f in folders if not (f.startswith(".") or f in VENDORED or ignored.matches(here / f, True))
        )
        for name in sorted(names):
            path = here / name
            if path.suffix in SUFFIXES and not ignored.matches(path, False):
                yield path


class _Ignored:
    """The `.gitignore` files that count below a directory, those above it up to the root of the repository included.

    Where these ignore the directory itself they do not count: who names it wants it read.
    """

    def __init__(self, root: Path) -> None:
        self._specs: dict[Path, Any] = {}
        top = root.absolute()
        above = []
        for directory in (top, *top.parents):
            above.append(directory)
            if (directory / ".git").exists():
                for folder in above:
                    self.enter(folder)
                break
        if self.matches(top, True):
            self._specs.clear()

    def enter(self, directory: Path) -> None:
        file = directory / ".gitignore"
        if file.is_file() and directory.absolute() not in self._specs:
            from pathspec import GitIgnoreSpec

            lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
            self._specs[directory.absolute()] = GitIgnoreSpec.from_lines(lines)

    def matches(self, path: Path, is_folder: bool) -> bool:
        """Whether git ignores a path; a deeper `.gitignore` goes before those above it."""
        if not self._specs:
            return False
        absolute = path.absolute()
        for directory in absolute.parents:
            spec = self._specs.get(directory)
            if spec is not None:
                name = absolute.relative_to(directory).as_posix() + ("/" if is_folder else "")
                verdict = spec.check_file(name).include
                if verdict is not None:
                    return bool(verdict)
        return False


def _read(path: Path, name: str) -> SourceFile | Failure:
    try:
        if path.stat().st_size > MAX_BYTES:
            return _failure(
                name,
                None,
                f"larger than {MAX_BYTES // 1024 // 1024} MiB, which no manifest is; leave it out or split it",
            )
        data = path.read_bytes()
    except OSError as error:
        return _failure(name, None, f"cannot be read: {error.strerror or error}")
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return _failure(name, 1, "encoded as UTF-16, which kubectl does not read; save it as UTF-8")
    try:
        return SourceFile(name, data.decode("utf-8-sig"), path)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        return _failure(name, line, f"not UTF-8 (byte {data[error.start]:#04x}); save it as UTF-8")


def _failure(name: str, line: int | None, message: str) -> Failure:
    return Failure("unreadable", name, line, message)
