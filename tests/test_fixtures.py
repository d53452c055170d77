"""Whole meshes, laid out like real repositories: what must be found in them, and nothing else."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from meshes import WHOLE, manifests, name
from program import meshlint

from meshlint.rule import catalog

FIXTURES = Path(__file__).parent / "fixtures"
TOLD_TWICE = {
    "authorization-policy-does-not-restrict-egress",
    "default-retries-on-generation-route",
    "destinationrule-policy-dropped-in-merge",
    "egress-unrestricted",
    "mtls-disabled-on-port",
    "path-wildcard-matched-literally",
    "per-try-timeout-is-not-retried",
    "per-try-timeout-shorter-than-first-token",
    "port-accepts-plaintext",
    "port-mtls-without-selector",
    "retries-outlast-timeout",
    "retry-conditions-never-match",
    "retry-on-generation-route",
    "rewrite-leaves-double-slash",
    "timeout-cuts-streaming-response",
    "uri-wildcard-matched-literally",
    "virtualservice-shadowed-by-another",
    "virtualservice-without-catch-all",
    "zero-timeout-does-not-disable",
}

_EXPECT = re.compile(
    r"# expect: (?P<rule>[a-z0-9-]+)(?P<axes>(?: (?:error|warning|info|high|medium|low))*)(?= # expect|$)"
)

Found = dict[tuple[str, int, str], set[str]]
"""File, line and rule; with it severity and confidence, as far as they are told."""


def expected(mesh: Path) -> Found:
    found: Found = {}
    for file in manifests(mesh):
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
            for match in _EXPECT.finditer(line):
                found[file.relative_to(mesh).as_posix(), number, match["rule"]] = set(match["axes"].split())
    return found


def check(mesh: Path, *options: str) -> Found:
    run = meshlint("check", "--exit-zero", "--format", "json", *options, cwd=mesh)
    assert run.returncode == 0, run.stderr
    return {
        (f["location"]["file"], f["location"]["startLine"], f["rule"]): {f["severity"], f["confidence"]}
        for f in json.loads(run.stdout)["findings"]
    }


@pytest.mark.parametrize("mesh", [mesh for mesh in WHOLE if FIXTURES in mesh.parents], ids=name)
def test_an_auditor_is_told_exactly_what_is_expected(mesh: Path) -> None:
    wanted, found = expected(mesh), check(mesh, "--audience", "auditor", "--min-confidence", "low")
    assert found.keys() == wanted.keys()
    assert {place: found[place] & axes for place, axes in wanted.items()} == wanted


def test_every_rule_has_two_findings_to_make() -> None:
    rules = [rule for _, _, rule in expected(FIXTURES / "llm-platform")]
    assert {rule for rule in rules if rules.count(rule) >= 2} >= TOLD_TWICE


def test_every_rule_is_told_in_some_mesh() -> None:
    """But for those about text that JSON cannot have, which the metamorphic tests of whole meshes would miss."""
    told = {rule for mesh in WHOLE for _, _, rule in expected(mesh)}
    assert catalog.infos().keys() - told == {"duplicate-key", "suppression-without-reason", "unused-suppression"}


def test_a_clean_platform_is_silent() -> None:
    assert check(FIXTURES / "clean-platform") == {}
