"""Whether a route asks a model to generate, and which protocol its destinations speak (term `generation route`)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ...resource.inventory import Inventory
from ...resource.kinds import SERVICE
from ...resource.match import service_ports, split_service_host
from ...source.document import Location
from .. import inference
from ..effective import Basis, Effective, Reason
from ..subjects import Answer, Destination, Inference, ModelKind
from ..workloads import Workloads
from .order import one_of
from .routes import Rule
from .xds.http_routes import fault

_GRPC = {"grpc", "grpc-web"}
_UNDECIDED = {None, "http2"}


def of_rule(rule: Rule, workloads: Workloads) -> Effective[Answer]:
    """Whether requests of a rule generate, with the evidence; a rule whose destinations differ counts by the one that does."""
    if _answers_itself(rule):
        return Effective(Answer.NO, (Reason("the proxy answers by itself", rule.resource.at(*rule.path)),))
    named = next((where for match, where in rule.matches if _asks_to_generate(match)), None)
    hosts = list(dict.fromkeys(target.host for target in rule.destinations))
    if named and not (hosts and all(workloads.states_no_generation(host) for host in hosts)):
        return Effective(Answer.YES, (Reason("its match names a generation path", inference.path_of(named)),))
    if rule.matches and all(inference.is_confined_to_other_requests(match) for match, _ in rule.matches):
        where = rule.matches[0][1]
        return Effective(Answer.NO, (Reason("its matches take only requests that generate nothing", where),))
    answers = [_of_host(host, workloads.inference_of(host)) for host in hosts]
    ranked = sorted(answers, key=lambda a: (list(Answer).index(a.value), -a.basis.confidence))
    return ranked[0] if ranked else Effective(Answer.NO, (Reason("it leads nowhere"),))


def _of_host(host: str, found: Inference | None) -> Effective[Answer]:
    if found is None:
        return Effective(Answer.NO, (Reason(f"nothing says that {host} serves a model"),))
    if found.kind is ModelKind.GENERATION and found.sure:
        return Effective(Answer.YES, found.because)
    if found.kind in (ModelKind.GENERATION, ModelKind.UNKNOWN):
        doubt = Reason(f"what {host} serves is not certain", None, Basis.ASSUMED)
        return Effective(Answer.MAYBE, (*found.because, doubt))
    return Effective(Answer.NO, found.because)


def _answers_itself(rule: Rule) -> bool:
    """Whether nothing gets to a destination, since the proxy redirects, responds or aborts everything."""
    injected = fault(rule)
    return rule.answers or (injected is not None and injected.abort_percent == 100)


def _asks_to_generate(match: Mapping[str, Any]) -> bool:
    return inference.names_generation(match) and not inference.is_confined_to_other_requests(match)


class Protocols:
    """The protocols of destinations, from the Services of the input and from what the routes of a host match."""

    def __init__(self, inventory: Inventory, rules: Sequence[Rule], domain: str) -> None:
        self._inventory = inventory
        self._domain = domain
        self._plain: dict[str, Location] = {}
        for rule in rules:
            where = next((at for match, at in rule.matches if inference.names_plain_http(match)), None)
            if where:
                for destination in rule.destinations:
                    self._plain.setdefault(destination.host, where)

    def of(
        self, targets: Sequence[Destination], matches: Sequence[tuple[Mapping[str, Any], Location]]
    ) -> Effective[str]:
        """`http` or `grpc`; both as candidates where nothing tells."""
        outcomes: list[Effective[str]] = []
        for target in targets:
            outcome = self._of_destination(target, matches)
            outcomes += outcome.candidates or (outcome,)
        if not outcomes:
            return Effective("http", (Reason("it leads nowhere"),))
        return one_of(outcomes, "the protocol of the destination is not in the input", Basis.ASSUMED)

    def _of_destination(
        self, target: Destination, matches: Sequence[tuple[Mapping[str, Any], Location]]
    ) -> Effective[str]:
        declared = list(self._declared(target))
        known = {name for name, _ in declared if name not in _UNDECIDED}
        if known and len(declared) == len([n for n, _ in declared if n in known]):
            speaks = [
                Effective("grpc" if name in _GRPC else "http", (Reason(f"the port speaks {name}", at),))
                for name, at in declared
            ]
            return one_of(speaks, "the ports of the destination speak different protocols")
        if matches and all(inference.names_grpc(match) for match, _ in matches):
            return Effective("grpc", (Reason("it takes gRPC calls only", matches[0][1], Basis.SUPPORTED),))
        if target.host in self._plain:
            text = f"a route of {target.host} matches a plain HTTP path"
            return Effective("http", (Reason(text, self._plain[target.host], Basis.SUPPORTED),))
        outcomes = [Effective(name, (Reason(f"{target.host} may speak {name}"),)) for name in ("http", "grpc")]
        return one_of(outcomes, "the protocol of the destination is not in the input", Basis.ASSUMED)

    def _declared(self, target: Destination) -> Iterator[tuple[str | None, Location]]:
        service = split_service_host(target.host, self._domain)
        known = self._inventory.find(SERVICE, service[1], service[0]) if service else None
        if known:
            for index, port in enumerate(service_ports(known)):
                if target.port in (None, port.number) and not is_beside_traffic(port.name):
                    yield port.protocol, known.at("spec", "ports", index)


def is_beside_traffic(name: str | None) -> bool:
    """Whether a port is for metrics, by its name."""
    return name in ("metrics", "http-metrics", "prometheus")
