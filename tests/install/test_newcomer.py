"""A newcomer's path: a new rule is one new folder, and nothing else in the repository changes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from subprocess import CompletedProcess

import pytest
from program import meshlint
from working_tree import git

FOLDER = "rules/mtls/mtls_mode_unset"
RULE = "mtls-mode-unset"

CHECK = """\
from collections.abc import Iterator

from meshlint.rule import Problem, Resource


def check(policy: Resource) -> Iterator[Problem]:
    if policy.get("spec", "mtls", "mode") is None:
        yield Problem(policy.at("spec", "mtls", "mode"), policy=policy)
"""
METADATA = """\
title: PeerAuthentication sets no mode
severity: warning
confidence: high
audience: regular
meshes: [istio]
kinds: [PeerAuthentication.security.istio.io]
message: "{policy} says nothing about mTLS, so its workloads keep the mode they had."
remediation: Set spec.mtls.mode, or delete the policy.
"""
BAD = """\
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: shop}
spec:
  mtls: {} # expect: mtls-mode-unset warning high
"""
GOOD = BAD.replace("{} # expect: mtls-mode-unset warning high", "{mode: STRICT}")


@pytest.fixture
def begun(checkout: Path) -> Path:
    """The checkout with a new rule as `meshlint new` writes it."""
    written = run(checkout, "new", "mtls/mtls-mode-unset", "--kind", "PeerAuthentication.security.istio.io")
    assert written.returncode == 0, written.stderr
    assert written.stdout.splitlines()[-1] == f"Next: meshlint test {FOLDER}"
    return checkout


@pytest.fixture
def contributed(begun: Path) -> Path:
    """The same after it was changed into the rule that is meant."""
    (begun / FOLDER / "check.py").write_text(CHECK)
    (begun / FOLDER / "rule.yaml").write_text(METADATA)
    (begun / FOLDER / "examples" / "bad_example.yaml").write_text(BAD)
    (begun / FOLDER / "examples" / "good_example.yaml").write_text(GOOD)
    readme = begun / FOLDER / "README.md"
    _, _, rest = readme.read_text().partition("\n")
    readme.write_text(f"# PeerAuthentication sets no mode\n{rest}")
    return begun


def run(checkout: Path, *arguments: str) -> CompletedProcess[str]:
    """The program of the checkout, not the one the tests run in."""
    return meshlint(*arguments, cwd=checkout, PYTHONPATH=str(checkout / "src"))


def test_it_begins_as_a_rule_that_passes_every_test_of_a_rule(begun: Path) -> None:
    assert run(begun, "test", FOLDER).returncode == 0
    words = "-m pytest -vv tests/test_house.py tests/test_rules.py -k mtls_mode_unset"
    env = {**os.environ, "PYTHONPATH": str(begun / "src")}
    house = subprocess.run(
        [sys.executable, *words.split()], cwd=begun, env=env, capture_output=True, encoding="utf-8", check=False
    )
    assert house.returncode == 0, house.stdout
    assert "tests/test_house.py::test_the_readme_has_the_sections[mtls_mode_unset] PASSED" in house.stdout
    assert "tests/test_rules.py::test_examples[mtls_mode_unset] PASSED" in house.stdout


def test_its_examples_fail_until_they_are_changed_too(begun: Path) -> None:
    (begun / FOLDER / "check.py").write_text(CHECK)
    (begun / FOLDER / "rule.yaml").write_text(METADATA)
    tested = run(begun, "test", FOLDER)
    assert tested.returncode == 1
    assert "good_example.yaml:1: mtls-mode-unset was found in a good example" in tested.stdout


def test_it_is_tested(contributed: Path) -> None:
    tested = run(contributed, "test", FOLDER)
    assert (tested.returncode, tested.stdout.splitlines()) == (
        0,
        ["ok    mtls_mode_unset/examples/bad_example.yaml", "ok    mtls_mode_unset/examples/good_example.yaml"],
    ), tested.stderr


def test_it_is_listed_and_explained(contributed: Path) -> None:
    listed = json.loads(run(contributed, "rules", "--format", "json").stdout)
    (entry,) = [entry for entry in listed if entry["id"] == RULE]
    assert (entry["category"], entry["title"], entry["severity"]) == (
        "mtls",
        "PeerAuthentication sets no mode",
        "warning",
    )
    explained = run(contributed, "explain", RULE).stdout.splitlines()
    assert explained[0] == "# PeerAuthentication sets no mode"
    assert explained[2] == "`mtls-mode-unset` · mtls · warning · high confidence · regular"


def test_it_finds_and_is_in_sarif(contributed: Path) -> None:
    checked = run(contributed, "check", "--select", RULE, "--format", "sarif", f"{FOLDER}/examples/bad_example.yaml")
    assert checked.returncode == 1, checked.stderr
    (sarif,) = json.loads(checked.stdout)["runs"]
    assert [rule["id"] for rule in sarif["tool"]["driver"]["rules"]] == [RULE]
    (result,) = sarif["results"]
    place = result["locations"][0]["physicalLocation"]
    assert result["ruleId"] == RULE
    assert place["artifactLocation"]["uri"] == f"{FOLDER}/examples/bad_example.yaml"
    assert (place["region"]["startLine"], place["region"]["startColumn"]) == (5, 3)
    assert result["message"]["text"] == (
        "PeerAuthentication shop/default says nothing about mTLS, so its workloads keep the mode they had."
    )


def test_nothing_else_in_the_repository_changed(contributed: Path) -> None:
    run(contributed, "test", FOLDER)
    run(contributed, "check", "--exit-zero", "examples")
    assert git("status", "--porcelain", cwd=contributed) == f"?? {FOLDER}/\n"
