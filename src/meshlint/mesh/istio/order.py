"""Which of several objects that claim one place istiod takes: the older one, and then the first by name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from ...resource.resource import Resource
from ..effective import Basis, Effective, Reason

S = TypeVar("S")
T = TypeVar("T")


def by_name(resources: Iterable[Resource]) -> list[Resource]:
    """Sorted as istiod sorts objects of one age: name, then namespace (`sortConfigByCreationTime`)."""
    return sorted(resources, key=lambda r: (r.name, r.namespace))


def creation(resource: Resource) -> tuple[bool, str, str, str]:
    """Sorts objects in input order as istiod does, the oldest first, of one age by name.

    Those without a creationTimestamp come last and stay in their order, as if applied one after the other.
    """
    if resource.created is None:
        return True, "", "", ""
    return False, resource.created, resource.name, resource.namespace


def oldest(resources: Sequence[Resource]) -> list[Resource]:
    """The one that `creation` puts first, by itself."""
    return [min(resources, key=creation)]


def decided(resources: Sequence[Resource]) -> bool:
    """Whether the input tells the order: every object has a creationTimestamp."""
    return all(r.created for r in resources)


def sequence(resources: Iterable[Resource]) -> list[Resource]:
    """Oldest first; objects without a creationTimestamp come last and by name, as if all were applied in the next second."""
    return sorted(by_name(resources), key=lambda r: (r.created is None, r.created or ""))


def possible_first(resources: Sequence[Resource]) -> list[Resource]:
    """Every object that may be the oldest, the one that a single `kubectl apply` would make it first."""
    if decided(resources):
        return sequence(resources)[:1]
    stamped = sequence([r for r in resources if r.created])[:1]
    return by_name([*(r for r in resources if not r.created), *stamped])


def possible_sequences(resources: Sequence[Resource]) -> list[list[Resource]]:
    """Orders that together put every object that may be oldest first and every one that may be youngest last."""
    ordered = sequence(resources)
    if len(ordered) < 2 or decided(ordered):
        return [ordered]
    stamped = [r for r in ordered if r.created]
    unknown = [r for r in ordered if not r.created]
    orders = [ordered] + ([[*unknown, *stamped]] if stamped else [])
    for resource in ordered:
        rest = [r for r in ordered if r is not resource]
        if not resource.created or resource is stamped[0]:
            orders.append([resource, *rest])
        if not resource.created or resource is stamped[-1]:
            orders.append([*rest, resource])
    distinct: dict[tuple[int, ...], list[Resource]] = {}
    for order in orders:
        distinct.setdefault(tuple(map(id, order)), order)
    return list(distinct.values())


def one_of(outcomes: Sequence[Effective[T]], why: str, basis: Basis = Basis.TIE) -> Effective[T]:
    """The first outcome; when others differ, the candidates of a tie, or of an assumption."""
    first = outcomes[0]
    if all(outcome.value == first.value for outcome in outcomes[1:]):
        return first
    distinct: list[Effective[T]] = []
    for outcome in outcomes:
        if all(outcome.value != other.value for other in distinct):
            distinct.append(outcome)
    doubt = Reason(why, None, basis)
    return Effective(first.value, (doubt, *first.because), tuple(distinct))


def spread(
    base: Effective[S], step: Callable[[Effective[S]], Effective[T]], why: str, basis: Basis = Basis.TIE
) -> Effective[T]:
    """`step` applied to a value, or to each of its candidates."""
    if not base.candidates:
        return step(base)
    outcomes: list[Effective[T]] = []
    for candidate in base.candidates:
        outcome = step(candidate)
        outcomes += outcome.candidates or (outcome,)
    return one_of(outcomes, why, basis)
