"""HTTP routes as a proxy gets them: what a VirtualService becomes for one port and gateway, and istiod's own default route.

Mirrors `core/route/route.go BuildHTTPRoutesForVirtualService`, `TranslateRoute`, `TranslateRouteMatch`,
`applyHTTPRouteDestination`, `ApplyRedirect`, `HashForHTTPDestination` and `GetDestinationCluster` (semantics §2.5 to §2.8).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from ....resource.match import duration_ms, matches
from ....resource.resource import Resource, get, required
from ....source.document import Path
from ...effective import Effective, Unknown
from ...subjects import Retries
from ..destinations import Merged
from ..meshconfig import MeshConfig
from ..routes import Rule, default_retries, no_timeout, retries, timeout
from .registry import Service
from .scope import Scope
from .virtual_services import VirtualService, in_full, target

_CLAIM = "@request.auth.claims"
_REDIRECTS = (301, 302, 303, 307, 308)
_HASH_KEYS = ("httpHeaderName", "httpCookie", "useSourceIp", "httpQueryParameterName")


class Text(NamedTuple):
    """What a text must be: `kind` is exact, prefix, regex, or present for anything."""

    kind: str
    value: str | bool


class Condition(NamedTuple):
    """What a header or query parameter must be, or with `inverted` must not be."""

    name: str
    text: Text
    inverted: bool


class Match(NamedTuple):
    """Which requests a route takes. `claims`: it also asks for claims of a token, which are no headers."""

    path: Text
    any_case: bool
    headers: tuple[Condition, ...]
    query: tuple[Condition, ...]
    claims: bool

    @property
    def is_catch_all(self) -> bool:
        """Whether nothing gets past it, as far as istiod sees that (`IsCatchAllRoute`)."""
        return self.path in (ANY_PATH, Text("regex", ".*")) and not (self.headers or self.query or self.claims)


ANY_PATH = Text("prefix", "/")
EVERYTHING = Match(ANY_PATH, False, (), (), False)


class Target(NamedTuple):
    """The cluster that gets a share of the requests. Port 0 and no subset: one of the proxy's own, such as BlackHoleCluster."""

    host: str
    port: int = 0
    subset: str = ""
    weight: int = 100


class Mirror(NamedTuple):
    """A copy of a share of the requests, in percent."""

    target: Target
    percent: float


class Fault(NamedTuple):
    """What the proxy injects; times in milliseconds, shares in percent."""

    abort_status: int
    abort_percent: float
    delay: int
    delay_percent: float


class HttpRoute(NamedTuple):
    """One route. What answers by itself (`redirect`, `direct_response`) has no `to`, timeout or retries.

    `timeout` in milliseconds, None = none. `hashed`: requests are spread by a hash of theirs; `hash_set`: a consistent
    hash is configured for the one destination, which keeps retries from looking for other hosts (since 1.23).
    """

    match: Match
    to: tuple[Target, ...]
    timeout: Effective[int | Unknown | None] | None
    retries: Retries | None
    redirect: str = ""
    direct_response: int = 0
    mirrors: tuple[Mirror, ...] = ()
    fault: Fault | None = None
    rewrite: str = ""
    hashed: bool = False
    hash_set: bool = False
    virtual_service: VirtualService | None = None
    rule: Rule | None = None


class Context(NamedTuple):
    """For whom routes are built: the proxy's namespace and labels, the listener's port, the gateways they are bound to.

    `service` finds the service of a destination, `port` the port of one that names none, given its service.
    """

    scope: Scope
    labels: Mapping[str, str]
    listener_port: int
    gateways: frozenset[str]
    meshconfig: MeshConfig
    domain: str
    service: Callable[[str], Service | None]
    is_tls: bool = False
    port: Callable[[Service | None, int], int] | None = None


def routes(virtual_service: VirtualService, context: Context) -> list[HttpRoute]:
    """The routes of a VirtualService in order, up to the first that nothing gets past; empty = it is not for this proxy."""
    found = []
    for rule in virtual_service.http:
        for match in _each_match(rule):
            if match is None or _is_for(match, context):
                route = _route(virtual_service, rule, match, context)
                found.append(route)
                if match is None or route.match.is_catch_all:
                    return found
    return found


def _each_match(rule: Rule) -> Iterator[Mapping[str, Any] | None]:
    """The matches of a rule; None = it takes everything."""
    yield from (match for match, _ in rule.matches)
    if not rule.matches:
        yield None


def default_route(service: Service, port: int, context: Context) -> HttpRoute:
    """What requests get that no VirtualService is for (`buildSidecarVirtualHostForService`)."""
    rule = context.scope.destination_rule(service.host, context.labels)
    hashed = _is_key(_hash_of_port(rule, port))
    to = (Target(service.host, port),)
    return HttpRoute(EVERYTHING, to, no_timeout(), default_retries(context.meshconfig), hashed=hashed)


