"""Where a VirtualService leaves requests of sidecars without a route: istiod appends none to its own (semantics §2.5).

Mirrors `core/route/route.go BuildHTTPRoutesForVirtualService` and `sourceMatchHTTP`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ...resource.match import ServicePort
from ..effective import Basis
from .claims import UNCONDITIONAL, Condition, condition_of, is_for_mesh
from .matches import takes_everything
from .routes import Rule

_ROUTED = {None, "http", "http2", "http_proxy", "grpc", "grpc-web"}


def is_routed(port: ServicePort) -> bool:
    """Whether http rules act for calls of a port: it is HTTP, or its protocol is found out (semantics §2.1)."""
    return port.protocol in _ROUTED


def gaps(rules: Sequence[Rule]) -> list[Condition]:
    """The conditions under which sidecars get rules of one VirtualService, but none that takes every request.

    Where all rules redirect there is none: nobody was to get through.
    """
    if all(rule.field("redirect") for rule in rules):
        return []
    taken = list(_taken(rules))
    catch_alls = [condition for condition, everything in taken if everything]
    conditions = dict.fromkeys(condition for condition, _ in taken)
    return [c for c in conditions if not any(catch_all.holds_under(c) for catch_all in catch_alls)]


def _taken(rules: Sequence[Rule]) -> Iterator[tuple[Condition, bool]]:
    """For every match that sidecars get, its condition and whether it takes every request.

    What a delegate that is not in the input takes may be all that the rule leaves to it; one that cannot act takes nothing.
    """
    for rule in rules:
        if rule.delegates_to_nothing and rule.delegates_to_nothing.basis is Basis.DECLARED:
            continue
        if not rule.matches:
            yield UNCONDITIONAL, True
        for match, _ in rule.matches:
            if is_for_mesh(match):
                yield condition_of(match), takes_everything(match)
