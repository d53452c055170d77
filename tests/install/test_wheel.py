"""The wheel: it has what the tree has, and works without the tree."""

from __future__ import annotations

import json
import subprocess
import zipfile
from pathlib import Path

import pytest
from environments import ENV, fresh, run
from program import meshlint
from working_tree import BAD, ROOT, files

PLACES = {"src/meshlint/": "meshlint/", "rules/": "meshlint/rules/", "schemas/": "meshlint/schemas/"}


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fresh(tmp_path_factory.mktemp("venv"), wheel)


def test_it_has_the_package_the_rules_and_the_schemas_as_git_has_them(wheel: Path, tree: Path) -> None:
    expected = {
        name.replace(place, target, 1): (tree / name).read_bytes()
        for name in files(tree)
        for place, target in PLACES.items()
        if name.startswith(place)
    }
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if ".dist-info/" not in name]
        assert sorted(names) == sorted(expected)
        assert [name for name in names if archive.read(name) != expected[name]] == []


def test_its_rules_are_the_trees_rules(installed: Path, tmp_path: Path) -> None:
    ids = [rule["id"] for rule in json.loads(run(installed, "rules", "--format", "json", cwd=tmp_path).stdout)]
    assert ids == [rule["id"] for rule in json.loads(meshlint("rules", "--format", "json", cwd=tmp_path).stdout)]


def test_it_does_not_look_for_the_tree(installed: Path, tmp_path: Path) -> None:
    program = "from meshlint.rule import catalog; print(catalog.root())"
    root = subprocess.check_output([installed / "python", "-c", program], cwd=tmp_path, env=ENV, encoding="utf-8")
    assert Path(root.strip()).is_relative_to(installed.parent)


def test_it_checks(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "mesh.yaml").write_text(BAD)
    checked = run(installed, "check", "--format", "concise", cwd=tmp_path)
    assert checked.returncode == 1, checked.stderr
    assert checked.stdout.startswith("mesh.yaml:6:3: error[port-mtls-without-selector] PeerAuthentication shop/default")


def test_it_explains(installed: Path, tmp_path: Path) -> None:
    explained = run(installed, "explain", "port-mtls-without-selector", cwd=tmp_path).stdout
    readme = (ROOT / "rules" / "mtls" / "port_mtls_without_selector" / "README.md").read_text(encoding="utf-8")
    assert explained.splitlines()[0] == readme.splitlines()[0]
    assert readme.partition("\n")[2].strip() in explained


def test_it_has_the_schema_of_the_configuration(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "mesh.yaml").write_text(BAD)
    (tmp_path / "meshlint.yaml").write_text("settings:\n  wurld: closed\n")
    checked = run(installed, "check", cwd=tmp_path)
    assert checked.returncode == 2
    assert "meshlint.yaml:2:3: unknown key wurld in settings; did you mean world?" in checked.stderr
