"""Findings as GitLab's Code Quality report."""

from __future__ import annotations

from typing import Any, TextIO

from ..finding import Finding, Severity
from .fingerprint import fingerprinted
from .paths import Paths
from .printable import printable
from .report import Report
from .stream import dump

_SEVERITIES = {Severity.ERROR: "critical", Severity.WARNING: "major", Severity.INFO: "info"}


def write(report: Report, out: TextIO, *, root: str) -> None:
    """Writes an array of what is shown; GitLab has no word for what could not be checked."""
    paths = Paths(root)
    dump((_entry(finding, paths) for finding in fingerprinted(report).findings), out)
    out.write("\n")


def _entry(finding: Finding, paths: Paths) -> dict[str, Any]:
    """GitLab shows the description and not the name of the check, so that the description begins with it."""
    span = finding.location.span
    return {
        "description": f"{finding.rule.id}: {printable(finding.message)}",
        "check_name": finding.rule.id,
        "fingerprint": finding.fingerprint,
        "severity": _SEVERITIES[finding.severity],
        "location": {
            "path": printable(paths.named(finding.location.file)),
            "positions": {
                "begin": {"line": span.start_line, "column": span.start_column},
                "end": {"line": span.end_line, "column": span.end_column},
            },
        },
    }
