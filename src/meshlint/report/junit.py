"""The report as JUnit XML: every finding is a test that failed, and what could not be checked is an error.

Written tag by tag; libraries for JUnit build the whole document first.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TextIO
from xml.sax.saxutils import escape, quoteattr

from ..finding import Finding
from ..source.document import Failure, Location, Mark
from .paths import Paths
from .printable import printable
from .report import Report, Suppressed

_NO_CHARACTERS = re.compile("[\ufffe\uffff]")
"""What XML forbids of that which `printable` lets pass."""


def write(report: Report, out: TextIO, *, root: str, show_suppressed: bool = False) -> None:
    """Writes one suite, in ASCII, which is never empty. What is suppressed is a test that was skipped, on demand."""
    skipped = report.suppressed if show_suppressed else ()
    counts = {"failures": len(report.findings), "errors": len(report.failures)}
    number = sum(counts.values()) + len(skipped)
    tests: dict[str, str | int] = {"name": "meshlint", "tests": max(number, 1), **counts}
    out.write('<?xml version="1.0" encoding="UTF-8"?>\n')
    out.write(f"{_tag('testsuites', **tests)}\n  {_tag('testsuite', **tests, skipped=len(skipped))}\n")
    for case in _Writer(Paths(root)).cases(report, skipped):
        out.write(case)
    if not number:
        out.write(_case("meshlint", "nothing found", ""))
    out.write("  </testsuite>\n</testsuites>\n")


class _Writer:
    """Names of tests are the same from run to run: of their places only the paths count."""

    def __init__(self, paths: Paths) -> None:
        self._paths = paths
        self._names: Counter[str] = Counter()
        self._file = ""

    def cases(self, report: Report, skipped: Sequence[Suppressed]) -> Iterator[str]:
        for failure in report.failures:
            yield self._error(failure)
        for finding in report.findings:
            told = _element("failure", str(finding.severity), finding.message, *self._told(finding))
            yield _case(_class(finding), self._name(finding), told)
        for entry in skipped:
            told = _element("skipped", "suppressed", entry.reason, f"{self._paths.named(entry.file)}:{entry.line}")
            yield _case(_class(entry.finding), self._name(entry.finding), told)

    def _error(self, failure: Failure) -> str:
        place = self._paths.place(failure)
        return _case("meshlint", place, _element("error", failure.kind, failure.message, f"{place}: {failure.message}"))

    def _name(self, finding: Finding) -> str:
        """Consumers keep one test of a name: where it repeats in a file it is numbered."""
        if finding.location.file != self._file:
            self._file = finding.location.file
            self._names.clear()
        path = self._paths.named(self._file)
        name = " ".join(part for part in (path, str(finding.resource or ""), finding.location.pointer) if part)
        key = f"{finding.rule.id} {name}"
        self._names[key] += 1
        return name if self._names[key] == 1 else f"{name} ({self._names[key]})"

    def _told(self, finding: Finding) -> Iterator[str]:
        yield f"{self._place(finding.location)}: {finding.message}"
        for related in finding.related:
            yield f"note: {related.message or 'see also'} ({self._place(related.location)})"
        for note in finding.notes:
            yield f"note: {note}"
        yield f"help: {finding.rule.remediation}"

    def _place(self, location: Location | Mark) -> str:
        return f"{self._paths.named(location.file)}:{location.span.start_line}:{location.span.start_column}"


def _class(finding: Finding) -> str:
    """Consumers group tests by the part before the last dot."""
    return f"meshlint.{finding.rule.category}.{finding.rule.id}"


def _case(group: str, name: str, content: str) -> str:
    return f"    {_tag('testcase', classname=group, name=name)}{content}</testcase>\n"


def _element(name: str, kind: str, message: str, *lines: str) -> str:
    text = _ascii(escape("\n".join(map(printable, lines))))
    return f"{_tag(name, type=kind, message=message)}{text}</{name}>"


def _tag(element: str, /, **attributes: str | int) -> str:
    written = "".join(f" {key}={_ascii(quoteattr(printable(str(value))))}" for key, value in attributes.items())
    return f"<{element}{written}>"


def _ascii(text: str) -> str:
    """In ASCII, without what XML forbids and without `##`, by which runners that read a log know commands."""
    known = _NO_CHARACTERS.sub(lambda match: f"\\u{ord(match[0]):04x}", text)
    return known.replace("##", "#&#35;").encode("ascii", "xmlcharrefreplace").decode("ascii")
