"""Policies of security.istio.io (`ValidateAuthorizationPolicy`, `ValidateRequestAuthentication`, `ValidatePeerAuthentication`)."""

import re
from collections.abc import Callable

from ...source.document import Path
from .common import attachment, duration, selector
from .complaint import Complaint, Complaints, told
from .decode import Message
from .meta import Meta
from .syntax import is_cidr, is_ip, is_strict_header
from .url import scheme

Check = Callable[[str], str | None]
"""What is wrong with one value of a list; None where nothing is."""

_MAX_ACCOUNTS = 16
_MAX_ACCOUNT = 320
_PATH_SEGMENT = r"[a-zA-Z0-9\-._~%!$&'()+,;:@=]+"


def _not_empty(value: str) -> str | None:
    return None if value else "must not be empty"


def _address(value: str) -> str | None:
    fits = is_cidr(value) if "/" in value else is_ip(value)
    return None if fits else f"{value!r} is neither an address nor an address range"


def _port(value: str) -> str | None:
    fits = re.fullmatch("[0-9]{1,100}", value) and int(value) <= 65535
    return None if fits else f"{value!r} is no port"


def _wildcard(value: str) -> str | None:
    """`security.CheckWildcardValues`."""
    fits = value and (value == "*" or "*" not in value.removeprefix("*") or "*" not in value.removesuffix("*"))
    return (
        None
        if fits
        else f"{value!r} has a wildcard that is neither at its start nor at its end"
        if value
        else "must not be empty"
    )


def _trust_domain(value: str) -> str | None:
    return f"{value!r} has a / that no trust domain has" if "/" in value else _wildcard(value)


def _account(value: str) -> str | None:
    """`security.CheckServiceAccount`."""
    namespace, slash, name = value.partition("/")
    fits = namespace and "*" not in value and "/" not in name and bool(slash) == bool(name)
    return (
        None if fits and len(value.encode()) <= _MAX_ACCOUNT else f"{value!r} is neither ACCOUNT nor NAMESPACE/ACCOUNT"
    )


def _template(value: str) -> str | None:
    """`security.CheckValidPathTemplate`: `{*}` and `{**}` are whole segments, and the latter is the last of them."""
    is_template = "{*}" in value or "{**}" in value
    ended = False
    for segment in value.strip("/").split("/"):
        if segment in ("{*}", "{**}"):
            if ended:
                return f"{value!r} goes on after {{**}}"
            ended = segment == "{**}"
        elif "{" in segment or "}" in segment:
            return f"{value!r} has braces that are neither {{*}} nor {{**}}"
        elif is_template and not re.fullmatch(_PATH_SEGMENT, segment):
            return f"{value!r} has {segment!r}, which no path template takes"
    return None


def _path(value: str) -> str | None:
    return _not_empty(value) or _template(value)


_SOURCE: dict[str, Check] = {
    "principals": _not_empty,
    "requestPrincipals": _not_empty,
    "namespaces": _not_empty,
    "serviceAccounts": _account,
    "trustDomains": _trust_domain,
    "ipBlocks": _address,
    "remoteIpBlocks": _address,
}
_OPERATION: dict[str, Check] = {"ports": _port, "methods": _not_empty, "paths": _path, "hosts": _not_empty}
_BESIDE_ACCOUNTS = ("principals", "notPrincipals", "namespaces", "notNamespaces")
_KNOWN_TO_TCP = {
    *_BESIDE_ACCOUNTS,
    *("ipBlocks", "notIpBlocks", "remoteIpBlocks", "notRemoteIpBlocks", "serviceAccounts", "notServiceAccounts"),
}
_NOT_CUSTOM = ("namespaces", "serviceAccounts", "trustDomains", "principals", "requestPrincipals")
_NOT_CUSTOM_KEYS = ("source.namespace", "source.serviceAccount", "source.trustDomain", "source.principal")

_CONDITIONS: dict[str, Check] = {
    "source.ip": _address,
    "remote.ip": _address,
    "source.namespace": _not_empty,
    "source.serviceAccount": _account,
    "source.principal": _not_empty,
    "source.trustDomain": _wildcard,
    "request.auth.principal": _not_empty,
    "request.auth.audiences": _not_empty,
    "request.auth.presenter": _not_empty,
    "destination.ip": _address,
    "destination.port": _port,
    "connection.sni": _not_empty,
}
_KEYED = ("request.headers", "request.auth.claims", "experimental.envoy.filters.")


def authorization_policy(spec: Message, meta: Meta) -> Complaints:
    path: Path = ("spec",)
    action = spec.get("action", "ALLOW")
    yield from attachment(spec, path)
    if action == "CUSTOM" and spec.get("rules") and not spec.get("provider", {}).get("name"):
        yield Complaint(path, "CUSTOM needs the name of a provider")
    if action != "CUSTOM" and "provider" in spec:
        yield Complaint((*path, "provider"), f"only CUSTOM has a provider, not {action}")
    if action in ("CUSTOM", "DENY") and "rules" not in spec:
        yield Complaint(path, f"{action} without rules does nothing; an empty rule {{}} is for every request")
    for index, rule in enumerate(spec.get("rules", ())):
        at = (*path, "rules", index)
        yield from _rule(rule, at)
        if action == "CUSTOM":
            yield from _custom_rule(rule, at)
        if action == "DENY" and _is_about_http_only(rule):
            yield Complaint(
                at, "on TCP ports this denies everything: it names only what HTTP has, and no port", warns=True
            )


