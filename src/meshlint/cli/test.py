"""`meshlint test`."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from .. import config as configuration
from .. import pipeline
from ..finding import Audience, Confidence, Finding
from ..report.report import Report, counted
from ..rule import catalog, examples
from ..rule.rule import Rule
from ..source.document import Failure
from . import common


@click.command("test")
@click.argument("folders", nargs=-1, required=True, metavar="DIR...", type=click.Path(exists=True, path_type=Path))
def command(folders: tuple[Path, ...]) -> None:
    """Run the examples of rule folders (a folder with a rule.yaml, or any folder above some)."""
    rules = sorted({path.parent for folder in folders for path in folder.rglob("rule.yaml")})
    if not rules:
        common.fail(f"no rule.yaml in {', '.join(map(str, folders))}", 2)
    failed = 0
    for folder in rules:
        with common.usage_errors():
            outcomes = run(folder)
        for outcome in outcomes:
            click.echo(f"{'FAIL' if outcome.errors else 'ok  '}  {outcome.example}")
            for error in outcome.errors:
                common.say(f"      {error}")
            failed += bool(outcome.errors)
    click.echo(f"{counted(len(rules), 'rule')}, {counted(failed, 'example')} failed", err=True)
    sys.exit(1 if failed else 0)


def run(folder: Path) -> list[examples.Outcome]:
    """What became of a rule.yaml and a README that are not as they should be and of the examples, some with mesh settings that istiod refuses.

    Raises catalog.RuleError.
    """
    path = str(folder)
    complaints = catalog.complaints(catalog.metadata(path))
    outcomes = [examples.Outcome(f"{folder.name}/rule.yaml", tuple(complaints))] if complaints else []
    info = catalog.info(path)
    if catalog.documented(info).readme.partition("\n")[0] != f"# {info.title}":
        outcomes.append(
            examples.Outcome(f"{folder.name}/README.md", (f"its first line is not the title: # {info.title}",))
        )
    rules = [catalog.rule(path)] if os.path.isfile(catalog.checks(info)) else []

    def lint(example: Path, everything: bool) -> tuple[Sequence[Finding], Sequence[Failure]]:
        report = _lint(example, [] if everything else rules, info.id)
        return report.findings, [failure for failure in report.failures if failure.kind != "settings"]

    return [*outcomes, *examples.run(folder, info, lint)]


def _lint(example: Path, rules: Sequence[Rule], id: str) -> Report:
    """The report of some rules at the lowest thresholds; of every rule of meshlint at the default ones where none are given."""
    paths = [str(example)]
    config = configuration.load(paths, None) if example.is_dir() else configuration.Config()
    given = pipeline.read(paths, config)
    lowest = pipeline.Thresholds(Audience.AUDITOR, Confidence.LOW)
    if rules:
        return pipeline.judged(given, config, lowest, rules, [id])
    every = list(catalog.own())
    return pipeline.judged(given, config, pipeline.Thresholds(), catalog.rules(every)[0], every)
