"""The schema of a configuration: committed as it is generated, valid, described, and true of what is read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from program import meshlint

from meshlint.assets import folder
from meshlint.config.schema import schema
from meshlint.rule import catalog
from meshlint.source import yaml

FILE = Path(folder("schemas")) / "config.schema.json"


def keys(part: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every key that a schema knows, with its schema."""
    if isinstance(part, dict):
        for name, inner in part.get("properties", {}).items():
            yield f"{path}.{name}", inner
        for name, inner in part.items():
            yield from keys(inner, f"{path}.{name}")
    elif isinstance(part, list):
        for inner in part:
            yield from keys(inner, path)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    run = meshlint("config", "schema", cwd=tmp_path_factory.mktemp("nowhere"))
    assert run.returncode == 0, run.stderr
    loaded: dict[str, Any] = json.loads(run.stdout)
    return loaded


def test_the_committed_file_is_what_the_command_prints(tmp_path: Path) -> None:
    run = meshlint("config", "schema", "--generic", cwd=tmp_path)
    assert FILE.read_text(encoding="utf-8") == run.stdout, (
        "meshlint config schema --generic > schemas/config.schema.json"
    )


def test_the_committed_file_lists_no_rules() -> None:
    text = FILE.read_text(encoding="utf-8")
    assert [id for id in catalog.infos() if f'"{id}"' in text] == []


def test_both_are_schemas(installed: dict[str, Any]) -> None:
    jsonschema.Draft202012Validator.check_schema(schema())
    jsonschema.Draft202012Validator.check_schema(installed)


def test_every_key_is_described(installed: dict[str, Any]) -> None:
    for content in (schema(), installed):
        named = dict(keys(content))
        assert ".settings" in named and ".$defs.suppression.until" in named and ".$defs.mesh.paths" in named
        assert [path for path, part in named.items() if "description" not in resolved(content, part)] == []


def resolved(content: dict[str, Any], part: dict[str, Any]) -> dict[str, Any]:
    if "$ref" in part:
        for step in part["$ref"].removeprefix("#/").split("/"):
            content = content[step]
        return content
    return part


def test_an_installation_knows_its_rules_and_their_options(installed: dict[str, Any]) -> None:
    rules = installed["properties"]["rules"]["properties"]
    assert list(rules) == list(catalog.infos())
    options = rules["port-accepts-plaintext"]["properties"]["options"]["properties"]
    assert options["allow"]["items"] == {"type": "integer"} | options["allow"]["items"]
    assert installed["$defs"]["rule"]["enum"] == catalog.words()
    assert {"mtls", "all", "IST0109", "KIA1106"} <= set(catalog.words())


ALL = """\
settings: {world: closed, istio-version: 1.30, inference: [{name: x, kind: none}]}
rules: {port-accepts-plaintext: {severity: error, options: {allow: [9090]}}}
select: [all]
extend-select: [IST0109]
ignore: [mtls]
suppressions: [{rules: [mtls], paths: [a/], resources: ['* a/*'], reason: x, until: 2026-01-01}]
audience: auditor
min-confidence: low
fail-on: never
baseline: known.json
meshes: {prod: {paths: [a], settings: {world: open}}}
"""


@pytest.mark.parametrize(
    ("before", "after", "valid"),
    [
        ("", "", True),
        ("port-accepts-plaintext: {", "port-accept-plaintext: {", False),
        ("allow: [9090]", "allow: [http]", False),
        ("[IST0109]", "[IST0101]", False),
        ("ignore: [mtls]", "ignore: [IST0101]", True),
        ("ignore: [mtls]", "ignore: [IST101]", False),
        ("ignore: [mtls]", "ignore: [101]", False),
        ("istio-version: 1.30", "istio-version: '1.30.2'", True),
        ("istio-version: 1.30", "istio-version: '1.19'", False),
        ("istio-version: 1.30", "istio-version: '1.33'", False),
        ("reason: x, ", "", False),
    ],
)
def test_an_editor_says_what_the_program_says(installed: dict[str, Any], before: str, after: str, valid: bool) -> None:
    data = yaml.parse(ALL.replace(before, after))
    assert jsonschema.Draft202012Validator(installed).is_valid(data) is valid


def test_all_keys_are_in_the_example() -> None:
    assert list(yaml.parse(ALL)) == list(schema()["properties"])
