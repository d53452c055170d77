"""What the manifest of a container says in its command line and its environment."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from ..source.document import Path
from .resource import each, get


class Word(NamedTuple):
    """A value with the option or variable it belongs to ("" = none), and its path."""

    name: str
    value: str
    path: Path


def arguments(container: Mapping[str, Any], path: Path) -> Iterator[Word]:
    """The words of the command line of a container at a path: `--model X` and `--model=X` alike, an option by itself without
    a value. What follows `serve` counts as `--model` (`vllm serve X`)."""
    name = ""
    for field in ("command", "args"):
        for index, item in enumerate(each(container, field)):
            for text in str(item).split():
                option, equals, value = text.partition("=")
                if text.startswith("-"):
                    name = "" if equals else option
                    yield Word(option, value, (*path, field, index))
                else:
                    yield Word(name, text, (*path, field, index))
                    name = "--model" if text == "serve" else ""


def variables(container: Mapping[str, Any], path: Path) -> Iterator[Word]:
    """The environment; the value of a variable is empty where the manifest does not have it."""
    for index, entry in enumerate(each(container, "env")):
        name, value = get(entry, "name"), get(entry, "value")
        if isinstance(name, str):
            where = (*path, "env", index)
            yield Word(name, value, (*where, "value")) if isinstance(value, str) else Word(name, "", where)
