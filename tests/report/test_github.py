"""Workflow commands as the runner of GitHub Actions reads them."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import NamedTuple

import pytest

from meshlint.finding import Confidence, Severity
from meshlint.report import github
from meshlint.report.report import Report
from meshlint.source.document import Failure, Mark, SourceFile, Span

from .conftest import ROUTE, Lint, document, finding

REGISTERED = {"error", "warning", "notice", "debug", "add-mask", "add-path", "set-env", "set-output", "stop-commands"}
PROPERTIES = {"%0D": "\r", "%0A": "\n", "%3A": ":", "%2C": ",", "%25": "%"}
DATA = {"%0D": "\r", "%0A": "\n", "%25": "%"}


class Command(NamedTuple):
    name: str
    properties: dict[str, str]
    data: str


def commands(log: str) -> list[Command]:
    """What the runner does with the lines of a log, by the rules of actions/runner's ActionCommand and its manager."""
    found = [_double_colon(line) or _brackets(line) for line in re.split(r"\r\n|\n|\r", log)]
    return [command for command in found if command]


def _double_colon(line: str) -> Command | None:
    line = line.lstrip()
    if not line.startswith("::"):
        return None
    head, separator, data = line[2:].partition("::")
    name, _, listed = head.partition(" ")
    if not separator or name.lower() not in REGISTERED:
        return None
    pairs = [pair.split("=", 1) for pair in listed.strip().split(",") if pair]
    properties = {pair[0].lower(): _plain(pair[1], PROPERTIES) for pair in pairs if len(pair) == 2 and pair[1]}
    return Command(name, properties, _plain(data, DATA))


def _brackets(line: str) -> Command | None:
    """The older form, which counts anywhere in a line."""
    match = re.search(r"##\[(?P<name>[^ \]]*)(?P<properties>[^\]]*)\](?P<data>.*)", line)
    return Command(match["name"], {}, match["data"]) if match and match["name"].lower() in REGISTERED else None


def _plain(text: str, escapes: dict[str, str]) -> str:
    for escape, character in escapes.items():
        text = text.replace(escape, character)
    return text


def written(report: Report, root: Path | None = None) -> str:
    out = io.StringIO()
    github.write(report, out, root=str(root or Path.cwd()))
    return out.getvalue()


def command(report: Report) -> Command:
    (only,) = commands(written(report))
    return only


def test_a_finding(lint: Lint) -> None:
    report = lint({"mesh.yaml": ROUTE}, "timeout-cuts-streaming-response")
    message = report.findings[0].message
    help_ = report.findings[0].rule.remediation
    title = "title=timeout-cuts-streaming-response"
    assert written(report) == f"::error file=mesh.yaml,line=13,col=16,endColumn=17,{title}::{message}%0Ahelp: {help_}\n"


@pytest.mark.parametrize(
    ("severity", "kind"), [(Severity.ERROR, "error"), (Severity.WARNING, "warning"), (Severity.INFO, "notice")]
)
def test_kinds(severity: Severity, kind: str) -> None:
    assert command(Report(findings=(finding(document("a: 1\n").at("a"), severity=severity),))).name == kind


def test_texts_come_out_as_they_went_in() -> None:
    text = "100%, 50%0A and %25; a::b ##[error]x, = ]"
    found = finding(document("a: 1\n", "k8s/a,b:c%20=d.yaml").at("a"), text)
    name, properties, data = command(Report(findings=(found,)))
    assert (name, data) == ("warning", f"{text}\nhelp: Make it fast.")
    assert properties == {
        "file": "k8s/a,b:c%20=d.yaml",
        "line": "1",
        "col": "4",
        "endcolumn": "4",
        "title": "slow-route",
    }


