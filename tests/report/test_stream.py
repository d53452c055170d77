"""Documents that are written item by item, and what that takes."""

from __future__ import annotations

import gc
import io
import json
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest

from meshlint.finding import Finding, Related, ResourceId
from meshlint.report import github, gitlab, jsonl, junit, markdown, sarif, text
from meshlint.report import json as report_json
from meshlint.report.fingerprint import fingerprinted
from meshlint.report.report import Report
from meshlint.report.stream import dump

from .conftest import RULE, document, finding

FINDINGS = 100_000
ENOUGH = 2_000_000
"""Characters after which a document is long enough to tell."""


@pytest.mark.parametrize(
    "data",
    [
        {"a": [], "b": {}, "c": [1, "x\ny", None, True], "d": {"e": {"f": [{"g": "\u4e2d\U0001f600"}]}}},
        [],
        [{"a": 1}, {}, [[]], "x"],
        {"runs": [{"results": [{"a": [1]}, {"b": {}}], "tool": {"name": "x"}}, {"results": []}]},
    ],
)
def test_it_is_what_json_writes(data: Any) -> None:
    for given in (data, _with_iterators(data)):
        out = io.StringIO()
        dump(given, out)
        assert out.getvalue() == json.dumps(data, indent=2)


def _with_iterators(data: Any) -> Any:
    """The data with iterators for lists."""
    if isinstance(data, list):
        return map(_with_iterators, data)
    return {key: _with_iterators(item) for key, item in data.items()} if isinstance(data, dict) else data


def test_an_item_is_written_before_the_next_is_made() -> None:
    out = io.StringIO()
    seen = []

    def items() -> Any:
        for number in range(3):
            seen.append(out.getvalue().count("item "))
            yield {"name": f"item {number}"}

    dump({"items": items()}, out)
    assert seen == [0, 1, 2]


class Enough(Exception):
    """Raised by a stream that has taken what it wants."""


class Sink(io.TextIOBase):
    def __init__(self) -> None:
        self.taken = 0

    def write(self, text: str) -> int:
        self.taken += len(text)
        if self.taken > ENOUGH:
            raise Enough
        return len(text)


FORMATS: dict[str, Callable[[Report, Sink], None]] = {
    "concise": lambda report, out: text.write_concise(report, text.Printer(out, color=False, width=80)),
    "json": lambda report, out: report_json.write(report, out),
    "jsonl": lambda report, out: jsonl.write(report, out),
    "sarif": lambda report, out: sarif.write(report, out, rules=[RULE], root="/"),
    "github": lambda report, out: github.write(report, out, root="/"),
    "gitlab": lambda report, out: gitlab.write(report, out, root="/"),
    "junit": lambda report, out: junit.write(report, out, root="/"),
    "markdown": lambda report, out: markdown.write(report, out, root="/", limit=2 * ENOUGH),
}


@pytest.fixture(scope="module")
def report() -> Report:
    """FINDINGS findings over places of real documents, whose positions are known as they are after a run."""
    names = [f"r{number}" for number in range(100)]
    routes = "".join(f"    - name: {name}\n      timeout: 5s\n" for name in names)
    found: list[Finding] = []
    while len(found) < FINDINGS:
        service = f"llm{len(found)}"
        given = document(f"kind: VirtualService\nspec:\n  http:\n{routes}", f"mesh/{service}.yaml")
        resource = ResourceId("networking.istio.io/v1", "VirtualService", "shop", service)
        for index, name in enumerate(names):
            place, reason = given.at("spec", "http", index, "timeout"), given.at("spec", "http", index, "name")
            assert (place.span.start_line, reason.span.start_line) == (5 + 2 * index, 4 + 2 * index)
            found += [
                finding(
                    place,
                    f"{service} {name} is cut after {seconds} seconds, in the middle of an answer.",
                    resource=resource,
                    related=(Related("the route", reason),),
                    notes=("Istio has no default timeout",),
                )
                for seconds in range(50)
            ]
    return fingerprinted(Report(findings=tuple(found)))


def peak(act: Callable[[], object]) -> int:
    """Bytes that something took at most, beyond what was there, without the collector, as the program runs."""
    gc.disable()
    tracemalloc.start()
    try:
        act()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
        gc.enable()


@pytest.mark.parametrize("format_", FORMATS)
def test_100_000_findings_are_written_one_by_one(report: Report, format_: str) -> None:
    """Neither the findings that are still to come nor those that were written take memory."""
    assert len(report.findings) == FINDINGS

    def write() -> None:
        with pytest.raises(Enough):
            FORMATS[format_](report, Sink())

    assert peak(write) < ENOUGH / 4


def test_fingerprints_take_less_than_the_findings_they_name(report: Report) -> None:
    some = report.findings[: FINDINGS // 10]
    unnamed = report._replace(findings=tuple(f._replace(fingerprint="") for f in some))
    assert peak(lambda: fingerprinted(unnamed)) < 500 * len(some)
    assert fingerprinted(report) is report
