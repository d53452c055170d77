"""HTTP routes of VirtualServices (`validateHTTPRoute`)."""

from collections.abc import Callable, Iterator
from typing import Any

from ...source.document import Path
from .common import destination, duration, labels, one_of
from .complaint import Complaint, Complaints, told
from .decode import Message
from .syntax import (
    PSEUDO_HEADERS,
    bad_fqdn,
    bad_header_value,
    bad_port,
    integer,
    is_claim_header,
    is_dns_label,
    is_header,
)

_RETRY_ON = frozenset[str]().union(
    ["5xx", "gateway-error", "reset", "reset-before-request", "connect-failure", "retriable-4xx"],
    ["refused-stream", "retriable-status-codes", "retriable-headers", "envoy-ratelimited"],
    ["http3-post-connect-failure", "cancelled", "deadline-exceeded", "internal", "resource-exhausted"],
    ["unavailable"],
)
_STATUS = frozenset(
    [*range(100, 104), *range(200, 209), 226, *range(300, 309), *range(400, 419), *range(421, 427), 428, 429, 431, 451]
).union(range(500, 509), (510, 511))
_METHODS = frozenset(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "CONNECT", "OPTIONS", "TRACE", "*"])
_GRPC_STATUS = frozenset[str]().union(
    ["OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND"],
    ["ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED"],
    ["OUT_OF_RANGE", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED"],
)
_SECOND = 1_000_000_000
_MAX_REGEX = 1024
_BIG_BODY, _MAX_BODY = 100 * 1024, 1024 * 1024


def http_route(route: Message, path: Path, *, delegate: bool, of_gateway_api: bool) -> Complaints:
    """One of `http`. `delegate`: in a VirtualService without hosts; `of_gateway_api`: made from a route of the Gateway API."""
    yield from _conflicts(route, path, delegate)
    for index, match in enumerate(route.get("match", ())):
        yield from _match(match, (*path, "match", index))
    yield from headers(route, path)
    yield from _cors(route.get("corsPolicy", {}), (*path, "corsPolicy"))
    if "fault" in route:
        yield from _fault(route["fault"], (*path, "fault"))
    yield from _mirrors(route, path)
    for name, check in _PARTS.items():
        if name in route:
            yield from check(route[name], (*path, name))
    if _prefix_rewrite_misses(route):
        yield Complaint((*path, "redirect"), "prefixRewrite needs matches whose uri is a prefix")
    yield from _authorities(route, path)
    yield from destinations(route, path, of_gateway_api=of_gateway_api)
    yield from duration(route.get("timeout"), (*path, "timeout"))


def _conflicts(route: Message, path: Path, delegate: bool) -> Complaints:
    """`validateHTTPRouteConflict`."""
    if "delegate" in route and not delegate:
        for name in ("redirect", "route"):
            if name in route:
                yield Complaint((*path, name), f"a route that delegates has no {name}")
        return
    if "delegate" in route:
        yield Complaint((*path, "delegate"), "a route of a delegate must not delegate")
    answer = next((name for name in ("redirect", "directResponse") if name in route), None)
    if answer:
        for name in ("route", "fault", "rewrite", "directResponse"):
            if name in route and name != answer:
                yield Complaint((*path, name), f"a route with {answer} has no {name}")
    elif "route" not in route:
        yield Complaint(path, "a route needs one of route, redirect and directResponse")
    if "mirror" in route and "mirrors" in route:
        yield Complaint((*path, "mirrors"), "only one of mirror and mirrors may be set")


def _match(match: Message, path: Path) -> Complaints:
    """`validateHTTPRouteMatchRequest`."""
    for name in ("headers", "withoutHeaders"):
        for header, value in match.get(name, {}).items():
            at = (*path, name, header)
            yield from told(at, _bad_match_header(header))
            if name == "headers" or _regex(value) != "*":
                yield from string_match(value, at)
    yield from _regex_of(match.get("uri", {}), (*path, "uri"))
    for name in ("scheme", "method", "authority"):
        yield from string_match(match.get(name, {}), (*path, name))
    for parameter, value in match.get("queryParams", {}).items():
        yield from string_match(value, (*path, "queryParams", parameter))
    if match.get("port"):
        yield from told((*path, "port"), bad_port(match["port"]))
    yield from labels(match.get("sourceLabels", {}), (*path, "sourceLabels"))
    yield from gateway_names(match.get("gateways", []), (*path, "gateways"))
    namespace = match.get("sourceNamespace")
    if namespace and not is_dns_label(namespace):
        yield Complaint((*path, "sourceNamespace"), f"{namespace!r} is no namespace")


def _bad_match_header(name: str) -> str | None:
    fits = is_claim_header(name) or name in PSEUDO_HEADERS or is_header(name)
    return None if fits else f"{name!r} is no name of a header"


def string_match(match: Message, path: Path) -> Complaints:
    """`validateStringMatch`."""
    if one_of(match, "exact", "prefix", "regex") == "prefix" and not match["prefix"]:
        yield Complaint((*path, "prefix"), "a prefix must not be empty")
    yield from _regex_of(match, path)


def _regex(match: Message) -> str:
    return str(match["regex"]) if one_of(match, "exact", "prefix", "regex") == "regex" else ""


def _regex_of(match: Message, path: Path) -> Complaints:
    """`validateStringMatchRegexp`."""
    if "regex" in match:
        yield from told((*path, "regex"), _bad_regex(match["regex"]) if match["regex"] else "a regex must not be empty")


def _bad_regex(text: str) -> str | None:
    if len(text.encode()) > _MAX_REGEX:
        return f"a regex must not be longer than {_MAX_REGEX} characters"
    from .regex import bad_regex

    return bad_regex(text)


def gateway_names(names: list[str], path: Path, *, of_gateway_api: bool = False) -> Complaints:
    """`validateGatewayNames`, which looks no further than the first name without a namespace."""
    for index, name in enumerate(names):
        namespace, slash, gateway = name.partition("/")
        if not slash:
            if "." in name:
                yield Complaint((*path, index), f"{name} is an old form of NAMESPACE/NAME", warns=True)
            yield from told((*path, index), bad_fqdn(name))
            return
        if not is_dns_label(namespace) or not gateway or not (of_gateway_api or is_dns_label(gateway)):
            yield Complaint((*path, index), f"{name} is not of the form NAMESPACE/NAME")


def headers(part: Message, path: Path) -> Complaints:
    """What a route or a destination does to headers."""
    for of, operations in part.get("headers", {}).items():
        bad_name = _bad_set_header if of == "request" else _bad_header
        for name in ("add", "set"):
            for header, value in operations.get(name, {}).items():
                at = (*path, "headers", of, name, header)
                yield from told(at, bad_name(header))
                yield from told(at, bad_header_value(value))
        for index, header in enumerate(operations.get("remove", ())):
            yield from told((*path, "headers", of, "remove", index), _bad_header(header))


def _is_authority(header: str) -> bool:
    return header.lower() in (":authority", "host")


def _bad_set_header(name: str) -> str | None:
    if not name:
        return "a header must have a name"
    return f"{name} cannot be set" if name.startswith(":") and not _is_authority(name) else None


def _bad_header(name: str) -> str | None:
    if not name:
        return "a header must have a name"
    return f"{name} cannot be changed" if name.startswith(":") or name.lower() == "host" else None


def _authorities(route: Message, path: Path) -> Complaints:
    """`validateAuthorityRewrite`."""
    changed = route.get("headers", {}).get("request", {})
    written = [value for name in ("set", "add") for key, value in changed.get(name, {}).items() if _is_authority(key)]
    if any([route.get("rewrite", {}).get("authority", ""), *written][: len(written)]):
        yield Complaint((*path, "headers", "request"), "the authority is set more than once")


def _cors(policy: Message, path: Path) -> Complaints:
    """`validateCORSPolicy`."""
    for index, origin in enumerate(policy.get("allowOrigins", ())):
        kind = one_of(origin, "exact", "prefix", "regex")
        if not origin.get(kind):
            yield Complaint((*path, "allowOrigins", index), "an origin must not be empty")
        elif kind == "regex":
            yield from _regex_of(origin, (*path, "allowOrigins", index))
    for index, method in enumerate(policy.get("allowMethods", ())):
        if method not in _METHODS:
            yield Complaint((*path, "allowMethods", index), f"{method!r} is no HTTP method")
    for name in ("allowHeaders", "exposeHeaders"):
        for index, header in enumerate(policy.get(name, ())):
            if header != "*" and not is_header(header):
                yield Complaint((*path, name, index), f"{header!r} is no name of a header")
    yield from duration(policy.get("maxAge"), (*path, "maxAge"))
    if policy.get("maxAge", 0) > 0 and policy["maxAge"] % _SECOND:
        yield Complaint((*path, "maxAge"), "maxAge must be whole seconds")


def _fault(fault: Message, path: Path) -> Complaints:
    """`validateHTTPFaultInjection`."""
    if not fault.keys() & {"abort", "delay"}:
        yield Complaint(path, "a fault must abort or delay")
    if "abort" in fault:
        yield from _abort(fault["abort"], (*path, "abort"))
    if "delay" in fault:
        delay = fault["delay"]
        kind = one_of(delay, "fixedDelay", "exponentialDelay")
        yield from _percentage(delay, (*path, "delay"))
        yield from duration(delay.get(kind), (*path, "delay", kind))
        if kind == "exponentialDelay":
            yield Complaint((*path, "delay", kind), "exponentialDelay is not supported")


def _abort(abort: Message, path: Path) -> Complaints:
    yield from _percentage(abort, path)
    kind = one_of(abort, "httpStatus", "grpcStatus", "http2Error")
    if kind == "httpStatus":
        yield from _status(abort[kind], (*path, kind))
    elif kind == "grpcStatus" and abort[kind] not in _GRPC_STATUS:
        yield Complaint((*path, kind), f"{abort[kind]!r} is no status of gRPC, as NOT_FOUND is")
    elif kind == "http2Error":
        yield Complaint((*path, kind), "http2Error is not supported")


def _percentage(part: Message, path: Path) -> Complaints:
    value = part.get("percentage", {}).get("value", 0)
    if value < 0 or value > 100 or 0 < value < 0.0001:
        yield Complaint((*path, "percentage"), f"{value} is neither 0 nor from 0.0001 to 100")


def _status(status: int, path: Path) -> Complaints:
    if not 200 <= status <= 600:
        yield Complaint(path, f"{status} is no status from 200 to 599")


def _mirrors(route: Message, path: Path) -> Complaints:
    """The mirror of a route and its `mirrors` (`validateHTTPMirrors`)."""
    if route.get("mirrorPercent", 0) > 100:
        yield Complaint((*path, "mirrorPercent"), "mirrorPercent must be at most 100")
    if "mirrorPercent" in route:
        yield Complaint((*path, "mirrorPercent"), "mirrorPercent is deprecated for mirrorPercentage", warns=True)
    yield from _share(route.get("mirrorPercentage", {}), (*path, "mirrorPercentage"))
    yield from destination(route.get("mirror"), (*path, "mirror"))
    for index, mirror in enumerate(route.get("mirrors", ())):
        at = (*path, "mirrors", index)
        if "destination" not in mirror:
            yield Complaint(at, "a mirror needs a destination")
            continue
        yield from destination(mirror["destination"], (*at, "destination"))
        yield from _share(mirror.get("percentage", {}), (*at, "percentage"))


def _share(percent: Message, path: Path) -> Complaints:
    value = percent.get("value", 0)
    if value < 0 or value > 100:
        yield Complaint(path, f"{value} is not from 0 to 100")


def _redirect(redirect: Message, path: Path) -> Complaints:
    """`validateHTTPRedirect`."""
    if redirect.get("uri") and redirect.get("prefixRewrite"):
        yield Complaint(path, "only one of uri and prefixRewrite may be set")
    targets = [redirect.get(name) for name in ("uri", "prefixRewrite", "authority", "scheme")]
    if not any(targets) and not redirect.keys() & {"port", "derivePort"}:
        yield Complaint(path, "a redirect must change uri, authority, scheme or port")
    code = redirect.get("redirectCode", 0)
    if code and not 300 <= code <= 399:
        yield Complaint((*path, "redirectCode"), f"{code} is no redirect from 300 to 399")
    if redirect.get("scheme") not in (None, "", "http", "https"):
        yield Complaint((*path, "scheme"), "scheme must be http or https")
    if redirect.get("port") and "derivePort" not in redirect:
        yield from told((*path, "port"), bad_port(redirect["port"]))


def _prefix_rewrite_misses(route: Message) -> bool:
    if not route.get("redirect", {}).get("prefixRewrite"):
        return False
    uris = [match["uri"] for match in route.get("match", ()) if "uri" in match]
    return any(one_of(uri, "exact", "prefix", "regex") != "prefix" for uri in uris)


def _direct_response(response: Message, path: Path) -> Complaints:
    """`validateHTTPDirectResponse`."""
    body = response.get("body", {})
    kind = one_of(body, "string", "bytes")
    size = len(body["string"].encode()) if kind == "string" else body.get("bytes", 0)
    if size > _MAX_BODY:
        yield Complaint((*path, "body"), "a body must not be larger than 1 MiB")
    elif size > _BIG_BODY:
        yield Complaint((*path, "body"), "a body this large burdens the control plane", warns=True)
    yield from _status(response.get("status", 0), (*path, "status"))


def _retries(retries: Message, path: Path) -> Complaints:
    """`validateHTTPRetry`."""
    attempts = retries.get("attempts", 0)
    if attempts < 0:
        yield Complaint((*path, "attempts"), "attempts must not be negative")
    is_set = "perTryTimeout" in retries or "retryRemoteLocalities" in retries or retries.get("retryOn")
    if attempts == 0 and is_set:
        yield Complaint(path, "attempts is 0, which switches retries off, but how to retry is set")
    yield from duration(retries.get("perTryTimeout"), (*path, "perTryTimeout"))
    for word in retries["retryOn"].split(",") if retries.get("retryOn") else ():
        if word not in _RETRY_ON and integer(word) not in _STATUS:
            yield Complaint((*path, "retryOn"), f"{word!r} is neither a condition nor a status that is retried")
    yield from duration(retries.get("backoff"), (*path, "backoff"))


def _rewrite(rewrite: Message, path: Path) -> Complaints:
    """`validateHTTPRewrite`."""
    regex = rewrite.get("uriRegexRewrite")
    if rewrite.get("uri") and regex is not None:
        yield Complaint(path, "only one of uri and uriRegexRewrite may be set")
    if not rewrite.get("uri") and regex is None and not rewrite.get("authority"):
        yield Complaint(path, "a rewrite must change uri or authority")
    if regex is not None and not (regex.get("match") and regex.get("rewrite")):
        yield Complaint((*path, "uriRegexRewrite"), "match and rewrite must be set")
    elif regex is not None:
        yield from told((*path, "uriRegexRewrite", "match"), _bad_regex(regex["match"]))


_PARTS: dict[str, Callable[[Any, Path], Iterator[Complaint]]] = {
    "redirect": _redirect,
    "directResponse": _direct_response,
    "retries": _retries,
    "rewrite": _rewrite,
}


def destinations(route: Message, path: Path, *, of_gateway_api: bool) -> Complaints:
    """The weighted destinations of a route of any protocol (`validateRouteDestinations`, `validateHTTPRouteDestinations`)."""
    listed = route.get("route", [])
    for index, weighted in enumerate(listed):
        at = (*path, "route", index)
        if "destination" not in weighted:
            yield Complaint(at, "a destination must be set")
        yield from headers(weighted, at)
        if not of_gateway_api:
            yield from destination(weighted.get("destination"), (*at, "destination"))
        if weighted.get("weight", 0) < 0:
            yield Complaint((*at, "weight"), "weight must not be negative")
    if len(listed) > 1 and not sum(weighted.get("weight", 0) for weighted in listed):
        yield Complaint((*path, "route"), "the weights are all 0")
