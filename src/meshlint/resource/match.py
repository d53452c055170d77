"""How objects name each other: label selectors, host names, ports and protocols, durations."""

import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache, cached_property
from ipaddress import ip_address
from operator import itemgetter
from typing import Any, Generic, NamedTuple, TypeVar

from .resource import Resource, required

T = TypeVar("T")


def matches(wanted: Mapping[str, str], labels: Mapping[str, str]) -> bool:
    """Whether labels hold all wanted pairs; nothing wanted is always true."""
    return all(labels.get(key) == value for key, value in wanted.items())


class LabelSelector:
    """A Kubernetes label selector: `matchLabels` and `matchExpressions`, all of which must hold; an empty one takes all.

    What is not known (a placeholder, an operator that does not exist) takes nothing.
    """

    __slots__ = ("_expressions", "_labels")

    def __init__(self, selector: Mapping[str, Any]) -> None:
        expressions = selector.get("matchExpressions")
        self._labels = required(selector.get("matchLabels"))
        self._expressions: list[Any] = expressions if isinstance(expressions, list) else []

    @property
    def label(self) -> tuple[str, Any] | None:
        """One label with its value that the selector requires, if it requires any."""
        return next(iter(self._labels.items()), None)

    def matches(self, labels: Mapping[str, str]) -> bool:
        return matches(self._labels, labels) and all(_holds(e, labels) for e in self._expressions)


def _holds(expression: Any, labels: Mapping[str, str]) -> bool:
    """One of `matchExpressions`. `NotIn` also takes objects without the label."""
    if not isinstance(expression, dict):
        return False
    value = labels.get(str(expression.get("key")))
    listed = expression.get("values")
    values = listed if isinstance(listed, list) else []
    match expression.get("operator"):
        case "In":
            return value in values
        case "NotIn":
            return value not in values
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None
    return False


class Selectors(Generic[T]):
    """Label selectors of namespaces and what each stands for, found by the labels they take; an empty one takes all."""

    def __init__(self, entries: Iterable[tuple[str, Mapping[str, Any], T]]) -> None:
        self._near: dict[tuple[str, tuple[str, Any] | None], list[tuple[int, LabelSelector, T]]] = defaultdict(list)
        for position, (namespace, selector, entry) in enumerate(entries):
            wanted = LabelSelector(selector)
            self._near[namespace, wanted.label].append((position, wanted, entry))

    def of(self, namespace: str, labels: Mapping[str, str]) -> list[T]:
        """What the selectors of a namespace that take these labels stand for, in the order they were given."""
        near = [entry for label in (None, *labels.items()) for entry in self._near.get((namespace, label), ())]
        fitting = [(position, entry) for position, wanted, entry in near if wanted.matches(labels)]
        return [entry for _, entry in sorted(fitting, key=itemgetter(0))]


class Selecting(Selectors[Resource]):
    """Objects of namespaces that select pods by labels; one that requires nothing selects none here."""

    def __init__(self, resources: Iterable[Resource], selector: Callable[[Resource], Mapping[str, str]]) -> None:
        chosen = ((resource, selector(resource)) for resource in resources)
        super().__init__((r.namespace, {"matchLabels": labels}, r) for r, labels in chosen if labels)


def pool_labels(pool: Resource) -> Mapping[str, str]:
    """What an InferencePool requires of pods: under `matchLabels`, in the alpha API right below `selector`."""
    return required(pool.get("spec", "selector", "matchLabels") or pool.get("spec", "selector"))


def resolve(name: str, namespace: str, domain: str) -> str:
    """A host as istiod understands it in an object of a namespace; its case stays.

    A name expands only when it has no dot and is neither `*` nor an address (`model/config.go ResolveShortnameToFQDN`);
    `reviews.prod` is taken as it is.
    """
    if not name or "." in name or ":" in name or name == "*":
        return name
    return f"{name}.{namespace}.svc.{domain}"


def split_service_host(host: str, domain: str) -> tuple[str, str] | None:
    """The name and namespace in `NAME.NAMESPACE.svc.DOMAIN`; None for any other host."""
    service = host.removesuffix(f".svc.{domain}")
    if service == host:
        return None
    name, _, namespace = service.partition(".")
    is_service = name and "*" not in name and namespace and "." not in namespace
    return (name, namespace) if is_service else None


