"""Mesh-wide settings: what istiod was told, wherever the input says it.

Read from the ConfigMap `istio` (or `istio-REVISION`), which is what istiod itself reads; else from an IstioOperator; else
from Helm values of the charts istiod and base (`pkg/config/mesh/mesh.go ApplyMeshConfig`: what is not said is a default).
Settings that istiod cannot take it leaves out as a whole (`pkg/config/mesh/meshwatcher NewCollection`); the mesh is judged by
them all the same where they can be understood, as it is by every other object that is refused.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ...config import NEWEST, Settings
from ...resource.inventory import Inventory
from ...resource.kinds import CONFIG_MAP, HELM_VALUES, ISTIO_OPERATOR
from ...resource.resource import Resource, get
from ...source.document import Failure, Location, Path, Placeholder
from ...source.yaml import YamlError, parse
from ..effective import Basis, Effective, Reason

ROOT_NAMESPACE = "istio-system"
"""Where Istio is installed unless something else is said."""

DEFAULT = Reason("Istio's default", None, Basis.DEFAULT)

DIFFER = "the mesh configurations of the input differ"
"""Why a value that they decide has candidates."""


class Source(NamedTuple):
    """One object that holds mesh settings: the paths of its meshConfigs with their data, the first that says a thing wins."""

    resource: Resource
    layers: tuple[tuple[Path, Any], ...]

    def get(self, path: Path) -> tuple[Any, Location] | None:
        """The value at a path of meshConfig and its place."""
        for base, data in self.layers:
            value = get(data, *path)
            if value is not None:
                return value, self.resource.at(*base, *path)
        return None


class MeshConfig:
    """The mesh settings of one input; `stored`: only those that istiod takes."""

    def __init__(self, inventory: Inventory, settings: Settings, stored: bool) -> None:
        self._inventory = inventory
        self._settings = settings
        self._stored = stored
        self.failures: list[Failure] = []
        self._sources = self._config_maps(inventory) or self._operators(inventory) or self._values_files(inventory)
        self._values = _chart_values(inventory)
        self._known: dict[Path, Effective[Any]] = {}

    @property
    def istio_version(self) -> tuple[int, int]:
        """Major and minor of the istiod that runs: the setting, else the newest modelled."""
        return self._settings.istio_version or NEWEST

    @property
    def external_names_are_aliases(self) -> bool:
        """Whether an ExternalName is another name of a host (since 1.21); before, it was one that DNS resolves."""
        return self.istio_version >= (1, 21)

    @property
    def sidecars_leave_hosts_out(self) -> bool:
        """Whether `~` before a host of a Sidecar's egress takes it out of what the others import (since 1.31)."""
        return self.istio_version >= (1, 31)

    @property
    def root_namespace(self) -> str:
        """Where policies without a selector hold for the whole mesh."""
        if self._settings.root_namespace:
            return self._settings.root_namespace
        root = self.value("rootNamespace").value
        return root if isinstance(root, str) else ROOT_NAMESPACE

    @property
    def places(self) -> list[Location]:
        """Where the input has meshConfigs; what these leave out has Istio's default for certain."""
        return [source.resource.at(*path) for source in self._sources for path, _ in source.layers]

    def silent(self, *path: str) -> list[Location]:
        """Those of the places that say nothing at a path of meshConfig."""
        silent = (source for source in self._sources if source.get(path) is None)
        return [source.resource.at(*base) for source in silent for base, _ in source.layers]

    def value(self, *path: str) -> Effective[Any]:
        """The value at a path of meshConfig; None by Istio's default. Sources that differ are candidates."""
        if path not in self._known:
            self._known[path] = self._value(path)
        return self._known[path]

    def _value(self, path: tuple[str, ...]) -> Effective[Any]:
        outcomes = []
        for source in self._sources:
            found = source.get(path)
            if found is None:
                outcomes.append(Effective(None, (DEFAULT,)))
            else:
                value, where = found
                given = f" to {value}" if isinstance(value, str | int) else ""
                text = f"{source.resource.kind} {source.resource.name} sets {'.'.join(path)}{given}"
                outcomes.append(Effective(value, (Reason(text, where),)))
        if not outcomes:
            return Effective(None, (DEFAULT,))
        distinct = [o for i, o in enumerate(outcomes) if all(o.value != p.value for p in outcomes[:i])]
        if len(distinct) == 1:
            return distinct[0]
        tie = Reason(f"{len(self._sources)} mesh configurations in the input differ", None, Basis.ASSUMED)
        return Effective(distinct[0].value, (tie, *distinct[0].because), tuple(distinct))

    def stated(self, resource: Resource, *path: str) -> tuple[Any, Location] | None:
        """What one object of the input says at a path of meshConfig, and its place; None where it says nothing of it."""
        return next((source.get(path) for source in self._sources if source.resource is resource), None)

    @property
    def unsaid(self) -> Basis:
        """What the default of a setting that no source has stands on: it is certain where the mesh's settings are given."""
        return Basis.DECLARED if self._sources else Basis.DEFAULT

    def chart(self, *path: str) -> Any:
        """A value of the istiod chart outside meshConfig, from Helm values or an IstioOperator; None when not given."""
        found = self.chart_value(*path)
        return found[0] if found else None

    def chart_value(self, *path: str) -> tuple[Any, Location] | None:
        """A value of the istiod chart outside meshConfig, with its place."""
        return next((found for source in self._values if (found := source.get(path)) is not None), None)

    def environment(self, name: str) -> tuple[str, Location] | None:
        """A variable of istiod's environment: of its Deployment, else as an IstioOperator or the chart's values set it."""
        for resource, path in self._environments():
            for index, entry in enumerate(resource.items(*path)):
                if get(entry, "name") == name and isinstance(value := get(entry, "value"), str):
                    return value, resource.at(*path, index, "value")
        found = self.chart_value("pilot", "env", name)
        return (str(found[0]), found[1]) if found else None

    def _environments(self) -> Iterator[tuple[Resource, Path]]:
        for pod in self._inventory.pods_in(self.root_namespace):
            if pod.name == "istiod" or pod.name.startswith("istiod-"):
                yield from ((pod.resource, (*path, "env")) for path in pod.container_paths)
        for operator in self._inventory.all(ISTIO_OPERATOR):
            yield operator, ("spec", "components", "pilot", "k8s", "env")

    @property
    def profile(self) -> str | None:
        """The installation profile that an IstioOperator or the chart's values name."""
        named = (operator.get("spec", "profile") for operator in self._inventory.all(ISTIO_OPERATOR))
        return next((name for name in (*named, self.chart("profile")) if isinstance(name, str)), None)

    @property
    def assumptions(self) -> list[str]:
        """Sentences for the summary: the version modelled, and where the mesh settings came from."""
        version = ".".join(map(str, self.istio_version))
        given = "istio-version" in self._settings.places
        lines = [f"Istio {version}" + ("" if given else " (the newest modelled; setting istio-version)")]
        if self._sources:
            places = ", ".join(
                f"{s.resource.kind} {s.resource.name} ({s.resource.document.file.name})" for s in self._sources
            )
            lines.append(f"mesh settings from {places}")
        else:
            lines.append(
                "mesh settings: Istio's defaults (no ConfigMap istio, IstioOperator or istiod values in the input)"
            )
        return lines

    def _config_maps(self, inventory: Inventory) -> list[Source]:
        """Those of the root namespace where it has some; `istio` goes before those of revisions."""
        found = [r for r in inventory.all(CONFIG_MAP) if _is_mesh(r) and isinstance(r.get("data", "mesh"), str)]
        root = self._settings.root_namespace or ROOT_NAMESPACE
        near = [resource for resource in found if resource.namespace == root]
        return self._sources_of(sorted(near or found, key=lambda resource: resource.name), (("data", "mesh"),))

    def _operators(self, inventory: Inventory) -> list[Source]:
        """`spec.meshConfig` lies over `spec.values.meshConfig` (`operator/pkg/render/manifest.go translateIstioOperatorToHelm`)."""
        bases: tuple[Path, ...] = (("spec", "meshConfig"), ("spec", "values", "meshConfig"))
        return self._sources_of(inventory.all(ISTIO_OPERATOR), bases)

    def _values_files(self, inventory: Inventory) -> list[Source]:
        return self._sources_of(inventory.all(HELM_VALUES), (("meshConfig",), ("istiod", "meshConfig")))

    def _sources_of(self, resources: Sequence[Resource], bases: tuple[Path, ...]) -> list[Source]:
        layered = [(r, tuple((b, data) for b in bases if (data := self._read(r, b)) is not None)) for r in resources]
        return [Source(resource, layers) for resource, layers in layered if layers]

    def _read(self, resource: Resource, base: Path) -> Mapping[str, Any] | None:
        """The settings at a path, which may be YAML in a text, as istiod understands them; None where it does not."""
        from ...resource.admission.mesh import settings

        written = resource.get(*base)
        if written is None or isinstance(written, Placeholder):
            return None
        try:
            found, refused = settings(parse(written) if isinstance(written, str) else written)
        except YamlError as error:
            self._fails("yaml", resource, base, base, f"is not YAML ({error})")
            return None
        if refused:
            field = ".".join(map(str, refused.path)) or "it"
            problem = f"is not what istiod takes ({field} {refused.text})"
            self._fails("settings", resource, base, (*base, *refused.path), problem)
        return None if refused and self._stored else found

    def _fails(self, kind: str, resource: Resource, base: Path, path: Path, problem: str) -> None:
        where = resource.at(*path)
        text = f"{'.'.join(map(str, base))} of {resource.kind} {resource.name} {problem}; istiod leaves all of it out"
        self.failures.append(Failure(kind, where.file, where.span.start_line, text))


def _is_mesh(resource: Resource) -> bool:
    """Whether a ConfigMap is the one that an istiod of some revision reads."""
    return resource.name == "istio" or resource.name.startswith("istio-")


def _chart_values(inventory: Inventory) -> list[Source]:
    operators = _sources(inventory.all(ISTIO_OPERATOR), (("spec", "values"),))
    return operators + _sources(inventory.all(HELM_VALUES), ((), ("istiod",)))


def _sources(resources: Sequence[Resource], bases: tuple[Path, ...]) -> list[Source]:
    layered = [(r, tuple((base, r.mapping(*base)) for base in bases if r.mapping(*base))) for r in resources]
    return [Source(resource, layers) for resource, layers in layered if layers]
