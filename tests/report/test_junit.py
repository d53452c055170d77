"""JUnit XML as Jenkins' schema and junitparser want it.

`junit-10.xsd` is that of Jenkins' xunit plugin, under the MIT licence that it holds, from the source package of pytest.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import junitparser
import pytest
from lxml import etree

from meshlint.finding import Related
from meshlint.report import junit
from meshlint.report.report import Report, Suppressed
from meshlint.source.document import Failure

from .conftest import ROUTE, Lint, document, finding

SCHEMA = etree.XMLSchema(file=str(Path(__file__).with_name("junit-10.xsd")))
FORBIDDEN = "a\x00\x08\x0b\x1b\x7f\x9b\ud800\ufffe\uffffz"


def written(report: Report, root: Path | None = None, **options: Any) -> str:
    """The document, valid."""
    out = io.StringIO()
    junit.write(report, out, root=str(root or Path.cwd()), **options)
    assert out.getvalue().isascii()
    SCHEMA.assertValid(etree.fromstring(out.getvalue().encode()))
    return out.getvalue()


def cases(report: Report, root: Path | None = None, **options: Any) -> list[junitparser.TestCase]:
    """The tests as a consumer has them, after the counts were found to be true."""
    suites = junitparser.JUnitXml.fromstring(written(report, root, **options).encode())
    (suite,) = suites
    found = list(suite)
    results = [type(result) for case in found for result in case.result]
    kinds = (junitparser.Failure, junitparser.Error, junitparser.Skipped)
    assert (suite.tests, suite.failures, suite.errors, suite.skipped) == (len(found), *map(results.count, kinds))
    assert (suites.tests, suites.failures, suites.errors) == (suite.tests, suite.failures, suite.errors)
    return found


def case(report: Report, root: Path | None = None, **options: Any) -> tuple[str, str, junitparser.junitparser.Result]:
    """Class, name and result of the only test."""
    (only,) = cases(report, root, **options)
    (result,) = only.result
    return only.classname, only.name, result


def test_a_finding(lint: Lint) -> None:
    report = lint({"k8s/mesh.yaml": ROUTE}, "timeout-cuts-streaming-response")
    (found,) = report.findings
    group, name, result = case(report)
    assert group == "meshlint.timeouts.timeout-cuts-streaming-response"
    assert name == "k8s/mesh.yaml VirtualService shop/llm spec.http[0].timeout"
    assert (type(result), result.type, result.message) == (junitparser.Failure, "error", found.message)
    assert result.text.splitlines() == [
        f"k8s/mesh.yaml:13:16: {found.message}",
        "note: its match names a generation path (k8s/mesh.yaml:10:25)",
        f"help: {found.rule.remediation}",
    ]


def test_names_stay_while_lines_move(lint: Lint) -> None:
    before = cases(lint({"mesh.yaml": ROUTE}))
    after = cases(lint({"mesh.yaml": "\n" * 10 + ROUTE}))
    assert [(c.classname, c.name) for c in after] == [(c.classname, c.name) for c in before]
    assert len({(c.classname, c.name) for c in before}) == len(before) > 1


def test_what_has_one_name_in_a_file_is_numbered() -> None:
    one, other = document("a: 1\nb: 1\n"), document("a: 1\n", "other.yaml")
    report = Report(findings=(finding(one.at("a")), finding(one.at("a")), finding(one.at("b")), finding(other.at("a"))))
    assert [c.name for c in cases(report)] == [
        "mesh.yaml VirtualService shop/llm a",
        "mesh.yaml VirtualService shop/llm a (2)",
        "mesh.yaml VirtualService shop/llm b",
        "other.yaml VirtualService shop/llm a",
    ]


def test_what_could_not_be_checked_is_an_error() -> None:
    group, name, result = case(Report(failures=(Failure("yaml", "bad.yaml", 3, "it does <not> parse"),)))
    assert (group, name) == ("meshlint", "bad.yaml:3")
    assert (type(result), result.type, result.message) == (junitparser.Error, "yaml", "it does <not> parse")
    assert result.text == "bad.yaml:3: it does <not> parse"


def test_a_rule_that_crashed_is_no_file_of_the_repository() -> None:
    failure = Failure("rule", "rules/mtls/some_rule/check.py", None, "rule some-rule failed")
    assert case(Report(failures=(failure,)), Path("/"))[1] == "rules/mtls/some_rule/check.py"


def test_suppressed_findings_are_skipped_on_demand() -> None:
    given = document("a: 1\nb: 2\n")
    report = Report(
        (finding(given.at("b")),), suppressed=(Suppressed(finding(given.at("a")), "short", "mesh.yaml", 1),)
    )
    assert [c.name for c in cases(report)] == ["mesh.yaml VirtualService shop/llm b"]
    _, skipped = cases(report, show_suppressed=True)
    (result,) = skipped.result
    assert skipped.name == "mesh.yaml VirtualService shop/llm a"
    assert (type(result), result.message, result.text) == (junitparser.Skipped, "short", "mesh.yaml:1")


def test_nothing_found_is_a_test_that_passed() -> None:
    (only,) = cases(Report())
    assert (only.classname, only.name, only.result) == ("meshlint", "nothing found", [])


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("<b> & \"x\" 'y' ]]> --> &amp;", "<b> & \"x\" 'y' ]]> --> &amp;"),
        (FORBIDDEN, r"a\x00\x08\x0b\x1b\x7f\x9b\ud800\ufffe\uffffz"),
        ("one\ntwo\r\tthree", r"one\ntwo\r\tthree"),
        ("café 中 \U0001f600", "café 中 \U0001f600"),
    ],
)
def test_texts_come_out_as_they_went_in(text: str, told: str) -> None:
    place = document("a: 1\n").at("a")
    found = finding(place, text, related=(Related(text, place),), notes=(text,))
    _, name, result = case(Report(findings=(found,)))
    assert name == "mesh.yaml VirtualService shop/llm a"
    assert result.message == told
    assert result.text.splitlines() == [
        f"mesh.yaml:1:4: {told}",
        f"note: {told} (mesh.yaml:1:4)",
        f"note: {told}",
        "help: Make it fast.",
    ]


def test_file_names_are_escaped() -> None:
    _, name, result = case(Report(findings=(finding(document("a: 1\n", '<a> & "b" \udcff.yaml').at("a")),)))
    assert name == '<a> & "b" \\udcff.yaml VirtualService shop/llm a'
    assert result.text.startswith('<a> & "b" \\udcff.yaml:1:4: ')


def test_the_schema_refuses_what_breaks_it(lint: Lint) -> None:
    text = written(lint({"mesh.yaml": ROUTE}))
    for broken in (text.replace("<testcase classname", "<testcase line='3' classname"), text.replace("name=", "id=")):
        assert not SCHEMA.validate(etree.fromstring(broken.encode()))
