"""The report for people: exact lines, whatever a manifest holds."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator

import pytest
from rich.cells import cell_len

from meshlint.finding import Confidence, Finding, Related, Severity
from meshlint.report import text
from meshlint.report.report import Fixes, Refused, Report, Summary, Suppressed
from meshlint.source.document import Failure

from .conftest import MTLS, ROUTE, RULE, Lint, document, finding, full, summary

TIMEOUT = "timeout-cuts-streaming-response"
STEERING = ["\x1b[31m", "\x07", "\x00", "\r", "\x7f", "\x9b2J", "\u202e", "\u200b", "\u2028", "\ufeff", "\udc80"]
"""What moves a cursor, rings, turns text round, or hides."""


def told(*findings: Finding, width: int = 80) -> list[str]:
    return full(Report(findings=findings), width=width).splitlines()


def said(report: Report) -> str:
    """The summary on one line."""
    return " ".join(summary(report).split())


def concise(*findings: Finding) -> list[str]:
    out = io.StringIO()
    text.write_concise(Report(findings=findings), text.Printer(out, color=False, width=80))
    return out.getvalue().splitlines()


def carets(lines: list[str]) -> tuple[str, str]:
    """The source line of the first excerpt and what stands above its carets."""
    number = next(i for i, line in enumerate(lines) if re.fullmatch(r" *\| +\^+", line))
    source, marks = lines[number - 1], lines[number]
    start = cell_len(marks[: marks.index("^")])
    return source.split(" | ", 1)[1], "".join(covered(source, start, start + marks.count("^")))


def covered(line: str, start: int, end: int) -> Iterator[str]:
    """The characters in the terminal's columns from start to end, as rich measures them."""
    column = 0
    for character in line:
        if start <= column < end:
            yield character
        column += cell_len(character)


class TestFull:
    def test_a_finding(self, lint: Lint) -> None:
        report = lint({"mesh.yaml": ROUTE}, TIMEOUT)
        assert (
            full(report)
            == """\
error[timeout-cuts-streaming-response]: shop/llm http[0] leads to a generating
  model, and the proxy cuts every response after 5s, also in the middle of a
  stream; the accepted minimum (option min) is 300s.
  --> mesh.yaml:13:16  VirtualService shop/llm  spec.http[0].timeout
   |
13 |       timeout: 5s
   |                ^^
note: its match names a generation path
  --> mesh.yaml:10:25
   |
10 |         - uri: {prefix: /v1/chat/completions}
   |                         --------------------
   = confidence: medium
   = help: Raise the timeout to the accepted minimum or more, or leave it out
     (Istio has no default timeout); do not write 0s in a VirtualService. Where
     every answer is short, lower option min instead.
   = fix: set the timeout to the accepted minimum (unsafe)

"""
        )

    def test_every_part(self) -> None:
        given = document("a: 1\nb: 2\n")
        found = finding(
            given.at("a"),
            related=(Related("set here", given.at("b")), Related("", given.at("a"))),
            notes=("Istio's default is 1",),
            confidence=Confidence.LOW,
            missing="the Namespace shop",
        )
        assert told(found) == [
            "warning[slow-route]: It is slow.",
            "  --> mesh.yaml:1:4  VirtualService shop/llm  a",
            "  |",
            "1 | a: 1",
            "  |    ^",
            "note: set here",
            "  --> mesh.yaml:2:4",
            "  |",
            "2 | b: 2",
            "  |    -",
            "note: see also",
            "  --> mesh.yaml:1:4",
            "  |",
            "1 | a: 1",
            "  |    -",
            "   = note: Istio's default is 1",
            "   = confidence: low; the Namespace shop would decide it",
            "   = help: Make it fast.",
            "",
        ]

    def test_a_high_confidence_goes_without_saying(self) -> None:
        assert not [line for line in told(finding(document("a: 1\n").at("a"))) if "confidence" in line]

    @pytest.mark.parametrize(("count", "more"), [(5, None), (6, "1 more place"), (8, "3 more places")])
    def test_many_reasons_are_counted(self, count: int, more: str | None) -> None:
        given = document("a: [0, 1, 2, 3, 4, 5, 6, 7]\n")
        reasons = tuple(Related(f"reason {i}", given.at("a", i)) for i in range(count))
        lines = told(finding(given.at("a"), related=reasons))
        assert [line for line in lines if line.startswith("note: ")] == [f"note: reason {i}" for i in range(5)]
        ends = [line for line in lines if "more place" in line]
        assert ends == ([f"   = note: and {more} (--format json lists them all)"] if more else [])

    def test_no_resource_and_no_path(self) -> None:
        lines = told(finding(document("a: 1\n").at(), resource=None))
        assert lines[:4] == ["warning[slow-route]: It is slow.", "  --> mesh.yaml:1:1", "  |", "1 | a: 1"]

    def test_no_blank_line_after_a_place_that_fills_the_line(self) -> None:
        lines = told(finding(document("a: 1\n", "x" * 71 + ".yaml").at(), resource=None))
        assert lines[1:3] == [f"  --> {'x' * 71}.yaml:1:1", "  |"]

    def test_a_comment(self, lint: Lint) -> None:
        report = lint({"mesh.yaml": ROUTE + f"# meshlint: ignore[{TIMEOUT}] why\n"}, "unused-suppression", TIMEOUT)
        lines = full(report).splitlines()
        where = lines.index("  --> mesh.yaml:17:1")
        assert lines[where + 2 : where + 4] == [f"17 | # meshlint: ignore[{TIMEOUT}] why", f"   | {'^' * 55}"]

    def test_concise(self) -> None:
        given = document("a: 1\nb: 2\n")
        assert concise(finding(given.at("a")), finding(given.at("b"), "It is\nslow.", severity=Severity.INFO)) == [
            "mesh.yaml:1:4: warning[slow-route] It is slow.",
            "mesh.yaml:2:4: info[slow-route] It is\\nslow.",
        ]


