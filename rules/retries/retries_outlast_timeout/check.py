from collections.abc import Iterator

from meshlint.mesh.subjects import Route
from meshlint.resource.match import duration_text
from meshlint.rule.rule import Problem


def check(route: Route) -> Iterator[Problem]:
    timeout, attempts, per_try = route.timeout, route.retries.attempts, route.retries.per_try_timeout
    if not isinstance(timeout.value, int) or not isinstance(attempts.value, int) or not isinstance(per_try.value, int):
        return
    tries = attempts.value + 1
    if tries > 1 and per_try.value * tries > timeout.value:
        yield Problem(
            attempts,
            related=[per_try, timeout],
            route=route,
            tries=tries,
            per_try=duration_text(per_try.value),
            timeout=duration_text(timeout.value),
            n=timeout.value // per_try.value,
        )
