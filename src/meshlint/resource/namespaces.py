"""The namespace of objects that name none (term `unset namespace`)."""

import os.path
from collections import defaultdict
from collections.abc import Iterable
from functools import cached_property
from typing import Any, NamedTuple

from ..source import yaml
from ..source.document import SourceFile
from ..source.files import ancestors
from .resource import get

_NAMES = ("kustomization.yaml", "kustomization.yml", "Kustomization")
_LISTS = ("resources", "bases", "components")


class Kustomization(NamedTuple):
    """What a kustomization of a directory says: a namespace, and the files and directories it is for."""

    directory: str
    namespace: str | None
    listed: tuple[str, ...]


class Namespaces:
    """Looks up the command line's word, else that of the kustomization that lists a file.

    Kustomizations are looked for at and above a file, up to the root of its git repository, and among `files`, the whole
    input: an overlay is beside the base it lists.
    """

    def __init__(self, command_line: str | None, files: Iterable[SourceFile] = ()) -> None:
        self._command_line = command_line
        self._files = files
        self._read: set[str] = set()
        self._looked_above: set[str] = set()
        self._directories: dict[str, str] = {}

    def of(self, file: SourceFile) -> str | None:
        """The namespace of a file's objects that name none; None where nothing says it."""
        if self._command_line or file.path is None:
            return self._command_line
        return self._namespace(self._absolute(file.path), frozenset())

    def _absolute(self, path: str) -> str:
        directory, name = os.path.split(path)
        if directory not in self._directories:
            self._directories[directory] = os.path.realpath(directory)
        return os.path.join(self._directories[directory], name)

    def _namespace(self, path: str, below: frozenset[str]) -> str | None:
        """The namespace that the nearest kustomization above gives a file or directory, else all that list it agree on."""
        self._look_above(path)
        listing = [k for k in self._by_entry.get(path, ()) if k.directory not in below]
        around = set(ancestors(os.path.dirname(path)))
        above = [k for k in listing if k.namespace and k.directory in around]
        if above:
            return max(above, key=lambda k: len(k.directory)).namespace
        seen = below | {path}
        given = {k.namespace or self._namespace(k.directory, seen) for k in listing} - {None}
        return given.pop() if len(given) == 1 else None

    @cached_property
    def _by_entry(self) -> dict[str, list[Kustomization]]:
        """The kustomizations by each file and directory they list."""
        found: dict[str, list[Kustomization]] = defaultdict(list)
        for file in self._files:
            if file.path and os.path.basename(file.path) in _NAMES:
                directory = os.path.dirname(self._absolute(file.path))
                self._read.add(directory)
                _enter(_kustomization(directory, file.text), found)
        return found

    def _look_above(self, path: str) -> None:
        """Reads the kustomizations of the directories around a path that have not been read."""
        known = self._by_entry
        for directory in ancestors(os.path.dirname(path)):
            if directory in self._looked_above:
                break
            self._looked_above.add(directory)
            files = (os.path.join(directory, name) for name in _NAMES)
            file = next(filter(os.path.isfile, files), None)
            if file and directory not in self._read:
                _enter(_kustomization(directory, _text(file)), known)
            if os.path.exists(os.path.join(directory, ".git")):
                break


def _enter(kustomization: Kustomization, by_entry: dict[str, list[Kustomization]]) -> None:
    for path in kustomization.listed:
        by_entry[path].append(kustomization)


def _text(path: str) -> str:
    try:
        with open(path, encoding="utf-8-sig") as file:
            return file.read()
    except (OSError, UnicodeDecodeError):
        return ""


def _kustomization(directory: str, text: str) -> Kustomization:
    """What a kustomization says; nothing where it is not YAML, which is told when it is read as a file of the input."""
    try:
        data: Any = yaml.parse(text)
    except yaml.YamlError:
        data = None
    namespace = get(data, "namespace")
    entries = [entry for key in _LISTS for entry in _strings(get(data, key)) if "://" not in entry]
    listed = tuple(os.path.realpath(os.path.join(directory, entry)) for entry in entries)
    return Kustomization(directory, namespace if isinstance(namespace, str) and namespace else None, listed)


def _strings(value: Any) -> list[str]:
    return [entry for entry in value if isinstance(entry, str)] if isinstance(value, list) else []
