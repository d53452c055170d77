"""A report as plain data, in the words of `schemas/report.schema.json`."""

from __future__ import annotations

from typing import Any

from ..finding import Finding, Fix, Related, ResourceId
from ..source.change import Edit
from ..source.document import Failure, Location, Mark, Span
from .baseline import plain
from .report import Compared, Report, Since, Suppressed
from .statistics import Row

VERSION = 1
"""Version of the contract: raised when something that was there changes its meaning or goes."""


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


def suppressed(entry: Suppressed) -> dict[str, Any]:
    return {"finding": finding(entry.finding), "reason": entry.reason, "file": entry.file, "line": entry.line}


def summary(report: Report) -> dict[str, Any]:
    told = report.summary
    return {
        "files": told.files,
        "documents": told.documents,
        "ignored": told.ignored,
        "resources": told.resources,
        "meshes": list(told.meshes),
        "variants": list(told.variants),
        "idlePatterns": list(told.idle),
        "routes": told.routes,
        "ports": told.ports,
        "assumed": list(told.assumed),
        "helmTemplates": list(told.helm),
        "kustomizePatches": list(told.patches),
        "findings": len(report.findings),
        "hidden": len(report.hidden),
        "suppressed": len(report.suppressed),
        "superseded": len(report.superseded),
        "known": len(report.known),
        "unchanged": len(report.unchanged),
        "hiddenHint": told.hidden_hint,
    }


def failure(failed: Failure) -> dict[str, Any]:
    return {"kind": failed.kind, "file": failed.file, "line": failed.line, "message": failed.message}


def baseline(compared: Compared) -> dict[str, Any]:
    return {
        "file": compared.file,
        "gone": [plain(known) for known in compared.gone],
        "unseen": compared.unseen,
        "unknownRules": list(compared.unknown),
    }


def since(compared: Since) -> dict[str, Any]:
    return compared._asdict()


def statistics(row: Row) -> dict[str, Any]:
    return {
        "rule": row.rule.id,
        "title": row.rule.title,
        "severity": str(row.severity),
        "findings": row.findings,
        "fixable": row.fixable,
    }
