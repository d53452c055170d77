from collections.abc import Iterator

from meshlint.mesh.effective import Effective, Unknown
from meshlint.mesh.istio.host_policies import names
from meshlint.mesh.istio.retries import can_fire
from meshlint.mesh.istio.xds.limits import Pool
from meshlint.mesh.istio.xds.traffic_policy import TrafficPolicy
from meshlint.mesh.mesh import Mesh
from meshlint.mesh.subjects import Route
from meshlint.rule.rule import Problem


def check(route: Route, mesh: Mesh) -> Iterator[Problem]:
    attempts = route.retries.attempts.holds(lambda number: isinstance(number, int) and number > 0)
    if route.retries.inherited or not attempts:
        return
    for client in mesh.hops.clients(route):
        found = [(one, _unlimited(one.policy, mesh)) for one in mesh.host_policies.for_route(route, client)]
        unlimited = [(one, policy) for one, policy in found if policy]
        if unlimited:
            grounds = [ground for _, policy in unlimited for ground in (policy, policy.value.retry_budget)]
            yield Problem(
                route.retries.block,
                related=grounds,
                rests_on=[attempts, *grounds],
                host=names([one for one, _ in unlimited]),
                conditions=_conditions(route),
                times="once" if attempts.value == 1 else f"up to {attempts.value} times",
                tries=attempts.value + 1,
            )


def _conditions(route: Route) -> str | list[str]:
    """What requests must fail on to be retried: the words of retryOn that can occur."""
    words = route.retries.conditions.value
    if isinstance(words, Unknown):
        return "what retryOn says"
    protocols = [outcome.value for outcome in route.protocol.outcomes]
    able = [word for word in words if any(can_fire(word, words, protocol) for protocol in protocols)]
    return able or f"what retryOn may name one day ({','.join(words)} never occurs)"


def _unlimited(policy: Effective[TrafficPolicy | None], mesh: Mesh) -> Effective[TrafficPolicy] | None:
    """A traffic policy that leaves the number of retries open, whoever wins a tie."""

    def is_open(found: TrafficPolicy | None) -> bool:
        limits = Pool(found, mesh.meshconfig) if found else None
        return limits is not None and limits.max_retries.value is None and limits.retry_budget.value is None

    return policy.holds(is_open)
