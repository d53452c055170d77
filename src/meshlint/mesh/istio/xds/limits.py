"""Connection limits, retry budget and outlier detection as a proxy gets them (semantics §3.4, §3.5).

Mirrors `core/cluster_traffic_policy.go applyConnectionPool`, `applyRetryBudget`, `applyTCPKeepalive` and
`applyOutlierDetection`. Every value carries its reasons; None = no limit, or Envoy's own default; times are milliseconds.
"""

from typing import Any, NamedTuple

from ....resource.match import duration_ms
from ...effective import UNKNOWN, Basis, Effective, Reason, Unknown
from ..meshconfig import MeshConfig
from .traffic_policy import Block, TrafficPolicy, read

Number = Effective[int | Unknown | None]

DEFAULT_CONNECT_TIMEOUT = 10_000
DEFAULT_BUDGET_PERCENT, DEFAULT_BUDGET_FLOOR = 20.0, 3
MISTAKEN_BUDGET_PERCENT = 0.2


class RetryBudget(NamedTuple):
    """The share of the requests that may be retries, in percent, and how many always may."""

    percent: Effective[float | Unknown]
    min_concurrency: Effective[int | Unknown]


class Pool:
    """The limits that a traffic policy comes to, each worked out when it is asked for.

    0 is read as not set in all but times and the retry budget's percent.
    """

    __slots__ = ("_block", "_budget", "_meshconfig")

    def __init__(self, policy: TrafficPolicy, meshconfig: MeshConfig) -> None:
        self._block = policy.connection_pool
        self._budget = policy.retry_budget
        self._meshconfig = meshconfig

    @property
    def max_connections(self) -> Number:
        return _limit(self._block, "tcp", "maxConnections")

    @property
    def max_pending(self) -> Number:
        return _limit(self._block, "http", "http1MaxPendingRequests")

    @property
    def max_requests(self) -> Number:
        return _limit(self._block, "http", "http2MaxRequests")

    @property
    def max_retries(self) -> Number:
        return _limit(self._block, "http", "maxRetries")

    @property
    def max_requests_per_connection(self) -> Number:
        return _limit(self._block, "http", "maxRequestsPerConnection")

    @property
    def max_concurrent_streams(self) -> Number:
        if self._meshconfig.istio_version < (1, 21):
            return _not_yet("maxConcurrentStreams", "1.21")
        return _limit(self._block, "http", "maxConcurrentStreams")

    @property
    def connect_timeout(self) -> Number:
        return _or_mesh(_time(self._block, "tcp", "connectTimeout"), self._meshconfig)

    @property
    def idle_timeout(self) -> Number:
        idle = _time(self._block, "http", "idleTimeout")
        return _idle_tcp(self._block, self._meshconfig) if idle.value is None else idle

    @property
    def max_connection_duration(self) -> Number:
        return _time(self._block, "tcp", "maxConnectionDuration")

    @property
    def keepalive_probes(self) -> Number:
        return _keepalive_probes(self._block, self._meshconfig)

    @property
    def retry_budget(self) -> Effective[RetryBudget | None]:
        return _retry_budget(self._budget, self._meshconfig)

    @property
    def h2_upgrade(self) -> Effective[str | Unknown | None]:
        """What the pool itself says of HTTP/2: `UPGRADE`, `DO_NOT_UPGRADE` or None."""
        found = read(self._block, ("http", "h2UpgradePolicy"), _policy, "no h2UpgradePolicy")
        return found._replace(value=None) if found.value == "DEFAULT" else found

    @property
    def use_client_protocol(self) -> Effective[bool | Unknown | None]:
        return read(self._block, ("http", "useClientProtocol"), _truth, "no useClientProtocol")

    @property
    def is_unlimited(self) -> bool:
        """Whether nothing limits how many requests or connections there may be at a time."""
        return self.max_connections.value is self.max_pending.value is self.max_requests.value is None


class Outlier(NamedTuple):
    """When endpoints are ejected. A count of 0 switches that kind off; `min_health_percent` is never None (0)."""

    consecutive_5xx: Number
    consecutive_gateway: Number
    consecutive_local_origin: Number
    split_local_origin: Effective[bool | Unknown | None]
    interval: Number
    base_ejection: Number
    max_ejection_percent: Number
    min_health_percent: Number


