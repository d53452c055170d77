from collections.abc import Collection, Iterator

from meshlint.mesh.istio.authorization.callers import asked, ports_of
from meshlint.mesh.istio.authorization.calls import Kind
from meshlint.mesh.istio.authorization.refusals import Refusal
from meshlint.mesh.istio.xds.protocols import Listening
from meshlint.mesh.mesh import Mesh
from meshlint.mesh.subjects import MtlsMode, Workload
from meshlint.rule.rule import Problem


def check(workload: Workload, mesh: Mesh) -> Iterator[Problem]:
    refusal = mesh.refusals.of(workload)
    arrivals = mesh.hops.arrivals(workload)
    if not refusal or (_is_lock(refusal) and not arrivals):
        return
    allowing = refusal.allowing
    decisive = allowing[-1].resource if allowing else refusal.denials[-1].policy
    yield Problem(
        decisive.at("spec", "rules"),
        related=[
            *(policy.resource.at("spec", "rules") for policy in allowing[:-1]),
            *(rule.location for rule in refusal.denials),
            *(arrival.destination.location for arrival in arrivals),
        ],
        rests_on=[workload.in_mesh, refusal.outcome],
        workload=workload,
        reason=_reason(refusal, {port.number for port in mesh.ports_of(workload)}),
    )


def _is_lock(refusal: Refusal) -> bool:
    """Whether somebody closed the workload on purpose: what allows says nothing, or all is denied and nothing allowed."""
    return not any(policy.resource.items("spec", "rules") for policy in refusal.allowing)


def _reason(refusal: Refusal, numbers: Collection[int | None]) -> str:
    policies = _listed([str(policy.resource) for policy in refusal.allowing])
    what = _listed([asked(rule) for policy in refusal.allowing for rule in policy.rules])
    denying = _listed([str(rule.policy) for rule in refusal.denials])
    if _is_lock(refusal):
        return f"nobody is let in by {policies}" if policies else f"everybody is refused by {denying}"
    why = f"{denying} denies" if refusal.by_denial else _lacking(refusal, numbers)
    return f"all that {policies} would let in is {what or 'nothing'}, which {why}"


def _lacking(refusal: Refusal, numbers: Collection[int | None]) -> str:
    """Why no caller can send what the rules ask for."""
    guard = refusal.guard
    rules = [rule for policy in refusal.allowing for rule in policy.rules]
    asked_for = [{condition.kind for condition in rule.conditions} for rule in rules]
    if guard.protocol is Listening.TCP and all(any(kind.is_http for kind in kinds) for kinds in asked_for):
        return f"only HTTP has, and the port of {refusal.workload} does not speak it"
    if not guard.applied.tokens and all(kinds & {Kind.TOKEN, Kind.CLAIM} for kinds in asked_for):
        return "takes a token, and no RequestAuthentication checks any there"
    if guard.mtls.value is MtlsMode.DISABLE and all(Kind.IDENTITY in kinds for kinds in asked_for):
        return f"takes an identity, and callers have none where the port of {refusal.workload} takes no mTLS"
    if all(ports := [set(ports_of(rule)) for rule in rules]) and not any(named & set(numbers) for named in ports):
        return f"is for ports that {refusal.workload} does not listen on"
    return f"no caller of {refusal.workload} sends"


def _listed(texts: list[str]) -> str:
    return ", ".join(dict.fromkeys(texts))
