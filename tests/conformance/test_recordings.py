"""The model says of our own meshes what the real istiod said: `tests/fixtures/istiod/` holds both."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from agreement import KINDS, compared, read
from click.testing import CliRunner

from meshlint.cli.facts import command

RECORDINGS = Path(__file__).parents[1] / "fixtures" / "istiod"
TOPICS = {path.name.removesuffix(".facts.jsonl"): read(path) for path in sorted(RECORDINGS.glob("*.facts.jsonl"))}
MESHES = [(topic, mesh) for topic, facts in TOPICS.items() for mesh in facts]


def ours(topic: str, mesh: str) -> dict[str, object]:
    path = str(RECORDINGS / topic / f"{mesh}.yaml")
    result = CliRunner().invoke(command, ["--namespace", "default", "--each", path])
    assert result.exit_code == 0, result.output
    facts: dict[str, object] = json.loads(result.stdout)
    return facts


@pytest.mark.parametrize(("topic", "mesh"), MESHES, ids=[f"{topic}-{mesh}" for topic, mesh in MESHES])
def test_istiod_says_the_same(topic: str, mesh: str) -> None:
    facts = ours(topic, mesh)
    found = [d for kind in KINDS for d in compared(TOPICS[topic][mesh], facts, kind).differences if not d.explained]
    assert [str(difference) for difference in found] == []


def test_every_mesh_has_been_asked_about() -> None:
    meshes = {(path.parent.name, path.stem) for path in RECORDINGS.glob("*/*.yaml")}
    assert meshes == set(MESHES)


def test_a_difference_is_noticed() -> None:
    topic, mesh = MESHES[0]
    changed = json.loads(json.dumps(TOPICS[topic][mesh]))
    workload, content = next(iter(changed["workloads"].items()))
    before, content["proxy"] = content["proxy"], "none"
    (difference,) = compared(TOPICS[topic][mesh], changed, "workloads").differences
    assert str(difference) == f'{mesh} workloads {workload}.proxy: istiod "{before}", meshlint "none"'
