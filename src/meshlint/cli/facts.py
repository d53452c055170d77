"""`meshlint facts`: the whole effective policy as JSON."""

from __future__ import annotations

import json
import sys
from pathlib import PurePath

import click

from ..mesh.facts.facts import facts
from ..mesh.facts.values import unknown
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
    world: str | None,
    admit: str,
    each: bool,
) -> None:
    """Print the effective policy of PATH... as JSON: what istiod makes of it, client by client."""
    paths = paths or (".",)
    failed = False
    for mesh in [(path,) for path in paths] if each else [paths]:
        with common.usage_errors():
            given = common.read(mesh, common.load_config(mesh, config_file, world), namespace)
        common.tell_failures(given)
        failed |= bool(given.failures)
        name = PurePath(mesh[0]).name.removesuffix(".yaml").removesuffix(".yml")
        found = facts(name, given.meshes[0], keep_rejected=admit == "keep")
        click.echo(json.dumps(found, indent=None if each else 1, ensure_ascii=False, sort_keys=True, default=unknown))
    sys.exit(3 if failed else 0)
