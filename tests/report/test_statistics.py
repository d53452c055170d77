"""What was found, by rule."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import jsonschema

import meshlint
from meshlint.finding import Fix, Safety, Severity
from meshlint.report import json as report_json
from meshlint.report import statistics, text
from meshlint.report.report import Report
from meshlint.source.change import Put

from .conftest import RULE, document, finding, summary

SCHEMA = json.loads((Path(__file__).parents[2] / "schemas" / "report.schema.json").read_text(encoding="utf-8"))
VALIDATOR = jsonschema.Draft202012Validator({"$defs": SCHEMA["$defs"], "$ref": "#/$defs/statistics"})


def report() -> Report:
    """Three findings of one rule, of which one is worse and one has a fix, and one each of two others."""
    given = document("a: 1\nb: 2\n")
    mending = RULE._replace(fix=Fix("set a", Safety.SAFE))
    often = [
        finding(given.at("a")),
        finding(given.at("b"), severity=Severity.ERROR),
        finding(given.at("a"), rule=mending, changes=(Put(given.at("a"), 2),)),
    ]
    others = [
        finding(given.at("a"), rule=RULE._replace(id=id, title=title), severity=Severity.INFO)
        for id, title in (("z-rule", "Z"), ("a-rule", "A \x1b[31m"))
    ]
    return Report(findings=(*others, *often), hidden=(finding(given.at("a")),))


def test_a_table() -> None:
    out = io.StringIO()
    text.write_statistics(report(), text.Printer(out, color=False, width=40))
    assert out.getvalue() == (
        "FINDINGS  SEVERITY  RULE        FIXABLE  TITLE\n"
        "       3  error     slow-route        1  Route is slow\n"
        "       1  info      a-rule            -  A \\x1b[31m\n"
        "       1  info      z-rule            -  Z\n"
    )


def test_fixable_is_what_the_summary_counts() -> None:
    """Also where no edits make the change: to find that out takes as long as to fix it."""
    aliased = document("a: &x {b: 1}\nc: *x\n").at("c", "b")
    mending = RULE._replace(fix=Fix("set b", Safety.SAFE))
    found = finding(aliased, rule=mending, changes=(Put(aliased, 2),))
    assert found.fix is None
    assert "Fixable: 1 with --fix (--diff shows the edits)." in summary(Report(findings=(found,)))
    assert [row.fixable for row in statistics.rows(Report(findings=(found,)))] == [1]


def test_nothing_found_is_no_table() -> None:
    out = io.StringIO()
    text.write_statistics(Report(), text.Printer(out, color=False, width=80))
    assert out.getvalue() == ""


def test_json() -> None:
    told = _json(report())
    VALIDATOR.validate(told)
    assert told == {
        "version": 1,
        "meshlint": meshlint.__version__,
        "statistics": [
            {"rule": "slow-route", "title": "Route is slow", "severity": "error", "findings": 3, "fixable": 1},
            {"rule": "a-rule", "title": "A \x1b[31m", "severity": "info", "findings": 1, "fixable": 0},
            {"rule": "z-rule", "title": "Z", "severity": "info", "findings": 1, "fixable": 0},
        ],
    }
    assert _json(Report())["statistics"] == []


def _json(report: Report) -> Any:
    out = io.StringIO()
    report_json.write_statistics(report, out)
    return json.loads(out.getvalue())
