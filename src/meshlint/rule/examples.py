"""Runs the examples of a rule folder: they are its tests and its documentation.

`examples/bad*` must find the rule exactly on the lines that end in `# expect: RULE [SEVERITY] [CONFIDENCE]`,
`examples/good*` nothing at all. An example is a YAML file, or a folder of them with a `meshlint.yaml` if need be.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from ..finding import Finding
from ..source.document import Failure

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


def run(rule: Path, id: str, lint: Lint) -> list[Outcome]:
    """Runs every example of a rule folder. That there is none of a sort is an error too."""
    folder = rule / "examples"
    outcomes = []
    for sort in ("bad", "good"):
        examples = sorted(folder.glob(f"{sort}*"))
        if not examples:
            outcomes.append(Outcome(f"{rule.name}/examples", (f"there is no {sort} example",)))
        for example in examples:
            errors = _bad(example, id, lint) if sort == "bad" else _good(example, id, lint)
            outcomes.append(Outcome(f"{rule.name}/examples/{example.name}", tuple(errors)))
    return outcomes


def _bad(example: Path, id: str, lint: Lint) -> Iterator[str]:
    expected = list(_expectations(example, id))
    if not expected:
        yield f"no line says `# expect: {id}`"
    findings, failures = lint(example, False)
    yield from map(_failed, failures)
    found = [finding for finding in findings if finding.rule.id == id]
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
    for finding in [*(f for f in alone if f.rule.id == id), *(f for f in together if f.rule.id != id)]:
        file, line = _place(finding, example)
        yield f"{file}:{line}: {finding.rule.id} was found in a good example: {finding.message}"


def _failed(failure: Failure) -> str:
    return f"{failure.file}:{failure.line or 1}: could not be checked: {failure.message}"


def _expectations(example: Path, id: str) -> Iterator[Expectation]:
    for file in sorted(example.rglob("*.y*ml")) if example.is_dir() else [example]:
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
            match = _EXPECT.search(line)
            if match and match["rule"] == id:
                yield Expectation(file.relative_to(example.parent).as_posix(), number, tuple(match["axes"].split()))


def _place(finding: Finding, example: Path) -> tuple[str, int]:
    file = Path(finding.location.file).resolve().relative_to(example.parent.resolve())
    return file.as_posix(), finding.location.span.start_line
