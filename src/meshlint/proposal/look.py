"""What there is in a repository that a configuration would speak of."""

import os.path
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from pathspec import GitIgnoreSpec

from ..mesh.istio.entries import hosts_of, is_external, is_local
from ..mesh.subjects import ModelKind, Workload
from ..pipeline import Input
from ..resource import kustomizations
from ..resource.kinds import HELM_VALUES, ISTIO_OPERATOR, SERVICE_ENTRY, is_mesh_resource
from ..resource.resource import each, get
from ..resource.workload import pod_templates
from ..source.document import Document, Location, Path

_TAGS: tuple[Path, ...] = (
    ("spec", "tag"),
    ("spec", "values", "global", "tag"),
    ("spec", "values", "pilot", "tag"),
    ("global", "tag"),
    ("pilot", "tag"),
    ("istiod", "global", "tag"),
)
_CHARTS = frozenset({"istiod", "base", "gateway", "cni", "ztunnel"})
_IMAGE = re.compile(r"(?:^|/)istio(?:-release)?/(?:pilot|proxyv2|install-cni|ztunnel):(?P<tag>[^@]+)")
_VERSION = re.compile(r"v?(?P<minor>1\.\d+)(?:\.\d+)?(?:[-+.].*)?")


class Sight(NamedTuple):
    """What was seen. Directories and places are relative to the one that was looked at, with forward slashes.

    `folders` count what is of a mesh, `versions` have a place for each minor version of Istio, `hosts` one for each host
    outside the mesh that a ServiceEntry names, `servers` one for each model server of which nothing says what it serves.
    `meshes` have patterns by name. `variants` is how many there are without meshes, `alternates` the folders that are one each.
    """

    folders: Mapping[str, int]
    versions: Mapping[str, str]
    hosts: Mapping[str, str]
    servers: Sequence[tuple[Workload, str]]
    meshes: Mapping[str, Sequence[str]]
    variants: int
    alternates: Sequence[str]
    charts: Sequence[str]


def look(given: Input, root: str) -> Sight:
    """What a run over a directory shows."""
    return Sight(
        _folders(given, root),
        {version: _place(root, place) for version, place in reversed([*_versions(given)])},
        {host: _place(root, place) for host, place in _hosts(given).items()},
        [(server, _place(root, server.place)) for server in _servers(given)],
        _meshes(given, root),
        len(given.variants),
        _alternates(given, root),
        sorted({_below(root, _chart(part.file.name)) for part in given.parts if part.loaded.helm}),
    )


def _below(root: str, path: str) -> str:
    return os.path.relpath(path or ".", root).replace(os.sep, "/")


def _place(root: str, place: Location) -> str:
    return f"{_below(root, place.file)}:{place.span.start_line}"


def _chart(template: str) -> str:
    """The folder around a folder `templates`, else that of the template."""
    own = os.path.dirname(template).split("/")
    return "/".join(own[: own.index("templates")] if "templates" in own else own)


def _folders(given: Input, root: str) -> Mapping[str, int]:
    """Those at the first level that has several."""
    files = (r.document.file.name for r in given.resources if is_mesh_resource(r.group_kind))
    folders = [os.path.dirname(_below(root, file)) for file in files]
    shared = os.path.commonpath(folders or [""])
    level = 1 + len(shared.split("/")) if shared else 1
    return Counter("/".join(folder.split("/")[:level]) or "." for folder in folders)


def _versions(given: Input) -> Iterator[tuple[str, Location]]:
    for text, place in _tags(given):
        if match := _VERSION.fullmatch(text):
            yield match["minor"], place


def _tags(given: Input) -> Iterator[tuple[str, Location]]:
    for resource in given.resources:
        if resource.group_kind in (ISTIO_OPERATOR, HELM_VALUES):
            yield from ((tag, resource.at(*path)) for path in _TAGS if isinstance(tag := resource.get(*path), str))
        for pod in pod_templates(resource):
            for path, container in pod.containers():
                if match := _IMAGE.search(str(container.get("image"))):
                    yield match["tag"], resource.at(*path, "image")
    for part in given.parts:
        if os.path.basename(part.file.name) == "Chart.yaml":
            for document in part.loaded.documents:
                yield from _dependencies(document)


def _dependencies(chart: Document) -> Iterator[tuple[str, Location]]:
    for index, entry in enumerate(each(chart.data, "dependencies")):
        if get(entry, "name") in _CHARTS and "istio" in str(get(entry, "repository")):
            yield str(get(entry, "version")), chart.at("dependencies", index, "version")


