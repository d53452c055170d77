"""`meshlint changed`: what a commit or a push is about to change; the entry of a hook of pre-commit."""

from __future__ import annotations

import os

import click


@click.command("changed", context_settings={"ignore_unknown_options": True}, add_help_option=False)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED, metavar="[OPTIONS OF CHECK] [PATH]...")
def command(arguments: tuple[str, ...]) -> None:
    """Lint as check does, and tell only findings with a place that is not committed yet.

    Run by pre-commit with --from-ref, or before a push, it tells what changed since there. Before the first commit all is new.
    """
    from . import check

    check.command.main([*_since(), *arguments], prog_name="meshlint changed")


def _since() -> list[str]:
    """Since the last commit, or since where pre-commit begins (--from-ref, or a push); there may be no such commit yet."""
    from ..source import revision

    begin = os.environ.get("PRE_COMMIT_FROM_REF")
    if begin:
        return ["--since", begin]
    if os.environ.get("PRE_COMMIT_REMOTE_NAME") or revision.is_unborn(os.curdir):
        return []
    return ["--since", "HEAD"]
