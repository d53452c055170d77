"""Which VirtualService a host's clients get (semantics §1.4, §2.3).

Sidecars merge nothing: `core/httproute.go BuildSidecarOutboundVirtualHosts` gives a host to the first VirtualService, in
the order bucket, age, name, that has a route for the proxy and port; the others lose it whole.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ...finding import Confidence
from ...resource.inventory import Inventory
from ...resource.kinds import VIRTUAL_SERVICE
from ...resource.resource import Resource, each, required
from ..effective import Basis, Effective, Reason
from ..subjects import Claim, Shadow
from .order import decided, one_of, possible_first, sequence
from .routes import Rule, hosts_of
from .visibility import PRIVATE, PUBLIC, Visibility

OTHER_NAMESPACES = "*"
"""Stands for the namespaces of which the input knows nothing."""

_SECTIONS = ("http", "tcp", "tls")
_BUCKETS = {PRIVATE: "private to the namespace", PUBLIC: "exported to all"}


_OWNERS = {"Canary", "Rollout", "InferenceService", "InferenceGraph", "LLMInferenceService"}
"""Kinds whose controllers write VirtualServices."""

_KNATIVE = ("networking.internal.knative.dev/", "serving.knative.dev/")


class Condition(NamedTuple):
    """What istiod checks while it builds the routes of one proxy: labels, namespace, port. None = any."""

    labels: tuple[tuple[str, str], ...]
    namespace: str | None
    port: int | None

    def holds_in(self, client: str) -> bool:
        """Whether sidecars of a namespace get what stands under it."""
        return self.namespace in (None, client)

    def holds_under(self, other: "Condition") -> bool:
        """Whether every proxy that another holds for gets what stands under this one."""
        fits = self.namespace in (None, other.namespace) and self.port in (None, other.port)
        return fits and set(self.labels) <= set(other.labels)

    def __str__(self) -> str:
        labels = ", ".join(f"{key}={value}" for key, value in self.labels)
        parts = {"on port": self.port, "from callers with": labels, "from namespace": self.namespace}
        return " ".join(f"{word} {value}" for word, value in parts.items() if value)


UNCONDITIONAL = Condition((), None, None)

Dead = frozenset[tuple[int, int]]
"""http rules that istiod drops because nothing of their delegate is left: ids of VirtualServices with an index."""

Seen = list[tuple[int, Claim]]
"""The claims that a client sees, each with its bucket."""


class Audience:
    """The claims of one host by those who may see them. `meant` has the clients that each is for, by its id."""

    def __init__(self, claims: Sequence[Claim], meant: Mapping[int, frozenset[str]]) -> None:
        self.everybody: Seen | None = None
        self.named: dict[str, list[int]] = defaultdict(list)
        self._claims = claims
        self._open: list[int] = []
        self._by_owner: dict[str, list[int]] = defaultdict(list)
        for position, claim in enumerate(claims):
            if "*" in meant[id(claim)]:
                self._open.append(position)
                self._by_owner[claim.resource.namespace].append(position)
            else:
                for client in meant[id(claim)]:
                    self.named[client].append(position)

    def near(self, client: str, owners: frozenset[str] | None) -> list[Claim]:
        """The claims, in order, that clients of a namespace may see which import from some namespaces; None and `*` = all."""
        if owners is None or "*" in owners:
            found = self._open
        else:
            found = [position for owner in owners for position in self._by_owner.get(owner, ())]
        return [self._claims[position] for position in sorted({*found, *self.named.get(client, ())})]


class Claims:
    """The claims of hosts by VirtualServices, seen from the namespaces of a mesh; `closed`: all of these are in the input."""

    def __init__(
        self, inventory: Inventory, visibility: Visibility, rules: Sequence[Rule], domain: str, closed: bool
    ) -> None:
        self._inventory = inventory
        self._visibility = visibility
        self._domain = domain
        self._closed = closed
        self._known: dict[int, list[tuple[str, Condition]]] = {}
        self._dead = _dead(rules)

    def for_client(self, client: str, claims: Sequence[Claim]) -> Effective[Claim | None]:
        """The claim that wins in a namespace, the candidates of a tie included; None = the service's own default route.

        HTTP calls are asked about: a VirtualService without http routes counts only where no other claims the host.
        """
        everything = self._seen(client, claims)
        seen = [entry for entry in everything if self._has_routes(entry[1].resource, client, "http")] or everything
        if not seen:
            return Effective(None, (Reason("no VirtualService that the client sees claims the host"),))
        first = min(bucket for bucket, _ in seen)
        contenders = [claim for bucket, claim in seen if bucket == first]
        by_resource = {id(claim.resource): claim for claim in contenders}
        possible = [by_resource[id(r)] for r in possible_first([c.resource for c in contenders])]
        scope = _BUCKETS.get(first, f"exported to {client}")
        outcomes = [Effective(c, (Reason(f"{c.resource}, {scope}", c.location),)) for c in possible]
        return one_of(outcomes, "the oldest VirtualService wins, and creation times are not in the input")

    def shadows(self, claims: Sequence[Claim]) -> list[Shadow]:
        """Every claim that loses the host to another one for some clients, with the first that it loses to."""
        if len(claims) < 2:
            return []
        found: dict[tuple[int, int], Shadow] = {}
        for clients, seen in self._groups(claims):
            ordered = _in_order(seen)
            for position, loser in enumerate(ordered):
                pairs = (self._shadow(clients, winner, loser) for winner in ordered[:position])
                shadow = next(filter(None, pairs), None)
                if shadow:
                    place = (id(shadow.winner), id(shadow.loser))
                    known = found.get(place)
                    clients_of_both = (*known.clients, *clients) if known else clients
                    surest = max(known, shadow, key=_certainty) if known else shadow
                    found[place] = surest._replace(clients=clients_of_both)
        return list(found.values())

    def _groups(self, claims: Sequence[Claim]) -> list[tuple[tuple[str, ...], Seen]]:
        """Client namespaces that see the same claims under the same conditions, those that nothing sets apart as one; none of
        those that see fewer than two.
        """
        own = {claim.resource.namespace for claim in claims}
        named = {n for claim in claims for n in self._visibility.export_to(claim.resource, VIRTUAL_SERVICE)}
        sources = {c.namespace for claim in claims for _, c in self._conditions(claim.resource) if c.namespace}
        special = (own | named | sources) - {OTHER_NAMESPACES}
        if self._closed:
            special &= set(self._inventory.namespaces)
        alike = [[client] for client in sorted(special)]
        alike += [c for c in ([n for n in view if n not in special] for view in self._visibility.views(own)) if c]
        audience = Audience(claims, {id(claim): self._meant(claim) for claim in claims})
        groups: dict[object, tuple[list[str], Seen]] = {}
        for clients in [*alike, [OTHER_NAMESPACES]]:
            seen = self._seen_by(clients[0], audience)
            if len(seen) > 1:
                source = clients[0] if clients[0] in sources else None
                groups.setdefault((_key(seen), source), ([], seen))[0].extend(clients)
        return [(tuple(clients), seen) for clients, seen in groups.values()]

    def _meant(self, claim: Claim) -> frozenset[str]:
        """The clients that a claim is for whatever their Sidecars import; `*` = all."""
        exported = self._visibility.export_to(claim.resource, VIRTUAL_SERVICE)
        sources = {condition.namespace or "*" for _, condition in self._conditions(claim.resource)}
        return frozenset(sources if "*" in exported else exported if "*" in sources else exported & sources)

    def _seen_by(self, client: str, audience: "Audience") -> Seen:
        """What `_seen` has of all claims; the same list for all clients for whom nothing is special."""
        owners = self._visibility.owners(client)
        if owners is not None or client in audience.named:
            return self._seen(client, audience.near(client, owners))
        if audience.everybody is None:
            audience.everybody = self._seen(client, audience.near(client, None))
        return audience.everybody

    def _shadow(self, clients: tuple[str, ...], one: tuple[int, Claim], other: tuple[int, Claim]) -> Shadow | None:
        overlap = self._overlap(clients, one[1].resource, other[1].resource)
        if overlap is None or is_generated(one[1].resource) or is_generated(other[1].resource):
            return None
        if one[0] != other[0]:
            winner, loser = (one, other) if one[0] < other[0] else (other, one)
            scope = _BUCKETS.get(winner[0], "exported to them by name")
            why = f"clients in {', '.join(clients)} look first at what is {scope}"
            return Shadow(winner[1], loser[1], clients, True, overlap, why)
        pair = [one[1].resource, other[1].resource]
        first = sequence(pair)[0]
        winner, loser = (one, other) if first is one[1].resource else (other, one)
        why = "it is the older one" if decided(pair) else "the older one, which manifests cannot tell"
        return Shadow(winner[1], loser[1], clients, decided(pair), overlap, why)

    def _seen(self, client: str, claims: Sequence[Claim]) -> Seen:
        seen = []
        for claim in claims:
            bucket = self._visibility.bucket(claim.resource, client)
            if bucket is None or not self._has_routes(claim.resource, client):
                continue
            names = hosts_of(claim.resource, self._domain)
            if self._visibility.imports(client, claim.resource.namespace, names):
                seen.append((bucket, claim))
        return seen

    def _overlap(self, clients: tuple[str, ...], one: Resource, other: Resource) -> Effective[bool] | None:
        """Whether some proxy of a namespace gets routes from both, or None where static matches keep them apart."""
        best: Effective[bool] | None = None
        for section, a in self._conditions(one):
            for same, b in self._conditions(other):
                if section != same or not a.holds_in(clients[0]) or not b.holds_in(clients[0]):
                    continue
                if section == "tls" and not _share_sni(one, other):
                    continue
                ground = self._compatible(clients[0], a, b)
                if ground and (best is None or ground.basis.confidence > best.basis.confidence):
                    best = ground
        return best

    def _has_routes(self, virtual_service: Resource, client: str, section: str | None = None) -> bool:
        """Whether any proxy of a namespace gets routes; a VirtualService that gives none claims nothing."""
        conditions = self._conditions(virtual_service)
        return any(condition.holds_in(client) for name, condition in conditions if section in (None, name))

    def _conditions(self, virtual_service: Resource) -> Sequence[tuple[str, Condition]]:
        """The static conditions of a VirtualService's routes for sidecars, each with its section."""
        known = self._known.get(id(virtual_service))
        if known is None:
            known = [(s, c) for s in _SECTIONS for c in _conditions(virtual_service, s, self._dead)]
            self._known[id(virtual_service)] = known
        return known

    def _compatible(self, client: str, a: Condition, b: Condition) -> Effective[bool] | None:
        if a.port is not None and b.port is not None and a.port != b.port:
            return None
        labels = dict(a.labels)
        if any(labels.get(key, value) != value for key, value in b.labels):
            return None
        if not a.labels or not b.labels or set(a.labels) <= set(b.labels) or set(b.labels) <= set(a.labels):
            return Effective(True, (Reason("their static matches overlap"),))
        both = labels | dict(b.labels)
        namespace = None if client == OTHER_NAMESPACES else client
        pods = self._inventory.selecting(namespace, both)
        if pods:
            where = pods[0].resource.at("metadata")
            return Effective(True, (Reason(f"{pods[0]} fits the sourceLabels of both", where),))
        return Effective(True, (Reason("a client may carry the sourceLabels of both", None, Basis.ASSUMED),))


