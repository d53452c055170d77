"""EnvoyFilters (`ValidateEnvoyFilter`), without what their values make of Envoy's own messages.

istiod decodes the values of patches. Which messages and fields it knows changes with its version, so that only those of
Envoy's old API are told here, which none knows any more.
"""

import re
from collections.abc import Iterator
from typing import Any

from ...source.document import Path
from .common import one_of, selector
from .complaint import Complaints, told
from .decode import Message
from .meta import Meta

_LISTENER = ("LISTENER", "FILTER_CHAIN", "NETWORK_FILTER", "HTTP_FILTER")
_MATCHED_BY = {
    **dict.fromkeys(_LISTENER, "listener"),
    **dict.fromkeys(("ROUTE_CONFIGURATION", "VIRTUAL_HOST", "HTTP_ROUTE"), "routeConfiguration"),
    "CLUSTER": "cluster",
}
_CONNECTION_MANAGERS = ("envoy.filters.network.http_connection_manager", "envoy.http_connection_manager")
_LONGEST_VERSION = 1024
_REMOVED_TYPE = r".*/envoy\..*\.v2(?:alpha\d*)?\..*"


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
    if version and len(version.encode()) <= _LONGEST_VERSION:
        from .regex import bad_regex

        yield from filter(None, [bad_regex(version)])
    kind = one_of(match, "listener", "routeConfiguration", "cluster", "waypoint")
    if kind and _MATCHED_BY.get(to, kind) != kind:
        yield f"what {to} is applied to is not matched by {kind}"
    if to in _LISTENER and kind == "listener":
        yield from _wrong_filter(match["listener"].get("filterChain", {}).get("filter"), to)
    yield from (
        f"{name} is of Envoy's API v2, which no proxy has any more" for name in _removed((patch or {}).get("value"))
    )


def _removed(value: Any) -> Iterator[str]:
    """The types of Envoy's old API that a value names; what a TypedStruct holds is not decoded."""
    if isinstance(value, dict):
        name = value.get("@type")
        if isinstance(name, str) and re.fullmatch(_REMOVED_TYPE, name):
            yield name
        if not (isinstance(name, str) and name.endswith(".TypedStruct")):
            for inner in value.values():
                yield from _removed(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _removed(inner)


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
