from collections.abc import Iterator, Sequence

from meshlint.mesh.effective import Reason
from meshlint.mesh.mesh import Mesh
from meshlint.resource.kinds import SERVICE_ENTRY
from meshlint.resource.match import subset_of
from meshlint.resource.resource import Resource
from meshlint.rule.rule import Problem

SHOWN = 6
"""How many of the namespaces that see a host are shown with their place."""


def check(resource: Resource, mesh: Mesh) -> Iterator[Problem]:
    approved = [host.lower() for host in mesh.settings.approved_egress_hosts]
    opened = mesh.external.opened(resource) if approved else []
    refused = [named for named in opened if not any(subset_of(named.host.lower(), host) for host in approved)]
    callers = mesh.callers_of(resource) if refused and resource.group_kind == SERVICE_ENTRY else []
    for named in refused:
        yield Problem(
            named.location,
            related=[Reason(f"{namespace} sees it", mesh.place_of(namespace)) for namespace in callers[:SHOWN]],
            rests_on=[named.external],
            missing="the ServiceEntries of the hosts that routes lead to",
            resource=resource,
            host=named.host,
            callers=callers or _unknown_callers(resource, mesh),
        )


def _unknown_callers(resource: Resource, mesh: Mesh) -> Sequence[str]:
    if resource.group_kind != SERVICE_ENTRY:
        return ["the requests that it routes"]
    exported = mesh.service_entries.exported(resource)
    return ["every namespace"] if "*" in exported else sorted(exported)
