"""What `meshlint check --fix` writes and `--diff` shows."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from itertools import chain
from typing import NamedTuple

from .. import fixing, pipeline
from ..finding import Finding, Safety, Severity
from ..pipeline import Input
from ..report import diff, text
from ..report.report import Fixes, Report
from ..source import write as writing
from ..source.document import Failure, SourceFile
from . import common
from .narrowing import Check


class Locks:
    """Why files are not edited: nobody would read them, or they cannot be written, which is a failure of a run that does."""

    def __init__(self, writes: bool) -> None:
        self._writes = writes
        self._reasons: dict[str, str | None] = {}
        self.failures: list[Failure] = []

    def reason(self, file: SourceFile) -> str | None:
        if file.name not in self._reasons:
            self._reasons[file.name] = self._found(file)
        return self._reasons[file.name]

    def _found(self, file: SourceFile) -> str | None:
        if reason := fixing.pointless(file):
            return reason
        if not self._writes or not (failure := writing.obstacle(file)):
            return None
        self.failures.append(failure)
        return f"{file.name} cannot be written"


class Run(NamedTuple):
    """What fixes are applied to: an input, all that is found in it, and what of that is not told, so not fixed."""

    given: Input
    report: Report
    untold: tuple[Finding, ...]
    check: Check
    unsafe: bool

    def edited(self, texts: fixing.Texts) -> Input:
        return pipeline.edited(self.given, texts, self.check.config, self.check.namespace)

    def fixed(self, locks: Locks) -> fixing.Fixed:
        safeties = set(Safety) if self.unsafe else {Safety.SAFE}
        try:
            return fixing.fix(
                self.report, lambda texts: self.check.of(self.edited(texts)), self.untold, safeties, locks.reason
            )
        except fixing.EndlessFixes as error:
            common.fail(str(error), 3)

    def changed(self, done: fixing.Fixed) -> list[tuple[SourceFile, str]]:
        """The files that differ, each with its new text."""
        return [(file, new) for file in self.given.files if (new := done.texts.get(file.name, file.text)) != file.text]


class Written(NamedTuple):
    """What remains of an input once fixes are written."""

    given: Input
    report: Report


def write(run: Run) -> Written:
    """Applies fixes and writes the files."""
    locks = Locks(writes=True)
    done = run.fixed(locks)
    changed = run.changed(done)
    unwritten = [failure for file, new in changed if (failure := writing.write(file, new))]
    fixes = Fixes(len(done.findings), len(changed) - len(unwritten), done.refused, True)
    failures = (*done.report.failures, *locks.failures, *unwritten)
    report = done.report._replace(failures=failures, fixes=fixes)
    return Written(run.edited(done.texts), report)


def show(run: Run, root: str, color: str, failing: Severity | None) -> int:
    """Prints what `write` would change, and what there is to say about it.

    The exit code is 3 when something could not be checked, else 1 when there is something to write and findings can fail the
    run, else 0.
    """
    done = run.fixed(Locks(writes=False))
    changed = run.changed(done)
    _print(chain.from_iterable(diff.lines(file, new, root) for file, new in changed), color)
    sys.stdout.flush()
    fixes = Fixes(len(done.findings), len(changed), done.refused, False)
    err = sys.stderr
    printer = text.Printer(err, color=common.wants_color(color, err), width=common.width(err))
    told = fixing.told(done.report, run.untold)
    text.write_fixes(done.report._replace(findings=told, fixes=fixes), printer, unsafe=run.unsafe)
    if done.report.failures:
        return 3
    return 1 if failing and changed else 0


def _print(lines: Iterable[str], color: str) -> None:
    """Byte by byte as `git apply` needs it, or for the eyes of whoever sits before a terminal."""
    out = sys.stdout
    colored = common.wants_color(color, out)
    if colored or out.isatty():
        diff.print_lines(lines, text.Printer(out, color=colored, width=common.width(out)))
        return
    for line in lines:
        out.buffer.write(line.encode("utf-8", "surrogateescape"))
