"""Where the facts of meshlint and of the real istiod agree, value by value and client by client."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

KINDS = ("admission", "workloads", "ports", "visible", "egress", "routes", "destinations", "gateways", "access")

Facts = dict[str, Any]


class Difference(NamedTuple):
    """One value that differs, and where it parts. `explained` says why istiod's recording, not meshlint, is wrong there."""

    mesh: str
    kind: str
    where: str
    istiod: str
    meshlint: str
    explained: str | None

    def __str__(self) -> str:
        why = f" ({self.explained})" if self.explained else ""
        return f"{self.mesh} {self.kind} {self.where}: istiod {self.istiod}, meshlint {self.meshlint}{why}"


class Agreement(NamedTuple):
    """How many values of a kind agree, and those that do not."""

    same: int
    differences: tuple[Difference, ...]


def read(path: Path) -> dict[str, Facts]:
    """Facts by the name of their mesh, from JSON lines; other lines are the log of istiod."""
    raw = path.read_bytes()
    text = (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode()
    facts = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    return {fact["mesh"]: fact for fact in facts}


def compared(istiod: Facts, meshlint: Facts, kind: str) -> Agreement:
    """The values of one kind in two facts of one mesh."""
    theirs, ours = _values(istiod, kind), _values(meshlint, kind)
    differing = [w for w in sorted({*theirs, *ours}) if not (w in theirs and w in ours and theirs[w] == ours[w])]
    differences = [_difference(istiod["mesh"], kind, where, theirs.get(where), ours.get(where)) for where in differing]
    return Agreement(len({*theirs, *ours}) - len(differing), tuple(differences))


def _difference(mesh: str, kind: str, where: str, theirs: Any, ours: Any) -> Difference:
    explained = _explained(kind, theirs, ours)
    if theirs is None or ours is None:
        return Difference(
            mesh, kind, where, *("has it" if side is not None else "has not" for side in (theirs, ours)), explained
        )
    path, left, right = next(_parting(theirs, ours, ""))
    return Difference(mesh, kind, where + path, *(json.dumps(side)[:160] for side in (left, right)), explained)


def _explained(kind: str, theirs: Any, ours: Any) -> str | None:
    """Why a difference is none of the model's.

    An EnvoyFilter may do anything; meshlint then says that it does not know. And the known fault of the probe: it asks
    istiod several times for the routes of one listener name, which Envoy never does. istiod keeps the virtual hosts of such
    a name for the length of a request and changes them while it answers (`getVirtualHostsForSniffedServicePort`), so that
    the last answer is empty.
    """
    if "EnvoyFilter" in str(ours):
        return "an EnvoyFilter changes it"
    if kind != "routes" or not theirs or not ours or theirs.get("protocol") != "auto" or "http" in theirs:
        return None
    same = {key: value for key, value in ours.items() if key != "http"} == theirs
    return "the probe asked for the routes of this headless service more than once" if same else None


def _parting(theirs: Any, ours: Any, path: str) -> Iterator[tuple[str, Any, Any]]:
    """The places where two values part."""
    if isinstance(theirs, dict) and isinstance(ours, dict):
        for key in sorted({*theirs, *ours}):
            left, right = theirs.get(key, "(absent)"), ours.get(key, "(absent)")
            if left != right:
                yield from _parting(left, right, f"{path}.{key}")
    elif isinstance(theirs, list) and isinstance(ours, list) and len(theirs) == len(ours):
        for index, (left, right) in enumerate(zip(theirs, ours, strict=True)):
            if left != right:
                yield from _parting(left, right, f"{path}[{index}]")
    else:
        yield path, theirs, ours


def _values(facts: Facts, kind: str) -> dict[str, Any]:
    """The facts of one kind by a name for each value; of admission only whether an object is refused, and by whom.

    The order of servers that share a port and its names is istiod's whim: it builds listeners out of a map.
    """
    found = facts.get(kind) or {}
    if kind == "admission":
        return {key: (verdict["rejected"], verdict["by"]) for key, verdict in found.items()}
    if kind == "ports":
        return {f"{workload}:{port}": fact for workload, ports in found.items() for port, fact in ports.items()}
    if kind in ("visible", "egress"):
        return dict(_by_client(found))
    if kind == "gateways":
        return {key: sorted(servers, key=_canonical) for key, servers in found.items()}
    if kind in ("routes", "destinations"):
        return {f"{key} from {client}": v for key, groups in found.items() for client, v in _by_client(groups)}
    if kind == "access":
        return {f"{number} {json.dumps(fact['request'], sort_keys=True)}": fact for number, fact in enumerate(found)}
    return dict(found)


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def _by_client(groups: Any) -> Iterator[tuple[str, Any]]:
    return ((client, group["value"]) for group in groups or () for client in group["clients"])