def is_address(text: object) -> bool:
    """Whether something is the text of an IP address."""
    try:
        ip_address(str(text))
    except ValueError:
        return False
    return True


def host_matches(one: str, other: str) -> bool:
    """Whether two hosts, each of which may start with `*`, have a name in common (`host.Name.Matches`)."""
    return subset_of(one, other) or subset_of(other, one)


def subset_of(host: str, pattern: str) -> bool:
    """Whether a pattern covers all that a host covers (`host.Name.SubsetOf`). `*.a.com` does not cover `a.com`."""
    if not pattern.startswith("*"):
        return host == pattern
    if host.startswith("*"):
        return host[1:].endswith(pattern[1:])
    return host.endswith(pattern[1:])


def more_specific(host: str) -> tuple[bool, int, str]:
    """Sorts the most specific host first: names before wildcards, then the longer, then by letter (`host.MoreSpecific`)."""
    return (host.startswith("*"), -len(host), host)


_LAST = "\U0010ffff"
"""A letter behind all that names have."""


class Names:
    """Hosts and patterns (`*.a.com`), found in their order by what overlaps with them; none is looked at that does not."""

    def __init__(self, names: Iterable[str]) -> None:
        self._positions = {name: position for position, name in enumerate(dict.fromkeys(names))}
        self._patterns = {name[1:]: name for name in self._positions if name.startswith("*")}
        self._lengths = sorted({len(suffix) for suffix in self._patterns})

    def meeting(self, host: str) -> list[str]:
        """The names that a host or pattern has a name in common with (`host_matches`); of a host its own comes first."""
        if host.startswith("*"):
            return self._ordered({*self.covering(host), *self.covered(host)})
        return ([host] if host in self._positions else []) + self.covering(host)

    def covering(self, host: str) -> list[str]:
        """The patterns that cover all that a host or pattern covers (`subset_of`)."""
        text = host[1:] if host.startswith("*") else host
        ends = (text[len(text) - length :] for length in self._lengths if length <= len(text))
        return self._ordered(self._patterns[end] for end in ends if end in self._patterns)

    def covered(self, pattern: str) -> list[str]:
        """The names all of which a pattern covers."""
        start = pattern[:0:-1]
        first, end = (bisect_left(self._backwards, (text,)) for text in (start, start + _LAST))
        return self._ordered(name for _, name in self._backwards[first:end])

    @cached_property
    def _backwards(self) -> list[tuple[str, str]]:
        """The names, each behind its letters from the last to the first."""
        return sorted((name[::-1].removesuffix("*"), name) for name in self._positions)

    def _ordered(self, names: Iterable[str]) -> list[str]:
        return sorted(names, key=self._positions.__getitem__)


class ServicePort(NamedTuple):
    """A port of a Service. `target` is the container port that gets its traffic, by number or by name.

    `protocol` is in lower case, None = the proxy finds out by itself. `transport` is Kubernetes' word: TCP, UDP or SCTP.
    `position` is that in spec.ports.
    """

    number: int
    name: str | None
    protocol: str | None
    target: int | str
    transport: str = "TCP"
    position: int = 0


def service_ports(service: Resource) -> Iterator[ServicePort]:
    """The ports of a Service whose numbers are known. A target that is not known is a name that no port has."""
    for index, port in enumerate(service.items("spec", "ports")):
        number = port.get("port") if isinstance(port, dict) else None
        if isinstance(number, int):
            name = port.get("name")
            name = name if isinstance(name, str) else None
            target = port.get("targetPort") or number
            target = target if isinstance(target, int) else str(target)
            transport = str(port.get("protocol") or "TCP")
            yield ServicePort(number, name, _protocol_of(port, number, name), target, transport, index)


def entry_ports(entry: Resource) -> Iterator[ServicePort]:
    """The ports of a ServiceEntry whose numbers are known; one without a targetPort leads to its own number."""
    for index, port in enumerate(entry.items("spec", "ports")):
        number = port.get("number") if isinstance(port, dict) else None
        if isinstance(number, int):
            name, target = port.get("name"), port.get("targetPort")
            found = parse_protocol(port.get("protocol"))
            yield ServicePort(
                number,
                name if isinstance(name, str) else None,
                found,
                target if isinstance(target, int) and target else number,
                position=index,
            )


