"""`meshlint explain`."""

from __future__ import annotations

import sys

import click
from click.shell_completion import CompletionItem

from ..config import suggestion
from ..finding import RuleInfo
from ..rule import catalog
from . import common


def _complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    known = catalog.infos().values()
    return [CompletionItem(info.id, help=info.title) for info in known if info.id.startswith(incomplete)]


@click.command("explain")
@click.argument("rule", shell_complete=_complete)
@click.option("--color", type=click.Choice(["auto", "always", "never"]), default="auto", show_default=True)
def command(rule: str, color: str) -> None:
    """Explain a rule: what it means, why it matters, how to mend it."""
    with common.usage_errors():
        infos = catalog.infos()
    broken = common.tell_plugins()
    if rule not in infos:
        common.fail(f"unknown rule {rule}{suggestion(rule, list(infos))} (meshlint rules lists them)", 2)
    text = _text(catalog.documented(infos[rule]))
    if common.wants_color(color, sys.stdout):
        from rich.console import Console
        from rich.markdown import Markdown

        Console(force_terminal=True, width=common.width(sys.stdout)).print(Markdown(text))
    else:
        click.echo(text)
    sys.exit(3 if broken else 0)


def _text(info: RuleInfo) -> str:
    """The README with the facts of `rule.yaml` below its title."""
    title, _, rest = info.readme.partition("\n")
    facts = [
        f"`{info.id}` · {info.category} · {info.severity} · {info.confidence} confidence · {info.audience}",
        f"Same check elsewhere: {', '.join(info.equivalents)}" if info.equivalents else "",
        f"Fix: {info.fix}" if info.fix else "",
        f"Suppress: `# meshlint: ignore[{info.id}] reason`",
        f"Plugin: {info.plugin}" if info.plugin else "",
    ]
    return "\n\n".join(part for part in (title, *facts, rest.strip()) if part)
