"""Where telemetry goes: the providers that a mesh has, and what its Telemetries expect of them (semantics §9).

Mirrors `pilot/pkg/model/telemetry.go fetchProvider`, `getProviderNames` and `mergeLogs`, `pkg/config/mesh/mesh.go
DefaultMeshConfig`, and `core/accesslog.go`, which writes accessLogFile where no provider is left.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ...resource.resource import Resource, each, get
from ...source.document import Location, Placeholder
from ..effective import Basis, Effective, Reason
from .meshconfig import DIFFER, MeshConfig
from .order import one_of

_BUILT_IN = {"prometheus", "stackdriver", "envoy"}
_DEMO = {"otel", "skywalking", "otel-tracing", "jaeger"}
"""What the demo profile defines, where nothing takes the place of its list."""

ZIPKIN_UNTIL = (1, 21)
"""The last version with a provider `zipkin` of its own, which was also where spans went by default."""

_SIGNALS = {"tracing": "traces", "metrics": "metrics", "accessLogging": "access logs"}
_SWITCHES = {"tracing": "disableSpanReporting", "accessLogging": "disabled"}


class Claim(NamedTuple):
    """That an entry of a Telemetry needs a provider. `provider` is empty where it names none and should get one."""

    provider: str
    signals: str
    problem: str
    place: Location
    defined: Effective[bool]


class Entry(NamedTuple):
    """One item of spec.tracing, spec.metrics or spec.accessLogging."""

    telemetry: Resource
    data: Mapping[str, Any]
    location: Location


class Providers:
    """Which telemetry providers a mesh has."""

    def __init__(self, telemetries: Iterable[Resource], meshconfig: MeshConfig, closed: bool) -> None:
        self._meshconfig = meshconfig
        self._root = meshconfig.root_namespace
        self._naming: dict[str, set[str]] = {kind: set() for kind in _SIGNALS}
        for telemetry in telemetries:
            for kind, namespaces in self._naming.items():
                if any(names_of(entry) for entry in entries_of(telemetry, kind)):
                    namespaces.add(telemetry.namespace)
        self.known = closed or bool(meshconfig.places)
        """Whether the input tells which providers are defined."""

    def defined(self, name: str | Placeholder) -> Effective[bool]:
        """Whether a provider of this name exists; names are compared without case."""
        if isinstance(name, Placeholder):
            return Effective(True, (Reason(f"which provider {name} is is not known here", None, Basis.ASSUMED),))
        name = name.lower()
        if name in _BUILT_IN or (name == "zipkin" and self._meshconfig.istio_version <= ZIPKIN_UNTIL):
            return Effective(True, (Reason(f"provider {name} is built in"),))
        if self.known:
            listed = self._meshconfig.value("extensionProviders")
            outcomes = [self._in(one, name) for one in listed.candidates or (listed,)]
            return one_of(outcomes, DIFFER, Basis.ASSUMED)
        if name == "zipkin":
            text = "provider zipkin is no longer built in since Istio 1.22, and nothing in the input defines it"
            return Effective(False, (Reason(text, None, Basis.DEFAULT),))
        return Effective(True, (Reason(f"provider {name} is taken to be defined", None, Basis.ASSUMED),))

    def default(self, kind: str) -> tuple[str, ...]:
        """The providers that Telemetries of a kind (tracing, metrics, accessLogging) get which name none."""
        given = self._meshconfig.value("defaultProviders", kind).value
        if given is None and kind == "metrics" and not self.known:
            return ("prometheus",)
        return tuple(str(name) for name in given) if isinstance(given, list) else ()

    def _in(self, listed: Effective[Any], name: str) -> Effective[bool]:
        given = [get(entry, "name") for entry in each(listed.value)]
        if isinstance(listed.value, Placeholder) or any(isinstance(known, Placeholder) for known in given):
            return Effective(True, (Reason("some provider is not known here", listed.origin, Basis.ASSUMED),))
        names = {str(known).lower() for known in given}
        if listed.value is None and self._meshconfig.profile == "demo":
            names |= _DEMO
        if name in names:
            return Effective(True, (Reason(f"the mesh settings define {name}", listed.origin),))
        reasons = [Reason("these are the providers that the mesh settings define", listed.origin)]
        if listed.origin is None:
            places = self._meshconfig.silent("extensionProviders")
            reasons = [Reason("the mesh settings define no providers", place) for place in places[:1]]
        return Effective(False, tuple(reasons))

    def claims(self, telemetry: Resource) -> Iterator[Claim]:
        """What the entries of a Telemetry expect of providers, but those that switch something off."""
        for kind, signals in _SIGNALS.items():
            for entry in entries_of(telemetry, kind):
                names = names_of(entry)
                if entry.data.get(_SWITCHES.get(kind, "")) is True:
                    continue
                yield from self._named(entry, names[:1] if kind == "tracing" else names, signals)
                if not names and kind != "metrics" and self.known and not self._inherits(kind, telemetry):
                    yield self._nameless(entry, signals)

    def _named(self, entry: Entry, names: Sequence[str | Placeholder], signals: str) -> Iterator[Claim]:
        alone = len(names) == 1 and not (signals == "access logs" and self._writes_a_log_file)
        for index, name in enumerate(names):
            document, path = entry.location
            place = document.at(*path, "providers", index, "name")
            produced = signals if alone else f"{signals} for {name}"
            yield Claim(str(name), produced, f"provider {name} is not defined in this mesh", place, self.defined(name))

    def _nameless(self, entry: Entry, signals: str) -> Claim:
        problem = "it names no provider, and neither another Telemetry nor the mesh settings give it one"
        return Claim("", signals, problem, entry.location, Effective(False, (Reason(problem, None, Basis.DEFAULT),)))

    def _inherits(self, kind: str, telemetry: Resource) -> bool:
        """Whether an entry without a provider has one all the same, from a Telemetry that may meet it, or does without."""
        if self.default(kind) or (kind == "accessLogging" and self._writes_a_log_file):
            return True
        naming = self._naming[kind]
        return not naming.isdisjoint((telemetry.namespace, self._root)) or (
            telemetry.namespace == self._root and bool(naming)
        )

    @property
    def _writes_a_log_file(self) -> bool:
        return bool(self._meshconfig.value("accessLogFile").value)


def entries_of(telemetry: Resource, kind: str) -> Iterator[Entry]:
    """The items of spec.tracing, spec.metrics or spec.accessLogging."""
    for index, data in enumerate(telemetry.items("spec", kind)):
        if isinstance(data, dict):
            yield Entry(telemetry, data, telemetry.at("spec", kind, index))


def names_of(entry: Entry) -> list[str | Placeholder]:
    """The providers that an entry names."""
    names = [get(provider, "name") for provider in each(entry.data, "providers")]
    return [name for name in names if isinstance(name, str | Placeholder)]
