"""Fingerprints stay while lines move; line hashes are those GitHub computes."""

from __future__ import annotations

import pytest

from meshlint.finding import Audience, Confidence, Finding, ResourceId, RuleInfo, Severity
from meshlint.report.fingerprint import END_OF_FILE, fingerprinted, fingerprints, line_hashes
from meshlint.report.report import Report
from meshlint.source import yaml
from meshlint.source.document import SourceFile

RULE = RuleInfo(
    "route-a", "routing", "A", Severity.ERROR, Confidence.HIGH, Audience.REGULAR, ("istio",), "message", "remedy"
)
TEXT = "kind: VirtualService\nspec:\n  http:\n    - timeout: 30s\n      retries:\n        attempts: 3\n"


def finding(text: str, *path: str | int, rule: str = "route-a", name: str = "chat", file: str = "a.yaml") -> Finding:
    document = yaml.load(SourceFile(file, text)).documents[0]
    resource = ResourceId("networking.istio.io/v1", "VirtualService", "shop", name)
    return Finding(
        RULE._replace(id=rule),
        Severity.ERROR,
        Confidence.HIGH,
        Audience.REGULAR,
        "message",
        document.at(*path),
        resource,
    )


def test_blank_lines_and_another_file_name_change_nothing() -> None:
    here = finding(TEXT, "spec", "http", 0, "timeout")
    moved = finding("\n" * 10 + TEXT, "spec", "http", 0, "timeout", file="b/c.yaml")
    assert moved.location.span.start_line == here.location.span.start_line + 10
    assert fingerprints([moved]) == fingerprints([here])


def test_rule_resource_and_path_make_the_difference() -> None:
    names = fingerprints(
        [
            finding(TEXT, "spec", "http", 0, "timeout"),
            finding(TEXT, "spec", "http", 0, "retries"),
            finding(TEXT, "spec", "http", 0, "timeout", rule="route-b"),
            finding(TEXT, "spec", "http", 0, "timeout", name="embed"),
        ]
    )
    assert sorted(set(names)) == sorted(names)
    assert all(len(name) == 32 and int(name, 16) >= 0 for name in names)


def test_alternates_of_one_object_are_numbered() -> None:
    first, second, third = fingerprints([finding(TEXT, "spec", "http", 0, "timeout") for _ in range(3)])
    assert (second, third) == (f"{first}:2", f"{first}:3")


def test_fingerprinted_findings_are_otherwise_the_same() -> None:
    given = finding(TEXT, "spec", "http", 0, "timeout")
    (named,) = fingerprinted(Report(findings=(given,))).findings
    assert named.fingerprint == fingerprints([given])[0]
    assert named._replace(fingerprint="") == given


def polynomial(units: list[int]) -> str:
    """The definition, term by term, for a line whose rest of the file is shorter than a block."""
    return f"{sum(unit * 37 ** (99 - i) for i, unit in enumerate(units)) % 2**64:x}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", [[END_OF_FILE]]),
        ("a", [[97, END_OF_FILE]]),
        ("a\n", [[97, 10, END_OF_FILE], [END_OF_FILE]]),
        (" a\t b ", [[97, 98, END_OF_FILE]]),
        ("é\U0001f600", [[233, 0xD83D, 0xDE00, END_OF_FILE]]),
    ],
)
def test_a_hash_is_the_polynomial_of_what_follows(text: str, expected: list[list[int]]) -> None:
    assert line_hashes(text) == [f"{polynomial(units)}:1" for units in expected]


def test_only_a_hundred_units_count() -> None:
    assert line_hashes("x" * 100 + "a")[0] == line_hashes("x" * 100 + "b")[0]
    assert line_hashes("x" * 99 + "a")[0] != line_hashes("x" * 99 + "b")[0]


@pytest.mark.parametrize("other", ["k: 1\r\nl: 2\r\n", "k: 1\rl: 2\r", "  k:\t1\n l:2\n"])
def test_line_ends_and_indentation_do_not_count(other: str) -> None:
    assert line_hashes(other) == line_hashes("k: 1\nl: 2\n")


def test_equal_lines_with_equal_surroundings_are_numbered() -> None:
    line = "y" * 120 + "\n"
    first, second, third, *_ = line_hashes(line * 4)
    stem = first.removesuffix(":1")
    assert (second, third) == (f"{stem}:2", f"{stem}:3")
