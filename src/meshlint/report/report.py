"""The outcome of a run: what was found, what was left out and why, what could not be checked, what was looked at."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from ..finding import Confidence, Finding, Severity
from ..source.document import Failure, Span
from .identity import Identity


class Suppressed(NamedTuple):
    """A finding that the input asks not to show: the reason it gives, and where (1-based line) it asks."""

    finding: Finding
    reason: str
    file: str
    line: int


class Refused(NamedTuple):
    """A finding whose fix was not applied, and why."""

    finding: Finding
    reason: str


class Fixes(NamedTuple):
    """What fixes came to: how many in how many files, which were not applied, and whether it is written or only shown."""

    applied: int
    files: int
    refused: tuple[Refused, ...]
    written: bool


class Summary(NamedTuple):
    """What was looked at, so that silence is credible.

    `ignored` counts documents that are no Kubernetes objects or of kinds unknown to meshlint; `helm` names templates and
    `patches` kustomizations' patches that were skipped; `variants` has a label for each, so one for an input without collisions;
    `meshes` are those of the configuration; `idle` are sentences, with their place, about patterns of it that fit nothing;
    `assumed` are sentences; `hidden_hint` is the input that would decide most of the hidden findings.
    """

    files: int = 0
    documents: int = 0
    ignored: int = 0
    helm: tuple[str, ...] = ()
    patches: tuple[str, ...] = ()
    resources: int = 0
    variants: tuple[str, ...] = ()
    routes: int = 0
    ports: int = 0
    assumed: tuple[str, ...] = ()
    hidden_hint: str | None = None
    meshes: tuple[str, ...] = ()
    idle: tuple[str, ...] = ()


class Known(NamedTuple):
    """An entry of a baseline: so many findings of one identity and severity."""

    identity: Identity
    severity: Severity
    times: int = 1


class Compared(NamedTuple):
    """What a comparison with a baseline came to.

    `gone` are entries, and how many of each were not found again; `unseen` counts those of which a run over less than the
    baseline's paths (`paths`) cannot tell; `unknown` are ids of rules that are not there.
    """

    file: str
    paths: tuple[str, ...]
    gone: tuple[Known, ...]
    unseen: int
    unknown: tuple[str, ...]


class Since(NamedTuple):
    """What was compared with: a revision as it was given, and the commit that it comes to.

    `deleted` are objects that are not there any more, `came` of the findings came with that alone; `outside` counts files
    that are not in its repository.
    """

    revision: str
    commit: str
    deleted: tuple[str, ...]
    came: int
    outside: int


class Report(NamedTuple):
    """Everything there is to tell.

    `findings` are shown; `hidden` are below the thresholds of confidence or audience, `known` in the baseline, and of
    `unchanged` no place changed since a revision.
    """

    findings: tuple[Finding, ...] = ()
    hidden: tuple[Finding, ...] = ()
    suppressed: tuple[Suppressed, ...] = ()
    superseded: tuple[Finding, ...] = ()
    failures: tuple[Failure, ...] = ()
    summary: Summary = Summary()
    known: tuple[Finding, ...] = ()
    unchanged: tuple[Finding, ...] = ()
    baseline: Compared | None = None
    since: Since | None = None
    fixes: Fixes | None = None


def in_order(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Findings by file, position, rule and message."""
    return tuple(sorted(findings, key=_order))


def worst_first(findings: Sequence[Finding]) -> Iterator[Finding]:
    """By severity, then by confidence, else as they come. Nothing is copied."""
    for severity in sorted(Severity, reverse=True):
        for confidence in sorted(Confidence, reverse=True):
            yield from (f for f in findings if f.severity is severity and f.confidence is confidence)


def hidden_hint(findings: Iterable[Finding]) -> str | None:
    """The missing input that most of some findings name; None where none names any."""
    named = Counter(finding.missing for finding in findings if finding.missing)
    return min(named, key=lambda missing: (-named[missing], missing)) if named else None


def counted(number: int, noun: str, plural: str | None = None) -> str:
    """`1 error`, `2 errors`."""
    return f"{number} {noun if number == 1 or noun == 'info' else plural or f'{noun}s'}"


def found(report: Report) -> str:
    """How much was found of each severity, the worst first."""
    if not report.findings:
        return "Nothing found"
    counts = Counter(finding.severity for finding in report.findings)
    parts = [
        counted(counts[severity], str(severity)) for severity in sorted(Severity, reverse=True) if counts[severity]
    ]
    return f"Found {', '.join(parts)}"


def failing(report: Report, fail_on: Severity | None) -> tuple[Finding, ...]:
    """The shown findings that fail the run: those at or above `fail_on`; None lets every finding pass."""
    return tuple(f for f in report.findings if fail_on is not None and f.severity >= fail_on)


def exit_code(report: Report, fail_on: Severity | None) -> int:
    """3 when something could not be checked, else 1 when a finding fails the run, else 0."""
    if report.failures:
        return 3
    return 1 if failing(report, fail_on) else 0


def _order(finding: Finding) -> tuple[str, Span, str, str]:
    return (*finding.location.order(), finding.rule.id, finding.message)
