"""How many endpoints of a pool outlier detection may take out (semantics §3.5).

Mirrors Envoy's `DetectorImpl::ejectHost`, which ejects an endpoint only while the ejected share, this one included, stays
within maxEjectionPercent (istiod does not set `always_eject_one_host`), and its panic mode, in which a proxy calls ejected
endpoints again: when fewer of them are healthy than minHealthPercent, which istiod sets to 0, never, where it is not stated.
"""

from __future__ import annotations

from typing import NamedTuple

from ..backends import Count
from ..effective import Effective, Unknown
from .xds.limits import Outlier, outlier
from .xds.traffic_policy import Block, TrafficPolicy

DEFAULT_PERCENT = 10


class Ejection(NamedTuple):
    """What the outlier detection of a traffic policy may do to its pool. `percent` is the largest share it may eject."""

    policy: TrafficPolicy
    block: Block
    counters: Outlier
    percent: int
    min_health: int
    size: Effective[Count | Unknown]

    @property
    def pool(self) -> Count | None:
        """The number of endpoints; None where it is not known, or nothing may be there."""
        return self.size.value if isinstance(self.size.value, Count) and self.size.value.least else None

    @property
    def ejectable(self) -> int | None:
        """How many endpoints of the smallest pool there may be are ejected; None = its size is not known."""
        return self.pool.least * self.percent // 100 if self.pool else None

    @property
    def left(self) -> int | None:
        """How many endpoints are left then."""
        return self.pool.least - (self.ejectable or 0) if self.pool else None

    @property
    def is_idle(self) -> bool:
        """Whether no error counts: consecutive5xxErrors is 0, and nothing else that Envoy would count is switched on."""
        others = (self.counters.consecutive_gateway.value, self.counters.split_local_origin.value)
        return self.counters.consecutive_5xx.value == 0 and not any(others)

    @property
    def needed(self) -> int:
        """The smallest pool of which one endpoint may be ejected."""
        return -(-100 // self.percent)

    @property
    def ends_in_panic(self) -> bool:
        """Whether the proxy calls ejected endpoints again before this many are gone."""
        if self.pool is None:
            return self.min_health > 100 - self.percent
        return 100 * (self.left or 0) < self.min_health * self.pool.least


def ejection(policy: TrafficPolicy, size: Effective[Count | Unknown]) -> Ejection | None:
    """What a policy may eject from a pool of this size; None where there is no outlier detection or it is not known."""
    block, counters = policy.outlier_detection.value, outlier(policy.outlier_detection)
    if block is None or counters is None:
        return None
    percent, min_health = counters.max_ejection_percent.value, counters.min_health_percent.value
    if isinstance(percent, Unknown) or isinstance(min_health, Unknown):
        return None
    share = DEFAULT_PERCENT if percent is None else min(percent, 100)
    return Ejection(policy, block, counters, share, min_health or 0, size)
