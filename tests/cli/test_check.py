"""`meshlint check` as people and pipelines call it."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
from program import meshlint
from small import OPEN, TIMEOUT

ROOT = Path(__file__).parents[2]

CLOSED = OPEN.replace("PERMISSIVE", "STRICT")


@pytest.fixture
def mesh(tmp_path: Path) -> Path:
    (tmp_path / "mesh.yaml").write_text(OPEN)
    return tmp_path


def findings(directory: Path, *arguments: object, **env: str) -> list[tuple[str, str, int]]:
    run = meshlint("check", "--format", "json", *arguments, cwd=directory, **env)
    assert run.returncode in (0, 1), run.stderr
    report = json.loads(run.stdout)
    return [(f["rule"], f["location"]["file"], f["location"]["startLine"]) for f in report["findings"]]


class TestExitCodes:
    def test_findings_at_the_threshold_fail_the_run(self, mesh: Path) -> None:
        assert meshlint("check", cwd=mesh).returncode == 1

    def test_findings_below_the_threshold_do_not(self, mesh: Path) -> None:
        assert meshlint("check", "--fail-on", "error", cwd=mesh).returncode == 0

    def test_never(self, mesh: Path) -> None:
        assert meshlint("check", "--fail-on", "never", cwd=mesh).returncode == 0

    def test_exit_zero(self, mesh: Path) -> None:
        assert meshlint("check", "--exit-zero", cwd=mesh).returncode == 0

    @pytest.mark.parametrize("format_", ["full", "concise", "json", "sarif"])
    def test_the_format_makes_no_difference(self, mesh: Path, format_: str) -> None:
        assert meshlint("check", "--format", format_, cwd=mesh).returncode == 1

    def test_a_clean_mesh(self, tmp_path: Path) -> None:
        (tmp_path / "mesh.yaml").write_text(CLOSED)
        run = meshlint("check", cwd=tmp_path)
        assert (run.returncode, run.stdout) == (0, "")
        assert "Nothing found" in run.stderr

    def test_nothing_to_check(self, tmp_path: Path) -> None:
        (tmp_path / "pod.yaml").write_text("apiVersion: v1\nkind: Service\nmetadata: {name: a, namespace: b}\n")
        run = meshlint("check", cwd=tmp_path)
        assert run.returncode == 2
        assert "no mesh resource in 1 file" in run.stderr

    def test_allow_empty(self, tmp_path: Path) -> None:
        assert meshlint("check", "--allow-empty", cwd=tmp_path).returncode == 0

    def test_a_path_that_is_not_there(self, mesh: Path) -> None:
        run = meshlint("check", "k9s/", cwd=mesh)
        assert (run.returncode, run.stdout) == (2, "")
        assert "k9s/: there is no such file or directory" in run.stderr

    def test_a_file_that_does_not_parse_is_named_and_the_rest_is_linted(self, mesh: Path) -> None:
        (mesh / "broken.yaml").write_text("kind: Service\nspec: [\n")
        run = meshlint("check", "--format", "concise", cwd=mesh)
        assert run.returncode == 3
        assert "mesh.yaml:6:11" in run.stdout
        assert "broken.yaml:3" in run.stderr
        assert "Traceback" not in run.stderr

    def test_a_helm_template_is_skipped_and_no_failure(self, mesh: Path) -> None:
        (mesh / "chart.yaml").write_text('kind: Service\nmetadata:\n  {{- include "x" . }}\n')
        run = meshlint("check", "--exit-zero", cwd=mesh)
        assert run.returncode == 0
        assert "Skipped 1 Helm template (chart.yaml)" in run.stderr
        assert "helm template … | meshlint check -" in run.stderr

    def test_a_patch_of_a_kustomization_is_no_object_of_the_mesh(self, mesh: Path) -> None:
        patch = (
            "kind: PeerAuthentication\napiVersion: security.istio.io/v1\nmetadata: {name: default, namespace: other}\n"
        )
        (mesh / "patch.yaml").write_text(f"{patch}spec: {{mtls: {{mode: DISABLE}}}} # meshlint: ignore[x]\n")
        (mesh / "kustomization.yaml").write_text("resources: [mesh.yaml]\npatches: [{path: patch.yaml}]\n")
        run = meshlint("check", "--format", "concise", "--audience", "auditor", "--min-confidence", "low", cwd=mesh)
        assert {line.partition(":")[0] for line in run.stdout.splitlines()} == {"mesh.yaml"}
        assert "Skipped 1 patch (patch.yaml) of kustomizations" in run.stderr
        (mesh / "kustomization.yaml").write_text("resources: [mesh.yaml, patch.yaml]\n")
        run = meshlint("check", "--format", "concise", "--audience", "auditor", "--min-confidence", "low", cwd=mesh)
        assert "patch.yaml" in {line.partition(":")[0] for line in run.stdout.splitlines()}
        assert "Skipped" not in run.stderr

    def test_usage(self, mesh: Path) -> None:
        assert meshlint("check", "--fail-on", "critical", cwd=mesh).returncode == 2


class TestSelection:
    def test_select_and_ignore(self, mesh: Path) -> None:
        (mesh / "route.yaml").write_text(TIMEOUT)
        everything = [("port-accepts-plaintext", "mesh.yaml", 6), ("timeout-cuts-streaming-response", "route.yaml", 9)]
        assert findings(mesh, ".") == everything
        assert findings(mesh, "--select", "mtls") == everything[:1]
        assert findings(mesh, "--select", "timeout-cuts-streaming-response,mtls-disabled-on-port") == everything[1:]
        assert findings(mesh, "--ignore", "port-accepts-plaintext") == everything[1:]
        assert findings(mesh, "--select", "mtls", "--ignore", "port-accepts-plaintext") == []

    def test_an_unknown_rule_is_a_usage_error_with_a_suggestion(self, mesh: Path) -> None:
        run = meshlint("check", "--select", "port-accept-plaintext", cwd=mesh)
        assert run.returncode == 2
        assert "unknown rule port-accept-plaintext; did you mean port-accepts-plaintext?" in run.stderr

    def test_the_configuration_selects_until_the_command_line_does(self, mesh: Path) -> None:
        (mesh / "route.yaml").write_text(TIMEOUT)
        (mesh / "meshlint.yaml").write_text("select: [timeouts]\n")
        assert findings(mesh, ".") == [("timeout-cuts-streaming-response", "route.yaml", 9)]
        assert findings(mesh, "--select", "mtls") == [("port-accepts-plaintext", "mesh.yaml", 6)]

    def test_confidence_and_audience_hide_and_the_summary_says_so(self, tmp_path: Path) -> None:
        (tmp_path / "mesh.yaml").write_text(OPEN.split("---\n")[1] + "---\n" + TIMEOUT)
        assert findings(tmp_path, ".") == [("timeout-cuts-streaming-response", "mesh.yaml", 22)]
        low = findings(tmp_path, "--min-confidence", "low")
        assert ("port-accepts-plaintext", "mesh.yaml", 3) in low
        run = meshlint("check", "--select", "port-accepts-plaintext", cwd=tmp_path)
        said = " ".join(run.stderr.split())
        assert "1 more hidden" in said
        assert "the PeerAuthentications of the root namespace would decide most of them" in said

    def test_a_closed_world_lifts_defaults(self, tmp_path: Path) -> None:
        (tmp_path / "mesh.yaml").write_text(OPEN.split("---\n")[1] + "---\n" + TIMEOUT)
        assert ("port-accepts-plaintext", "mesh.yaml", 3) in findings(
            tmp_path, "--world", "closed", "--min-confidence", "high"
        )


class TestInput:
    def test_stdin(self, tmp_path: Path) -> None:
        run = meshlint("check", "--format", "concise", "-", cwd=tmp_path, stdin=OPEN)
        assert run.stdout.startswith("<stdin>:6:11: warning[port-accepts-plaintext]")

    def test_stdin_that_is_no_text(self, tmp_path: Path) -> None:
        run = subprocess.run(
            [sys.executable, "-m", "meshlint", "check", "-"],
            cwd=tmp_path,
            input=b"a: 1\nb: caf\xe9\n",
            capture_output=True,
            check=False,
        )
        assert (run.returncode, run.stdout) == (3, b"")
        assert run.stderr == b"meshlint: <stdin>:2: not UTF-8 (byte 0xe9); nothing was checked\n"

    def test_globs_that_no_shell_expanded(self, mesh: Path) -> None:
        (mesh / "deep" / "er").mkdir(parents=True)
        (mesh / "deep" / "er" / "route.yaml").write_text(TIMEOUT)
        assert findings(mesh, "deep/**/*.yaml") == [("timeout-cuts-streaming-response", "deep/er/route.yaml", 9)]

    def test_the_namespace_of_the_command_line(self, tmp_path: Path) -> None:
        (tmp_path / "mesh.yaml").write_text(OPEN.replace(", namespace: shop", ""))
        run = meshlint("check", "--format", "concise", "-n", "store", cwd=tmp_path)
        assert "store/cart:8080" in run.stdout

    def test_objects_without_a_namespace_are_never_in_default(self, tmp_path: Path) -> None:
        (tmp_path / "mesh.yaml").write_text(OPEN.replace(", namespace: shop", ""))
        run = meshlint("check", "--format", "concise", cwd=tmp_path)
        assert "(unset)/cart:8080" in run.stdout

    def test_nothing_of_the_repository_is_executed(self, tmp_path: Path) -> None:
        trap = tmp_path / "trap"
        for name in ("check.py", "conftest.py", "sitecustomize.py", "yaml.py", "rich.py"):
            (tmp_path / name).write_text(f"open({str(trap)!r}, 'w')\n")
        (tmp_path / "mesh.yaml").write_text(OPEN + f"---\na: !!python/object/apply:os.system ['touch {trap}']\n")
        binary = Path(sys.executable).parent / "meshlint"
        run = subprocess.run([binary, "check"], cwd=tmp_path, capture_output=True, encoding="utf-8", check=False)
        assert run.returncode == 1, run.stderr
        assert not trap.exists()


class TestOutput:
    def test_full(self, mesh: Path) -> None:
        run = meshlint("check", cwd=mesh)
        lines = run.stdout.splitlines()
        assert lines[0].startswith("warning[port-accepts-plaintext]: Plaintext is accepted on shop/cart:8080")
        assert "  --> mesh.yaml:6:11  PeerAuthentication shop/default  spec.mtls.mode" in lines
        number = lines.index("6 |     mode: PERMISSIVE")
        assert lines[number + 1] == "  |           ^^^^^^^^^^"
        assert max(map(len, lines)) <= 80
        assert "\x1b" not in run.stdout + run.stderr

    def test_the_summary_makes_silence_credible(self, mesh: Path) -> None:
        said = " ".join(meshlint("check", cwd=mesh).stderr.split())
        assert "1 file" in said and "2 resources" in said and "1 port" in said
        assert "Istio 1.32" in said and "no ConfigMap istio" in said
        assert said.endswith("Next: meshlint explain port-accepts-plaintext")

    def test_what_is_not_judged_is_said(self, mesh: Path) -> None:
        (mesh / "route.yaml").write_text(
            "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: r, namespace: shop}\n"
        )
        said = " ".join(meshlint("check", cwd=mesh).stderr.split())
        assert "objects of Linkerd and the Gateway API are read and not judged yet (1 of them)" in said

    def test_repetitions_are_counted(self, tmp_path: Path) -> None:
        for number in range(6):
            (tmp_path / f"r{number}.yaml").write_text(TIMEOUT.replace("llm", f"llm{number}"))
        run = meshlint("check", cwd=tmp_path)
        assert [f"r{n}.yaml:9" in run.stdout.split("more like this")[0] for n in range(6)] == [True] * 3 + [False] * 3
        assert "and 3 more like this" in run.stdout

    def test_output_file(self, mesh: Path) -> None:
        run = meshlint("check", "--format", "json", "--output", "report.json", cwd=mesh)
        assert (run.returncode, run.stdout) == (1, "")
        report = json.loads((mesh / "report.json").read_text())
        assert [f["rule"] for f in report["findings"]] == ["port-accepts-plaintext"]

    def test_an_output_file_that_cannot_be_written(self, mesh: Path) -> None:
        run = meshlint("check", "--output", "no/such/place", cwd=mesh)
        assert run.returncode == 2
        assert "no/such/place" in run.stderr and "Traceback" not in run.stderr

    def test_json_keeps_its_contract(self, mesh: Path) -> None:
        schema = json.loads((ROOT / "schemas" / "report.schema.json").read_text())
        report = json.loads(meshlint("check", "--format", "json", "--show-suppressed", cwd=mesh).stdout)
        jsonschema.Draft202012Validator(schema).validate(report)
        (finding,) = report["findings"]
        assert finding["location"] == {
            "file": "mesh.yaml",
            "startLine": 6,
            "startColumn": 11,
            "endLine": 6,
            "endColumn": 21,
            "path": "spec.mtls.mode",
        }
        assert finding["resource"]["name"] == "default"
        assert next(r["message"] for r in finding["related"]) == "Istio's default is PERMISSIVE"

    @pytest.mark.parametrize(
        ("arguments", "env", "colored"),
        [
            ([], {}, False),
            (["--color", "always"], {}, True),
            ([], {"FORCE_COLOR": "1"}, True),
            ([], {"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
            (["--color", "never"], {"FORCE_COLOR": "1"}, False),
        ],
    )
    def test_color(self, mesh: Path, arguments: list[str], env: dict[str, str], colored: bool) -> None:
        run = meshlint("check", *arguments, cwd=mesh, **env)
        assert ("\x1b[" in run.stdout) is colored

    def test_a_terminal_gets_color(self, mesh: Path) -> None:
        parent, child = pty.openpty()
        subprocess.run(
            [sys.executable, "-m", "meshlint", "check"],
            cwd=mesh,
            stdout=child,
            stderr=child,
            env={**os.environ, "TERM": "xterm"},
            check=False,
        )
        os.close(child)
        text = os.read(parent, 65536).decode()
        os.close(parent)
        assert "\x1b[" in text and "port-accepts-plaintext" in text

    def test_control_characters_of_a_manifest_stay_off_the_terminal(self, tmp_path: Path) -> None:
        (tmp_path / "mesh.yaml").write_text(OPEN.replace("name: cart, ", 'name: "ca\\e]0;owned\\art", '))
        run = meshlint("check", cwd=tmp_path)
        assert "owned" in run.stdout
        assert "\x1b" not in run.stdout and "\x07" not in run.stdout


def test_the_same_input_gives_the_same_bytes(mesh: Path) -> None:
    (mesh / "route.yaml").write_text(TIMEOUT)
    runs = [
        meshlint("check", "--format", "json", *paths, cwd=mesh, PYTHONHASHSEED=seed)
        for paths, seed in ((["mesh.yaml", "route.yaml"], "1"), (["route.yaml", "mesh.yaml"], "2"), (["."], "3"))
    ]
    assert runs[0].stdout == runs[1].stdout == runs[2].stdout


def test_version(tmp_path: Path) -> None:
    assert meshlint("--version", cwd=tmp_path).stdout == "meshlint, version 0.1.0\n"
