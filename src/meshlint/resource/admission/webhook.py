"""What istiod's validating webhook refuses, kind by kind (`pkg/config/validation`)."""

from importlib import import_module

from .complaint import Complaint, Complaints
from .decode import message
from .meta import Meta, annotations
from .schema import Schema

_KINDS = {
    "AuthorizationPolicy": "security.authorization_policy",
    "DestinationRule": "destinationrule.destination_rule",
    "EnvoyFilter": "envoyfilter.envoy_filter",
    "Gateway": "gateway.gateway",
    "PeerAuthentication": "security.peer_authentication",
    "ProxyConfig": "telemetry.proxy_config",
    "RequestAuthentication": "security.request_authentication",
    "ServiceEntry": "serviceentry.service_entry",
    "Sidecar": "sidecar.sidecar",
    "Telemetry": "telemetry.telemetry",
    "TrafficExtension": "extensions.traffic_extension",
    "VirtualService": "virtualservice.virtual_service",
    "WasmPlugin": "extensions.wasm_plugin",
    "WorkloadEntry": "serviceentry.workload_entry",
    "WorkloadGroup": "serviceentry.workload_group",
}
"""Where each kind is judged: only what the input has is imported."""


def complaints(kind: str, schema: Schema, spec: object, meta: Meta) -> Complaints:
    """All that is wrong with the spec of an object of a kind; only the first thing where it cannot be read at all."""
    found = message(schema["properties"]["spec"], spec, ("spec",))
    if isinstance(found, Complaint):
        yield found
        return
    yield from annotations(meta, found.get("action", "ALLOW") if kind == "AuthorizationPolicy" else None)
    module, _, name = _KINDS[kind].partition(".")
    yield from getattr(import_module(f".{module}", __package__), name)(found, meta)
