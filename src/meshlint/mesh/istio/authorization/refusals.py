"""What workloads refuse whoever calls: every request, or every one that a match of a route sends them."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, NamedTuple

from ....resource.match import ServicePort, resolve
from ....resource.resource import Resource, get
from ...subjects import Destination, Port, Route, Workload
from ..addresses import Addresses, hosts_sent
from ..hops import Hops
from .authorization import alike
from .decide import Outcome
from .filters import Guard
from .matching import Pattern, Wild
from .policies import Action, Policy
from .reach import Asked, matter, refusal, without_denials
from .rules import Rule


class Refusal(NamedTuple):
    """That every call of a sort is refused. `by_denial`: without the DENY policies some call would get through."""

    workload: Workload
    outcome: Outcome
    guard: Guard
    by_denial: bool

    @property
    def allowing(self) -> tuple[Policy, ...]:
        """The ALLOW policies that apply: those of the mesh, of the namespace, of the workload, each sort by name."""
        found = list(self.guard.applied.of(Action.ALLOW))
        own = self.workload.namespace
        return tuple(sorted(found, key=lambda p: (p.resource.namespace == own, bool(_selector(p)), p.resource.name)))

    @property
    def denials(self) -> tuple[Rule, ...]:
        """The rules of the DENY policies that apply."""
        return tuple(rule for policy in self.guard.applied.of(Action.DENY) for rule in policy.rules)


class Refusals:
    """Finds what is refused. `ports` and `guards` answer for workloads and ports."""

    def __init__(
        self,
        hops: Hops,
        addresses: Addresses,
        ports: Callable[[Workload], Sequence[Port]],
        guards: Callable[[Port], Guard],
        domain: str,
    ) -> None:
        self._hops = hops
        self._addresses = addresses
        self._ports = ports
        self._guards = guards
        self._domain = domain
        self._everything: dict[int, Refusal | None] = {}
        self._known: dict[Hashable, Outcome | None] = {}

    def of(self, workload: Workload) -> Refusal | None:
        """Whether a workload refuses all that addresses it by one of its names."""
        if id(workload) not in self._everything:
            asked = Asked(self._addresses.of(workload))
            self._everything[id(workload)] = self._refusal(workload, self._ports(workload), asked)
        return self._everything[id(workload)]

    def of_route(self, route: Route, match: Mapping[str, Any], destination: Destination) -> Sequence[Refusal]:
        """How the workloads of a destination refuse all that a match sends them; empty where one does not, or refuses everything."""
        asked = sent(route, match, self._domain)
        if asked is None:
            return ()
        found: list[Refusal] = []
        for workload in self._behind(destination):
            refused = self._refusal(workload, called(self._ports(workload), destination, self._domain), asked)
            if refused is None or self.of(workload):
                return ()
            found.append(refused)
        return found

    def _behind(self, destination: Destination) -> Sequence[Workload]:
        """The workloads of a destination; of a subset also those that policies imply, whose other labels are not known."""
        everywhere = self._hops.behind(destination._replace(subset=None))
        return self._hops.behind(destination) or [workload for workload in everywhere if workload.implied]

    def _refusal(self, workload: Workload, ports: Sequence[Port], asked: Asked) -> Refusal | None:
        guards = [self._guards(port) for port in ports]
        if not workload.in_mesh.value or not any(guard.applied.policies for guard in guards):
            return None
        outcomes: list[Outcome] = []
        for guard in guards:
            outcome = self._outcome(guard, asked)
            if outcome is None:
                return None
            outcomes.append(outcome)
        open_without = any(refusal(without_denials(guard), asked) is None for guard in guards)
        return Refusal(workload, outcomes[0], guards[0], open_without)

    def _outcome(self, guard: Guard, asked: Asked) -> Outcome | None:
        """What refuses all that is asked of a port; worked out once for ports and requests that the rules do not tell apart."""
        key = alike(guard), matter(guard, asked)
        if key not in self._known:
            self._known[key] = refusal(guard, asked)
        return self._known[key]


def called(ports: Sequence[Port], destination: Destination, domain: str) -> Sequence[Port]:
    """Those of a workload's ports that a destination leads to; all, where it is not known to which."""
    led = [port for port in ports if any(_is_meant(pair, destination, domain) for pair in port.services)]
    return led or ports


def sent(route: Route, match: Mapping[str, Any], domain: str) -> Asked | None:
    """The requests of a match as they arrive; None where its path is not known to the letter."""
    rewrite = route.rewrite[0] if route.rewrite else {}
    exact, prefix = (get(match, "uri", form) for form in ("exact", "prefix"))
    path = rewrite.get("uri", exact or prefix)
    if match.get("ignoreUriCase") or "uriRegexRewrite" in rewrite or not (exact or prefix) or not isinstance(path, str):
        return None
    method = get(match, "method", "exact")
    pattern = Pattern((path,) if exact else (path, Wild.ANY))
    return Asked(hosts_sent(route, domain), pattern, method if isinstance(method, str) else None)


def _selector(policy: Policy) -> Any:
    return policy.resource.get("spec", "selector", "matchLabels")


def _is_meant(exposed: tuple[Resource, ServicePort], destination: Destination, domain: str) -> bool:
    service, port = exposed
    host = resolve(service.name, service.namespace, domain)
    return host == destination.host and destination.port in (None, port.number)
