"""The report as Markdown of GitHub, for the summary of a job or a comment."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import TextIO
from urllib.parse import quote

from ..finding import Finding
from ..source.document import Location, Mark
from . import statistics
from .paths import Paths
from .printable import printable
from .report import Report, counted, found, worst_first

LIMIT = 1_000_000
"""Bytes that are written at most: GitHub refuses what a step writes to its summary if that is more than 1 MiB."""

_RESERVED = 200
"""Bytes for the sentence about what is left out."""

_ITEM = "- "
_SPECIAL = re.compile(r"[\\`*_\[\]~$]|:(?=//)|(?<=www)\.")
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "|": "&#124;"}


def write(
    report: Report,
    out: TextIO,
    *,
    root: str,
    blob: str | None = None,
    show_suppressed: bool = False,
    limit: int = LIMIT,
) -> None:
    """Writes the worst first, `limit` bytes at most. `blob` is the address that paths of the repository go on from."""
    lines = _Writer(Paths(root), blob).lines(report, show_suppressed)
    left = limit - _RESERVED
    for line in lines:
        left -= len(line.encode("utf-8"))
        if left < 0:
            more = sum(rest.startswith(_ITEM) for rest in chain([line], lines))
            left_out = counted(more, "entry", "entries")
            out.write(f"\nLeft out, since GitHub takes no summary of more than 1 MiB: {left_out}.\n")
            return
        out.write(line)


class _Writer:
    def __init__(self, paths: Paths, blob: str | None) -> None:
        self._paths = paths
        self._blob = blob

    def lines(self, report: Report, show_suppressed: bool) -> Iterator[str]:
        yield f"## meshlint\n\n{_counts(report)}\n"
        if report.failures:
            yield "\n### Not checked\n\n"
        for failure in report.failures:
            yield f"{_ITEM}{_escaped(f'{self._paths.place(failure)}: {failure.message}')}\n"
        if report.findings:
            yield from _table(report)
            yield "\n### Findings\n\n"
        for finding in worst_first(report.findings):
            yield self._item(finding, str(finding.severity), finding.message)
        if show_suppressed and report.suppressed:
            yield "\n### Suppressed\n\n"
            for entry in report.suppressed:
                yield self._item(entry.finding, "suppressed", entry.reason or "no reason given")

    def _item(self, finding: Finding, kind: str, text: str) -> str:
        return f"{_ITEM}**{kind}** {self._place(finding.location)} `{finding.rule.id}` {_escaped(text)}\n"

    def _place(self, location: Location | Mark) -> str:
        """A link where the commit's files have an address."""
        line = location.span.start_line
        shown = f"{self._named(location.file)}:{line}"
        path = self._paths.relative(location.file)
        if self._blob is None or path is None:
            return shown
        return f"[{shown}]({self._blob}/{quote(path, errors='surrogateescape')}#L{line})"

    def _named(self, file: str) -> str:
        return _escaped(self._paths.named(file))


def _counts(report: Report) -> str:
    summary = report.summary
    aside: dict[str, Sequence[object]] = {
        "suppressed": report.suppressed,
        "superseded by another": report.superseded,
        "known": report.known,
        "unchanged": report.unchanged,
    }
    left_out = ", ".join(f"{len(entries)} {word}" for word, entries in aside.items() if entries)
    looked = ", ".join(
        [
            counted(summary.files, "file"),
            counted(summary.documents, "document"),
            counted(summary.resources, "resource"),
        ]
    )
    hidden = f" {len(report.hidden)} more hidden, of lower confidence or for another audience." if report.hidden else ""
    return f"**{found(report)}**{f' ({left_out})' if left_out else ''} in {looked}.{hidden}"


def _table(report: Report) -> Iterator[str]:
    yield "\n| Findings | Severity | Rule | | Fixable |\n|---:|---|---|---|---:|\n"
    for row in statistics.rows(report):
        rule = row.rule
        yield f"| {row.findings} | {row.severity} | `{rule.id}` | {_escaped(rule.title)} | {row.fixable or ''} |\n"


def _escaped(text: str) -> str:
    """The text as it is, on one line: no markup, no HTML, no links."""
    return _SPECIAL.sub(r"\\\g<0>", re.sub(r"[&<>|]", lambda match: _ENTITIES[match[0]], printable(text)))
