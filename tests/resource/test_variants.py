"""How an input is split where its files define one key differently (term `variant`)."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from meshlint.resource.resource import Resource
from meshlint.resource.variants import split

Objects = Callable[[dict[str, str]], list[Resource]]


def service(name: str, **spec: object) -> str:
    return f"apiVersion: v1\nkind: Service\nmetadata: {{name: {name}}}\nspec: {spec}\n---\n"


def described(resources: list[Resource]) -> dict[str, list[str]]:
    """Per variant the objects as FILE:NAME."""
    return {
        variant.label: [f"{resource.document.file.name}:{resource.name}" for resource in variant.resources]
        for variant in split(resources)
    }


def test_no_collision_is_one_variant(objects: Objects) -> None:
    files = {"b/x.yaml": service("one") + service("two"), "a/x.yaml": service("three")}
    assert described(objects(files)) == {"": ["a/x.yaml:three", "b/x.yaml:one", "b/x.yaml:two"]}
    assert described([]) == {"": []}


def test_equal_definitions_count_once_at_the_first_file(objects: Objects) -> None:
    files = {
        "b.yaml": "kind: Service\napiVersion: v1\nspec: {a: 1, b: 2}\nmetadata: {name: one}\n",
        "a.yaml": "apiVersion: v1\nkind: Service\nmetadata: {name: one}\nspec: {b: 2, a: 1}\n",
    }
    assert described(objects(files)) == {"": ["a.yaml:one"]}


@pytest.mark.parametrize(("one", "other"), [("1", "true"), ("1", "'1'"), ("'${X}'", "'x'"), ("[1, 2]", "[2, 1]")])
def test_definitions_that_look_alike_differ(objects: Objects, one: str, other: str) -> None:
    text = "apiVersion: v1\nkind: Service\nmetadata: {name: one}\nspec: {value: %s}\n"
    assert described(objects({"a.yaml": text % one, "b.yaml": text % other})) == {
        "a.yaml": ["a.yaml:one"],
        "b.yaml": ["b.yaml:one"],
    }


def test_last_definition_in_a_file_wins(objects: Objects) -> None:
    files = {"a.yaml": service("one", a=1) + service("two") + service("one", a=2), "b.yaml": service("one", a=2)}
    (variant,) = split(objects(files))
    assert [(r.document.file.name, r.name, r.get("spec")) for r in variant.resources] == [
        ("a.yaml", "two", {}),
        ("a.yaml", "one", {"a": 2}),
    ]


def test_overlays_are_variants_and_the_rest_is_in_all(objects: Objects) -> None:
    files = {
        "base/all.yaml": service("shared"),
        "overlays/prod/a.yaml": service("one", env="prod"),
        "overlays/prod/b.yaml": service("two", env="prod"),
        "overlays/prod/only.yaml": service("three"),
        "overlays/staging/a.yaml": service("one", env="staging"),
        "overlays/staging/b.yaml": service("two", env="staging"),
    }
    both = ["base/all.yaml:shared"]
    assert described(objects(files)) == {
        "overlays/prod": [
            *both,
            "overlays/prod/a.yaml:one",
            "overlays/prod/b.yaml:two",
            "overlays/prod/only.yaml:three",
        ],
        "overlays/staging": [
            *both,
            "overlays/prod/only.yaml:three",
            "overlays/staging/a.yaml:one",
            "overlays/staging/b.yaml:two",
        ],
    }


def test_files_of_one_directory_stay_together(objects: Objects) -> None:
    """`staging/b` collides with `test` only, and still goes with `staging/a`."""
    files = {
        "prod/a.yaml": service("one", env="prod"),
        "staging/a.yaml": service("one", env="staging"),
        "staging/b.yaml": service("two", env="staging"),
        "test/b.yaml": service("two", env="test"),
    }
    assert described(objects(files)) == {
        "prod, test": ["prod/a.yaml:one", "test/b.yaml:two"],
        "staging": ["staging/a.yaml:one", "staging/b.yaml:two"],
    }


def test_related_directories_stay_together(objects: Objects) -> None:
    files = {
        "dev/mesh/b.yaml": service("two", env="dev"),
        "prod/apps/a.yaml": service("one", env="prod"),
        "prod/mesh/b.yaml": service("two", env="prod"),
        "qa/apps/a.yaml": service("one", env="qa"),
    }
    assert described(objects(files)) == {
        "dev, qa": ["dev/mesh/b.yaml:two", "qa/apps/a.yaml:one"],
        "prod": ["prod/apps/a.yaml:one", "prod/mesh/b.yaml:two"],
    }


def test_files_without_a_directory_and_absolute_ones(objects: Objects) -> None:
    files = {"a.yaml": service("one", v=1), "/tmp/a.yaml": service("one", v=2), "/tmp/b.yaml": service("two")}
    assert described(objects(files)) == {
        "/tmp": ["/tmp/a.yaml:one", "/tmp/b.yaml:two"],
        "a.yaml": ["/tmp/b.yaml:two", "a.yaml:one"],
    }


def test_files_of_one_directory_that_collide_are_named(objects: Objects) -> None:
    files = {
        "k/blue.yaml": service("one", color="blue"),
        "k/green.yaml": service("one", color="green"),
        "k/more.yaml": service("two"),
    }
    assert described(objects(files)) == {
        "k/blue.yaml": ["k/blue.yaml:one", "k/more.yaml:two"],
        "k/green.yaml": ["k/green.yaml:one", "k/more.yaml:two"],
    }


def test_every_variant_has_one_of_the_alternates_of_a_folder(objects: Objects) -> None:
    """What `gate` leaves open, one of `locks` closes; `other` only some have, as no folder has all that say it."""
    files = {
        "gate/x.yaml": service("gate"),
        "locks/blue.yaml": service("lock", color="blue"),
        "locks/green.yaml": service("lock", color="green"),
        "dev/x.yaml": service("one", at="dev") + service("other", at="dev"),
        "prod/x.yaml": service("one", at="prod") + service("other", at="prod"),
        "qa/x.yaml": service("one", at="qa"),
    }
    assert described(objects(files)) == {
        "dev, locks/blue.yaml": ["dev/x.yaml:one", "dev/x.yaml:other", "gate/x.yaml:gate", "locks/blue.yaml:lock"],
        "locks/green.yaml, prod": ["gate/x.yaml:gate", "locks/green.yaml:lock", "prod/x.yaml:one", "prod/x.yaml:other"],
        "qa": ["gate/x.yaml:gate", "locks/blue.yaml:lock", "qa/x.yaml:one"],
    }


def test_files_that_agree_share_a_variant(objects: Objects) -> None:
    """Equal definitions do not collide: the third file joins the first, and its copy counts once."""
    files = {
        "a/x.yaml": service("one", v=1),
        "b/x.yaml": service("one", v=2),
        "c/x.yaml": service("one", v=1) + service("two"),
    }
    assert described(objects(files)) == {
        "a, c": ["a/x.yaml:one", "c/x.yaml:two"],
        "b": ["b/x.yaml:one"],
    }


def test_a_chain_of_collisions_needs_two_variants(objects: Objects) -> None:
    """a-c-d-b: whoever collides most chooses first."""
    files = {
        "a/x.yaml": service("one", at="a"),
        "b/x.yaml": service("two", at="b"),
        "c/x.yaml": service("one", at="c") + service("three", at="c"),
        "d/x.yaml": service("two", at="d") + service("three", at="d"),
    }
    assert list(described(objects(files))) == ["a, d", "b, c"]


def test_long_labels_are_cut(objects: Objects) -> None:
    files = {f"{name}/x.yaml": service(f"s{i}", v=i) for i, name in enumerate("bcdef")}
    everything = "".join(service(f"s{i}", v="other") for i in range(5))
    assert list(described(objects({"a/x.yaml": everything, **files}))) == ["a", "b, c, d and 2 more"]


def test_input_order_makes_no_difference(objects: Objects) -> None:
    texts = {f"{d}/{n}.yaml": service(n, at=d) + service(f"{d}-{n}") for d in "abcd" for n in "xyz"}
    resources = objects(texts)
    expected = described(resources)
    for seed in range(5):
        shuffled = random.Random(seed).sample(resources, len(resources))
        assert described(shuffled) == expected
    assert list(expected) == ["a", "b", "c", "d"]
