"""The external authorizers that CUSTOM policies name (`security/authz/builder/extauthz.go`).

A provider that istiod cannot use makes it refuse what the policy's rules match.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from functools import cached_property
from typing import Any, NamedTuple

from ....resource.inventory import Inventory
from ....resource.kinds import SERVICE, SERVICE_ENTRY
from ....resource.resource import each, get
from ....source.document import Location, Placeholder
from ...effective import Basis, Reason
from ..entries import hosts_of
from ..meshconfig import MeshConfig

_FIELDS = {"envoyExtAuthzHttp": False, "envoyExtAuthzGrpc": True}
"""The forms of a provider, and whether it judges connections that are no HTTP."""

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
        """The authorizer of a name."""
        listed = self._meshconfig.value("extensionProviders")
        found = [entry for entry in each(listed.value) if get(entry, "name") == name and _form(entry)]
        where = listed.origin or next(iter(self._meshconfig.places), None)
        unknown = isinstance(name, Placeholder) or isinstance(listed.value, Placeholder)
        if unknown or not (found or self._closed or self._meshconfig.places):
            return Authorizer(None, True, Reason(f"provider {name} is not in the input", where, Basis.ASSUMED))
        if not found:
            text = f"no external authorizer {name} is defined in the mesh settings"
            return Authorizer(False, False, Reason(text, where, self._meshconfig.unsaid))
        return self._judged(str(name), found[0], len(found), where)

    def _judged(self, name: str, entry: Mapping[str, Any], times: int, where: Location | None) -> Authorizer:
        form = _form(entry)
        service, port = get(entry, form, "service"), get(entry, form, "port")
        tcp = _FIELDS[form]
        if times > 1:
            return Authorizer(False, tcp, Reason(f"provider {name} is defined {times} times", where))
        if not isinstance(port, int) or not 0 < port <= 65535:
            return Authorizer(False, tcp, Reason(f"provider {name} has no port", where))
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
