"""What admission says of the Istio objects of a mesh, as facts, and what is left of the mesh for istiod to see."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ...resource.admission.verdict import Verdict, is_judged, is_readable, read, verdict
from ...resource.kinds import ISTIO_GROUPS
from ...resource.resource import Resource

_STORED = "meshlint.dev/stored"
"""Annotation of an object that is in the cluster although admission would refuse it: `anyway`."""

_SERVED = {"apps": "apps/v1", "discovery.k8s.io": "discovery.k8s.io/v1"}
"""The only version of these groups that API servers still have."""


class Admission:
    """The verdicts on the objects of a mesh, but those that the API server cannot even read."""

    def __init__(self, resources: Sequence[Resource]) -> None:
        self._resources = [resource for resource in resources if is_readable(resource)]
        self._verdicts = {id(r): verdict(r) for r in self._resources if is_judged(r)}

    def facts(self) -> dict[str, Any]:
        """By `Kind namespace/name`."""
        judged = ((r, self._verdicts[id(r)]) for r in self._resources if id(r) in self._verdicts)
        return {f"{r.kind} {r.namespace}/{r.name}": _fact(found) for r, found in judged}

    def stored(self, keep_rejected: bool) -> Iterator[Resource]:
        """The objects that are in the cluster when all have been applied, those that are refused only where they are kept."""
        for resource in self._resources:
            found = self._verdicts.get(id(resource))
            if found is None or not found.rejected:
                if found or _is_served(resource):
                    yield resource
            elif keep_rejected or resource.annotations.get(_STORED) == "anyway":
                understood = read(resource)
                if understood:
                    yield understood


def _is_served(resource: Resource) -> bool:
    """Whether API servers have the version of an object; those of Istio that they have are judged."""
    group = resource.key.group
    return group not in ISTIO_GROUPS and resource.api_version == _SERVED.get(group, resource.api_version)


def _fact(found: Verdict) -> dict[str, Any]:
    errors = sorted(f"{error.by}: {error.text}" for error in found.errors)
    warnings = sorted(warning.text for warning in found.warnings)
    return {"rejected": found.rejected, "by": list(found.by), "errors": errors, "warnings": warnings}
