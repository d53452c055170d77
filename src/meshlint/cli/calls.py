"""Calls on the command line: who calls, which port, and the answers in words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ..config import suggestion
from ..mesh.effective import Effective
from ..mesh.istio.authorization.calls import Identity
from ..mesh.istio.authorization.decide import Outcome, Verdict, verdict
from ..mesh.istio.authorization.dimensions import OTHER
from ..mesh.istio.authorization.entrances import Hop
from ..mesh.istio.authorization.survey import Answer, Extent, Survey
from ..mesh.mesh import Mesh
from ..mesh.subjects import Port
from . import common

_ORDER = (Verdict.ALLOW, Verdict.UNKNOWN, Verdict.DENY)

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
    """The ports that `NAMESPACE/WORKLOAD[:PORT]` means, a port by number or name, `*` for one that nothing names; none where
    the mesh has no such workload or port. Where nothing names a port of the workload, it may have any.
    """
    name, _, port = target.partition(":")
    found = next((workload for workload in mesh.workloads.all if str(workload) == name), None)
    if found is None:
        return ()
    of = mesh.all_ports.of(found)
    if port == "*":
        return [mesh.all_ports.at(found, None)]
    if port.isdecimal() and all(each.number is None for each in of):
        return [mesh.all_ports.at(found, int(port))]
    return [each for each in of if port in ("", str(each.number), each.name, *(e.name for _, e in each.services))]


def unknown(meshes: Iterable[Mesh], target: str) -> str:
    """What is wrong with a target that no mesh has."""
    name, _, port = target.partition(":")
    workloads = {str(workload): (mesh, workload) for mesh in meshes for workload in mesh.workloads.all}
    if name not in workloads:
        named = next((known for known in sorted(workloads) if known.endswith(f"/{name}")), None)
        hint = f"; did you mean {named}?" if named else suggestion(name, sorted(workloads))
        return f"no workload {name} is in the input{hint}"
    mesh, workload = workloads[name]
    of = mesh.all_ports.of(workload)
    served = next((each for each in of if port in (str(exposed.number) for _, exposed in each.services)), None)
    hint = f"; {port} of its Service leads to {served.number}" if served else "; * stands for any other"
    return f"{name} has no port {port}: it has {', '.join(map(_named, of))}{hint}"


def unheard(meshes: Iterable[Mesh], caller: Identity) -> str | None:
    """That no workload of the input has a service account, where the input has some."""
    names = {f"{w.namespace}/{w.pod.account}" for mesh in meshes for w in mesh.workloads.all if w.pod}
    if caller.trust_domain or not names or str(caller) in names:
        return None
    return f"no workload of the input runs as {caller}{suggestion(str(caller), sorted(names))}"


def _named(port: Port) -> str:
    return f"{port.number} ({port.name})" if port.name else str(port.number)


def callers(answer: Answer, stated: str | None = None) -> str:
    """`stated` is the name of the only caller that was asked about."""
    return " | ".join(_words(extent) or stated or "anyone" for extent in answer.callers)


def requests(answer: Answer) -> str:
    everything = {True: "any bytes", False: "any request", None: "anything"}[answer.tcp]
    return " | ".join(_words(extent) or everything for extent in answer.requests)


def verdict_of(outcome: Outcome) -> Effective[str]:
    """The verdict alone, with the reasons and candidates of the outcome."""
    candidates = tuple(verdict_of(candidate) for candidate in outcome.candidates)
    return Effective(outcome.value.verdict.value, outcome.because, candidates)


def ordered(survey: Survey) -> list[Answer]:
    """The answers, those first that let a call through."""
    return sorted(survey.answers, key=lambda answer: _ORDER.index(verdict(answer.outcome)))


def depends_on(answers: Iterable[Answer]) -> Sequence[str]:
    """What the requests of some answers differ in."""
    return list(dict.fromkeys(name for answer in answers for extent in answer.requests for name, _ in extent.parts))


def facts(ports: Sequence[Port], answer: Answer, stated: str | None = None) -> dict[str, Any]:
    """What JSON has of an answer besides its verdict."""
    decision = answer.outcome.value
    return {
        "workload": str(ports[0].workload),
        "ports": [port.number for port in ports],
        "tcp": answer.tcp,
        "callers": [{"caller": [stated]}] if stated else [dict(extent.parts) for extent in answer.callers],
        "requests": [dict(extent.parts) for extent in answer.requests],
        "layer": decision.layer.value,
        "policies": decision.names,
    }


def hop(hop: Hop) -> str:
    """`edge/gateway calls shop/llm:8000, /v1/chat or /v1/models: allow`."""
    server = hop.server if hop.port is None else f"{hop.server}:{hop.port}"
    who = " | ".join(filter(None, map(_words, hop.answer.callers)))
    what = " | ".join(filter(None, map(_words, hop.answer.requests)))
    return f"{', '.join(filter(None, (f'{hop.caller} calls {server}', who, what)))}: {hop.verdict.value}"


def hop_facts(hop: Hop) -> dict[str, Any]:
    """What JSON has of a call on a way from outside."""
    decision = hop.outcome.value
    return {
        "from": hop.caller,
        "to": hop.server,
        "port": hop.port,
        "by": [common.plain(reason) for reason in hop.by],
        "callers": [dict(extent.parts) for extent in hop.answer.callers],
        "requests": [dict(extent.parts) for extent in hop.answer.requests],
        "verdict": hop.verdict.value,
        "layer": decision.layer.value,
        "policies": decision.names,
        "because": [common.plain(reason) for reason in hop.outcome.because],
    }


def _words(extent: Extent) -> str:
    """`POST, /v1/chat or /v1/models, host llm or any other host`."""
    return ", ".join(_alternatives(name, labels) for name, labels in extent.parts)


def _alternatives(name: str, labels: Sequence[str]) -> str:
    named = " or ".join(f"{label} {name}" if label == OTHER else label for label in labels)
    return named if name in _PLAIN or labels[0] == OTHER else f"{name} {named}"
