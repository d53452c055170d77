"""The rules there are: one folder each, found by looking, never registered."""

from __future__ import annotations

import importlib.util
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from ..assets import folder
from ..config import Config, ConfigError, explained, suggestion
from ..finding import Audience, Confidence, Fix, RuleInfo, Safety, Severity
from ..source import yaml
from ..source.document import Failure
from .rule import Rule


class RuleError(Exception):
    """A rule folder that is not a rule; the message names the file and what is wrong with it."""


def root() -> str:
    """The folder of meshlint's own rules."""
    return folder("rules")


@cache
def infos() -> Mapping[str, RuleInfo]:
    """Every rule of meshlint by id, sorted by category and id."""
    found = (info(path) for path in folders(root()))
    return {entry.id: entry for entry in found}


def folders(root: str) -> Iterator[str]:
    """The rule folders of a tree of categories, sorted."""
    for category in sorted(os.listdir(root)):
        within = os.path.join(root, category)
        for name in sorted(os.listdir(within)) if os.path.isdir(within) else ():
            if os.path.isfile(os.path.join(within, name, "rule.yaml")):
                yield os.path.join(within, name)


def documented(entry: RuleInfo) -> RuleInfo:
    """A rule of meshlint with its README, which only explaining it needs."""
    readme = os.path.join(_folder(entry), "README.md")
    return entry._replace(readme=_text(readme)) if os.path.isfile(readme) else entry


def _folder(entry: RuleInfo) -> str:
    return os.path.join(root(), entry.category, entry.id.replace("-", "_"))


def info(rule: str) -> RuleInfo:
    """What the `rule.yaml` of a rule folder says. The folder's name is the id, its parent's the category."""
    path = os.path.join(rule, "rule.yaml")
    try:
        return _info(os.path.abspath(rule), yaml.parse(_text(path)))
    except (OSError, yaml.YamlError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise RuleError(f"{path}: {type(error).__name__}: {error}") from error


def _info(rule: str, data: Mapping[str, Any]) -> RuleInfo:
    return RuleInfo(
        id=os.path.basename(rule).replace("_", "-"),
        category=os.path.basename(os.path.dirname(rule)),
        title=data["title"],
        severity=Severity[data["severity"].upper()],
        confidence=Confidence[data["confidence"].upper()],
        audience=Audience[data["audience"].upper()],
        meshes=tuple(data["meshes"]),
        kinds=tuple(data.get("kinds", ())),
        pitfalls=tuple(data.get("pitfalls", ())),
        message=data["message"],
        remediation=data["remediation"],
        equivalents=tuple(data.get("equivalents", ())),
        supersedes=tuple(data.get("supersedes", ())),
        security=data.get("security", False),
        options=data.get("options", {}),
        fix=_fix(data.get("fix")),
    )


def _fix(data: Mapping[str, Any] | None) -> Fix | None:
    return Fix(data["description"], Safety(data["safety"])) if data else None


def _text(path: str) -> str:
    with open(path, encoding="utf-8") as file:
        return file.read()


def rule(path: str) -> Rule:
    """The rule of a folder, its check loaded."""
    return _rule(path, info(path))


def _rule(path: str, entry: RuleInfo) -> Rule:
    check = _check(path)
    names = check.__code__.co_varnames[: check.__code__.co_argcount]
    if not names or names[0] not in check.__annotations__:
        raise RuleError(f"{checks(path)}: the first parameter of check needs a type: what the rule judges")
    subject = check.__annotations__[names[0]]
    if isinstance(subject, str):
        subject = check.__globals__.get(subject, subject)
    return Rule(entry, path, subject, check, frozenset(names[1:]))


def checks(rule: str) -> str:
    """The file of a rule's check. What the engine itself carries out has none."""
    return os.path.join(rule, "check.py")


def rules(ids: Iterable[str]) -> tuple[list[Rule], list[Failure]]:
    """These rules of meshlint, and those that cannot be loaded."""
    loaded: list[Rule] = []
    failures = []
    for id in ids:
        path = _folder(infos()[id])
        if os.path.isfile(checks(path)):
            try:
                loaded.append(_rule(path, infos()[id]))
            except RuleError as error:
                failures.append(Failure("rule", id, None, f"rule {id} did not run: {error}"))
    return loaded, failures


def chosen(select: Sequence[str], ignore: Sequence[str]) -> list[str]:
    """The ids that a selection by ids and categories leaves, in catalog order; an empty `select` takes all."""
    known = infos()
    taken = [id for id, entry in known.items() if not select or {id, entry.category, "all"} & set(select)]
    return [id for id in taken if not {id, known[id].category} & set(ignore)]


def unknown(word: str) -> str | None:
    """What to say of a word that is neither a rule nor a category; None where it is one."""
    words = [*infos(), *{entry.category: None for entry in infos().values()}, "all"]
    return None if word in words else f"unknown rule {word}{suggestion(word, words)}"


def check_config(config: Config) -> None:
    """Raises ConfigError where a configuration names a rule that is not there, or an option it does not have."""
    for word, where in config.places.items():
        if message := unknown(word):
            raise ConfigError.at(where, message)
    for id, given in config.rules.items():
        place = given.place
        if id not in infos() and place:
            raise ConfigError.at(place, f"unknown rule {id}{suggestion(id, list(infos()))}", key=True)
        if given.options and place:
            _check_options(infos()[id], given.options, config)


def _check_options(entry: RuleInfo, options: Mapping[str, Any], config: Config) -> None:
    import jsonschema

    place = config.rules[entry.id].place
    assert place is not None
    schema = {
        "type": "object",
        "additionalProperties": False,
        "properties": {name: option["schema"] for name, option in entry.options.items()},
    }
    for error in jsonschema.Draft202012Validator(schema).iter_errors(options):
        below, message = explained(error)
        where = place.document.at(*place.path, "options", *error.absolute_path, *below)
        raise ConfigError.at(where, f"{entry.id}: {message}", key=bool(below))


def _check(path: str) -> Callable[..., Any]:
    file = checks(path)
    name = "meshlint_rule_" + re.sub(r"\W", "_", os.path.basename(os.path.abspath(path)))
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None or not os.path.isfile(file):
        raise RuleError(f"{file}: there is no check.py")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise RuleError(f"{file}: {type(error).__name__}: {error}") from error
    check = getattr(module, "check", None)
    if not callable(check):
        raise RuleError(f"{file}: there is no function check")
    return check  # type: ignore[no-any-return]