def _hosts(given: Input) -> Mapping[str, Location]:
    found: dict[str, Location] = {}
    for resource in given.resources:
        if resource.group_kind == SERVICE_ENTRY and is_external(resource) and not is_local(resource):
            for host, place in hosts_of(resource):
                if not host.endswith((".local", ".internal")):
                    found.setdefault(host, place)
    return found


def _servers(given: Input) -> Sequence[Workload]:
    found: dict[str, Workload] = {}
    for mesh in given.meshes:
        for workload in mesh.workloads.all:
            inference = workload.inference
            if workload.pod and inference and inference.sure and inference.kind is ModelKind.UNKNOWN:
                found.setdefault(str(workload), workload)
    return [found[name] for name in sorted(found)]


# ---- meshes ----------------------------------------------------------------------------------------------------------


def _alternates(given: Input, root: str) -> Sequence[str]:
    """The folders that tell a variant from the others, each alone."""
    folders = [_below(root, label) for label in given.variants if label and os.path.isdir(label)]
    return folders if len(folders) > 1 else ()


def _meshes(given: Input, root: str) -> Mapping[str, Sequence[str]]:
    """A mesh for every name of an overlay, where all that have overlays of one base have them by the same names."""
    listed = _kustomizations(given, root)
    inner = {entry for entries in listed.values() for entry in entries}
    closures = {top: _closure(top, listed) for top in listed if top not in inner}
    rivals = {top: [o for o in closures if o != top and closures[o] & closures[top]] for top in closures}
    overlays = [top for top in closures if rivals[top]]
    names = {top: frozenset(os.path.basename(each) for each in (top, *rivals[top])) for top in overlays}
    if len(set(names.values())) != 1 or any(len(names[top]) != 1 + len(rivals[top]) for top in overlays):
        return {}
    found: dict[str, set[str]] = {}
    for top in overlays:
        found.setdefault(os.path.basename(top), set()).update(closures[top])
    meshes = {name_of(folder): _patterns(found[folder], listed) for folder in sorted(found)}
    return meshes if len(meshes) == len(found) else {}


def name_of(folder: str) -> str:
    """The name of a mesh that a folder is."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", folder).strip("-._") or "mesh"


def _kustomizations(given: Input, root: str) -> dict[str, list[str]]:
    """By folder what its kustomization lists."""
    found: dict[str, list[str]] = {}
    for part in given.parts:
        folder, name = os.path.split(_below(root, part.file.name))
        if name in kustomizations.NAMES:
            data: Any = part.loaded.documents[0].data if part.loaded.documents else None
            entries = (entry for field in kustomizations.LISTS for entry in each(data, field) if isinstance(entry, str))
            paths = (os.path.normpath(os.path.join(folder, entry)) for entry in entries if "://" not in entry)
            found[folder or "."] = [path.replace(os.sep, "/") for path in paths]
    return found


def _closure(folder: str, listed: Mapping[str, Sequence[str]]) -> frozenset[str]:
    """A folder with a kustomization, all that it lists, and all that these list."""
    found: set[str] = set()
    pending = [folder]
    while pending:
        path = pending.pop()
        if path not in found and not path.startswith(".."):
            found.add(path)
            pending += listed.get(path, ())
    return frozenset(found)


def _patterns(paths: Iterable[str], listed: Mapping[str, Sequence[str]]) -> Sequence[str]:
    """The patterns for folders and files, without those that others cover."""
    wanted = sorted(paths)
    others = [folder for folder in listed if folder not in wanted]
    patterns = {path: _pattern(path, listed, others) for path in wanted}
    covered = {
        path
        for path in wanted
        if any(
            GitIgnoreSpec.from_lines([pattern]).match_file(path) for other, pattern in patterns.items() if other != path
        )
    }
    return [pattern for path, pattern in patterns.items() if path not in covered]


def _pattern(path: str, listed: Mapping[str, Sequence[str]], others: Iterable[str]) -> str:
    """The pattern for a path; of a folder with kustomizations below it that are for others only its own files."""
    prefix = "/" if path == "." else f"/{escaped(path)}/"
    if path not in listed:
        return f"/{escaped(path)}"
    return f"{prefix}*.yaml" if any(_is_within(other, path) for other in others) else prefix if path != "." else "/**"


def _is_within(path: str, folder: str) -> bool:
    return path != folder and (folder == "." or path.startswith(f"{folder}/"))


def escaped(path: str) -> str:
    """A path as a pattern that fits it alone; what is no text in its name may be anything."""
    return re.sub("[\ud800-\udfff]", "?", re.sub(r"([\\*?\[\]!#])", r"\\\1", path))
