"""What EnvoyFilters make of facts: unknown, or nothing where they remove a cluster."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from ..istio.xds.envoy_filters import GATEWAY, INBOUND, OUTBOUND, Patch
from ..istio.xds.istiod import Istiod
from ..istio.xds.proxies import Proxy

Found = Iterable[tuple[str, Sequence[str], Any]]


class Patched:
    """The facts of clients after the EnvoyFilters that are for them."""

    def __init__(self, istiod: Istiod, clients: Iterable[Proxy]) -> None:
        self._calling: dict[str, list[Patch]] = {}
        self._serving: dict[str, list[Patch]] = {}
        for proxy in clients:
            patches = istiod.envoy_filters.of(proxy)
            calling = GATEWAY if proxy.is_gateway else OUTBOUND
            self._calling[proxy.key] = [patch for patch in patches if patch.is_for(calling)]
            self._serving[proxy.key] = [patch for patch in patches if patch.is_for(INBOUND)]

    def destinations(self, found: Found) -> Found:
        for key, clients, value in found:
            host, port, subset = key.split("|")
            yield from self._split(key, clients, value, Patch.of_cluster, host, int(port), subset)

    def routes(self, found: Found) -> Found:
        for key, clients, value in found:
            yield from self._split(key, clients, value, Patch.of_routes, int(key.rpartition(":")[2]), key)

    def egress(self, clients: Sequence[str], value: Any) -> Iterator[tuple[Sequence[str], Any]]:
        for _, ones, content in self._split("", clients, value, Patch.of_unknown):
            yield ones, content

    def ports(self, workload: str, found: Mapping[str, Any]) -> dict[str, Any]:
        return {number: self._port(self._serving[workload], number, fact) for number, fact in found.items()}

    def servers(self, workload: str, found: Iterable[dict[str, Any]]) -> list[Any]:
        patches = self._calling[workload]
        return [_changed([p for p in patches if p.of_routes(server["port"], None)]) or server for server in found]

    def _port(self, patches: Sequence[Patch], key: str, fact: dict[str, Any]) -> Any:
        number = 0 if key == "*" else int(key)
        changed = _changed([patch for patch in patches if patch.of_routes(number, None)])
        clusters = [patch for patch in patches if patch.of_cluster("", number, "")]
        return changed or (fact | {"pool": _changed(clusters)} if clusters and fact["pool"] else fact)

    def _split(
        self, key: str, clients: Sequence[str], value: Any, is_meant: Callable[..., bool], *part: int | str
    ) -> Iterator[tuple[str, Sequence[str], Any]]:
        """The clients for whom a value stays, and those for whom it is not known, apart by what changes it."""
        by_patches: dict[tuple[int, ...], list[str]] = defaultdict(list)
        patches: dict[tuple[int, ...], list[Patch]] = {}
        for client in clients:
            meant = [patch for patch in self._calling[client] if is_meant(patch, *part)]
            which = tuple(map(id, meant))
            patches[which] = meant
            by_patches[which].append(client)
        for which, ones in by_patches.items():
            content = _changed(patches[which]) if which else value
            if content:
                yield key, ones, content


def _changed(patches: Sequence[Patch]) -> dict[str, str] | None:
    """What stands for a value that is not known; None where nothing changes it, or it is removed."""
    if not patches or any(patch.removes and patch.applies_to == "CLUSTER" for patch in patches):
        return None
    return {"unknown": str(patches[0])}
