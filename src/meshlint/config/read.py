"""Reads a configuration, and says where it is wrong."""

import os.path
import re
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from ..finding import Severity
from ..source.document import Document, Location, Placeholder, SourceFile, pointer
from ..source.files import is_pattern, undecodable
from .explain import explained
from .model import (
    NEWEST,
    OLDEST,
    Accepted,
    Config,
    ConfigError,
    MeshConfig,
    RuleConfig,
    Selector,
    Settings,
)
from .schema import MODELLED, schema

SECTION = ("tool", "meshlint")


def read(path: str) -> Config:
    """A configuration in YAML, or in the section `[tool.meshlint]` of a file in TOML. Raises ConfigError."""
    name = path.replace(os.sep, "/")
    try:
        with open(path, "rb") as file:
            data = file.read()
        return parsed(SourceFile(name, data.decode("utf-8-sig"), path))
    except OSError as error:
        raise ConfigError(name, 1, 1, f"the configuration cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        line, column, text = undecodable(error)
        raise ConfigError(name, line, column, f"{text}; save it as UTF-8") from None


def parsed(source: SourceFile) -> Config:
    """The configuration that a file would be. Raises ConfigError."""
    folder = os.path.dirname(os.path.abspath(source.name))
    document = _section(source) if source.name.endswith(".toml") else _document(source)
    if document is None:
        return Config(file=source.name, folder=folder)
    _validate(document)
    return _config(document, source.name, folder)


def _document(source: SourceFile) -> Document | None:
    from ..source import yaml

    if source.name.endswith(".json"):
        raise ConfigError(source.name, 1, 1, "a configuration is YAML or TOML, not JSON")
    try:
        documents = list(yaml.load_whole(source))
    except yaml.YamlError as error:
        raise ConfigError(source.name, error.line, error.column, f"{error.message}; {error.advice}") from None
    for document in documents[1:]:
        raise ConfigError(
            source.name, document.line, 1, "a configuration is one YAML document, and this is a second one"
        )
    for document in documents:
        for duplicate in document.duplicates:
            raise ConfigError(source.name, *duplicate.again[:2], f"the key {duplicate.path[-1]} is there twice")
    return next((document.replaced(_plain(document.data)) for document in documents), None)


def _plain(data: Any) -> Any:
    """Nothing fills in a placeholder of a configuration: it is text."""
    if isinstance(data, dict):
        return {key: _plain(value) for key, value in data.items()}
    if isinstance(data, list):
        return [_plain(value) for value in data]
    return data.text if isinstance(data, Placeholder) else data


def _section(source: SourceFile) -> Document:
    from ..source import toml

    try:
        document = toml.load(source)
    except toml.TomlError as error:
        raise ConfigError(source.name, error.line, error.column, error.message) from None
    tool = document.data.get("tool")
    if not isinstance(tool, dict) or "meshlint" not in tool:
        raise ConfigError(source.name, 1, 1, "there is no [tool.meshlint] in it")
    return document.within(*SECTION)


# ---- what is wrong ---------------------------------------------------------------------------------------------------


def _validate(document: Document) -> None:
    import jsonschema

    validator = jsonschema.Draft202012Validator(schema())
    errors = sorted(validator.iter_errors(document.data), key=lambda error: (len(error.path), str(error.path)))
    for error in errors:
        where, message = explained(error)
        raise ConfigError.at(document.at(*error.absolute_path, *where), message, key=bool(where))


# ---- what it says ----------------------------------------------------------------------------------------------------


def _config(document: Document, name: str, folder: str) -> Config:
    data = document.data or {}
    rules = {
        rule: RuleConfig(
            Severity[given["severity"].upper()] if "severity" in given else None,
            given.get("options", {}),
            document.at("rules", rule),
        )
        for rule, given in data.get("rules", {}).items()
    }
    words = {field: tuple(data.get(field, ())) for field in ("select", "extend-select", "ignore")}
    places = tuple((word, document.at(field, i)) for field, given in words.items() for i, word in enumerate(given))
    settings = data.get("settings", {})
    return Config(
        settings=_settings((document.at("settings"), settings)),
        rules=rules,
        select=words["select"],
        extend_select=words["extend-select"],
        ignore=words["ignore"],
        suppressions=tuple(_accepted(document, i) for i in range(len(data.get("suppressions", ())))),
        audience=data.get("audience"),
        min_confidence=data.get("min-confidence"),
        fail_on=data.get("fail-on"),
        baseline=_beside(folder, data.get("baseline")),
        meshes=tuple(_mesh(document, mesh) for mesh in data.get("meshes", {})),
        places=places,
        file=name,
        folder=folder,
        document=document,
    )


def _beside(folder: str, file: str | None) -> str | None:
    """A file that is named relative to a folder, as seen from here."""
    return os.path.relpath(os.path.join(folder, file)) if file else None


def _accepted(document: Document, index: int) -> Accepted:
    given = document.data["suppressions"][index]
    place = document.at("suppressions", index)
    return Accepted(
        tuple(given["rules"]),
        given["reason"].strip(),
        place,
        _paths(given, place),
        tuple(given.get("resources", ())),
        _day(given["until"], document.at(*place.path, "until")) if "until" in given else None,
    )


def _paths(given: Mapping[str, Any], place: Location) -> tuple[str, ...]:
    """The patterns for files of a suppression or a mesh."""
    patterns = tuple(given.get("paths", ()))
    for index, pattern in enumerate(patterns):
        if not is_pattern(pattern):
            where = place.document.at(*place.path, "paths", index)
            raise ConfigError.at(
                where, f"{pointer(where.path)} is {pattern}, and a pattern as in .gitignore belongs there"
            )
    return patterns


def _day(text: str, place: Location) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ConfigError.at(place, f"{pointer(place.path)} is {text}, and there is no such day") from None


def _mesh(document: Document, name: str) -> MeshConfig:
    given = document.data["meshes"][name]
    place = document.at("meshes", name)
    _check_name(name, place)
    shared = (document.at("settings"), document.data.get("settings", {}))
    settings = _settings(shared, (document.at(*place.path, "settings"), given.get("settings", {})))
    return MeshConfig(name, _paths(given, place), settings, place)


def _check_name(name: str, place: Location) -> None:
    """A name that YAML makes of something else than text (no, 1.20) would be another than the one that is written."""
    from ..source import yaml

    if place.words.strip("\"'") != name and not isinstance(yaml.parse(name), str):
        raise ConfigError.at(place, f"the name {place.words} is read as {name}: quote it", key=True)


def _settings(*layers: tuple[Location, Mapping[str, Any]]) -> Settings:
    """Settings from one or more mappings, later ones over earlier ones."""
    values: dict[str, Any] = {}
    places: dict[str, Location] = {}
    for where, given in layers:
        here = {key: where.document.at(*where.path, key) for key in given}
        values |= dict(_values(given, here))
        places |= here
    return Settings(**values, places=places)


def _values(given: Mapping[str, Any], places: Mapping[str, Location]) -> Iterator[tuple[str, Any]]:
    for key, value in given.items():
        field_name = key.replace("-", "_")
        if key == "istio-version":
            yield field_name, _modelled(_version(value, places[key]), places[key])
        elif key in ("tenant-facing", "internal", "inference"):
            yield field_name, tuple(Selector(**selector) for selector in value)
        elif isinstance(value, list):
            yield field_name, tuple(value)
        elif key == "kubernetes-version":
            yield field_name, _version(value, places[key])
        else:
            yield field_name, value


def _version(value: Any, place: Location) -> str:
    """A version as it is written: the number 1.30 is not 1.3."""
    if isinstance(value, str):
        return value
    text = place.words
    if not re.fullmatch(r"[0-9]+\.[0-9]+", text):
        raise ConfigError.at(place, f"{pointer(place.path)} is {text}, and a version is MAJOR.MINOR, such as 1.30")
    return text


def _modelled(version: str, place: Location) -> tuple[int, int]:
    major, minor, *_ = map(int, version.split("."))
    if not OLDEST <= (major, minor) <= NEWEST:
        raise ConfigError.at(place, f"{pointer(place.path)} is {version}, and {MODELLED} belongs there")
    return major, minor
