"""The report as JSON Lines: the contract is `$defs/line` of `schemas/report.schema.json`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TextIO

from .. import __version__
from . import contract
from .fingerprint import fingerprinted
from .report import Report
from .stream import encoded


def write(report: Report, out: TextIO, *, show_suppressed: bool = False) -> None:
    """Writes one object a line, in ASCII; the last one is the summary, so that a stream without it is not whole."""
    for kind, content in _lines(fingerprinted(report), show_suppressed):
        out.write(encoded({"type": kind, **content}) + "\n")


def _lines(report: Report, show_suppressed: bool) -> Iterator[tuple[str, dict[str, Any]]]:
    for finding in report.findings:
        yield "finding", contract.finding(finding)
    if show_suppressed:
        for entry in report.suppressed:
            yield "suppressed", contract.suppressed(entry)
        for finding in report.superseded:
            yield "superseded", contract.finding(finding)
    for failure in report.failures:
        yield "failure", contract.failure(failure)
    if report.baseline:
        yield "baseline", contract.baseline(report.baseline)
    if report.since:
        yield "since", contract.since(report.since)
    yield "summary", {"version": contract.VERSION, "meshlint": __version__, **contract.summary(report)}
