"""Whether policies let scrapes and health checks in, whatever mTLS makes of them."""

from __future__ import annotations

from collections.abc import Iterator

from ....resource.match import name_tokens
from ...effective import Effective
from ...subjects import MtlsMode, Poll, Port, Purpose, Scraper
from .calls import Caller, Identity, Request
from .decide import Outcome, Verdict, decide, verdict
from .filters import Guard
from .reach import identities

_MONITORING = {"prometheus", "monitoring", "monitor", "observability", "metrics", "scraper", "vmagent", "alloy"}


def refused(port: Port, poll: Poll, guard: Guard) -> Outcome | None:
    """The decision about a poll of a port that policies refuse; None where they let it in, or may."""
    open_to_all = guard._replace(mtls=Effective(MtlsMode.PERMISSIVE)) if _is_strict(guard) else guard
    method = "POST" if (poll.path or "").startswith("/grpc.") else "GET"
    request = Request(method, poll.path, f"0.0.0.0:{port.number}")
    if not poll.scrapers and poll.purpose is Purpose.SCRAPE and _lets_monitoring_in(open_to_all, request):
        return None
    outcomes = (decide(open_to_all, Caller(identity), request) for identity in _callers(poll))
    return next((outcome for outcome in outcomes if verdict(outcome) is Verdict.DENY), None)


def _is_strict(guard: Guard) -> bool:
    return any(outcome.value is MtlsMode.STRICT for outcome in guard.mtls.outcomes)


def _callers(poll: Poll) -> Iterator[Identity | None]:
    """As whom it calls; nobody where it has a certificate and the input does not tell whose."""
    if poll.scrapers:
        yield from (_identity(scraper) if scraper.proxied or poll.certified else None for scraper in poll.scrapers)
    elif not poll.certified:
        yield None


def _identity(scraper: Scraper) -> Identity:
    namespace, _, account = scraper.account.partition("/")
    return Identity(namespace, account)


def _lets_monitoring_in(guard: Guard, request: Request) -> bool:
    """Whether policies admit an account whose name says that it scrapes: the Prometheus that is not in the input may have it."""
    named = (
        one
        for one in identities(guard)
        if one and _MONITORING & {*name_tokens(one.namespace), *name_tokens(one.account)}
    )
    return any(verdict(decide(guard, Caller(identity), request)) is not Verdict.DENY for identity in named)
