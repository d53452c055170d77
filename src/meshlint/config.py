"""Project settings: what `meshlint.yaml` may say, and how it is found and read."""

import os.path
import re
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from .assets import folder
from .finding import Severity
from .source.document import Document, Location, SourceFile
from .source.files import ancestors

NAME = "meshlint.yaml"

OLDEST, NEWEST = (1, 20), (1, 32)
"""The Istio versions that are modelled; the newest is the line that the semantics were read from."""


class Selector(NamedTuple):
    """A workload selector of a setting: all given parts must fit. `kind` is used by the setting `inference` only."""

    namespace: str | None = None
    name: str | None = None
    labels: Mapping[str, str] = MappingProxyType({})
    kind: str | None = None


class Settings(NamedTuple):
    """The settings of the catalogue. `places` says where a value was written, by setting name."""

    istio_version: tuple[int, int] | None = None  # None: the newest modelled
    linkerd_version: str | None = None
    kubernetes_version: str | None = None
    gateway_api_channel: str = "standard"
    cluster_domain: str = "cluster.local"
    trust_domains: tuple[str, ...] = ("cluster.local",)
    root_namespace: str | None = None  # None: what the mesh settings say, else istio-system
    world: str = "open"
    approved_egress_hosts: tuple[str, ...] = ()
    tenant_facing: tuple[Selector, ...] = ()
    internal: tuple[Selector, ...] = ()
    inference: tuple[Selector, ...] = ()
    places: Mapping[str, Location] = MappingProxyType({})

    @property
    def closed(self) -> bool:
        """The input is the whole mesh: what it does not have does not exist."""
        return self.world == "closed"


class RuleConfig(NamedTuple):
    """What the project says of one rule, and where it says it."""

    severity: Severity | None = None
    options: Mapping[str, Any] = MappingProxyType({})
    place: Location | None = None


class ConfigError(Exception):
    """A `meshlint.yaml` that says what it may not say. Line and column are 1-based."""

    def __init__(self, file: str, line: int, column: int, message: str) -> None:
        super().__init__(f"{file}:{line}:{column}: {message}")
        self.file = file
        self.line = line
        self.column = column
        self.message = message

    @classmethod
    def at(cls, location: Location, message: str, *, key: bool = False) -> "ConfigError":
        """At a value, or at the key that has it."""
        span = (key and location.key) or location.span
        return cls(location.file, span.start_line, span.start_column, message)


class Config(NamedTuple):
    """A whole `meshlint.yaml`. `places` say where each entry of `select` and `ignore` stands."""

    settings: Settings = Settings()
    rules: Mapping[str, RuleConfig] = MappingProxyType({})
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    places: Mapping[str, Location] = MappingProxyType({})
    file: str | None = None


def load(paths: Sequence[str], explicit: str | None = None) -> Config:
    """The configuration for some paths: `explicit`, else the nearest `meshlint.yaml`, else the defaults.

    Looked for from the first path upwards, not beyond the root of its git repository. Raises ConfigError.
    """
    found = explicit or _nearest(paths)
    return _read(found) if found else Config()


def suggestion(word: str, known: Sequence[str]) -> str:
    """`; did you mean X?` for a word that resembles a known one, else nothing."""
    import difflib

    close = difflib.get_close_matches(word, known, n=1)
    return f"; did you mean {close[0]}?" if close else ""


def _nearest(paths: Sequence[str]) -> str | None:
    """As people would write it from here, where it is below the current directory."""
    first = paths[0] if paths and paths[0] != "-" else "."
    here = os.path.abspath(".")
    for directory in ancestors(os.path.abspath(first.partition("*")[0] or ".")):
        candidate = os.path.join(directory, NAME)
        if os.path.isfile(candidate):
            return os.path.relpath(candidate) if candidate.startswith(os.path.join(here, "")) else candidate
        if os.path.exists(os.path.join(directory, ".git")):
            return None
    return None


def _read(path: str) -> Config:
    from .source import yaml

    name = path.replace(os.sep, "/")
    try:
        with open(path, encoding="utf-8-sig") as file:
            text = file.read()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(name, 1, 1, f"the configuration cannot be read: {error}") from None
    loaded = yaml.load(SourceFile(name, text, path))
    for failure in loaded.failures:
        raise ConfigError(failure.file, failure.line or 1, 1, failure.message)
    if not loaded.documents:
        return Config(file=name)
    if len(loaded.documents) > 1:
        raise ConfigError(
            name, loaded.documents[1].line, 1, "a configuration is one YAML document, and this is a second one"
        )
    document = loaded.documents[0]
    _validate(document)
    return _config(document, name)


