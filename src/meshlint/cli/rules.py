"""`meshlint rules`."""

from __future__ import annotations

import sys
from collections.abc import Mapping

import click

from ..finding import Fix, RuleInfo
from ..rule import catalog
from . import common


@click.command("rules")
@click.option("--format", "format_", type=click.Choice(["table", "json"]), default="table", show_default=True)
def command(format_: str) -> None:
    """List the rules by category: severity, confidence, audience, title, and the plugin that has it."""
    with common.usage_errors():
        infos = list(catalog.infos().values())
    if format_ == "json":
        _write_json(infos)
    else:
        _write_table(infos)
    sys.exit(3 if common.tell_plugins() else 0)


def _write_json(infos: list[RuleInfo]) -> None:
    import json

    fields = ("id", "category", "title", "severity", "confidence", "audience", "meshes", "equivalents", "options")
    entries = [
        {
            **{name: _plain(getattr(info, name)) for name in fields},
            "fix": _fix(info.fix),
            "plugin": info.plugin or None,
        }
        for info in infos
    ]
    click.echo(json.dumps(entries, indent=2))


def _write_table(infos: list[RuleInfo]) -> None:
    longest = max(len(info.id) for info in infos)
    category = None
    for info in infos:
        if info.category != category:
            category = info.category
            click.echo(category)
        axes = f"{info.severity}, {info.confidence}" + ("" if info.audience == 1 else f", {info.audience}")
        plugin = f" ({info.plugin})" if info.plugin else ""
        common.say(f"  {info.id:{longest}}  {axes:16}  {info.title}{plugin}")


def _fix(fix: Fix | None) -> dict[str, str] | None:
    return {"description": fix.description, "safety": str(fix.safety)} if fix else None


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return dict(value)
    return list(value) if isinstance(value, tuple) else str(value)
