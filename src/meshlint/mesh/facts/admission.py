"""What admission says of the Istio objects of a mesh, as facts, and what is left of the mesh for istiod to see."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...resource.admission import Verdict, is_judged, is_readable, verdict
from ...resource.resource import Resource

_STORED = "meshlint.dev/stored"
"""Annotation of an object that is in the cluster although admission would refuse it: `anyway`."""


class Admission:
    """The verdicts on the objects of a mesh."""

    def __init__(self, resources: Sequence[Resource]) -> None:
        self._resources = resources
        self._verdicts = [
            (resource, verdict(resource)) for resource in resources if is_judged(resource) and is_readable(resource)
        ]

    def facts(self) -> dict[str, Any]:
        """By `Kind namespace/name`."""
        return {f"{r.kind} {r.namespace}/{r.name}": _fact(found) for r, found in self._verdicts}

    def stored(self) -> list[Resource]:
        """The objects that are in the cluster when all have been applied."""
        refused = {id(r) for r, found in self._verdicts if found.rejected and r.annotations.get(_STORED) != "anyway"}
        return [resource for resource in self._resources if id(resource) not in refused]


def _fact(found: Verdict) -> dict[str, Any]:
    errors = sorted(f"{error.by}: {error.text}" for error in found.errors)
    warnings = sorted(warning.text for warning in found.warnings)
    return {"rejected": found.rejected, "by": list(found.by), "errors": errors, "warnings": warnings}
