"""The external authorizers that CUSTOM policies name (`security/authz/builder/extauthz.go`).

Of several definitions of one name the last one counts (`mesh.ApplyMeshConfig`).

A provider that istiod cannot use makes it refuse what the policy's rules match.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any, NamedTuple

from ....resource.inventory import Inventory
from ....resource.kinds import SERVICE, SERVICE_ENTRY
from ....resource.resource import each, get
from ....source.document import Location, Placeholder
from ...effective import Basis, Effective, Reason
from ..entries import hosts_of
from ..meshconfig import DIFFER, MeshConfig

_FIELDS = {"envoyExtAuthzHttp": False, "envoyExtAuthzGrpc": True}
"""The forms of a provider, and whether it judges connections that are no HTTP."""

_NAME = re.compile("[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_STATUSES = frozenset(
    str(status)
    for statuses in ((0, 100), range(200, 209), (226,), range(300, 306), (307, 308), range(400, 418), range(421, 425))
    for status in statuses
) | {"426", "428", "429", "431", *map(str, range(500, 509)), "510", "511"}
"""`StatusCode_name` of Envoy's API."""
_HEADERS = (
    "includeRequestHeadersInCheck",
    "includeHeadersInCheck",
    "headersToDownstreamOnDeny",
    "headersToDownstreamOnAllow",
    "headersToUpstreamOnAllow",
)

_SEVERAL = "PILOT_ENABLE_MULTIPLE_CUSTOM_AUTHZ_PROVIDERS"


class Authorizer(NamedTuple):
    """What is known of a provider. `usable` None = not known; `tcp`: it judges what is no HTTP."""

    usable: bool | None
    tcp: bool
    because: Reason


class Authorizers:
    """The external authorizers of a mesh. `closed`: what the input does not have does not exist."""

    def __init__(self, inventory: Inventory, meshconfig: MeshConfig, domain: str, closed: bool) -> None:
        self._inventory = inventory
        self._meshconfig = meshconfig
        self._domain = domain
        self._closed = closed

    @cached_property
    def several(self) -> bool:
        """Whether a workload may have several."""
        found = self._meshconfig.environment(_SEVERAL)
        return (
            self._meshconfig.istio_version >= (1, 30) and found is not None and found[0].lower() in ("1", "t", "true")
        )

    def of(self, name: Any) -> Authorizer:
        """The authorizer of a name; not known where the mesh configurations of the input differ about it."""
        listed = self._meshconfig.value("extensionProviders")
        found = [self._defined(name, one) for one in listed.candidates or (listed,)]
        differs = any(one[:2] != found[0][:2] for one in found)
        return Authorizer(None, True, Reason(DIFFER, None, Basis.ASSUMED)) if differs else found[0]

    def _defined(self, name: Any, listed: Effective[Any]) -> Authorizer:
        found = next((entry for entry in reversed(list(each(listed.value))) if get(entry, "name") == name), None)
        where = listed.origin or next(iter(self._meshconfig.silent("extensionProviders")), None)
        unknown = isinstance(name, Placeholder) or isinstance(listed.value, Placeholder)
        if unknown or not (found or self._closed or self._meshconfig.places):
            return Authorizer(None, True, Reason(f"provider {name} is not in the input", where, Basis.ASSUMED))
        form = _form(found)
        if not form:
            text = f"no external authorizer {name} is defined in the mesh settings"
            return Authorizer(False, False, Reason(text, where, self._meshconfig.unsaid))
        return self._judged(str(name), get(found, form), _FIELDS[form], where)

    def _judged(self, name: str, settings: Mapping[str, Any], tcp: bool, where: Location | None) -> Authorizer:
        fault = next(self._faults(name, settings), None)
        if fault:
            return Authorizer(False, tcp, Reason(f"provider {name} {fault}", where))
        service = settings.get("service")
        namespaces = self._hosts.get(str(service).rpartition("/")[2], set())
        inside = {str(service).partition("/")[0]} if "/" in str(service) else namespaces
        count = len(namespaces & inside)
        if count == 1:
            return Authorizer(True, tcp, Reason(f"external authorizer {name} is asked", where))
        if count:
            text = f"{service} of provider {name} is in several namespaces"
            return Authorizer(False, tcp, Reason(text, where))
        text = f"{service} of provider {name} is no service of the input"
        if self._closed:
            return Authorizer(False, tcp, Reason(text, where))
        return Authorizer(None, tcp, Reason(text, where, Basis.ASSUMED))

    def _faults(self, name: str, settings: Mapping[str, Any]) -> Iterator[str]:
        """What istiod finds wrong with the settings of a provider; what another tool fills in is taken to be right."""
        if self._meshconfig.istio_version >= (1, 30) and not _NAME.fullmatch(name):
            yield "has a name that is no DNS label"
        port, prefix, status = (settings.get(key) for key in ("port", "pathPrefix", "statusOnError"))
        if not isinstance(port, Placeholder) and not (isinstance(port, int) and 0 < port <= 65535):
            yield "has no port"
        if isinstance(prefix, str) and prefix and not prefix.startswith("/"):
            yield "has a pathPrefix that does not begin with /"
        if isinstance(status, str) and status and status not in _STATUSES:
            yield f"has statusOnError {status}, which is none that Envoy knows"
        for field in _HEADERS:
            if "*" in each(settings, field):
                yield f"has * in {field}, where it must stand for a part of a name"

    @cached_property
    def _hosts(self) -> Mapping[str, set[str]]:
        """The namespaces of each host that istiod knows."""
        found: dict[str, set[str]] = defaultdict(set)
        for service in self._inventory.all(SERVICE):
            found[f"{service.name}.{service.namespace}.svc.{self._domain}"].add(service.namespace)
        for entry in self._inventory.all(SERVICE_ENTRY):
            for host, _ in hosts_of(entry):
                found[host].add(entry.namespace)
        return found


def _form(entry: Any) -> str:
    """The field that makes a provider an external authorizer; "" where it is none."""
    return next((form for form in _FIELDS if isinstance(get(entry, form), dict)), "")