def _is_for(match: Mapping[str, Any], context: Context) -> bool:
    """What istiod decides itself: port, gateway, and for matches that name no gateway the source (`sourceMatchHTTP`)."""
    if match.get("port") and match["port"] != context.listener_port:
        return False
    if match.get("gateways"):
        return any(name in context.gateways for name in match["gateways"])
    if not matches(required(match.get("sourceLabels")), context.labels):
        return False
    return match.get("sourceNamespace") in (None, "", context.scope.namespace)


def _route(virtual_service: VirtualService, rule: Rule, match: Mapping[str, Any] | None, context: Context) -> HttpRoute:
    taken = EVERYTHING if match is None else _match(match)
    route = HttpRoute(taken, (), None, None, virtual_service=virtual_service, rule=rule, fault=fault(rule))
    redirect, answer = rule.field("redirect"), rule.field("directResponse")
    if redirect:
        return route._replace(redirect=_redirect(redirect[0], context))
    if answer:
        return route._replace(direct_response=get(answer[0], "status") or 0)
    part = rule.part("route")
    entries = part[0].items(*part[1], "route") if part else []
    hashes = [_hash(entry, part[0], context) for entry in entries] if part else []
    alone = len(entries) == 1
    weights = [get(entry, "weight") or 0 for entry in entries]
    sent = [
        (_target(get(entry, "destination"), part[0], context)._replace(weight=100 if alone else weight), key)
        for entry, weight, key in zip(entries, weights, hashes, strict=True)
        if part and (alone or weight)
    ]
    return route._replace(
        to=tuple(to for to, _ in sent),
        timeout=timeout(rule),
        retries=retries(rule, context.meshconfig),
        mirrors=tuple(_mirrors(rule, context)),
        rewrite=_rewrite(rule, entries[0] if alone else None),
        hashed=any(_is_key(key) for _, key in sent),
        hash_set=alone and hashes[0] is not None and context.meshconfig.istio_version >= (1, 23),
    )


def _match(match: Mapping[str, Any]) -> Match:
    uri = match.get("uri")
    path = _text(uri) if isinstance(uri, dict) else ANY_PATH
    if path.kind == "present":
        path = ANY_PATH if not get(uri, "regex") else Text("regex", "*")
    headers, claims = [], False
    for field, inverted in (("headers", False), ("withoutHeaders", True)):
        for name, text in _entries(match.get(field)):
            if _is_claim(name):
                claims = True
            else:
                headers.append(Condition(name, _text(text), inverted))
    for field in ("method", "authority", "scheme"):
        if isinstance(match.get(field), dict):
            headers.append(Condition(f":{field}", _text(match[field]), False))
    query = tuple(Condition(name, _text(text), False) for name, text in _entries(match.get("queryParams")))
    return Match(path, match.get("ignoreUriCase") is True, tuple(headers), query, claims)


def _entries(value: Any) -> Iterator[tuple[str, Any]]:
    return iter(value.items() if isinstance(value, dict) else ())


def _text(value: Any) -> Text:
    """A StringMatch; an empty one and the regex `*` only ask whether it is there (`canBeConvertedToPresentMatch`)."""
    for kind in ("exact", "prefix", "regex"):
        text = get(value, kind)
        if text is not None and not (kind == "regex" and text == "*"):
            return Text(kind, text)
    return Text("present", True)


def _is_claim(name: str) -> bool:
    """Whether a header stands for a claim: `@request.auth.claims.NAME` or `[NAME]` (`jwt.ToRoutingClaim`)."""
    rest = name[len(_CLAIM) :] if name.lower().startswith(_CLAIM) else ""
    return (rest.startswith(".") and len(rest) > 1) or (rest.startswith("[") and rest.endswith("]") and len(rest) > 2)


def _target(destination: Any, owner: Resource, context: Context) -> Target:
    """The cluster of a destination (`GetDestinationCluster`): an ExternalName stands for another host."""
    known = in_full(destination, owner.namespace, context.domain)
    if known is None:
        return Target("UnknownService")
    host, port = target(known)
    service = context.service(host)
    if service and service.alias_of:
        host = service.alias_of
    return Target(host, port or _port(service, context), str(known.get("subset") or ""))


def _port(service: Service | None, context: Context) -> int:
    if context.port:
        return context.port(service, context.listener_port)
    return service.ports[0].number if service and len(service.ports) == 1 else context.listener_port


def _hash(entry: Any, owner: Resource, context: Context) -> Mapping[str, Any] | None:
    """The consistent hash for a destination of a route (`HashForHTTPDestination`): of the subset before the whole host's,
    where a port's own goes first if the destination names the port.
    """
    destination = in_full(get(entry, "destination"), owner.namespace, context.domain)
    if destination is None:
        return None
    host, port = target(destination)
    rule = context.scope.destination_rule(host, context.labels)
    if rule is None:
        return None
    found = [_consistent_hash(*_whole(rule)), _consistent_hash(*_of_port(*_whole(rule), port))]
    for name, owner_of_subset, index in rule.subsets:
        if name == destination.get("subset"):
            path: Path = ("spec", "subsets", index, "trafficPolicy")
            found += [_consistent_hash(owner_of_subset, path), _consistent_hash(*_of_port(owner_of_subset, path, port))]
    return next((hashed for hashed in reversed(found) if hashed is not None), None)


