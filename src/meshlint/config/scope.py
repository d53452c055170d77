"""Which files and objects of an input the patterns of a configuration are about."""

import os.path
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from typing import NamedTuple

from ..finding import ResourceId
from ..source.document import Location, SourceFile
from ..source.files import spec
from .model import Accepted, Config, MeshConfig, Settings


class Scope:
    """Files as patterns see them: relative to the folder of the configuration, links among folders resolved."""

    def __init__(self, folder: str | None) -> None:
        self._folder = os.path.realpath(folder or ".")
        self._folders: dict[str, str] = {}
        self._fitting: dict[tuple[str, tuple[str, ...]], bool] = {}

    def fits(self, file: SourceFile, patterns: tuple[str, ...]) -> bool:
        """Whether patterns as those of a .gitignore name a file; never one outside the folder, nor stdin."""
        known = (file.name, patterns)
        if known not in self._fitting:
            name = self.relative(file)
            self._fitting[known] = name is not None and bool(_spec(patterns).match_file(name))
        return self._fitting[known]

    def relative(self, file: SourceFile) -> str | None:
        """A file as patterns see it; None where it is none that they can name."""
        if file.path is None:
            return None
        directory, name = os.path.split(file.path)
        if directory not in self._folders:
            self._folders[directory] = os.path.relpath(os.path.realpath(directory), self._folder)
        within = self._folders[directory]
        if within.split(os.sep)[0] == os.pardir:
            return None
        return os.path.normpath(os.path.join(within, name)).replace(os.sep, "/")


REST = "(no mesh)"
"""Name of what no mesh of a configuration has a pattern for."""


class Group(NamedTuple):
    """The files of one mesh, by its name in the configuration ("" where that has none), and those that only others have."""

    name: str
    settings: Settings
    files: frozenset[str]
    others: frozenset[str]


def wanted(config: Config, files: Sequence[SourceFile]) -> Sequence[SourceFile]:
    """The files of the only mesh that is wanted, else all."""
    if config.mesh is None:
        return files
    mesh = next(mesh for mesh in config.meshes if mesh.name == config.mesh)
    names = _files(mesh, config, Scope(config.folder), files)
    return [file for file in files if file.name in names]


def groups(config: Config, files: Sequence[SourceFile]) -> Iterator[Group]:
    """The meshes that are wanted; what no mesh names comes last."""
    scope = Scope(config.folder)
    inside = [_files(mesh, config, scope, files) for mesh in config.meshes]
    named = frozenset[str]().union(*inside)
    for mesh, own in zip(config.meshes, inside, strict=True):
        if config.mesh in (None, mesh.name):
            yield Group(mesh.name, mesh.settings, own, named - own)
    if config.mesh is None:
        rest = frozenset(file.name for file in files) - named
        yield Group(REST if config.meshes else "", config.settings, rest, named)


def _files(mesh: MeshConfig, config: Config, scope: Scope, files: Iterable[SourceFile]) -> frozenset[str]:
    """The files of a mesh by name; stdin is of the only one that is wanted."""
    is_wanted = config.mesh == mesh.name
    return frozenset(f.name for f in files if scope.fits(f, mesh.paths) or (is_wanted and f.path is None))


def fits_object(resource: ResourceId | None, globs: tuple[str, ...]) -> bool:
    """Whether one of some globs `Kind namespace/name` names an object; `*` and `?` do not go beyond their part."""
    return resource is not None and _named(globs).fullmatch(str(resource)) is not None


@cache
def _named(globs: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(map(_expression, globs)))


def _expression(glob: str) -> str:
    """What stands between two `*` is taken where it comes first, for good: that it does not fit is found in one go."""
    first, *rest = (re.escape(text).replace(r"\?", "[^ /]") for text in re.split(r"\*+", glob))
    if not rest:
        return first
    between = "".join(f"(?>[^ /]*?{text})" for text in rest[:-1])
    return f"{first}{between}[^ /]*{rest[-1]}"


class Idle(NamedTuple):
    """A pattern of a mesh or a suppression that fits nothing of what was read."""

    owner: MeshConfig | Accepted
    place: Location
    message: str


def idle(config: Config, files: Sequence[SourceFile], objects: Sequence[ResourceId]) -> Iterator[Idle]:
    """In the order of the configuration."""
    scope = Scope(config.folder)
    there = [path for file in files if (path := scope.relative(file))]
    names = {str(resource) for resource in objects}
    owners: list[tuple[MeshConfig | Accepted, str]] = [(mesh, f"mesh {mesh.name}") for mesh in config.meshes]
    owners += [(entry, "a suppression") for entry in config.suppressions]
    for owner, what in owners:
        for index, pattern in enumerate(owner.paths):
            if not pattern.startswith("!") and not any(map(_spec((pattern,)).match_file, there)):
                yield _idle(owner, "paths", index, f"{pattern}, a path of {what}, fits no file that was read")
        for index, glob in enumerate(owner.resources if isinstance(owner, Accepted) else ()):
            if not any(map(_named((glob,)).fullmatch, names)):
                yield _idle(owner, "resources", index, f"{glob}, a resource of {what}, fits no object that was read")


def _idle(owner: MeshConfig | Accepted, field: str, index: int, message: str) -> Idle:
    return Idle(owner, owner.place.document.at(*owner.place.path, field, index), message)


_spec = cache(spec)
