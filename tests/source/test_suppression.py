"""Suppression comments."""

from __future__ import annotations

import pytest

from meshlint.source import yaml
from meshlint.source.document import SourceFile
from meshlint.source.suppression import Comment, comments

from .conftest import cut


def found(text: str) -> list[Comment]:
    file = SourceFile("a.yaml", text)
    return comments(file, yaml.load(file).documents)


@pytest.mark.parametrize(
    ("text", "rules", "reason"),
    [
        ("a: 1 # meshlint: ignore[x-y] because of z", ("x-y",), "because of z"),
        ("a: 1 # meshlint: ignore[x, y-z]: see #12", ("x", "y-z"), "see #12"),
        ("a: 1 # meshlint: ignore[x]", ("x",), ""),
        ("a: 1 # meshlint: ignore[x] # expect: x", ("x",), ""),
        ("a: 1 # note # meshlint: ignore[x] why # more", ("x",), "why"),
        ("a: 1 #meshlint:ignore[x] why\r", ("x",), "why"),
        ("a: 1 # meshlint: ignore", (), ""),
        ("a: 1 # meshlint: ignore[]", (), ""),
        ("a: 1 # meshlint: ignore x", (), "x"),
        ("{\n  a: 1, # meshlint: ignore[x] why\n}", ("x",), "why"),
    ],
)
def test_what_a_comment_says(text: str, rules: tuple[str, ...], reason: str) -> None:
    (comment,) = found(text + "\n")
    assert (comment.rules, comment.reason) == (rules, reason)


def test_the_span_is_that_of_the_comment() -> None:
    text = "a: 1\nb: 2  # meshlint: ignore[x] why   # more\n"
    (comment,) = found(text)
    assert (comment.span.start_line, cut(text, comment.span)) == (2, "# meshlint: ignore[x] why")


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("a: 1 # meshlint: ignore[x] why\nb: 2\n", {1}),
        ("# meshlint: ignore[x] why\na: 1\nb: 2\n", {1, 2}),
        ("a:\n  # meshlint: ignore[x] why\n\n  # more\n  b: 2\n  c: 3\n", {2, 5}),
        ("a: 1\n# meshlint: ignore[x] why\n", {2}),
    ],
)
def test_the_lines_a_comment_covers(text: str, lines: set[int]) -> None:
    (comment,) = found(text)
    assert comment.lines == lines


@pytest.mark.parametrize(
    "text",
    [
        "a: '# meshlint: ignore[x] why'\n",
        "a: |\n  # meshlint: ignore[x] why\n",
        "a: >\n  b\n  # meshlint: ignore[x] why\nc: 1\n",
        "? |\n  # meshlint: ignore[x] why\n: 1\n",
        "a: b# meshlint: ignore[x] why\n",
        "a: 1 # meshlint ignore[x]\n",
        "a: {{ x }} # meshlint: ignore[x] why\n",
    ],
)
def test_what_is_no_comment(text: str) -> None:
    assert found(text) == []


def test_a_comment_after_a_block_is_one() -> None:
    (comment,) = found("a: |\n  text\n# meshlint: ignore[x] why\nb: 1\n")
    assert comment.lines == {3, 4}
