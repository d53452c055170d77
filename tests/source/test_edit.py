"""Edits of text: what each kind of change writes, what is refused, and that nothing else of the text changes."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml as pyyaml

from meshlint.source import edit, yaml
from meshlint.source.change import Append, Change, Edit, Put, Remove, Rename
from meshlint.source.document import Document, SourceFile
from meshlint.source.document import Path as Steps


def documents(text: str, name: str = "a.yaml") -> tuple[Document, ...]:
    loaded = yaml.load(SourceFile(name, text))
    assert loaded.failures == ()
    return loaded.documents


def steps(path: str) -> Steps:
    """`spec.http.0` as steps; numbers of one digit are indexes."""
    return tuple(int(step) if len(step) == 1 and step.isdigit() else step for step in path.split(".")) if path else ()


def edited(text: str, *changes: Change) -> str | None:
    """The text after changes; None where there are no edits."""
    found = edit.edits(changes)
    return edit.apply(text, found) if found else None


def put(text: str, path: str, value: Any, first: bool = False) -> str | None:
    (document,) = documents(text)
    return edited(text, Put(document.at(*steps(path)), value, first))


def append(text: str, path: str, value: Any) -> str | None:
    (document,) = documents(text)
    return edited(text, Append(document.at(*steps(path)), value))


def remove(text: str, path: str, prune: bool = False) -> str | None:
    (document,) = documents(text)
    return edited(text, Remove(document.at(*steps(path)), prune))


def rename(text: str, path: str, name: str) -> str | None:
    (document,) = documents(text)
    return edited(text, Rename(document.at(*steps(path)), name))


# ---- put: what is there ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "path", "value", "after"),
    [
        ("a: 60s # why\nb: 1\n", "a", "300s", "a: 300s # why\nb: 1\n"),
        ('a: "60s"\n', "a", "300s", 'a: "300s"\n'),
        ("a: '60s'\n", "a", "it's", "a: 'it''s'\n"),
        ("a: '60s'\n", "a", 5, "a: 5\n"),
        ("a: 60s\n", "a", "5", 'a: "5"\n'),
        ("a: 60s\n", "a", "yes", 'a: "yes"\n'),
        ("a: 60s\n", "a", "x: w", 'a: "x: w"\n'),
        ("a: 60s\n", "a", "reset, 5xx", "a: reset, 5xx\n"),
        ("a: [60s]\n", "a.0", "reset,5xx", 'a: ["reset,5xx"]\n'),
        ("a: 60s\n", "a", True, "a: true\n"),
        ("a:  # none\n", "a", "x", "a: x  # none\n"),
        ("a: ~ # none\n", "a", 1, "a: 1 # none\n"),
        ("a: {b: , c: 1}\n", "a.b", "x", "a: {b: x, c: 1}\n"),
        ("- x\n-\n", "1", "w", "- x\n- w\n"),
        ("a: two\n  lines # c\n", "a", "one", "a: one # c\n"),
        ("a: |\n  text\n\nb: 1\n", "a", "one", "a: one\n\nb: 1\n"),
        ("a: &x 60s\n", "a", "300s", "a: &x 300s\n"),
        ("a: !!str 60s\n", "a", "300s", "a: !!str 300s\n"),
        ("a: &x 60s\nb: *x # c\n", "b", "300s", "a: &x 60s\nb: 300s # c\n"),
        ("a: 60s", "a", "300s", "a: 300s"),
        ("a: 60s\r\nb: 1\r\n", "a", "300s", "a: 300s\r\nb: 1\r\n"),
        ("60s\n", "", "x", "x\n"),
        ("a: {b: 1, c: 2} # c\n", "a", {"d": 0}, "a: {d: 0} # c\n"),
        ("a: {b: 1}\n", "a", {}, "a: {}\n"),
        ("a: 1\n", "a", {"b": [1, "x"]}, "a: {b: [1, x]}\n"),
        ("r:\n  attempts: 3\n  # note\n  on: x # why\nt: 1\n", "r", {"attempts": 0}, "r:\n  attempts: 0 # why\nt: 1\n"),
        ("- r:\n    b: 3\n  t: 1\n", "0.r", {"c": 0, "d": [1]}, "- r:\n    c: 0\n    d:\n      - 1\n  t: 1\n"),
        ("a:\n- 1\n- 2\nb: 1\n", "a", [{"x": 1, "w": 2}, "z"], "a:\n- x: 1\n  w: 2\n- z\nb: 1\n"),
        ("a: # c\n  b: 1 # d\ne: 1\n", "a", {}, "a: {} # c\ne: 1\n"),
        ("a: &x\n  b: 1\n", "a", "w", "a: &x w\n"),
        ('{"a": "60s"}\n', "a", "300s", '{"a": "300s"}\n'),
        ('{"a": {"b": 1}}\n', "a", {"c": "d"}, '{"a": {"c": "d"}}\n'),
    ],
)
def test_a_value_in_place_of_another(before: str, path: str, value: Any, after: str) -> None:
    assert put(before, path, value) == after


# ---- put: what is missing --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "path", "value", "after"),
    [
        ("a:\n  b: 1 # c\n# end\nd: 2\n", "a.x", "w", "a:\n  b: 1 # c\n  x: w\n# end\nd: 2\n"),
        (
            "a:\n    b:\n        c: 1\n",
            "a.x.w.z",
            1,
            "a:\n    b:\n        c: 1\n    x:\n        w:\n            z: 1\n",
        ),
        ("a:\n- b\n", "x", ["w", {"z": {}}], "a:\n- b\nx:\n- w\n- z: {}\n"),
        ("a:\n  - b: 1\n", "a.0.x", ["w"], "a:\n  - b: 1\n    x:\n      - w\n"),
        ("a: |\n  text\n\n\n", "x", 1, "a: |\n  text\nx: 1\n\n\n"),
        ("a: >-\n  text\n", "x", 1, "a: >-\n  text\nx: 1\n"),
        ("a: two\n  lines\n", "x", 1, "a: two\n  lines\nx: 1\n"),
        ("a: 1", "x", 1, "a: 1\nx: 1"),
        ("a: 1\r\n", "x.w", 1, "a: 1\r\nx:\r\n  w: 1\r\n"),
        ("spec: {} # c\n", "spec.x.w", "z", "spec: {x: {w: z}} # c\n"),
        ("spec: { }\n", "spec.x", 1, "spec: {x: 1 }\n"),
        ("spec: # c\nb: 1\n", "spec.x.w", "z", "spec: # c\n  x:\n    w: z\nb: 1\n"),
        ("- spec:\n", "0.spec.x", 1, "- spec:\n    x: 1\n"),
        ("spec: &x\n", "spec.a", 1, "spec: &x\n  a: 1\n"),
        ("spec: null # c\n", "spec.x", 1, "spec: {x: 1} # c\n"),
        ("a: {spec: }\n", "a.spec.x", 1, "a: {spec: {x: 1}}\n"),
        ("-\n- b\n", "0.x", 1, "- {x: 1}\n- b\n"),
        ("a: {b: 1} # c\n", "a.x", "w,z", 'a: {b: 1, x: "w,z"} # c\n'),
        ("a: {b: 1,}\n", "a.x", 1, "a: {b: 1, x: 1,}\n"),
        ("a: {b}\n", "a.x", 1, "a: {b, x: 1}\n"),
        ("a: {\n  b: 1, # one\n  c: 2 # two\n}\n", "a.x", 3, "a: {\n  b: 1, # one\n  c: 2, # two\n  x: 3\n}\n"),
        ("a: {\n  b: 1,\n}\n", "a.x", 3, "a: {\n  b: 1,\n  x: 3,\n}\n"),
        ("a: {b: 1,\n    c: 2}\n", "a.x", 3, "a: {b: 1,\n    c: 2,\n    x: 3}\n"),
        ('{"a": 1}', "x", {"w": ["z"]}, '{"a": 1, "x": {"w": ["z"]}}'),
        ('{\n\t"a": {\n\t\t"b": 1\n\t}\n}\n', "a.x", True, '{\n\t"a": {\n\t\t"b": 1,\n\t\t"x": true\n\t}\n}\n'),
        ('{"a": {}}\n', "a.x", "w", '{"a": {"x": "w"}}\n'),
        ("a: 1\n", "9090.mode", "STRICT", "a: 1\n9090:\n  mode: STRICT\n"),
        ("a: 1\n", "y", 1, 'a: 1\n"y": 1\n'),
    ],
)
def test_an_entry_that_is_missing_comes_last(before: str, path: str, value: Any, after: str) -> None:
    assert put(before, path, value) == after


@pytest.mark.parametrize(
    ("before", "path", "after"),
    [
        ("# head\na: 1 # c\n", "x", "# head\nx: 1\na: 1 # c\n"),
        ("- # c\n  a: 1\n- b: 2\n", "1.x", "- # c\n  a: 1\n- x: 1\n  b: 2\n"),
        ("- b: 2\n", "0.x.w", "- x:\n    w: 1\n  b: 2\n"),
        ("a: {b: 2}\n", "a.x", "a: {x: 1, b: 2}\n"),
        ("a: {\n  b: 2\n}\n", "a.x", "a: {\n  x: 1,\n  b: 2\n}\n"),
        ("a: {}\n", "a.x", "a: {x: 1}\n"),
    ],
)
def test_an_entry_that_is_missing_comes_first_where_it_is_asked_to(before: str, path: str, after: str) -> None:
    assert put(before, path, 1, first=True) == after


# ---- append ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "path", "value", "after"),
    [
        ("a:\n  - x # c\n# d\nb: 1\n", "a", "w", "a:\n  - x # c\n  - w\n# d\nb: 1\n"),
        ("a:\n- x\nb: 1\n", "a", {"w": 1, "z": 2}, "a:\n- x\n- w: 1\n  z: 2\nb: 1\n"),
        ("a:\n- b:\n  - x\n- c\n", "a.0.b", "w", "a:\n- b:\n  - x\n  - w\n- c\n"),
        ("- - x\n- w\n", "0", "z", "- - x\n  - z\n- w\n"),
        ("a: &k\n# c\n- x\n", "a", "w", "a: &k\n# c\n- x\n- w\n"),
        ("a: [x] # c\n", "a", "w", "a: [x, w] # c\n"),
        ("a: [one,\n    two]\n", "a", "w", "a: [one,\n    two,\n    w]\n"),
        ("a: []\n", "a", {"w": 1}, "a: [{w: 1}]\n"),
        ("a:\nb: 1\n", "a", "w", "a:\n  - w\nb: 1\n"),
        ("a:\nb:\n- 1\n", "a", "w", "a:\n- w\nb:\n- 1\n"),
        ("b: {c: 1}\n", "b.a", "w", "b: {c: 1, a: [w]}\n"),
        ('{"a": ["x"]}\n', "a", "w", '{"a": ["x", "w"]}\n'),
        ("a:\n- x", "a", "w", "a:\n- x\n- w"),
    ],
)
def test_an_item_more(before: str, path: str, value: Any, after: str) -> None:
    assert append(before, path, value) == after


# ---- remove ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "path", "after"),
    [
        ("# head\na: 1 # c\n# above b\nb: 2\n", "a", "# head\n# above b\nb: 2\n"),
        ("a: 1\n# above b\nb: 2 # c\n", "b", "a: 1\n# above b\n"),
        ("a: 1\nb: 2", "b", "a: 1"),
        ("a: 1\r\nb: 2", "b", "a: 1"),
        ("a: 1\r\nb: 2\r\nc: 3\r\n", "b", "a: 1\r\nc: 3\r\n"),
        ("a:\n  b:\n    c: 1\n    # in b\n  # tail\n  d: 1\n", "a.b", "a:\n    # in b\n  # tail\n  d: 1\n"),
        ("a: |\n  text\n\nb: 2\n", "a", "\nb: 2\n"),
        ("- a: 1 # c\n  b: 2\n", "0.a", "- b: 2\n"),
        ("- a: 1 # c\n  # above b\n  b: 2\n", "0.a", "-\n  # above b\n  b: 2\n"),
        ("- a: 1\n  b: 2\n", "0.b", "- a: 1\n"),
        ("a: {b: 1, c: 2, d: 3}\n", "a.b", "a: {c: 2, d: 3}\n"),
        ("a: {b: 1, c: 2, d: 3}\n", "a.c", "a: {b: 1, d: 3}\n"),
        ("a: {b: 1, c: 2, d: 3} # c\n", "a.d", "a: {b: 1, c: 2} # c\n"),
        ("a: {\n  b: 1, # one\n  c: 2 # two\n}\n", "a.b", "a: {\n  c: 2 # two\n}\n"),
        ("a: {\n  b: 1,\n  c: 2 # two\n}\n", "a.c", "a: {\n  b: 1\n}\n"),
        ('{"a": 1, "b": 2}', "b", '{"a": 1}'),
        ("a: # c\n  b: 1 # d\ne: 1\n", "a.b", "a: {} # c\ne: 1\n"),
        ("a: &x # c\n  b: 1\n", "a.b", "a: &x {} # c\n"),
        ("- a: 1 # c\n- b\n", "0.a", "- {} # c\n- b\n"),
        ("a: 1\n", "a", "{}\n"),
        ("a: {b: 1}\n", "a.b", "a: {}\n"),
        ("a:\n  - x # c\n  # above w\n  - w\n", "a.0", "a:\n  # above w\n  - w\n"),
        ("a:\n- x\n- w: 1\n  z: 2 # c\nb: 1\n", "a.1", "a:\n- x\nb: 1\n"),
        ("- - x\n  - w\n", "0.0", "- - w\n"),
        ("- - x # c\n  # above w\n  - w\n", "0.0", "-\n  # above w\n  - w\n"),
        ("-\n  a: 1\n- b\n", "0", "- b\n"),
        ("-\n- b\n", "0", "- b\n"),
        ("a: [x, w]\n", "a.0", "a: [w]\n"),
        ("a: [x, w]\n", "a.1", "a: [x]\n"),
        ("a: # c\n- x\nb: 1\n", "a.0", "a: [] # c\nb: 1\n"),
        ("a: [x]\n", "a.0", "a: []\n"),
    ],
)
def test_one_part_less(before: str, path: str, after: str) -> None:
    assert remove(before, path) == after


@pytest.mark.parametrize(
    ("before", "path", "after"),
    [
        ("a:\n  b:\n    c: 1\nd: 1\n", "a.b.c", "d: 1\n"),
        ("a:\n  b:\n    c: 1\n  e: 1\n", "a.b.c", "a:\n  e: 1\n"),
        ("a:\n  b: {c: [1]}\n  e: 1\n", "a.b.c.0", "a:\n  e: 1\n"),
        ("a:\n- b: {c: 1}\n- d\n", "a.0.b.c", "a:\n- {}\n- d\n"),
        ("a: 1\n", "a", "{}\n"),
    ],
)
def test_what_is_left_empty_goes_too_where_it_is_asked_to(before: str, path: str, after: str) -> None:
    assert remove(before, path, prune=True) == after


# ---- rename ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "path", "name", "after"),
    [
        ("a: 1 # c\nb: 2\n", "a", "x", "x: 1 # c\nb: 2\n"),
        ("'a': 1\n", "a", "x", "'x': 1\n"),
        ("a:\n  8080: {mode: STRICT}\n", "a.8080", "9090", "a:\n  9090: {mode: STRICT}\n"),
        ("{a: {b: 1}}\n", "a.b", "x w", '{a: {"x w": 1}}\n'),
        ('{"a": 1}\n', "a", "x", '{"x": 1}\n'),
        ("&k a : 1\n", "a", "x", "&k x : 1\n"),
        ("? a\n: 1\n", "a", "x", "? x\n: 1\n"),
    ],
)
def test_another_key(before: str, path: str, name: str, after: str) -> None:
    assert rename(before, path, name) == after


# ---- YAML in strings, several documents, lists of objects ------------------------------------------------------------

CONFIG_MAP = """\
kind: ConfigMap # head
data:
  mesh: |-
    # about the mesh
    defaultConfig:
      nested: {a: 1} # inner
    rules:
    - x
  # outer
  other: 1
