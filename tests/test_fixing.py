"""Which fixes are taken together, which are refused, and that it ends; with rules about the labels of Services."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from meshlint import fixing, pipeline
from meshlint.config import Config
from meshlint.finding import Safety
from meshlint.report.report import Report
from meshlint.rule import catalog
from meshlint.rule.rule import Rule
from meshlint.source import yaml
from meshlint.source.document import SourceFile

YAML = """\
title: A test rule
severity: {severity}
confidence: high
audience: regular
meshes: [istio]
kinds: [Service]
message: A test.
remediation: None.
fix: {{description: mend it, safety: {safety}}}
"""
CHECK = """\
from collections.abc import Iterator

from meshlint.finding import Confidence
from meshlint.resource.resource import Resource
from meshlint.rule.rule import Problem
from meshlint.source.change import Put, Remove


def check(service: Resource) -> Iterator[Problem]:
    labels = service.at("metadata", "labels")
    value = service.labels.get
    if {condition}:
        yield Problem(labels, confidence={confidence}, fix=[{fix}])
"""


def put(name: str, value: str) -> str:
    return f'Put(service.at("metadata", "labels", "{name}"), "{value}")'


class Lab:
    """Rules, and one input that they lint; `lints` are the texts that were tried."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.rules: list[Rule] = []
        self.lints: list[Mapping[str, str]] = []

    def rule(
        self, id: str, condition: str, *fixes: str, severity: str = "warning", safety: str = "safe", sure: str = "True"
    ) -> None:
        folder = self.folder / "rules" / "lab" / id
        folder.mkdir(parents=True)
        confidence = f"Confidence.HIGH if {sure} else Confidence.LOW"
        (folder / "rule.yaml").write_text(YAML.format(severity=severity, safety=safety))
        (folder / "check.py").write_text(CHECK.format(condition=condition, confidence=confidence, fix=", ".join(fixes)))
        self.rules.append(catalog.rule(str(folder)))

    def fix(self, *labels: str, safeties: set[Safety] | None = None, locked: str = "") -> fixing.Fixed:
        """What becomes of Services `0`, `1`, …, each with these labels in a file of its own."""
        for number, text in enumerate(labels):
            service = (
                f"apiVersion: v1\nkind: Service\nmetadata:\n  name: s{number}\n  namespace: shop\n  labels: {text}\n"
            )
            (self.folder / f"{number}.yaml").write_text(service)
        given = pipeline.read([str(self.folder / f"{number}.yaml") for number in range(len(labels))], Config())

        def lint(texts: Mapping[str, str]) -> Report:
            self.lints.append(texts)
            edited = pipeline.edited(given, texts, Config())
            return pipeline.judged(edited, Config(), pipeline.Thresholds(), self.rules, [r.info.id for r in self.rules])

        def reason(file: SourceFile) -> str | None:
            return "locked" if locked and file.name.endswith(locked) else None

        self.done = fixing.fix(lint({}), lint, (), safeties or set(Safety), reason)
        self.texts = {file.name: self.done.texts.get(file.name, file.text) for file in given.files}
        return self.done

    @property
    def labels(self) -> list[dict[str, str]]:
        """The labels of each Service afterwards."""
        documents = (yaml.load(SourceFile(name, text)).documents[0] for name, text in self.texts.items())
        return [document.data["metadata"]["labels"] for document in documents]

    @property
    def mended(self) -> list[str]:
        return [finding.rule.id for finding in self.done.findings]

    @property
    def refused(self) -> list[tuple[str, str]]:
        return [(refused.finding.rule.id, refused.reason) for refused in self.done.refused]


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab(tmp_path)


def test_fixes_of_different_places_are_one_step(lab: Lab) -> None:
    lab.rule("a", "value('a') == '1'", put("a", "2"))
    lab.rule("b", "value('b') == '1'", put("b", "2"))
    lab.fix("{a: '1', z: x, b: '1'}", "{a: '1'}")
    assert lab.labels == [{"a": "2", "z": "x", "b": "2"}, {"a": "2"}]
    assert (lab.mended, len(lab.lints)) == (["a", "b", "a"], 2)


