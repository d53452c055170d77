"""Keeps the findings that a change since a revision may have brought about."""

from __future__ import annotations

from collections.abc import Sequence

from ..finding import Finding
from ..source.revision import Changes, Revision
from .baseline import Stock, known
from .report import Report, Since, in_order


def changed(
    report: Report, revision: Revision, changes: Changes, deleted: tuple[str, ...], earlier: Report | None
) -> Report:
    """The report without the findings of which no place changed, be it their own or one that is shown with them.

    A finding stands at the first of its sites that changed. `deleted` objects have no place any more: so a finding stays,
    too, that is not in the report of an input that still has them (`earlier`).
    """
    every = (*report.findings, *report.hidden)
    touched = [_touched(finding, changes) for finding in every]
    came = _came(every, earlier) if earlier else [None] * len(every)
    kept = [one or other for one, other in zip(touched, came, strict=True)]
    shown = len(report.findings)
    return report._replace(
        findings=in_order(filter(None, kept[:shown])),
        hidden=tuple(filter(None, kept[shown:])),
        unchanged=tuple(finding for finding, still in zip(every, kept, strict=True) if still is None),
        since=Since(
            revision.name,
            revision.commit,
            deleted,
            sum(one is None and other is not None for one, other in zip(touched[:shown], came[:shown], strict=True)),
            len(changes.outside),
        ),
    )


def _touched(finding: Finding, changes: Changes) -> Finding | None:
    if site := next((site for site in finding.sites if changes.touch(site.location)), None):
        return finding.standing_at(site)
    return finding if any(changes.touch(related.location) for related in finding.related) else None


def _came(findings: Sequence[Finding], earlier: Report) -> list[Finding | None]:
    """The findings that were not there, or were milder, each at the first site of which that is true."""
    suppressed = [entry.finding for entry in earlier.suppressed]
    stock = Stock(known([*earlier.findings, *earlier.hidden, *earlier.superseded, *suppressed]))
    return [
        next((f.standing_at(site) for site, entry in entries if not entry or entry.severity < f.severity), None)
        for f, entries in zip(findings, stock.take(findings), strict=True)
    ]
