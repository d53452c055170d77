"""The part of GitHub's runner that runs the steps of a composite action."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from working_tree import ROOT

ACTION = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
EXPRESSION = re.compile(r"\$\{\{ *(.*?) *\}\}")
COMMAND = re.compile(r"\s*::([\w-]+)(?: ([^:]*))?::(.*)")


class Command(NamedTuple):
    """`::name properties::text`, which the runner obeys."""

    name: str
    properties: str
    text: str


class Job(NamedTuple):
    """What became of the action. `uploaded` is what upload-sarif was called with, if it was."""

    code: int
    outputs: Mapping[str, str]
    uploaded: Mapping[str, str] | None
    commands: list[Command]
    summary: str
    log: str

    @property
    def errors(self) -> list[str]:
        return [command.text for command in self.commands if command.name == "error"]


class Runner:
    """A job in a workspace. `python` stands for what the step Install installed, where that step need not run."""

    def __init__(self, workspace: Path, temporary: Path, *, action: Path = ROOT, python: str = "") -> None:
        self.workspace = workspace
        self.temporary = temporary
        self.action = action
        self.python = python

    def run(
        self,
        event: str = "push",
        payload: Mapping[str, Any] | None = None,
        *,
        env: Mapping[str, str] | None = None,
        refused: bool = False,
        **inputs: str,
    ) -> Job:
        """`refused`: code scanning takes no upload."""
        given = {name.replace("_", "-"): value for name, value in inputs.items()}
        assert given.keys() <= ACTION["inputs"].keys()
        known: dict[str, Any] = {
            "inputs": {name: given.get(name, declared["default"]) for name, declared in ACTION["inputs"].items()},
            "github": {"event": payload or {}},
            "steps": {"install": {"outputs": {"python": self.python}, "outcome": "success"}} if self.python else {},
        }
        summary = self.temporary / "summary"
        summary.write_text("# Of an earlier step\n")
        env = {
            "GITHUB_ACTOR": "dev",
            "GITHUB_EVENT_NAME": event,
            "GITHUB_REPOSITORY": "shop/mesh",
            "GITHUB_STEP_SUMMARY": str(summary),
            **(env or {}),
        }
        log, code, uploaded = "", 0, None
        for step in ACTION["runs"]["steps"]:
            if step.get("id") in known["steps"] or not self._wanted(step, known, failed=code != 0):
                continue
            if "uses" in step:
                uploaded = {name: _filled(value, known) for name, value in step["with"].items()}
                known["steps"][step["id"]] = {"outcome": "failure" if refused else "success"}
                code = code or int(refused)
                continue
            values = {name: _filled(value, known) for name, value in step.get("env", {}).items()}
            run, outputs = self._run(step, {**env, **values})
            log += run.stdout
            code = code or run.returncode
            known["steps"][step.get("id", step["name"])] = {
                "outputs": outputs,
                "outcome": "failure" if run.returncode else "success",
            }
        outputs = {name: _filled(declared["value"], known) for name, declared in ACTION["outputs"].items()}
        return Job(code, outputs, uploaded, _commands(log), summary.read_text(encoding="utf-8"), log)

    @staticmethod
    def _wanted(step: Mapping[str, Any], known: Mapping[str, Any], *, failed: bool) -> bool:
        """Conditions are made of `!cancelled()`, which holds, and comparisons; without one, a failed step ends the job."""
        if "if" not in step:
            return not failed
        (condition,) = EXPRESSION.findall(step["if"])
        for term in condition.split(" && "):
            value, _, wanted = term.partition(" == ")
            if term != "!cancelled()" and _value(value, known) != wanted.strip("'"):
                return False
        return True

    def _run(
        self, step: Mapping[str, Any], env: Mapping[str, str]
    ) -> tuple[subprocess.CompletedProcess[str], dict[str, str]]:
        assert not EXPRESSION.search(step["run"])
        output = self.temporary / "output"
        output.write_text("")
        script = self.temporary / "script"
        script.write_text(step["run"])
        run = subprocess.run(
            [step["shell"], "-e", script],
            cwd=self.workspace,
            env={
                **os.environ,
                "GITHUB_ACTIONS": "true",
                "GITHUB_ACTION_PATH": str(self.action),
                "GITHUB_OUTPUT": str(output),
                "GITHUB_WORKSPACE": str(self.workspace),
                "RUNNER_TEMP": str(self.temporary),
                **env,
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            check=False,
        )
        return run, _outputs(output.read_text(encoding="utf-8"))


def _filled(text: str, known: Mapping[str, Any]) -> str:
    return EXPRESSION.sub(lambda expression: _value(expression[1], known), text)


def _value(expression: str, known: Mapping[str, Any]) -> str:
    """`inputs.since`, `steps.lint.outputs.upload`; empty where there is no such thing."""
    value: Any = known
    for name in expression.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return "" if value is None else str(value)


def _outputs(text: str) -> dict[str, str]:
    """The runner refuses a line that is not `name=value`; of two of one name the last one counts."""
    pairs = [line.partition("=") for line in text.splitlines()]
    assert all(equals for _, equals, _ in pairs), text
    return {name: value for name, _, value in pairs}


def _commands(log: str) -> list[Command]:
    """The commands that are obeyed: none between `stop-commands` and its token."""
    found: list[Command] = []
    token = None
    for line in re.split(r"\r\n|\r|\n", log):
        match = COMMAND.match(line)
        if token is not None:
            token = None if match and match[1] == token else token
        elif match and match[1] == "stop-commands":
            token = match[3]
        elif match:
            found.append(Command(match[1], match[2] or "", match[3]))
    assert token is None
    return found
