"""Baselines: files of findings that are known, so that only new ones are told.

The contract is `schemas/baseline.schema.json`.
"""

from __future__ import annotations

import json
import os
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from ..assets import schema
from ..config import explained
from ..finding import Finding, Severity, Site
from ..source import files, yaml
from ..source.document import Path, SourceFile
from .identity import Identifier, Identity
from .report import Compared, Known, Report, in_order

NAME = "meshlint-baseline.json"
VERSION = 1
_CONFLICT = ("<<<<<<<", "=======", ">>>>>>>")


class BaselineError(Exception):
    """A file that cannot be used as a baseline; the message names it, the line, and what to do."""


class Baseline(NamedTuple):
    """What a file says. `paths` are what was read when it was written, from the file's own folder."""

    file: str
    paths: tuple[str, ...]
    findings: tuple[Known, ...]


def of(findings: Iterable[Finding], paths: Sequence[str], file: str) -> Baseline:
    """The baseline that knows some findings; `paths` are what was read, from the current directory."""
    return Baseline(file, tuple(sorted({_from(file, path) for path in paths})), known(findings))


def known(findings: Iterable[Finding]) -> tuple[Known, ...]:
    """Findings as entries, sorted; equal ones are counted."""
    identifier = Identifier()
    counted = Counter((identity, f.severity) for f in findings for identity in identifier.identities(f))
    return tuple(sorted(Known(identity, severity, times) for (identity, severity), times in counted.items()))


def text(baseline: Baseline) -> str:
    """ASCII, and one line for each entry, so that a diff of two baselines shows what came and went."""
    entries = ",\n".join(f"    {json.dumps(plain(entry))}" for entry in baseline.findings)
    findings = f"[\n{entries}\n  ]" if entries else "[]"
    return f'{{\n  "version": {VERSION},\n  "paths": {json.dumps(baseline.paths)},\n  "findings": {findings}\n}}\n'


def plain(known: Known) -> dict[str, Any]:
    """An entry for JSON."""
    return {**known.identity._asdict(), "severity": str(known.severity), "count": known.times}


def read(file: str) -> Baseline:
    """Raises BaselineError."""
    try:
        with open(file, encoding="utf-8-sig") as opened:
            content = opened.read()
        data = json.loads(content)
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise BaselineError(f"{file}: {reason}; meshlint baseline -o {file} writes one") from None
    except json.JSONDecodeError as error:
        conflict = content.split("\n")[error.lineno - 1].startswith(_CONFLICT)
        what = "a merge conflict, of which all entries may stay" if conflict else f"no JSON ({error.msg})"
        raise _wrong(file, error.lineno, what) from None
    except RecursionError:
        raise _wrong(file, 1, "nested too deeply") from None
    _validate(file, content, data)
    return Baseline(file, tuple(data["paths"]), tuple(map(_known, data["findings"])))


def compare(report: Report, baseline: Baseline, ran: Collection[str], rules: Collection[str], *, whole: bool) -> Report:
    """The report without the findings that a baseline knows.

    A finding is known when all of its sites are, each by an entry of its own, of at least its severity; else it stands at
    the first that is not. Entries are gone only when all that the baseline's run read was read (`whole`), and nothing failed.
    `ran` are the ids of the rules that ran, `rules` of those there are.
    """
    stock = Stock(baseline.findings)
    verdicts = stock.take(report.findings)
    new = [_new(finding, entries) for finding, entries in zip(report.findings, verdicts, strict=True)]
    for others in (report.hidden, [entry.finding for entry in report.suppressed], report.superseded):
        stock.take(others)
    left = [known for known in stock.left() if known.identity.rule in ran]
    told = whole and not report.failures
    compared = Compared(
        baseline.file,
        baseline.paths,
        tuple(left) if told else (),
        0 if told else sum(known.times for known in left),
        tuple(sorted({known.identity.rule for known in baseline.findings} - set(rules))),
    )
    return report._replace(
        findings=in_order(finding for finding in new if finding),
        known=tuple(f for f, still in zip(report.findings, new, strict=True) if still is None),
        baseline=compared,
    )


