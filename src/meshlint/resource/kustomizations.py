"""What kustomizations say of the files they list: their namespace (term `unset namespace`), and which are patches."""

import os.path
from collections import defaultdict
from collections.abc import Iterable
from functools import cached_property
from typing import Any, NamedTuple

from ..source import yaml
from ..source.document import SourceFile
from ..source.files import ancestors
from .resource import get

NAMES = ("kustomization.yaml", "kustomization.yml", "Kustomization")
LISTS = ("resources", "bases", "components")
_PATCHES = ("patches", "patchesStrategicMerge", "patchesJson6902")


class Kustomization(NamedTuple):
    """What a kustomization of a directory says: a namespace, the files and directories it is for, and its files of patches."""

    directory: str
    namespace: str | None
    listed: tuple[str, ...]
    patches: tuple[str, ...]


class Kustomizations:
    """The kustomizations around some files, and the command line's word on namespaces, which goes before theirs.

    They are looked for at and above a file, up to the root of its git repository, and among `files`, the whole
    input: an overlay is beside the base it lists.
    """

    def __init__(self, command_line: str | None, files: Iterable[SourceFile] = ()) -> None:
        self._command_line = command_line
        self._files = files
        self._read: set[str] = set()
        self._looked_above: set[str] = set()
        self._directories: dict[str, str] = {}
        self._patches: set[str] = set()

    def is_patch(self, file: SourceFile) -> bool:
        """Whether a file is a patch of other objects, and not itself listed as one of them."""
        if file.path is None:
            return False
        path = self._absolute(file.path)
        self._look_above(path)
        return path in self._patches and path not in self._by_entry

    def namespace(self, file: SourceFile, apart: frozenset[str] = frozenset()) -> str | None:
        """The namespace of a file's objects that name none; None where nothing says it. Directories that are `apart` say nothing."""
        if self._command_line or file.path is None:
            return self._command_line
        return self._namespace(self._absolute(file.path), apart)

    def directories(self, files: Iterable[SourceFile]) -> frozenset[str]:
        """The directories of the kustomizations among some files."""
        paths = (file.path for file in files if file.path and os.path.basename(file.path) in NAMES)
        return frozenset(os.path.dirname(self._absolute(path)) for path in paths)

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
            if file.path and os.path.basename(file.path) in NAMES:
                directory = os.path.dirname(self._absolute(file.path))
                self._read.add(directory)
                self._enter(_kustomization(directory, file.text), found)
        return found

    def _look_above(self, path: str) -> None:
        """Reads the kustomizations of the directories around a path that have not been read."""
        known = self._by_entry
        for directory in ancestors(os.path.dirname(path)):
            if directory in self._looked_above:
                break
            self._looked_above.add(directory)
            files = (os.path.join(directory, name) for name in NAMES)
            file = next(filter(os.path.isfile, files), None)
            if file and directory not in self._read:
                self._enter(_kustomization(directory, _text(file)), known)
            if os.path.exists(os.path.join(directory, ".git")):
                break

    def _enter(self, kustomization: Kustomization, by_entry: dict[str, list[Kustomization]]) -> None:
        self._patches.update(kustomization.patches)
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
    return Kustomization(
        directory,
        namespace if isinstance(namespace, str) and namespace else None,
        _paths(directory, (entry for key in LISTS for entry in _items(get(data, key)))),
        _paths(directory, (get(entry, "path") or entry for key in _PATCHES for entry in _items(get(data, key)))),
    )


def _paths(directory: str, entries: Iterable[Any]) -> tuple[str, ...]:
    """The files and directories that entries name; a text of several lines is a patch itself."""
    names = (entry for entry in entries if isinstance(entry, str) and "://" not in entry and "\n" not in entry)
    return tuple(os.path.realpath(os.path.join(directory, name)) for name in names)


def _items(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
