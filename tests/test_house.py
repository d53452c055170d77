"""What holds for every rule folder: its metadata, its options and its README."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from meshlint.assets import folder as assets
from meshlint.report import suppress
from meshlint.rule import catalog
from meshlint.source import yaml
from meshlint.source.document import SourceFile

FOLDERS = sorted(path.parent for path in Path(catalog.root()).glob("*/*/rule.yaml"))
SECTIONS = ["What it means", "Why it matters", "How to fix it", "References"]
OPTIONS = "Options"
LINES = range(25, 61)

of_every_rule = pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)


def options() -> Iterator[Any]:
    for folder in FOLDERS:
        for name, option in catalog.info(str(folder)).options.items():
            yield pytest.param(folder, name, option, id=f"{folder.name}-{name}")


of_every_option = pytest.mark.parametrize(("folder", "name", "option"), list(options()))


def readme(folder: Path) -> str:
    return (folder / "README.md").read_text(encoding="utf-8")


def sections(folder: Path) -> dict[str, str]:
    """The text below each heading of a README, in order."""
    _, *parts = re.split(r"^## (.+)\n", readme(folder), flags=re.MULTILINE)
    return dict(zip(parts[::2], parts[1::2], strict=True))


def test_no_two_rules_have_one_id() -> None:
    ids = [folder.name.replace("_", "-") for folder in FOLDERS]
    assert ids == list(dict.fromkeys(ids))
    assert sorted(ids) == sorted(catalog.infos())


def test_only_the_rules_about_suppressions_have_no_check() -> None:
    without = {catalog.info(str(folder)).id for folder in FOLDERS if not (folder / "check.py").is_file()}
    assert without == {suppress.UNUSED, suppress.UNREASONED}


@of_every_rule
def test_the_metadata_is_valid(folder: Path) -> None:
    schema = json.loads((Path(assets("schemas")) / "rule.schema.json").read_text(encoding="utf-8"))
    metadata = yaml.parse((folder / "rule.yaml").read_text(encoding="utf-8"))
    errors = jsonschema.Draft202012Validator(schema).iter_errors(metadata)
    assert [f"{error.json_path}: {error.message}" for error in errors] == []


@of_every_option
def test_an_option_has_a_schema_that_its_default_fits(folder: Path, name: str, option: dict[str, Any]) -> None:
    jsonschema.Draft202012Validator.check_schema(option["schema"])
    assert option["schema"], "an empty schema takes anything"
    jsonschema.Draft202012Validator(option["schema"]).validate(option["default"])


@of_every_option
def test_an_option_is_read(folder: Path, name: str, option: dict[str, Any]) -> None:
    assert f'options["{name}"]' in (folder / "check.py").read_text(encoding="utf-8")


@of_every_option
def test_an_option_is_explained_with_its_default(folder: Path, name: str, option: dict[str, Any]) -> None:
    (entry,) = re.findall(rf"^- `{name}`: (.+)$", sections(folder)[OPTIONS], re.MULTILINE)
    assert re.search(rf"\(default: (?:{re.escape(shown(option['default']))})\)\.$", entry)


def shown(value: Any) -> str:
    """A default as READMEs write it."""
    if value == []:
        return "none"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


@of_every_rule
def test_the_readme_begins_with_the_title(folder: Path) -> None:
    assert readme(folder).splitlines()[:2] == [f"# {catalog.info(str(folder)).title}", ""]


@of_every_rule
def test_the_readme_has_the_sections(folder: Path) -> None:
    expected = [*SECTIONS[:-1], OPTIONS, SECTIONS[-1]] if catalog.info(str(folder)).options else SECTIONS
    assert list(sections(folder)) == expected
    assert [heading for heading, text in sections(folder).items() if not text.strip()] == []


@of_every_rule
def test_the_readme_fits_a_screen_or_two(folder: Path) -> None:
    assert len(readme(folder).splitlines()) in LINES


@of_every_rule
def test_the_fix_is_shown_as_yaml_before_and_after(folder: Path) -> None:
    (example,) = re.findall(r"^```yaml\n(.+?)^```$", sections(folder)["How to fix it"], re.MULTILINE | re.DOTALL)
    assert yaml.load(SourceFile("README.md", example)).failures == ()
    assert "# before" in example
    assert "# after" in example


@of_every_rule
def test_the_references_are_links(folder: Path) -> None:
    entries = sections(folder)["References"].strip().splitlines()
    assert [entry for entry in entries if not re.fullmatch(r"- \[[^]]+\]\(https://\S+\)", entry)] == []
