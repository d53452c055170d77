"""Which workloads of the input are known to call a host: those whose manifest names it, and those that its routes name."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property

from ...resource.match import resolve
from ...resource.words import arguments, variables
from ...resource.workload import PodTemplate
from ..subjects import Host, Workload
from ..workloads import Workloads
from .hops import Hops
from .host_policies import HostPolicies

_NAME = re.compile(r"[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?")


class Callers:
    """The known callers of the hosts of a mesh. What a ConfigMap or a Secret puts into an environment is not read."""

    def __init__(
        self, workloads: Workloads, hops: Hops, policies: HostPolicies, hosts: Sequence[Host], domain: str
    ) -> None:
        self._workloads = workloads
        self._hops = hops
        self._policies = policies
        self._hosts = {host.name for host in hosts}
        self._domain = domain

    def of(self, host: str) -> list[Workload] | None:
        """The known callers; None where a route is bound to a gateway whose pods are not in the input."""
        found = {id(workload): workload for workload in self._naming.get(host, ())}
        for route in self._policies.routes_to(host):
            senders = self._hops.senders(route)
            if senders is None:
                return None
            found |= {id(workload): workload for workload in senders}
        for own in self._workloads.behind(host):
            found.pop(id(own), None)
        return list(found.values())

    @cached_property
    def _naming(self) -> Mapping[str, Sequence[Workload]]:
        found: dict[str, list[Workload]] = defaultdict(list)
        for workload in self._workloads.supplied:
            for host in dict.fromkeys(self._named_by(workload.pod) if workload.pod else ()):
                found[host].append(workload)
        return found

    def _named_by(self, pod: PodTemplate) -> Iterator[str]:
        """The hosts that the command lines and environments of a pod name, in any form that its DNS understands."""
        for path, container in pod.applications():
            for word in (*arguments(container, path), *variables(container, path)):
                for name in _NAME.findall(word.value.lower()):
                    forms = (
                        name,
                        resolve(name, pod.namespace, self._domain),
                        f"{name}.svc.{self._domain}",
                        f"{name}.{self._domain}",
                    )
                    yield from (form for form in forms if form in self._hosts)
