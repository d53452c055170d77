"""Whether the calls of AccessRequests documents are let through, as facts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ...resource.kinds import ACCESS_REQUESTS
from ...resource.resource import strings
from ..istio.authorization.calls import Caller, Identity, Request
from ..istio.authorization.decide import Outcome, Verdict, decide
from ..istio.authorization.filters import Layer
from ..istio.xds.istiod import Istiod

_ADDRESS = "10.250.0.1"
"""Every caller has it."""

_FIELDS = ("method", "path", "host", "headers", "claims", "tcp")


def access(istiod: Istiod) -> Iterator[dict[str, Any]]:
    """An answer to each request of the input, in their order. An external authorizer is taken to agree."""
    proxies = {proxy.key: proxy for proxy in istiod.proxies}
    for document in istiod.inventory.all(ACCESS_REQUESTS):
        for asked in document.items("requests"):
            server = proxies.get(asked.get("to"))
            fact = {"request": _request(asked), "decision": "allow", "layer": "none", "policies": []}
            if server and server.is_sidecar:
                fact |= _decision(decide(istiod.guard(server, asked["port"]), *_call(asked)))
            yield fact


def _request(asked: dict[str, Any]) -> dict[str, Any]:
    """The request without what it leaves empty."""
    given = {"from": asked.get("from"), "to": asked.get("to"), "port": asked.get("port")}
    return given | {field: asked[field] for field in _FIELDS if asked.get(field)}


def _call(asked: dict[str, Any]) -> tuple[Caller, Request]:
    """What is left out is not sent; the method is GET."""
    namespace, _, account = str(asked.get("from") or "").partition("/")
    identity = Identity(namespace, account) if asked.get("from") is not None else None
    headers = {name.lower(): value for name, value in strings(asked.get("headers")).items()}
    texts = (asked.get("method") or "GET", asked.get("path") or "", asked.get("host") or "")
    request = Request(*texts, headers, bool(asked.get("tcp")), authorized=True, whole=True)
    return Caller(identity, asked.get("claims"), _ADDRESS), request


def _decision(outcome: Outcome) -> dict[str, Any]:
    decision = outcome.value
    layer = Layer.RBAC if decision.layer is Layer.CUSTOM else decision.layer
    known: Any = decision.verdict.value
    if decision.verdict is Verdict.UNKNOWN:
        known = {"unknown": outcome.because[0].text}
    return {"decision": known, "layer": layer.value, "policies": decision.names}