def _dead(rules: Sequence[Rule]) -> Dead:
    alive: dict[tuple[int, int], bool] = {}
    for rule in rules:
        _, index = rule.parts[-1][1][-2:]
        dropped = rule.delegates_to_nothing is not None and rule.delegates_to_nothing.basis is Basis.DECLARED
        place = (id(rule.root), int(index))
        alive[place] = alive.get(place, False) or not dropped
    return frozenset(place for place, lives in alive.items() if not lives)


def _key(seen: Seen) -> tuple[tuple[int, int], ...]:
    return tuple((bucket, id(claim)) for bucket, claim in seen)


def _in_order(seen: Seen) -> Seen:
    """As istiod looks at them: by bucket, then by age and name."""
    positions = {id(r): i for i, r in enumerate(sequence([claim.resource for _, claim in seen]))}
    return sorted(seen, key=lambda entry: (entry[0], positions[id(entry[1].resource)]))


def _certainty(shadow: Shadow) -> tuple[bool, Confidence]:
    return (shadow.certain, shadow.overlap.basis.confidence)


def _conditions(virtual_service: Resource, section: str, dead: Dead) -> list[Condition]:
    """The static conditions under which a VirtualService has a route for a sidecar."""
    found = []
    for index, rule in enumerate(virtual_service.items("spec", section)):
        if not isinstance(rule, dict) or (section == "http" and (id(virtual_service), index) in dead):
            continue
        entries = rule.get("match")
        if not isinstance(entries, list) or not entries:
            found.append(UNCONDITIONAL)
            continue
        for entry in entries:
            if isinstance(entry, dict) and is_for_mesh(entry):
                found.append(condition_of(entry))
    return list(dict.fromkeys(found))


