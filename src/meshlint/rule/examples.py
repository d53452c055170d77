"""Runs the examples of a rule folder: they are its tests and its documentation.

`examples/bad*` must find the rule exactly on the lines that end in `# expect: RULE [SEVERITY] [CONFIDENCE]`,
`examples/good*` nothing of it, and of other rules nothing that a default run fails for: that an example leaves out what
stands around it is only noted. An example is a YAML file, or a folder of them with a `meshlint.yaml` if need be.

The fixes of a bad example, all applied, must leave only the findings that have none. `examples/fixed_X` is what they make of
`examples/bad_X`, to the letter, and the rule finds nothing in it; a rule that describes a fix has at least one.
"""

from __future__ import annotations

import re
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import NamedTuple

from ..finding import Finding, RuleInfo, Severity
from ..source.change import Edit
from ..source.document import Failure
from ..source.edit import Overlap, apply

_EXPECT = re.compile(r"#\s*expect:\s*(?P<rule>[a-z0-9-]+)(?P<axes>(?:\s+(?:error|warning|info|high|medium|low))*)\s*$")

Lint = Callable[[Path, bool], tuple[Sequence[Finding], Sequence[Failure]]]
"""Lints an example: with this rule alone at the lowest thresholds, or (True) with every rule at the defaults."""


class Outcome(NamedTuple):
    """What became of one example; no `errors` = as it should be."""

    example: str
    errors: tuple[str, ...]


class Expectation(NamedTuple):
    """A line that must be found, and the words that must hold of the finding."""

    file: str
    line: int
    axes: tuple[str, ...]


def run(rule: Path, info: RuleInfo, lint: Lint) -> list[Outcome]:
    """Runs every example of a rule folder. That there is none of a sort is an error too."""
    folder = rule / "examples"
    outcomes = []
    for sort, judge in (("bad", _bad), ("good", _good), ("fixed", _fixed)):
        examples = sorted(folder.glob(f"{sort}*"))
        if not examples and (sort != "fixed" or info.fix):
            outcomes.append(Outcome(f"{rule.name}/examples", (f"there is no {sort} example",)))
        for example in examples:
            outcomes.append(Outcome(f"{rule.name}/examples/{example.name}", tuple(judge(example, info.id, lint))))
    return outcomes


def _bad(example: Path, id: str, lint: Lint) -> Iterator[str]:
    expected = list(_expectations(example, id))
    if not expected:
        yield f"no line says `# expect: {id}`"
    findings, failures = lint(example, False)
    yield from map(_failed, failures)
    found = [finding for finding in findings if finding.rule.id == id]
    yield from _unmended(example, found, lint)
    for expectation in expected:
        finding = next((f for f in found if _place(f, example) == (expectation.file, expectation.line)), None)
        where = f"{expectation.file}:{expectation.line}"
        if finding is None:
            yield f"{where}: {id} was expected and not found"
            continue
        found.remove(finding)
        said = {str(finding.severity), str(finding.confidence)}
        for axis in expectation.axes:
            if axis not in said:
                yield f"{where}: {axis} was expected, and it is {finding.severity}, {finding.confidence}"
    for finding in found:
        file, line = _place(finding, example)
        yield f"{file}:{line}: {id} was found and not expected: {finding.message}"


def _good(example: Path, id: str, lint: Lint) -> Iterator[str]:
    alone, failures = lint(example, False)
    together, other_failures = lint(example, True)
    yield from map(_failed, dict.fromkeys((*failures, *other_failures)))
    others = (f for f in together if f.rule.id != id and f.severity > Severity.INFO)
    for finding in [*(f for f in alone if f.rule.id == id), *others]:
        file, line = _place(finding, example)
        yield f"{file}:{line}: {finding.rule.id} was found in a good example: {finding.message}"


def _unmended(example: Path, found: Sequence[Finding], lint: Lint) -> Iterator[str]:
    """What is wrong with an example after the fixes of what was found in it."""
    if not any(finding.fix for finding in found):
        return
    with tempfile.TemporaryDirectory() as folder:
        mended = Path(folder) / example.name
        try:
            for name, text in _mended(example, found).items():
                (mended / name).parent.mkdir(parents=True, exist_ok=True)
                (mended / name).write_bytes(text.encode())
        except Overlap as error:
            yield f"the fixes overlap: {error}"
            return
        left, failures = lint(mended, False)
        yield from map(_failed, failures)
        unfixed = [finding.message for finding in found if not finding.fix]
        for finding in left:
            if finding.rule.id == found[0].rule.id and finding.message not in unfixed:
                file, line = _place(finding, mended)
                yield f"{file}:{line}: {finding.rule.id} was found after the fixes: {finding.message}"


def _fixed(example: Path, id: str, lint: Lint) -> Iterator[str]:
    bad = _twin(example, "bad")
    if not bad.exists():
        yield f"there is no {bad.name}"
        return
    findings, _ = lint(bad, False)
    try:
        wanted = _mended(bad, [finding for finding in findings if finding.rule.id == id])
    except Overlap:
        return
    given = _texts(example)
    for file in sorted(given.keys() | wanted.keys()):
        if difference := _difference(given.get(file, ""), wanted.get(file, "")):
            yield f"{(Path(example.name) / file).as_posix()}:{difference}"
    after, failures = lint(example, False)
    yield from map(_failed, failures)
    for finding in after:
        if finding.rule.id == id:
            file, line = _place(finding, example)
            yield f"{file}:{line}: {id} was found in a fixed example: {finding.message}"


def _twin(example: Path, sort: str) -> Path:
    """The example of another sort that belongs to one."""
    return example.with_name(f"{sort}_{example.name.partition('_')[2]}")


def _mended(example: Path, findings: Iterable[Finding]) -> dict[str, str]:
    """The texts of an example after the fixes of findings. Raises Overlap."""
    by_file: dict[str, set[Edit]] = defaultdict(set)
    for finding in findings:
        for edit in fix.edits if (fix := finding.fix) else ():
            by_file[_relative(edit.file.name, example)].add(edit)
    return {file: apply(text, by_file[file]) for file, text in _texts(example).items()}


def _texts(example: Path) -> dict[str, str]:
    """What is in the files of an example, by their names in it (`.` where it is a file), line ends as they are."""
    files = [file for file in example.rglob("*") if file.is_file()] if example.is_dir() else [example]
    return {_relative(file, example): file.read_bytes().decode("utf-8") for file in files}


def _difference(given: str, wanted: str) -> str | None:
    """The first line in which two texts differ."""
    pairs = zip_longest(given.splitlines(keepends=True), wanted.splitlines(keepends=True))
    for number, (line, other) in enumerate(pairs, 1):
        if line != other:
            return f"{number}: {line!r} is here, and the fixes write {other!r}"
    return None


def _failed(failure: Failure) -> str:
    return f"{failure.file}:{failure.line or 1}: could not be checked: {failure.message}"


def _expectations(example: Path, id: str) -> Iterator[Expectation]:
    for file in sorted(example.rglob("*.y*ml")) if example.is_dir() else [example]:
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
            match = _EXPECT.search(line)
            if match and match["rule"] == id:
                yield Expectation(file.relative_to(example.parent).as_posix(), number, tuple(match["axes"].split()))


def _place(finding: Finding, example: Path) -> tuple[str, int]:
    return (example.name / Path(_relative(finding.location.file, example))).as_posix(), finding.location.span.start_line


def _relative(file: str | Path, example: Path) -> str:
    """A file's name in an example; `.` is the example itself."""
    return Path(file).resolve().relative_to(example.resolve()).as_posix()
