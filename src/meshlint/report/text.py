"""The report for people, in the manner of compilers: the line, a caret under the exact span, the reasons, the remedy."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, TextIO

from ..finding import Confidence, Finding, Safety
from ..source.document import Location, Mark
from .excerpt import excerpt
from .printable import logged, printable
from .report import Compared, Fixes, Known, Report, Since, counted, found
from .statistics import rows

Styled = tuple[str, str]
"""Text and its style: a severity, "place", "gutter", "bold" or nothing."""

SHOWN = 3
"""After so many findings of one rule and cause, or names of one sort, the rest is only counted."""

REASONS = 5
LISTED = 20
"""Entries of a baseline that are gone, and reasons not to fix, that are listed."""

_STYLES = {
    "error": "bold red",
    "warning": "bold yellow",
    "info": "bold cyan",
    "place": "blue",
    "gutter": "blue",
    "bold": "bold",
    "added": "green",
}
_FAILED = {"settings": "refused by istiod", "write": "not written"}


class Printer:
    """Writes styled lines; only with colour is rich needed."""

    def __init__(self, out: TextIO, *, color: bool, width: int) -> None:
        self._out = out
        self._console = _console(out) if color else None
        self.width = max(width, 40)

    def line(self, *parts: Styled) -> None:
        """Writes one line; nothing in it can steer a terminal, nor a runner that reads the log."""
        told = [(printable(text), style) for text, style in parts if text]
        safe = [(logged(text, first=index == 0), style) for index, (text, style) in enumerate(told)]
        if self._console is None:
            self._out.write("".join(text for text, _ in safe).rstrip() + "\n")
            return
        from rich.text import Text

        self._console.print(Text.assemble(*((text, _STYLES.get(style, "")) for text, style in safe)))


def _console(out: TextIO) -> Any:
    """A console that obeys its caller, not the environment."""
    from rich.console import Console

    return Console(
        file=out, force_terminal=True, color_system="standard", no_color=False, highlight=False, soft_wrap=True
    )


def write_findings(report: Report, printer: Printer, *, show_suppressed: bool = False) -> None:
    """Every finding in full, until a rule and cause repeat."""
    alike: dict[tuple[str, str], list[Finding]] = {}
    for finding in report.findings:
        group = alike.setdefault((finding.rule.id, finding.cause), [])
        group.append(finding)
        if len(group) <= SHOWN:
            _full(finding, printer)
    for group in alike.values():
        _rest(group[SHOWN:], printer)
    if show_suppressed:
        _set_aside(report, printer)


def _rest(findings: Sequence[Finding], printer: Printer) -> None:
    """How many more there are of a rule and cause, and where the first of them stand."""
    if not findings:
        return
    places = [_place(finding.location) for finding in findings]
    where = ", ".join([*places[:SHOWN], *(["…"] if len(places) > SHOWN else [])])
    _wrapped(printer, (f"… and {len(findings)} more like this ", "bold"), f"[{findings[0].rule.id}]: {where}")
    printer.line()


def _set_aside(report: Report, printer: Printer) -> None:
    for entry in report.suppressed:
        said = f"{entry.reason or 'no reason given'} ({entry.file}:{entry.line})"
        _wrapped(printer, (f"suppressed[{entry.finding.rule.id}]: ", "bold"), said)
        printer.line((f"  --> {_place(entry.finding.location)}", "place"))
    for finding in report.superseded:
        _wrapped(printer, (f"superseded[{finding.rule.id}]: ", "bold"), finding.message)
        printer.line((f"  --> {_place(finding.location)}", "place"))


def write_concise(report: Report, printer: Printer) -> None:
    """One line per finding."""
    for finding in report.findings:
        printer.line(
            (f"{_place(finding.location)}: ", "place"),
            (str(finding.severity), str(finding.severity)),
            (f"[{finding.rule.id}] {finding.message}", ""),
        )


def write_statistics(report: Report, printer: Printer) -> None:
    """A line for each rule: how often it was found, how bad the worst is, how many have a fix."""
    table = [
        (str(row.findings), str(row.severity), row.rule.id, f"{row.fixable or '-'}", row.rule.title)
        for row in rows(report)
    ]
    if not table:
        return
    heads = ("FINDINGS", "SEVERITY", "RULE", "FIXABLE", "TITLE")
    widths = [max(len(line[column]) for line in (heads, *table)) for column in range(len(heads) - 1)]
    for number, (findings, severity, rule, fixable, title) in enumerate((heads, *table)):
        style = severity if number else "bold"
        printer.line(
            (f"{findings:>{widths[0]}}  ", "bold"),
            (f"{severity:{widths[1]}}  ", style),
            (f"{rule:{widths[2]}}  {fixable:>{widths[3]}}  {title}", "" if number else "bold"),
        )


def write_summary(
    report: Report, printer: Printer, *, paths: str = ".", notes: Sequence[str] = (), unsafe: bool = False
) -> None:
    """What was looked at, assumed, hidden, refused and not checked, notes, and what to do next (`paths` as a shell wants them).

    `unsafe`: unsafe fixes are wanted, too.
    """
    _failures(report, printer)
    for text in (*_sentences(report, paths), *_fixes(report, unsafe), *notes):
        for paragraph in text.split("\n"):
            _wrapped(printer, ("", ""), paragraph)
    printer.line(("Next: ", "bold"), (_next(report, paths), ""))


def write_fixes(report: Report, printer: Printer, *, unsafe: bool) -> None:
    """What fixes come to, and what could not be checked."""
    _failures(report, printer)
    for text in _fixes(report, unsafe):
        _wrapped(printer, ("", ""), text)


def _failures(report: Report, printer: Printer) -> None:
    for failure in report.failures:
        what = _FAILED.get(failure.kind, "not checked")
        _wrapped(printer, (f"{what}: ", "error"), f"{failure.place}: {failure.message}")


def _sentences(report: Report, paths: str) -> Iterator[str]:
    summary = report.summary
    ignored = f" ({summary.ignored} of them nothing that meshlint reads)" if summary.ignored else ""
    looked = [counted(summary.resources, "resource"), counted(summary.routes, "route"), counted(summary.ports, "port")]
    yield f"Checked {counted(summary.files, 'file')}, {counted(summary.documents, 'document')}{ignored}: {', '.join(looked)}."
    if summary.meshes:
        yield f"Checked as {counted(len(summary.meshes), 'mesh', 'meshes')}: {', '.join(summary.meshes)}."
    if len(summary.variants) > max(1, len(summary.meshes)):
        labels = "; ".join(summary.variants[:SHOWN]) + ("; …" if len(summary.variants) > SHOWN else "")
        yield f"The same objects are defined differently, so {len(summary.variants)} variants were checked: {labels}."
    yield from (f"{text}." for text in summary.idle)
    if summary.assumed:
        assumed = [line.rstrip(".") for line in summary.assumed[: 2 * SHOWN]]
        more = len(summary.assumed) - len(assumed)
        yield f"Assumed: {'; '.join(assumed)}{f'; and {more} more (--format json lists them)' if more else ''}."
    if summary.helm:
        yield f"Skipped {_named(summary.helm, 'Helm template')};\nrender them: helm template … | meshlint check -"
    if summary.patches:
        patches = _named(summary.patches, "patch", "patches")
        yield f"Skipped {patches} of kustomizations;\napply them: kustomize build … | meshlint check -"
    yield f"{found(report)}{_elsewhere(report)}{_left_out(report)}."
    if report.since:
        yield from _since(report.since)
    if report.baseline:
        yield from _baseline(report.baseline, bool(report.failures), paths)
    if report.hidden:
        hint = f"; {summary.hidden_hint} would decide most of them" if summary.hidden_hint else ""
        yield f"{len(report.hidden)} more hidden, of lower confidence or for another audience{hint}."


def _named(names: Sequence[str], noun: str, plural: str | None = None) -> str:
    """How many there are, and the first of them."""
    return f"{counted(len(names), noun, plural)} ({', '.join(names[:SHOWN])}{', …' if len(names) > SHOWN else ''})"


def _fixes(report: Report, unsafe: bool) -> Iterator[str]:
    """What was fixed, what was not and why, and what could be."""
    counts = Counter(fix.safety for finding in report.findings if (fix := finding.described_fix))
    safe, others = counts[Safety.SAFE], counts[Safety.UNSAFE]
    if done := report.fixes:
        did = f"{counted(done.applied, 'finding')} in {counted(done.files, 'file')}" if done.applied else "nothing"
        yield f"{'Fixed' if done.written else '--fix would mend'} {did}."
        yield from _refused(done)
        if others and not unsafe:
            more = " more" if done.applied else ""
            yield f"{others}{more} can be fixed with --unsafe-fixes, which changes what the mesh does."
    elif unsafe and counts:
        yield f"Fixable: {safe + others} with --fix --unsafe-fixes (--diff shows the edits)."
    elif counts:
        parts = [f"{safe} with --fix" if safe else "", f"{others} with --fix --unsafe-fixes" if others else ""]
        yield f"Fixable: {', '.join(filter(None, parts))} (--diff shows the edits)."


def _refused(fixes: Fixes) -> Iterator[str]:
    """Each reason once, with the first finding that it is about."""
    by_reason: dict[str, list[Finding]] = {}
    for refused in fixes.refused:
        by_reason.setdefault(refused.reason, []).append(refused.finding)
    for reason, (first, *others) in islice(by_reason.items(), LISTED):
        more = f" and {len(others)} more" if others else ""
        yield f"Not fixed: {first.rule.id} at {_place(first.location)}{more}: {reason}."
    if rest := sum(map(len, islice(by_reason.values(), LISTED, None))):
        yield f"Not fixed for reasons of their own: {rest} more."


def _elsewhere(report: Report) -> str:
    parts = [
        f"{len(report.known)} known (baseline)" if report.known else "",
        f"{len(report.unchanged)} unchanged since {report.since.revision}" if report.since and report.unchanged else "",
    ]
    return "".join(f"; {part}" for part in parts if part)


def _since(since: Since) -> Iterator[str]:
    if since.deleted:
        came = f"; {counted(since.came, 'finding')} came with that" if since.came else "; no finding came with that"
        yield f"Deleted since {since.revision}: {_some(since.deleted)}{came}."
    if since.outside:
        yield f"{counted(since.outside, 'file')} outside the repository: taken as unchanged."


def _baseline(compared: Compared, failed: bool, paths: str) -> Iterator[str]:
    import shlex

    if compared.unseen:
        run = "a run without failures" if failed else f"a run over {_some(compared.paths)}"
        whether = "it is" if compared.unseen == 1 else "they are"
        yield f"{counted(compared.unseen, 'known finding')} not seen: {run} tells whether {whether} gone."
    if compared.gone:
        number = sum(known.times for known in compared.gone)
        more = len(compared.gone) - LISTED
        rest = [f"and {more} more (--format json lists them)"] if more > 0 else []
        head = f"{counted(number, 'known finding')} {'is' if number == 1 else 'are'} gone:"
        yield "\n- ".join([head, *map(_gone, compared.gone[:LISTED]), *rest])
    if compared.unknown:
        yield f"The baseline names rules that are not there: {_some(compared.unknown)}."
    if (compared.gone or compared.unknown) and not compared.unseen:
        yield f"Renew the baseline: meshlint baseline -o {shlex.quote(compared.file)} {paths}"


def _gone(known: Known) -> str:
    return f"{known.identity}{f' ({known.times} times)' if known.times > 1 else ''}"


def _some(names: Sequence[str]) -> str:
    return ", ".join([*names[:SHOWN], *([f"and {len(names) - SHOWN} more"] if len(names) > SHOWN else [])])


def _left_out(report: Report) -> str:
    parts = [
        f"{len(report.suppressed)} suppressed" if report.suppressed else "",
        f"{len(report.superseded)} superseded by another" if report.superseded else "",
    ]
    text = ", ".join(part for part in parts if part)
    return f" ({text}: --show-suppressed lists them)" if text else ""


def _next(report: Report, paths: str) -> str:
    if report.findings:
        worst = max(report.findings, key=lambda f: (f.severity, f.confidence))
        return f"meshlint explain {worst.rule.id}"
    if report.hidden:
        return f"meshlint check --min-confidence low --audience auditor {paths}"
    return f"meshlint show ports {paths}"


def _full(finding: Finding, printer: Printer) -> None:
    severity = str(finding.severity)
    _wrapped(printer, (f"{severity}[{finding.rule.id}]: ", severity), finding.message)
    _heading(finding, printer)
    _snippet(finding.location, "^", severity, printer)
    for related in finding.related[:REASONS]:
        _wrapped(printer, ("note: ", "bold"), related.message or "see also")
        printer.line((f"  --> {_place(related.location)}", "place"))
        _snippet(related.location, "-", "gutter", printer)
    more = len(finding.related) - REASONS
    if more > 0:
        _equals(printer, f"note: and {counted(more, 'more place')} (--format json lists them all)")
    for note in finding.notes:
        _equals(printer, f"note: {note}")
    if finding.confidence < Confidence.HIGH:
        decides = f"; {finding.missing} would decide it" if finding.missing else ""
        _equals(printer, f"confidence: {finding.confidence}{decides}")
    _equals(printer, f"help: {finding.rule.remediation}")
    if fix := finding.fix:
        _equals(printer, f"fix: {fix}")
    printer.line()


def _equals(printer: Printer, text: str) -> None:
    """What belongs to a finding and has no place."""
    _wrapped(printer, ("   = ", "gutter"), text)


def _heading(finding: Finding, printer: Printer) -> None:
    """The place, and the object and path on the same line where there is room."""
    arrow = f"  --> {_place(finding.location)}"
    named = [part for part in (str(finding.resource or ""), finding.location.pointer) if part]
    within = printable("  ".join(named))
    if not within or len(arrow) + 2 + len(within) <= printer.width:
        printer.line((arrow, "place"), (f"  {within}", ""))
        return
    printer.line((arrow, "place"))
    for part in [within] if len(within) + 6 <= printer.width else named:
        printer.line((f"      {part}", ""))


def _place(location: Location | Mark) -> str:
    return f"{location.file}:{location.span.start_line}:{location.span.start_column}"


def _snippet(location: Location | Mark, mark: str, style: str, printer: Printer) -> None:
    span = location.span
    number = str(span.start_line)
    blank = " " * len(number)
    line = _source_line(location)
    shown, column, cells = excerpt(line, span.start_column - 1, span.end_column - 1, printer.width - len(number) - 3)
    printer.line((f"{blank} |", "gutter"))
    printer.line((f"{number} | ", "gutter"), (shown, ""))
    printer.line((f"{blank} | ", "gutter"), (" " * column, ""), (mark * cells, style))


def _source_line(location: Location | Mark) -> str:
    text = location.source.text
    start = 0
    for _ in range(location.span.start_line - 1):
        start = text.index("\n", start) + 1
    end = text.find("\n", start)
    return text[start : end if end >= 0 else len(text)].rstrip("\r")


def _wrapped(printer: Printer, head: Styled, text: str) -> None:
    """A paragraph that begins with a styled head; later lines are indented below it.

    Escapes are made before the lines, so that they fit; line ends of the text are spaces.
    """
    first, _ = head
    lines = textwrap.wrap(
        printable(" ".join(text.split())),
        printer.width,
        initial_indent=" " * len(first),
        subsequent_indent=" " * (5 if first.strip() == "=" else 2 if first else 0),
        break_long_words=False,
        break_on_hyphens=False,
    )
    printer.line(head, (lines[0][len(first) :] if lines else "", ""))
    for line in lines[1:]:
        printer.line((line, ""))