def _hash_of_port(rule: Merged | None, port: int) -> Mapping[str, Any] | None:
    """The consistent hash of istiod's default route (`hashForService`)."""
    if rule is None:
        return None
    own = _consistent_hash(*_of_port(*_whole(rule), port))
    return own if own is not None else _consistent_hash(*_whole(rule))


def _whole(rule: Merged) -> tuple[Resource | None, Path]:
    return rule.policy, ("spec", "trafficPolicy")


def _of_port(owner: Resource | None, path: Path, port: int) -> tuple[Resource | None, Path]:
    """Where the settings of a port stand in a traffic policy; 0 = no port is named."""
    settings = owner.items(*path, "portLevelSettings") if owner and port else []
    index = next((i for i, setting in enumerate(settings) if get(setting, "port", "number") == port), None)
    return (None, path) if index is None else (owner, (*path, "portLevelSettings", index))


def _consistent_hash(owner: Resource | None, path: Path) -> Mapping[str, Any] | None:
    found = owner.get(*path, "loadBalancer", "consistentHash") if owner else None
    return found if isinstance(found, dict) else None


def _is_key(hashed: Mapping[str, Any] | None) -> bool:
    return hashed is not None and any(hashed.get(key) is not None for key in _HASH_KEYS)


def _mirrors(rule: Rule, context: Context) -> Iterator[Mirror]:
    single = rule.part("mirror")
    if single:
        percentage, whole = rule.field("mirrorPercentage"), rule.field("mirrorPercent") or rule.field("mirror_percent")
        share = (get(percentage[0], "value") or 0) if percentage else whole[0] if whole else 100
        if share:
            yield Mirror(_target(single[0].get(*single[1], "mirror"), single[0], context), share)
    several = rule.part("mirrors")
    for policy in several[0].items(*several[1], "mirrors") if several else ():
        share = get(policy, "percentage", "value") or 0 if get(policy, "percentage") is not None else 100
        if several and share and get(policy, "destination"):
            yield Mirror(_target(policy["destination"], several[0], context), share)


def _rewrite(rule: Rule, alone: Any) -> str:
    """What becomes of path and host. The host is also rewritten by setting its header, for the route or its one destination."""
    stated, headers = rule.field("rewrite"), rule.field("headers")
    rewrite = stated[0] if stated and isinstance(stated[0], dict) else {}
    regex, parts = rewrite.get("uriRegexRewrite"), []
    if isinstance(regex, dict):
        parts.append(f"regex={regex.get('match') or ''}=>{regex.get('rewrite') or ''}")
    elif rewrite.get("uri"):
        parts.append(f"path={rewrite['uri']}")
    host = (
        rewrite.get("authority") or _host_header(headers[0] if headers else None) or _host_header(get(alone, "headers"))
    )
    return " ".join([*parts, f"host={host}"] if host else parts)


def _host_header(headers: Any) -> str:
    for operation in ("set", "add"):
        for name, value in _entries(get(headers, "request", operation)):
            if name.lower() in (":authority", "host"):
                return str(value)
    return ""


def _redirect(redirect: Any, context: Context) -> str:
    """`CODE scheme= host= port= path=`; empty for a code that istiod has no action for."""
    code = get(redirect, "redirectCode") or 301
    if code not in _REDIRECTS:
        return ""
    port = get(redirect, "port") or 0
    if get(redirect, "derivePort") in ("FROM_REQUEST_PORT", 1):
        port = context.listener_port
    stated = get(redirect, "scheme") or ""
    if port == {"http": 80, "https": 443}.get(stated or ("https" if context.is_tls else "http")):
        port = 0
    prefix = get(redirect, "prefixRewrite")
    path = f"prefix:{prefix}" if prefix else get(redirect, "uri") or ""
    return f"{code} scheme={stated} host={get(redirect, 'authority') or ''} port={port} path={path}"


def fault(rule: Rule) -> Fault | None:
    """What a rule has the proxy inject; None where it has no such block."""
    stated = rule.field("fault")
    if stated is None:
        return None
    delay, abort = get(stated[0], "delay"), get(stated[0], "abort")
    length = duration_ms(get(delay, "fixedDelay"))
    status = get(abort, "httpStatus")
    is_abort = status is not None or get(abort, "grpcStatus") is not None
    return Fault(
        status or 0,
        (get(abort, "percentage", "value") or 0) if is_abort else 0,
        length or 0,
        0 if length is None else _percent(delay),
    )


def _percent(delay: Any) -> float:
    """Of a delay: without a percentage none, but for the old field `percent`."""
    share = get(delay, "percentage", "value") if get(delay, "percentage") is not None else get(delay, "percent")
    return float(share) if isinstance(share, int | float) else 0
