"""`meshlint check`."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click

from .. import pipeline
from ..config import Config
from ..config.schema import DEFAULTS, LEVELS
from ..finding import Severity
from ..report.report import Report, counted, exit_code
from ..rule import catalog
from ..source.files import STDIN
from . import common, narrowing
from .output import Output, Telling, destinations, output_options, root


@click.command("check")
@common.input_options
@output_options
@common.judging_options
@click.option(
    "--fail-on",
    type=click.Choice(LEVELS["fail-on"]),
    help=f"Severity from which on a finding makes the exit code 1. {common.default('fail-on')}",
)
@narrowing.options
@click.option("--fix", is_flag=True, help="Mend what has a safe fix, and report what remains.")
@click.option("--unsafe-fixes", is_flag=True, help="Mend also what changes the effective policy.")
@click.option("--diff", is_flag=True, help="Show what --fix would change, and write nothing.")
@click.option("--exit-zero", is_flag=True, help="Findings never fail the run.")
@click.option("--allow-empty", is_flag=True, help="An input without any mesh resource is no error.")
@click.option("--show-suppressed", is_flag=True, help="Report what is suppressed or superseded, too.")
@click.option("--color", type=click.Choice(["auto", "always", "never"]), default="auto", show_default=True)
def command(
    paths: tuple[str, ...],
    namespace: str | None,
    config_file: str | None,
    isolated: bool,
    mesh: str | None,
    world: str | None,
    formats: tuple[Output, ...],
    output: str | None,
    statistics: bool,
    select: tuple[str, ...],
    extend_select: tuple[str, ...],
    ignore: tuple[str, ...],
    audience: str | None,
    min_confidence: str | None,
    fail_on: str | None,
    baseline: str | None,
    since: str | None,
    fix: bool,
    unsafe_fixes: bool,
    diff: bool,
    exit_zero: bool,
    allow_empty: bool,
    show_suppressed: bool,
    color: str,
) -> None:
    """Lint manifests: files, directories, globs, and - for stdin (default: the current directory).

    Exit code: 0 clean, 1 findings that fail the run, 2 wrong usage or nothing to check, 3 something could not be checked.
    """
    paths = paths or (".",)
    if fix or diff:
        _can_fix(paths, diff and bool(formats or output or statistics))
    outputs = destinations(formats, output, statistics)
    with common.usage_errors():
        config = common.load_config(paths, config_file, isolated, world, mesh)
        ids = chosen(config, select, extend_select, ignore)
        narrow = narrowing.narrowing(config, paths, baseline, since)
        given = common.read(paths, config, namespace)
        thresholds = common.thresholds(config, audience, min_confidence)
        check = narrowing.Check(config, namespace, thresholds, ids)
        whole = check.of(given)
        report = narrow.of(whole, given, check)
    fail_on = fail_on or config.fail_on or DEFAULTS["fail-on"]
    failing = None if exit_zero or fail_on == "never" else Severity[fail_on.upper()]
    if fix or diff:
        from . import fixes

        run = fixes.Run(given, whole, (*report.known, *report.unchanged), check, unsafe_fixes)
        if diff:
            sys.exit(fixes.show(run, root(), color, failing))
        given, remaining = fixes.write(run)
        report = narrow.of(remaining, given, check)
    notes = Telling(report, ids, color, show_suppressed, statistics).write(outputs)
    _summarise(report, notes, paths, color, unsafe_fixes)
    code = exit_code(report, failing)
    if given.is_empty and not allow_empty and not report.findings and not report.failures:
        common.fail(nothing(given, config), 2)
    sys.exit(code)


def _can_fix(paths: tuple[str, ...], writes_findings: bool) -> None:
    if set(paths) == {STDIN}:
        common.fail("what comes from stdin cannot be fixed: name files, or mend what it is made from", 2)
    if writes_findings:
        common.fail("--diff shows edits, not findings: leave out --format, --output and --statistics", 2)


def chosen(
    config: Config, select: tuple[str, ...], extend_select: tuple[str, ...], ignore: tuple[str, ...]
) -> list[str]:
    """The rules to run, by the words of the command line and of the configuration."""
    only, without, besides = map(_words, (select, ignore, extend_select))
    messages = [*map(catalog.unknown, (*only, *besides)), *map(catalog.unknown_to_ignore, without)]
    if message := next(filter(None, messages), None):
        common.fail(message, 2)
    return catalog.chosen(only, without, besides, config)


def _words(values: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(word.strip() for value in values for word in value.split(",") if word.strip())


def nothing(given: pipeline.Input, config: Config) -> str:
    """What to say of an input without anything of a mesh."""
    where = f"{counted(len(given.parts), 'file')}{f' of mesh {config.mesh}' if config.mesh else ''}"
    hint = (
        "; Helm templates are rendered first: helm template … | meshlint check -"
        if any(part.loaded.helm for part in given.parts)
        else ""
    )
    return f"no mesh resource in {where}: nothing was checked (--allow-empty accepts that){hint}"


def _summarise(report: Report, notes: Sequence[str], paths: tuple[str, ...], color: str, unsafe_fixes: bool) -> None:
    import shlex

    from ..report import text

    printer = text.Printer(sys.stderr, color=common.wants_color(color, sys.stderr), width=common.width(sys.stderr))
    text.write_summary(report, printer, paths=shlex.join(paths), notes=notes, unsafe=unsafe_fixes)
