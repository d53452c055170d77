"""What comments and annotations take out of the report, and what is said about those that are wrong."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from meshlint import pipeline
from meshlint.config import Config
from meshlint.finding import Confidence, Severity
from meshlint.mesh.subjects import Route
from meshlint.report.suppress import sift
from meshlint.rule import catalog
from meshlint.rule.rule import Problem
from meshlint.source.suppression import comments

from .conftest import EVERYTHING, MTLS, ROUTE, Lint, document, finding, places

TIMEOUT = "timeout-cuts-streaming-response"
RETRY = "retry-on-generation-route"
PORT = "port-accepts-plaintext"
UNUSED = "unused-suppression"
UNREASONED = "suppression-without-reason"
UNUSED_MESSAGE = (
    "Nothing is found here that {} could suppress{}: the suppression would hide a finding that comes later."
)
OURS = ("suppressions", TIMEOUT, RETRY)

ON_ONE_LINE = (
    ROUTE[: ROUTE.index("    - match")]
    + "    - {match: [{uri: {prefix: /v1/chat/completions}}], route: [{destination: {host: llm}}], timeout: 5s,"
    + " retries: {attempts: 3, retryOn: 5xx}}"
)
"""Both findings at line 9."""


def suppressed(lint: Lint, text: str, *select: str) -> list[tuple[str, str, str, int]]:
    """Rule, reason, file and line of what is suppressed."""
    report = lint({"mesh.yaml": text}, *(select or OURS))
    return [(entry.finding.rule.id, entry.reason, entry.file, entry.line) for entry in report.suppressed]


def messages(lint: Lint, text: str, *select: str) -> list[tuple[int, str]]:
    """Line and message of what is found about suppressions."""
    report = lint({"mesh.yaml": text}, *(select or OURS))
    about = [f for f in report.findings if f.rule.category == "suppressions"]
    return [(f.location.span.start_line, f.message) for f in about]


def annotated(value: str) -> str:
    return ROUTE.replace("  namespace: shop\n", f"  namespace: shop\n  annotations:\n    meshlint.io/ignore: {value}\n")


class TestComments:
    def test_without_one_both_are_found(self, lint: Lint) -> None:
        assert places(lint({"mesh.yaml": ROUTE}, *OURS)) == [(TIMEOUT, "mesh.yaml", 13), (RETRY, "mesh.yaml", 16)]

    def test_on_the_line(self, lint: Lint) -> None:
        text = ROUTE.replace("timeout: 5s", f"timeout: 5s # meshlint: ignore[{TIMEOUT}] short answers")
        assert places(lint({"mesh.yaml": text}, *OURS)) == [(RETRY, "mesh.yaml", 16)]
        assert suppressed(lint, text) == [(TIMEOUT, "short answers", "mesh.yaml", 13)]

    def test_on_the_line_above(self, lint: Lint) -> None:
        text = ROUTE.replace(
            "      timeout: 5s", f"      # meshlint: ignore[{TIMEOUT}] short answers\n      timeout: 5s"
        )
        assert places(lint({"mesh.yaml": text}, *OURS)) == [(RETRY, "mesh.yaml", 17)]
        assert suppressed(lint, text) == [(TIMEOUT, "short answers", "mesh.yaml", 13)]

    def test_on_the_line_of_the_key(self, lint: Lint) -> None:
        text = ROUTE.replace("timeout: 5s", f"timeout: # meshlint: ignore[{TIMEOUT}] short answers\n        5s")
        assert places(lint({"mesh.yaml": text}, *OURS)) == [(RETRY, "mesh.yaml", 17)]
        assert suppressed(lint, text) == [(TIMEOUT, "short answers", "mesh.yaml", 13)]

    def test_inside_a_value_of_several_lines(self) -> None:
        given = document("a:\n  b:\n    c: 1\n    d: 2 # meshlint: ignore[slow-route] why\n  e: 3\n")
        at_value, at_leaf, beside = (finding(given.at(*path)) for path in (("a", "b"), ("a", "b", "d"), ("a", "e")))
        found = comments(given.file, [given])
        alone = sift([at_value, beside], found, (), {}, ())
        assert ([s.finding for s in alone.suppressed], alone.findings) == ([at_value], (beside,))
        nearer = sift([at_value, at_leaf], found, (), {}, ())
        assert ([s.finding for s in nearer.suppressed], nearer.findings) == ([at_leaf], (at_value,))

    def test_for_several_rules(self, lint: Lint) -> None:
        text = ON_ONE_LINE + f" # meshlint: ignore[{TIMEOUT}, {RETRY}] a test\n"
        assert places(lint({"mesh.yaml": text}, *OURS)) == []
        assert suppressed(lint, text) == [(TIMEOUT, "a test", "mesh.yaml", 9), (RETRY, "a test", "mesh.yaml", 9)]

    def test_two_on_neighbouring_lines(self, lint: Lint) -> None:
        text = ON_ONE_LINE.replace("    - {match", f"    # meshlint: ignore[{RETRY}] idempotent\n    - {{match")
        text += f" # meshlint: ignore[{TIMEOUT}] short answers\n"
        assert suppressed(lint, text) == [
            (TIMEOUT, "short answers", "mesh.yaml", 10),
            (RETRY, "idempotent", "mesh.yaml", 9),
        ]
        assert messages(lint, text) == []

    def test_of_another_rule_or_another_line_take_nothing_out(self, lint: Lint) -> None:
        text = ROUTE.replace("  hosts: [llm]", f"  hosts: [llm] # meshlint: ignore[{TIMEOUT}] here?")
        text = text.replace("timeout: 5s", f"timeout: 5s # meshlint: ignore[{RETRY}] here?")
        found = places(lint({"mesh.yaml": text}, *OURS))
        assert found == [
            (UNUSED, "mesh.yaml", 7),
            (TIMEOUT, "mesh.yaml", 13),
            (UNUSED, "mesh.yaml", 13),
            (RETRY, "mesh.yaml", 16),
        ]

    def test_of_another_file_take_nothing_out(self, lint: Lint) -> None:
        files = {"a.yaml": ROUTE, "b.yaml": "\n" * 12 + f"# meshlint: ignore[{TIMEOUT}] here?\n" + MTLS}
        assert places(lint(files, *OURS)) == [
            (TIMEOUT, "a.yaml", 13),
            (RETRY, "a.yaml", 16),
            (UNUSED, "b.yaml", 13),
        ]

    @pytest.mark.parametrize("style", ["|", ">-"])
    def test_a_block_scalar_holds_none(self, lint: Lint, style: str) -> None:
        text = ROUTE.replace(
            "  namespace: shop\n",
            f"  namespace: shop\n  annotations:\n    note: {style}\n      # meshlint: ignore[{TIMEOUT}] why\n",
        )
        assert places(lint({"mesh.yaml": text}, *OURS)) == [(TIMEOUT, "mesh.yaml", 16), (RETRY, "mesh.yaml", 19)]

    def test_a_quoted_string_holds_none(self, lint: Lint) -> None:
        text = ROUTE.replace("timeout: 5s", f'name: "x # meshlint: ignore[{TIMEOUT}] why"\n      timeout: 5s')
        assert places(lint({"mesh.yaml": text}, *OURS)) == [(TIMEOUT, "mesh.yaml", 14), (RETRY, "mesh.yaml", 17)]

    def test_a_finding_that_is_hidden_is_suppressed_all_the_same(self, lint: Lint) -> None:
        _, workload = MTLS.split("---\n")
        before = lint({"mesh.yaml": workload}, "suppressions", PORT, confidence=Confidence.HIGH)
        assert [(f.rule.id, f.location.span.start_line) for f in before.hidden] == [(PORT, 3)]
        text = workload.replace("namespace: shop}\n", f"namespace: shop}} # meshlint: ignore[{PORT}] a demo\n")
        after = lint({"mesh.yaml": text}, "suppressions", PORT, confidence=Confidence.HIGH)
        assert (after.findings, after.hidden) == ((), ())
        assert [entry.line for entry in after.suppressed] == [3]


class TestAnnotations:
    @pytest.mark.parametrize(
        ("value", "expected"),
        [
            (f"'{TIMEOUT}: short answers'", [(TIMEOUT, "short answers")]),
            (f"{TIMEOUT} short answers", [(TIMEOUT, "short answers")]),
            (f"'{TIMEOUT}: short answers; {RETRY}: idempotent'", [(TIMEOUT, "short answers"), (RETRY, "idempotent")]),
            (
                f'"{TIMEOUT}: short answers\\n{RETRY}: idempotent\\n"',
                [(TIMEOUT, "short answers"), (RETRY, "idempotent")],
            ),
            (f"'{TIMEOUT}, {RETRY}: a test;'", [(TIMEOUT, "a test"), (RETRY, "a test")]),
            (f"'{TIMEOUT},{RETRY} a test'", [(TIMEOUT, "a test"), (RETRY, "a test")]),
        ],
    )
    def test_cover_the_whole_object(self, lint: Lint, value: str, expected: list[tuple[str, str]]) -> None:
        found = suppressed(lint, annotated(value))
        assert found == [(rule, reason, "mesh.yaml", 7) for rule, reason in expected]
        assert messages(lint, annotated(value)) == []

    def test_a_comment_is_nearer(self, lint: Lint) -> None:
        text = annotated(f"'{TIMEOUT}: not this'")
        text = text.replace("timeout: 5s", f"timeout: 5s # meshlint: ignore[{TIMEOUT}] short answers")
        assert suppressed(lint, text) == [(TIMEOUT, "short answers", "mesh.yaml", 15)]
        assert messages(lint, text) == []

    def test_do_not_cover_another_object(self, lint: Lint) -> None:
        other = ROUTE.replace("llm", "chat")
        text = annotated(f"'{TIMEOUT}, {RETRY}: a test'") + "---\n" + other
        assert places(lint({"mesh.yaml": text}, *OURS)) == [(TIMEOUT, "mesh.yaml", 32), (RETRY, "mesh.yaml", 35)]

    def test_cover_one_item_of_a_list(self, lint: Lint) -> None:
        items = [annotated(f"'{TIMEOUT}, {RETRY}: a test'"), ROUTE.replace("llm", "chat")]
        text = "apiVersion: v1\nkind: List\nitems:\n" + "".join(
            "  - " + item.rstrip("\n").replace("\n", "\n    ") + "\n" for item in items
        )
        assert places(lint({"mesh.yaml": text}, *OURS)) == [(TIMEOUT, "mesh.yaml", 34), (RETRY, "mesh.yaml", 37)]

    @pytest.mark.parametrize("value", ["5", "null", "[a]", "{a: b}", "${REASON}", "''", "' ; '"])
    def test_that_say_nothing_are_no_crash(self, lint: Lint, value: str) -> None:
        report = lint({"mesh.yaml": annotated(value)}, TIMEOUT)
        assert (places(report), report.failures) == ([(TIMEOUT, "mesh.yaml", 15)], ())

    def test_findings_about_them_name_the_object(self, lint: Lint) -> None:
        report = lint({"mesh.yaml": annotated("'egress-unrestricted: why'")}, "suppressions", "egress")
        (found,) = report.findings
        assert (found.rule.id, str(found.resource)) == (UNUSED, "VirtualService shop/llm")
        assert found.location.pointer == "metadata.annotations['meshlint.io/ignore']"


class TestWrongOnes:
    def test_unused(self, lint: Lint) -> None:
        text = ROUTE.replace("timeout: 5s", f"timeout: 900s # meshlint: ignore[{TIMEOUT}] short answers")
        assert messages(lint, text) == [(13, UNUSED_MESSAGE.format(TIMEOUT, ""))]

    def test_without_reason(self, lint: Lint) -> None:
        text = ROUTE.replace("timeout: 5s", f"timeout: 5s # meshlint: ignore[{TIMEOUT}]")
        assert suppressed(lint, text) == [(TIMEOUT, "", "mesh.yaml", 13)]
        assert messages(lint, text) == [
            (
                13,
                f"The suppression of {TIMEOUT} does not say why it is right: "
                "the next reader cannot tell whether it still is.",
            )
        ]

    def test_without_rule(self, lint: Lint) -> None:
        text = ROUTE.replace("timeout: 5s", "timeout: 5s # meshlint: ignore short answers")
        assert messages(lint, text) == [(13, UNUSED_MESSAGE.format("a suppression without rule ids", ""))]

    def test_the_place_is_the_comment(self, lint: Lint) -> None:
        text = ROUTE.replace("timeout: 5s", f"timeout: 900s # meshlint: ignore[{TIMEOUT}] short answers")
        (found,) = [f for f in lint({"mesh.yaml": text}, *OURS).findings if f.rule.id == UNUSED]
        span = found.location.span
        line = text.splitlines()[span.start_line - 1]
        assert line[span.start_column - 1 : span.end_column - 1] == f"# meshlint: ignore[{TIMEOUT}] short answers"

    @pytest.mark.parametrize(
        ("id", "aside"),
        [
            (
                "timeout-cuts-streaming-respons",
                f" (there is no rule timeout-cuts-streaming-respons; did you mean {TIMEOUT}?)",
            ),
            (
                "Timeout-cuts-streaming-response",
                f" (there is no rule Timeout-cuts-streaming-response; did you mean {TIMEOUT}?)",
            ),
            ("W0815", " (there is no rule W0815)"),
        ],
    )
    def test_unknown_rule(self, lint: Lint, id: str, aside: str) -> None:
        comment = ROUTE.replace("  hosts: [llm]", f"  hosts: [llm] # meshlint: ignore[{id}] why")
        assert messages(lint, comment) == [(7, UNUSED_MESSAGE.format(id, aside))]
        assert messages(lint, annotated(f"'{id}: why'")) == [(7, UNUSED_MESSAGE.format(id, aside))]

    def test_only_the_unused_of_several_are_named(self, lint: Lint) -> None:
        text = ROUTE.replace("timeout: 5s", f"timeout: 5s # meshlint: ignore[{TIMEOUT}, {RETRY}] why")
        assert messages(lint, text) == [(13, UNUSED_MESSAGE.format(RETRY, ""))]
        text = ROUTE.replace("timeout: 5s", f"timeout: 900s # meshlint: ignore[{TIMEOUT}, {RETRY}] why")
        assert messages(lint, text) == [(13, UNUSED_MESSAGE.format(f"{TIMEOUT} and {RETRY}", ""))]

    def test_of_a_rule_that_is_not_selected_nothing_is_said(self, lint: Lint) -> None:
        text = ROUTE.replace("timeout: 5s", f"timeout: 5s # meshlint: ignore[{TIMEOUT}] short answers")
        assert messages(lint, text, "suppressions", RETRY) == []

    def test_nothing_is_said_when_not_asked(self, lint: Lint) -> None:
        text = ROUTE.replace("timeout: 5s", f"timeout: 900s # meshlint: ignore[{TIMEOUT}]")
        assert messages(lint, text, TIMEOUT) == []
        assert messages(lint, text, TIMEOUT, UNUSED) == [(13, UNUSED_MESSAGE.format(TIMEOUT, ""))]


def test_of_a_rule_that_crashed_nothing_is_said(lint: Lint) -> None:
    text = ROUTE.replace("timeout: 5s", f"timeout: 900s # meshlint: ignore[{TIMEOUT}] short answers")
    assert [rule for rule, _, _ in places(lint({"mesh.yaml": text}, UNUSED, TIMEOUT))] == [UNUSED]
    (rule,), _ = catalog.rules([TIMEOUT])
    given = pipeline.read(["."], Config())
    report = pipeline.judged(given, Config(), EVERYTHING, [rule._replace(check=crash)], [UNUSED, TIMEOUT])
    assert (report.findings, [f.kind for f in report.failures]) == ((), ["rule"])


def crash(route: Route) -> Iterator[Problem]:
    raise ValueError(route)


def test_their_severity_is_the_projects(lint: Lint) -> None:
    text = ROUTE.replace("timeout: 5s", f"timeout: 900s # meshlint: ignore[{TIMEOUT}]")
    severities = "rules:\n  unused-suppression: {severity: error}\n  suppression-without-reason: {severity: info}\n"
    report = lint({"mesh.yaml": text, "meshlint.yaml": severities}, "suppressions", TIMEOUT)
    found = {finding.rule.id: finding.severity for finding in report.findings}
    assert found == {UNUSED: Severity.ERROR, UNREASONED: Severity.INFO}
