"""What the proxies of a workload report: spans, and metrics with which labels (semantics §9).

Mirrors `pilot/pkg/model/telemetry.go applicableTelemetries`, `Tracing`, `mergeMetrics` and `fetchProvider`, and
`core/tracing.go configureTracingFromTelemetry`.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple

from ...resource.inventory import Inventory
from ...resource.kinds import TELEMETRY
from ...resource.match import Selecting
from ...resource.resource import Resource, each, get, required
from ...source.document import Location, Path, Placeholder
from ..effective import Basis, Effective, Reason
from ..subjects import DataPlane, Workload
from ..workloads import Workloads
from .injection import GATEWAY_NAME
from .meshconfig import MeshConfig
from .order import one_of, possible_first, possible_sequences
from .providers import ZIPKIN_UNTIL, Entry, Providers, entries_of, names_of
from .proxyconfig import ProxyConfigs

CLIENT, SERVER, BOTH = "CLIENT", "SERVER", "CLIENT_AND_SERVER"
COUNT, DURATION = "REQUEST_COUNT", "REQUEST_DURATION"

_TRACERS = ("zipkin", "lightstep", "datadog", "stackdriver", "openCensusAgent")
_TIE = "several Telemetries of one scope: their creation times decide, and are not in the input"


class Tracing(NamedTuple):
    """The spans of a proxy. `provider` gets them, None = nobody does; `begins`: it also samples requests that nobody traced
    before, while it goes on with traces that others began whatever its own rate (Envoy's `mutateTracingRequestHeader`).
    """

    provider: str | None
    defined: bool
    begins: bool


class Tag(NamedTuple):
    """A label that an override of a Telemetry puts on metrics. `value` is its expression, `place` where that stands."""

    name: str
    value: str
    place: Location
    override: Location


class Hole(NamedTuple):
    """That a trace breaks at a proxy: its tracing, or what else decides, that of the other proxies on the way, and what is
    wrong, as the beginning of a sentence that ends in the hop."""

    hop: Workload
    tracing: Effective[Tracing]
    others: tuple[Effective[Tracing], ...]
    trouble: str


class Telemetries:
    """The Telemetries of a mesh, and what they make of each workload."""

    def __init__(
        self, inventory: Inventory, meshconfig: MeshConfig, workloads: Workloads, proxy: ProxyConfigs, closed: bool
    ) -> None:
        self._all = inventory.all(TELEMETRY)
        self.providers = Providers(self._all, meshconfig, closed)
        self._workloads = workloads
        self._meshconfig = meshconfig
        self._proxy = proxy
        self._root = meshconfig.root_namespace
        self._by_namespace: dict[str, list[Resource]] = defaultdict(list)
        self._by_gateway: dict[tuple[str, str], list[Resource]] = defaultdict(list)
        for telemetry in self._all:
            targets = list(target_refs(telemetry))
            if not targets and not selector(telemetry):
                self._by_namespace[telemetry.namespace].append(telemetry)
            for target in targets:
                if get(target, "kind") == "Gateway":
                    self._by_gateway[telemetry.namespace, str(get(target, "name"))].append(telemetry)
        self._selecting = Selecting(self._all, selector)
        self._of: dict[int, list[list[Resource]]] = {}
        self._orders: dict[tuple[str, tuple[int, ...]], list[list[Resource]]] = {}
        self._told: dict[tuple[int, str], list[Effective[Tracing] | None]] = {}
        self._tracing: dict[int, Effective[Tracing]] = {}
        self._labels: dict[tuple[int, str, str], dict[str, Tag]] = {}

    def of(self, workload: Workload) -> list[list[Resource]]:
        """The Telemetries that count for a workload, the widest scope first; each list is a possible order.

        One for the mesh, one for the namespace, and all that select the workload; in the root namespace a selector
        takes pods of that namespace only.
        """
        if id(workload) not in self._of:
            selecting = self._selecting.of(workload.namespace, workload.labels)
            selecting += self._by_gateway.get((workload.namespace, workload.labels.get(GATEWAY_NAME, "")), ())
            key = (workload.namespace, tuple(map(id, selecting)))
            if key not in self._orders:
                self._orders[key] = self._possible(workload.namespace, selecting)
            self._of[id(workload)] = self._orders[key]
        return self._of[id(workload)]

    def _possible(self, namespace: str, selecting: Sequence[Resource]) -> list[list[Resource]]:
        wide = [self._by_namespace.get(self._root, [])]
        if namespace != self._root:
            wide.append(self._by_namespace.get(namespace, []))
        orders: list[list[Resource]] = [[]]
        for scope in wide:
            if scope:
                orders = [[*order, telemetry] for order in orders for telemetry in possible_first(scope)]
        return [[*order, *last] for order in orders for last in possible_sequences(selecting)]

    def concerned(self, telemetry: Resource) -> list[Workload]:
        """The workloads with a proxy that a Telemetry is for, also where another one of its scope may come first."""
        wanted = selector(telemetry)
        if wanted:
            found: Sequence[Workload] = self._workloads.selected(telemetry.namespace, wanted)
        elif telemetry.namespace == self._root:
            found = self._workloads.all
        else:
            found = self._workloads.in_namespace(telemetry.namespace)
        return [workload for workload in found if _has_a_proxy(workload)]

    def tracing(self, workload: Workload) -> Effective[Tracing]:
        """What becomes of the spans of requests that come to a workload, or leave a gateway."""
        if id(workload) not in self._tracing:
            told = self._tracings(
                self.of(workload), CLIENT if workload.data_plane.value is DataPlane.GATEWAY else SERVER
            )
            untold = None if all(told) else self._untold(workload)
            self._tracing[id(workload)] = one_of([found for one in told if (found := one or untold)], _TIE)
        return self._tracing[id(workload)]

    def _tracings(self, orders: list[list[Resource]], mode: str) -> list[Effective[Tracing] | None]:
        """What Telemetries and default providers say in each order they may have; None where neither says anything."""
        key = (id(orders), mode)
        if key not in self._told:
            outcomes = [self._traced(order, mode) for order in orders]
            told = [outcome for outcome in outcomes if outcome]
            self._told[key] = [one_of(told, _TIE)] if len(told) == len(outcomes) else outcomes
        return self._told[key]

    def holes(self, way: Sequence[Workload]) -> Iterator[Hole]:
        """Where traces of requests to a workload break; `way` are it and the proxies before it, the nearest first.

        Of a provider that is not defined there is nothing more to say here.
        """
        traced = [(hop, self.tracing(hop)) for hop in way if _has_a_proxy(hop)]
        for index, (hop, tracing) in enumerate(traced):
            others = tuple(other for _, other in (*traced[:index], *traced[index + 1 :]))
            silent = tracing.holds(lambda spans: spans.provider is None)
            earlier = [] if hop.data_plane.value is DataPlane.GATEWAY else traced[index + 1 :]
            if silent:
                yield Hole(hop, silent, others, "no spans come from")
            elif not any(spans.value.begins for _, spans in (traced[index], *earlier)):
                yield Hole(hop, tracing, others, "no trace begins before or at")
            elif _differ(traced[0][1], tracing):
                yield self._split(traced[0][1], tracing, hop)

    def _split(self, own: Effective[Tracing], other: Effective[Tracing], hop: Workload) -> Hole:
        """Two providers on one way: shown where one of them leaves what the mesh does."""
        wide = {id(telemetry.document) for telemetry in self._by_namespace.get(self._root, ())}
        first, second = (other, own) if own.origin and id(own.origin.document) in wide else (own, other)
        return Hole(hop, first, (second,), f"its spans go to {own.value.provider}, but to {other.value.provider} from")

    def tags(self, workload: Workload, mode: str, metric: str) -> Mapping[str, Tag]:
        """The labels that Telemetries add to a metric (REQUEST_COUNT, …) of one side (CLIENT, SERVER) of a workload's proxy.

        Where creation times decide, the labels of every order count.
        """
        orders = self.of(workload)
        key = (id(orders), mode, metric)
        if key not in self._labels:
            self._labels[key] = {name: tag for order in orders for name, tag in self._tags(order, mode, metric).items()}
        return self._labels[key]

    def one_sided(self, workload: Workload) -> Iterator[tuple[Tag, str]]:
        """The labels that only one of request count and request duration has, with the name of that metric."""
        for mode in (SERVER, CLIENT):
            count, duration = (self.tags(workload, mode, metric) for metric in (COUNT, DURATION))
            yield from ((tag, COUNT) for name, tag in count.items() if name not in duration)
            yield from ((tag, DURATION) for name, tag in duration.items() if name not in count)

    def metrics_of(self, workload: Workload) -> Location | None:
        """The last entry about metrics that counts for a workload."""
        entries = [e for telemetry in self.of(workload)[0] for e in entries_of(telemetry, "metrics")]
        return entries[-1].location if entries else None

    @cached_property
    def sets_tracing(self) -> bool:
        """Whether anything says, for whichever workload, where spans go: else nobody meant to trace."""
        tracers = (self._meshconfig.value("defaultConfig", "tracing", tracer).value for tracer in _TRACERS)
        told = any(telemetry.items("spec", "tracing") for telemetry in self._all)
        return told or bool(self.providers.default("tracing")) or any(tracer is not None for tracer in tracers)

    def _traced(self, order: Sequence[Resource], mode: str) -> Effective[Tracing] | None:
        """Mirrors `Tracing`: each entry replaces what it says, and only the first provider of a list counts."""
        entries = [e for telemetry in order for e in entries_of(telemetry, "tracing") if _is_for(mode, e.data)]
        defaults = self.providers.default("tracing")
        if not entries and not defaults:
            return None
        provider: str | Placeholder | None = defaults[0] if defaults else None
        named = self._sent(defaults[0]) if defaults else self._nobody(entries[-1])
        disabled = quiet = None
        for entry in entries:
            if names := names_of(entry):
                provider, named = names[0], Reason(f"{entry.telemetry} sends spans to {names[0]}", entry.location)
            if isinstance(off := entry.data.get("disableSpanReporting"), bool):
                text = f"{entry.telemetry} switches the reporting of spans off"
                disabled = Reason(text, entry.location) if off else None
            if (rate := entry.data.get("randomSamplingPercentage")) is not None:
                quiet = Reason(f"{entry.telemetry} samples no request", entry.location) if rate == 0 else None
        if disabled:
            return Effective(Tracing(None, True, False), (named, disabled) if provider else (disabled,))
        if provider is None:
            return Effective(Tracing(None, True, False), (named,))
        defined = self.providers.defined(provider).value
        return Effective(Tracing(str(provider).lower(), defined, not quiet), (named, quiet) if quiet else (named,))

    def _untold(self, workload: Workload) -> Effective[Tracing]:
        """No Telemetry and no default provider: the tracer of the proxy's own settings, which Istio does not set."""
        legacy = self._legacy(workload)
        if legacy:
            return Effective(Tracing(legacy[0], True, True), (legacy[1],))
        basis = Basis.DEFAULT if self.providers.known else Basis.ASSUMED
        return Effective(Tracing(None, True, False), (Reason("nothing says where its spans go", None, basis),))

    def _legacy(self, workload: Workload) -> tuple[str, Reason] | None:
        """The tracer of the pod's proxy settings; up to 1.21 one that Istio set itself."""
        if self._meshconfig.value("enableTracing").value is False:
            return None
        for tracer in _TRACERS:
            path = ("tracing", tracer)
            pod = workload.pod
            found = self._proxy.value(pod, *path) if pod else self._meshconfig.value("defaultConfig", *path)
            if found.value is not None:
                return f"{tracer} of the proxy's settings", found.because[-1]
        if self._meshconfig.istio_version <= ZIPKIN_UNTIL:
            return "zipkin", Reason("Istio's default sends spans to zipkin", None, Basis.DEFAULT)
        return None

    def _sent(self, provider: str) -> Reason:
        origin = self._meshconfig.value("defaultProviders", "tracing").origin
        return Reason(f"the mesh settings send spans to {provider}", origin)

    def _nobody(self, entry: Entry) -> Reason:
        basis = Basis.DEFAULT if self.providers.known else Basis.ASSUMED
        return Reason(f"{entry.telemetry} names no provider, and inherits none", entry.location, basis)

    def _tags(self, order: Sequence[Resource], mode: str, metric: str) -> dict[str, Tag]:
        """Mirrors `mergeMetrics`: the last list of providers is in force, and later overrides go over earlier ones."""
        entries = [entry for telemetry in order for entry in entries_of(telemetry, "metrics")]
        in_force: Sequence[str | Placeholder] = self.providers.default("metrics")
        for entry in entries:
            in_force = names_of(entry) or in_force
        found: dict[str | Placeholder, dict[str, Tag]] = {provider: {} for provider in in_force}
        inherited: Sequence[str | Placeholder] = self.providers.default("metrics")
        for entry in entries:
            inherited = names_of(entry) or inherited
            for provider in inherited:
                if provider in found:
                    _override(found[provider], entry, mode, metric)
        return {name: tag for tags in found.values() for name, tag in tags.items()}


def _differ(one: Effective[Tracing], other: Effective[Tracing]) -> bool:
    known = all(t.value.provider and t.value.defined and not t.candidates for t in (one, other))
    return known and one.value.provider != other.value.provider


def _has_a_proxy(workload: Workload) -> bool:
    return workload.in_mesh.value and workload.data_plane.value is not DataPlane.AMBIENT


def selector(telemetry: Resource) -> Mapping[str, str]:
    """`spec.selector.matchLabels`; empty = the Telemetry is for its whole namespace, unless it has targetRefs."""
    return required(telemetry.get("spec", "selector", "matchLabels"))


def target_refs(telemetry: Resource) -> Iterator[Any]:
    """What a Telemetry is attached to in place of pods: Gateways, waypoints, Services."""
    yield from telemetry.items("spec", "targetRefs")
    if telemetry.get("spec", "targetRef"):
        yield telemetry.get("spec", "targetRef")


def _is_for(mode: str, data: Any) -> bool:
    return get(data, "match", "mode") in (None, BOTH, mode)


def written_tags(telemetry: Resource) -> Iterator[Tag]:
    """Every label that a Telemetry adds to a metric which it does not switch off."""
    for entry in entries_of(telemetry, "metrics"):
        for index, override in enumerate(each(entry.data, "overrides")):
            yield from (tag for _, tag in _tags(entry, index, override) if tag)


def _tags(entry: Entry, index: int, override: Any) -> Iterator[tuple[str, Tag | None]]:
    """The labels that an override adds, and with None those it removes."""
    changes = get(override, "tagOverrides")
    if get(override, "disabled") is True or not isinstance(changes, dict):
        return
    document, path = entry.location
    where: Path = (*path, "overrides", index)
    for name, change in changes.items():
        if get(change, "operation") == "REMOVE":
            yield name, None
        elif isinstance(value := get(change, "value"), str):
            place = document.at(*where, "tagOverrides", name, "value")
            yield name, Tag(name, value, place, document.at(*where))


def _override(tags: dict[str, Tag], entry: Entry, mode: str, metric: str) -> None:
    for index, override in enumerate(each(entry.data, "overrides")):
        if _is_for(mode, override) and _is_about(override, metric):
            for name, tag in _tags(entry, index, override):
                if tag:
                    tags[name] = tag
                else:
                    tags.pop(name, None)


def _is_about(override: Any, metric: str) -> bool:
    custom = get(override, "match", "customMetric")
    return not custom and get(override, "match", "metric") in (None, "ALL_METRICS", metric)
