"""The routes that stand beside a route: of its VirtualService, and on gateways those of others for its hosts (semantics §2.3).

Mirrors `core/gateway.go buildGatewayHTTPRouteConfig`, which merges all VirtualServices of a host; sidecars merge none.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from ...resource.match import Names
from ...resource.resource import Resource
from ..subjects import Route


class Siblings:
    """The http routes of a mesh, by the VirtualService that has their hosts and by the hosts that gateways serve."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._by_root: dict[int, list[Route]] = defaultdict(list)
        self._on_gateways: dict[str, list[Route]] = defaultdict(list)
        for route in routes:
            self._by_root[id(route.root)].append(route)
            for host in route.hosts if route.gateway else ():
                self._on_gateways[host].append(route)
        self._hosts = Names(self._on_gateways)

    def of(self, virtual_service: Resource) -> Sequence[Route]:
        """The routes of a VirtualService, in order and with those of its delegates."""
        return self._by_root.get(id(virtual_service), ())

    def rivals(self, route: Route) -> Iterator[Route]:
        """The routes that may get what a route does not take: of its VirtualService in order, then of others on gateways."""
        yield from self.of(route.root)
        if route.gateway:
            names = dict.fromkeys(name for host in route.hosts for name in self._hosts.meeting(host))
            others = {id(o): o for name in names for o in self._on_gateways[name] if o.root is not route.root}
            yield from others.values()
