"""The order of findings, the exit code, and the hint about hidden findings."""

from __future__ import annotations

import pytest

from meshlint.finding import Audience, Confidence, Finding, RuleInfo, Severity
from meshlint.report.report import Report, exit_code, failing, hidden_hint, in_order
from meshlint.source import yaml
from meshlint.source.document import Failure, SourceFile

RULE = RuleInfo("b", "routing", "B", Severity.ERROR, Confidence.HIGH, Audience.REGULAR, ("istio",), "message", "remedy")
DOCUMENT = yaml.load(SourceFile("b.yaml", "one: 1\ntwo: 2\n")).documents[0]
OTHER = yaml.load(SourceFile("a.yaml", "one: 1\n")).documents[0]
FINDING = Finding(
    RULE, Severity.WARNING, Confidence.HIGH, Audience.REGULAR, "message", DOCUMENT.at("two"), resource=None
)
FAILURE = Failure("yaml", "a.yaml", 1, "it does not parse")


def test_order_is_file_position_rule_message() -> None:
    last = FINDING
    by_message = last._replace(message="a message")
    by_rule = last._replace(rule=RULE._replace(id="a"), message="z")
    by_line = last._replace(location=DOCUMENT.at("one"), message="z")
    by_file = last._replace(location=OTHER.at("one"), message="z")
    given = [last, by_message, by_rule, by_line, by_file]
    assert in_order(given) == (by_file, by_line, by_rule, by_message, last)


@pytest.mark.parametrize(
    ("fail_on", "failures", "code"),
    [
        (Severity.INFO, (), 1),
        (Severity.WARNING, (), 1),
        (Severity.ERROR, (), 0),
        (None, (), 0),
        (Severity.WARNING, (FAILURE,), 3),
        (Severity.ERROR, (FAILURE,), 3),
        (None, (FAILURE,), 3),
    ],
)
def test_exit_code(fail_on: Severity | None, failures: tuple[Failure, ...], code: int) -> None:
    assert exit_code(Report(findings=(FINDING,), failures=failures), fail_on) == code


def test_only_shown_findings_fail_a_run() -> None:
    report = Report(hidden=(FINDING,), superseded=(FINDING,))
    assert exit_code(report, Severity.INFO) == 0
    assert failing(report, Severity.INFO) == ()


def test_the_hint_is_what_most_hidden_findings_miss() -> None:
    missing = ["Namespace objects", "workloads", "workloads", None, None, None]
    assert hidden_hint(FINDING._replace(missing=word) for word in missing) == "workloads"


def test_the_hint_of_a_draw_does_not_depend_on_order() -> None:
    pair = [FINDING._replace(missing=word) for word in ("workloads", "Namespace objects")]
    assert hidden_hint(pair) == hidden_hint(pair[::-1]) == "Namespace objects"


def test_no_hint_where_nothing_is_missing() -> None:
    assert hidden_hint([FINDING]) is None
