"""Where things stand: `spot` is the text that is shown, with its line."""

from __future__ import annotations

from pathlib import Path as File
from typing import Any

import pytest

from meshlint.source import files, yaml
from meshlint.source.document import Path, Placeholder, SourceFile

from .conftest import Read, cut

TREE = File(__file__).parents[2]


MANIFEST = """\
# head
apiVersion: v1   # api
metadata:
  name: "a b"  # quoted
  labels: {app: cart, 8080: y}
spec:
  empty:
  http:
  - route: [{weight: 5}]   # first
    retries:
      attempts: 2
      # tail

  -
  - - deep # nested
    - deeper
  - {a: 1, b: 2} # flow
  - [one,
     two]
  - 'two
    lines'
  - |
    block
  text: one
    more
  folded: >
    a: 1
"""


@pytest.mark.parametrize(
    ("path", "line", "spot"),
    [
        ((), 2, "apiVersion: v1"),
        (("apiVersion",), 2, "v1"),
        (("metadata",), 3, "metadata"),
        (("metadata", "name"), 4, '"a b"'),
        (("metadata", "labels"), 5, "labels"),
        (("metadata", "labels", "app"), 5, "cart"),
        (("metadata", "labels", "8080"), 5, "y"),
        (("spec", "empty"), 7, "empty"),
        (("spec", "http"), 8, "http"),
        (("spec", "http", 0), 9, "route: [{weight: 5}]"),
        (("spec", "http", 0, "route", 0), 9, "{weight: 5}"),
        (("spec", "http", 0, "route", 0, "weight"), 9, "5"),
        (("spec", "http", 0, "retries", "attempts"), 11, "2"),
        (("spec", "http", 1), 14, "-"),
        (("spec", "http", 2), 15, "- deep"),
        (("spec", "http", 2, 1), 16, "deeper"),
        (("spec", "http", 3), 17, "{a: 1, b: 2}"),
        (("spec", "http", 4), 18, "[one"),
        (("spec", "http", 4, 1), 19, "two"),
        (("spec", "http", 5), 20, "'two"),
        (("spec", "http", 6), 22, "|"),
        (("spec", "text"), 24, "text"),
        (("spec", "folded"), 26, "folded"),
    ],
)
def test_what_is_shown(read: Read, path: Path, line: int, spot: str) -> None:
    place = read(MANIFEST).at(*path)
    assert (place.found, place.span.start_line, cut(MANIFEST, place.span)) == (path, line, spot)


@pytest.mark.parametrize(
    ("path", "found", "line", "spot"),
    [
        (("nope",), (), 2, "apiVersion: v1"),
        (("metadata", "nope", "deeper"), ("metadata",), 3, "metadata"),
        (("metadata", "name", "deeper"), ("metadata", "name"), 4, "name"),
        (("metadata", "labels", "nope"), ("metadata", "labels"), 5, "labels"),
        (("spec", "empty", "nope"), ("spec", "empty"), 7, "empty"),
        (("spec", "http", 9), ("spec", "http"), 8, "http"),
        (("spec", "http", 0, "nope"), ("spec", "http", 0), 9, "route: [{weight: 5}]"),
        (("spec", "http", "nope"), ("spec", "http"), 8, "http"),
        (("spec", "folded", "a"), ("spec", "folded"), 26, "folded"),
    ],
)
def test_what_is_missing_is_at_its_nearest_parent(read: Read, path: Path, found: Path, line: int, spot: str) -> None:
    place = read(MANIFEST).at(*path)
    assert (place.found, place.span.start_line, cut(MANIFEST, place.span)) == (found, line, spot)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ((), (2, 1, 27, 9)),
        (("spec", "http", 0), (9, 5, 11, 18)),
        (("spec", "http", 0, "retries"), (11, 7, 11, 18)),
        (("spec", "http", 4), (18, 5, 19, 10)),
        (("spec", "http", 6), (22, 5, 23, 10)),
        (("spec", "text"), (24, 9, 25, 9)),
    ],
)
def test_a_value_spans_its_lines_and_no_more(read: Read, path: Path, value: tuple[int, ...]) -> None:
    assert tuple(read(MANIFEST).at(*path).value) == value


def test_only_entries_of_mappings_have_keys(read: Read) -> None:
    document = read(MANIFEST)
    key = document.at("spec", "http", 0, "retries").key
    assert key is not None
    assert (key.start_line, cut(MANIFEST, key)) == (10, "retries")
    assert document.at("spec", "http", 0).key is None
    assert document.at().key is None


# ---- aliases and merges ----------------------------------------------------------------------------------------------

SHARED = """\
base: &base
  q: 1
  r: {s: 2}
alias: *base
merged:
  <<: [*base, {t: 3}]
  q: 4
last: 5
"""


@pytest.mark.parametrize(
    ("path", "line", "spot"),
    [
        (("alias",), 4, "*base"),
        (("alias", "q"), 2, "1"),
        (("alias", "r", "s"), 3, "2"),
        (("merged", "q"), 7, "4"),
        (("merged", "r", "s"), 3, "2"),
        (("merged", "t"), 6, "3"),
        (("last",), 8, "5"),
    ],
)
def test_what_an_alias_or_a_merge_brings_is_where_it_is_written(read: Read, path: Path, line: int, spot: str) -> None:
    place = read(SHARED).at(*path)
    assert (place.found, place.span.start_line, cut(SHARED, place.span)) == (path, line, spot)


