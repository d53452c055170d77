"""`meshlint rules`, `explain`, `test`, completion, and what every command does with wrong words."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from program import meshlint

ROOT = Path(__file__).parents[2]
COMMANDS = ["check", "init", "changed", "baseline", "show", "can", "facts", "config", "rules", "explain", "test", "new"]
IDS = sorted(path.parent.name.replace("_", "-") for path in (ROOT / "rules").glob("*/*/rule.yaml"))


def test_rules_lists_every_rule_with_its_axes(tmp_path: Path) -> None:
    lines = meshlint("rules", cwd=tmp_path).stdout.splitlines()
    assert sorted(line.split()[0] for line in lines if line.startswith("  ")) == IDS
    (line,) = [line for line in lines if line.split()[0] == "retry-on-generation-route"]
    assert line.split()[1:] == ["error,", "medium", "Generation", "requests", "are", "retried"]


def test_rules_as_json(tmp_path: Path) -> None:
    entries = {entry["id"]: entry for entry in json.loads(meshlint("rules", "--format", "json", cwd=tmp_path).stdout)}
    assert sorted(entries) == IDS
    assert entries["port-mtls-without-selector"]["equivalents"] == ["IST0106"]
    assert entries["port-mtls-without-selector"]["fix"] is None
    fix = {"description": "set the timeout to the accepted minimum", "safety": "unsafe"}
    assert entries["timeout-cuts-streaming-response"]["fix"] == fix
    assert entries["port-accepts-plaintext"]["options"]["allow"]["default"] == []


@pytest.mark.parametrize("rule", IDS)
def test_explain_prints_the_readme(rule: str, tmp_path: Path) -> None:
    run = meshlint("explain", rule, cwd=tmp_path)
    assert run.returncode == 0
    assert f"`{rule}` · " in run.stdout
    for section in ("What it means", "Why it matters", "How to fix it", "References"):
        assert f"## {section}" in run.stdout


def test_explain_tells_the_fix(tmp_path: Path) -> None:
    run = meshlint("explain", "timeout-cuts-streaming-response", cwd=tmp_path)
    assert "\n\nFix: set the timeout to the accepted minimum (unsafe)\n\n" in run.stdout
    assert "Fix: " not in meshlint("explain", "duplicate-key", cwd=tmp_path).stdout


def test_explain_in_color_is_rendered(tmp_path: Path) -> None:
    run = meshlint("explain", "egress-unrestricted", "--color", "always", cwd=tmp_path)
    assert "\x1b[" in run.stdout and "## What it means" not in run.stdout and "What it means" in run.stdout


def test_an_unknown_rule(tmp_path: Path) -> None:
    run = meshlint("explain", "egress-unrestrictd", cwd=tmp_path)
    assert (run.returncode, run.stdout) == (2, "")
    assert "did you mean egress-unrestricted?" in run.stderr


def test_test_runs_a_rule_folder(tmp_path: Path) -> None:
    shutil.copytree(
        ROOT / "rules" / "retries" / "retries_outlast_timeout", tmp_path / "mine" / "retries_outlast_timeout"
    )
    folder = tmp_path / "mine" / "retries_outlast_timeout"
    run = meshlint("test", folder, cwd=tmp_path)
    assert run.returncode == 0, run.stdout
    example = next((folder / "examples").glob("bad*.yaml"))
    example.write_text(example.read_text().replace("# expect:", "# nothing:"))
    run = meshlint("test", folder, cwd=tmp_path)
    assert run.returncode == 1
    assert f"FAIL  retries_outlast_timeout/examples/{example.name}" in run.stdout
    assert "no line says `# expect: retries-outlast-timeout`" in run.stdout


def test_test_needs_a_rule(tmp_path: Path) -> None:
    run = meshlint("test", ".", cwd=tmp_path)
    assert (run.returncode, "no rule.yaml" in run.stderr) == (2, True)


def test_a_broken_rule_is_told(tmp_path: Path) -> None:
    (tmp_path / "rule.yaml").write_text("title: x\n")
    run = meshlint("test", ".", cwd=tmp_path)
    assert run.returncode == 3
    assert "rule.yaml" in run.stderr and "Traceback" not in run.stderr


def test_completion_of_commands_and_rules(tmp_path: Path) -> None:
    commands = meshlint(cwd=tmp_path, _MESHLINT_COMPLETE="bash_complete", COMP_WORDS="meshlint ", COMP_CWORD="1")
    assert commands.stdout.split() == [f"plain,{command}" for command in COMMANDS]
    rules = meshlint(
        cwd=tmp_path, _MESHLINT_COMPLETE="bash_complete", COMP_WORDS="meshlint explain egress-un", COMP_CWORD="2"
    )
    assert rules.stdout.split() == ["plain,egress-unrestricted"]


def test_help_lists_the_commands(tmp_path: Path) -> None:
    text = meshlint("--help", cwd=tmp_path).stdout
    for command in COMMANDS:
        assert f"  {command}" in text


def test_an_unknown_command(tmp_path: Path) -> None:
    run = meshlint("chekc", cwd=tmp_path)
    assert run.returncode == 2 and "chekc" in run.stderr and "Traceback" not in run.stderr


def test_test_says_what_is_wrong_with_a_rule_yaml(tmp_path: Path) -> None:
    folder = tmp_path / "mine" / "retries_outlast_timeout"
    shutil.copytree(ROOT / "rules" / "retries" / "retries_outlast_timeout", folder)
    metadata = (folder / "rule.yaml").read_text().replace("meshes: [istio]", "meshes: [istoi]\nkind: [Pod]")
    (folder / "rule.yaml").write_text(metadata)
    run = meshlint("test", folder, cwd=tmp_path)
    assert run.returncode == 1
    assert run.stdout.splitlines()[:3] == [
        "FAIL  retries_outlast_timeout/rule.yaml",
        "      Additional properties are not allowed ('kind' was unexpected)",
        "      meshes[0]: 'istoi' is not one of ['istio', 'linkerd', 'gateway-api']",
    ]


def test_test_says_when_the_readme_is_that_of_another_rule(tmp_path: Path) -> None:
    folder = tmp_path / "mine" / "retries_outlast_timeout"
    shutil.copytree(ROOT / "rules" / "retries" / "retries_outlast_timeout", folder)
    readme = folder / "README.md"
    for text in ("# Route has no timeout\n", ""):
        readme.write_text(text) if text else readme.unlink()
        run = meshlint("test", folder, cwd=tmp_path)
        assert run.returncode == 1
        assert run.stdout.splitlines()[:2] == [
            "FAIL  retries_outlast_timeout/README.md",
            "      its first line is not the title: # Configured retries do not fit into the route timeout",
        ]
