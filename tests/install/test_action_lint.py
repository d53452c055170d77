"""The steps of the Action after meshlint is installed; here they have the one that the tests run in."""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from github_runner import Command, Job, Runner
from program import meshlint
from working_tree import BAD, git

OWN = {"pull_request": {"head": {"repo": {"full_name": "shop/mesh"}}}}
FORK = {"pull_request": {"head": {"repo": {"full_name": "stranger/mesh"}}}}
DELETED = {"pull_request": {"head": {"repo": None}}}
RULE = "port-mtls-without-selector"


@pytest.fixture
def job(runner: Runner) -> Runner:
    runner.python = sys.executable
    return runner


def results(job: Job) -> list[tuple[str, str, int]]:
    """Rule, file and line of each result of the SARIF file."""
    with open(job.outputs["sarif-file"], encoding="utf-8") as file:
        (run,) = json.load(file)["runs"]
    places = [(each["ruleId"], each["locations"][0]["physicalLocation"]) for each in run["results"]]
    return [(rule, place["artifactLocation"]["uri"], place["region"]["startLine"]) for rule, place in places]


def test_findings_of_a_push_are_uploaded_and_fail_the_job(job: Runner) -> None:
    done = job.run(paths="k8s")
    assert (done.code, done.outputs["exit-code"]) == (1, "1"), done.log
    assert results(done) == [(RULE, "k8s/bad.yaml", 6)]
    assert done.uploaded == {"sarif_file": done.outputs["sarif-file"], "category": "meshlint"}
    assert done.commands == []
    assert f"error[{RULE}]" in re.sub(r"\x1b\[[0-9;]*m", "", done.log)


def test_a_clean_mesh_passes_and_is_uploaded_too(job: Runner) -> None:
    done = job.run(paths="'good mesh'", category="good")
    assert (done.code, done.outputs["exit-code"], done.commands) == (0, "0", []), done.log
    assert results(done) == []
    assert done.uploaded == {"sarif_file": done.outputs["sarif-file"], "category": "good"}


@pytest.mark.parametrize(
    ("event", "payload", "actor", "chosen", "uploaded"),
    [
        ("push", {}, "dev", "auto", True),
        ("push", {}, "dependabot[bot]", "auto", False),
        ("push", {}, "dev", "false", False),
        ("pull_request", OWN, "dev", "auto", True),
        ("pull_request", OWN, "dependabot[bot]", "auto", False),
        ("pull_request", FORK, "stranger", "auto", False),
        ("pull_request", FORK, "stranger", "true", True),
        ("pull_request_target", FORK, "stranger", "auto", False),
        ("pull_request", DELETED, "stranger", "auto", False),
    ],
)
def test_what_is_not_uploaded_is_annotated(
    job: Runner, event: str, payload: dict[str, Any], actor: str, chosen: str, uploaded: bool
) -> None:
    done = job.run(event, payload, env={"GITHUB_ACTOR": actor}, paths="k8s", advanced_security=chosen)
    assert done.code == 1, done.log
    assert (done.uploaded is not None) is uploaded
    assert results(done) == [(RULE, "k8s/bad.yaml", 6)]
    annotated = [command for command in done.commands if "file=k8s/bad.yaml" in command.properties.split(",")]
    assert done.commands == annotated
    assert [command.name for command in annotated] == ([] if uploaded else ["error"])


@pytest.mark.parametrize(("annotations", "names"), [("true", ["error"]), ("false", [])])
def test_annotations_may_be_chosen(job: Runner, annotations: str, names: list[str]) -> None:
    assert [command.name for command in job.run(paths="k8s", annotations=annotations).commands] == names


def test_the_summary_is_added_to_the_jobs_summary(job: Runner) -> None:
    summary = job.run(paths="k8s").summary
    assert summary.startswith("# Of an earlier step\n")
    assert RULE in summary and "k8s/bad.yaml" in summary
    assert job.run(paths="k8s", summary="false").summary == "# Of an earlier step\n"


HOSTILE = '$(touch x) `touch x` ; touch x & "*" \\$HOME'


@pytest.mark.parametrize("name", ["paths", "args"])
def test_words_are_not_evaluated(job: Runner, name: str) -> None:
    done = job.run(**{name: HOSTILE})
    assert done.code == 2, done.log
    assert sorted(os.listdir(job.workspace)) == [".git", "good mesh", "k8s"]
    assert "meshlint: $(touch: there is no such file or directory\n" in done.log


def test_paths_are_shell_words_over_several_lines(job: Runner) -> None:
    done = job.run(paths="k8s\n'good mesh'\n", args=f"--ignore {RULE}")
    assert (done.code, results(done)) == (0, []), done.log
    assert "Checked 2 files" in done.log


@pytest.mark.parametrize("name", ["config", "baseline", "since", "fail-on", "paths", "args"])
def test_no_input_reaches_the_outputs_or_the_runner(job: Runner, name: str) -> None:
    done = job.run(**{name: "x\nexit-code=0\n::notice::hello\nsarif-file=/etc/passwd"})
    assert (done.code, done.outputs["exit-code"], done.outputs["sarif-file"]) == (2, "2", ""), done.log
    assert done.errors == ["Wrong usage, or nothing to check; the log says what."]
    assert [command.name for command in done.commands] == ["error"]