class TestRepetition:
    def test_the_rest_is_counted_with_its_first_places(self) -> None:
        given = document("a: [0, 1, 2, 3, 4, 5, 6, 7]\n")
        lines = told(*(finding(given.at("a", i)) for i in range(8)))
        assert [line for line in lines if "-->" in line] == [
            f"  --> mesh.yaml:1:{column}  VirtualService shop/llm  a[{i}]" for i, column in enumerate((5, 8, 11))
        ]
        assert lines[-3:] == [
            "… and 5 more like this [slow-route]: mesh.yaml:1:14, mesh.yaml:1:17,",
            "  mesh.yaml:1:20, …",
            "",
        ]

    def test_three_are_not_too_many(self) -> None:
        given = document("a: [0, 1, 2]\n")
        assert "more like this" not in "\n".join(told(*(finding(given.at("a", i)) for i in range(3))))

    def test_rules_and_causes_are_counted_apart(self) -> None:
        given = document("a: [0, 1, 2, 3]\n")
        places = [given.at("a", i) for i in range(4)]
        other = RULE._replace(id="other")
        lines = told(
            *(finding(place) for place in places),
            *(finding(place, rule=other) for place in places),
            *(finding(place, cause="a default") for place in places[:3]),
        )
        assert [line for line in lines if "more like this" in line] == [
            "… and 1 more like this [slow-route]: mesh.yaml:1:14",
            "… and 1 more like this [other]: mesh.yaml:1:14",
        ]
        assert len([line for line in lines if line.endswith("It is slow.")]) == 9

    def test_concise_has_them_all(self) -> None:
        given = document("a: [0, 1, 2, 3, 4]\n")
        lines = concise(*(finding(given.at("a", i)) for i in range(5)))
        assert [line.split(":")[2] for line in lines] == ["5", "8", "11", "14", "17"]


