from collections.abc import Iterator, Mapping
from typing import Any

from meshlint.finding import Severity
from meshlint.mesh.subjects import Answer, Route
from meshlint.resource.match import duration_ms, duration_text
from meshlint.rule.rule import Problem
from meshlint.source.change import Put


def check(route: Route, options: Mapping[str, Any]) -> Iterator[Problem]:
    timeout, least = route.timeout.value, duration_ms(options["min"])
    if route.generation.value is Answer.NO or not isinstance(timeout, int) or not least or timeout >= least:
        return
    certain = route.generation.value is Answer.YES
    yield Problem(
        route.timeout,
        related=[route.generation],
        rests_on=[route.generation],
        severity=None if certain else Severity.WARNING,
        fix=[Put(route.timeout.declared, duration_text(least))] if route.timeout.declared else (),
        missing=None if certain else "the workloads behind the route, or a label meshlint.io/inference",
        route=route,
        timeout=duration_text(timeout),
        min=options["min"],
    )
