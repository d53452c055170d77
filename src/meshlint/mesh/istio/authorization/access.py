"""What the policies of a workload say of its callers, rule by rule."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import NamedTuple

from ...effective import Reason
from ...subjects import DataPlane, PlaintextUse, Port, Workload
from ..external import ExternalHosts
from ..polls import PROBES
from ..ports import OF_THE_PROXY
from .authorization import Authorization
from .callers import OPEN_PATHS, Limit, Width, is_fenced, limit, opens_only, ports_of
from .calls import Identity
from .policies import Action, Applied
from .rules import Rule


class Grant(NamedTuple):
    """A rule of an ALLOW policy, how far it limits its callers, and the service accounts that it names one by one.

    `outward`: it names hosts outside the mesh, as if it said what may be called (authorization-policy-does-not-restrict-egress).
    """

    rule: Rule
    limit: Limit
    accounts: frozenset[Identity]
    outward: bool


class Access(NamedTuple):
    """Who may call a workload, as far as its policies tell.

    `open_ports` serve nothing but metrics and probes, or nothing at all; None = they are not known.
    """

    workload: Workload
    applied: Applied
    grants: tuple[Grant, ...]
    open_ports: frozenset[int] | None

    @property
    def doubts(self) -> tuple[Reason, ...]:
        """Why it is not known whether all these policies apply."""
        return tuple(dict.fromkeys(reason for policy in self.applied.policies for reason in policy.doubt))

    @property
    def fenced(self) -> bool:
        """Whether a DENY policy refuses all but listed service accounts, or all without a token."""
        return is_fenced(self.applied)

    @property
    def refusals(self) -> tuple[Rule, ...]:
        """The DENY rules that ask who calls."""
        rules = (rule for policy in self.applied.of(Action.DENY) for rule in policy.rules)
        return tuple(rule for rule in rules if limit(rule).width is not Width.EVERYBODY)

    @property
    def is_open(self) -> bool:
        """Whether no policy in force limits who may call."""
        deciding = (*self.applied.of(Action.ALLOW), *self.applied.of(Action.CUSTOM))
        return not deciding and not self.refusals

    def guarded(self, open_paths: Collection[str]) -> tuple[Grant, ...]:
        """The grants but health and metrics rules, which open nothing that a boundary between callers protects."""
        return tuple(grant for grant in self.grants if not opens_only(grant.rule, open_paths, self.open_ports))

    def widest(self, accepts: Callable[[Limit], bool]) -> Limit | None:
        """The condition that decides how far callers are limited, where service accounts, tokens or an external authorizer
        do not do it and it is none that is accepted; of equal ones that of the first policy."""
        guarded = self.guarded(OPEN_PATHS)
        by_account = self.fenced or any(grant.limit.width <= Width.TOKEN for grant in guarded)
        if by_account or any(self.applied.of(Action.CUSTOM)):
            return None
        limits = [grant.limit for grant in guarded if not grant.outward]
        if all(grant.outward for grant in self.grants) and bool(self.grants) == any(self.applied.of(Action.ALLOW)):
            limits = [limit(rule) for rule in self.refusals]
        return max((one for one in limits if not accepts(one)), key=lambda one: one.width, default=None)


def access(
    workload: Workload, authorization: Authorization, external: ExternalHosts, ports: Sequence[Port]
) -> Access | None:
    """None where the input does not tell all that decides: for ambient workloads, the policies of waypoints."""
    if workload.data_plane.value is DataPlane.AMBIENT and authorization.targets_in(workload.namespace):
        return None
    applied = authorization.applied(workload.namespace, workload.labels)
    rules = (rule for policy in applied.of(Action.ALLOW) for rule in policy.rules)
    grants = tuple(
        Grant(rule, *authorization.callers(rule), bool(external.outward_of(rule.policy, rule.position)))
        for rule in rules
        if all(condition.is_readable for condition in rule.conditions)
    )
    return Access(workload, applied, grants, open_ports(workload, ports, [grant.rule for grant in grants]))


def open_ports(workload: Workload, ports: Sequence[Port], rules: Iterable[Rule]) -> frozenset[int] | None:
    """The ports of a workload that serve nothing but metrics and probes, and those of rules that nothing listens on; None where
    its ports are not known."""
    if workload.implied:
        return None
    known = {port.number for port in ports if port.number}
    quiet = {port.number for port in ports if port.number and (_is_metrics(port) or _is_probed_only(port))}
    unheard = {number for rule in rules for number in ports_of(rule)} - known if known else set()
    return frozenset(quiet | OF_THE_PROXY | unheard)


def _is_metrics(port: Port) -> bool:
    return port.plaintext_use is PlaintextUse.METRICS


def _is_probed_only(port: Port) -> bool:
    """Whether only health checks are known to use a port."""
    pod = port.workload.pod
    if port.services or pod is None:
        return False
    probes = [container.get(probe) for _, container in pod.containers() for probe in PROBES]
    called = [_called(probe) for probe in probes]
    return port.number in called or (port.name in called if port.name else False)


def _called(probe: object) -> object:
    for handler in ("httpGet", "grpc", "tcpSocket"):
        found = probe.get(handler) if isinstance(probe, dict) else None
        if isinstance(found, dict):
            return found.get("port")
    return None
