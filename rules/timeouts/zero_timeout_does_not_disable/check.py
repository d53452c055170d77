from collections.abc import Iterator

from meshlint.mesh.istio.clocks import never_zero
from meshlint.resource.match import is_below_a_millisecond
from meshlint.resource.resource import Resource
from meshlint.rule.rule import Problem
from meshlint.source.change import Remove


def check(resource: Resource) -> Iterator[Problem]:
    for path in never_zero(resource):
        value = resource.get(*path)
        if is_below_a_millisecond(value):
            place = resource.at(*path)
            yield Problem(
                place,
                fix=[Remove(place, prune=resource.kind != "VirtualService")],
                value=value,
                resource=resource,
            )
