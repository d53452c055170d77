"""The JSON report keeps its contract, `schemas/report.schema.json`."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import meshlint
from meshlint.finding import Confidence, Fix, Related, ResourceId, Safety
from meshlint.report import contract
from meshlint.report import json as report_json
from meshlint.report.fingerprint import fingerprinted, fingerprints
from meshlint.report.report import Report, Summary, Suppressed
from meshlint.source.change import Put, Remove
from meshlint.source.document import Failure

from .conftest import MTLS, ROUTE, RULE, Lint, document, finding

SCHEMA = json.loads((Path(__file__).parents[2] / "schemas" / "report.schema.json").read_text(encoding="utf-8"))
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
TIMEOUT = "timeout-cuts-streaming-response"


def written(report: Report, *, show_suppressed: bool = False) -> str:
    out = io.StringIO()
    report_json.write(report, out, show_suppressed=show_suppressed)
    return out.getvalue()


def read(report: Report, *, show_suppressed: bool = False) -> dict[str, Any]:
    """The report as a consumer has it, valid."""
    data: dict[str, Any] = json.loads(written(report, show_suppressed=show_suppressed))
    VALIDATOR.validate(data)
    return data


def test_a_finding(lint: Lint) -> None:
    report = lint({"mesh.yaml": ROUTE}, TIMEOUT)
    (found,) = read(report)["findings"]
    fingerprint = found.pop("fingerprint")
    message = found.pop("message")
    assert message == report.findings[0].message
    assert [fingerprint] == fingerprints(report.findings)
    assert found == {
        "rule": TIMEOUT,
        "severity": "error",
        "confidence": "medium",
        "audience": "regular",
        "location": {
            "file": "mesh.yaml",
            "startLine": 13,
            "startColumn": 16,
            "endLine": 13,
            "endColumn": 18,
            "path": "spec.http[0].timeout",
        },
        "resource": {
            "apiVersion": "networking.istio.io/v1",
            "kind": "VirtualService",
            "namespace": "shop",
            "name": "llm",
        },
        "related": [
            {
                "message": "its match names a generation path",
                "location": {
                    "file": "mesh.yaml",
                    "startLine": 10,
                    "startColumn": 25,
                    "endLine": 10,
                    "endColumn": 45,
                    "path": "spec.http[0].match[0].uri.prefix",
                },
            }
        ],
        "equivalents": [],
        "fix": {
            "description": "set the timeout to the accepted minimum",
            "safety": "unsafe",
            "edits": [
                {
                    "file": "mesh.yaml",
                    "startLine": 13,
                    "startColumn": 16,
                    "endLine": 13,
                    "endColumn": 18,
                    "text": "300s",
                }
            ],
        },
    }


def test_the_order_of_keys_is_that_of_the_contract(lint: Lint) -> None:
    data = read(lint({"mesh.yaml": ROUTE}, TIMEOUT))
    assert list(data) == ["version", "meshlint", "summary", "findings", "failures"]
    assert list(data["findings"][0]) == [
        "rule", "severity", "confidence", "audience", "message", "location", "resource", "related", "equivalents",
        "fingerprint", "fix",
    ]  # fmt: skip


def test_versions() -> None:
    data = read(Report())
    assert (data["version"], data["meshlint"]) == (1, meshlint.__version__)


def test_reasons_without_a_place_have_no_location() -> None:
    place = document("a: {b: 1}\n").at("a", "b")
    found = finding(place, related=(Related("set here", place),), notes=("Istio's default is 1",))
    (data,) = read(Report(findings=(found,)))["findings"]
    assert [(r["message"], r["location"] and r["location"]["path"]) for r in data["related"]] == [
        ("set here", "a.b"),
        ("Istio's default is 1", None),
    ]


def test_without_edits_there_is_no_fix() -> None:
    (data,) = read(Report(findings=(finding(document("a: 1\n").at("a")),)))["findings"]
    assert data["fix"] is None


def test_an_insertion_replaces_nothing() -> None:
    given = document("# head\n---\na: 1 # c\nb: 2\n")
    changes = (Put(given.at("x"), "é"), Remove(given.at("a")))
    found = finding(given.at("a"), rule=RULE._replace(fix=Fix("add x", Safety.SAFE)), changes=changes)
    (data,) = read(Report(findings=(found,)))["findings"]
    places = [
        ((e["startLine"], e["startColumn"]), (e["endLine"], e["endColumn"]), e["text"]) for e in data["fix"]["edits"]
    ]
    assert places == [((3, 1), (4, 1), ""), ((4, 5), (4, 5), '\nx: "é"')]


def test_what_stands_nowhere_in_a_document_has_an_empty_path_and_no_resource(lint: Lint) -> None:
    report = lint({"mesh.yaml": ROUTE + f"# meshlint: ignore[{TIMEOUT}] why\n"}, "suppressions", TIMEOUT)
    found = next(f for f in read(report)["findings"] if f["rule"] == "unused-suppression")
    assert (found["resource"], found["location"]["path"], found["location"]["startLine"]) == (None, "", 17)


@pytest.mark.parametrize(
    ("path", "written_as"),
    [
        (("spec", "http", 0, "retries"), "spec.http[0].retries"),
        (("metadata", "annotations", "a.b/c"), "metadata.annotations['a.b/c']"),
        (("metadata", "annotations", "it's"), "metadata.annotations['it\\'s']"),
    ],
)
def test_paths(path: tuple[str | int, ...], written_as: str) -> None:
    given = document("metadata: {annotations: {a.b/c: 1, it's: 2}}\nspec: {http: [{retries: {}}]}\n")
    (data,) = read(Report(findings=(finding(given.at(*path)),)))["findings"]
    assert data["location"]["path"] == written_as


@pytest.mark.parametrize(("namespace", "told"), [("shop", "shop"), ("(unset)", "(unset)"), ("", None)])
def test_namespaces(namespace: str, told: str | None) -> None:
    place = document("a: 1\n").at("a")
    resource = ResourceId("v1", "Service", namespace, "llm")
    report = Report(findings=(finding(place, resource=resource),))
    assert read(report)["findings"][0]["resource"]["namespace"] == told


def test_the_summary() -> None:
    found = finding(document("a: 1\n").at("a"))
    summary = Summary(
        3, 5, 1, ("chart/a.yaml",), ("prod/p.yaml",), 4, ("prod", "staging"), 6, 7, ("Istio 1.32.",), "workloads"
    )
    assert read(Report((found,), (found, found), (), (found,), (), summary))["summary"] == {
        "files": 3,
        "documents": 5,
        "ignored": 1,
        "resources": 4,
        "meshes": [],
        "variants": ["prod", "staging"],
        "idlePatterns": [],
        "routes": 6,
        "ports": 7,
        "assumed": ["Istio 1.32."],
        "helmTemplates": ["chart/a.yaml"],
        "kustomizePatches": ["prod/p.yaml"],
        "findings": 1,
        "hidden": 2,
        "suppressed": 0,
        "superseded": 1,
        "known": 0,
        "unchanged": 0,
        "hiddenHint": "workloads",
    }


def test_failures() -> None:
    failures = (Failure("yaml", "a.yaml", 3, "it does not parse"), Failure("unreadable", "b.yaml", None, "no"))
    assert read(Report(failures=failures))["failures"] == [
        {"kind": "yaml", "file": "a.yaml", "line": 3, "message": "it does not parse"},
        {"kind": "unreadable", "file": "b.yaml", "line": None, "message": "no"},
    ]


def test_a_file_that_does_not_parse_leaves_the_others(lint: Lint) -> None:
    data = read(lint({"bad.yaml": "a: [\n", "mesh.yaml": ROUTE}, TIMEOUT))
    assert [(f["file"], f["line"]) for f in data["failures"]] == [("bad.yaml", 2)]
    assert [f["location"]["file"] for f in data["findings"]] == ["mesh.yaml"]


def test_hidden_findings_are_only_counted(lint: Lint) -> None:
    data = read(lint({"mesh.yaml": ROUTE}, TIMEOUT, confidence=Confidence.HIGH))
    assert (data["findings"], data["summary"]["hidden"]) == ([], 1)


def test_suppressed_and_superseded_on_demand_only() -> None:
    given = document("a: 1\nb: 2\n")
    gone, needless = finding(given.at("a")), finding(given.at("b"))
    report = fingerprinted(Report(suppressed=(Suppressed(gone, "a demo", "mesh.yaml", 1),), superseded=(needless,)))
    assert {"suppressed", "superseded"}.isdisjoint(read(report))
    data = read(report, show_suppressed=True)
    assert data["findings"] == []
    assert data["suppressed"] == [
        {
            "finding": contract.finding(report.suppressed[0].finding),
            "reason": "a demo",
            "file": "mesh.yaml",
            "line": 1,
        }
    ]
    assert data["superseded"] == [contract.finding(report.superseded[0])]


def test_suppressed_findings_keep_their_fingerprints(lint: Lint) -> None:
    (before,) = read(lint({"mesh.yaml": MTLS}, "port-accepts-plaintext"))["findings"]
    text = MTLS.replace("PERMISSIVE", "PERMISSIVE # meshlint: ignore[port-accepts-plaintext] a demo")
    (entry,) = read(lint({"mesh.yaml": text}, "port-accepts-plaintext"), show_suppressed=True)["suppressed"]
    assert entry["finding"] == before


def test_ascii_only_and_nothing_lost() -> None:
    message = "caf\u00e9 \x1b[31m \x9b31m \u202e \U0001f600 \udcff"
    text = written(Report(findings=(finding(document("a: 1\n").at("a"), message),)))
    assert text.isascii() and text.replace("\n", "").isprintable()
    assert json.loads(text)["findings"][0]["message"] == message


def test_fingerprints_stay_after_ten_blank_lines(lint: Lint) -> None:
    before = read(lint({"mesh.yaml": ROUTE}, "timeouts", "retries"))["findings"]
    after = read(lint({"mesh.yaml": "\n" * 10 + ROUTE}, "timeouts", "retries"))["findings"]
    assert [f["fingerprint"] for f in after] == [f["fingerprint"] for f in before]
    assert [(b["location"]["startLine"], a["location"]["startLine"]) for b, a in zip(before, after, strict=True)] == [
        (13, 23),
        (14, 24),
        (16, 26),
    ]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda f: f.update(severity="fatal"),
        lambda f: f.update(notes=[]),
        lambda f: f.pop("fix"),
        lambda f: f["fix"].update(edits=[]),
        lambda f: f["fix"]["edits"][0].pop("text"),
        lambda f: f["fix"].update(safety="perhaps"),
        lambda f: f["location"].update(startLine=0),
        lambda f: f.update(fingerprint="12"),
    ],
)
def test_the_schema_refuses_what_breaks_the_contract(lint: Lint, spoil: Any) -> None:
    data = read(lint({"mesh.yaml": ROUTE}, TIMEOUT))
    spoil(data["findings"][0])
    assert not VALIDATOR.is_valid(data)