def _is_about_http_only(rule: Message) -> bool:
    sources = [source["source"] for source in rule.get("from", ()) if "source" in source]
    operations = [operation["operation"] for operation in rule.get("to", ()) if "operation" in operation]
    if operations:
        return not any(operation.keys() & {"ports", "notPorts"} for operation in operations)
    return bool(sources) and not any(source.keys() & _KNOWN_TO_TCP for source in sources)


def _rule(rule: Message, path: Path) -> Complaints:
    for index, source in enumerate(rule.get("from", ())):
        yield from _values(source.get("source"), _SOURCE, (*path, "from", index, "source"))
        yield from _accounts(source.get("source", {}), (*path, "from", index, "source"))
    for index, operation in enumerate(rule.get("to", ())):
        yield from _values(operation.get("operation"), _OPERATION, (*path, "to", index, "operation"))
    for index, condition in enumerate(rule.get("when", ())):
        yield from _condition(condition, (*path, "when", index))


def _values(part: Message | None, fields: dict[str, Check], path: Path) -> Complaints:
    """The lists of a `source` or an `operation`, and their opposites (`notPorts`)."""
    if not part:
        yield Complaint(path, f"{path[-1]} must not be empty")
        return
    for field, check in fields.items():
        for name in (field, f"not{field[0].upper()}{field[1:]}"):
            for index, value in enumerate(part.get(name, ())):
                yield from told((*path, name, index), check(value))


def _accounts(source: Message, path: Path) -> Complaints:
    listed = [name for name in ("serviceAccounts", "notServiceAccounts") if name in source]
    if listed and source.keys() & set(_BESIDE_ACCOUNTS):
        yield Complaint(path, "service accounts exclude principals and namespaces")
    for name in listed:
        if len(source[name]) > _MAX_ACCOUNTS:
            yield Complaint((*path, name), f"there must be at most {_MAX_ACCOUNTS} service accounts")


def _condition(condition: Message, path: Path) -> Complaints:
    """`security.ValidateAttribute`."""
    key = condition.get("key", "")
    if not condition.keys() & {"values", "notValues"}:
        yield Complaint(path, "one of values and notValues must be set")
    elif key.startswith(_KEYED):
        bracket = key.find("[")
        if not (key.endswith("]") and 0 < bracket < len(key) - 2):
            yield Complaint((*path, "key"), f"{key!r} is not of the form a[b]")
    elif key not in _CONDITIONS:
        yield Complaint((*path, "key"), f"{key!r} is nothing that conditions are about")
    check = _CONDITIONS.get(key, _not_empty)
    for name in ("values", "notValues"):
        values = condition.get(name, [])
        for index, value in enumerate(values):
            yield from told((*path, name, index), check(value))
        if check is _account and len(values) > _MAX_ACCOUNTS:
            yield Complaint((*path, name), f"there must be at most {_MAX_ACCOUNTS} service accounts")


def _custom_rule(rule: Message, path: Path) -> Complaints:
    for index, source in enumerate(rule.get("from", ())):
        for field in _NOT_CUSTOM:
            for name in (field, f"not{field[0].upper()}{field[1:]}"):
                if name in source.get("source", {}):
                    yield Complaint((*path, "from", index, "source", name), f"CUSTOM does not support {name}")
    for index, condition in enumerate(rule.get("when", ())):
        key = condition.get("key", "")
        if key in _NOT_CUSTOM_KEYS or key.startswith("request.auth."):
            yield Complaint((*path, "when", index, "key"), f"CUSTOM does not support {key}")


def peer_authentication(spec: Message, meta: Meta) -> Complaints:
    path: Path = ("spec",)
    ports = spec.get("portLevelMtls")
    if ports and not spec.get("selector", {}).get("matchLabels"):
        yield Complaint((*path, "portLevelMtls"), "portLevelMtls needs a selector with matchLabels")
    if ports == {}:
        yield Complaint((*path, "portLevelMtls"), "portLevelMtls must name a port")
    for port in ports or ():
        if not 0 < port <= 65535:
            yield Complaint((*path, "portLevelMtls"), f"port {port} is not from 1 to 65535")
    yield from selector(spec, "selector", "matchLabels", path)


def request_authentication(spec: Message, meta: Meta) -> Complaints:
    yield from attachment(spec, ("spec",))
    for index, rule in enumerate(spec.get("jwtRules", ())):
        yield from _jwt_rule(rule, ("spec", "jwtRules", index))


def _jwt_rule(rule: Message, path: Path) -> Complaints:
    """`validateJwtRule`."""
    if not rule.get("issuer") and not rule.get("jwksUri"):
        yield Complaint(path, "one of issuer and jwksUri must be set")
    if rule.get("jwksUri") and scheme(rule["jwksUri"]) not in ("http", "https"):
        yield Complaint((*path, "jwksUri"), f"{rule['jwksUri']!r} is no URL that starts with http:// or https://")
    if rule.get("jwks"):
        from .jwks import bad_jwks

        yield from told((*path, "jwks"), bad_jwks(rule["jwks"]))
    for name in ("audiences", "fromParams", "fromCookies"):
        for index, value in enumerate(rule.get(name, ())):
            yield from told((*path, name, index), _not_empty(value))
    for index, header in enumerate(rule.get("fromHeaders", ())):
        yield from told((*path, "fromHeaders", index), _not_empty(header.get("name", "")))
    for index, output in enumerate(rule.get("outputClaimToHeaders", ())):
        if not output.get("claim") or not is_strict_header(output.get("header", "")):
            yield Complaint((*path, "outputClaimToHeaders", index), "a claim and the name of a header must be set")
    yield from duration(rule.get("timeout"), (*path, "timeout"))
