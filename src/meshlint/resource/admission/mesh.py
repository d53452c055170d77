"""Istiod's mesh settings (`ApplyMeshConfig`, `ValidateMeshConfig`)."""

from typing import Any

from ...source.document import Path
from ..match import duration_ns
from .common import duration
from .complaint import Complaint, Complaints, told
from .decode import Message, message
from .forms import is_plain
from .locality import locality, zone_aware
from .schema import mesh_settings
from .syntax import bad_port, is_dns_label


def settings(value: Any) -> tuple[Message | None, Complaint | None]:
    """Mesh settings as istiod understands them, if it does, and the first thing for which it leaves all of them out."""
    found = message(mesh_settings(), value, ())
    if isinstance(found, Complaint):
        return None, found
    complaints = _complaints(found) if is_plain(found) else ()
    return found, next((complaint for complaint in complaints if not complaint.warns), None)


def _complaints(found: Message) -> Complaints:
    yield from told(("proxyListenPort",), bad_port(found.get("proxyListenPort", 15001)))
    yield from duration(duration_ns(found.get("connectTimeout", "10s")), ("connectTimeout",))
    for name, check in (("localityLbSetting", locality), ("zoneAwareLbSetting", zone_aware)):
        yield from check(found.get(name, {}), (name,), True)
    yield from _trust_domain(found.get("trustDomain", "cluster.local"), ("trustDomain",))
    for index, domain in enumerate(found.get("trustDomainAliases", ())):
        yield from _trust_domain(domain, ("trustDomainAliases", index))


def _trust_domain(domain: str, path: Path) -> Complaints:
    if not all(map(is_dns_label, domain.removesuffix(".").split("."))):
        yield Complaint(path, f"{domain!r} is no name of a trust domain")
