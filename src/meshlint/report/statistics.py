"""What was found, by rule."""

from __future__ import annotations

from typing import NamedTuple

from ..finding import Finding, RuleInfo, Severity
from .report import Report


class Row(NamedTuple):
    """The findings of a rule: how many, how bad the worst is, how many have a fix, which may turn out to have no edits."""

    rule: RuleInfo
    findings: int
    severity: Severity
    fixable: int


def rows(report: Report) -> list[Row]:
    """The most frequent rule first."""
    found: dict[str, Row] = {}
    for finding in report.findings:
        found[finding.rule.id] = _with(found.get(finding.rule.id), finding)
    return sorted(found.values(), key=lambda row: (-row.findings, row.rule.id))


def _with(row: Row | None, finding: Finding) -> Row:
    fixable = 1 if finding.described_fix else 0
    if row is None:
        return Row(finding.rule, 1, finding.severity, fixable)
    return Row(row.rule, row.findings + 1, max(row.severity, finding.severity), row.fixable + fixable)
