"""`meshlint baseline`."""

from __future__ import annotations

import shlex
import sys

import click

from .. import pipeline
from ..report import baseline
from . import common
from .check import chosen, nothing
from .output import replaced


@click.command("baseline")
@common.input_options
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    help=f"Write it there. [default: the configuration's baseline, or {baseline.NAME}]",
)
@common.judging_options
@click.option("--allow-empty", is_flag=True, help="An input without any mesh resource is no error.")
def command(
    paths: tuple[str, ...],
    namespace: str | None,
    config_file: str | None,
    isolated: bool,
    mesh: str | None,
    world: str | None,
    output: str | None,
    select: tuple[str, ...],
    extend_select: tuple[str, ...],
    ignore: tuple[str, ...],
    audience: str | None,
    min_confidence: str | None,
    allow_empty: bool,
) -> None:
    """Write the findings of today to a file, so that meshlint check --baseline FILE tells only new ones.

    Findings are known by rule, resource and the path in it, not by file and line. What is suppressed is not written.

    Exit code: 0 written, 2 wrong usage or nothing to check, 3 written, but something could not be checked.
    """
    paths = paths or (".",)
    with common.usage_errors():
        config = common.load_config(paths, config_file, isolated, world, mesh)
        ids = chosen(config, select, extend_select, ignore)
        given = common.read(paths, config, namespace)
        thresholds = common.thresholds(config, audience, min_confidence)
        report = pipeline.check(given, config, thresholds, ids)
    if given.is_empty and not allow_empty and not report.failures:
        common.fail(nothing(given, config), 2)
    file = output or config.baseline or baseline.NAME
    found = baseline.of(report.findings, paths, file)
    _write(file, baseline.text(found))
    for failure in report.failures:
        common.say(f"meshlint: not checked: {failure.place}: {failure.message}", err=True)
    number = len(report.findings)
    common.say(f"Wrote {number} finding{'' if number == 1 else 's'} to {file}.", err=True)
    common.say(f"Next: meshlint check --baseline {shlex.join([file, *paths])}", err=True)
    sys.exit(3 if report.failures else 0)


def _write(file: str, text: str) -> None:
    try:
        with replaced(file) as out:
            out.write(text)
    except OSError as error:
        common.fail(f"{file}: {error.strerror}", 2)
