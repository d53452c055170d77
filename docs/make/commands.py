"""The page about the commands, made from what click knows of them."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

import click

from meshlint.cli.main import cli

from .markdown import table


def page() -> str:
    """Every command with its arguments and options."""
    parts = [
        _part(command, context)
        for command, context in _commands(cli, click.Context(cli, info_name="meshlint", **cli.context_settings))
    ]
    return "# Commands\n\nWhat `--help` says.\n\n" + "\n\n".join(parts) + "\n"


def _commands(command: click.Command, context: click.Context) -> Iterator[tuple[click.Command, click.Context]]:
    yield command, context
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            if (below := command.get_command(context, name)) and not below.hidden:
                yield from _commands(below, click.Context(below, context, info_name=name))


def _part(command: click.Command, context: click.Context) -> str:
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    rows = [_row(param, context) for param in command.get_params(context) if isinstance(param, click.Option)]
    return "\n\n".join(
        part
        for part in (
            f"## {context.command_path}",
            f"```text\n{usage}\n```",
            _description(command.help or ""),
            table(("option", ""), rows),
        )
        if part
    )


def _description(help: str) -> str:
    """click's paragraphs; one behind `\\b` keeps its lines."""
    paragraphs = inspect.cleandoc(help).split("\n\n")
    return "\n\n".join(
        "```text\n" + paragraph.removeprefix("\b\n") + "\n```" if paragraph.startswith("\b") else paragraph
        for paragraph in paragraphs
    )


def _row(option: click.Option, context: click.Context) -> tuple[str, str]:
    names = ", ".join(f"`{name}`" for name in (*option.opts, *option.secondary_opts))
    value = "" if option.is_flag or option.count else f" `{option.make_metavar(context)}`"
    default = f"Default: `{option.default}`." if option.show_default and option.default is not None else ""
    return names + value, " ".join(filter(None, (option.help, default)))
