from collections.abc import Iterator, Mapping
from typing import Any

from meshlint.mesh.effective import UNKNOWN
from meshlint.mesh.istio.retries import clock_of_a_try, retries_a_timeout
from meshlint.mesh.subjects import Answer, Route
from meshlint.resource.match import duration_ms, duration_text
from meshlint.rule.rule import Problem
from meshlint.source.change import Remove


def check(route: Route, options: Mapping[str, Any]) -> Iterator[Problem]:
    clock, least = clock_of_a_try(route), duration_ms(options["min"])
    if route.generation.value is Answer.NO or not clock or not least or clock.value >= least:
        return
    words = route.retries.conditions.value
    again = words is not UNKNOWN and retries_a_timeout(words)
    certain = route.generation.value is Answer.YES
    yield Problem(
        clock,
        related=[route.timeout, route.retries.conditions, route.generation],
        rests_on=[route.timeout, route.generation],
        fix=[Remove(clock.origin)] if clock.origin else (),
        missing=None if certain else "the workloads behind the route, or a label meshlint.io/inference",
        route=route,
        per_try=duration_text(clock.value),
        then="and sent again while the model still works on it" if again else "with 504",
    )
