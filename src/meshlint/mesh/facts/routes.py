"""Calls and routes as facts."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from http import HTTPStatus
from typing import Any

from ..istio.xds.calls import Call
from ..istio.xds.http_routes import Condition, Fault, HttpRoute, Match, Mirror, Target, Text
from ..istio.xds.virtual_services import UNKNOWN_PORT
from ..subjects import Retries
from .values import unknown, value


def call(found: Call) -> dict[str, Any]:
    """A call; what does not apply is left out, and so are the routes of a virtual host that has none."""
    fact: dict[str, Any] = {"protocol": found.protocol}
    if found.http:
        fact["http"] = [route(each) for each in found.http]
    if found.tcp:
        fact["tcp"] = targets(found.tcp)
    if found.tls:
        fact["tls"] = targets(found.tls)
    return fact


def route(found: HttpRoute) -> dict[str, Any]:
    fact: dict[str, Any] = {
        "match": _match(found.match),
        "to": targets(found.to),
        "timeout_ms": (value(found.timeout) or 0) if found.timeout else 0,
        "retries": retries(found) if found.retries else None,
        "virtual_service": found.virtual_service.key if found.virtual_service else None,
    }
    optional = {
        "redirect": found.redirect,
        "direct_response": found.direct_response,
        "mirrors": [_mirror(mirror) for mirror in found.mirrors],
        "fault": _fault(found.fault) if found.fault else None,
        "rewrite": found.rewrite,
        "hash": found.hashed,
    }
    return fact | {key: content for key, content in optional.items() if content}


def targets(found: Iterable[Target]) -> list[dict[str, Any]]:
    return [{**_place(target), "weight": target.weight} for target in found]


def _place(target: Target) -> dict[str, Any]:
    """Where a share goes; a host with a `$` is for another tool to fill in, for no name has one."""
    host = unknown(target.host) if "$" in target.host else target.host
    port = unknown("the port") if target.port == UNKNOWN_PORT else target.port
    return {"host": host, "port": port, "subset": target.subset}


def _mirror(mirror: Mirror) -> dict[str, Any]:
    return {**_place(mirror.target), "percent": mirror.percent}


def _fault(fault: Fault) -> dict[str, Any]:
    return {
        "abort_status": fault.abort_status,
        "abort_percent": fault.abort_percent,
        "delay_ms": fault.delay,
        "delay_percent": fault.delay_percent,
    }


def _match(match: Match) -> dict[str, Any]:
    path = _text(match.path) | ({"any_case": True} if match.any_case else {})
    fact: dict[str, Any] = {"path": path}
    if match.headers:
        fact["headers"] = _conditions(match.headers)
    if match.query:
        fact["query"] = _conditions(match.query)
    return fact


def _text(text: Text) -> dict[str, Any]:
    return {text.kind: text.value}


def _conditions(conditions: Sequence[Condition]) -> list[dict[str, Any]]:
    facts = [{"name": c.name} | ({"invert": True} if c.inverted else {}) | _text(c.text) for c in conditions]
    return sorted(facts, key=lambda fact: json.dumps(fact, separators=(",", ":"), ensure_ascii=False, default=unknown))


def retries(found: HttpRoute) -> Any:
    """The retries of a route; null = none."""
    return _retries(found.retries, found.hash_set) if found.retries else None


def _retries(found: Retries, hashed: bool) -> Any:
    attempts, conditions = value(found.attempts), value(found.conditions)
    if attempts == 0:
        return None
    if isinstance(attempts, dict) or isinstance(conditions, dict):
        return attempts if isinstance(attempts, dict) else conditions
    codes = sorted(int(word) for word in conditions if _is_code(word))
    words = [word for word in conditions if not _is_code(word)]
    if codes and not any("retriable-status-codes" in word for word in words):
        words.append("retriable-status-codes")
    return {
        "attempts": attempts,
        "on": sorted(words),
        "codes": codes,
        "per_try_timeout_ms": value(found.per_try_timeout) or 0,
        "other_hosts": not hashed if found.other_hosts is None else found.other_hosts,
        "other_localities": found.other_localities,
        "backoff_ms": found.backoff,
    }


def _is_code(word: str) -> bool:
    """Whether istiod takes a word of retryOn for a status code."""
    return word.isdecimal() and int(word) in HTTPStatus._value2member_map_
