"""The report as SARIF 2.1.0, for code scanning.

Built from sarif-om's classes and walked here: the serialiser that goes with them leaves out every value that equals a
default, `level: warning` among them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, TextIO
from urllib.parse import quote

import sarif_om as om

from .. import __version__
from ..finding import Confidence, Finding, Fix, RuleInfo, Severity
from ..source.change import Edit
from ..source.document import Failure, Location, Mark, Span
from .fingerprint import fingerprinted, line_hashes
from .paths import STDIN, Paths
from .printable import printable
from .report import Report, Suppressed
from .stream import dump

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
HOME = "https://github.com/meshlint/meshlint"
ROOT = "%SRCROOT%"

MOST = 25_000
"""Results of a run that GitHub takes; it shows the 5,000 worst."""

_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "note"}
_SECURITY = {Severity.ERROR: "8.0", Severity.WARNING: "5.5", Severity.INFO: "2.0"}
_PROBLEM = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "recommendation"}
_PRECISION = {Confidence.HIGH: "high", Confidence.MEDIUM: "medium", Confidence.LOW: "low"}


def write(report: Report, out: TextIO, *, rules: Sequence[RuleInfo], root: str, show_suppressed: bool = False) -> None:
    """Writes one run. `rules` are those that ran; `root` is where URIs are relative to, the root of the repository.

    It is ASCII, so that no stream can spoil it.
    """
    report = fingerprinted(report)
    writer = _Writer(rules, root, "new" if report.baseline else None)
    aside = report.suppressed if show_suppressed else ()
    run = om.Run(
        tool=om.Tool(driver=writer.driver()),
        results=chain(map(writer.result, report.findings), map(writer.suppressed, aside)),
        column_kind="unicodeCodePoints",
        original_uri_base_ids={ROOT: om.ArtifactLocation(description=om.Message(text="The root of the repository"))},
        invocations=[writer.invocation(report.failures)],
    )
    dump(plain(om.SarifLog(version="2.1.0", schema_uri=SCHEMA, runs=iter([run]))), out)
    out.write("\n")


def beyond(report: Report) -> Iterator[str]:
    """What GitHub will refuse of the report, in a sentence."""
    if len(report.findings) > MOST:
        yield (
            f"GitHub code scanning refuses a run of more than {MOST:,} results, and these are {len(report.findings):,}: "
            "narrow it with --select, --audience or a baseline."
        )


def plain(value: Any) -> Any:
    """An object of sarif-om as JSON data; None and the -1 that stands for "not given" are left out.

    An iterator stays one.
    """
    if isinstance(value, Iterator):
        return map(plain, value)
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    fields = getattr(type(value), "__attrs_attrs__", None)
    if fields is None:
        return value
    entries = ((field.metadata["schema_property_name"], getattr(value, field.name)) for field in fields)
    return {name: plain(item) for name, item in entries if item is not None and not _is_unset(item)}


def _is_unset(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value == -1


class _Writer:
    def __init__(self, rules: Sequence[RuleInfo], root: str, state: str | None) -> None:
        self._rules = rules
        self._state = state
        self._index = {rule.id: index for index, rule in enumerate(rules)}
        self._paths = Paths(root)
        self._hashed: tuple[str, list[str]] = ("", [])

    def driver(self) -> Any:
        return om.ToolComponent(
            name="meshlint",
            full_name=f"meshlint {__version__}",
            version=__version__,
            semantic_version=__version__,
            information_uri=HOME,
            rules=[_rule(rule) for rule in self._rules],
        )

    def result(self, finding: Finding) -> Any:
        related = [self._location(r.location, r.message or "see also") for r in finding.related]
        notes = [om.Location(message=om.Message(text=_plain_text(note))) for note in finding.notes]
        for index, location in enumerate([*related, *notes], 1):
            location.id = index
        return om.Result(
            rule_id=finding.rule.id,
            rule_index=self._index[finding.rule.id],
            level=_LEVELS[finding.severity],
            kind="fail",
            baseline_state=self._state,
            message=om.Message(text=_linked(finding)),
            locations=[self._located(finding)],
            related_locations=[*related, *notes] or None,
            fixes=[self._fix(fix)] if (fix := finding.fix) else None,
            partial_fingerprints={
                "primaryLocationLineHash": self._line_hash(finding.location),
                "meshlint/v1": finding.fingerprint,
            },
            properties={"confidence": str(finding.confidence), "audience": str(finding.audience)},
        )

    def suppressed(self, entry: Suppressed) -> Any:
        result = self.result(entry.finding)
        result.suppressions = [om.Suppression(kind="inSource", justification=printable(entry.reason) or None)]
        result.suppressions[0].state = None
        return result

    def invocation(self, failures: Sequence[Failure]) -> Any:
        notifications = [
            om.Notification(
                level="error",
                message=om.Message(text=_plain_text(failure.message)),
                descriptor=om.ReportingDescriptorReference(id=failure.kind),
                locations=None if failure.kind == "rule" else [self._file(failure)],
            )
            for failure in failures
        ]
        return om.Invocation(execution_successful=not failures, tool_execution_notifications=notifications or None)

    def _located(self, finding: Finding) -> Any:
        location = self._location(finding.location, None)
        path = finding.location.pointer
        if finding.resource:
            name = _plain_text(str(finding.resource))
            location.logical_locations = [om.LogicalLocation(fully_qualified_name=f"{name} {path}".strip())]
        return location

    def _location(self, place: Location | Mark, message: str | None) -> Any:
        physical = om.PhysicalLocation(artifact_location=self._artifact(place.file), region=_region(place.span))
        return om.Location(
            physical_location=physical, message=om.Message(text=_plain_text(message)) if message else None
        )

    def _fix(self, fix: Fix) -> Any:
        by_file: dict[str, list[Edit]] = {}
        for edit in fix.edits:
            by_file.setdefault(edit.file.name, []).append(edit)
        return om.Fix(
            description=om.Message(text=_plain_text(str(fix))),
            artifact_changes=[
                om.ArtifactChange(artifact_location=self._artifact(file), replacements=[_replacement(e) for e in edits])
                for file, edits in by_file.items()
            ],
            properties={"safety": str(fix.safety)},
        )

    def _file(self, failure: Failure) -> Any:
        region = om.Region(start_line=failure.line) if failure.line else None
        return om.Location(
            physical_location=om.PhysicalLocation(artifact_location=self._artifact(failure.file), region=region)
        )

    def _artifact(self, file: str) -> Any:
        """Relative to the root of the repository; a file outside it has its own, absolute URI."""
        path = self._paths.relative(file)
        if path is not None:
            return om.ArtifactLocation(uri=quote(path, errors="surrogateescape"), uri_base_id=ROOT)
        return om.ArtifactLocation(uri="stdin" if file == STDIN else Path(file).resolve().as_uri())

    def _line_hash(self, place: Location | Mark) -> str:
        """Results come by file, so the hashes of one file are kept."""
        if self._hashed[0] != place.file:
            self._hashed = (place.file, line_hashes(place.source.text))
        return self._hashed[1][place.span.start_line - 1]


def _region(span: Span) -> Any:
    return om.Region(
        start_line=span.start_line,
        start_column=span.start_column,
        end_line=span.end_line,
        end_column=span.end_column,
    )


def _replacement(edit: Edit) -> Any:
    content = om.ArtifactContent(text=edit.text) if edit.text else None
    return om.Replacement(deleted_region=_region(edit.span), inserted_content=content)


def _linked(finding: Finding) -> str:
    """The message with a link to every related place: GitHub shows only those that the message links."""
    links = [f"[{_plain_text(r.message) or 'see also'}]({index})" for index, r in enumerate(finding.related, 1)]
    return "\n".join([_plain_text(finding.message), *(f"- {link}" for link in links)])


def _rule(rule: RuleInfo) -> Any:
    properties: dict[str, Any] = {
        "precision": _PRECISION[rule.confidence],
        "tags": [rule.category, *rule.meshes, *(["security"] if rule.security else [])],
    }
    if rule.security:
        properties["security-severity"] = _SECURITY[rule.severity]
    else:
        properties["problem.severity"] = _PROBLEM[rule.severity]
    if rule.plugin:
        properties["plugin"] = rule.plugin
    help_text = rule.readme or rule.remediation
    return om.ReportingDescriptor(
        id=rule.id,
        name=rule.title,
        short_description=om.MultiformatMessageString(text=rule.title),
        full_description=om.MultiformatMessageString(text=f"{rule.title}. {rule.remediation}"[:1000]),
        help=om.MultiformatMessageString(text=help_text, markdown=help_text),
        default_configuration=om.ReportingConfiguration(level=_LEVELS[rule.severity]),
        properties=properties,
    )


def _plain_text(text: str) -> str:
    """Text for a message: nothing that steers a terminal, no links (SARIF 3.11.6) but those made here."""
    return printable(text).replace("\\", "\\\\").replace("[", "\\[").replace("]", "\\]")
