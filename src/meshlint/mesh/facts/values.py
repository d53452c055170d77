"""How values become facts."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from ..effective import UNKNOWN, Effective

Groups = list[dict[str, Any]]


def value(effective: Effective[Any]) -> Any:
    """The value, or `{"unknown": reason}` for what the input cannot tell."""
    if effective.value is UNKNOWN:
        return {"unknown": effective.because[-1].text if effective.because else "not in the input"}
    return effective.value


def unknown(what: object) -> dict[str, str]:
    """What stands for a value that another tool fills in; also the `default` of json.dumps, for facts may hold such values."""
    return {"unknown": f"{what} is not known here"}


def grouped(values: Iterable[tuple[Sequence[str], Any]]) -> Groups:
    """`[{clients, value}]` of (clients, value): clients whose values are equal together, by the first of each group."""
    groups: dict[str, dict[str, Any]] = {}
    for clients, content in values:
        group = groups.setdefault(
            json.dumps(content, sort_keys=True, default=unknown), {"clients": [], "value": content}
        )
        group["clients"] += clients
    for group in groups.values():
        group["clients"].sort()
    return sorted(groups.values(), key=lambda group: str(group["clients"][0]))


def by_key(values: Iterable[tuple[str, Sequence[str], Any]]) -> dict[str, Groups]:
    """Groups by key, of (key, clients, value)."""
    found: dict[str, list[tuple[Sequence[str], Any]]] = defaultdict(list)
    for key, clients, content in values:
        found[key].append((clients, content))
    return {key: grouped(found[key]) for key in sorted(found)}