"""


@pytest.mark.parametrize(
    ("change", "old", "new"),
    [
        (lambda d: Put(d.at("data", "mesh", "defaultConfig", "nested", "a"), 2), "{a: 1}", "{a: 2}"),
        (lambda d: Put(d.at("data", "mesh", "policy", "mode"), "X"), "- x\n", "- x\n    policy:\n      mode: X\n"),
        (lambda d: Append(d.at("data", "mesh", "rules"), "w"), "- x\n", "- x\n    - w\n"),
        (lambda d: Rename(d.at("data", "mesh", "rules"), "others"), "rules:", "others:"),
        (lambda d: Remove(d.at("data", "mesh", "rules", 0)), "rules:\n    - x\n", "rules: []\n"),
        (lambda d: Remove(d.at("data", "mesh", "rules")), "    rules:\n    - x\n", ""),
    ],
)
def test_the_yaml_that_a_text_holds(change: Any, old: str, new: str) -> None:
    (document,) = documents(CONFIG_MAP)
    assert CONFIG_MAP.count(old) == 1
    assert edited(CONFIG_MAP, change(document)) == CONFIG_MAP.replace(old, new)


@pytest.mark.parametrize("sign", ["|2", "|4", "|"])
def test_the_yaml_that_a_text_holds_with_crlf_and_any_indentation(sign: str) -> None:
    text = f"data:\r\n  mesh: {sign}\r\n      a: 1\r\n      b: 2\r\nz: 1\r\n"
    (document,) = documents(text)
    assert edited(text, Put(document.at("data", "mesh", "c"), 3)) == text.replace("b: 2", "b: 2\r\n      c: 3")


def test_one_of_several_documents() -> None:
    text = "%YAML 1.1\n---\na: 1\n---\n# second\na: 1 # c\n...\n---\na: 1"
    _, second, third = documents(text)
    assert edited(text, Put(second.at("a"), 2), Put(third.at("b"), 3)) == text.replace("1 # c", "2 # c") + "\nb: 3"


def test_an_item_of_a_list_of_objects() -> None:
    text = "kind: List\nitems:\n- a: 1\n- b: 2 # c\n  d: 3\n"
    (document,) = documents(text)
    item = document.within("items", 1)
    assert edited(text, Remove(item.at("b")), Put(item.at("e"), 4)) == "kind: List\nitems:\n- a: 1\n- d: 3\n  e: 4\n"


def test_several_changes_of_one_document() -> None:
    text = "a: 1\nl: [1, 2, 3]\nb:\n  c: 1\n  d: 2\n"
    (document,) = documents(text)
    changes = [
        Remove(document.at("l", 0)),
        Put(document.at("l", 1), 5),
        Put(document.at("b", "x"), 1),
        Put(document.at("b", "w"), 2),
        Remove(document.at("a")),
    ]
    assert edited(text, *changes) == "l: [5, 3]\nb:\n  c: 1\n  d: 2\n  x: 1\n  w: 2\n"


def test_what_is_added_at_the_ends_of_a_mapping_and_of_one_in_it() -> None:
    text = "a:\n  b:\n    c: 1\n"
    (document,) = documents(text)
    changes = [Put(document.at("a", "d"), 2), Put(document.at("a", "b", "e"), 3), Put(document.at("f"), 4)]
    assert edited(text, *changes) == "a:\n  b:\n    c: 1\n    e: 3\n  d: 2\nf: 4\n"


def test_offsets_are_those_of_the_file() -> None:
    text = "---\né: 1\n---\na: 60s\n"
    _, second = documents(text)
    (found,) = edit.edits([Put(second.at("a"), "5s")])
    assert found == Edit(second.file, text.index("60s"), text.index("60s") + 3, "5s")


# ---- what is refused -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "change"),
    [
        ("a: &x {b: 1}\nc: *x\n", lambda d: Put(d.at("c", "b"), 2)),
        ("a: &x {b: 1}\nc: *x\n", lambda d: Put(d.at("a", "b"), 2)),
        ("a: &x {b: 1}\nc: *x\n", lambda d: Put(d.at("c", "n"), 2)),
        ("a: &x {b: 1}\nc: *x\n", lambda d: Remove(d.at("a"))),
        ("a: &x {b: 1}\nc: {<<: *x}\n", lambda d: Remove(d.at("c", "b"))),
        ("a: &x {b: 1}\nc: {<<: *x}\n", lambda d: Rename(d.at("c", "b"), "n")),
        ("a: 1\na: 2\n", lambda d: Remove(d.at("a"))),
        ("a: {b: 1,\n # c\n d: 2}\n", lambda d: Remove(d.at("a", "b"))),
        ("a: {b: 1, # c\n d: 2}\n", lambda d: Remove(d.at("a", "d"))),
        ("a: { # c\n b: 1}\n", lambda d: Remove(d.at("a", "b"))),
        ("a: text\n", lambda d: Put(d.at("a", "b"), 2)),
        ("a: [1]\n", lambda d: Put(d.at("a", 1), 2)),
        ("a: [1]\n", lambda d: Put(d.at("a", "b"), 2)),
        ("a: [b: 1]\n", lambda d: Put(d.at("a", 0, "c"), 2)),
        ("a: {b: 1}\n", lambda d: Append(d.at("a"), 2)),
        ("a: 'b: 1'\n", lambda d: Put(d.at("a", "b"), 2)),
        ("a: >\n  b: 1\n", lambda d: Put(d.at("a", "b"), 2)),
        ("a: |+\n  b\n\n", lambda d: Put(d.at("c"), 2)),
        ("a:\n  - b: |+\n      text\n    c: 1\n\n  - d: 2\n", lambda d: Remove(d.at("a", 0, "c"))),
        ("a:\n  - &x {b: 1, c: 2}\n  - *x\n", lambda d: Put(d.at("a", 0, "b"), 2)),
        ("? a\n: 1\n? b\n: 2\n", lambda d: Remove(d.at("a"))),
        ("a: 1\nb: 2\n", lambda d: Rename(d.at("a"), "b")),
        ("a: [1]\n", lambda d: Rename(d.at("a", 0), "b")),
        ("a: 1\n", lambda d: Remove(d.at())),
        ("a: 1\n", lambda d: Append(d.at("a"), 1)),
    ],
)
def test_what_cannot_be_done_safely_has_no_edits(text: str, change: Any) -> None:
    (document,) = documents(text)
    assert edit.edits([change(document)]) == ()


@pytest.mark.parametrize("name", ["a.yaml", "a.json"])
def test_an_edit_in_a_long_document_is_proved_by_what_is_around_it(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    items = [{"host": f"h{number}", "route": {"timeout": "60s", "retries": 2}} for number in range(500)]
    data = {"apiVersion": "v1", "spec": {"http": items}}
    (document,) = documents(json.dumps(data) if name == "a.json" else pyyaml.safe_dump(data), name)
    read: list[str] = []

    def reading(text: str) -> list[Any]:
        read.append(text)
        return parse_all(text)

    parse_all = yaml.parse_all
    assert edit.edits([Put(document.at("spec", "http", 0, "route", "timeout"), "300s")])
    monkeypatch.setattr(yaml, "parse_all", reading)
    (found,) = edit.edits([Put(document.at("spec", "http", 400, "route", "timeout"), "300s")])
    assert document.text[found.start : found.end] in ("60s", '"60s"')
    assert [parse_all(text) for text in read] == [
        [{"timeout": "60s", "retries": 2}],
        [{"timeout": "300s", "retries": 2}],
    ]


def test_one_that_cannot_be_done_takes_the_others_with_it() -> None:
    (document,) = documents("a: 1\nb: text\n")
    assert edit.edits([Put(document.at("a"), 2), Put(document.at("b", "c"), 1)]) == ()


def test_changes_that_contradict_each_other_have_no_edits() -> None:
    (document,) = documents("a: {b: 1, c: 2}\n")
    assert edit.edits([Put(document.at("a", "b"), 2), Put(document.at("a", "b"), 3)]) == ()
    assert edit.edits([Put(document.at("a", "b"), 2), Remove(document.at("a"))]) == ()


@pytest.mark.parametrize(
    ("text", "change"),
    [
        ("a: 60s\n", lambda d: Put(d.at("a"), "60s")),
        ("a: {b: 1}\n", lambda d: Put(d.at("a"), {"b": 1})),
        ("a: 60s\n", lambda d: Remove(d.at("b", "c"))),
        ("a: 60s\n", lambda d: Rename(d.at("b"), "c")),
    ],
)
def test_what_is_done_already_has_no_edits(text: str, change: Any) -> None:
    (document,) = documents(text)
    assert edit.edits([change(document)]) == ()


@pytest.mark.parametrize(
    "pairs", [[(0, 2), (1, 3)], [(1, 3), (0, 4)], [(1, 1), (1, 1)], [(0, 1), (0, 1)], [(0, 4), (2, 2)]]
)
def test_overlapping_edits_are_refused(pairs: list[tuple[int, int]]) -> None:
    file = SourceFile("a.yaml", "abcdef")
    with pytest.raises(edit.Overlap):
        edit.apply(file.text, [Edit(file, start, end, "x") for start, end in pairs])


def test_edits_that_touch_do_not_overlap() -> None:
    file = SourceFile("a.yaml", "abcdef")
    assert edit.apply(file.text, [Edit(file, 2, 4, "Y"), Edit(file, 0, 2, "X"), Edit(file, 2, 2, "-")]) == "X-Yef"


def test_json_stays_json() -> None:
    text = json.dumps({"apiVersion": "v1", "a": {"b": [1]}}, indent=2)
    (document,) = documents(text, "a.json")
    after = edited(text, Put(document.at("a", "c", "d"), "x"), Append(document.at("a", "b"), {"w": "60s"}))
    assert after is not None
    assert json.loads(after) == {"apiVersion": "v1", "a": {"b": [1, {"w": "60s"}], "c": {"d": "x"}}}
