"""A newcomer's path: a new rule is one new folder, and nothing else in the repository changes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from subprocess import CompletedProcess

import pytest
from program import meshlint
from working_tree import git

TEMPLATE = "rules/mtls/port_mtls_without_selector"
FOLDER = "rules/mtls/mtls_mode_unset"
RULE = "mtls-mode-unset"

CHECK = """\
from collections.abc import Iterator

from meshlint.resource.resource import Resource
from meshlint.rule.rule import Problem


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
def copied(checkout: Path) -> Path:
    """The checkout after a rule folder was copied under a new name and its check was changed."""
    shutil.copytree(checkout / TEMPLATE, checkout / FOLDER)
    (checkout / FOLDER / "check.py").write_text(CHECK)
    (checkout / FOLDER / "rule.yaml").write_text(METADATA)
    return checkout


@pytest.fixture
def contributed(copied: Path) -> Path:
    """The same after its examples and its README were changed, too."""
    examples = copied / FOLDER / "examples"
    shutil.rmtree(examples)
    examples.mkdir()
    (examples / "bad_empty.yaml").write_text(BAD)
    (examples / "good_strict.yaml").write_text(GOOD)
    readme = copied / FOLDER / "README.md"
    _, _, rest = readme.read_text().partition("\n")
    readme.write_text(f"# PeerAuthentication sets no mode\n{rest}")
    return copied


def run(checkout: Path, *arguments: str) -> CompletedProcess[str]:
    """The program of the checkout, not the one the tests run in."""
    return meshlint(*arguments, cwd=checkout, PYTHONPATH=str(checkout / "src"))


def test_the_examples_of_the_copied_rule_fail_until_they_are_changed(copied: Path) -> None:
    tested = run(copied, "test", FOLDER)
    assert tested.returncode == 1
    assert "no line says `# expect: mtls-mode-unset`" in tested.stdout


def test_it_is_tested(contributed: Path) -> None:
    tested = run(contributed, "test", FOLDER)
    assert (tested.returncode, tested.stdout.splitlines()) == (
        0,
        ["ok    mtls_mode_unset/examples/bad_empty.yaml", "ok    mtls_mode_unset/examples/good_strict.yaml"],
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
    checked = run(contributed, "check", "--select", RULE, "--format", "sarif", f"{FOLDER}/examples/bad_empty.yaml")
    assert checked.returncode == 1, checked.stderr
    (sarif,) = json.loads(checked.stdout)["runs"]
    assert [rule["id"] for rule in sarif["tool"]["driver"]["rules"]] == [RULE]
    (result,) = sarif["results"]
    place = result["locations"][0]["physicalLocation"]
    assert result["ruleId"] == RULE
    assert place["artifactLocation"]["uri"] == f"{FOLDER}/examples/bad_empty.yaml"
    assert (place["region"]["startLine"], place["region"]["startColumn"]) == (5, 3)
    assert result["message"]["text"] == (
        "PeerAuthentication shop/default says nothing about mTLS, so its workloads keep the mode they had."
    )


def test_nothing_else_in_the_repository_changed(contributed: Path) -> None:
    run(contributed, "test", FOLDER)
    run(contributed, "check", "--exit-zero", "examples")
    assert git("status", "--porcelain", cwd=contributed) == f"?? {FOLDER}/\n"
