from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from meshlint.mesh.downloads import Download, downloads
from meshlint.mesh.effective import Effective, Reason
from meshlint.mesh.mesh import Mesh
from meshlint.mesh.subjects import Egress, Workload
from meshlint.resource.kinds import CRON_JOB, JOB
from meshlint.rule.rule import Problem

REGISTRY = "REGISTRY_ONLY"
JOBS = (JOB, CRON_JOB)
"""What does at once what it is for."""


def check(egress: Egress, mesh: Mesh, options: Mapping[str, Any]) -> Iterator[Problem]:
    for workload in egress.workloads:
        for download in _fetched(workload):
            hosts = [download.host] if download.host else options["hub-hosts"]
            barriers = {host: mesh.barrier(workload, host, download.port, download.early) for host in hosts}
            blocked = {host: barrier for host, barrier in barriers.items() if barrier}
            if blocked:
                yield _problem(workload, download, hosts, blocked, mesh)


def _fetched(workload: Workload) -> Sequence[Download]:
    """What a model server or a job fetches; of others a token or a name does not show that they do."""
    serves = workload.inference or _is_job(workload)
    return downloads(workload.pod) if workload.pod and serves else ()


def _is_job(workload: Workload) -> bool:
    return workload.resource.group_kind in JOBS


def _problem(
    workload: Workload, download: Download, hosts: Sequence[str], blocked: Mapping[str, Effective[str]], mesh: Mesh
) -> Problem:
    reached = [host for host in hosts if host not in blocked]
    barrier = next(iter(blocked.values()))
    registry = [host for host, found in blocked.items() if found.value == REGISTRY]
    unseen = f", and no ServiceEntry that it sees declares {' or '.join(registry)}" if registry else ""
    serves = () if workload.inference is None or _is_job(workload) else workload.inference.because
    return Problem(
        download.location,
        related=[*blocked.values(), *_close(workload, registry, mesh)],
        rests_on=[barrier, workload.in_mesh, *([download.doubt] if download.doubt else []), *serves],
        missing="the ServiceEntries of other namespaces",
        workload=workload,
        model=download.model or "its model",
        hosts=hosts,
        reason=f"{barrier.because[-1].text}{unseen}",
        reached=f"only {', '.join(reached)}" if reached else "none of them" if len(hosts) > 1 else "no such host",
    )


def _close(workload: Workload, hosts: Sequence[str], mesh: Mesh) -> Iterator[Reason]:
    """The ServiceEntries that would let the workload reach a host, were they visible to it or for the port."""
    for declared in dict.fromkeys(d for host in hosts for d in mesh.service_entries.meeting(host)):
        hidden = mesh.service_entries.hidden_by(workload.namespace, declared, workload.labels)
        yield Reason(
            f"{declared.entry} declares {declared.host}{'' if hidden else ' on other ports'}", declared.location
        )
        if hidden:
            yield hidden
