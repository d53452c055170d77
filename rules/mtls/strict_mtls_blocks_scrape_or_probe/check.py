from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from meshlint.mesh.subjects import MtlsMode, Poll, Port, Purpose
from meshlint.rule.rule import Problem


def check(port: Port, options: Mapping[str, Any]) -> Iterator[Problem]:
    mode = port.mtls.holds(lambda value: value is MtlsMode.STRICT)
    if not mode or not port.captured or not port.workload.in_mesh.value:
        return
    for poll in port.polls:
        if not poll.certified and not _has_identity(poll, options["meshed-scrapers"]):
            yield Problem(
                poll.location,
                related=[mode],
                rests_on=[mode, port.workload.in_mesh],
                purpose=poll.purpose.value,
                port=port,
                caller=poll.caller,
                reason=mode.because[-1].text,
            )


def _has_identity(poll: Poll, meshed: Sequence[str]) -> bool:
    """Whether every Prometheus that scrapes is in the mesh; one that is not in the input may be one that the user names."""
    if poll.scrapers:
        return all(scraper.proxied or scraper.account in meshed for scraper in poll.scrapers)
    return poll.purpose is Purpose.SCRAPE and bool(meshed)