class TestExcerpt:
    @pytest.mark.parametrize(
        ("content", "path", "source", "under"),
        [
            ("a: one\n", ("a",), "a: one", "one"),
            ("a: {b: two, c: 3}\n", ("a", "b"), "a: {b: two, c: 3}", "two"),
            ("a:\n  b: 1\n", ("a",), "a:", "a"),
            ('a: {"b":\t"two"}\n', ("a", "b"), 'a: {"b":    "two"}', '"two"'),
            ('{\t"a":\t\t[1,\t22]\t}\n', ("a", 1), '{   "a":        [1, 22] }', "22"),
            ("\u4e2d\u6587: \u65e5\u672c x\n", ("\u4e2d\u6587",), "\u4e2d\u6587: \u65e5\u672c x", "\u65e5\u672c x"),
            ("{\U0001f600: 1, b: two}\n", ("b",), "{\U0001f600: 1, b: two}", "two"),
            ("{e\u0301\u0301: 1, b: two}\n", ("b",), "{e\u0301\u0301: 1, b: two}", "two"),
            ("{\u202ea: 1, b: two}\n", ("b",), "{\\u202ea: 1, b: two}", "two"),
            ("a: 1\r\nb: two\r\n", ("b",), "b: two", "two"),
            ("a: ''\n", ("a",), "a: ''", "''"),
        ],
    )
    def test_the_caret_is_under_the_span(
        self, content: str, path: tuple[str | int, ...], source: str, under: str
    ) -> None:
        shown, above = carets(told(finding(document(content).at(*path))))
        assert (shown, above) == (source, under)

    @pytest.mark.parametrize("width", [40, 80, 120])
    @pytest.mark.parametrize("index", [0, 20, 199])
    def test_a_long_line_is_cut_around_the_span(self, width: int, index: int) -> None:
        content = f"a: [{', '.join(f'v{i:03}' for i in range(200))}]\n"
        lines = told(finding(document(content).at("a", index)), width=width)
        shown, above = carets(lines)
        assert above == f"v{index:03}"
        assert len(shown) > width - 10
        assert (shown.startswith("…"), shown.endswith("…")) == (index > 0, index < 199)
        assert max(map(cell_len, lines)) <= width

    def test_a_value_longer_than_the_line_is_underlined_as_far_as_it_is_shown(self) -> None:
        shown, above = carets(told(finding(document(f"a: {'x' * 500}\n").at("a"))))
        assert shown.endswith("x…") and len(shown) >= 70
        assert above == shown.strip("a: …")

    def test_wide_characters_are_cut_by_columns(self) -> None:
        content = "a: [" + "\u4e2d\u6587, " * 60 + "two]\n"
        lines = told(finding(document(content).at("a", 60)))
        assert carets(lines)[1] == "two"
        assert max(map(cell_len, lines)) <= 80


class TestWidth:
    def test_eighty_columns(self, lint: Lint) -> None:
        report = lint({"mesh.yaml": ROUTE + "---\n" + MTLS}, confidence=Confidence.MEDIUM)
        assert len(report.findings) >= 3
        assert max(map(len, (full(report) + summary(report)).splitlines())) <= 80

    @pytest.mark.parametrize("width", [60, 100])
    def test_others(self, lint: Lint, width: int) -> None:
        report = lint({"mesh.yaml": ROUTE + "---\n" + MTLS}, confidence=Confidence.MEDIUM)
        lines = (full(report, width=width) + summary(report, width=width)).splitlines()
        long = [line for line in lines if len(line) > width]
        assert [line for line in long if " " in re.sub(r"^\s*(-->|Next:|\w+\[[\w-]+\]:) ", "", line)] == []

    def test_escapes_are_counted(self) -> None:
        given = document("a: 1\n")
        found = finding(given.at("a"), "\x1b\x1b\x1b\x1b " * 30, related=(Related("\x9b " * 60, given.at("a")),))
        assert max(map(len, told(found))) <= 80

    def test_a_word_is_never_broken(self) -> None:
        word = "registry.example.com/team/" + "x" * 90
        assert f"  {word}" in told(finding(document("a: 1\n").at("a"), f"It leads to {word} today."))

    def test_a_long_place_has_its_own_line(self) -> None:
        given = document("metadata: {annotations: {example.com/some-long-annotation: 1}}\n", f"{'x' * 50}.yaml")
        lines = told(finding(given.at("metadata", "annotations", "example.com/some-long-annotation")))
        assert lines[1:4] == [
            f"  --> {'x' * 50}.yaml:1:60",
            "      VirtualService shop/llm",
            "      metadata.annotations['example.com/some-long-annotation']",
        ]


