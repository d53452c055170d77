from collections.abc import Iterator

from meshlint.mesh.istio.authorization.decide import Outcome
from meshlint.mesh.istio.authorization.filters import Guard
from meshlint.mesh.istio.authorization.policies import Action
from meshlint.mesh.istio.authorization.polling import refused
from meshlint.mesh.mesh import Mesh
from meshlint.mesh.subjects import Poll, Port, Purpose
from meshlint.rule.rule import Problem


def check(port: Port, mesh: Mesh) -> Iterator[Problem]:
    if not port.polls or not port.captured or not port.workload.in_mesh.value:
        return
    guard = mesh.guard(port)
    for poll in port.polls:
        outcome = refused(port, poll, guard)
        if outcome:
            yield Problem(
                poll.location,
                related=[*outcome.because, *(p.resource.at("metadata", "name") for p in guard.applied.policies)],
                rests_on=[port.workload.in_mesh, outcome],
                caller=poll.caller,
                policy=_policies(outcome, guard),
                effect=_effect(poll, port),
            )


def _policies(outcome: Outcome, guard: Guard) -> list[str]:
    """Those with a rule that refuses it, else those that do not allow it."""
    refusing = outcome.value.policies or [policy.resource for policy in guard.applied.of(Action.ALLOW)]
    return [str(policy) for policy in refusing]


def _effect(poll: Poll, port: Port) -> str:
    if poll.purpose is Purpose.SCRAPE:
        return f"the metrics of {port.workload} are missing"
    return f"a pod of {port.workload} is reported unhealthy"
