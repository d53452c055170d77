"""The namespace of objects that name none (the command line's, else their kustomization's), and which files are patches."""

from __future__ import annotations

from pathlib import Path

import pytest

from meshlint.resource.kustomizations import Kustomizations
from meshlint.source.document import SourceFile


def written(root: Path, files: dict[str, str]) -> dict[str, SourceFile]:
    """The files of an input, written below the root of a repository."""
    (root / ".git").mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return {name: SourceFile(name, text, root / name) for name, text in files.items()}


def test_command_line_goes_before_everything(tmp_path: Path) -> None:
    files = written(tmp_path, {"kustomization.yaml": "namespace: shop\nresources: [a.yaml]", "a.yaml": ""})
    given = Kustomizations("given", files.values())
    assert given.namespace(files["a.yaml"]) == "given"
    assert given.namespace(SourceFile("<stdin>", "")) == "given"


def test_nothing_says_it(tmp_path: Path) -> None:
    files = written(tmp_path, {"a.yaml": ""})
    assert Kustomizations(None).namespace(files["a.yaml"]) is None
    assert Kustomizations(None).namespace(SourceFile("<stdin>", "")) is None


@pytest.mark.parametrize("name", ["kustomization.yaml", "kustomization.yml", "Kustomization"])
def test_kustomization_beside_the_file(tmp_path: Path, name: str) -> None:
    files = written(tmp_path, {f"k/{name}": "namespace: shop\nresources: [a.yaml]", "k/a.yaml": "", "k/b.yaml": ""})
    assert Kustomizations(None).namespace(files["k/a.yaml"]) == "shop"
    assert Kustomizations(None).namespace(files["k/b.yaml"]) is None


@pytest.mark.parametrize(
    ("outer", "inner", "expected"),
    [
        ("namespace: out\nresources: [k]", "resources: [a.yaml]", "out"),
        ("namespace: out\nresources: [./k/]", "resources: [./a.yaml]", "out"),
        ("namespace: out\nbases: [k]", "resources: [a.yaml]", "out"),
        ("namespace: out\ncomponents: [k]", "resources: [a.yaml]", "out"),
        ("namespace: out\nresources: [k]", "namespace: in\nresources: [a.yaml]", "in"),
        ("namespace: out\nresources: [k/a.yaml]", "namespace: in\nresources: [a.yaml]", "in"),
        ("namespace: out\nresources: [k/a.yaml]", "namespace: in", "out"),
        ("namespace: out\nresources: [other]", "resources: [a.yaml]", None),
        ("namespace: out\nresources: [k]", "resources: [b.yaml]", None),
        ("namespace: ''\nresources: [k]", "resources: [a.yaml]", None),
        ("namespace: ${NS}\nresources: [k]", "resources: [a.yaml]", None),
        ("namespace: [\nresources: [k]", "resources: [a.yaml]", None),
    ],
)
def test_kustomizations_above(tmp_path: Path, outer: str, inner: str, expected: str | None) -> None:
    files = written(tmp_path, {"kustomization.yaml": outer, "k/kustomization.yaml": inner, "k/a.yaml": ""})
    assert Kustomizations(None).namespace(files["k/a.yaml"]) == expected
    assert Kustomizations(None, files.values()).namespace(files["k/a.yaml"]) == expected


def test_kustomization_above_the_repository_is_not_asked(tmp_path: Path) -> None:
    (tmp_path / "kustomization.yaml").write_text("namespace: out\nresources: [repo/a.yaml]", encoding="utf-8")
    files = written(tmp_path / "repo", {"a.yaml": ""})
    assert Kustomizations(None).namespace(files["a.yaml"]) is None


BASE = {"base/kustomization.yaml": "resources: [a.yaml]", "base/a.yaml": ""}


@pytest.mark.parametrize(
    ("overlays", "expected"),
    [
        ({"prod/kustomization.yaml": "namespace: prod\nresources: [../base]"}, "prod"),
        (
            {
                "prod/kustomization.yaml": "namespace: prod\nresources: [../base]",
                "stage/kustomization.yaml": "namespace: stage\nresources: [../base]",
            },
            None,
        ),
        (
            {
                "prod/kustomization.yaml": "namespace: one\nresources: [../base]",
                "stage/kustomization.yaml": "namespace: one\nresources: [../base]",
            },
            "one",
        ),
        (
            {
                "mid/kustomization.yaml": "resources: [../base]",
                "prod/kustomization.yaml": "namespace: prod\nresources: [../mid]",
            },
            "prod",
        ),
        ({"prod/kustomization.yaml": "namespace: prod\nresources: ['https://example.com/base']"}, None),
    ],
)
def test_base_takes_the_namespace_its_overlays_agree_on(
    tmp_path: Path, overlays: dict[str, str], expected: str | None
) -> None:
    files = written(tmp_path, {**BASE, **overlays})
    assert Kustomizations(None, files.values()).namespace(files["base/a.yaml"]) == expected


def test_overlay_outside_the_input_does_not_count(tmp_path: Path) -> None:
    overlay = "namespace: prod\nresources: [../base]"
    files = written(tmp_path, {**BASE, "prod/kustomization.yaml": overlay})
    assert Kustomizations(None, [files["base/a.yaml"]]).namespace(files["base/a.yaml"]) is None


def test_kustomizations_that_list_each_other(tmp_path: Path) -> None:
    files = written(
        tmp_path,
        {
            "one/kustomization.yaml": "resources: [a.yaml, ../two]",
            "two/kustomization.yaml": "resources: [../one]",
            "one/a.yaml": "",
        },
    )
    assert Kustomizations(None, files.values()).namespace(files["one/a.yaml"]) is None


@pytest.mark.parametrize(
    ("kustomization", "patch"),
    [
        ("patches: [{path: p.yaml}]", True),
        ("patches: [{path: ./p.yaml, target: {kind: Deployment}}]", True),
        ("patchesStrategicMerge: [p.yaml]", True),
        ("patchesJson6902: [{path: p.yaml, target: {kind: Deployment, name: web}}]", True),
        ("patches: [{path: p.yaml}]\nresources: [p.yaml]", False),
        ("resources: [p.yaml]", False),
        ("patches: [{patch: p.yaml}]", False),
        ("patches: p.yaml", False),
        ("patches: [", False),
    ],
)
def test_patches(tmp_path: Path, kustomization: str, patch: bool) -> None:
    files = written(tmp_path, {"prod/kustomization.yaml": kustomization, "prod/p.yaml": ""})
    assert Kustomizations(None, files.values()).is_patch(files["prod/p.yaml"]) is patch
    assert Kustomizations(None).is_patch(files["prod/p.yaml"]) is patch, "also where only the patch is given"


def test_patch_that_lies_elsewhere(tmp_path: Path) -> None:
    files = written(tmp_path, {"prod/kustomization.yaml": "patches: [{path: ../shared/p.yaml}]", "shared/p.yaml": ""})
    assert Kustomizations(None, files.values()).is_patch(files["shared/p.yaml"])
    assert not Kustomizations(None).is_patch(files["shared/p.yaml"])
    assert not Kustomizations(None).is_patch(SourceFile("<stdin>", ""))
