"""`meshlint facts`: the whole effective policy as JSON."""

from __future__ import annotations

import sys
from pathlib import PurePath

import click

from .. import pipeline
from ..mesh.facts.facts import facts
from ..mesh.facts.values import unknown
from ..report.stream import encoded
from . import common


@click.command("facts")
@common.input_options
@click.option(
    "--admit",
    type=click.Choice(["drop", "keep"]),
    default="drop",
    show_default=True,
    help="What becomes of objects that admission refuses.",
)
@click.option("--each", is_flag=True, help="Take every path as a mesh of its own: one line of JSON each, in order.")
def command(
    paths: tuple[str, ...],
    namespace: str | None,
    config_file: str | None,
    isolated: bool,
    mesh: str | None,
    world: str | None,
    admit: str,
    each: bool,
) -> None:
    """Print the effective policy of PATH... as JSON: what istiod makes of it, client by client."""
    paths = paths or (".",)
    failed = False
    for inputs in [(path,) for path in paths] if each else [paths]:
        with common.usage_errors():
            given = common.read(inputs, common.load_config(inputs, config_file, isolated, world, mesh), namespace)
        common.tell_failures(given)
        _tell_others(given)
        failed |= bool(given.failures)
        name = mesh or PurePath(inputs[0]).name.removesuffix(".yaml").removesuffix(".yml")
        found = facts(name, given.meshes[0], keep_rejected=admit == "keep")
        click.echo(encoded(found, indent=None if each else 1, sort_keys=True, default=unknown))
    sys.exit(3 if failed else 0)


def _tell_others(given: pipeline.Input) -> None:
    """Says which one of several meshes and variants is told of."""
    first, *others = given.variants
    if others:
        choice = " (--mesh chooses a mesh)" if given.configured else ""
        common.say(f"meshlint: note: {first}, and not {', '.join(others)}{choice}", err=True)
