"""JSON Lines keep their contract, `$defs/line` of `schemas/report.schema.json`."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import meshlint
from meshlint.finding import Severity
from meshlint.report import json as report_json
from meshlint.report import jsonl
from meshlint.report.identity import Identity
from meshlint.report.report import Compared, Known, Report, Since, Suppressed
from meshlint.source.document import Failure

from .conftest import ROUTE, Lint, document, finding

SCHEMA = json.loads((Path(__file__).parents[2] / "schemas" / "report.schema.json").read_text(encoding="utf-8"))
VALIDATOR = jsonschema.Draft202012Validator({"$defs": SCHEMA["$defs"], "$ref": "#/$defs/line"})
TIMEOUT = "timeout-cuts-streaming-response"


def lines(report: Report, **options: bool) -> list[dict[str, Any]]:
    """The objects of the stream, each valid."""
    out = io.StringIO()
    jsonl.write(report, out, **options)
    assert out.getvalue().isascii() and out.getvalue().endswith("}\n")
    found = [json.loads(line) for line in out.getvalue().removesuffix("\n").split("\n")]
    for line in found:
        VALIDATOR.validate(line)
    return found


def as_json(report: Report, **options: bool) -> dict[str, Any]:
    out = io.StringIO()
    report_json.write(report, out, **options)
    told: dict[str, Any] = json.loads(out.getvalue())
    return told


def test_it_says_what_json_says(lint: Lint) -> None:
    report = lint({"bad.yaml": "a: [\n", "mesh.yaml": ROUTE})
    told = as_json(report)
    assert lines(report) == [
        *({"type": "finding", **entry} for entry in told["findings"]),
        *({"type": "failure", **entry} for entry in told["failures"]),
        {"type": "summary", "version": 1, "meshlint": meshlint.__version__, **told["summary"]},
    ]
    assert len(told["findings"]) > 1 and len(told["failures"]) == 1


def test_the_type_comes_first(lint: Lint) -> None:
    found, summary = lines(lint({"mesh.yaml": ROUTE}, TIMEOUT))
    assert [next(iter(line.items())) for line in (found, summary)] == [("type", "finding"), ("type", "summary")]


def test_suppressed_and_superseded_on_demand_only() -> None:
    given = document("a: 1\nb: 2\n")
    gone = Suppressed(finding(given.at("a")), "a demo", "mesh.yaml", 1)
    report = Report(suppressed=(gone,), superseded=(finding(given.at("b")),))
    told = as_json(report, show_suppressed=True)
    assert [line["type"] for line in lines(report)] == ["summary"]
    assert lines(report, show_suppressed=True)[:2] == [
        {"type": "suppressed", **told["suppressed"][0]},
        {"type": "superseded", **told["superseded"][0]},
    ]


def test_what_was_compared_with_comes_before_the_summary() -> None:
    known = Known(Identity("slow-route", "VirtualService", "shop", "llm", "spec"), Severity.ERROR)
    compared = Compared("baseline.json", (".",), (known,), 2, ("no-rule",))
    report = Report(baseline=compared, since=Since("main", "0123abc", ("VirtualService shop/llm",), 1, 3))
    told = as_json(report)
    baseline, since, summary = lines(report)
    assert baseline == {"type": "baseline", **told["baseline"]}
    assert since == {"type": "since", **told["since"]}
    assert (told["baseline"]["unseen"], told["since"]["came"], summary["type"]) == (2, 1, "summary")


def test_nothing_breaks_a_line() -> None:
    message = "one\ntwo\r\u2028\x85\x1b[31m"
    report = Report(
        (finding(document("a: 1\n").at("a"), message),), failures=(Failure("yaml", "a\n.yaml", 1, message),)
    )
    found, failure, _ = lines(report)
    assert (found["message"], failure["message"], failure["file"]) == (message, message, "a\n.yaml")


@pytest.mark.parametrize(
    "spoil",
    [
        lambda line: line.pop("type"),
        lambda line: line.update(type="failure"),
        lambda line: line.update(notes=[]),
        lambda line: line.pop("fix"),
        lambda line: line["location"].update(startLine=0),
    ],
)
def test_the_schema_refuses_what_breaks_the_contract(lint: Lint, spoil: Any) -> None:
    found, _ = lines(lint({"mesh.yaml": ROUTE}, TIMEOUT))
    spoil(found)
    assert not VALIDATOR.is_valid(found)