def test_two_insertions_at_one_place_are_two_steps(lab: Lab) -> None:
    lab.rule("a", "not value('a')", put("a", "2"))
    lab.rule("b", "not value('b')", put("b", "2"))
    lab.fix("{z: x}")
    assert lab.labels == [{"z": "x", "a": "2", "b": "2"}]
    assert (lab.mended, len(lab.lints)) == (["a", "b"], 3)


def test_of_two_fixes_of_one_value_the_first_is_made(lab: Lab) -> None:
    lab.rule("a", "value('a') == '1'", put("a", "2"))
    lab.rule("b", "value('a') == '1'", put("a", "3"), put("b", "3"))
    lab.fix("{a: '1'}")
    assert (lab.labels, lab.mended, lab.refused) == ([{"a": "2"}], ["a"], [])


def test_what_a_fix_makes_possible_is_done_too(lab: Lab) -> None:
    lab.rule("a", "value('a') == '1'", put("a", "2"), severity="error")
    lab.rule("b", "value('a') == '2'", put("a", "3"))
    lab.fix("{a: '1'}")
    assert (lab.labels, lab.mended) == ([{"a": "3"}], ["a", "b"])


@pytest.mark.parametrize(("brought", "kept"), [("info", True), ("warning", False), ("error", False)])
def test_a_fix_that_brings_something_as_bad_is_refused_and_the_others_are_made(
    lab: Lab, brought: str, kept: bool
) -> None:
    lab.rule("a", "value('a') == '1'", put("a", "2"))
    lab.rule("b", "value('b') == '1'", put("b", "2"))
    lab.rule("worse", "value('a') == '2'", severity=brought)
    lab.fix("{a: '1', z: x, b: '1'}", "{b: '1'}", "{b: '1'}")
    assert lab.labels == [{"a": "2" if kept else "1", "z": "x", "b": "2"}, {"b": "2"}, {"b": "2"}]
    told = f"it would bring {brought}[worse] of Service shop/s0"
    assert lab.refused == ([] if kept else [("a", told)])


def test_what_was_there_before_is_not_new_even_if_it_was_hidden(lab: Lab) -> None:
    lab.rule("a", "value('a') == '1'", put("a", "2"))
    lab.rule("worse", "True", severity="error", sure="value('a') == '2'")
    lab.fix("{a: '1'}")
    assert (lab.labels, lab.mended) == ([{"a": "2"}], ["a"])


def test_a_fix_that_mends_nothing_is_refused(lab: Lab) -> None:
    lab.rule("a", "True", put("a", "2"))
    lab.fix("{a: '1'}")
    assert (lab.labels, lab.refused) == ([{"a": "1"}], [("a", "the finding would stay")])


def test_a_fix_that_only_hides_its_finding_is_refused(lab: Lab) -> None:
    lab.rule("a", "True", put("a", "2"), sure="value('a') == '1'")
    lab.fix("{a: '1'}")
    assert (lab.labels, lab.refused) == ([{"a": "1"}], [("a", "the finding would stay")])


def test_what_was_refused_is_tried_again_when_others_are_mended(lab: Lab) -> None:
    lab.rule("a", "value('a') == '1'", put("a", "2"))
    lab.rule("b", "value('b') == '1'", put("b", "2"))
    lab.rule("c", "value('b') == '2'", put("b", "3"), severity="info")
    lab.rule("worse", "value('a') == '2' and value('b') != '3'", severity="error")
    lab.fix("{a: '1', z: x, b: '1'}")
    assert (lab.labels, lab.mended, lab.refused) == ([{"a": "2", "z": "x", "b": "3"}], ["b", "c", "a"], [])


def test_only_wanted_safeties_are_applied(lab: Lab) -> None:
    lab.rule("a", "value('a') == '1'", put("a", "2"))
    lab.rule("b", "value('b') == '1'", put("b", "2"), safety="unsafe")
    lab.fix("{a: '1', z: x, b: '1'}", safeties={Safety.SAFE})
    assert (lab.labels, lab.mended) == ([{"a": "2", "z": "x", "b": "1"}], ["a"])


def test_a_locked_file_is_not_edited(lab: Lab) -> None:
    lab.rule("a", "value('a') == '1'", put("a", "2"))
    lab.fix("{a: '1'}", "{a: '1'}", locked="0.yaml")
    assert (lab.labels, lab.refused) == ([{"a": "1"}, {"a": "2"}], [("a", "locked")])


