"""The schemas of Istio's kinds are what `scripts/schemas` makes of its CustomResourceDefinitions."""

from __future__ import annotations

import hashlib
import importlib.util
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from meshlint.assets import folder
from meshlint.resource.admission import cel

ROOT = Path(__file__).parents[1]
FOLDER = Path(folder("schemas")) / "istio"
GENERATOR = ROOT / "scripts" / "schemas.py"
DEFINITIONS = ROOT.parent / "shared" / "crds" / "istio.yaml"
SOURCE: dict[str, Any] = json.loads((FOLDER / "source.json").read_text(encoding="utf-8"))
SCHEMAS = sorted(FOLDER / name for name in SOURCE["files"])

of_every_kind = pytest.mark.parametrize("file", SCHEMAS, ids=lambda file: file.stem)


def digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def parts(schema: Any) -> Iterator[dict[str, Any]]:
    """All mappings of a schema, those included that only name fields."""
    if isinstance(schema, dict):
        yield schema
        for inner in schema.values():
            yield from parts(inner)
    elif isinstance(schema, list):
        for inner in schema:
            yield from parts(inner)


@pytest.fixture(scope="module")
def generator() -> Any:
    spec = importlib.util.spec_from_file_location("schemas_generator", GENERATOR)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_nobody_changed_a_file_by_hand() -> None:
    assert {file.name: digest(file) for file in FOLDER.iterdir() if file.name != "source.json"} == SOURCE["files"]


def test_the_files_are_those_of_the_generator_as_it_is() -> None:
    assert digest(GENERATOR) == SOURCE["generator"], "run scripts/schemas"


@pytest.mark.skipif(
    not DEFINITIONS.exists(), reason="Istio's definitions are not beside this checkout: their digest is tested"
)
def test_the_files_are_current(generator: Any, tmp_path: Path) -> None:
    assert digest(DEFINITIONS) == SOURCE["definitions"], "run scripts/schemas"
    generator.main(str(DEFINITIONS), str(tmp_path))
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == {
        file.name: file.read_bytes() for file in FOLDER.iterdir()
    }


@of_every_kind
def test_a_schema_is_one_and_holds_no_prose(file: Path) -> None:
    schema = json.loads(file.read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    assert not [part for part in parts(schema) if isinstance(part.get("description"), str)]


@of_every_kind
def test_every_rule_has_a_predicate(file: Path) -> None:
    schema = json.loads(file.read_text(encoding="utf-8"))
    words = {rule.split()[0] for part in parts(schema) for rule in part.get("x-rules", ())}
    assert words - cel.RULES.keys() <= cel.COUNTS.keys()


def definition(schema: dict[str, Any], *others: dict[str, Any]) -> str:
    names = {"group": "a.istio.io", "names": {"kind": "Thing"}}
    versions = [
        {"name": f"v{n}", "served": True, "schema": {"openAPIV3Schema": s}} for n, s in enumerate((schema, *others))
    ]
    return yaml.safe_dump({"spec": {**names, "versions": versions}})


SPEC = {"type": "object", "properties": {"spec": {"type": "object", "properties": {"n": {"type": "integer"}}}}}


@pytest.mark.parametrize(
    ("schemas", "message"),
    [
        (({"type": "object", "properties": {}, "x-kubernetes-validations": [{"rule": "self.a > 1"}]},), "the CEL rule"),
        (
            ({"type": "object", "properties": {"a": {"type": "string", "uniqueItems": True}}},),
            "Thing.a: uniqueItems is",
        ),
        ((SPEC, {"type": "object", "properties": {}}), "Thing: the versions differ"),
    ],
    ids=["rule", "keyword", "versions"],
)
def test_what_is_new_stops_the_generator(
    generator: Any, tmp_path: Path, schemas: tuple[dict[str, Any], ...], message: str
) -> None:
    (tmp_path / "crds.yaml").write_text(definition(*schemas))
    with pytest.raises(SystemExit, match=message):
        generator.main(str(tmp_path / "crds.yaml"), str(tmp_path / "schemas"))
    assert not (tmp_path / "schemas").exists()


def test_a_definition_becomes_a_strict_schema(generator: Any, tmp_path: Path) -> None:
    (tmp_path / "crds.yaml").write_text(definition(SPEC, SPEC))
    generator.main(str(tmp_path / "crds.yaml"), str(tmp_path))
    assert json.loads((tmp_path / "thing.json").read_text()) == {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "additionalProperties": False,
        "x-group": "a.istio.io",
        "x-kind": "Thing",
        "x-versions": ["v0", "v1"],
        "properties": {
            "apiVersion": {},
            "kind": {},
            "metadata": {},
            "spec": {
                "type": "object",
                "additionalProperties": False,
                "properties": {"n": {"type": "integer", "format": "uint64"}},
            },
        },
    }
