from collections.abc import Iterator

from meshlint.mesh.effective import UNKNOWN, Unknown
from meshlint.mesh.istio.retries import clock_of_a_try, retries_a_timeout
from meshlint.mesh.subjects import Route
from meshlint.resource.match import duration_text
from meshlint.rule.rule import Problem
from meshlint.source.change import Remove


def check(route: Route) -> Iterator[Problem]:
    clock, timeout = clock_of_a_try(route), route.timeout.value
    conditions = route.retries.conditions.holds(lambda words: words is not UNKNOWN and not retries_a_timeout(words))
    if not clock or not conditions:
        return
    yield Problem(
        clock,
        related=[conditions, route.timeout],
        rests_on=[conditions, route.timeout],
        fix=[Remove(clock.origin)] if clock.origin else (),
        route=route,
        per_try=duration_text(clock.value),
        instead=_instead(timeout),
        conditions=f"`{','.join(conditions.value)}`" if conditions.origin else "the default retryOn",
    )


def _instead(timeout: int | Unknown | None) -> str:
    if timeout is None:
        return "although it has no timeout"
    return f"not {duration_text(timeout)}" if isinstance(timeout, int) else "whatever its timeout is"
