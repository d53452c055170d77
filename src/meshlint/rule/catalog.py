"""The rules there are: one folder each, found by looking, never registered."""

from __future__ import annotations

import importlib.util
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from types import FunctionType
from typing import Any, NamedTuple

from .. import __version__
from ..assets import folder, schema
from ..config import Config, ConfigError, explained, suggestion
from ..config.schema import PEER
from ..finding import Audience, Confidence, Fix, RuleInfo, Safety, Severity
from ..source import yaml
from ..source.document import Failure, pointer
from .plugins import Plugin, installed
from .rule import SUBJECTS, Rule

NAME = re.compile("[a-z][a-z0-9]*(-[a-z0-9]+)*")
WORDS = "lower-case words with dashes between them"
"""What the id of a rule is, and a category."""

ALL = "all"
"""The word that names every rule."""


_DEFAULTS = Config()


class RuleError(Exception):
    """A rule folder that is not a rule; the message names the file and what is wrong with it."""


class Catalog(NamedTuple):
    """Every rule by id, sorted by category and id, and what installed plugins have that is none."""

    infos: Mapping[str, RuleInfo]
    failures: tuple[Failure, ...]


def root() -> str:
    """The folder of meshlint's own rules."""
    return folder("rules")


def infos() -> Mapping[str, RuleInfo]:
    """Every rule by id, those of plugins included, sorted by category and id."""
    return _catalog().infos


def failures() -> tuple[Failure, ...]:
    """What is wrong with installed plugins."""
    return _catalog().failures


@cache
def own() -> Mapping[str, RuleInfo]:
    """Every rule of meshlint itself by id, sorted by category and id."""
    return {entry.id: entry for entry in map(info, folders(root()))}


@cache
def _catalog() -> Catalog:
    plugins = installed()
    known = dict(own())
    failures = list(plugins.failures)
    for plugin in plugins.found:
        failures += [Failure("rule", plugin.source, None, message) for message in _add(plugin, known)]
    if plugins.found:
        known = {
            entry.id: entry for entry in sorted(known.values(), key=lambda e: (e.category, e.id.replace("-", "_")))
        }
    return Catalog(known, tuple(failures))


def _add(plugin: Plugin, known: dict[str, RuleInfo]) -> Iterator[str]:
    """Adds the rules of a plugin to those that are known, and says what is wrong with the others."""
    paths = list(folders(plugin.folder))
    if not paths:
        yield f"there is no CATEGORY/RULE/rule.yaml in {plugin.folder}"
    for path in paths:
        try:
            entry = info(path)._replace(plugin=plugin.source)
        except RuleError as error:
            yield str(error)
        else:
            other = known.setdefault(entry.id, entry)
            if other is not entry:
                whose = other.plugin or f"meshlint {__version__}"
                yield f"rule {entry.id} is left out: {whose} has a rule of that name"


def folders(root: str) -> Iterator[str]:
    """The rule folders of a tree of categories, sorted."""
    for category in sorted(os.listdir(root)):
        within = os.path.join(root, category)
        for name in sorted(os.listdir(within)) if os.path.isdir(within) else ():
            if os.path.isfile(os.path.join(within, name, "rule.yaml")):
                yield os.path.join(within, name)


def documented(entry: RuleInfo) -> RuleInfo:
    """A rule with its README, which only explaining it needs."""
    readme = os.path.join(entry.folder, "README.md")
    return entry._replace(readme=_text(readme)) if os.path.isfile(readme) else entry


def info(rule: str) -> RuleInfo:
    """What the `rule.yaml` of a rule folder says. The folder's name is the id, its parent's the category."""
    data = metadata(rule)
    try:
        return _info(os.path.abspath(rule), data)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        path = os.path.join(rule, "rule.yaml")
        raise RuleError(f"{path}: {'; '.join(complaints(data)) or error}") from error


def metadata(rule: str) -> Any:
    """The `rule.yaml` of a rule folder as it is."""
    path = os.path.join(rule, "rule.yaml")
    try:
        return yaml.parse(_text(path))
    except (OSError, UnicodeDecodeError, yaml.YamlError) as error:
        raise RuleError(f"{path}: {error}") from error


def complaints(data: Any) -> list[str]:
    """What the schema of rule.yaml says against one."""
    import jsonschema

    errors = jsonschema.Draft202012Validator(schema("rule")).iter_errors(data)
    places = ((pointer(tuple(error.absolute_path)), error.message) for error in errors)
    return sorted(f"{place}: {message}" if place else message for place, message in places)


def _info(rule: str, data: Mapping[str, Any]) -> RuleInfo:
    id = os.path.basename(rule).replace("_", "-")
    if not NAME.fullmatch(id):
        raise ValueError(f"the name of the folder makes no id: {id} is not {WORDS}")
    return RuleInfo(
        id=id,
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
        folder=rule,
    )


def _fix(data: Mapping[str, Any] | None) -> Fix | None:
    return Fix(data["description"], Safety(data["safety"])) if data else None


def _text(path: str) -> str:
    with open(path, encoding="utf-8") as file:
        return file.read()


def rule(path: str) -> Rule:
    """The rule of a folder, its check loaded."""
    return _rule(info(path))


