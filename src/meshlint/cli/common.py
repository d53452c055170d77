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
from ..config import Config, ConfigError, suggestion
from ..config.schema import DEFAULTS, LEVELS
from ..finding import Audience, Confidence
from ..mesh.effective import Reason
from ..report.printable import logged, printable
from ..rule import catalog
from ..source.document import SourceFile
from ..source.files import NoSuchPath, undecodable
from ..source.yaml import LibyamlMissing

F = TypeVar("F", bound=Callable[..., Any])

PROGRESS_FROM = 200
"""Files from which on a progress bar is worth it."""


def input_options(command: F) -> F:
    """The arguments and options that say what is read."""
    for option in (
        click.argument("paths", nargs=-1, metavar="[PATH]..."),
        click.option("-n", "--namespace", metavar="NAME", help="Namespace of objects that name none."),
        click.option(
            "--config",
            "config_file",
            metavar="FILE",
            help="This configuration (YAML, or a pyproject.toml) and no other.",
        ),
        click.option("--isolated", is_flag=True, help="No configuration at all."),
        click.option("--mesh", metavar="NAME", help="Only this one of the configuration's meshes."),
        click.option("--world", type=click.Choice(["open", "closed"]), help="closed: the input is the whole mesh."),
    ):
        command = option(command)
    return command


def judging_options(command: F) -> F:
    """The options that say which rules run and which of their findings are shown."""
    for option in (
        click.option(
            "--min-confidence",
            type=click.Choice(LEVELS["min-confidence"]),
            help=f"How sure a finding must be to be shown. {default('min-confidence')}",
        ),
        click.option(
            "--audience",
            type=click.Choice(LEVELS["audience"]),
            help=f"Who reads the findings: an auditor hears most. {default('audience')}",
        ),
        click.option("--ignore", multiple=True, metavar="RULES", help="Not these (comma list)."),
        click.option(
            "--extend-select", multiple=True, metavar="RULES", help="These besides those selected (comma list)."
        ),
        click.option(
            "--select", multiple=True, metavar="RULES", help="Only these: ids, categories, peers' ids (comma list)."
        ),
    ):
        command = option(command)
    return command


def default(option: str) -> str:
    """What help says of an option for which a configuration may have a value."""
    return f"[default: {DEFAULTS[option]}, or the configuration's]"


def thresholds(config: Config, audience: str | None, min_confidence: str | None) -> pipeline.Thresholds:
    """The command line's, else the configuration's, else the usual ones."""
    audience = audience or config.audience or DEFAULTS["audience"]
    min_confidence = min_confidence or config.min_confidence or DEFAULTS["min-confidence"]
    return pipeline.Thresholds(Audience[audience.upper()], Confidence[min_confidence.upper()])


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
    say(f"meshlint: {message}", err=True)
    sys.exit(code)


def say(text: str, *, err: bool = False) -> None:
    """Prints a line; nothing in it can steer a terminal, nor a runner that reads the log."""
    click.echo(logged(printable(text)), err=err)


def write_json(content: Any) -> None:
    from ..report.stream import dump

    dump(content, sys.stdout)
    click.echo()


def load_config(
    paths: Sequence[str], config_file: str | None, isolated: bool, world: str | None, mesh: str | None
) -> Config:
    """The configuration with the command line's words over it. Raises ConfigError."""
    if isolated and config_file:
        fail("--isolated leaves no room for --config", 2)
    config = configuration.load(paths, config_file, isolated=isolated)
    catalog.check_config(config)
    names = [known.name for known in config.meshes]
    if mesh is not None and mesh not in names:
        where = config.file or "the configuration"
        fail(f"--mesh {mesh}: {where} has no such mesh{suggestion(mesh, names)}", 2)
    config = config._replace(mesh=mesh)
    return config.with_world(world) if world else config


def read(paths: Sequence[str], config: Config, namespace: str | None) -> pipeline.Input:
    return pipeline.read(paths, config, namespace=namespace, stdin=_stdin, progress=_progress)


def tell_failures(given: pipeline.Input) -> None:
    """Says what could not be read."""
    for failure in given.failures:
        say(f"meshlint: not read: {failure.place}: {failure.message}", err=True)


def tell_plugins() -> bool:
    """Says what is wrong with installed plugins, and whether anything is."""
    for failure in catalog.failures():
        say(f"meshlint: not loaded: {failure.file}: {failure.message}", err=True)
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
        line, _, text = undecodable(error)
        fail(f"<stdin>:{line}: {text}; nothing was checked", 3)


def _progress(files: Sequence[SourceFile]) -> Iterable[SourceFile]:
    if len(files) < PROGRESS_FROM or not sys.stderr.isatty():
        return files
    from rich.console import Console
    from rich.progress import track

    return track(files, "Reading", console=Console(stderr=True), transient=True)
