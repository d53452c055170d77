"""Whatever a document looks like, an edit does what was meant and touches nothing else."""

from __future__ import annotations

import copy
import json
import random
import re
from collections.abc import Iterator
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from meshlint.source import edit, yaml
from meshlint.source.change import Append, Change, Edit, Put, Remove, Rename
from meshlint.source.document import Document, SourceFile, Span
from meshlint.source.document import Path as Steps

KEYS = ["a", "b", "spec", "9090", "y", "two words", "x/y.z", "é", "key: x", "<<"]
TEXTS = [
    "60s",
    "x y",
    "y",
    "",
    "- a",
    "# no comment",
    "it's",
    '"',
    "5xx,reset",
    "8080",
    "a: b",
    "*",
    "\t",
    "é\U0001f600",
]
SCALARS = st.sampled_from([*TEXTS, 0, 1, -1.5, True, False, None])


class Held:
    """YAML that a text holds."""

    def __init__(self, data: Any) -> None:
        self.data = data


def collections(inside: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.dictionaries(st.sampled_from(KEYS), inside, max_size=4) | st.lists(inside, max_size=3)


PLAIN = st.recursive(SCALARS, collections, max_leaves=12)
MESH = st.dictionaries(st.sampled_from(KEYS), PLAIN, min_size=1, max_size=3).map(Held)
DATA = st.fixed_dictionaries(
    {"a": PLAIN},
    optional={
        "mesh": MESH,
        "data": st.fixed_dictionaries({"mesh": MESH}, optional={"b": PLAIN}),
        "c": PLAIN,
        "d": PLAIN,
    },
)
VALUES = st.recursive(
    SCALARS,
    lambda inside: st.dictionaries(st.sampled_from(KEYS), inside, max_size=2) | st.lists(inside, max_size=2),
    max_leaves=5,
)


class Hand:
    """Writes data as people do: every style there is, comments anywhere."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.comments = 0
        self.step = chance.choice([2, 2, 4])
        self.list_step = chance.choice([0, 2])

    def text(self, data: Any) -> str:
        lines = self.block(data) if data else ["{}"]
        head = self.chance.choice([[], ["---"], ["# head", "--- # start"]])
        tail = self.chance.choice([[], ["# tail"], [""]])
        newline = self.chance.choice(["\n", "\n", "\r\n"])
        end = newline if "mesh" in data or "data" in data else self.chance.choice([newline, newline, ""])
        return newline.join([*head, *lines, *tail]) + end

    def block(self, data: Any) -> list[str]:
        """Lines of a collection that is not empty."""
        lines: list[str] = []
        for name, value in data.items() if isinstance(data, dict) else [(None, item) for item in data]:
            lines += self.own_line()
            head = "-" if name is None else f"{self.scalar(name, False)}:"
            lines += self.part(head, value, name is None)
        return lines

    def part(self, head: str, value: Any, is_item: bool) -> list[str]:
        if isinstance(value, Held):
            sign = self.chance.choice(["|", "|-"])
            margin = " " * (2 if is_item else self.step)
            return [f"{head} {sign}{self.trailing()}", *indented(margin, self.block(value.data))]
        if isinstance(value, dict | list) and value and (self.chance.random() < 0.7 or holds(value)):
            if is_item:
                lines = self.block(value)
                if self.chance.random() < 0.2 or lines[0].lstrip().startswith("#"):
                    return [f"-{self.trailing()}", *indented("  ", lines)]
                return [f"- {lines[0]}", *indented("  ", lines[1:])]
            margin = " " * (self.step if isinstance(value, dict) else self.list_step)
            return [f"{head}{self.trailing()}", *indented(margin, self.block(value))]
        if value is None and self.chance.random() < 0.5:
            return [f"{head}{self.trailing()}"]
        return [f"{head} {self.flow(value, False)}{self.trailing()}"]

    def flow(self, value: Any, inside: bool = True) -> str:
        comma = self.chance.choice([", ", ", ", ","])
        if isinstance(value, dict):
            return "{" + comma.join(f"{self.scalar(n, True)}: {self.flow(v)}" for n, v in value.items()) + "}"
        if isinstance(value, list):
            return "[" + comma.join(self.flow(v) for v in value) + "]"
        return self.scalar(value, inside)

    def scalar(self, value: Any, inside: bool) -> str:
        if not isinstance(value, str):
            return json.dumps(value)
        style = self.chance.choice(["plain", "plain", "single", "double"])
        if style == "single" and "\t" not in value:
            return "'" + value.replace("'", "''") + "'"
        if style == "plain" and value != "<<" and means(value, inside) == [value]:
            return value
        return json.dumps(value, ensure_ascii=False)

    def own_line(self) -> list[str]:
        if self.chance.random() > 0.2:
            return []
        return self.chance.choice([[self.comment()], [""], [self.comment(), self.comment()]])

    def trailing(self) -> str:
        return f" {self.comment()}" if self.chance.random() < 0.2 else ""

    def comment(self) -> str:
        self.comments += 1
        return f"# comment {self.comments};"


def holds(value: Any) -> bool:
    return isinstance(value, dict) and any(isinstance(part, Held) for part in value.values())


def means(value: str, inside: bool) -> Any:
    """What a plain scalar reads as, as the only item of a list; None where it is not one."""
    try:
        return yaml.parse(f"[{value}]" if inside else f"- {value}")
    except yaml.YamlError:
        return None


def indented(margin: str, lines: list[str]) -> list[str]:
    return [margin + line if line else line for line in lines]


def plain(data: Any) -> Any:
    """Data with the YAML that `mesh` and `data.mesh` hold in place of its text."""
    opened = dict(data)
    if isinstance(opened.get("mesh"), str | Held):
        opened["mesh"] = held(opened["mesh"])
    if isinstance(opened.get("data"), dict):
        opened["data"] = {key: held(value) if key == "mesh" else value for key, value in opened["data"].items()}
    return opened


def held(value: Any) -> Any:
    if isinstance(value, Held):
        return value.data
    try:
        return yaml.parse(value) if isinstance(value, str) else value
    except yaml.YamlError:
        return value


def places(data: Any, path: Steps = ()) -> Iterator[tuple[Steps, Any]]:
    yield path, data
    for step, value in data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ():
        yield from places(value, (*path, step))


def read(text: str) -> Document:
    loaded = yaml.load(SourceFile("a.yaml", text))
    assert loaded.failures == ()
    (document,) = loaded.documents
    return document


def holder(data: Any, path: Steps) -> Any:
    for step in path[:-1]:
        data = data[step]
    return data


def comments(text: str) -> set[str]:
    return set(re.findall(r"# comment \d+;", text))


def covered(text: str, span: Span, key: Span | None, is_item: bool) -> tuple[int, int]:
    """Offsets of the lines a part is on, from its key or dash on."""
    lines = text.split("\n")
    lines = [f"{line}\n" for line in lines[:-1]] + lines[-1:]
    first = min(span.start_line, key.start_line if key else span.start_line) - 1
    if is_item and not lines[first][: span.start_column - 1].strip():
        first = next(n for n in range(first - 1, -1, -1) if lines[n].lstrip().startswith("-"))
    return sum(map(len, lines[:first])), sum(map(len, lines[: span.end_line]))


class Trial:
    """A document, a place in it, and what becomes of it."""

    def __init__(self, data: Any, seed: int, where: int) -> None:
        self.text = Hand(random.Random(seed)).text(data)
        self.document = read(self.text)
        self.before = plain(data)
        assert plain(self.document.data) == self.before
        found = list(places(self.before))
        self.path, self.value = found[where % len(found)]
        self.at = self.document.at(*self.path)
        self.is_text = self.path in (("mesh",), ("data", "mesh"))

    def check(self, change: Change, meant: Any, deletes: bool) -> str:
        """Applies a change that is meant to lead to some data, and that removes text of its part only, or none."""
        edits = edit.edits([change])
        if meant == self.before:
            assert edits == ()
            return self.text
        assert edits, "it could have been done"
        after = edit.apply(self.text, edits)
        assert plain(read(after).data) == plain(meant)
        lost = [self.text[e.start : e.end] for e in edits]
        assert comments(self.text) - comments(after) <= {c for stretch in lost for c in comments(stretch)}
        is_item = bool(self.at.path) and isinstance(self.at.path[-1], int)
        start, end = covered(self.text, self.at.value, self.at.key, is_item) if deletes else (0, 0)
        assert all(self.keeps(e, start, end) for e in edits), [self.text[e.start : e.end] for e in edits]
        return after

    def keeps(self, found: Edit, start: int, end: int) -> bool:
        """Whether an edit deletes only on the lines of the part, and blanks around them."""
        outside = self.text[found.start : max(found.start, min(start, found.end))]
        outside += self.text[min(found.end, max(end, found.start)) : found.end]
        return not outside.strip()


trials = given(DATA, st.integers(0, 2**32), st.integers(0, 1000), VALUES)
often = settings(max_examples=120, deadline=None)


@often
@trials
def test_put_over_what_is_there(data: Any, seed: int, where: int, value: Any) -> None:
    trial = Trial(data, seed, where)
    if not trial.path or trial.is_text:
        return
    meant = copy.deepcopy(trial.before)
    holder(meant, trial.path)[trial.path[-1]] = value
    after = trial.check(Put(trial.at, value), meant, True)
    assert edit.edits([Put(read(after).at(*trial.path), value)]) == ()


@often
@trials
def test_put_what_is_missing(data: Any, seed: int, where: int, value: Any) -> None:
    trial = Trial(data, seed, where)
    if isinstance(trial.value, dict) or trial.value is None:
        meant = copy.deepcopy(trial.before)
        entries = {**(trial.value or {}), "new": {"deep": value}}
        if trial.path:
            holder(meant, trial.path)[trial.path[-1]] = entries
        else:
            meant = entries
        first = bool(seed % 2)
        after = trial.check(
            Put(trial.document.at(*trial.path, "new", "deep"), value, first), meant, trial.value is None
        )
        assert edit.edits([Put(read(after).at(*trial.path, "new", "deep"), value)]) == ()


@often
@trials
def test_append(data: Any, seed: int, where: int, value: Any) -> None:
    trial = Trial(data, seed, where)
    if trial.path and (isinstance(trial.value, list) or trial.value is None):
        meant = copy.deepcopy(trial.before)
        holder(meant, trial.path)[trial.path[-1]] = [*(trial.value or []), value]
        trial.check(Append(trial.at, value), meant, trial.value is None)


@often
@trials
def test_remove(data: Any, seed: int, where: int, value: Any) -> None:
    trial = Trial(data, seed, where)
    if not trial.path:
        return
    meant, path = copy.deepcopy(trial.before), trial.path
    prune = bool(seed % 2)
    while prune and len(path) > 1 and isinstance(path[-2], str) and len(holder(meant, path)) == 1:
        path = path[:-1]
    del holder(meant, path)[path[-1]]
    trial.at = trial.document.at(*path)
    after = trial.check(Remove(trial.document.at(*trial.path), prune), meant, True)
    if isinstance(trial.path[-1], str):
        assert edit.edits([Remove(read(after).at(*trial.path), prune)]) == ()


@often
@trials
def test_rename(data: Any, seed: int, where: int, value: Any) -> None:
    trial = Trial(data, seed, where)
    if trial.path and isinstance(trial.path[-1], str) and trial.path[-1] not in ("mesh", "data"):
        meant = copy.deepcopy(trial.before)
        around = holder(meant, trial.path)
        around["new"] = around.pop(trial.path[-1])
        trial.check(Rename(trial.at, "new"), meant, True)
