from collections.abc import Iterator

from meshlint.mesh.effective import UNKNOWN, Reason
from meshlint.mesh.istio.retries import can_fire, replays
from meshlint.mesh.mesh import Mesh
from meshlint.mesh.subjects import Answer, Route
from meshlint.rule.rule import Problem
from meshlint.source.change import Put


def check(route: Route, mesh: Mesh) -> Iterator[Problem]:
    if route.generation.value is Answer.NO or not route.retries.inherited:
        return
    attempts = route.retries.attempts.holds(lambda number: number is not UNKNOWN and number > 0)
    conditions = route.retries.conditions.holds(
        lambda words: words is not UNKNOWN and not any(replays(word, "http") for word in words)
    )
    if not attempts or not conditions:
        return
    policy = route.retries.block
    places = mesh.meshconfig.silent("defaultHttpRetryPolicy")
    silent = [Reason("meshConfig leaves defaultHttpRetryPolicy out", place) for place in places]
    spoken = [protocol.value for protocol in route.protocol.candidates or (route.protocol,)]
    place = route.resource.at(*route.path, "retries")
    yield Problem(
        place,
        related=[*([policy] if policy.origin else silent), route.generation],
        rests_on=[attempts, route.generation],
        missing=None if attempts.origin or silent else "the mesh settings (ConfigMap istio)",
        fix=[Put(place, {"attempts": 0})],
        route=route,
        times="once" if attempts.value == 1 else f"up to {attempts.value} times",
        conditions=[w for w in conditions.value if any(can_fire(w, conditions.value, protocol) for protocol in spoken)],
    )
