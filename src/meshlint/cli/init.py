"""`meshlint init`."""

from __future__ import annotations

import os
import shlex

import click

from ..config import Config
from ..config.find import inside
from ..proposal.propose import propose
from ..source.files import CONFIGURATIONS
from . import common


@click.command("init")
@click.argument("path", default=".", type=click.Path(exists=True, file_okay=False))
@click.option("--force", is_flag=True, help="Write although there is a configuration.")
@click.option("--print", "print_", is_flag=True, help="Print it instead of writing it.")
def command(path: str, force: bool, print_: bool) -> None:
    """Look at the repository in PATH (default: the current directory) and write a meshlint.yaml that fits it.

    What cannot be told from the manifests is in it as a comment.
    """
    there = inside(path)
    if there and not (force or print_):
        common.fail(
            f"{os.path.normpath(there)} is there already: --force writes {CONFIGURATIONS[0]} all the same, --print only prints it",
            2,
        )
    with common.usage_errors():
        given = common.read((path,), Config(), None)
        text = propose(given, path)
    common.tell_failures(given)
    if print_:
        click.echo(text, nl=False)
        return
    file = os.path.normpath(os.path.join(path, CONFIGURATIONS[0]))
    try:
        with open(file, "w" if force else "x", encoding="utf-8") as out:
            out.write(text)
    except OSError as error:
        common.fail(f"{file}: {error.strerror}", 2)
    common.say(f"Wrote {file}.", err=True)
    common.say(f"Next: meshlint check {shlex.quote(path)}", err=True)
