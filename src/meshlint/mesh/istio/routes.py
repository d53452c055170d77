"""The http routes of VirtualServices as they will act: delegates merged, timeout and retries after Istio's defaults.

Mirrors `pilot/pkg/model/virtualservice_controller.go mergeVirtualServices` and `virtualservice.go MergeHTTPRoutes`
(semantics §2.4), `core/route/route.go setTimeout` (§2.6), `core/route/retry/retry.go ConvertPolicy` (§2.7).
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from ...resource.inventory import Inventory
from ...resource.kinds import VIRTUAL_SERVICE
from ...resource.match import duration_ms, resolve
from ...resource.resource import Resource, each, get
from ...source.document import Location, Path, Placeholder
from ..effective import UNKNOWN, Basis, Effective, Reason, Unknown
from ..subjects import Destination, Retries
from .delegates import intersected
from .meshconfig import DIFFER, MeshConfig
from .order import one_of
from .visibility import Visibility

BUILT_IN = ("connect-failure", "refused-stream", "unavailable", "cancelled", "retriable-status-codes")
"""What Istio retries on where nothing says otherwise (`retry.go newRetryPolicy`); the list of codes is empty."""

BUILT_IN_ATTEMPTS = 2


class Rule(NamedTuple):
    """One entry of spec.http as it acts: `parts` are the rules whose fields it has, the deciding one first.

    For a delegating rule these are the delegate's and then its own; else it alone. `resource` and `path` name the entry.
    `destinations` is where it sends requests.
    """

    resource: Resource
    path: Path
    root: Resource
    parts: tuple[tuple[Resource, Path], ...]
    matches: tuple[tuple[Mapping[str, Any], Location], ...]
    destinations: tuple[Destination, ...]
    delegates_to_nothing: Reason | None = None

    def part(self, name: str) -> tuple[Resource, Path] | None:
        """The first part that has a field."""
        return next(((r, path) for r, path in self.parts if r.get(*path, name) is not None), None)

    def field(self, name: str) -> tuple[Any, Location] | None:
        """The value of a field and its place, from the first part that has it."""
        part = self.part(name)
        if part is None:
            return None
        resource, path = part
        return resource.get(*path, name), resource.at(*path, name)

    @property
    def answers(self) -> bool:
        """Whether the proxy redirects or responds by itself."""
        return any(self.field(name) for name in ("redirect", "directResponse"))


def rules(inventory: Inventory, visibility: Visibility, domain: str) -> Iterator[Rule]:
    """Every http rule of every VirtualService at least once: delegating rules with each rule of their delegate."""
    virtual_services = inventory.all(VIRTUAL_SERVICE)
    used: set[int] = set()
    for virtual_service in virtual_services:
        if virtual_service.items("spec", "hosts"):
            for path in _http(virtual_service):
                if isinstance(virtual_service.get(*path, "delegate"), dict):
                    yield from _delegated(virtual_service, path, inventory, visibility, domain, used)
                else:
                    yield _plain(virtual_service, path, domain)
    for virtual_service in virtual_services:
        if not virtual_service.items("spec", "hosts") and id(virtual_service) not in used:
            yield from (_plain(virtual_service, path, domain) for path in _http(virtual_service))


def _delegated(
    root: Resource, path: Path, inventory: Inventory, visibility: Visibility, domain: str, used: set[int]
) -> Iterator[Rule]:
    """A delegating rule once per rule of its delegate, or once by itself where that comes to nothing."""
    delegate = root.mapping(*path, "delegate")
    namespace, name = str(delegate.get("namespace") or root.namespace), str(delegate.get("name") or "")
    target = inventory.find(VIRTUAL_SERVICE, namespace, name)
    own = _matches(root, path)
    wrong = _unfit(target, root, visibility)
    if target is None or wrong:
        basis = Basis.DECLARED if target else Basis.DEFAULT
        reason = Reason(
            f"delegate {namespace}/{name} {wrong or 'is not in the input'}", root.at(*path, "delegate"), basis
        )
        alone = ((root, path),)
        yield Rule(root, path, root, alone, own, _destinations(alone, domain), reason)
        return
    used.add(id(target))
    for inner in _http(target):
        theirs = _matches(target, inner)
        matches = intersected(own, theirs)
        if own and theirs and not matches:
            text = "its matches contradict those of the rule that delegates to it"
            nothing = Reason(text, target.at(*inner, "match"))
            alone = ((root, path),)
            yield Rule(target, inner, root, alone, (), _destinations(alone, domain), nothing)
        else:
            parts = ((target, inner), (root, path))
            yield Rule(target, inner, root, parts, tuple(matches), _destinations(parts, domain))


def _unfit(target: Resource | None, root: Resource, visibility: Visibility) -> str | None:
    """Why a VirtualService cannot be the delegate of another."""
    if target and target.items("spec", "hosts"):
        return "has hosts"
    exported = visibility.export_to(target, VIRTUAL_SERVICE) if target else {"*"}
    return None if {"*", root.namespace} & exported else f"is not exported to {root.namespace}"


def _http(virtual_service: Resource) -> Iterator[Path]:
    for index, rule in enumerate(virtual_service.items("spec", "http")):
        if isinstance(rule, dict):
            yield ("spec", "http", index)


def _plain(virtual_service: Resource, path: Path, domain: str) -> Rule:
    parts = ((virtual_service, path),)
    matches = _matches(virtual_service, path)
    return Rule(virtual_service, path, virtual_service, parts, matches, _destinations(parts, domain))


def _matches(resource: Resource, path: Path) -> tuple[tuple[Mapping[str, Any], Location], ...]:
    """The matches of a rule; the gateways they name in full, since a delegate's may stand below another namespace's."""
    found = []
    for index, match in enumerate(resource.items(*path, "match")):
        if isinstance(match, dict):
            if match.get("gateways"):
                match = {**match, "gateways": gateway_names(match["gateways"], resource.namespace)}
            found.append((match, resource.at(*path, "match", index)))
    return tuple(found)


def gateway_names(names: Any, namespace: str) -> list[str]:
    """Gateways as `namespace/name`; `mesh` stays, and a dotted name is read as the host of a gateway (`resolveGatewayName`)."""
    return (
        [_gateway_name(name, namespace) for name in names if isinstance(name, str)] if isinstance(names, list) else []
    )


def _gateway_name(name: str, namespace: str) -> str:
    if name == "mesh":
        return name
    owner, slash, own = name.partition("/")
    if slash:
        return f"{namespace}/{own}" if owner == "." else name
    own, dot, rest = name.partition(".")
    return f"{rest.partition('.')[0]}/{own}" if dot else f"{namespace}/{name}"


def is_bound_to_mesh(virtual_service: Resource) -> bool:
    """Whether sidecars see a VirtualService: `gateways` is empty or has `mesh`."""
    gateways = virtual_service.items("spec", "gateways")
    return not gateways or "mesh" in gateways


def receivers(rule: Rule) -> tuple[bool, bool]:
    """Whether sidecars and whether gateways get a rule: `gateways` of its matches narrow those of the VirtualService."""
    bound = rule.root.items("spec", "gateways") or ["mesh"]
    narrowed = [match.get("gateways") for match, _ in rule.matches]
    named = [name for names in narrowed if isinstance(names, list) for name in names]
    if not narrowed or not all(narrowed):
        named = bound
    return "mesh" in bound and "mesh" in named, any(g != "mesh" for g in bound) and any(g != "mesh" for g in named)


def _destinations(parts: Iterable[tuple[Resource, Path]], domain: str) -> tuple[Destination, ...]:
    """Where a rule of these parts sends requests. Of several destinations those without a weight get none; host names expand
    in the namespace of the object that has them.
    """
    found = []
    for resource, path in parts:
        entries = resource.items(*path, "route")
        weighed = any(get(entry, "weight") for entry in entries) and len(entries) > 1
        for index, entry in enumerate(entries):
            if weighed and not get(entry, "weight"):
                continue
            destination = _destination(resource, (*path, "route", index, "destination"), domain)
            if destination:
                found.append(destination)
        if found:
            break
    return tuple(found)


def l4_destinations(virtual_service: Resource, domain: str) -> Iterator[Destination]:
    """Where the tcp and tls rules of a VirtualService lead."""
    for section in ("tls", "tcp"):
        for number, rule in enumerate(virtual_service.items("spec", section)):
            for index, _ in enumerate(each(rule, "route")):
                path: Path = ("spec", section, number, "route", index, "destination")
                destination = _destination(virtual_service, path, domain)
                if destination:
                    yield destination


def _destination(resource: Resource, path: Path, domain: str) -> Destination | None:
    host, port, subset = (resource.get(*path, key) for key in ("host", "port", "subset"))
    if not isinstance(host, str):
        return None
    number = port.get("number") if isinstance(port, dict) else None
    return Destination(
        resolve(host, resource.namespace, domain).lower(),
        number if isinstance(number, int) else None,
        subset if isinstance(subset, str) else None,
        resource.at(*path, "host"),
    )


def no_timeout() -> Effective[int | Unknown | None]:
    """The timeout of a route that sets none."""
    return Effective(None, (Reason("Istio has no default timeout", None, Basis.DEFAULT),))


def timeout(rule: Rule) -> Effective[int | Unknown | None]:
    """The clock over the whole exchange in ms, all tries and the complete response included; None = no limit.

    Istio has no default timeout. `0s` is refused at admission; if it is stored all the same, Envoy reads it as no limit.
    """
    found = rule.field("timeout")
    if found is None:
        return no_timeout()
    value, where = found
    length = duration_ms(value)
    if length is None:
        return Effective(UNKNOWN, (Reason(f"the timeout {value} is not known here", where, Basis.ASSUMED),))
    return Effective(length or None, (Reason(f"the route sets timeout {value}", where),))


def rewrite(rule: Rule) -> tuple[Mapping[str, Any], Location] | None:
    """What a rule makes of the path and authority of its requests, and where it says so."""
    found = rule.field("rewrite")
    return found if found and isinstance(found[0], dict) else None


def retries(rule: Rule, meshconfig: MeshConfig) -> Retries:
    """The retries of a rule, field by field.

    Absent: meshConfig.defaultHttpRetryPolicy, else 2 with the built-in conditions. `{}` or `attempts: 0`: none. Attempts
    without retryOn: the built-in conditions, also where meshConfig has a default.
    """
    found = rule.field("retries")
    if found is None:
        return default_retries(meshconfig)
    policy, where = found
    return _policy(policy if isinstance(policy, dict) else {}, where, (), meshconfig, inherited=False)


def default_retries(meshconfig: MeshConfig) -> Retries:
    """What a route without a block gets; where mesh configurations of the input differ, each outcome is a candidate."""
    default = meshconfig.value("defaultHttpRetryPolicy")
    outcomes = [_by_default(candidate, meshconfig) for candidate in default.candidates or (default,)]
    return outcomes[0]._replace(
        inherited=True,
        block=one_of([outcome.block for outcome in outcomes], DIFFER, Basis.ASSUMED),
        attempts=one_of([outcome.attempts for outcome in outcomes], DIFFER, Basis.ASSUMED),
        conditions=one_of([outcome.conditions for outcome in outcomes], DIFFER, Basis.ASSUMED),
        per_try_timeout=one_of([outcome.per_try_timeout for outcome in outcomes], DIFFER, Basis.ASSUMED),
    )


def _by_default(default: Effective[Any], meshconfig: MeshConfig) -> Retries:
    if isinstance(default.value, dict) and default.origin is not None:
        return _policy(default.value, default.origin, (), meshconfig, inherited=True)
    text = f"a route without retries gets Istio's {BUILT_IN_ATTEMPTS} default retries"
    reason = Reason(text, None, Basis.DECLARED if meshconfig.places else Basis.DEFAULT)
    return Retries(
        True,
        Effective(False, (reason,)),
        Effective(BUILT_IN_ATTEMPTS, (reason,)),
        _built_in(meshconfig),
        Effective(None, (reason,)),
    )


def _policy(
    policy: Mapping[str, Any], where: Location, context: tuple[Reason, ...], meshconfig: MeshConfig, *, inherited: bool
) -> Retries:
    document, path = where.document, where.path

    def at(name: str) -> Location:
        return document.at(*path, name)

    block = Effective(True, (*context, Reason("the retries block", where)))
    attempts: Effective[int | Unknown] = _attempts(policy.get("attempts"), where, at("attempts"), context)
    conditions = _conditions(policy.get("retryOn"), at("retryOn"), context, meshconfig)
    per_try: Effective[int | Unknown | None] = Effective(None, (Reason("no perTryTimeout", where),))
    if policy.get("perTryTimeout") is not None:
        length = duration_ms(policy["perTryTimeout"])
        basis = Basis.ASSUMED if length is None else Basis.DECLARED
        reason = Reason(f"perTryTimeout is {policy['perTryTimeout']}", at("perTryTimeout"), basis)
        per_try = Effective(UNKNOWN if length is None else length or None, (*context, reason))
    others, backoff = policy.get("retryIgnorePreviousHosts"), policy.get("backoff")
    if meshconfig.istio_version < (1, 26):
        others = backoff = None
    return Retries(
        inherited,
        block,
        attempts,
        conditions,
        per_try,
        others if isinstance(others, bool) else None,
        policy.get("retryRemoteLocalities") is True,
        None if backoff is None else duration_ms(backoff),
    )


def _attempts(value: Any, block: Location, where: Location, context: tuple[Reason, ...]) -> Effective[int | Unknown]:
    if value is None:
        return Effective(0, (*context, Reason("a retries block without attempts switches retries off", block)))
    if isinstance(value, bool) or not isinstance(value, int):
        return Effective(UNKNOWN, (*context, Reason(f"attempts {value} is not known here", where, Basis.ASSUMED)))
    return Effective(max(value, 0), (*context, Reason(f"attempts is {value}", where)))


def _conditions(
    value: Any, where: Location, context: tuple[Reason, ...], meshconfig: MeshConfig
) -> Effective[tuple[str, ...] | Unknown]:
    if value is None or value == "":
        return _built_in(meshconfig)
    if isinstance(value, Placeholder) or not isinstance(value, str | int):
        return Effective(UNKNOWN, (*context, Reason(f"retryOn {value} is not known here", where, Basis.ASSUMED)))
    words = tuple(word.strip() for word in str(value).split(",") if word.strip())
    return Effective(words, (*context, Reason(f"retryOn is {value}", where)))


def _built_in(meshconfig: MeshConfig) -> Effective[tuple[str, ...] | Unknown]:
    """Up to Istio 1.23 the built-in codes held 503 (`EXCLUDE_UNSAFE_503_FROM_DEFAULT_RETRY`, semantics §2.7)."""
    words = (*BUILT_IN, "503") if meshconfig.istio_version <= (1, 23) else BUILT_IN
    return Effective(words, (Reason(f"Istio's built-in conditions: {', '.join(words)}", None, Basis.DEFAULT),))


def hosts_of(virtual_service: Resource, domain: str) -> tuple[str, ...]:
    """The resolved hosts of a VirtualService, in order."""
    names = virtual_service.items("spec", "hosts")
    known = (name for name in names if isinstance(name, str) and name)
    return tuple(resolve(name, virtual_service.namespace, domain).lower() for name in known)


def by_host(inventory: Inventory, domain: str) -> dict[str, list[tuple[Resource, int]]]:
    """The claims of each host: VirtualServices bound to `mesh`, once each, with the index of the host in their list."""
    claims: dict[str, list[tuple[Resource, int]]] = defaultdict(list)
    for virtual_service in inventory.all(VIRTUAL_SERVICE):
        if not is_bound_to_mesh(virtual_service):
            continue
        seen: set[str] = set()
        for index, name in enumerate(virtual_service.items("spec", "hosts")):
            if isinstance(name, str) and name:
                host = resolve(name, virtual_service.namespace, domain).lower()
                if host not in seen:
                    seen.add(host)
                    claims[host].append((virtual_service, index))
    return claims
