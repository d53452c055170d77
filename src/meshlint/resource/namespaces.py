"""The namespace of objects that name none (term `unset namespace`)."""

from collections import defaultdict
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from ..source import yaml
from ..source.document import SourceFile
from .resource import get

_NAMES = ("kustomization.yaml", "kustomization.yml", "Kustomization")
_LISTS = ("resources", "bases", "components")


class Kustomization(NamedTuple):
    """What a kustomization of a directory says: a namespace, and the files and directories it is for."""

    directory: Path
    namespace: str | None
    listed: tuple[Path, ...]


class Namespaces:
    """Looks up the command line's word, else that of the kustomization that lists a file.

    Kustomizations are looked for at and above a file, up to the root of its git repository, and among `files`, the whole
    input: an overlay is beside the base it lists.
    """

    def __init__(self, command_line: str | None, files: Iterable[SourceFile] = ()) -> None:
        self._command_line = command_line
        self._files = files
        self._read: set[Path] = set()
        self._looked_above: set[Path] = set()
        self._directories: dict[Path, Path] = {}

    def of(self, file: SourceFile) -> str | None:
        """The namespace of a file's objects that name none; None where nothing says it."""
        if self._command_line or file.path is None:
            return self._command_line
        return self._namespace(self._absolute(file.path), frozenset())

    def _absolute(self, path: Path) -> Path:
        directory = path.parent
        if directory not in self._directories:
            self._directories[directory] = directory.resolve()
        return self._directories[directory] / path.name

    def _namespace(self, path: Path, below: frozenset[Path]) -> str | None:
        """The namespace that the nearest kustomization above gives a file or directory, else all that list it agree on."""
        self._look_above(path)
        listing = [k for k in self._by_entry.get(path, ()) if k.directory not in below]
        above = [k for k in listing if k.namespace and k.directory in path.parents]
        if above:
            return max(above, key=lambda k: len(k.directory.parts)).namespace
        seen = below | {path}
        given = {k.namespace or self._namespace(k.directory, seen) for k in listing} - {None}
        return given.pop() if len(given) == 1 else None

    @cached_property
    def _by_entry(self) -> dict[Path, list[Kustomization]]:
        """The kustomizations by each file and directory they list."""
        found: dict[Path, list[Kustomization]] = defaultdict(list)
        for file in self._files:
            if file.path and file.path.name in _NAMES:
                directory = self._absolute(file.path).parent
                self._read.add(directory)
                _enter(_kustomization(directory, file.text), found)
        return found

    def _look_above(self, path: Path) -> None:
        """Reads the kustomizations of the directories around a path that have not been read."""
        known = self._by_entry
        for directory in path.parents:
            if directory in self._looked_above:
                break
            self._looked_above.add(directory)
            file = next((directory / name for name in _NAMES if (directory / name).is_file()), None)
            if file and directory not in self._read:
                _enter(_kustomization(directory, _text(file)), known)
            if (directory / ".git").exists():
                break


def _enter(kustomization: Kustomization, by_entry: dict[Path, list[Kustomization]]) -> None:
    for path in kustomization.listed:
        by_entry[path].append(kustomization)


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError):
        return ""


def _kustomization(directory: Path, text: str) -> Kustomization:
    """What a kustomization says; nothing where it is not YAML, which is told when it is read as a file of the input."""
    try:
        data: Any = yaml.parse(text)
    except yaml.YamlError:
        data = None
    namespace = get(data, "namespace")
    entries = [entry for key in _LISTS for entry in _strings(get(data, key)) if "://" not in entry]
    listed = tuple((directory / entry).resolve() for entry in entries)
    return Kustomization(directory, namespace if isinstance(namespace, str) and namespace else None, listed)


def _strings(value: Any) -> list[str]:
    return [entry for entry in value if isinstance(entry, str)] if isinstance(value, list) else []