def is_for_mesh(match: Mapping[str, Any]) -> bool:
    """Whether sidecars get a match of a VirtualService that is bound to `mesh`."""
    named = match.get("gateways")
    return not isinstance(named, list) or not named or "mesh" in named


def condition_of(match: Mapping[str, Any]) -> Condition:
    """What of a match istiod checks itself.

    `gateways` in it switches off its sourceLabels and sourceNamespace (`route.go sourceMatchHTTP`).
    """
    port = match.get("port")
    port = port if isinstance(port, int) else None
    if match.get("gateways"):
        return Condition((), None, port)
    namespace = match.get("sourceNamespace")
    labels = tuple(sorted(required(match.get("sourceLabels")).items()))
    return Condition(labels, namespace if isinstance(namespace, str) and namespace else None, port)


def _share_sni(one: Resource, other: Resource) -> bool:
    return bool(_sni(one) & _sni(other))


def _sni(virtual_service: Resource) -> set[str]:
    rules = [rule for rule in virtual_service.items("spec", "tls") if isinstance(rule, dict)]
    entries = [m for rule in rules for m in each(rule, "match") if isinstance(m, dict)]
    return {host for m in entries for host in each(m, "sniHosts") if isinstance(host, str)}


def is_generated(virtual_service: Resource) -> bool:
    """Whether a controller (Flagger, Argo Rollouts, Knative, KServe) made the object and keeps it consistent itself."""
    owners = [o.get("kind") for o in virtual_service.items("metadata", "ownerReferences") if isinstance(o, dict)]
    labels = virtual_service.labels
    managed = labels.get("app.kubernetes.io/managed-by", "").lower() in ("flagger", "argo-rollouts")
    return managed or not _OWNERS.isdisjoint(owners) or any(label.startswith(_KNATIVE) for label in labels)