class TestControlCharacters:
    @pytest.mark.parametrize("steering", STEERING, ids=ascii)
    def test_none_reaches_the_terminal(self, steering: str) -> None:
        evil = f"x{steering}y"
        place = document("a: 1\n", evil).at("a")
        found = finding(
            place,
            f"message {evil}",
            related=(Related(f"reason {evil}", place),),
            notes=(f"note {evil}",),
            missing=f"input {evil}",
            confidence=Confidence.LOW,
        )
        assert found.resource is not None
        found = found._replace(resource=found.resource._replace(name=evil, namespace=evil))
        report = Report(
            findings=(found,) * 5,
            hidden=(found,),
            suppressed=(Suppressed(found, f"reason {evil}", evil, 1),),
            superseded=(found,),
            failures=(Failure("yaml", evil, 1, f"failure {evil}"),),
            summary=Summary(
                helm=(evil,),
                patches=(evil,),
                variants=(evil, "b"),
                assumed=(f"assumption {evil}",),
                hidden_hint=f"hint {evil}",
            ),
        )
        written = full(report, show_suppressed=True) + summary(report) + "\n".join(concise(found))
        assert "x" in written and "y" in written
        assert [c for c in written.replace("\n", "") if not c.isprintable()] == []

    @pytest.mark.parametrize(
        ("raw", "shown"),
        [("\x1b[31m", r"\x1b[31m"), ("\x9b", r"\x9b"), ("\u202e", r"\u202e"), ("\U000e0041", r"\U000e0041")],
    )
    def test_they_are_shown_as_escapes(self, raw: str, shown: str) -> None:
        assert told(finding(document("a: 1\n").at("a"), f"It is {raw}."))[0] == f"warning[slow-route]: It is {shown}."

    def test_in_the_source_line(self) -> None:
        given = document("a: 'x\u202e\u200by' # \u2067\n")
        shown, above = carets(told(finding(given.at("a"))))
        assert (shown, above) == (r"a: 'x\u202e\u200by' # \u2067", r"'x\u202e\u200by'")

    def test_in_color_too(self) -> None:
        found = finding(document("a: 1\n", "x\x1b]0;y").at("a"), "It \x1b[5m is \x9b5m slow [bold]here[/bold].")
        written = full(Report(findings=(found,)), color=True)
        codes = re.findall(r"\x1b(?:\[[0-9;]*m)?", written)
        assert set(codes) <= {"\x1b[1;33m", "\x1b[34m", "\x1b[0m"}
        assert r"\x1b[5m is \x9b5m slow [bold]here[/bold]." in re.sub(r"\x1b\[[0-9;]*m", "", written)


