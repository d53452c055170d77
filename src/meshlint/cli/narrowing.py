"""`check --baseline` and `check --since`: which findings of a run are told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import click

from .. import pipeline
from ..config import Config
from ..report.report import Report
from ..rule import catalog
from . import common

if TYPE_CHECKING:
    from ..report.baseline import Baseline
    from ..source.revision import Revision

F = TypeVar("F", bound=Callable[..., Any])


def options(command: F) -> F:
    """The options that say what the findings are compared with."""
    for option in (
        click.option("--since", metavar="REV", help="Only what changed since HEAD left this git revision."),
        click.option("--no-baseline", "baseline", flag_value="", help="Also what the configuration's baseline knows."),
        click.option("--baseline", metavar="FILE", help="Only what this file of meshlint baseline does not know."),
    ):
        command = option(command)
    return command


class Check(NamedTuple):
    """How an input is judged."""

    config: Config
    namespace: str | None
    thresholds: pipeline.Thresholds
    ids: Sequence[str]

    def of(self, given: pipeline.Input) -> Report:
        return pipeline.check(given, self.config, self.thresholds, self.ids)


class Narrowing(NamedTuple):
    """What the findings of a run over some paths are compared with."""

    paths: Sequence[str]
    baseline: Baseline | None
    revision: Revision | None

    def of(self, report: Report, given: pipeline.Input, check: Check) -> Report:
        """The report of an input with only what is new and what changed."""
        if self.baseline:
            from ..report import baseline

            whole = check.config.mesh is None and baseline.reads_all(self.paths, self.baseline)
            report = baseline.compare(report, self.baseline, check.ids, catalog.infos(), whole=whole)
        return _since(report, self.revision, self.paths, given, check) if self.revision else report


def _since(report: Report, revision: Revision, paths: Sequence[str], given: pipeline.Input, check: Check) -> Report:
    from ..report.since import changed
    from ..source.revision import RevisionError

    configuration = check.config.document
    files = (*given.files, configuration.file) if configuration else given.files
    try:
        changes = revision.changes(files, paths)
    except RevisionError as error:
        common.fail(str(error), 2)
    if not changes.before:
        return changed(report, revision, changes, (), None)
    earlier = pipeline.earlier(given, changes.before, changes.reduced, check.config, namespace=check.namespace)
    there = {resource.key for resource in given.resources}
    deleted = tuple(sorted({str(r.id) for r in earlier.resources if r.key not in there}))
    return changed(report, revision, changes, deleted, check.of(earlier) if deleted else None)


def narrowing(config: Config, paths: Sequence[str], baseline: str | None, since: str | None) -> Narrowing:
    """What the command line and the configuration ask for; a file or a revision that is not there ends the run."""
    file = config.baseline if baseline is None else baseline
    known = _baseline(file) if file else None
    return Narrowing(paths, known, None if since is None else _revision(since, paths))


def _baseline(file: str) -> Baseline:
    from ..report import baseline

    try:
        return baseline.read(file)
    except baseline.BaselineError as error:
        common.fail(str(error), 2)


def _revision(name: str, paths: Sequence[str]) -> Revision:
    from ..source import revision

    try:
        return revision.revision(name, paths)
    except revision.RevisionError as error:
        common.fail(str(error), 2)
