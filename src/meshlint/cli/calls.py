"""Calls on the command line: who calls, which port, and the answers in words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ..config import suggestion
from ..mesh.effective import Effective
from ..mesh.istio.authorization.calls import Identity
from ..mesh.istio.authorization.decide import Outcome
from ..mesh.istio.authorization.dimensions import OTHER
from ..mesh.istio.authorization.survey import Answer, Extent
from ..mesh.mesh import Mesh
from ..mesh.subjects import Port
from . import common

_PLAIN = ("caller", "method", "path")
"""Things whose values need no name."""


def identity(text: str) -> Identity:
    """`NAMESPACE/ACCOUNT`, or the name in a certificate: `[spiffe://]DOMAIN/ns/NAMESPACE/sa/ACCOUNT`."""
    parts = text.removeprefix("spiffe://").split("/")
    short = len(parts) == 2
    if not all(parts) or not (short or (len(parts) == 5 and (parts[1], parts[3]) == ("ns", "sa"))):
        common.fail(f"{text} is no service account: NAMESPACE/ACCOUNT is", 2)
    return Identity(*parts) if short else Identity(parts[2], parts[4], parts[0])


def ports(mesh: Mesh, target: str) -> Sequence[Port]:
    """The ports that `NAMESPACE/WORKLOAD[:PORT]` means, a port by number or name; none where the mesh has no such workload."""
    name, _, port = target.partition(":")
    found = next((workload for workload in mesh.workloads.all if str(workload) == name), None)
    if found is None:
        return ()
    if port.isdecimal():
        return [mesh.all_ports.at(found, int(port))]
    named = mesh.all_ports.of(found)
    return [each for each in named if port in ("", each.name, *(exposed.name for _, exposed in each.services))]


def unknown(meshes: Iterable[Mesh], target: str) -> str:
    """What is wrong with a target that no mesh has."""
    name, _, port = target.partition(":")
    names = sorted({str(workload) for mesh in meshes for workload in mesh.workloads.all})
    if name in names:
        return f"{name} has no port {port}"
    return f"no workload {name} is in the input{suggestion(name, names)}"


def callers(answer: Answer) -> str:
    return " | ".join(_words(extent) or "anyone" for extent in answer.callers)


def requests(answer: Answer) -> str:
    everything = {True: "any bytes", False: "any request", None: "anything"}[answer.tcp]
    return " | ".join(_words(extent) or everything for extent in answer.requests)


def verdict_of(outcome: Outcome) -> Effective[str]:
    """The verdict alone, with the reasons and candidates of the outcome."""
    candidates = tuple(verdict_of(candidate) for candidate in outcome.candidates)
    return Effective(outcome.value.verdict.value, outcome.because, candidates)


def facts(ports: Sequence[Port], answer: Answer) -> dict[str, Any]:
    """What JSON has of an answer besides its verdict."""
    decision = answer.outcome.value
    return {
        "workload": str(ports[0].workload),
        "ports": [port.number for port in ports],
        "tcp": answer.tcp,
        "callers": [dict(extent.parts) for extent in answer.callers],
        "requests": [dict(extent.parts) for extent in answer.requests],
        "layer": decision.layer.value,
        "policies": [f"{policy.namespace}/{policy.name}" for policy in decision.policies],
    }


def _words(extent: Extent) -> str:
    """`POST, /v1/chat or /v1/models, host llm or any other host`."""
    return ", ".join(_alternatives(name, labels) for name, labels in extent.parts)


def _alternatives(name: str, labels: Sequence[str]) -> str:
    named = " or ".join(f"{label} {name}" if label == OTHER else label for label in labels)
    return named if name in _PLAIN or labels[0] == OTHER else f"{name} {named}"
