"""The program `meshlint`: its commands, each loaded only when it is called."""

from __future__ import annotations

import contextlib
import importlib
import os
import sys

import click

from .. import __version__

_COMMANDS = {
    "check": "Lint manifests.",
    "init": "Write a configuration that fits a repository.",
    "changed": "Lint, and tell what a commit or a push changes.",
    "baseline": "Write the findings of today to a file, so that only new ones are told.",
    "show": "Print the effective policy with its reasons.",
    "can": "Say whether the mesh lets a call through.",
    "facts": "Print the whole effective policy as JSON.",
    "config": "Print the schema of the configuration, or what holds.",
    "rules": "List the rules.",
    "explain": "Explain a rule.",
    "test": "Run the examples of rule folders.",
    "new": "Write a rule folder to start from.",
}


class Commands(click.Group):
    """A group whose commands are modules of this package."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in _COMMANDS:
            return None
        command: click.Command = importlib.import_module(f".{name}", __package__).command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands without loading any."""
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, "-V", "--version", prog_name="meshlint")
def cli() -> None:
    """Lint Istio manifests by what the mesh will really do.

    \b
    meshlint check k8s/            findings on stdout, the rest on stderr
    meshlint show ports k8s/       the effective mTLS mode of every port, and why
    meshlint can k8s/ --from shop/web --to shop/llm:8000 --path /v1/chat/completions
    meshlint explain RULE          what a rule means and how to mend it

    Shell completion: eval "$(_MESHLINT_COMPLETE=bash_source meshlint)" (zsh_source, fish_source).
    """


def run() -> None:
    """Runs the command line and ends the process; findings may hold any character, whatever the terminal's encoding."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        cli(prog_name="meshlint")
    except SystemExit as end:
        _leave(end.code if isinstance(end.code, int) else bool(end.code))
    except Exception as error:
        if os.environ.get("MESHLINT_TRACEBACK"):
            raise
        click.echo(f"meshlint: internal error: {type(error).__name__}: {error}; please report it", err=True)
        click.echo("MESHLINT_TRACEBACK=1 shows where", err=True)
        _leave(3)


def _leave(code: int) -> None:
    """Ends without taking the interpreter apart, which would cost a tenth of a small run."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(BrokenPipeError):
            stream.flush()
    os._exit(code)