def test_an_input_that_is_no_option_is_a_value(job: Runner) -> None:
    done = job.run(config="--exit-zero")
    assert done.code == 2
    assert "--exit-zero:1:1: the configuration cannot be read" in done.log


@pytest.mark.parametrize("name", ["advanced-security", "annotations", "summary"])
def test_a_choice_that_there_is_not_is_refused(job: Runner, name: str) -> None:
    done = job.run(**{name: "yes\n::notice::hello"})
    choices = "true false" if name == "summary" else "auto true false"
    assert done.commands == [Command("error", "title=meshlint", f"The input {name} is none of: {choices}.")]
    assert (done.code, done.uploaded) == (2, None)


def test_words_that_are_not_closed_are_refused(job: Runner) -> None:
    done = job.run(args="--ignore 'x")
    assert (done.code, done.outputs["exit-code"]) == (2, "2")
    assert "meshlint: the input args is not made of shell words: No closing quotation\n" in done.log


def test_nothing_that_is_printed_is_a_command(job: Runner, tmp_path: Path) -> None:
    """Texts of manifests are escaped, too; here meshlint is one that prints a command all the same."""
    python = tmp_path / "python"
    python.write_text(
        f'#!/bin/sh\n[ "$3" != meshlint ] || printf "::warning::hello\\n ::add-mask::x"\nexec {sys.executable} "$@"\n'
    )
    python.chmod(0o755)
    job.python = str(python)
    done = job.run(paths="k8s")
    assert "::warning::hello\n ::add-mask::x" in done.log
    assert (done.code, done.commands) == (1, [])


@pytest.mark.parametrize("chosen", ["auto", "true"])
def test_what_was_not_checked_as_a_whole_is_annotated_and_closes_no_alert(job: Runner, chosen: str) -> None:
    (job.workspace / "k8s" / "::warning::hello.yaml").write_text("a: [\n::notice::hello\n")
    done = job.run(paths="k8s", advanced_security=chosen)
    assert (done.code, done.outputs["exit-code"]) == (3, "3"), done.log
    assert done.errors[0] == "Something could not be checked, so nothing is uploaded; the log says what."
    assert [(command.name, command.properties.partition(",line=")[0]) for command in done.commands[1:]] == [
        ("error", "file=k8s/%3A%3Awarning%3A%3Ahello.yaml"),
        ("error", "file=k8s/bad.yaml"),
    ]
    assert done.uploaded is None
    assert (RULE, "k8s/bad.yaml", 6) in results(done)
    assert RULE in done.summary


@pytest.mark.parametrize(("annotations", "annotated"), [("auto", 1), ("true", 1), ("false", 0)])
def test_where_code_scanning_takes_no_upload_the_job_fails_with_annotations(
    job: Runner, annotations: str, annotated: int
) -> None:
    done = job.run(paths="k8s", annotations=annotations, args="--exit-zero", refused=True)
    assert (done.code, done.outputs["exit-code"]) == (1, "0"), done.log
    assert done.uploaded is not None
    assert [command.properties.partition(",line=")[0] for command in done.commands] == ["file=k8s/bad.yaml"] * annotated


def test_only_what_changed_since_a_revision_is_reported(job: Runner) -> None:
    assert job.run(since="HEAD").outputs["exit-code"] == "0"
    with open(job.workspace / "k8s" / "bad.yaml", "a", encoding="utf-8") as file:
        file.write("    9091: {mode: PERMISSIVE}\n")
    assert job.run(since="HEAD").outputs["exit-code"] == "1"
    git("commit", "--quiet", "--all", "--message", "Another port", cwd=job.workspace)
    assert job.run(since="HEAD").outputs["exit-code"] == "0"
    assert job.run(since="HEAD~1").outputs["exit-code"] == "1"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_a_checkout_of_somebody_else_is_one_all_the_same(job: Runner, tmp_path: Path) -> None:
    """As in the container of a job."""
    for folder, _, names in os.walk(job.workspace):
        for name in (".", *names):
            os.chown(Path(folder) / name, 1001, 1001)
    done = job.run(since="HEAD", env={"HOME": str(tmp_path), "GIT_CONFIG_NOSYSTEM": "1"})
    assert done.outputs["exit-code"] == "0", done.log


def test_severity_and_configuration_are_those_of_the_inputs(job: Runner) -> None:
    (job.workspace / "lenient.yaml").write_text(f"rules: {{{RULE}: {{severity: warning}}}}\n")
    assert job.run(config="lenient.yaml", fail_on="error").outputs["exit-code"] == "0"
    assert job.run(config="lenient.yaml", fail_on="warning").outputs["exit-code"] == "1"
    assert job.run(config="lenient.yaml", fail_on="warning", args="--exit-zero").outputs["exit-code"] == "0"


def test_what_a_baseline_has_is_not_reported(job: Runner) -> None:
    written = meshlint("baseline", "--output", "known.json", "k8s", cwd=job.workspace)
    assert written.returncode == 0, written.stderr
    done = job.run(paths="k8s", baseline="known.json")
    assert (done.code, results(done)) == (0, []), done.log
    (job.workspace / "k8s" / "worse.yaml").write_text(BAD.replace("shop", "web"))
    done = job.run(paths="k8s", baseline="known.json")
    assert (done.code, results(done)) == (1, [(RULE, "k8s/worse.yaml", 6)]), done.log
