from collections.abc import Iterator

from meshlint.resource.resource import Resource
from meshlint.rule.rule import Problem


def check(resource: Resource) -> Iterator[Problem]:
    for duplicate in resource.document.duplicates:
        yield Problem(resource.at(*duplicate.path), key=duplicate.path[-1])
