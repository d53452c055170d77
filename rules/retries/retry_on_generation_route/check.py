from collections.abc import Iterator, Mapping
from typing import Any

from meshlint.finding import Severity
from meshlint.mesh.effective import UNKNOWN, Unknown
from meshlint.mesh.istio.retries import repeats_work, replays
from meshlint.mesh.mesh import Mesh
from meshlint.mesh.subjects import Answer, Route
from meshlint.rule.rule import Problem
from meshlint.source.change import Put


def check(route: Route, mesh: Mesh, options: Mapping[str, Any]) -> Iterator[Problem]:
    if route.generation.value is Answer.NO:
        return

    def replaying_on(words: tuple[str, ...] | Unknown, protocol: str) -> list[str]:
        known = () if words is UNKNOWN else words
        return [word for word in known if word not in options["allow-conditions"] and replays(word, protocol)]

    attempts = route.retries.attempts.holds(lambda number: number is not UNKNOWN and number > options["max-attempts"])
    protocol = route.protocol.holds(
        lambda spoken: route.retries.conditions.holds(lambda words: replaying_on(words, spoken)) is not None
    )
    conditions = protocol and route.retries.conditions.holds(lambda words: replaying_on(words, protocol.value))
    if not attempts or not conditions or (conditions.origin is None and mesh.istio_version > (1, 23)):
        return
    replaying = replaying_on(conditions.value, protocol.value)
    works_again = any(repeats_work(word, protocol.value) for word in replaying)
    certain = route.generation.value is Answer.YES
    block = route.retries.block.origin
    yield Problem(
        conditions.origin or block or route.location,
        related=[route.generation],
        rests_on=[route.generation, route.retries.block, attempts, conditions, protocol],
        severity=None if works_again and certain else Severity.WARNING,
        fix=[Put(block, {"attempts": 0})] if block and block.path[-1] == "retries" else (),
        missing=None if certain else "the workloads behind the route, or a label meshlint.io/inference",
        route=route,
        times="once more" if attempts.value == 1 else f"{attempts.value} more times",
        conditions=replaying,
        cost="an answer that was already being computed is computed again"
        if works_again
        else f"an overloaded model gets up to {attempts.value + 1} times the requests",
    )
