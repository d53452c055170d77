"""EnvoyFilters (`ValidateEnvoyFilter`)."""

from collections.abc import Iterator

from ...source.document import Path
from .common import one_of, selector
from .complaint import Complaints, told
from .decode import Message
from .meta import Meta
from .regex import bad_regex

_LISTENER = ("LISTENER", "FILTER_CHAIN", "NETWORK_FILTER", "HTTP_FILTER")
_MATCHED_BY = {
    **dict.fromkeys(_LISTENER, "listener"),
    **dict.fromkeys(("ROUTE_CONFIGURATION", "VIRTUAL_HOST", "HTTP_ROUTE"), "routeConfiguration"),
    "CLUSTER": "cluster",
}
_CONNECTION_MANAGERS = ("envoy.filters.network.http_connection_manager", "envoy.http_connection_manager")
_LONGEST_VERSION = 1024


def envoy_filter(spec: Message, meta: Meta) -> Complaints:
    yield from selector(spec, "workloadSelector", "labels", ("spec",))
    for index, patch in enumerate(spec.get("configPatches", ())):
        if patch.get("match", {}).get("context") != "WAYPOINT":
            yield from _patch(patch, ("spec", "configPatches", index))


def _patch(config: Message, path: Path) -> Complaints:
    """One of `configPatches`; whatever is wrong with it ends the search."""
    yield from told(path, next(_wrong(config), None))


def _wrong(config: Message) -> Iterator[str]:
    to, patch, match = config.get("applyTo", "INVALID"), config.get("patch"), config.get("match", {})
    operation = (patch or {}).get("operation", "INVALID")
    if to == "INVALID":
        yield "applyTo must be set"
    if operation == "INVALID":
        yield "the operation of the patch must be set"
    if operation != "REMOVE" and "value" not in (patch or {}):
        yield f"a patch that is to {operation} needs a value"
    version = match.get("proxy", {}).get("proxyVersion", "")
    if len(version.encode()) <= _LONGEST_VERSION and (wrong := bad_regex(version)):
        yield wrong
    kind = one_of(match, "listener", "routeConfiguration", "cluster", "waypoint")
    if kind and _MATCHED_BY.get(to, kind) != kind:
        yield f"what {to} is applied to is not matched by {kind}"
    if to in _LISTENER and kind == "listener":
        yield from _wrong_filter(match["listener"].get("filterChain", {}).get("filter"), to)


def _wrong_filter(found: Message | None, to: str) -> Iterator[str]:
    """What is wrong with the match of a filter in a listener."""
    if found is None:
        return
    if not found.get("name"):
        yield "the filter that is matched must have a name"
    if "subFilter" not in found:
        return
    if to != "HTTP_FILTER":
        yield "subFilter is for HTTP_FILTER"
    if found["name"] not in _CONNECTION_MANAGERS:
        yield f"subFilter is for {_CONNECTION_MANAGERS[0]}"
    if not found["subFilter"].get("name"):
        yield "the subFilter that is matched must have a name"
