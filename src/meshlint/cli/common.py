"""What several commands share: reading the input, and how usage errors are told."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn, TextIO, TypeVar

import click

from .. import config as configuration
from .. import pipeline
from ..config import Config, ConfigError
from ..mesh.effective import Reason
from ..report.printable import printable
from ..rule import catalog
from ..source.document import SourceFile
from ..source.files import NoSuchPath
from ..source.yaml import LibyamlMissing

F = TypeVar("F", bound=Callable[..., Any])

PROGRESS_FROM = 200
"""Files from which on a progress bar is worth it."""


def input_options(command: F) -> F:
    """The arguments and options that say what is read."""
    for option in (
        click.argument("paths", nargs=-1, metavar="[PATH]..."),
        click.option("-n", "--namespace", metavar="NAME", help="Namespace of objects that name none."),
        click.option("--config", "config_file", metavar="FILE", help="This meshlint.yaml and no other."),
        click.option("--world", type=click.Choice(["open", "closed"]), help="closed: the input is the whole mesh."),
    ):
        command = option(command)
    return command


def judging_options(command: F) -> F:
    """The options that say which rules run and which of their findings are shown."""
    confidences = click.Choice(["low", "medium", "high"])
    audiences = click.Choice(["regular", "pedantic", "auditor"])
    for option in (
        click.option("--min-confidence", type=confidences, default="medium", show_default=True),
        click.option("--audience", type=audiences, default="regular", show_default=True),
        click.option("--ignore", multiple=True, metavar="RULES", help="Not these rules or categories (comma list)."),
        click.option("--select", multiple=True, metavar="RULES", help="Only these rules or categories (comma list)."),
    ):
        command = option(command)
    return command


@contextmanager
def usage_errors() -> Iterator[None]:
    """Turns what is wrong with the call or the configuration into a message and exit code 2."""
    try:
        yield
    except (ConfigError, NoSuchPath) as error:
        fail(str(error), 2)
    except (LibyamlMissing, catalog.RuleError) as error:
        fail(str(error), 3)


def fail(message: str, code: int) -> NoReturn:
    """Says why nothing was done, and ends."""
    click.echo(f"meshlint: {printable(message)}", err=True)
    sys.exit(code)


def load_config(paths: Sequence[str], config_file: str | None, world: str | None) -> Config:
    """The configuration with the command line's word over it. Raises ConfigError."""
    config = configuration.load(paths, config_file)
    catalog.check_config(config)
    return config._replace(settings=config.settings._replace(world=world)) if world else config


def read(paths: Sequence[str], config: Config, namespace: str | None) -> pipeline.Input:
    return pipeline.read(paths, config, namespace=namespace, stdin=_stdin, progress=_progress)


def tell_failures(given: pipeline.Input) -> None:
    """Says what could not be read."""
    for failure in given.failures:
        line = f":{failure.line}" if failure.line else ""
        click.echo(printable(f"meshlint: not read: {failure.file}{line}: {failure.message}"), err=True)


def tell_plugins() -> bool:
    """Says what is wrong with installed plugins, and whether anything is."""
    for failure in catalog.failures():
        click.echo(printable(f"meshlint: not loaded: {failure.file}: {failure.message}"), err=True)
    return bool(catalog.failures())


def words(reason: Reason) -> str:
    """A reason with its place."""
    where = f"  {reason.location.file}:{reason.location.span.start_line}" if reason.location else ""
    return f"{reason.text}{where}"


def plain(reason: Reason) -> dict[str, Any]:
    """A reason for JSON."""
    where = reason.location
    place = {"file": where.file, "line": where.span.start_line, "path": where.pointer} if where else None
    return {"text": reason.text, "basis": reason.basis.value, "location": place}


def wants_color(choice: str, out: TextIO) -> bool:
    """`--color`, else NO_COLOR and FORCE_COLOR, else whether a terminal reads it."""
    if choice != "auto":
        return choice == "always"
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return out.isatty() and os.environ.get("TERM") != "dumb"


def width(out: TextIO) -> int:
    """Columns to write in: the terminal's, 80 where there is none."""
    if not out.isatty():
        return 80
    return min(os.get_terminal_size(out.fileno()).columns, 120)


def _stdin() -> str:
    data = sys.stdin.buffer.read()
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        fail(f"<stdin>:{line}: not UTF-8 (byte {data[error.start]:#04x}); nothing was checked", 3)


def _progress(files: Sequence[SourceFile]) -> Iterable[SourceFile]:
    if len(files) < PROGRESS_FROM or not sys.stderr.isatty():
        return files
    from rich.console import Console
    from rich.progress import track

    return track(files, "Reading", console=Console(stderr=True), transient=True)