class TestColor:
    def test_says_the_same(self, lint: Lint) -> None:
        report = lint({f"{'x' * 90}.yaml": ROUTE + "---\n" + MTLS})
        stripped = re.sub(r"\x1b\[[0-9;]*m", "", full(report, color=True))
        assert [line.rstrip() for line in stripped.splitlines()] == full(report).splitlines()

    @pytest.mark.parametrize(("name", "value"), [("NO_COLOR", "1"), ("TERM", "dumb"), ("COLORTERM", "truecolor")])
    def test_is_the_callers_decision(self, monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
        report = Report(findings=(finding(document("a: 1\n").at("a")),))
        before = full(report, color=True)
        monkeypatch.setenv(name, value)
        assert full(report, color=True) == before
        assert "\x1b" not in full(report, color=False)


class TestSuppressed:
    REPORT = Report(
        suppressed=(
            Suppressed(finding(document("a: 1\n").at("a")), "short answers", "other.yaml", 7),
            Suppressed(finding(document("a: 1\n").at("a")), "", "mesh.yaml", 1),
        ),
        superseded=(finding(document("b: 2\n").at("b")),),
    )

    def test_on_demand_with_reason_and_place(self) -> None:
        assert full(self.REPORT) == ""
        assert full(self.REPORT, show_suppressed=True).splitlines() == [
            "suppressed[slow-route]: short answers (other.yaml:7)",
            "  --> mesh.yaml:1:4",
            "suppressed[slow-route]: no reason given (mesh.yaml:1)",
            "  --> mesh.yaml:1:4",
            "superseded[slow-route]: It is slow.",
            "  --> mesh.yaml:1:4",
        ]

    def test_the_summary_counts_them(self) -> None:
        assert "Nothing found (2 suppressed, 1 superseded by another: --show-suppressed lists them)." in said(
            self.REPORT
        )
        assert "--show-suppressed" not in said(Report())

    def test_a_long_reason_is_wrapped(self) -> None:
        entry = Suppressed(finding(document("a: 1\n").at("a")), "because " * 20, "mesh.yaml", 1)
        lines = full(Report(suppressed=(entry,)), show_suppressed=True).splitlines()
        assert max(map(len, lines)) <= 80


class TestSummary:
    def test_what_was_looked_at_and_assumed(self) -> None:
        report = Report(
            summary=Summary(3, 5, 2, resources=4, routes=1, ports=7, assumed=("Istio 1.32.", "no ConfigMap istio"))
        )
        assert (
            summary(report)
            == """\
Checked 3 files, 5 documents (2 of them nothing that meshlint reads): 4
resources, 1 route, 7 ports.
Assumed: Istio 1.32; no ConfigMap istio.
Nothing found.
Next: meshlint show ports .
"""
        )

    def test_counts_by_severity(self) -> None:
        place = document("a: 1\n").at("a")
        by_severity = {severity: finding(place, severity=severity) for severity in Severity}
        report = Report(findings=(*by_severity.values(), by_severity[Severity.ERROR], by_severity[Severity.INFO]))
        assert "Found 2 errors, 1 warning, 2 info." in said(report)

    def test_variants(self) -> None:
        assert "so 2 variants were checked: prod; staging." in said(
            Report(summary=Summary(variants=("prod", "staging")))
        )
        assert "variants" not in said(Report(summary=Summary(variants=("",))))

    def test_helm_templates(self) -> None:
        names = tuple(f"chart/templates/{i}.yaml" for i in range(5))
        lines = summary(Report(summary=Summary(helm=names))).splitlines()
        assert (
            "Skipped 5 Helm templates (chart/templates/0.yaml, chart/templates/1.yaml, chart/templates/2.yaml, …);"
        ) in " ".join(lines)
        assert "render them: helm template … | meshlint check -" in lines

    def test_patches_of_kustomizations(self) -> None:
        lines = summary(Report(summary=Summary(patches=("prod/a.yaml", "prod/b.yaml")))).splitlines()
        assert "Skipped 2 patches (prod/a.yaml, prod/b.yaml) of kustomizations;" in lines
        assert "apply them: kustomize build … | meshlint check -" in lines

    def test_failures_come_first(self) -> None:
        failures = (
            Failure("yaml", "a.yaml", 3, "it does not parse"),
            Failure("unreadable", "b.yaml", None, "no"),
            Failure("settings", "c.yaml", 7, "data.mesh is not what istiod takes"),
        )
        assert summary(Report(failures=failures)).splitlines()[:3] == [
            "not checked: a.yaml:3: it does not parse",
            "not checked: b.yaml: no",
            "refused by istiod: c.yaml:7: data.mesh is not what istiod takes",
        ]

    @pytest.mark.parametrize(
        ("hint", "said_so"), [("workloads", "; workloads would decide most of them."), (None, ".")]
    )
    def test_hidden_findings_and_what_would_decide_them(self, hint: str | None, said_so: str) -> None:
        hidden = finding(document("a: 1\n").at("a"))
        report = Report(hidden=(hidden, hidden), summary=Summary(hidden_hint=hint))
        assert f"2 more hidden, of lower confidence or for another audience{said_so}" in said(report)

    def test_next_is_to_explain_the_worst(self) -> None:
        place = document("a: 1\n").at("a")
        worst = finding(place, rule=RULE._replace(id="worst"), severity=Severity.ERROR)
        assert said(Report(findings=(finding(place), worst))).endswith("Next: meshlint explain worst")

    def test_next_is_to_look_at_what_is_hidden(self) -> None:
        out = io.StringIO()
        report = Report(hidden=(finding(document("a: 1\n").at("a")),))
        text.write_summary(report, text.Printer(out, color=False, width=80), paths="k8s")
        assert out.getvalue().splitlines()[-1] == "Next: meshlint check --min-confidence low --audience auditor k8s"


def test_reasons_not_to_fix_are_told_once_and_not_without_end() -> None:
    found = finding(document("a: 1\n").at("a"))
    refused = [Refused(found, f"reason {number:02}") for number in (0, *range(25))]
    told = said(Report(fixes=Fixes(0, 0, tuple(refused), True)))
    assert f"Not fixed: {found.rule.id} at mesh.yaml:1:4 and 1 more: reason 00. Not fixed: {found.rule.id}" in told
    assert "reason 19. Not fixed for reasons of their own: 5 more. Next:" in told
