"""Which retry conditions can fire, and what they repeat (term `replaying retry condition`, semantics §2.7).

A condition that fires after the server may have begun repeats its work; one that fires on a refusal repeats little. The
proxy never retries once response headers have been forwarded.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..effective import UNKNOWN, Effective, Unknown
from ..subjects import Retries, Route

_REPEATS_WORK = {"5xx", "gateway-error", "reset", "retriable-headers"}
_REPEATS_WORK_ON_GRPC = {"cancelled", "deadline-exceeded", "internal"}
_REPEATS_REFUSALS = {"retriable-4xx"}
_REPEATS_REFUSALS_ON_GRPC = {"resource-exhausted", "unavailable"}
_NEVER = {"retriable-headers", "http3-post-connect-failure"}
"""What a VirtualService cannot complete with a list of headers, and what needs HTTP/3 to the server, which proxies do not speak."""

PROTOCOLS = ("http", "grpc")
_ON_A_TIMEOUT = {"5xx", "gateway-error", "reset"}


def repeats_work(word: str, protocol: str) -> bool:
    """Whether a retryOn word can make a server compute again what it had already begun."""
    if word.isdigit():
        return int(word) >= 500 and word != "503"
    return word in _REPEATS_WORK or (protocol == "grpc" and word in _REPEATS_WORK_ON_GRPC)


def replays(word: str, protocol: str) -> bool:
    """Whether a retryOn word re-sends requests that reached a server: work it began, or what it refused."""
    if word.isdigit() or word in _REPEATS_REFUSALS:
        return True
    return repeats_work(word, protocol) or (protocol == "grpc" and word in _REPEATS_REFUSALS_ON_GRPC)


def reads_grpc_status(word: str) -> bool:
    """Whether a retryOn word looks at the grpc-status header, which only gRPC responses have."""
    return word in _REPEATS_WORK_ON_GRPC | _REPEATS_REFUSALS_ON_GRPC


def can_fire(word: str, words: Sequence[str], protocol: str) -> bool:
    """Whether one of the retryOn words of a route can fire; retriable-status-codes needs a code among the words."""
    if word == "retriable-status-codes":
        return any(other.isdigit() for other in words)
    return word not in _NEVER and (protocol == "grpc" or not reads_grpc_status(word))


def can_occur(retries: Retries, protocols: Iterable[str]) -> bool:
    """Whether requests of one of these protocols may be sent again."""
    spoken = tuple(protocols)

    def may_fire(words: tuple[str, ...] | Unknown) -> bool:
        return words is UNKNOWN or any(can_fire(word, words, protocol) for word in words for protocol in spoken)

    attempts = retries.attempts.holds(lambda number: isinstance(number, int) and number > 0)
    return attempts is not None and retries.conditions.holds(may_fire) is not None


def is_retried(route: Route) -> bool:
    """Whether requests of a route may be sent again."""
    return can_occur(route.retries, (outcome.value for outcome in route.protocol.outcomes))


def retries_a_timeout(words: Sequence[str]) -> bool:
    """Whether a try that perTryTimeout ends is followed by another.

    Envoy resets the try itself, and asks no condition but these (`retry_state_impl.cc wouldRetryFromReset`).
    """
    return not _ON_A_TIMEOUT.isdisjoint(words)


def clock_of_a_try(route: Route) -> Effective[int] | None:
    """The perTryTimeout of a route in ms, where it acts: it bounds the wait for the first byte, from the first try on.

    Without retries there is none, and Envoy drops one that is not shorter than the timeout of the route.
    """
    attempts, limit = route.retries.attempts, route.timeout.value
    retried = attempts.holds(lambda number: isinstance(number, int) and number > 0)
    clock = route.retries.per_try_timeout.holds(
        lambda length: isinstance(length, int) and (not isinstance(limit, int) or length < limit)
    )
    if not retried or not clock or not isinstance(clock.value, int):
        return None
    return Effective(clock.value, clock.because)