@pytest.mark.parametrize(
    "text",
    [
        "\n::add-mask::secret",
        "\r\n::stop-commands::token",
        "x\u2028::error::y",
        "\x85::set-output name=a::b",
        "::set-env name=PATH::/tmp",
        "\x1b[31mred",
        "##[add-path]/tmp",
        "%0A::add-path::/tmp",
    ],
)
def test_no_text_of_a_manifest_is_a_command(text: str) -> None:
    place = document("a: 1\n", f"{text}.yaml").at("a")
    failure = Failure("yaml", f"{text}.yaml", 1, text)
    report = Report(findings=(finding(place, text),), failures=(failure,))
    log = written(report)
    assert [(found.name, found.properties["title"]) for found in commands(log)] == [
        ("error", "not checked"),
        ("warning", "slow-route"),
    ]
    assert log.count("\n") == 2
    assert log.replace("\n", "").isprintable()


def test_the_reader_would_notice_a_command() -> None:
    assert [c.name for c in commands("::error::a\n  ::add-mask::b\nx ##[add-path]c\n::nothing::d\n")] == [
        "error",
        "add-mask",
        "add-path",
    ]


def test_columns_only_on_one_line() -> None:
    mark = Mark(SourceFile("mesh.yaml", "# a\n# b\n"), Span(1, 1, 2, 4))
    properties = command(Report(findings=(finding(mark),))).properties  # type: ignore[arg-type]
    assert properties == {"file": "mesh.yaml", "line": "1", "endline": "2", "title": "slow-route"}


def test_stdin_is_no_file() -> None:
    report = Report(findings=(finding(document("a: 1\n", "<stdin>").at("a")),))
    assert "file" not in command(report).properties


def test_paths_are_those_of_the_repository(tmp_path: Path) -> None:
    inside = document("a: 1\n", f"{tmp_path}/k8s/mesh.yaml").at("a")
    report = Report(findings=(finding(inside),))
    (told,) = commands(written(report, tmp_path))
    (outside,) = commands(written(report, tmp_path / "repository"))
    assert told.properties["file"] == "k8s/mesh.yaml"
    assert outside.properties["file"] == f"{tmp_path}/k8s/mesh.yaml"


def test_the_worst_and_surest_come_first() -> None:
    given = document("".join(f"k{n}: 1\n" for n in range(6)))
    grades = [
        (Severity.INFO, Confidence.HIGH),
        (Severity.WARNING, Confidence.LOW),
        (Severity.WARNING, Confidence.HIGH),
        (Severity.ERROR, Confidence.MEDIUM),
        (Severity.ERROR, Confidence.HIGH),
        (Severity.ERROR, Confidence.HIGH),
    ]
    found = [finding(given.at(f"k{n}"), severity=s, confidence=c) for n, (s, c) in enumerate(grades)]
    told = commands(written(Report(findings=tuple(found))))
    assert [int(c.properties["line"]) for c in told] == [5, 6, 4, 3, 2, 1]


def test_what_could_not_be_checked_is_an_error() -> None:
    failures = (
        Failure("yaml", "bad.yaml", 3, "it does not parse"),
        Failure("unreadable", "gone.yaml", None, "permission denied"),
        Failure("rule", "rules/mtls/some_rule/check.py", 9, "rule some-rule failed"),
    )
    assert written(Report(failures=failures)).splitlines() == [
        "::error file=bad.yaml,line=3,title=not checked::it does not parse",
        "::error file=gone.yaml,title=not checked::permission denied",
        "::error title=not checked::rule some-rule failed",
    ]


def test_what_github_does_not_show_is_told() -> None:
    place = document("a: 1\n").at("a")
    error, warning = finding(place, severity=Severity.ERROR), finding(place)
    failure = Failure("yaml", "bad.yaml", 3, "it does not parse")
    told = list(github.beyond(Report(findings=(error,) * 11 + (warning,) * 11, failures=(failure,))))
    assert told == [
        "GitHub shows 10 annotations of a kind for each step; the others would stand only in its log: 2 errors, 1 warning."
    ]
    assert list(github.beyond(Report(findings=(error,) * 10 + (warning,) * 10))) == []


def test_nothing_found() -> None:
    assert written(Report()) == ""
