"""Splits an input in which objects are defined differently in several files (term `variant`)."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ..source.document import Path
from .resource import Key, Resource


class Variant(NamedTuple):
    """Objects that can be one mesh. `label` names the files that only this one has; "" when it is the only one."""

    label: str
    resources: tuple[Resource, ...]


Files = dict[str, dict[Key, Resource]]
"""Per file, by name, what it defines. Of several definitions in one file the last one counts."""

Claims = dict[Key, int]
"""Which of the differing definitions of a key some files have, for the keys that have several."""


class _Group(NamedTuple):
    """Files that do not collide with each other."""

    files: list[str]
    claims: Claims

    def admits(self, other: "_Group") -> bool:
        return all(self.claims.get(key, choice) == choice for key, choice in other.claims.items())

    def add(self, other: "_Group") -> None:
        self.files.extend(other.files)
        self.claims.update(other.claims)


def split(resources: Sequence[Resource]) -> list[Variant]:
    """The fewest variants, found greedily, such that none has a key with different definitions.

    Files of one directory, and directories of one directory, stay together unless they collide with each other; files
    that collide with none are in every variant, and so is one of the alternates that lie in one directory. A definition
    that files of a variant share counts once, at the first of them by name.
    """
    files = _by_file(resources)
    contested = _contested(files)
    groups = _grouped(contested)
    if not groups:
        return [Variant("", _objects(files, files))]
    labels = _labels([sorted(group.files) for group in groups])
    _complete(groups, contested)
    shared = [name for name in files if name not in contested]
    return [
        Variant(label, _objects(files, sorted(shared + group.files)))
        for label, group in zip(labels, groups, strict=True)
    ]


def _by_file(resources: Sequence[Resource]) -> Files:
    files: Files = defaultdict(dict)
    for resource in sorted(resources, key=_place):
        defined = files[resource.document.file.name]
        defined.pop(resource.key, None)
        defined[resource.key] = resource
    return files


def _place(resource: Resource) -> tuple[str, int, Path]:
    document = resource.document
    return (document.file.name, document.start, document.root)


def _contested(files: Files) -> dict[str, Claims]:
    """What each file claims that some other file defines differently."""
    definitions: dict[Key, list[str]] = defaultdict(list)
    for name, defined in files.items():
        for key in defined:
            definitions[key].append(name)
    contested: dict[str, Claims] = defaultdict(dict)
    for key, names in definitions.items():
        if len(names) > 1:
            choices: dict[str, int] = {}
            chosen = [choices.setdefault(_canonical(files[name][key].document.data), len(choices)) for name in names]
            if len(choices) > 1:
                for name, choice in zip(names, chosen, strict=True):
                    contested[name][key] = choice
    return contested


def _canonical(data: Any) -> str:
    """Equal for equal objects only, whatever the order of their keys; `1` and `true` differ."""
    import json

    return json.dumps(data, sort_keys=True, default=str)


def _grouped(contested: Mapping[str, Claims]) -> list[_Group]:
    """The files that collide with others, united folder by folder, from the innermost to the outermost."""
    inside: dict[str, list[_Group]] = defaultdict(list)
    for name in sorted(contested):
        inside[name.rpartition("/")[0]].append(_Group([name], dict(contested[name])))
    folders = {folder for name in contested for folder in _folders(name)}
    for folder in sorted(folders, key=lambda f: (-f.count("/"), f)):
        inside[folder.rpartition("/")[0]] += _united(inside.pop(folder))
    return sorted(_united(inside[""]), key=lambda group: min(group.files))


def _united(groups: Sequence[_Group]) -> list[_Group]:
    """As few groups as these can be united to; those that collide most choose first."""
    rivals = _rivals(groups)
    found: list[_Group] = []
    for index in sorted(range(len(groups)), key=lambda i: -rivals[i]):
        group = groups[index]
        place = next((other for other in found if other.admits(group)), None)
        if place:
            place.add(group)
        else:
            found.append(group)
    return found


def _complete(groups: Sequence[_Group], contested: Mapping[str, Claims]) -> None:
    """Gives every group that lacks a key one of its definitions, the first that fits, if all lie in one folder."""
    homes: dict[Key, set[str]] = defaultdict(set)
    for name, claims in contested.items():
        for key in claims:
            homes[key].add(name.rpartition("/")[0])
    alternates = [
        _Group([name], claims)
        for name, claims in sorted(contested.items())
        if any(len(homes[key]) == 1 for key in claims)
    ]
    for group in groups:
        for alternate in alternates:
            if not alternate.claims.keys() <= group.claims.keys() and group.admits(alternate):
                group.add(alternate)


def _rivals(groups: Sequence[_Group]) -> list[int]:
    """Per group how many definitions of others it collides with."""
    claimed: dict[Key, int] = defaultdict(int)
    chosen: dict[tuple[Key, int], int] = defaultdict(int)
    for group in groups:
        for key, choice in group.claims.items():
            claimed[key] += 1
            chosen[key, choice] += 1
    return [sum(claimed[key] - chosen[key, choice] for key, choice in group.claims.items()) for group in groups]


def _labels(groups: Sequence[Sequence[str]]) -> list[str]:
    """Per group the folders, as high up as they tell it from the others, and files where no folder does."""
    owners: dict[str, set[int]] = defaultdict(set)
    for index, files in enumerate(groups):
        for file in files:
            for place in (*_folders(file), file):
                owners[place].add(index)
    labels = []
    for files in groups:
        places = [next((p for p in _folders(f) if len(owners[p]) == 1), f) for f in files]
        names = list(dict.fromkeys(places))
        rest = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        labels.append(", ".join(names[:_NAMED]) + rest)
    return labels


_NAMED = 3
"""How many places a label names."""


def _folders(file: str) -> Iterator[str]:
    """The folders around a file, outermost first; not "", which is around all files."""
    end = file.find("/", 1)
    while end >= 0:
        yield file[:end]
        end = file.find("/", end + 1)


def _objects(files: Files, names: Iterable[str]) -> tuple[Resource, ...]:
    """The objects of some files, one per key."""
    found: dict[Key, Resource] = {}
    for name in names:
        for key, resource in files[name].items():
            found.setdefault(key, resource)
    return tuple(found.values())