def _rule(entry: RuleInfo) -> Rule:
    check = _check(entry)
    file = checks(entry)
    names = check.__code__.co_varnames[: check.__code__.co_argcount]
    if not names or names[0] not in check.__annotations__:
        raise RuleError(f"{file}: the first parameter of check needs a type: what the rule judges")
    subject = check.__annotations__[names[0]]
    if isinstance(subject, str):
        subject = check.__globals__.get(subject, subject)
    if subject not in SUBJECTS:
        known = ", ".join(kind.__name__ for kind in SUBJECTS)
        raise RuleError(
            f"{file}: the first parameter of check is of type {_word(subject)}, and a rule judges one of {known}"
        )
    for name in names[1:]:
        if name not in ("mesh", "options"):
            raise RuleError(f"{file}: check asks for {name}, and there are mesh and options")
    return Rule(entry, subject, check, frozenset(names[1:]))


def _word(subject: Any) -> str:
    return str(getattr(subject, "__name__", subject))


def checks(entry: RuleInfo) -> str:
    """The file of a rule's check. What the engine itself carries out has none."""
    return os.path.join(entry.folder, "check.py")


def rules(ids: Iterable[str]) -> tuple[list[Rule], list[Failure]]:
    """These rules, and those that cannot be loaded."""
    loaded: list[Rule] = []
    failures = []
    for id in ids:
        entry = infos()[id]
        if entry.plugin or os.path.isfile(checks(entry)):
            try:
                loaded.append(_rule(entry))
            except RuleError as error:
                failures.append(Failure("rule", id, None, f"rule {id} did not run: {error}"))
    return loaded, failures


def chosen(
    select: Sequence[str] = (), ignore: Sequence[str] = (), extend: Sequence[str] = (), config: Config = _DEFAULTS
) -> list[str]:
    """The ids that run, in catalog order, by the words of the command line and of the configuration.

    `select` (else every rule) and `extend` take, `ignore` goes before them, and a rule's own id before wider words. The command
    line's `select` is in place of the file's two lists, and its words go before those of the file.
    """
    wanted = (*(select or (*(config.select or (ALL,)), *config.extend_select)), *extend)
    asked = {*select, *extend}
    ignored = {*config.ignore} - asked
    steps = (  # the first that names a rule decides: words, whether as the rule's own id, whether it runs
        (ignore, True, False),
        (asked, True, True),
        (ignore, False, False),
        (ignored, True, False),
        (wanted, True, True),
        (ignored, False, False),
        (wanted, False, True),
    )
    return [
        id
        for id, names in _names().items()
        if next((runs for words, own, runs in steps if not ({id} if own else names).isdisjoint(words)), False)
    ]


def named(word: str) -> list[str]:
    """The ids of the rules that a word names."""
    return [id for id, names in _names().items() if word in names]


def words() -> list[str]:
    """Every word that names rules."""
    return list(dict.fromkeys(word for id, names in _names().items() for word in (id, *sorted(names))))


def unknown(word: str) -> str | None:
    """What to say of a word that names no rule; None where it names one."""
    if named(word):
        return None
    if re.match(PEER, word):
        peer = "istioctl analyze" if word.startswith("IST") else "Kiali"
        return f"no rule checks what {word} of {peer} does (meshlint rules --format json has the equivalents of each)"
    return f"unknown rule {word}{suggestion(word, words())}"


def unknown_to_ignore(word: str) -> str | None:
    """The same of a word to leave rules out by: a peer's check that no rule does yet can be left out all the same."""
    return None if re.match(PEER, word) else unknown(word)


@cache
def _names() -> Mapping[str, frozenset[str]]:
    """By rule, what it may be called."""
    return {id: frozenset((id, entry.category, ALL, *entry.equivalents)) for id, entry in infos().items()}


def check_config(config: Config) -> None:
    """Raises ConfigError where a configuration names a rule that is not there, or an option it does not have."""
    words = list(config.places)
    for entry in config.suppressions:
        words += [(word, entry.place.document.at(*entry.place.path, "rules", i)) for i, word in enumerate(entry.rules)]
    for word, where in words:
        if message := (unknown_to_ignore if where.path[0] == "ignore" else unknown)(word):
            raise ConfigError.at(where, message)
    for id, given in config.rules.items():
        place = given.place
        if id not in infos() and place:
            raise ConfigError.at(place, _no_id(id), key=True)
        if given.options and place:
            _check_options(infos()[id], given.options, config)


def _no_id(word: str) -> str:
    several = named(word)
    if not several:
        return f"unknown rule {word}{suggestion(word, infos())}"
    more = f" and {len(several) - 3} more" if len(several) > 3 else ""
    return f"the id of a rule belongs here, and {word} names {', '.join(several[:3])}{more}"


def options_schema(entry: RuleInfo) -> dict[str, Any]:
    """The schema of what a configuration may say of the options of a rule."""
    known = {
        name: {"description": option["description"], "default": option["default"], **option["schema"]}
        for name, option in entry.options.items()
    }
    return {"type": "object", "additionalProperties": False, "properties": known}


def _check_options(entry: RuleInfo, options: Mapping[str, Any], config: Config) -> None:
    import jsonschema

    place = config.rules[entry.id].place
    assert place is not None
    for error in jsonschema.Draft202012Validator(options_schema(entry)).iter_errors(options):
        below, message = explained(error)
        where = place.document.at(*place.path, "options", *error.absolute_path, *below)
        raise ConfigError.at(where, f"{entry.id}: {message}", key=bool(below))


def _check(entry: RuleInfo) -> FunctionType:
    file = checks(entry)
    spec = importlib.util.spec_from_file_location(f"meshlint_rule_{entry.id.replace('-', '_')}", file)
    if spec is None or spec.loader is None or not os.path.isfile(file):
        raise RuleError(f"{file}: there is no check.py")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise RuleError(f"{file}: {type(error).__name__}: {error}") from error
    check = getattr(module, "check", None)
    if not isinstance(check, FunctionType):
        raise RuleError(f"{file}: there is no function check")
    return check
