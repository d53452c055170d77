"""Findings as workflow commands: GitHub Actions turns each into an annotation at its line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TextIO

from ..finding import Finding, Severity
from ..source.document import Failure, Span
from .paths import STDIN, Paths
from .printable import printable
from .report import Report, counted, worst_first

SHOWN = 10
"""Annotations of one kind that GitHub shows of a step; the others stand in its log."""

_KINDS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "notice"}


def write(report: Report, out: TextIO, *, root: str) -> None:
    """Writes one command a line, the worst and surest first, since GitHub shows the first ones of each kind.

    What could not be checked is an error without a place in the repository, or with one.
    """
    paths = Paths(root)
    for failure in report.failures:
        out.write(_of_failure(failure, paths))
    for finding in worst_first(report.findings):
        out.write(_of_finding(finding, paths))


def beyond(report: Report) -> Iterator[str]:
    """What GitHub will not show of the report, in a sentence."""
    kinds = Counter(finding.severity for finding in report.findings)
    kinds[Severity.ERROR] += len(report.failures)
    more = {kind: kinds[kind] - SHOWN for kind in sorted(_KINDS, reverse=True) if kinds[kind] > SHOWN}
    if more:
        words = ", ".join(counted(number, _KINDS[kind]) for kind, number in more.items())
        yield f"GitHub shows {SHOWN} annotations of a kind for each step; the others would stand only in its log: {words}."


def _of_finding(finding: Finding, paths: Paths) -> str:
    where = {**_file(finding.location.file, paths), **_stretch(finding.location.span)}
    text = f"{printable(finding.message)}\nhelp: {printable(finding.rule.remediation)}"
    return _command(_KINDS[finding.severity], where, finding.rule.id, text)


def _of_failure(failure: Failure, paths: Paths) -> str:
    where = {} if failure.kind == "rule" else _file(failure.file, paths)
    if where and failure.line:
        where["line"] = str(failure.line)
    return _command("error", where, "not checked", printable(failure.message))


def _file(file: str, paths: Paths) -> dict[str, str]:
    return {} if file == STDIN else {"file": printable(paths.named(file))}


def _stretch(span: Span) -> dict[str, str]:
    """Columns count on one line only; `endColumn` is the last one, as it defaults to `col`."""
    if span.start_line != span.end_line:
        return {"line": str(span.start_line), "endLine": str(span.end_line)}
    last = max(span.start_column, span.end_column - 1)
    return {"line": str(span.start_line), "col": str(span.start_column), "endColumn": str(last)}


def _command(kind: str, where: dict[str, str], title: str, text: str) -> str:
    properties = ",".join(f"{name}={_property(value)}" for name, value in {**where, "title": title}.items())
    return f"::{kind} {properties}::{_data(text)}\n"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