def _protocol_of(port: Mapping[str, Any], number: int, name: str | None) -> str | None:
    if port.get("protocol") == "UDP":
        return "udp"
    app_protocol = port.get("appProtocol")
    found = protocol(app_protocol if isinstance(app_protocol, str) else None, name)
    return "tcp" if found is None and number in _WELL_KNOWN_TCP else found


_PROTOCOLS = frozenset(
    ["http", "http2", "http_proxy", "https", "grpc", "grpc-web", "tls", "tcp", "udp", "mongo", "mysql", "redis"]
)
_STANDARD_NAMES = {"kubernetes.io/h2c": "http2", "kubernetes.io/ws": "http", "kubernetes.io/wss": "https"}
_WELL_KNOWN_TCP = frozenset({25, 53, 3306, 27017})
"""Ports whose traffic is not looked into when nothing names a protocol (SMTP, DNS, MySQL, MongoDB)."""


def protocol(app_protocol: str | None, name: str | None) -> str | None:
    """The protocol istiod takes a TCP port to have, or None where the proxy finds out by itself.

    `appProtocol` goes before the port's name, of which the part before the first dash counts
    (`pkg/config/kube/conversion.go ConvertProtocol`).
    """
    if app_protocol in _STANDARD_NAMES:
        return _STANDARD_NAMES[app_protocol]
    text = (name or "" if app_protocol is None else app_protocol).lower()
    if text.startswith("grpc-web"):
        return "grpc-web"
    prefix = text.partition("-")[0]
    return prefix if prefix in _PROTOCOLS else None


def parse_protocol(text: Any) -> str | None:
    """A protocol that is named as such, in any case; None where the proxy finds out by itself."""
    known = str(text).lower()
    return known if known in _PROTOCOLS else None


_UNITS = {
    "h": 3_600_000_000_000,
    "m": 60_000_000_000,
    "s": 1_000_000_000,
    "ms": 1_000_000,
    "us": 1_000,
    "µs": 1_000,
    "μs": 1_000,
    "ns": 1,
}
_TERM = re.compile(r"(\d*)(?:\.(\d*))?(h|ms|us|µs|μs|ns|m|s)", re.ASCII)
_LONGEST = 2**63 - 1


def is_below_a_millisecond(value: Any) -> bool:
    """Whether a duration is zero, negative or too short for Istio (`agent/validation.go ValidateDuration`); 0 as a number too."""
    if type(value) is int:
        return value <= 0
    nanoseconds = duration_ns(value)
    return nanoseconds is not None and nanoseconds < 1_000_000


def duration_ns(value: Any) -> int | None:
    """A Go duration (`1.5s`, `-1m30s`, `0`) in nanoseconds; None for anything else (`time.ParseDuration`)."""
    if not isinstance(value, str) or not 0 < len(value) < 1000:
        return None
    text = value[1:] if value[0] in "+-" else value
    if text == "0":
        return 0
    nanoseconds = end = 0
    for term in _TERM.finditer(text):
        whole, fraction = term[1], term[2] or ""
        if term.start() != end or not (whole or fraction):
            return None
        unit = _UNITS[term[3]]
        nanoseconds += int(whole or 0) * unit + int(fraction or 0) * unit // 10 ** len(fraction)
        end = term.end()
    if not text or end != len(text) or nanoseconds > _LONGEST:
        return None
    return -nanoseconds if value[0] == "-" else nanoseconds


def duration_ms(value: Any) -> int | None:
    """A Go duration in milliseconds, rounded up so that only zero is 0; None for anything else, and below zero."""
    nanoseconds = duration_ns(value)
    return None if nanoseconds is None or nanoseconds < 0 else -(-nanoseconds // 1_000_000)


def duration_text(milliseconds: int) -> str:
    """Milliseconds as people write them: `1.5s`."""
    return f"{milliseconds / 1000:g}s"


_TOKEN = re.compile(r"[^\W_]+")


@cache
def name_tokens(text: str) -> tuple[str, ...]:
    """The words of a name, in lower case: `vLLM-server_2` has `vllm`, `server` and `2` (term `name token`)."""
    return tuple(_TOKEN.findall(text.lower()))
