"""GitLab's Code Quality report, read as GitLab reads it."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from meshlint.finding import Severity
from meshlint.report import gitlab
from meshlint.report.report import Report
from meshlint.source.document import Failure

from .conftest import MTLS, ROUTE, Lint, document, finding

TEXT = {"type": "string", "minLength": 1, "pattern": "^[^\\x00-\\x1f\\x7f\\ud800-\\udfff]*$"}
POSITION = {
    "type": "object",
    "additionalProperties": False,
    "required": ["line", "column"],
    "properties": {"line": {"type": "integer", "minimum": 1}, "column": {"type": "integer", "minimum": 1}},
}
SCHEMA = {
    "type": "array",
    "items": {
        "type": "object",
        "additionalProperties": False,
        "required": ["description", "check_name", "fingerprint", "severity", "location"],
        "properties": {
            "description": TEXT,
            "check_name": TEXT,
            "fingerprint": TEXT,
            "severity": {"enum": ["info", "minor", "major", "critical", "blocker"]},
            "location": {
                "type": "object",
                "additionalProperties": False,
                "required": ["path", "positions"],
                "properties": {
                    "path": {**TEXT, "not": {"pattern": "^\\./"}},
                    "positions": {
                        "type": "object",
                        "additionalProperties": False,
                        "required": ["begin", "end"],
                        "properties": {"begin": POSITION, "end": POSITION},
                    },
                },
            },
        },
    },
}
"""What GitLab's own schema (app/validators/json_schemas/codeclimate.json) asks for, which leaves most of it open, with the
words of its documentation for severities, and nothing beyond."""


def written(report: Report, root: Path | None = None) -> list[dict[str, Any]]:
    out = io.StringIO()
    gitlab.write(report, out, root=str(root or Path.cwd()))
    assert out.getvalue().isascii()
    entries: list[dict[str, Any]] = json.loads(out.getvalue())
    jsonschema.Draft202012Validator(SCHEMA).validate(entries)
    return entries


def shown(entries: list[dict[str, Any]]) -> dict[str, tuple[str, str, str, int]]:
    """By fingerprint what a merge request shows: of one fingerprint the last entry, never the name of the check."""
    return {e["fingerprint"]: (e["severity"], e["description"], e["location"]["path"], _line(e)) for e in entries}


def _line(entry: dict[str, Any]) -> int:
    location = entry["location"]
    line: int = location.get("lines", {}).get("begin") or location["positions"]["begin"]["line"]
    return line


def test_a_finding(lint: Lint) -> None:
    report = lint({"k8s/mesh.yaml": ROUTE}, "timeout-cuts-streaming-response")
    (entry,) = written(report)
    fingerprint = entry.pop("fingerprint")
    assert len(fingerprint) == 32 and int(fingerprint, 16)
    assert entry == {
        "description": f"timeout-cuts-streaming-response: {report.findings[0].message}",
        "check_name": "timeout-cuts-streaming-response",
        "severity": "critical",
        "location": {
            "path": "k8s/mesh.yaml",
            "positions": {"begin": {"line": 13, "column": 16}, "end": {"line": 13, "column": 18}},
        },
    }


@pytest.mark.parametrize(
    ("severity", "told"), [(Severity.ERROR, "critical"), (Severity.WARNING, "major"), (Severity.INFO, "info")]
)
def test_severities(severity: Severity, told: str) -> None:
    (entry,) = written(Report(findings=(finding(document("a: 1\n").at("a"), severity=severity),)))
    assert entry["severity"] == told


def test_every_finding_is_shown_though_fingerprints_would_be_the_same(lint: Lint) -> None:
    report = lint({"prod/mesh.yaml": ROUTE, "test/mesh.yaml": ROUTE.replace("5s", "6s"), "mtls.yaml": MTLS})
    told = sorted(shown(written(report)).values())
    assert told == sorted(
        (
            {"error": "critical", "warning": "major", "info": "info"}[str(f.severity)],
            f"{f.rule.id}: {f.message}",
            f.location.file,
            f.location.span.start_line,
        )
        for f in report.findings
    )
    assert {path for _, _, path, _ in told} == {"prod/mesh.yaml", "test/mesh.yaml", "mtls.yaml"}


def test_paths_are_those_of_the_repository(tmp_path: Path) -> None:
    names = [f"{tmp_path}/repo/k8s/a b.yaml", f"{tmp_path}/other.yaml", "<stdin>", f"{tmp_path}/repo/\udcff.yaml"]
    found = tuple(finding(document("a: 1\n", name).at("a")) for name in names)
    told = [entry["location"]["path"] for entry in written(Report(findings=found), tmp_path / "repo")]
    assert told == ["k8s/a b.yaml", f"{tmp_path}/other.yaml", "stdin", "\\udcff.yaml"]


def test_no_control_characters() -> None:
    (entry,) = written(Report(findings=(finding(document("a: 1\n").at("a"), "caf\u00e9 \x1b[31m\u202e\ud800"),)))
    assert entry["description"] == "slow-route: caf\u00e9 \\x1b[31m\\u202e\\ud800"


def test_nothing_found_is_an_empty_report() -> None:
    assert written(Report(failures=(Failure("yaml", "bad.yaml", 3, "it does not parse"),))) == []
