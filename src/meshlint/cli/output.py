"""Where `meshlint check` writes the findings, and in which formats."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple, TextIO

import click

from ..config import suggestion
from ..report.report import Report
from ..rule import catalog
from ..source.files import ancestors
from . import common

FORMATS = ("full", "concise", "json", "jsonl", "sarif", "github", "gitlab", "junit", "markdown")
TABLES = ("full", "concise", "json")
"""Formats that can tell the findings by rule."""

STDOUT = "-"


class Output(NamedTuple):
    """A format, and the file that was named for it: `-` is stdout, and None where none was."""

    format: str
    file: str | None


def _parsed(ctx: click.Context, param: click.Parameter, values: Sequence[str]) -> tuple[Output, ...]:
    """`FMT` or `FMT=FILE`, each."""
    return tuple(_output(value, ctx, param) for value in values)


def _output(value: str, ctx: click.Context, param: click.Parameter) -> Output:
    name, equals, file = value.partition("=")
    if name not in FORMATS:
        known = ", ".join(FORMATS)
        raise click.BadParameter(f"{name!r} is none of {known}{suggestion(name, FORMATS)}", ctx, param)
    if equals and not file:
        raise click.BadParameter(f"{value!r} names no file", ctx, param)
    return Output(name, file if equals else None)


def _completed(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    return [name for name in FORMATS if name.startswith(incomplete)]


def output_options(command: common.F) -> common.F:
    """The options that say what is written, and where."""
    formats = "full (the default), " + ", ".join(FORMATS[1:])
    for option in (
        click.option("--statistics", is_flag=True, help="Count the findings by rule instead (full, concise, json)."),
        click.option("-o", "--output", metavar="FILE", help="The file of the format that names none."),
        click.option(
            "--format",
            "formats",
            multiple=True,
            callback=_parsed,
            shell_complete=_completed,
            metavar="FMT[=FILE]",
            help=f"{formats}. Repeatable; one of them may go to stdout.",
        ),
    ):
        command = option(command)
    return command


def destinations(formats: Sequence[Output], output: str | None, statistics: bool) -> list[Output]:
    """Every format with its file; ends the program where these contradict each other."""
    outputs = list(formats) or [Output("full", None)]
    unnamed = [each for each in outputs if each.file is None]
    if output is not None and len(unnamed) != 1:
        common.fail(
            f"--output {output} is the file of one format, and {len(unnamed)} name none: use --format FMT=FILE", 2
        )
    outputs = [Output(each.format, _file(each.file or output)) for each in outputs]
    for index, each in enumerate(outputs):
        if any(_same(each, other) for other in outputs[:index]):
            common.fail(_twice(each), 2)
    for each in outputs if statistics else ():
        if each.format not in TABLES:
            common.fail(f"--statistics goes with {', '.join(TABLES)}; {each.format} has no form for it", 2)
    return outputs


def _file(name: str | None) -> str:
    return STDOUT if name in (None, "", "/dev/stdout", "/dev/fd/1") else name


def _same(one: Output, other: Output) -> bool:
    if STDOUT in (one.file, other.file):
        return one.file == other.file
    return os.path.realpath(one.file or "") == os.path.realpath(other.file or "")


def _twice(output: Output) -> str:
    if output.file == STDOUT:
        return f"only one format can go to stdout: name a file, --format {output.format}=FILE"
    return f"two formats go to {output.file}: name a file for each"


class Telling(NamedTuple):
    """A report, and what decides how it is told; `ids` are of the rules that ran."""

    report: Report
    ids: Sequence[str]
    color: str
    show_suppressed: bool
    statistics: bool

    def write(self, outputs: Sequence[Output]) -> list[str]:
        """Writes every output, and returns sentences about what a consumer will not take of it.

        Ends the program where one cannot be written, after the others.
        """
        failures = []
        for output in outputs:
            try:
                self._write(output)
            except BrokenPipeError:
                raise
            except OSError as error:
                failures.append(f"{'stdout' if output.file == STDOUT else output.file}: {error.strerror or error}")
        if failures:
            common.fail("; ".join(failures), 2)
        return [sentence for output in outputs for sentence in self._beyond(output.format)]

    def _write(self, output: Output) -> None:
        if output.file == STDOUT or output.file is None:
            self._tell(output.format, sys.stdout, self.color)
            sys.stdout.flush()
            return
        with replaced(output.file) as out:
            self._tell(output.format, out, "never" if self.color == "auto" else self.color)

    def _tell(self, format_: str, out: TextIO, color: str) -> None:
        report, suppressed = self.report, self.show_suppressed
        match format_:
            case "full" | "concise":
                self._tell_people(format_, out, color)
            case "json":
                from ..report import json

                if self.statistics:
                    json.write_statistics(report, out)
                else:
                    json.write(report, out, show_suppressed=suppressed)
            case "jsonl":
                from ..report import jsonl

                jsonl.write(report, out, show_suppressed=suppressed)
            case "sarif":
                from ..report import sarif

                rules = [catalog.documented(catalog.infos()[id]) for id in self.ids]
                sarif.write(report, out, rules=rules, root=root(), show_suppressed=suppressed)
            case "github":
                from ..report import github

                github.write(report, out, root=root())
            case "gitlab":
                from ..report import gitlab

                gitlab.write(report, out, root=root())
            case "junit":
                from ..report import junit

                junit.write(report, out, root=root(), show_suppressed=suppressed)
            case "markdown":
                from ..report import markdown

                markdown.write(report, out, root=root(), blob=_blob(), show_suppressed=suppressed)

    def _tell_people(self, format_: str, out: TextIO, color: str) -> None:
        from ..report import text

        printer = text.Printer(out, color=common.wants_color(color, out), width=common.width(out))
        if self.statistics:
            text.write_statistics(self.report, printer)
        elif format_ == "full":
            text.write_findings(self.report, printer, show_suppressed=self.show_suppressed)
        else:
            text.write_concise(self.report, printer)

    def _beyond(self, format_: str) -> Iterator[str]:
        if format_ == "github":
            from ..report import github

            yield from github.beyond(self.report)
        elif format_ == "sarif":
            from ..report import sarif

            yield from sarif.beyond(self.report)


@contextmanager
def replaced(file: str) -> Iterator[TextIO]:
    """A file that has all of what is written or stays as it was. What is no plain file, such as a pipe, is written at once.

    Raises OSError, also where the file is read-only.
    """
    from io import TextIOWrapper

    from ..source.write import replacing

    target = os.path.realpath(file)
    kept = os.path.exists(file) and not (os.path.isfile(file) and os.access(file, os.W_OK))
    if kept or file.endswith("/") or not os.access(os.path.dirname(target), os.W_OK):
        with open(file, "w", encoding="utf-8", errors="backslashreplace") as out:
            yield out
        return
    with replacing(target) as new:
        yield (text := TextIOWrapper(new, encoding="utf-8", errors="backslashreplace"))
        text.detach()


def root() -> str:
    """The root of the repository around the current directory, else that directory."""
    here = os.getcwd()
    return next((d for d in ancestors(here) if os.path.exists(os.path.join(d, ".git"))), here)


def _blob() -> str | None:
    """The address of the commit's files, where GitHub Actions tells it."""
    server, repository, commit = map(os.environ.get, ("GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "GITHUB_SHA"))
    if not (server and repository and commit):
        return None
    from urllib.parse import quote

    return quote(f"{server}/{repository}/blob/{commit}", safe=":/")