def outlier(block: Effective[Block | None]) -> Outlier | None:
    """The outlier detection of a block; None where none is in force."""
    if block.value is None:
        return None
    split = read(block, ("splitExternalLocalOriginErrors",), _truth, "local and remote errors are counted together")
    local = _count(block, "consecutiveLocalOriginFailures")
    together = Effective(None, split.because) if split.value in (None, False) else local
    return Outlier(
        _count(block, "consecutive5xxErrors"),
        _count(block, "consecutiveGatewayErrors"),
        together._replace(value=together.value or None),
        split,
        _time(block, "interval"),
        _time(block, "baseEjectionTime"),
        _limit(block, "maxEjectionPercent"),
        _count(block, "minHealthPercent"),
    )


def whole_number(value: Any) -> int | None:
    """A number as protobuf reads it from JSON: also `"5"` and `5.0`."""
    if isinstance(value, str) and value.isdigit():
        return int(value)
    is_whole = isinstance(value, int | float) and not isinstance(value, bool) and value == int(value)
    return int(value) if is_whole else None


def _truth(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


def _percent(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _policy(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _count(block: Effective[Block | None], name: str) -> Number:
    return read(block, (name,), whole_number, f"no {name}")


def _time(block: Effective[Block | None], *path: str) -> Number:
    return read(block, path, duration_ms, f"no {path[-1]}")


def _limit(block: Effective[Block | None], *path: str) -> Number:
    """A limit; 0 is none."""
    found = read(block, path, whole_number, f"no {path[-1]}")
    if found.value != 0:
        return found
    return Effective(None, (*found.because, Reason("0 is read as not set", found.origin)))


def _idle_tcp(block: Effective[Block | None], meshconfig: MeshConfig) -> Number:
    if block.value and block.value.get("tcp", "idleTimeout") is not None and meshconfig.istio_version < (1, 21):
        return _not_yet("tcp.idleTimeout", "1.21")
    return _time(block, "tcp", "idleTimeout")


def _or_mesh(own: Number, meshconfig: MeshConfig) -> Number:
    """A connect timeout, else the mesh's."""
    if own.value is not None:
        return own
    given = meshconfig.value("connectTimeout")
    value = duration_ms(given.value)
    if value is None:
        return Effective(DEFAULT_CONNECT_TIMEOUT, (Reason("Istio's default of 10s", None, Basis.DEFAULT),))
    return Effective(value, given.because)


def _keepalive_probes(block: Effective[Block | None], meshconfig: MeshConfig) -> Number:
    """The number of probes; 0 = as the operating system has it, None = no keep-alive. The mesh's is the base."""
    own = read(block, ("tcp", "tcpKeepalive"), _switched_on, "no tcpKeepalive")
    probes = _limit(block, "tcp", "tcpKeepalive", "probes")
    base = meshconfig.value("tcpKeepalive")
    if probes.value is not None:
        return probes
    if isinstance(base.value, dict):
        return Effective(whole_number(base.value.get("probes")) or 0, base.because)
    return Effective(None if own.value is None else 0, own.because)


def _switched_on(value: Any) -> bool | None:
    return True if isinstance(value, dict) else None


def _retry_budget(block: Effective[Block | None], meshconfig: MeshConfig) -> Effective[RetryBudget | None]:
    """Since 1.27. A budget without a percent came to 0.2% there and, as patches go, in 1.28 and 1.29 (`applyRetryBudget`)."""
    if block.value is None:
        return Effective(None, block.because)
    if meshconfig.istio_version < (1, 27):
        return _not_yet("retryBudget", "1.27")
    percent = read(block, ("percent",), _percent, f"no percent: {DEFAULT_BUDGET_PERCENT:g}")
    floor = _limit(block, "minRetryConcurrency")
    share: Effective[float | Unknown] = Effective(percent.value or 0.0, percent.because)
    if percent.value is None and meshconfig.istio_version < (1, 28):
        text = f"Istio 1.27 makes {MISTAKEN_BUDGET_PERCENT:g}% of a retryBudget without percent"
        share = Effective(MISTAKEN_BUDGET_PERCENT, (*percent.because, Reason(text, block.origin)))
    elif percent.value is None and meshconfig.istio_version < (1, 30):
        text = "early patches of Istio 1.28 and 1.29 do not make 20% of a retryBudget without percent"
        share = Effective(UNKNOWN, (*percent.because, Reason(text, block.origin, Basis.ASSUMED)))
    elif percent.value is None:
        share = Effective(DEFAULT_BUDGET_PERCENT, percent.because)
    least = floor.value if floor.value is not None else DEFAULT_BUDGET_FLOOR
    return Effective(RetryBudget(share, Effective(least, floor.because)), block.because)


def _not_yet(name: str, version: str) -> Effective[None]:
    return Effective(None, (Reason(f"{name} does nothing before Istio {version}", None, Basis.DEFAULT),))
