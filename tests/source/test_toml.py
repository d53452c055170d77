"""Where the values of a TOML file stand."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshlint.source import toml
from meshlint.source.document import Document, Path, SourceFile, Span

TRICKY = '''\
# [tool.meshlint] in a comment
title = "[tool.meshlint]\\nselect = 1 # no comment" # select = ["x"]
other = """
[tool.meshlint]
select = ["no"] """""
literal = \'\'\'
[tool.meshlint]
\'\'\'
[tool.other]
"select" = ["it's"] # '
[tool]
meshlint.audience = "auditor" # a dotted key
[tool.meshlint."settings"] # a header
world = 'closed'
istio-version = 1.30
trust-domains = [ # over several lines
  "a]b", # ] not here
  # "commented",
  'c,d',
]
inference = [{ namespace = "ml", labels = { "app.kubernetes.io/name" = "a" }, kind = "none" }, {name="x", kind="none"}]
[[tool.meshlint.suppressions]]
rules = ["mtls"]
until = 2026-12-31
[[tool.meshlint.suppressions]]
rules = [
  "egress",
]
[tool.meshlint.rules.some-rule]
options.allow = [9_090, 0x10]
options."quoted.key" = 1979-05-27 07:32:00
'''


def load(text: str) -> Document:
    return toml.load(SourceFile("pyproject.toml", text))


def shown(document: Document, *path: str | int) -> str:
    """The text that is shown of a part."""
    return cut(document.file.text, document.at(*path).span)


def cut(text: str, span: Span) -> str:
    lines = text.split("\n")[span.start_line - 1 : span.end_line]
    lines[-1] = lines[-1][: span.end_column - 1]
    lines[0] = lines[0][span.start_column - 1 :]
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("path", "text", "line"),
    [
        (("audience",), '"auditor"', 12),
        (("settings",), '"settings"', 13),
        (("settings", "world"), "'closed'", 14),
        (("settings", "istio-version"), "1.30", 15),
        (("settings", "trust-domains"), "trust-domains", 16),
        (("settings", "trust-domains", 0), '"a]b"', 17),
        (("settings", "trust-domains", 1), "'c,d'", 19),
        (("settings", "inference", 0, "labels", "app.kubernetes.io/name"), '"a"', 21),
        (("settings", "inference", 1), '{name="x", kind="none"}', 21),
        (("settings", "inference", 1, "kind"), '"none"', 21),
        (("suppressions", 0), "[[tool.meshlint.suppressions]]", 22),
        (("suppressions", 0, "until"), "2026-12-31", 24),
        (("suppressions", 1, "rules", 0), '"egress"', 27),
        (("rules", "some-rule"), "some-rule", 29),
        (("rules", "some-rule", "options", "allow", 1), "0x10", 30),
        (("rules", "some-rule", "options", "quoted.key"), "1979-05-27 07:32:00", 31),
    ],
)
def test_what_looks_like_a_key_is_not_taken_for_one(path: Path, text: str, line: int) -> None:
    section = load(TRICKY).within("tool", "meshlint")
    assert shown(section, *path) == text
    assert section.at(*path).span.start_line == line


def test_what_is_missing_is_at_the_nearest_parent() -> None:
    section = load(TRICKY).within("tool", "meshlint")
    place = section.at("settings", "world", "deeper")
    assert cut(TRICKY, place.span) == "world"
    assert section.at("nothing").pointer == ""


def test_dates_are_text_as_in_yaml() -> None:
    data = load("a = 2026-12-31\nb = [07:32:00]\n").data
    assert data == {"a": "2026-12-31", "b": ["07:32:00"]}


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [("a = 1\nb = = 2\n", 2, 5), ("a = 1\na = 2\n", 2, 6), ("a = [\n", 2, 1)],
    ids=["value", "twice", "end"],
)
def test_what_is_no_toml_is_told_with_its_place(text: str, line: int, column: int) -> None:
    with pytest.raises(toml.TomlError, match="not TOML: ") as caught:
        load(text)
    assert (caught.value.line, caught.value.column) == (line, column)


def test_what_is_nested_without_end_is_refused() -> None:
    with pytest.raises(toml.TomlError, match="nested too deep"):
        load(f"a = {'[' * 100_000}{']' * 100_000}")


KEYS = st.one_of(st.from_regex(r"[a-zA-Z0-9_-]{1,4}", fullmatch=True), st.text(alphabet="a.#[]=\"' é", max_size=4))
SCALARS = st.one_of(
    st.integers(-99, 99).map(str),
    st.sampled_from(["true", "1.50", "2026-12-31", "07:32:00", "2026-12-31 07:32:00Z", "inf"]),
    st.text(alphabet='ab[]{}=,#." é\\', max_size=6).map(
        lambda t: '"' + t.replace("\\", "\\\\").replace('"', '\\"') + '"'
    ),
    st.text(alphabet='ab[]{}=,#." é\\', max_size=6).map(lambda t: f"'{t}'"),
    st.text(alphabet="ab]}=,#.'\n é", max_size=6).map(lambda t: f'"""{t}"""'),
    st.text(alphabet="ab]}=,#.\n é\\", max_size=6).map(lambda t: f"'''{t}'''"),
)
GAPS = st.sampled_from(["", " ", "\n", '# ] } , "\n', " # x = 1\n  "])


def quoted(key: str) -> str:
    return key if key and all(c.isascii() and (c.isalnum() or c in "_-") for c in key) else repr_of(key)


def repr_of(key: str) -> str:
    return '"' + key.replace("\\", "\\\\").replace('"', '\\"') + '"'


def arrays(values: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.lists(st.tuples(GAPS, values, GAPS), max_size=3).map(
        lambda items: "[" + ",".join(before + value + after for before, value, after in items) + "]"
    )


def tables(values: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.dictionaries(KEYS, values, max_size=3).map(
        lambda d: "{ " + ", ".join(f"{quoted(k)} = {v}" for k, v in d.items()) + " }"
    )


VALUES = st.recursive(SCALARS, lambda inner: st.one_of(arrays(inner), tables(inner)), max_leaves=6)
PAIRS = st.dictionaries(KEYS, VALUES, max_size=3).map(
    lambda d: "".join(f"{quoted(k)} = {v} # {quoted(k)} = 1\n" for k, v in d.items())
)
SECTIONS = st.dictionaries(st.tuples(KEYS, KEYS), st.tuples(st.booleans(), PAIRS), max_size=4).map(
    lambda d: "".join(
        f"{'[[' if is_list else '['}{quoted(a)} . {quoted(b)}{']]' if is_list else ']'}\n{pairs}"
        for (a, b), (is_list, pairs) in d.items()
    )
)


def scalars(data: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    if isinstance(data, dict):
        for key, value in data.items():
            yield from scalars(value, (*path, key))
    elif isinstance(data, list):
        for index, value in enumerate(data):
            yield from scalars(value, (*path, index))
    else:
        yield path, data


@settings(max_examples=100, deadline=None)
@given(PAIRS, SECTIONS)
def test_every_value_stands_where_it_is_said_to(pairs: str, sections: str) -> None:
    text = pairs + sections
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return  # two sections say the same
    document = load(text)
    for path, value in scalars(data):
        there = cut(text, document.at(*path).value)
        assert repr(tomllib.loads(f"x = {there}")["x"]) == repr(value)
