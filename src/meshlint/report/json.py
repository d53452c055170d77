"""The report as JSON: the contract is `schemas/report.schema.json`."""

from __future__ import annotations

from typing import Any, TextIO

from .. import __version__
from . import contract
from .fingerprint import fingerprinted
from .report import Report
from .statistics import rows
from .stream import dump


def write(report: Report, out: TextIO, *, show_suppressed: bool = False) -> None:
    """Writes ASCII, so that no stream can spoil it and nothing in it can steer a terminal.

    What is suppressed or superseded is there only on demand.
    """
    report = fingerprinted(report)
    content: dict[str, Any] = {
        "version": contract.VERSION,
        "meshlint": __version__,
        "summary": contract.summary(report),
        "findings": map(contract.finding, report.findings),
        "failures": map(contract.failure, report.failures),
    }
    if report.baseline:
        content["baseline"] = contract.baseline(report.baseline)
    if report.since:
        content["since"] = contract.since(report.since)
    if show_suppressed:
        content["suppressed"] = map(contract.suppressed, report.suppressed)
        content["superseded"] = map(contract.finding, report.superseded)
    dump(content, out)
    out.write("\n")


def write_statistics(report: Report, out: TextIO) -> None:
    """Writes what was found by rule: `$defs/statistics` of the contract."""
    rules = map(contract.statistics, rows(report))
    dump({"version": contract.VERSION, "meshlint": __version__, "statistics": rules}, out)
    out.write("\n")
