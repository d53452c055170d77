"""`meshlint new`."""

from __future__ import annotations

import os

import click

from ..config import suggestion
from ..resource import kinds
from ..resource.admission.schema import versions
from ..resource.kinds import GroupKind
from ..rule import catalog, scaffold
from ..rule.plugins import GROUP
from ..source.files import ancestors
from . import common

DEFAULT_KIND = str(kinds.VIRTUAL_SERVICE)


@click.command("new")
@click.argument("rule", metavar="CATEGORY/ID")
@click.option("--subject", type=click.Choice(scaffold.SUBJECTS), help="What the rule judges.  [default: Resource]")
@click.option("--kind", metavar="KIND[.GROUP]", help=f"Of which kind the Resources are.  [default: {DEFAULT_KIND}]")
@click.option("--into", metavar="DIR", help="The folder of the categories, where no project around here has one.")
def command(rule: str, subject: str | None, kind: str | None, into: str | None) -> None:
    """Write a rule folder to start from: a small rule, with examples, that passes `meshlint test`.

    It is put into the rules of the project around the current directory: a checkout of meshlint, or a plugin, whose
    pyproject.toml has the entry point group meshlint.rules.
    """
    if kind and subject not in (None, "Resource"):
        common.fail(f"--kind is for --subject Resource, not {subject}", 2)
    target = into or _rules_around(os.getcwd())
    if not target:
        common.fail("no pyproject.toml around here has rules: say with --into DIR where the new one belongs", 2)
    with common.usage_errors():
        category, id = _named(rule, target)
    files = scaffold.files(id, subject or "Resource", _kind(kind or DEFAULT_KIND))
    folder = os.path.join(target, category, id.replace("-", "_"))
    try:
        _write(folder, files)
    except OSError as error:
        common.fail(f"{error.filename}: {error.strerror}", 2)
    for name in files:
        click.echo(f"wrote {os.path.join(folder, name)}")
    click.echo(f"Next: meshlint test {folder}")


def _rules_around(here: str) -> str | None:
    """The folder of rules of the nearest project that has any, as people would write it from here."""
    for directory in ancestors(here):
        if os.path.isfile(os.path.join(directory, "pyproject.toml")):
            for folder in _rules_of(directory):
                if os.path.isdir(folder):
                    return os.path.relpath(folder, here)
    return None


def _rules_of(directory: str) -> list[str]:
    """Where the rules of a project may be: those of meshlint, or in the packages that a plugin names."""
    import tomllib

    path = os.path.join(directory, "pyproject.toml")
    try:
        with open(path, "rb") as file:
            project = tomllib.load(file).get("project", {})
    except (OSError, ValueError) as error:
        common.fail(f"{path}: {error}", 2)
    if project.get("name") == "meshlint":
        return [os.path.join(directory, "rules")]
    packages = project.get("entry-points", {}).get(GROUP, {}).values()
    return [os.path.join(directory, *base, *package.split(".")) for package in packages for base in (("src",), ())]


def _named(rule: str, target: str) -> tuple[str, str]:
    """The category and the id of a rule that is new."""
    category, _, id = rule.partition("/")
    if not (catalog.NAME.fullmatch(category) and catalog.NAME.fullmatch(id)):
        common.fail(f"{rule} is no CATEGORY/ID: both are {catalog.WORDS}, as in routing/route-without-timeout", 2)
    known = catalog.infos()
    if id in known:
        common.fail(f"there is a rule {id} already, in {known[id].plugin or 'meshlint itself'}", 2)
    beside = list(catalog.folders(target)) if os.path.isdir(target) else []
    for folder in beside:
        if os.path.basename(folder).replace("_", "-") == id:
            common.fail(f"there is a rule {id} already: {folder}", 2)
    categories = {"all", category, *(entry.category for entry in known.values())}
    if id in categories or category in {"all", *known}:
        common.fail(f"{rule}: rules and categories are selected by one name, and this one would be both", 2)
    return category, id


def _kind(word: str) -> GroupKind:
    """A kind that the model reads."""
    name, _, group = word.partition(".")
    kind = GroupKind(group, name)
    if not (versions(kind) if group in kinds.ISTIO_GROUPS else name.isalpha() and kinds.is_known(kind)):
        known = [str(value) for value in vars(kinds).values() if isinstance(value, GroupKind)]
        longer = next((text for text in known if text.startswith(f"{word}.")), None)
        hint = f"; did you mean {longer}?" if longer else suggestion(word, known)
        common.fail(f"meshlint reads no objects of kind {word}{hint}", 2)
    return kind


def _write(folder: str, files: dict[str, str]) -> None:
    os.makedirs(folder)
    os.mkdir(os.path.join(folder, "examples"))
    for name, text in files.items():
        with open(os.path.join(folder, name), "x", encoding="utf-8", newline="\n") as file:
            file.write(text)