def _new(finding: Finding, entries: Sequence[tuple[Site, Known | None]]) -> Finding | None:
    """A finding at its first site that is not known; None where there is none."""
    worse = [entry for _, entry in entries if entry and entry.severity < finding.severity]
    unknown = [site for site, entry in entries if entry is None or entry in worse]
    if not unknown:
        return None
    known = len(entries) - len(unknown)
    notes = [
        *(f"the baseline knows it as {worse[0].severity}" for _ in worse[:1]),
        *(f"the baseline knows {known} of the {len(entries)} places it is about" for _ in range(known > 0)),
    ]
    return finding.standing_at(unknown[0])._replace(notes=(*finding.notes, *notes))


class Stock:
    """Findings that are known, and how many each entry still stands for."""

    def __init__(self, findings: Sequence[Known]) -> None:
        self._findings = findings
        self._left = [known.times for known in findings]
        self._identifier = Identifier()
        self._by_path: dict[tuple[str, ...], list[int]] = defaultdict(list)
        for index, (identity, _, _) in enumerate(findings):
            for path in (*identity.moved, identity.place):
                self._by_path[(*identity[:4], path)].append(index)

    def take(self, findings: Sequence[Finding]) -> list[list[tuple[Site, Known | None]]]:
        """For each finding its sites with their entries: content that moved goes before what stands where it did."""
        named = [self._identifier.identities(finding) for finding in findings]
        wanted = [(identity, f.severity) for f, sites in zip(findings, named, strict=True) for identity in sites]
        moved = [self._one(identity, severity, identity.moved) for identity, severity in wanted]
        taken = iter(
            entry or self._one(identity, severity, (identity.place,))
            for entry, (identity, severity) in zip(moved, wanted, strict=True)
        )
        return [[(site, next(taken)) for site in sites.values()] for sites in named]

    def left(self) -> Iterator[Known]:
        """What no finding took."""
        return (known._replace(times=left) for known, left in zip(self._findings, self._left, strict=True) if left)

    def _one(self, identity: Identity, severity: Severity, paths: Iterable[str]) -> Known | None:
        """The entry for one finding, its severity reached if any does."""
        for path in paths:
            indexes = [i for i in self._by_path.get((*identity[:4], path), ()) if self._left[i]]
            if indexes:
                severities = {i: self._findings[i].severity for i in indexes}
                chosen = min(indexes, key=lambda i: (severities[i] < severity, abs(severities[i] - severity)))
                self._left[chosen] -= 1
                return self._findings[chosen]
        return None


def reads_all(paths: Sequence[str], baseline: Baseline) -> bool:
    """Whether the paths have all that was read when the baseline was written."""
    here = os.path.dirname(os.path.abspath(baseline.file))
    given = [path if path == files.STDIN else os.path.abspath(files.plain(path)) for path in paths]
    wanted = [path if path == files.STDIN else os.path.normpath(os.path.join(here, path)) for path in baseline.paths]
    return all(any(path == root or path.startswith(os.path.join(root, "")) for root in given) for path in wanted)


def _from(file: str, path: str) -> str:
    """A path as it is written in a file."""
    if path == files.STDIN:
        return path
    return os.path.relpath(files.plain(path), os.path.dirname(os.path.abspath(file))).replace(os.sep, "/")


def _validate(file: str, content: str, data: Any) -> None:
    import jsonschema

    validator = jsonschema.Draft202012Validator(schema("baseline"))
    error = next(validator.iter_errors(data), None)
    if error is None:
        return
    if list(error.absolute_path) == ["version"]:
        raise _wrong(file, _line(content, ("version",)), f"version {error.instance} is not known to this meshlint")
    below, message = explained(error) if error.absolute_path else ((), error.message)
    raise _wrong(file, _line(content, (*error.absolute_path, *below)), message)


def _line(content: str, path: Path) -> int:
    """Where a part of JSON stands."""
    documents = yaml.load(SourceFile("", content)).documents
    return documents[0].at(*path).span.start_line if documents else 1


def _known(entry: dict[str, Any]) -> Known:
    identity = Identity(*(entry[field] for field in Identity._fields))
    return Known(identity, Severity[entry["severity"].upper()], entry["count"])


def _wrong(file: str, line: int, message: str) -> BaselineError:
    return BaselineError(f"{file}:{line}: {message}; write it anew: meshlint baseline -o {file}")