# ---- YAML in strings -------------------------------------------------------------------------------------------------

CONFIG_MAP = """\
data:
  mesh: |-

    # a comment
    defaultConfig:
      nested: |
        deep: 1
    list: [1, {two: 2}]
    empty:
    last: "x"
  indented: |2
      a: 1
      b: 2
  json: |
    {"a": {"b": 1}}
  broken: |
    [1
  words: |
    hello
  brackets: |
    - - - - text
"""


@pytest.mark.parametrize(
    ("path", "found", "line", "spot"),
    [
        (("mesh",), 1, 2, "mesh"),
        (("mesh", "defaultConfig"), 2, 5, "defaultConfig"),
        (("mesh", "defaultConfig", "nested", "deep"), 4, 7, "1"),
        (("mesh", "defaultConfig", "nope"), 2, 5, "defaultConfig"),
        (("mesh", "list", 1, "two"), 4, 8, "2"),
        (("mesh", "empty"), 2, 9, "empty"),
        (("mesh", "last"), 2, 10, '"x"'),
        (("mesh", "nope"), 1, 2, "mesh"),
        (("indented", "b"), 2, 13, "2"),
        (("json", "a", "b"), 3, 15, "1"),
        (("broken", 0), 1, 16, "broken"),
        (("words", "a"), 1, 18, "words"),
        (("brackets", 0, 0), 3, 21, "- - text"),
    ],
)
def test_a_path_goes_on_inside_a_literal_block(read: Read, path: Path, found: int, line: int, spot: str) -> None:
    place = read(CONFIG_MAP).at("data", *path)
    assert place.found == ("data", *path[:found])
    assert (place.span.start_line, cut(CONFIG_MAP, place.span)) == (line, spot)


def test_a_literal_block_beyond_the_caps_has_nothing_inside(read: Read) -> None:
    document = read("data:\n  mesh: |\n    " + "- " * 5000 + "x\n")
    assert document.at("data", "mesh", 0).found == ("data", "mesh")


# ---- files -----------------------------------------------------------------------------------------------------------


def test_positions_are_those_of_the_file() -> None:
    text = "a: 1\n---\nb: 2\n...\n---\n# c\nc: 3\n"
    documents = yaml.load(SourceFile("a.yaml", text)).documents
    assert [d.at(key).span.start_line for d, key in zip(documents, "abc", strict=True)] == [1, 3, 7]


def test_crlf_and_wide_characters_keep_columns_right(read: Read) -> None:
    text = "a: \U0001f600 x\r\nb: {é: 1}\r\nc: |\r\n  q: 1\r\n  r: 22\r\nd:\r\n- x: 1\r\n  z: 'é\u2028e'\r\n"
    document = read(text)
    assert tuple(document.at("a").span) == (1, 4, 1, 7)
    assert tuple(document.at("b", "é").span) == (2, 8, 2, 9)
    assert tuple(document.at("c", "r").span) == (5, 6, 5, 8)
    assert tuple(document.at("d", 0).span) == (7, 3, 7, 7)
    assert document.at("d", 0, "z").span.start_line == 8


def test_json_has_places_too(read: Read) -> None:
    text = '{\n\t"f": "\\ud83d\\ude00", "a": [true,\n\t\t{"b": "c"}]}\n'
    document = read(text)
    assert [cut(text, document.at(*path).span) for path in [("a", 0), ("a", 1, "b"), ("f",)]] == [
        "true",
        '"c"',
        '"\\ud83d\\ude00"',
    ]


def test_an_item_of_a_list_is_a_document_at_its_own_place(read: Read) -> None:
    text = "kind: List\nitems:\n- a: 1\n- b: 2  # b\n  c: 3\n"
    item = read(text).within("items", 1)
    assert (item.at("c").found, cut(text, item.at("c").span)) == (("c",), "3")
    assert (item.at().key, item.at().found, cut(text, item.at().span)) == (None, (), "b: 2")
    assert (item.at("nope").found, tuple(item.at("nope").span)) == ((), (4, 3, 4, 7))


# ---- positions cannot rot --------------------------------------------------------------------------------------------


def scalars(data: Any, path: Path = ()) -> Any:
    entries = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else None
    if entries is None:
        yield path, data
    else:
        for step, value in entries:
            yield from scalars(value, (*path, step))


def manifests() -> list[SourceFile]:
    places = [TREE.parent / "shared" / "seed", TREE / "examples", *sorted((TREE / "rules").glob("*/*/examples"))]
    return list(files.read([str(place) for place in places if place.is_dir()], lambda: "").files)


@pytest.mark.parametrize("file", [SourceFile("here", MANIFEST + SHARED), *manifests()], ids=lambda file: file.name)
def test_the_text_at_every_place_is_the_value(file: SourceFile) -> None:
    for document in yaml.load(file).documents:
        for path, value in scalars(document.data):
            place = document.at(*path)
            assert place.found == path
            key = place.key
            assert key is None or yaml.parse(f"{cut(file.text, key)}: 1") == {path[-1]: 1}
            text = cut(file.text, place.span)
            if place.span == place.value and not text.startswith("*"):
                assert yaml.parse(text) == value, path
            elif not text.startswith("*"):
                assert value is None or "\n" in str(value) or place.value.end_line > place.value.start_line
            assert not isinstance(value, Placeholder) or str(value) in yaml.parse(f"a: {text}")["a"].text
