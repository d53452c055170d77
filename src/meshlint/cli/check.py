"""`meshlint check`."""

from __future__ import annotations

import os
import sys
from typing import TextIO

import click

from .. import pipeline
from ..config import Config
from ..config.schema import DEFAULTS, LEVELS
from ..finding import Severity
from ..report.report import Report, exit_code
from ..rule import catalog
from ..source.files import ancestors
from . import common, narrowing

FORMATS = ("full", "concise", "json", "sarif")


@click.command("check")
@common.input_options
@click.option("--format", "format_", type=click.Choice(FORMATS), default="full", show_default=True)
@click.option("-o", "--output", metavar="FILE", help="Write the findings there.")
@common.judging_options
@click.option(
    "--fail-on",
    type=click.Choice(LEVELS["fail-on"]),
    help=f"Severity from which on a finding makes the exit code 1. {common.default('fail-on')}",
)
@narrowing.options
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
    format_: str,
    output: str | None,
    select: tuple[str, ...],
    extend_select: tuple[str, ...],
    ignore: tuple[str, ...],
    audience: str | None,
    min_confidence: str | None,
    fail_on: str | None,
    baseline: str | None,
    since: str | None,
    exit_zero: bool,
    allow_empty: bool,
    show_suppressed: bool,
    color: str,
) -> None:
    """Lint manifests: files, directories, globs, and - for stdin (default: the current directory).

    Exit code: 0 clean, 1 findings that fail the run, 2 wrong usage or nothing to check, 3 something could not be checked.
    """
    paths = paths or (".",)
    with common.usage_errors():
        config = common.load_config(paths, config_file, isolated, world, mesh)
        ids = chosen(config, select, extend_select, ignore)
        narrow = narrowing.narrowing(config, paths, baseline, since)
        given = common.read(paths, config, namespace)
        thresholds = common.thresholds(config, audience, min_confidence)
        check = narrowing.Check(config, namespace, thresholds, ids)
        report = narrow.of(check.of(given), given, check)
    _write(report, ids, format_, output, color, show_suppressed)
    _summarise(report, paths, color)
    fail_on = fail_on or config.fail_on or DEFAULTS["fail-on"]
    failing = None if exit_zero or fail_on == "never" else Severity[fail_on.upper()]
    code = exit_code(report, failing)
    if given.is_empty and not allow_empty and not report.findings and not report.failures:
        common.fail(nothing(given), 2)
    sys.exit(code)


def chosen(
    config: Config, select: tuple[str, ...], extend_select: tuple[str, ...], ignore: tuple[str, ...]
) -> list[str]:
    """The rules to run, by the words of the command line and of the configuration."""
    only, without, besides = map(_words, (select, ignore, extend_select))
    for word in (*only, *without, *besides):
        if message := catalog.unknown(word):
            common.fail(message, 2)
    return catalog.chosen(only, without, besides, config)


def _words(values: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(word.strip() for value in values for word in value.split(",") if word.strip())


def nothing(given: pipeline.Input) -> str:
    hint = (
        "; Helm templates are rendered first: helm template … | meshlint check -"
        if any(part.loaded.helm for part in given.parts)
        else ""
    )
    return f"no mesh resource in {len(given.parts)} files: nothing was checked (--allow-empty accepts that){hint}"


def _write(report: Report, ids: list[str], format_: str, output: str | None, color: str, suppressed: bool) -> None:
    if output is None:
        _write_to(sys.stdout, report, ids, format_, color, suppressed)
        return
    try:
        with open(output, "w", encoding="utf-8") as file:
            _write_to(file, report, ids, format_, "never" if color == "auto" else color, suppressed)
    except OSError as error:
        common.fail(f"{output}: {error.strerror}", 2)


def _write_to(out: TextIO, report: Report, ids: list[str], format_: str, color: str, suppressed: bool) -> None:
    if format_ == "json":
        from ..report import json

        json.write(report, out, show_suppressed=suppressed)
    elif format_ == "sarif":
        from ..report import sarif

        rules = [catalog.documented(catalog.infos()[id]) for id in ids]
        sarif.write(report, out, rules=rules, root=_root(), show_suppressed=suppressed)
    else:
        from ..report import text

        printer = text.Printer(out, color=common.wants_color(color, out), width=common.width(out))
        if format_ == "full":
            text.write_findings(report, printer, show_suppressed=suppressed)
        else:
            text.write_concise(report, printer)


def _summarise(report: Report, paths: tuple[str, ...], color: str) -> None:
    import shlex

    from ..report import text

    sys.stdout.flush()
    printer = text.Printer(sys.stderr, color=common.wants_color(color, sys.stderr), width=common.width(sys.stderr))
    text.write_summary(report, printer, paths=shlex.join(paths))


def _root() -> str:
    """The root of the repository around the current directory, else that directory."""
    here = os.getcwd()
    return next((d for d in ancestors(here) if os.path.exists(os.path.join(d, ".git"))), here)
