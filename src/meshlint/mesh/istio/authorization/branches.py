"""Where choices lead, one after the other: a graph in which all that comes to the same is one state."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Hashable, Iterator, Sequence
from typing import Generic, TypeVar

S = TypeVar("S", bound=Hashable)

Box = tuple[frozenset[int], ...]
"""Per dimension some of its choices: all combinations of them."""

MOST_STATES = 1_000
"""After a dimension. Where others would lead is not followed up."""

MOST_BOXES = 100

_Layers = Sequence[Sequence[tuple[int, ...]]]
"""Per dimension where the choices lead from each node: to a node of the next; from the last one to 1 (wanted) or 0."""


class Branches(Generic[S]):
    """The states that choices of each dimension lead to, from a first one; None is where too many are found.

    `sizes` are how many choices the dimensions have, `step` says where a choice leads: step(state, dimension, choice).
    """

    def __init__(self, start: S, sizes: Sequence[int], step: Callable[[S, int, int], S]) -> None:
        self._start = start
        self._sizes = sizes
        self._ways: list[dict[S | None, list[S | None]]] = []
        states: dict[S | None, tuple[int, ...]] = {start: ()}
        for dimension, size in enumerate(sizes):
            before, states = states, {}
            ways: dict[S | None, list[S | None]] = {}
            for state, choices in before.items():
                ways[state] = []
                for choice in range(size):
                    to = None if state is None else step(state, dimension, choice)
                    if to not in states and len(states) >= MOST_STATES:
                        to = None
                    states.setdefault(to, (*choices, choice))
                    ways[state].append(to)
            self._ways.append(ways)
        self.ends = states
        """The states that all choices together lead to, each with choices that do."""

    def boxes(self, wanted: Collection[S | None]) -> Iterator[Box]:
        """The choices that lead to one of some ends: boxes as wide as they may be, which overlap where they like."""
        nodes: dict[S | None, int] = {end: int(end in wanted) for end in self.ends}
        layers: list[list[tuple[int, ...]]] = []
        for ways in reversed(self._ways):
            known: dict[tuple[int, ...], int] = {}
            nodes = {s: known.setdefault(tuple(nodes[to] for to in tos), len(known)) for s, tos in ways.items()}
            layers.insert(0, list(known))
        found: list[Box] = []
        for path in _paths(layers, nodes[self._start]):
            if len(found) < MOST_BOXES and not any(_covers(box, path) for box in found):
                found.append(self._widened(path, layers))
        return iter(found)

    def _widened(self, box: Box, layers: _Layers) -> Box:
        for dimension, size in enumerate(self._sizes):
            wider = (
                (*box[:dimension], box[dimension] | {choice}, *box[dimension + 1 :])
                for choice in range(size)
                if choice not in box[dimension]
            )
            more = [other[dimension] for other in wider if _is_within(other, layers)]
            box = (*box[:dimension], box[dimension].union(*more), *box[dimension + 1 :])
        return box


def _paths(layers: _Layers, node: int, taken: Box = ()) -> Iterator[Box]:
    """The ways from a node to what is wanted."""
    if len(taken) == len(layers):
        if node:
            yield taken
        return
    by_node: dict[int, set[int]] = defaultdict(set)
    for choice, to in enumerate(layers[len(taken)][node]):
        by_node[to].add(choice)
    for to, choices in by_node.items():
        yield from _paths(layers, to, (*taken, frozenset(choices)))


def _is_within(box: Box, layers: _Layers) -> bool:
    """Whether all that a box has leads to what is wanted."""
    at = {0}
    for layer, chosen in zip(layers, box, strict=True):
        at = {layer[node][choice] for node in at for choice in chosen}
    return at == {1}


def _covers(box: Box, other: Box) -> bool:
    return all(some <= others for some, others in zip(other, box, strict=True))
