"""The report as JSON: the contract is `schemas/report.schema.json`."""

from __future__ import annotations

import json
from typing import Any, TextIO

from .. import __version__
from ..finding import Finding, Fix, Related, ResourceId
from ..source.change import Edit
from ..source.document import Location, Mark, Span
from .baseline import plain
from .fingerprint import fingerprinted
from .report import Compared, Report, Suppressed

VERSION = 1
"""Version of the contract: raised when something that was there changes its meaning or goes."""


def write(report: Report, out: TextIO, *, show_suppressed: bool = False) -> None:
    """Writes ASCII, so that no stream can spoil it and nothing in it can steer a terminal."""
    json.dump(document(report, show_suppressed=show_suppressed), out, indent=2)
    out.write("\n")


def document(report: Report, *, show_suppressed: bool = False) -> dict[str, Any]:
    """The report as plain data; what is suppressed or superseded only on demand."""
    report = fingerprinted(report)
    content: dict[str, Any] = {
        "version": VERSION,
        "meshlint": __version__,
        "summary": _summary(report),
        "findings": [finding(f) for f in report.findings],
        "failures": [{"kind": f.kind, "file": f.file, "line": f.line, "message": f.message} for f in report.failures],
    }
    if report.baseline:
        content["baseline"] = _baseline(report.baseline)
    if report.since:
        content["since"] = report.since._asdict()
    if show_suppressed:
        content["suppressed"] = [_suppressed(entry) for entry in report.suppressed]
        content["superseded"] = [finding(f) for f in report.superseded]
    return content


def finding(found: Finding) -> dict[str, Any]:
    return {
        "rule": found.rule.id,
        "severity": str(found.severity),
        "confidence": str(found.confidence),
        "audience": str(found.audience),
        "message": found.message,
        "location": location(found.location),
        "resource": _resource(found.resource),
        "related": [*map(_related, found.related), *({"message": note, "location": None} for note in found.notes)],
        "equivalents": list(found.rule.equivalents),
        "fingerprint": found.fingerprint,
        "fix": _fix(found.fix),
    }


def _fix(fix: Fix | None) -> dict[str, Any] | None:
    if fix is None:
        return None
    return {"description": fix.description, "safety": str(fix.safety), "edits": [_edit(edit) for edit in fix.edits]}


def _edit(edit: Edit) -> dict[str, Any]:
    return {"file": edit.file.name, **_span(edit.span), "text": edit.text}


def location(place: Location | Mark) -> dict[str, Any]:
    return {"file": place.file, **_span(place.span), "path": place.pointer}


def _span(span: Span) -> dict[str, int]:
    return {
        "startLine": span.start_line,
        "startColumn": span.start_column,
        "endLine": span.end_line,
        "endColumn": span.end_column,
    }


def _related(related: Related) -> dict[str, Any]:
    return {"message": related.message, "location": location(related.location)}


def _resource(resource: ResourceId | None) -> dict[str, Any] | None:
    if resource is None:
        return None
    return {
        "apiVersion": resource.api_version,
        "kind": resource.kind,
        "namespace": resource.namespace or None,
        "name": resource.name,
    }


def _suppressed(entry: Suppressed) -> dict[str, Any]:
    return {"finding": finding(entry.finding), "reason": entry.reason, "file": entry.file, "line": entry.line}


def _baseline(compared: Compared) -> dict[str, Any]:
    return {
        "file": compared.file,
        "gone": [plain(known) for known in compared.gone],
        "unseen": compared.unseen,
        "unknownRules": list(compared.unknown),
    }


def _summary(report: Report) -> dict[str, Any]:
    summary = report.summary
    return {
        "files": summary.files,
        "documents": summary.documents,
        "ignored": summary.ignored,
        "resources": summary.resources,
        "meshes": list(summary.meshes),
        "variants": list(summary.variants),
        "idlePatterns": list(summary.idle),
        "routes": summary.routes,
        "ports": summary.ports,
        "assumed": list(summary.assumed),
        "helmTemplates": list(summary.helm),
        "kustomizePatches": list(summary.patches),
        "findings": len(report.findings),
        "hidden": len(report.hidden),
        "suppressed": len(report.suppressed),
        "superseded": len(report.superseded),
        "known": len(report.known),
        "unchanged": len(report.unchanged),
        "hiddenHint": summary.hidden_hint,
    }
