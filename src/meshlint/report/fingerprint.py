"""Fingerprints: names of findings that stay the same while lines move."""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, repeat

from ..finding import Finding
from .identity import Identifier
from .report import Report, in_order

BLOCK = 100
FACTOR = 37
WORD = 1 << 64
END_OF_FILE = 0xFFFF
LINE_FEED = 0x0A


def fingerprinted(report: Report) -> Report:
    """The report with the fingerprints of its findings; what is hidden or suppressed counts, so that names stay.

    One that has them stays as it is.
    """
    suppressed = [entry.finding for entry in report.suppressed]
    if all(finding.fingerprint for finding in chain(report.findings, report.superseded, suppressed)):
        return report
    kept = in_order([*report.findings, *report.hidden, *report.known, *report.unchanged, *suppressed])
    names = {
        id(f): name for group in (kept, report.superseded) for f, name in zip(group, fingerprints(group), strict=True)
    }

    def named(finding: Finding) -> Finding:
        return finding._replace(fingerprint=names[id(finding)])

    return report._replace(
        findings=tuple(map(named, report.findings)),
        hidden=tuple(map(named, report.hidden)),
        known=tuple(map(named, report.known)),
        unchanged=tuple(map(named, report.unchanged)),
        suppressed=tuple(entry._replace(finding=named(entry.finding)) for entry in report.suppressed),
        superseded=tuple(map(named, report.superseded)),
    )


def fingerprints(findings: Sequence[Finding]) -> list[str]:
    """A name for each: 32 hexadecimal digits made of the rule, the resource and the path in it.

    What has the same rule, resource and path (alternates of one object in several files) is numbered in the order given.
    """
    identifier = Identifier()
    return list(_numbered(_digest(finding, identifier) for finding in findings))


def line_hashes(text: str) -> list[str]:
    """`primaryLocationLineHash` of every line, as GitHub's upload computes it (ecosystem.md §1.1), the first line first.

    A line's hash is a polynomial of the 100 UTF-16 units from its start on, without spaces and tabs, reaching into the
    lines below; the end of the file is a unit of its own, and zeros follow it.
    """
    counted: Counter[int] = Counter()
    lines = []
    for value in _hashes(_units(text)):
        counted[value] += 1
        lines.append(f"{value:x}:{counted[value]}")
    return lines


def _hashes(units: Iterable[int]) -> Iterator[int]:
    """The polynomials of the blocks that begin at the start of a line: the difference of what was added up at both ends."""
    leaving = pow(FACTOR, BLOCK, WORD)
    begun: deque[tuple[int, int]] = deque([(0, 0)])
    total = 0
    for position, unit in enumerate(units, 1):
        total = (total * FACTOR + unit) % WORD
        if begun and position == begun[0][0] + BLOCK:
            yield (total - leaving * begun.popleft()[1]) % WORD
        if unit == LINE_FEED:
            begun.append((position, total))


def _units(text: str) -> Iterator[int]:
    significant = re.sub(r"\r\n?", "\n", text).replace(" ", "").replace("\t", "")
    encoded = significant.encode("utf-16", "surrogatepass")
    return chain(memoryview(encoded).cast("H")[1:], [END_OF_FILE], repeat(0, BLOCK))


def _digest(finding: Finding, identifier: Identifier) -> str:
    """Of what names its site; of its cause where it has one, since which site comes first depends on the files' names."""
    import hashlib

    identity = identifier.identity(finding.rule.id, finding.sites[0])
    names = [finding.rule.id, finding.cause] if finding.cause else [*identity[:4], identity.place]
    return hashlib.sha256("|".join(names).encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _numbered(names: Iterator[str]) -> Iterator[str]:
    counted: Counter[str] = Counter()
    for name in names:
        counted[name] += 1
        yield name if counted[name] == 1 else f"{name}:{counted[name]}"