def test_edits_that_are_right_one_by_one_and_wrong_together_are_not_made_together(lab: Lab) -> None:
    """Without both entries the mapping would be null."""
    lab.rule("a", "value('a')", 'Remove(service.at("metadata", "labels", "a"))')
    lab.rule("b", "value('b')", 'Remove(service.at("metadata", "labels", "b"))')
    lab.fix("\n    a: '1'\n\n    # between\n\n    b: '1'")
    assert (lab.labels, lab.mended) == ([{}], ["a", "b"])


def test_fixes_that_undo_each_other_end_the_run(lab: Lab) -> None:
    """`b` was there before it was shown, so that it may come; what it brings is milder."""
    lab.rule("z", "value('a') == '1'", put("a", "2"))
    lab.rule("c", "value('c') == '1'", put("c", "2"))
    lab.rule("b", "value('a') == '2'", put("a", "1"), put("c", "1"), severity="error", sure="value('c') == '2'")
    with pytest.raises(fixing.EndlessFixes) as error:
        lab.fix("{a: '1', z: x, c: '1'}")
    assert (
        str(error.value) == "the fixes of b and c and z undo each other, so nothing was written; --ignore one of them"
    )


def test_rules_that_undo_each_other_are_held_apart(lab: Lab) -> None:
    lab.rule("a", "value('a') == '1'", put("a", "2"))
    lab.rule("b", "value('a') == '2'", put("a", "1"))
    lab.fix("{a: '1'}")
    assert lab.refused == [("a", "it would bring warning[b] of Service shop/s0")]


def test_many_fixes_and_one_to_blame_take_few_steps(lab: Lab) -> None:
    lab.rule("a", "value('a') == '1'", put("a", "2"))
    lab.rule("worse", "value('a') == '2' and service.name == 's20'", severity="error")
    lab.fix(*["{a: '1'}"] * 40)
    assert [labels["a"] for labels in lab.labels].count("2") == 39
    assert lab.refused == [("a", "it would bring error[worse] of Service shop/s20")]
    assert len(lab.lints) == 4, "the first report, all of them, all but the suspect, the suspect"


def test_many_fixes_that_are_all_to_blame_take_few_steps(lab: Lab) -> None:
    lab.rule("a", "value('a') == '1'", put("a", "2"))
    lab.rule("worse", "value('a') == '2'", severity="error")
    lab.fix(*["{a: '1'}"] * 20)
    assert [labels["a"] for labels in lab.labels] == ["1"] * 20
    assert lab.refused == [
        ("a", f"it would bring error[worse] of Service shop/s{n}") for n in sorted(range(20), key=str)
    ]
    assert len(lab.lints) == 2, "the first report, and all of them"


def test_of_several_fixes_of_each_object_those_to_blame_are_found_together(lab: Lab) -> None:
    lab.rule("a", "value('a') == '1'", put("a", "2"))
    lab.rule("b", "value('b') == '1'", put("b", "2"))
    lab.rule("worse", "value('b') == '2'", severity="error")
    lab.fix(*["{a: '1', z: x, b: '1'}"] * 20)
    assert lab.labels == [{"a": "2", "z": "x", "b": "1"}] * 20
    assert lab.refused == [
        ("b", f"it would bring error[worse] of Service shop/s{n}") for n in sorted(range(20), key=str)
    ]
    assert len(lab.lints) == 5, "the first report, all, the second of each, the first of each, and the second again"


def test_what_is_milder_than_what_a_fix_mends_is_nobodys_fault(lab: Lab) -> None:
    """Not even in a step with a fix that mends less."""
    lab.rule("a", "value('a') == '1'", put("a", "2"), severity="error")
    lab.rule("b", "value('b') == '1'", put("b", "2"), severity="info")
    lab.rule("milder", "value('a') == '2'")
    lab.rule("worse", "value('b') == '2'")
    lab.fix("{a: '1'}", "{b: '1'}")
    assert (lab.labels, lab.mended) == ([{"a": "2"}, {"b": "1"}], ["a"])
    assert lab.refused == [("b", "it would bring warning[worse] of Service shop/s1")]
