"""What may leave the mesh (semantics §7.1): the outbound traffic policy of each workload, and who meant to limit it."""

from __future__ import annotations

from typing import Any

from ...resource.resource import Resource, get
from ...source.document import Location, Placeholder
from ..effective import Basis, Effective, Reason
from .meshconfig import DIFFER, MeshConfig
from .order import one_of

DYNAMIC = "ALLOW_ANY_DYNAMIC_DNS"
"""The open policy of a mesh under which the proxy looks hosts up itself (since 1.31)."""

OPEN = ("ALLOW_ANY", DYNAMIC)
"""Outbound policies under which a host that nothing declares is reached all the same."""

CLOSED = "REGISTRY_ONLY"
"""The outbound policy under which only hosts of the mesh and of ServiceEntries are reached."""

_MODES = {0: CLOSED, 1: "ALLOW_ANY"}


def of_mesh(meshconfig: MeshConfig) -> Effective[str]:
    """The outbound policy of workloads whose Sidecar says nothing: meshConfig's, else ALLOW_ANY."""
    policy = meshconfig.value("outboundTrafficPolicy")
    knows_dynamic = meshconfig.istio_version >= (1, 31)
    outcomes = [_of_mesh(candidate, knows_dynamic) for candidate in policy.candidates or (policy,)]
    return one_of(outcomes, DIFFER, Basis.ASSUMED)


def _of_mesh(policy: Effective[Any], knows_dynamic: bool) -> Effective[str]:
    if policy.origin is None:
        return Effective("ALLOW_ANY", (Reason("Istio's default is ALLOW_ANY", None, Basis.DEFAULT),))
    said = _said(policy.value, policy.origin, policy.because[-1].text, ())
    if said.value == DYNAMIC and not knows_dynamic:
        text = f"Istio before 1.31 does not know {DYNAMIC}, and its default is ALLOW_ANY"
        return Effective("ALLOW_ANY", (*said.because, Reason(text, said.origin)))
    return said


def of_sidecars(sidecars: list[Resource], mesh: Effective[str]) -> Effective[str]:
    """The outbound policy under the Sidecar that applies, or each that may (`pilot/pkg/model/sidecar.go`).

    An absent field inherits the mesh's; `{}` is REGISTRY_ONLY, the enum's zero value.
    """
    if not sidecars:
        return mesh
    outcomes = [_of_sidecar(sidecar, mesh) for sidecar in sidecars]
    return one_of(outcomes, "several Sidecars of one scope: the oldest counts, and creation times are not in the input")


def _of_sidecar(sidecar: Resource, mesh: Effective[str]) -> Effective[str]:
    policy = sidecar.get("spec", "outboundTrafficPolicy")
    if policy is None:
        return mesh
    text = f"{sidecar} sets outboundTrafficPolicy"
    return _said(policy, sidecar.at("spec", "outboundTrafficPolicy"), text, mesh.because)


def _said(policy: Any, where: Location, text: str, wider: tuple[Reason, ...]) -> Effective[str]:
    """What an outboundTrafficPolicy that is there says; without a mode it is REGISTRY_ONLY, the enum's zero value."""
    mode = get(policy, "mode")
    if mode is None:
        return Effective(CLOSED, (*wider, Reason(f"{text} without a mode, which is REGISTRY_ONLY", where)))
    value = _MODES.get(mode, "OTHER") if isinstance(mode, int) else str(mode)
    basis = Basis.ASSUMED if isinstance(mode, Placeholder) else Basis.DECLARED
    place = where.document.at(*where.path, "mode")
    return Effective(value, (*wider, Reason(f"{text}.mode {value}", place, basis)))
