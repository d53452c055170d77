"""The judgements of benchmarks/precision are complete, hold the thresholds, and are what its README says."""

from __future__ import annotations

import json
import re
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from meshlint.rule import catalog

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "benchmarks"))
import precision  # noqa: E402

README = (precision.FOLDER / "README.md").read_text(encoding="utf-8")
JUDGEMENTS = precision.read()
MADE = [judgement for judgement in JUDGEMENTS if not judgement.gone]
PROOF = re.compile(r"[^ ]+\.ya?ml:\d+ `[^`]+`|no .+|setting .+")


def test_the_readme_has_the_tables_of_the_data() -> None:
    assert precision.written(README, JUDGEMENTS) == README
    assert precision.tables(JUDGEMENTS) in README


def test_the_docs_have_the_figures_of_the_data() -> None:
    page = (ROOT / "docs" / "how-we-know.md").read_text(encoding="utf-8")
    real, made = precision.chosen(JUDGEMENTS, "real"), precision.chosen(MADE, "real")
    before = []
    for confidence in precision.CONFIDENCES:
        judged = [j for j in made if j.confidence == confidence]
        true = sum(j.verdict == "true" for j in judged)
        assert re.search(
            rf"^\| {confidence}\b.*\| {true} \| {len(judged)} \| {true / len(judged):.0%}",
            page.replace(" %", "%"),
            re.MULTILINE,
        )
        before.append(f"{precision.precision([j for j in real if j.confidence == confidence]):.0%}".replace("%", " %"))
    assert f"the same judgements gave {before[0]}, {before[1]} and {before[2]};" in " ".join(page.split())
    sure = [j for j in made if j.confidence == "high" and j.verdict == "true"]
    partial = [j for j in sure if j.where.rule == "selected-workloads-not-in-input"]
    assert f"Of the {len(sure)}, {len(partial)} are one rule" in page


def test_a_changed_verdict_changes_the_tables() -> None:
    changed = [judgement._replace(verdict="false") for judgement in JUDGEMENTS[:1]] + JUDGEMENTS[1:]
    assert JUDGEMENTS[0].verdict == "true"
    assert precision.written(README, changed) != README


@pytest.mark.parametrize("origins", [("real",), ("real", "labelled")])
@pytest.mark.parametrize(("confidence", "least"), precision.THRESHOLDS.items())
def test_precision(confidence: str, least: float, origins: tuple[str, ...]) -> None:
    judged = [j for j in precision.chosen(MADE, *origins) if j.confidence == confidence]
    assert precision.precision(judged) >= least


def test_what_the_input_cannot_decide_is_not_true() -> None:
    two = [JUDGEMENTS[0]._replace(verdict=verdict) for verdict in ("true", "undecidable")]
    assert precision.precision(two) == 0.5


def test_enough_is_judged() -> None:
    assert len(precision.chosen(MADE, "real")) >= 150


@pytest.mark.parametrize("file", sorted(precision.FOLDER.glob("*.jsonl")), ids=lambda file: file.stem)
def test_the_judgements_are_complete(file: Path) -> None:
    entries = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    assert entries
    assert [entry for entry in entries if not is_complete(entry)] == []


def is_complete(entry: dict[str, Any]) -> bool:
    proof = entry["proof"]
    named = entry["rule"] in catalog.infos() and all(
        entry[key] for key in ("input", "message", "place", "file", "line")
    )
    known = entry["verdict"] in precision.VERDICTS and entry["confidence"] in precision.CONFIDENCES
    proved = bool(proof["lines"]) and all(PROOF.fullmatch(line) for line in proof["lines"])
    return named and known and proved and proof["why"].endswith(".")


@pytest.mark.parametrize(
    "lines", [[], ["a.yaml:0 words"], ["a.yaml `words`"], ["it is so"], ["a.yaml:3 `words`", "it is so"]]
)
def test_a_claim_without_lines_proves_nothing(lines: list[str]) -> None:
    (first, *_) = (precision.FOLDER / "default.jsonl").read_text(encoding="utf-8").splitlines()
    entry = json.loads(first)
    assert is_complete(entry)
    assert not is_complete({**entry, "proof": {**entry["proof"], "lines": lines}})


def test_nothing_is_judged_twice() -> None:
    twice = Counter((judgement.where, bool(judgement.gone)) for judgement in JUDGEMENTS)
    assert [place for place, times in twice.items() if times > 1] == []


def test_only_what_was_false_is_gone() -> None:
    assert {judgement.verdict for judgement in JUDGEMENTS if judgement.gone} == {"false"}