def _validate(document: Document) -> None:
    import json

    import jsonschema

    for duplicate in document.duplicates:
        raise ConfigError(document.file.name, *duplicate.again[:2], f"the key {duplicate.path[-1]} is there twice")
    with open(os.path.join(folder("schemas"), "config.schema.json"), encoding="utf-8") as file:
        schema = json.load(file)
    validator = jsonschema.Draft202012Validator(schema)
    errors = sorted(validator.iter_errors(document.data), key=lambda error: (len(error.path), str(error.path)))
    for error in errors:
        where, message = explained(error)
        raise ConfigError.at(document.at(*error.absolute_path, *where), message, key=bool(where))


def explained(error: Any) -> tuple[tuple[str, ...], str]:
    """The place below the error's own path, and a sentence, for a jsonschema ValidationError."""
    path = ".".join(map(str, error.absolute_path))
    if error.validator == "additionalProperties" and error.schema.get("additionalProperties") is False:
        known = list(error.schema.get("properties", {}))
        unknown = next(key for key in error.instance if key not in known)
        inside = f" in {path}" if path else ""
        return (unknown,), f"unknown key {unknown}{inside}{suggestion(unknown, known) or _choice(known)}"
    if error.validator == "enum":
        words = [str(value) for value in error.validator_value]
        return (), f"{path} is {error.instance}{suggestion(str(error.instance), words)} (one of {', '.join(words)})"
    return (), f"{path or 'the configuration'}: {error.message}"


def _choice(known: Sequence[str]) -> str:
    return f" (known: {', '.join(known)})" if known else ""


def _config(document: Document, name: str) -> Config:
    data = document.data or {}
    rules = {
        rule: RuleConfig(
            Severity[given["severity"].upper()] if "severity" in given else None,
            given.get("options", {}),
            document.at("rules", rule),
        )
        for rule, given in data.get("rules", {}).items()
    }
    places = {
        word: document.at(field, i) for field in ("select", "ignore") for i, word in enumerate(data.get(field, ()))
    }
    settings = _settings(document, data.get("settings", {}))
    return Config(settings, rules, tuple(data.get("select", ())), tuple(data.get("ignore", ())), places, name)


def _settings(document: Document, given: Mapping[str, Any]) -> Settings:
    places = {key: document.at("settings", key) for key in given}
    values: dict[str, Any] = dict(_values(given, places))
    return Settings(**values, places=places)


def _values(given: Mapping[str, Any], places: Mapping[str, Location]) -> Iterator[tuple[str, Any]]:
    for key, value in given.items():
        field_name = key.replace("-", "_")
        if key == "istio-version":
            yield field_name, _modelled(_version(value, key, places[key]), places[key])
        elif key in ("tenant-facing", "internal", "inference"):
            yield field_name, tuple(Selector(**selector) for selector in value)
        elif isinstance(value, list):
            yield field_name, tuple(value)
        elif key == "kubernetes-version":
            yield field_name, _version(value, key, places[key])
        else:
            yield field_name, value


def _version(value: Any, key: str, place: Location) -> str:
    """A version as it is written: the number 1.30 is not 1.3."""
    if isinstance(value, str):
        return value
    span = place.span
    line = place.document.file.text.splitlines()[span.start_line - 1]
    text = line[span.start_column - 1 : span.end_column - 1]
    if not re.fullmatch(r"[0-9]+\.[0-9]+", text):
        raise ConfigError.at(place, f"settings.{key} is {text}, and a version is MAJOR.MINOR, such as 1.30")
    return text


def _modelled(version: str, place: Location) -> tuple[int, int]:
    major, minor, *_ = map(int, version.split("."))
    if not OLDEST <= (major, minor) <= NEWEST:
        oldest, newest = (".".join(map(str, known)) for known in (OLDEST, NEWEST))
        raise ConfigError.at(place, f"settings.istio-version is {version}, and Istio {oldest} to {newest} are modelled")
    return major, minor
