"""What istiod's validating webhook refuses, kind by kind (`pkg/config/validation`)."""

from collections.abc import Callable

from .complaint import Complaint, Complaints
from .decode import Message, message
from .destinationrule import destination_rule
from .envoyfilter import envoy_filter
from .extensions import traffic_extension, wasm_plugin
from .gateway import gateway
from .meta import Meta, annotations
from .schema import Schema
from .security import authorization_policy, peer_authentication, request_authentication
from .serviceentry import service_entry, workload_entry, workload_group
from .sidecar import sidecar
from .telemetry import proxy_config, telemetry
from .virtualservice import virtual_service

_KINDS: dict[str, Callable[[Message, Meta], Complaints]] = {
    "AuthorizationPolicy": authorization_policy,
    "DestinationRule": destination_rule,
    "EnvoyFilter": envoy_filter,
    "Gateway": gateway,
    "PeerAuthentication": peer_authentication,
    "ProxyConfig": proxy_config,
    "RequestAuthentication": request_authentication,
    "ServiceEntry": service_entry,
    "Sidecar": sidecar,
    "Telemetry": telemetry,
    "TrafficExtension": traffic_extension,
    "VirtualService": virtual_service,
    "WasmPlugin": wasm_plugin,
    "WorkloadEntry": workload_entry,
    "WorkloadGroup": workload_group,
}


def complaints(kind: str, schema: Schema, spec: object, meta: Meta) -> Complaints:
    """All that is wrong with the spec of an object of a kind; only the first thing where it cannot be read at all."""
    found = message(schema["properties"]["spec"], spec, ("spec",))
    if isinstance(found, Complaint):
        yield found
        return
    yield from annotations(meta, found.get("action", "ALLOW") if kind == "AuthorizationPolicy" else None)
    yield from _KINDS[kind](found, meta)
