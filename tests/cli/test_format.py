"""`meshlint check --format`: what goes where."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
from program import meshlint
from small import OPEN

FORMATS = ("full", "concise", "json", "jsonl", "sarif", "github", "gitlab", "junit", "markdown")
BEGINNINGS = {
    "full": "warning[port-accepts-plaintext]: ",
    "concise": "k8s/mesh.yaml:6:11: warning[port-accepts-plaintext] ",
    "json": '{\n  "version": 1,',
    "jsonl": '{"type": "finding", "rule": "port-accepts-plaintext", ',
    "sarif": '{\n  "runs": [',
    "github": "::warning file=k8s/mesh.yaml,line=6,col=11,endColumn=20,title=port-accepts-plaintext::",
    "gitlab": '[\n  {\n    "description": "port-accepts-plaintext: ',
    "junit": '<?xml version="1.0" encoding="UTF-8"?>\n<testsuites name="meshlint" tests="1" failures="1" errors="0">',
    "markdown": "## meshlint\n\n**Found 1 warning** in 1 file, ",
}
STEERING = "::add-mask::x ##[add-mask]y ###vso[task.setvariable variable=v]w"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """One finding, in k8s/mesh.yaml."""
    (tmp_path / ".git").mkdir()
    (tmp_path / "k8s").mkdir()
    (tmp_path / "k8s" / "mesh.yaml").write_text(OPEN)
    return tmp_path


def refused(repository: Path, *arguments: str) -> str:
    """What the program says when it ends before it has looked at anything."""
    run = meshlint("check", "k8s", *arguments, cwd=repository)
    assert (run.returncode, run.stdout) == (2, "")
    assert sorted(path.name for path in repository.iterdir()) == [".git", "k8s"]
    return run.stderr.splitlines()[-1]


class TestWhere:
    @pytest.mark.parametrize("format_", FORMATS)
    def test_stdout(self, repository: Path, format_: str) -> None:
        run = meshlint("check", "--format", format_, "k8s", cwd=repository)
        assert run.stdout.startswith(BEGINNINGS[format_])
        assert run.returncode == 1

    def test_every_format_at_once(self, repository: Path) -> None:
        files = {format_: f"out/report.{format_}" for format_ in FORMATS[1:]}
        (repository / "out").mkdir()
        options = [f"--format={format_}={file}" for format_, file in files.items()]
        run = meshlint("check", "--format", "full", *options, "k8s", cwd=repository)
        assert run.returncode == 1
        assert run.stdout.startswith(BEGINNINGS["full"])
        for format_, file in files.items():
            alone = meshlint("check", "--format", format_, "k8s", cwd=repository).stdout
            assert (repository / file).read_text() == alone
        assert sorted(path.name for path in (repository / "out").iterdir()) == sorted(f"report.{f}" for f in files)

    def test_files_alone_leave_stdout_empty(self, repository: Path) -> None:
        run = meshlint("check", "--format", "json=a.json", "--format", "junit=a.xml", "k8s", cwd=repository)
        assert (run.returncode, run.stdout) == (1, "")
        assert "Found 1 warning" in run.stderr
        assert (repository / "a.json").read_text().startswith(BEGINNINGS["json"])
        assert (repository / "a.xml").read_text().startswith(BEGINNINGS["junit"])

    def test_a_dash_is_stdout(self, repository: Path) -> None:
        run = meshlint("check", "--format", "jsonl=-", "--format", "junit=a.xml", "k8s", cwd=repository)
        assert run.stdout.startswith(BEGINNINGS["jsonl"])
        assert meshlint("check", "--format", "github", "-o", "-", "k8s", cwd=repository).stdout.startswith("::warning ")
        assert not (repository / "-").exists()

    @pytest.mark.parametrize("arguments", [["--format", "json=/dev/stdout"], ["--format", "json", "-o", "/dev/stdout"]])
    def test_stdout_has_names(self, repository: Path, arguments: list[str]) -> None:
        (repository / "log").write_text("before\n")
        with open(repository / "log", "a") as log:
            command = [sys.executable, "-m", "meshlint", "check", *arguments, "k8s"]
            subprocess.run(command, cwd=repository, stdout=log, stderr=-1, check=False)
        assert (repository / "log").read_text().startswith("before\n" + BEGINNINGS["json"])
        assert meshlint("check", *arguments, "k8s", cwd=repository).stdout.startswith(BEGINNINGS["json"])

    def test_a_pipe_has_a_name(self, repository: Path) -> None:
        run = meshlint("check", "--format", "jsonl=/dev/stderr", "k8s", cwd=repository)
        assert (run.returncode, run.stdout) == (1, "")
        assert run.stderr.startswith(BEGINNINGS["jsonl"])

    def test_output_is_the_file_of_the_format_without_one(self, repository: Path) -> None:
        run = meshlint("check", "--format", "junit=a.xml", "--format", "concise", "-o", "a.txt", "k8s", cwd=repository)
        assert (run.returncode, run.stdout) == (1, "")
        assert (repository / "a.txt").read_text().startswith(BEGINNINGS["concise"])

    def test_a_file_name_may_have_equals_signs(self, repository: Path) -> None:
        meshlint("check", "--format", "json=a=b.json", "k8s", cwd=repository)
        assert (repository / "a=b.json").read_text().startswith(BEGINNINGS["json"])

    def test_paths_in_reports_are_those_of_the_repository(self, repository: Path) -> None:
        run = meshlint("check", "--format", "github", cwd=repository / "k8s")
        assert run.stdout.startswith(BEGINNINGS["github"])

    def test_links_of_github(self, repository: Path) -> None:
        address = {"GITHUB_SERVER_URL": "https://github.example", "GITHUB_REPOSITORY": "acme/mesh"}
        told = meshlint("check", "--format", "markdown", "k8s", cwd=repository, GITHUB_SHA="0123abc", **address)
        assert "(https://github.example/acme/mesh/blob/0123abc/k8s/mesh.yaml#L6)" in told.stdout
        assert "](" not in meshlint("check", "--format", "markdown", "k8s", cwd=repository, **address).stdout


class TestContradictions:
    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (
                ["--format", "json", "--format", "full"],
                "meshlint: only one format can go to stdout: name a file, --format full=FILE",
            ),
            (
                ["--format", "json=-", "--format", "full"],
                "meshlint: only one format can go to stdout: name a file, --format full=FILE",
            ),
            (
                ["--format", "json=/dev/stdout", "--format", "full"],
                "meshlint: only one format can go to stdout: name a file, --format full=FILE",
            ),
            (
                ["--format", "json=a", "--format", "sarif=./a"],
                "meshlint: two formats go to ./a: name a file for each",
            ),
            (
                ["--format", "json=a", "--format", "sarif", "-o", "k8s/../a"],
                "meshlint: two formats go to k8s/../a: name a file for each",
            ),
            (
                ["--format", "json=a", "-o", "b"],
                "meshlint: --output b is the file of one format, and 0 name none: use --format FMT=FILE",
            ),
            (
                ["--format", "json", "--format", "sarif", "-o", "b"],
                "meshlint: --output b is the file of one format, and 2 name none: use --format FMT=FILE",
            ),
            (
                ["--statistics", "--format", "sarif"],
                "meshlint: --statistics goes with full, concise, json; sarif has no form for it",
            ),
            (["--format", "json="], "Error: Invalid value for '--format': 'json=' names no file"),
            (
                ["--format", "jsn"],
                "Error: Invalid value for '--format': 'jsn' is none of full, concise, json, jsonl, sarif, github, "
                "gitlab, junit, markdown; did you mean json?",
            ),
        ],
    )
    def test_are_told_before_anything_is_done(self, repository: Path, arguments: list[str], message: str) -> None:
        assert refused(repository, *arguments) == message


class TestFiles:
    def test_one_that_cannot_be_written_does_not_keep_the_others(self, repository: Path) -> None:
        run = meshlint("check", "--format", "json=no/a", "--format", "junit=a.xml", "k8s", cwd=repository)
        assert (run.returncode, run.stdout) == (2, "")
        assert run.stderr.splitlines() == ["meshlint: no/a: No such file or directory"]
        assert (repository / "a.xml").read_text().startswith(BEGINNINGS["junit"])

    @pytest.mark.parametrize("folder", ["k8s", "k8s/", "new/"])
    def test_a_folder_is_no_file(self, repository: Path, folder: str) -> None:
        run = meshlint("check", "--format", f"json={folder}", "k8s", cwd=repository)
        assert (run.returncode, run.stderr) == (2, f"meshlint: {folder}: Is a directory\n")
        assert sorted(path.name for path in repository.iterdir()) == [".git", "k8s"]

    def test_a_full_disk(self, repository: Path) -> None:
        run = meshlint("check", "--format", "json=/dev/full", "k8s", cwd=repository)
        assert (run.returncode, run.stderr) == (2, "meshlint: /dev/full: No space left on device\n")

    def test_a_full_stdout(self, repository: Path) -> None:
        with open("/dev/full", "w") as full:
            command = [sys.executable, "-m", "meshlint", "check", "k8s"]
            run = subprocess.run(command, cwd=repository, stdout=full, stderr=-1, check=False)
        assert (run.returncode, run.stderr) == (2, b"meshlint: stdout: No space left on device\n")

    def test_a_report_that_fails_leaves_the_old_one(self, repository: Path) -> None:
        (repository / "a.json").write_text("old")
        limited = f'ulimit -f 0; trap "" XFSZ; exec {sys.executable} -m meshlint check --format json=a.json k8s'
        run = subprocess.run(["bash", "-c", limited], cwd=repository, capture_output=True, check=False)
        assert (run.returncode, run.stderr) == (2, b"meshlint: a.json: File too large\n")
        assert (repository / "a.json").read_text() == "old"
        assert sorted(path.name for path in repository.iterdir()) == [".git", "a.json", "k8s"]

    def test_mode_and_links_stay(self, repository: Path) -> None:
        (repository / "real.json").write_text("old")
        (repository / "real.json").chmod(0o640)
        (repository / "a.json").symlink_to("real.json")
        meshlint("check", "--format", "json=a.json", "k8s", cwd=repository)
        assert (repository / "a.json").is_symlink()
        assert (repository / "real.json").read_text().startswith(BEGINNINGS["json"])
        assert stat.S_IMODE((repository / "real.json").stat().st_mode) == 0o640

    def test_a_new_file_is_as_readable_as_any(self, repository: Path) -> None:
        meshlint("check", "--format", "json=a.json", "k8s", cwd=repository)
        (repository / "other").touch()
        assert (repository / "a.json").stat().st_mode == (repository / "other").stat().st_mode

    def test_a_pipe_is_written_to(self, repository: Path) -> None:
        os.mkfifo(repository / "pipe")
        with subprocess.Popen(["cat", "pipe"], cwd=repository, stdout=subprocess.PIPE, text=True) as reader:
            meshlint("check", "--format", "jsonl=pipe", "k8s", cwd=repository)
            told, _ = reader.communicate(timeout=20)
        assert told.startswith(BEGINNINGS["jsonl"])
        assert stat.S_ISFIFO((repository / "pipe").stat().st_mode)


class TestColor:
    def test_only_when_it_must_is_a_file_coloured(self, repository: Path) -> None:
        def written(*arguments: str) -> str:
            meshlint("check", "--format", "full=a.txt", *arguments, "k8s", cwd=repository, FORCE_COLOR="1")
            return (repository / "a.txt").read_text()

        assert "\x1b[" not in written()
        assert "\x1b[" in written("--color", "always")

    @pytest.mark.parametrize("format_", FORMATS[2:])
    def test_formats_of_machines_have_none(self, repository: Path, format_: str) -> None:
        run = meshlint("check", "--format", format_, "--color", "always", "k8s", cwd=repository)
        assert "\x1b" not in run.stdout


class TestStatistics:
    def test_a_table_for_people(self, repository: Path) -> None:
        run = meshlint("check", "--statistics", "k8s", cwd=repository)
        assert run.returncode == 1
        assert run.stdout == (
            "FINDINGS  SEVERITY  RULE                    FIXABLE  TITLE\n"
            "       1  warning   port-accepts-plaintext        1  Port accepts plaintext (permissive mTLS)\n"
        )
        assert "Found 1 warning." in run.stderr

    def test_json(self, repository: Path) -> None:
        run = meshlint("check", "--statistics", "--format", "json", "k8s", cwd=repository)
        (row,) = json.loads(run.stdout)["statistics"]
        assert (run.returncode, row["rule"], row["findings"]) == (1, "port-accepts-plaintext", 1)


class TestConsumers:
    """What GitHub will not take is told on stderr."""

    def test_annotations(self, repository: Path) -> None:
        for number in range(12):
            (repository / "k8s" / f"{number}.yaml").write_text(OPEN.replace("shop", f"shop{number}"))
        run = meshlint("check", "--format", "github", "k8s", cwd=repository)
        assert run.stdout.count("\n") == 13
        said = " ".join(run.stderr.split())
        assert (
            "GitHub shows 10 annotations of a kind for each step; the others would stand only in its log: 3 warnings."
            in said
        )
        assert said.endswith("Next: meshlint explain port-accepts-plaintext")

    @pytest.mark.parametrize(
        "arguments",
        [
            *(["check", "--format", format_] for format_ in FORMATS if format_ != "github"),
            ["show", "ports"],
            ["show", "ports", "--format", "json"],
            ["facts"],
        ],
        ids=" ".join,
    )
    def test_no_text_of_a_manifest_steers_a_runner(self, repository: Path, arguments: list[str]) -> None:
        """Neither at the beginning of a line nor, in the forms of Azure and of GitHub's first runners, anywhere."""
        mesh = repository / "k8s" / "mesh.yaml"
        mesh.write_text(OPEN.replace("name: cart, ", f'name: "{STEERING}", '))
        (repository / "k8s" / "::error::.yaml").write_text(OPEN.replace("shop", "store"))
        run = meshlint(*arguments, cwd=repository / "k8s")
        lines = [line.lstrip() for line in (run.stdout + run.stderr).splitlines()]
        assert any("add-mask" in line for line in lines)
        assert [line for line in lines if line.startswith("::") or "##[" in line or "##vso[" in line] == []

    @pytest.mark.parametrize("format_", ["json", "junit"])
    def test_what_must_not_steer_a_runner_is_the_same_data(self, repository: Path, format_: str) -> None:
        mesh = repository / "k8s" / "mesh.yaml"
        mesh.write_text(OPEN.replace("name: cart, ", f'name: "{STEERING}", '))
        text = meshlint("check", "--format", format_, "k8s", cwd=repository).stdout
        if format_ == "json":
            (message,) = [found["message"] for found in json.loads(text)["findings"]]
        else:
            (message,) = [failure.get("message") for failure in ElementTree.fromstring(text).iter("failure")]
        assert message.startswith(f"Plaintext is accepted on shop/{STEERING}:8080")
