"""`meshlint config`: what a configuration may say, and what one comes to."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

import click

from ..config import NEWEST, Config, Settings
from ..config.schema import DEFAULTS, schema
from ..report.printable import printable
from ..rule import catalog
from ..source.document import Path, pointer
from . import common


@click.group("config")
def command() -> None:
    """Tell of the configuration."""


@command.command("schema")
@click.option("--generic", is_flag=True, help="True of every installation: any rule ids, any options.")
def print_schema(generic: bool) -> None:
    """Print the JSON Schema of a configuration, with the rules installed here and their options."""
    with common.usage_errors():
        content = schema() if generic else _installed()
    click.echo(json.dumps(content, indent=2, ensure_ascii=False))


def _installed() -> dict[str, Any]:
    rules = {id: (info.title, catalog.options_schema(info)) for id, info in catalog.infos().items()}
    return schema(rules, catalog.words())


@command.command("show")
@click.argument("paths", nargs=-1, metavar="[PATH]...")
@click.option("--config", "config_file", metavar="FILE", help="This configuration and no other.")
def show(paths: tuple[str, ...], config_file: str | None) -> None:
    """Print what holds for PATH... and where each value comes from."""
    with common.usage_errors():
        config = common.load_config(paths or (".",), config_file, False, None, None)
    click.echo(printable(f"# {config.file or 'no configuration: the defaults'}"))
    lines = [*_given(config), *_defaults(config)]
    width = max(len(line.text) for line in lines)
    for line in lines:
        click.echo(printable(f"{line.text:{width}}  {line.origin}"))


class Line(NamedTuple):
    """One value, and where it comes from: a place, or `default`."""

    text: str
    origin: str


def _given(config: Config) -> Iterator[Line]:
    if config.document:
        for path, value in _leaves(config.document.data, ()):
            place = config.document.at(*path)
            text = place.words if isinstance(value, float) else _text(value)
            yield Line(f"{pointer(path)}: {text}", f"{place.file}:{place.span.start_line}")


def _leaves(data: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    """The values that are no mappings; a list of plain values is one."""
    if isinstance(data, dict) and data:
        for key, value in data.items():
            yield from _leaves(value, (*path, key))
    elif isinstance(data, list) and any(isinstance(item, dict) for item in data):
        for index, item in enumerate(data):
            yield from _leaves(item, (*path, index))
    elif data is not None:
        yield path, data


def _defaults(config: Config) -> Iterator[Line]:
    """What the configuration does not say, as far as there is a default to tell."""
    given = config.document.data if config.document else None
    for key, value in DEFAULTS.items():
        if key not in (given or {}):
            yield Line(f"{key}: {value}", "default")
    defaults = Settings(istio_version=NEWEST)._asdict()
    for name, value in defaults.items():
        key = name.replace("_", "-")
        if value and key not in config.settings.places:
            yield Line(f"settings.{key}: {_text(value)}", "default")


def _text(value: Any) -> str:
    if isinstance(value, tuple) and all(isinstance(part, int) for part in value):
        return ".".join(map(str, value))
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
