"""Positions cannot rot: every scalar stands where it is said to, every finding points at what its path names."""

from __future__ import annotations

import io
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from meshes import EXAMPLES, ROOT, WHOLE, given, manifests, name, report

from meshlint.finding import Finding
from meshlint.report import sarif
from meshlint.report.fingerprint import fingerprinted
from meshlint.report.report import Report
from meshlint.rule import catalog
from meshlint.source import yaml
from meshlint.source.document import Document, Mark, SourceFile, Span
from meshlint.source.document import Path as Steps
from meshlint.source.scalars import key_of

MESHES = [*WHOLE, *EXAMPLES]
of_every_mesh = pytest.mark.parametrize("mesh", MESHES, ids=name)


@of_every_mesh
def test_every_scalar_and_key_reads_as_its_value(mesh: Path) -> None:
    for file in manifests(mesh):
        text = file.read_text(encoding="utf-8")
        for document in yaml.load(SourceFile(name(file), text, file)).documents:
            for path, value in parts(document.data, ()):
                place = document.at(*path)
                where = f"{name(file)} {place.pointer}"
                if place.found != path:
                    assert is_held_by_a_string(document, path), where
                    continue
                if place.key:
                    assert key_of(yaml.parse(cut(text, place.key))) == path[-1], where
                written = cut(text, place.value)
                if is_scalar(value) and "\n" not in written and not written.startswith("*"):
                    assert yaml.parse(written) == value, where


@of_every_mesh
def test_every_region_is_the_key_or_value_that_the_path_names(mesh: Path) -> None:
    found = report(mesh)
    for finding, result in zip(found.findings, results(found), strict=True):
        place = result["locations"][0]["physicalLocation"]
        region = place["region"]
        text = (ROOT / place["artifactLocation"]["uri"]).read_text(encoding="utf-8")
        assert region["startLine"] == region["endLine"]
        written = cut(text, Span(region["startLine"], region["startColumn"], region["endLine"], region["endColumn"]))
        assert names(written, finding), f"{finding.location.pointer} is not {written!r}"


@pytest.mark.parametrize("mesh", WHOLE, ids=name)
def test_fingerprints_stay_while_lines_move(mesh: Path, tmp_path: Path) -> None:
    moved = tmp_path / "mesh"
    shutil.copytree(mesh, moved)
    for file in manifests(moved):
        file.write_text("\n" * 10 + file.read_text(encoding="utf-8"), encoding="utf-8")
    before, after = fingerprinted(report(mesh)).findings, fingerprinted(report(moved)).findings
    assert [f.fingerprint for f in after] == [f.fingerprint for f in before]
    assert [f.location.span.start_line - 10 for f in after] == [f.location.span.start_line for f in before]


@pytest.mark.parametrize("mesh", WHOLE, ids=name)
def test_fingerprints_tell_findings_apart(mesh: Path) -> None:
    found = [finding.fingerprint for finding in fingerprinted(report(mesh)).findings]
    assert sorted(found) == sorted(set(found))


def parts(value: Any, path: Steps) -> Iterator[tuple[Steps, Any]]:
    """Every part of a document's data, into YAML that a text of several lines holds."""
    yield path, value
    if isinstance(value, dict):
        for key, inside in value.items():
            yield from parts(inside, (*path, key))
    elif isinstance(value, list):
        for index, inside in enumerate(value):
            yield from parts(inside, (*path, index))
    elif isinstance(value, str) and "\n" in value:
        inside = held(value)
        if isinstance(inside, dict | list):
            yield from parts(inside, path)


def held(text: str) -> Any:
    try:
        return yaml.parse(text)
    except yaml.YamlError:
        return None


def is_held_by_a_string(document: Document, path: Steps) -> bool:
    """Whether a path leads into a string that is no literal block, so that its parts have no place of their own."""
    place = document.at(*path)
    data = document.data
    for step in place.found:
        data = data[step]
    return isinstance(data, str) and not cut(document.file.text, place.value).startswith("|")


def is_scalar(value: Any) -> bool:
    return not isinstance(value, dict | list)


def cut(text: str, span: Span) -> str:
    """What a span covers."""
    lines = text.split("\n")[span.start_line - 1 : span.end_line]
    lines[-1] = lines[-1][: span.end_column - 1]
    lines[0] = lines[0][span.start_column - 1 :]
    return "\n".join(lines)


def results(found: Report) -> list[dict[str, Any]]:
    """The results as the SARIF file has them."""
    out = io.StringIO()
    sarif.write(found, out, rules=list(catalog.infos().values()), root=ROOT)
    run: dict[str, Any] = json.loads(out.getvalue())["runs"][0]
    results: list[dict[str, Any]] = run["results"]
    return results


def names(written: str, finding: Finding) -> bool:
    """Whether a text is the key at the end of a finding's path, or its value (of a collection: the start of it)."""
    if isinstance(finding.location, Mark):
        return written.startswith("# meshlint: ignore")
    path = steps(finding.location.pointer)
    value = at(finding.location.document.data, path)
    if path and key_of(yaml.parse(written)) == path[-1]:
        return True
    if is_scalar(value):
        return bool(yaml.parse(written) == value)
    return begins(value, written)


def begins(value: Any, written: str) -> bool:
    """Whether a text is the first line of a collection: its first key, or nothing that the collection does not have."""
    start = yaml.parse(written)
    if isinstance(start, str):
        return bool(start == next(iter(value)))
    if isinstance(value, list):
        return isinstance(start, list) and len(start) <= len(value)
    return isinstance(start, dict) and start.keys() <= value.keys()


def steps(pointer: str) -> Steps:
    """`spec.http[0]['a.b']` as steps, read without the code that wrote it."""
    tokens = re.findall(r"\[(\d+)\]|\['((?:[^'\\]|\\.)*)'\]|([A-Za-z0-9_-]+)", pointer)
    return tuple(int(i) if i else re.sub(r"\\(.)", r"\1", quoted) if quoted else plain for i, quoted, plain in tokens)


def at(data: Any, path: Steps) -> Any:
    for step in path:
        data = (yaml.parse(data) if isinstance(data, str) else data)[step]
    return data


def test_the_meshes_are_there() -> None:
    assert ROOT / "examples" / "ai-inference" in WHOLE
    assert all(given(mesh).resources for mesh in WHOLE)
