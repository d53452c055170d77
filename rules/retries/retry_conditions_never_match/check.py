from collections.abc import Iterator

from meshlint.mesh.effective import Unknown
from meshlint.mesh.istio.retries import can_fire, reads_grpc_status
from meshlint.mesh.subjects import Route
from meshlint.rule.rule import Problem
from meshlint.source.change import Put


def check(route: Route) -> Iterator[Problem]:
    spoken = route.protocol.candidates or (route.protocol,)

    def are_inert(words: tuple[str, ...] | Unknown) -> bool:
        known = () if isinstance(words, Unknown) else words
        return bool(known) and not any(can_fire(word, known, protocol.value) for word in known for protocol in spoken)

    attempts = route.retries.attempts.holds(lambda number: isinstance(number, int) and number > 0)
    conditions = route.retries.conditions.holds(are_inert)
    if route.answered_by_proxy or not attempts or not conditions or not conditions.origin:
        return
    words = conditions.value
    statuses = [word for word in words if reads_grpc_status(word)]
    yield Problem(
        conditions,
        related=[spoken[0]] if statuses else (),
        rests_on=[attempts, spoken[0]],
        fix=[Put(conditions.origin, "connect-failure,refused-stream")],
        route=route,
        retry_on=",".join(words),
        inert="gRPC statuses, which no answer over plain HTTP has"
        if len(statuses) == len(words)
        else "conditions that cannot occur",
    )
