"""What the outside reaches, and through what: from its entrances to whatever a workload that was reached may call.

A search in breadth over gates, each of which opens once: to the first caller that it lets through. So the cost follows the
ports and the callers that policies name, never pairs of workloads. What a caller may call it can call: that a Sidecar or
REGISTRY_ONLY keeps its proxy from it stops nobody who has taken the workload over.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple

from ....finding import Confidence
from ...effective import Basis, Reason
from ...subjects import DataPlane, Port, Workload
from .calls import Identity
from .decide import Verdict, verdict
from .entrances import Entrances, Hop, Way, verdict_of
from .gates import Gate, Gates
from .passage import Doors, doubted
from .survey import Answer

_OPEN = (Verdict.ALLOW,)
_PERHAPS = (Verdict.ALLOW, Verdict.UNKNOWN)


class Sender(NamedTuple):
    """A workload that was reached, and as whom it calls: by its identity, or (None) in plaintext. `doubts`: whether it can."""

    workload: Workload
    identity: Identity | None
    doubts: tuple[Reason, ...] = ()


class Outside:
    """The ways from outside to workloads. `ports` are those of a workload; `closed`: the input is the whole mesh."""

    def __init__(
        self,
        workloads: Sequence[Workload],
        entrances: Entrances,
        doors: Doors,
        ports: Callable[[Workload], Sequence[Port]],
        closed: bool,
    ) -> None:
        self._workloads = workloads
        self._closed = closed
        self._entrances = {id(workload): sorted(entrances.of(workload), key=_length) for workload in workloads}
        found = (door for workload in workloads for door in doors.of(workload, ports(workload)))
        self._gates = Gates((door.port, door.guard) for door in found if not door.quiet)

    def way(self, workload: Workload) -> Way | None:
        """The shortest way to a workload, of several the first by names: an open one, else one that may be; None = there is none."""
        return self._ways.get(id(workload))

    def refused(self, workload: Workload) -> Way | None:
        """The way in that gets furthest, of a workload that it does not reach."""
        ways = self._entrances[id(workload)]
        return max(ways, key=lambda way: [hop.verdict is not Verdict.DENY for hop in way], default=None)

    def confidence(self, way: Way) -> Confidence:
        """How surely a way is open."""
        grounds = (ground for hop in way for ground in (_basis(hop), *(value.basis for value in hop.rests_on)))
        return min((self._weight(basis) for basis in grounds), default=Confidence.HIGH)

    def _weight(self, basis: Basis) -> Confidence:
        return Confidence.HIGH if basis is Basis.DEFAULT and self._closed else basis.confidence

    @cached_property
    def _ways(self) -> Mapping[int, Way]:
        certain = self._search(_OPEN)
        is_all = all(id(w) in certain for w in self._workloads if w.data_plane.value is not DataPlane.GATEWAY)
        return certain if is_all else {**self._search(_PERHAPS), **certain}

    def _search(self, accepted: Collection[Verdict]) -> Mapping[int, Way]:
        """The shortest ways to all that is reached by calls with such verdicts."""
        found: dict[int, Way] = {}
        for workload in self._workloads:
            ways = (way for way in self._entrances[id(workload)] if verdict_of(way) in accepted)
            if way := next(ways, None):
                found[id(workload)] = way
        near = [workload for workload in self._workloads if id(workload) in found]
        search = _Search(self._gates, accepted)
        while near:
            steps = _steps(search, near, found)
            found |= {key: (*found[id(step.sender.workload)], step.hop) for key, step in steps.items()}
            near = [step.port.workload for step in steps.values()]
        return found


class _Step(NamedTuple):
    """That a workload is reached by a call of another."""

    sender: Sender
    port: Port
    answer: Answer

    @property
    def hop(self) -> Hop:
        caller = self.sender.workload
        return Hop(str(caller), str(self.port.workload), self.port.number, (), self.answer, (caller.in_mesh,))

    @property
    def order(self) -> tuple[Any, ...]:
        return len(self.sender.doubts), str(self.sender.workload), self.port.number or 0


def _steps(search: _Search, near: Sequence[Workload], found: Collection[int]) -> Mapping[int, _Step]:
    """What workloads reach that were reached last, each by the first of them."""
    steps: dict[int, _Step] = {}
    for sender, gate, answer in search.opened(near):
        for port in gate.ports:
            key, step = id(port.workload), _Step(sender, port, answer)
            if key not in found and (key not in steps or step.order < steps[key].order):
                steps[key] = step
    return steps


class _Search:
    """Which gates are still shut, and who has been at them."""

    def __init__(self, gates: Gates, accepted: Collection[Verdict]) -> None:
        self._gates = gates
        self._accepted = accepted
        self._open: set[int] = set()
        self._asked: set[Identity | None] = set()
        self._strange = gates.all

    def opened(self, near: Sequence[Workload]) -> Iterator[tuple[Sender, Gate, Answer]]:
        """The gates that workloads open which were reached last, each by the first of them that it lets through."""
        callers = self._new_callers(near)
        for gate, positions in self._near(callers):
            for position in sorted(positions):
                sender = callers[position]
                answer = doubted(gate.passage(sender.identity), *sender.doubts)
                if verdict(answer.outcome) in self._accepted:
                    self._open.add(id(gate))
                    yield sender, gate, answer
                    break

    def _new_callers(self, near: Sequence[Workload]) -> list[Sender]:
        """One for each identity that has not called before, those without a doubt first."""
        senders = [sender for workload in sorted(near, key=str) for sender in _senders(workload)]
        if Verdict.UNKNOWN not in self._accepted:
            senders = [sender for sender in senders if not sender.doubts]
        found: dict[Identity | None, Sender] = {}
        for sender in sorted(senders, key=lambda sender: len(sender.doubts)):
            if sender.identity not in self._asked:
                found.setdefault(sender.identity, sender)
        self._asked.update(found)
        return list(found.values())

    def _near(self, callers: Sequence[Sender]) -> Iterator[tuple[Gate, set[int]]]:
        """The gates that may open now, each with the callers that it may open to: those it knows, and one of each other sort."""
        found: dict[int, tuple[Gate, set[int]]] = {}

        def add(gate: Gate, position: int) -> None:
            if id(gate) not in self._open:
                found.setdefault(id(gate), (gate, set()))[1].add(position)

        for position, caller in enumerate(callers):
            for gate in self._gates.naming(caller.identity) if caller.identity else ():
                add(gate, position)
        self._strange = tuple(gate for gate in self._strange if not self._ask_stranger(gate, callers, add))
        plain = next((position for position, caller in enumerate(callers) if not caller.identity), None)
        if plain is not None:
            for gate in self._gates.all:
                add(gate, plain)
        return iter(found.values())

    def _ask_stranger(self, gate: Gate, callers: Sequence[Sender], add: Callable[[Gate, int], None]) -> bool:
        """Whether there is a stranger to ask, or no need of one."""
        if id(gate) in self._open:
            return True
        for position, caller in enumerate(callers):
            if caller.identity and gate.is_stranger(caller.identity):
                add(gate, position)
                return True
        return False


def _senders(workload: Workload) -> Iterator[Sender]:
    """As whom a workload calls. Whoever has taken it over may be able to leave its proxy aside."""
    if not workload.in_mesh.value:
        yield Sender(workload, None)
        return
    yield Sender(workload, Identity(workload.namespace, workload.account))
    text = f"whether {workload} can send without its certificate, past its proxy, is not in the input"
    yield Sender(workload, None, (Reason(text, None, Basis.ASSUMED),))


def _length(way: Way) -> tuple[Any, ...]:
    names = [(hop.caller, hop.server, hop.port or 0, [reason.text for reason in hop.by]) for hop in way]
    return len(way), names


def _basis(hop: Hop) -> Basis:
    """The ground that what becomes of a call stands on."""
    if hop.verdict is Verdict.UNKNOWN:
        return Basis.ASSUMED
    held = hop.outcome.holds(lambda decision: decision.verdict is hop.verdict)
    return (held or hop.outcome).basis
