"""What retry conditions repeat (term `replaying retry condition`).

A condition that fires after the server may have begun repeats its work; one that fires on a refusal repeats little. The
proxy never retries once response headers have been forwarded.
"""

from __future__ import annotations

_REPEATS_WORK = {"5xx", "gateway-error", "reset", "retriable-headers"}
_REPEATS_WORK_ON_GRPC = {"cancelled", "deadline-exceeded", "internal"}
_REPEATS_REFUSALS = {"retriable-4xx"}
_REPEATS_REFUSALS_ON_GRPC = {"resource-exhausted", "unavailable"}


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
