from collections.abc import Iterator

from meshlint.rule import Answer, Problem, Put, Route


def check(route: Route) -> Iterator[Problem]:
    generation = route.generation.holds(lambda answer: answer is Answer.YES)
    if generation and not route.name and route.destinations:
        host, _, _ = route.destinations[0].host.partition(".")
        yield Problem(
            route.location,
            related=[generation],
            rests_on=[generation],
            fix=[Put(route.resource.at(*route.path, "name"), host, first=True)],
            route=route,
        )
