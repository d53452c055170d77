"""`meshlint check --since REV` in real git repositories."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from program import meshlint

from meshlint.assets import folder

SLOW = "timeout-cuts-streaming-response"
OPEN = "port-accepts-plaintext"
DEFAULT = "default-retries-on-generation-route"
SELECT = ("--world", "closed", "--select", f"{SLOW},{OPEN},{DEFAULT}")

ROUTE = """\
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata:
  name: NAME
  namespace: shop
spec:
  hosts: [NAME]
  http:
    - match:
        - uri: {prefix: /v1/chat/completions}
      route: [{destination: {host: NAME}}]
      timeout: 5s
      retries:
        attempts: 0
---
apiVersion: v1
kind: Service
metadata: {name: NAME, namespace: shop}
"""
POLICY = """\
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: shop}
spec:
  mtls:
    mode: STRICT
"""
WORKLOAD = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: cart, namespace: shop}
spec:
  selector: {matchLabels: {app: cart}}
  template:
    metadata: {labels: {app: cart, sidecar.istio.io/inject: "true"}}
    spec:
      containers: [{name: cart, image: cart, ports: [{containerPort: 8080}]}]
"""
IDENTITY = {"GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@b", "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@b"}


def git(directory: Path, *arguments: str) -> str:
    env = {**os.environ, **IDENTITY, "GIT_CONFIG_GLOBAL": os.devnull}
    return subprocess.run(
        ["git", *arguments], cwd=directory, env=env, check=True, capture_output=True, encoding="utf-8"
    ).stdout.strip()


def commit(directory: Path, *arguments: str) -> str:
    git(directory, "add", "-A")
    git(directory, "commit", "-q", "-m", "x", *arguments)
    return git(directory, "rev-parse", "HEAD")


def named(name: str) -> str:
    return ROUTE.replace("NAME", name)


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    """A commit with a slow route in each of two files, and a strict workload in a third."""
    root = tmp_path / "repo"
    root.mkdir()
    git(root, "init", "-q", "-b", "main")
    (root / "chat.yaml").write_text(named("chat"))
    (root / "llm.yaml").write_text(named("llm"))
    (root / "mtls.yaml").write_text(POLICY + "---\n" + WORKLOAD)
    commit(root)
    return root


def report(directory: Path, *arguments: object, **env: str) -> dict[str, Any]:
    run = meshlint("check", "--format", "json", *SELECT, *arguments, cwd=directory, **env)
    assert run.returncode in (0, 1), run.stderr
    found: dict[str, Any] = json.loads(run.stdout)
    jsonschema.validate(found, json.loads((Path(folder("schemas")) / "report.schema.json").read_text()))
    return found


def places(found: dict[str, Any]) -> list[tuple[str, str, int]]:
    return [(f["rule"], f["location"]["file"], f["location"]["startLine"]) for f in found["findings"]]


def since(directory: Path, revision: str, *arguments: object, **env: str) -> list[tuple[str, str, int]]:
    return places(report(directory, "--since", revision, *arguments, **env))


class TestWhatCounts:
    def test_nothing_changed(self, repo: Path) -> None:
        run = meshlint("check", "--since", "HEAD", *SELECT, cwd=repo)
        assert (run.returncode, run.stdout) == (0, "")
        assert "\nNothing found; 2 unchanged since HEAD.\n" in run.stderr

    @pytest.mark.parametrize("how", ["committed", "staged", "unstaged"])
    def test_a_value_that_changed(self, repo: Path, how: str) -> None:
        edit(repo / "chat.yaml", "5s", "6s")
        if how != "unstaged":
            git(repo, "add", "-A")
        if how == "committed":
            commit(repo)
        assert since(repo, "main~1" if how == "committed" else "main") == [(SLOW, "chat.yaml", 12)]

    def test_staged_and_changed_back_is_unchanged(self, repo: Path) -> None:
        edit(repo / "chat.yaml", "5s", "6s")
        git(repo, "add", "-A")
        edit(repo / "chat.yaml", "6s", "5s")
        assert since(repo, "HEAD") == []

    @pytest.mark.parametrize("ignored", [False, True])
    def test_an_untracked_file_is_new(self, repo: Path, ignored: bool) -> None:
        """Also one that git ignores, when it is named."""
        (repo / "new.yaml").write_text(named("new"))
        if ignored:
            (repo / ".gitignore").write_text("new.yaml\n")
        assert since(repo, "HEAD", ".", "new.yaml") == [(SLOW, "new.yaml", 12)]

    def test_lines_that_moved_are_unchanged(self, repo: Path) -> None:
        edit(repo / "chat.yaml", "apiVersion", "# The model.\n\napiVersion")
        assert since(repo, "HEAD") == []

    def test_lines_beside_the_place_are_not_of_it(self, repo: Path) -> None:
        edit(repo / "chat.yaml", "attempts: 0", "attempts: 0 # never twice")
        assert since(repo, "HEAD") == []

    def test_a_deletion_counts_for_the_lines_on_both_sides(self, repo: Path) -> None:
        edit(repo / "chat.yaml", "      timeout", "      # For long answers.\n      timeout")
        edit(repo / "llm.yaml", "5s\n", "5s\n      # For short answers.\n")
        commit(repo)
        edit(repo / "chat.yaml", "      # For long answers.\n", "")
        edit(repo / "llm.yaml", "      # For short answers.\n", "")
        assert since(repo, "HEAD") == [(SLOW, "chat.yaml", 12), (SLOW, "llm.yaml", 12)]

    def test_text_that_looks_like_a_diff_is_text(self, repo: Path) -> None:
        """Else the second change would be one of llm.yaml."""
        lines = ["begin", *"abcdefghijklmn"]
        (repo / "notes.yaml").write_text("\n".join(lines))
        commit(repo)
        lines[0], lines[11] = "++ b/llm.yaml", "changed"
        (repo / "notes.yaml").write_text("\n".join(lines))
        assert since(repo, "HEAD") == []

    def test_a_related_place_counts(self, repo: Path) -> None:
        """The reason that the route is for generation."""
        edit(repo / "llm.yaml", "/v1/chat/completions", "/v1/completions")
        assert since(repo, "HEAD") == [(SLOW, "llm.yaml", 12)]

    def test_a_deleted_field_counts_for_what_it_was_in(self, repo: Path) -> None:
        """Istio retries by default: the finding stands at the route."""
        edit(repo / "chat.yaml", "      retries:\n        attempts: 0\n", "")
        assert since(repo, "HEAD", "--audience", "pedantic") == [(DEFAULT, "chat.yaml", 9), (SLOW, "chat.yaml", 12)]

    def test_what_an_alias_stands_for_counts(self, repo: Path) -> None:
        edit(repo / "chat.yaml", "  name: chat", "  name: chat\n  annotations:\n    slow: &slow 5s")
        edit(repo / "chat.yaml", "timeout: 5s", "timeout: *slow")
        commit(repo)
        edit(repo / "chat.yaml", "&slow 5s", "&slow 6s")
        assert since(repo, "HEAD") == [(SLOW, "chat.yaml", 14)]

    def test_a_new_place_of_one_decision_is_shown(self, repo: Path) -> None:
        """The finding stands at the workload that is new, not at the first one."""
        (repo / "mtls.yaml").write_text(WORKLOAD)
        commit(repo)
        (repo / "pay.yaml").write_text(WORKLOAD.replace("cart", "pay"))
        assert since(repo, "HEAD") == [(OPEN, "pay.yaml", 3)]

    @pytest.mark.parametrize(
        ("name", "entry"),
        [
            ("meshlint.yaml", "suppressions: [{rules: [duplicate-key], paths: ['*'], reason: x}]\n"),
            (
                "pyproject.toml",
                "[[tool.meshlint.suppressions]]\nrules = ['duplicate-key']\npaths = ['*']\nreason = 'x'\n",
            ),
        ],
    )
    def test_a_suppression_that_is_unused_in_the_configuration(self, repo: Path, name: str, entry: str) -> None:
        (repo / name).write_text(entry)
        select = ("--select", "duplicate-key,unused-suppression")
        line = 1 if name == "meshlint.yaml" else 2
        assert since(repo, "HEAD", *select) == [("unused-suppression", name, line)]
        commit(repo)
        assert since(repo, "HEAD", *select) == []


class TestRenames:
    def test_a_renamed_file_is_unchanged_but_for_what_was_edited(self, repo: Path) -> None:
        git(repo, "mv", "chat.yaml", "moved.yaml")
        git(repo, "mv", "llm.yaml", 'löng name\t"x".yaml')
        edit(repo / "moved.yaml", "5s", "6s")
        assert since(repo, "HEAD") == [(SLOW, "moved.yaml", 12)]

    def test_names_that_git_quotes(self, repo: Path) -> None:
        name = 'löng name\t"x".yaml'
        git(repo, "mv", "llm.yaml", name)
        commit(repo)
        edit(repo / name, "5s", "6s")
        assert since(repo, "HEAD") == [(SLOW, name, 12)]

    def test_a_link_that_leads_elsewhere_now_is_new(self, repo: Path) -> None:
        (repo / "a").mkdir()
        (repo / "b").mkdir()
        (repo / "a" / "x.txt").write_text(named("x"))
        (repo / "b" / "x.txt").write_text(named("x").replace("5s", "6s"))
        (repo / "link.yaml").symlink_to("a/x.txt")
        commit(repo)
        assert since(repo, "HEAD") == []
        (repo / "link.yaml").unlink()
        (repo / "link.yaml").symlink_to("b/x.txt")
        assert since(repo, "HEAD") == [(SLOW, "link.yaml", 12)]


class TestDeletions:
    def test_findings_that_come_with_a_deleted_object_are_told(self, repo: Path) -> None:
        """No place of the finding changed: its workload is what it was."""
        edit(repo / "mtls.yaml", POLICY + "---\n", "")
        found = report(repo, "--since", "HEAD")
        assert places(found) == [(OPEN, "mtls.yaml", 3)]
        assert found["since"]["deleted"] == ["PeerAuthentication shop/default"]
        assert found["since"]["came"] == 1

    def test_a_deleted_file(self, repo: Path) -> None:
        (repo / "mtls.yaml").write_text(WORKLOAD)
        (repo / "policy.yaml").write_text(POLICY)
        commit(repo)
        (repo / "policy.yaml").unlink()
        run = meshlint("check", "--since", "HEAD", "--format", "concise", *SELECT, cwd=repo)
        assert run.stdout.startswith(f"mtls.yaml:3:35: warning[{OPEN}]")
        assert "\nDeleted since HEAD: PeerAuthentication shop/default; 1 finding came with that.\n" in run.stderr

    def test_an_object_that_moved_is_not_deleted(self, repo: Path) -> None:
        (repo / "mtls.yaml").unlink()
        (repo / "policy.yaml").write_text(POLICY + "---\n" + WORKLOAD)
        found = report(repo, "--since", "HEAD")
        assert (places(found), found["since"]["deleted"]) == ([], [])

    def test_what_is_not_below_the_paths_was_not_read(self, repo: Path) -> None:
        (repo / ".hidden").mkdir()
        git(repo, "mv", "chat.yaml", ".hidden/chat.yaml")
        commit(repo)
        (repo / "llm.yaml").unlink()
        (repo / ".hidden" / "chat.yaml").unlink()
        assert report(repo, "--since", "HEAD", "mtls.yaml")["since"]["deleted"] == []
        deleted = report(repo, "--since", "HEAD", ".")["since"]["deleted"]
        assert deleted == ["Service shop/llm", "VirtualService shop/llm"]


class TestRevisions:
    def test_the_commit_where_the_branch_left_it(self, repo: Path) -> None:
        """What others did on main meanwhile is not a change of this branch."""
        base = git(repo, "rev-parse", "HEAD")
        git(repo, "checkout", "-q", "-b", "work")
        edit(repo / "chat.yaml", "5s", "6s")
        commit(repo)
        git(repo, "checkout", "-q", "main")
        edit(repo / "llm.yaml", "5s", "7s")
        commit(repo)
        git(repo, "checkout", "-q", "work")
        found = report(repo, "--since", "main")
        assert places(found) == [(SLOW, "chat.yaml", 12)]
        assert found["since"] == {"revision": "main", "commit": base, "deleted": [], "came": 0, "outside": 0}

    def test_from_a_folder_and_through_another_way(self, repo: Path) -> None:
        (repo / "sub").mkdir()
        edit(repo / "chat.yaml", "5s", "6s")
        assert since(repo / "sub", "HEAD", "..") == [(SLOW, "../chat.yaml", 12)]
        (repo.parent / "way").symlink_to(repo)
        assert since(repo.parent, "HEAD", "way") == [(SLOW, "way/chat.yaml", 12)]
        assert since(repo.parent, "HEAD", "repo/*.yaml") == [(SLOW, "repo/chat.yaml", 12)]

    def test_a_worktree(self, repo: Path) -> None:
        git(repo, "worktree", "add", "-q", "../tree")
        edit(repo.parent / "tree" / "chat.yaml", "5s", "6s")
        assert since(repo.parent / "tree", "main") == [(SLOW, "chat.yaml", 12)]
        assert since(repo, "main") == []

    def test_variables_of_a_hook_do_not_lead_elsewhere(self, repo: Path, tmp_path: Path) -> None:
        edit(repo / "chat.yaml", "5s", "6s")
        env = {"GIT_DIR": str(tmp_path / "none"), "GIT_INDEX_FILE": str(tmp_path / "index"), "GIT_PREFIX": "x/"}
        assert since(repo, "HEAD", **env) == [(SLOW, "chat.yaml", 12)]

    def test_files_of_elsewhere_count_as_unchanged(self, repo: Path) -> None:
        (repo.parent / "other.yaml").write_text(named("other"))
        run = meshlint("check", "--since", "HEAD", ".", "../other.yaml", *SELECT, cwd=repo)
        assert run.returncode == 0
        assert "\n1 file outside the repository: taken as unchanged.\n" in run.stderr

    def test_a_file_in_conflict_is_new(self, repo: Path) -> None:
        git(repo, "checkout", "-q", "-b", "work")
        edit(repo / "chat.yaml", "5s", "6s")
        commit(repo)
        git(repo, "checkout", "-q", "main")
        edit(repo / "chat.yaml", "5s", "7s")
        commit(repo)
        with pytest.raises(subprocess.CalledProcessError):
            git(repo, "merge", "work")
        (repo / "chat.yaml").write_text(named("chat").replace("5s", "8s"))
        assert since(repo, "HEAD") == [(SLOW, "chat.yaml", 12)]

    def test_a_submodule_is_what_its_commit_is(self, repo: Path, tmp_path: Path) -> None:
        other = tmp_path / "other"
        shutil.copytree(repo, other)
        git(repo, "rm", "-q", "chat.yaml", "llm.yaml")
        git(repo, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(other), "sub")
        commit(repo)
        assert since(repo, "HEAD") == []
        edit(repo / "sub" / "chat.yaml", "5s", "6s")
        commit(repo / "sub")
        assert since(repo, "HEAD") == [(SLOW, "sub/chat.yaml", 12), (SLOW, "sub/llm.yaml", 12)]

    def test_with_a_baseline_both_hold(self, repo: Path) -> None:
        assert meshlint("baseline", "chat.yaml", *SELECT, cwd=repo).returncode == 0
        edit(repo / "chat.yaml", "5s", "6s")
        edit(repo / "llm.yaml", "5s", "6s")
        found = report(repo, "--since", "HEAD", "--baseline", "meshlint-baseline.json")
        assert places(found) == [(SLOW, "llm.yaml", 12)]
        assert (found["summary"]["known"], found["summary"]["unchanged"]) == (1, 0)


class TestChanged:
    """`meshlint changed` without pre-commit; with it: tests/install/test_precommit.py."""

    def told(self, directory: Path, **env: str) -> list[str]:
        hook = {"PRE_COMMIT_FROM_REF": "", "PRE_COMMIT_REMOTE_NAME": "", **env}
        run = meshlint("changed", "--format", "concise", *SELECT, cwd=directory, **hook)
        assert run.returncode == int(bool(run.stdout)), run.stderr
        return [line.partition(":")[0] for line in run.stdout.splitlines()]

    def test_since_the_last_commit(self, repo: Path) -> None:
        assert self.told(repo) == []
        edit(repo / "llm.yaml", "5s", "6s")
        assert self.told(repo) == ["llm.yaml"]

    def test_before_the_first_commit_all_is_new(self, repo: Path, tmp_path: Path) -> None:
        """Also for a hook of a repository that has one."""
        (tmp_path / "new").mkdir()
        git(tmp_path / "new", "init", "-q")
        (tmp_path / "new" / "chat.yaml").write_text(named("chat"))
        assert self.told(tmp_path / "new") == ["chat.yaml"]
        assert self.told(tmp_path / "new", GIT_DIR=str(repo / ".git")) == ["chat.yaml"]

    def test_where_there_is_nothing_to_compare_with(self, tmp_path: Path) -> None:
        (tmp_path / "chat.yaml").write_text(named("chat"))
        run = meshlint("changed", cwd=tmp_path, PRE_COMMIT_FROM_REF="", GIT_CEILING_DIRECTORIES=str(tmp_path.parent))
        assert (run.returncode, run.stdout) == (2, "")
        assert run.stderr == f"meshlint: --since: {tmp_path} is in no git repository\n"


class TestRefused:
    def refused(self, directory: Path, *arguments: object, **env: str) -> str:
        run = meshlint("check", *arguments, cwd=directory, **env)
        assert (run.returncode, run.stdout) == (2, "")
        return run.stderr

    def test_no_repository(self, tmp_path: Path) -> None:
        (tmp_path / "chat.yaml").write_text(named("chat"))
        said = self.refused(tmp_path, "--since", "HEAD", GIT_CEILING_DIRECTORIES=str(tmp_path.parent))
        assert said == f"meshlint: --since: {tmp_path} is in no git repository\n"

    @pytest.mark.parametrize("revision", ["nowhere", "main..HEAD", "", "HEAD:chat.yaml"])
    def test_no_such_revision(self, repo: Path, revision: str) -> None:
        said = self.refused(repo, "--since", revision)
        assert said == f"meshlint: --since {revision}: there is no such revision in {repo}\n"

    def test_an_option_is_no_revision(self, repo: Path) -> None:
        said = self.refused(repo, "--since=--output=stolen")
        assert said == "meshlint: --since --output=stolen: no revision begins with -\n"
        assert not (repo / "stolen").exists()

    def test_a_repository_without_a_commit(self, tmp_path: Path) -> None:
        git(tmp_path, "init", "-q")
        assert "there is no such revision" in self.refused(tmp_path, "--since", "HEAD")

    def test_a_shallow_clone(self, repo: Path, tmp_path: Path) -> None:
        first = git(repo, "rev-parse", "HEAD")
        edit(repo / "chat.yaml", "5s", "6s")
        commit(repo)
        git(tmp_path, "clone", "-q", "--depth=1", f"file://{repo}", "clone")
        said = self.refused(tmp_path / "clone", "--since", first)
        assert said == (
            f"meshlint: --since {first}: there is no such revision in {tmp_path / 'clone'}; the clone is shallow: "
            "fetch its history (git fetch --unshallow; actions/checkout: fetch-depth: 0)\n"
        )

    def test_no_common_commit(self, repo: Path) -> None:
        git(repo, "checkout", "-q", "--orphan", "other")
        edit(repo / "chat.yaml", "5s", "6s")
        commit(repo)
        assert self.refused(repo, "--since", "main") == "meshlint: --since main: HEAD has no commit in common with it\n"

    def test_stdin(self, repo: Path) -> None:
        said = self.refused(repo, "--since", "HEAD", "-")
        assert said == "meshlint: --since compares files, and stdin is none: give it paths\n"

    def test_no_git(self, repo: Path, tmp_path: Path) -> None:
        said = self.refused(repo, "--since", "HEAD", PATH=str(tmp_path))
        assert said == "meshlint: --since asks git, which is not installed\n"


def program(path: Path, ran: Path, behind: str = "cat") -> str:
    """A program that says that it ran."""
    path.write_text(f"#!/bin/sh\necho $0 >> '{ran}'\nexec {behind}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


Trap = Callable[[Path, str], None]


def filter_(repo: Path, path: str) -> None:
    git(repo, "config", "filter.own=one.clean", path)
    git(repo, "config", "filter.own=one.required", "true")
    (repo / ".gitattributes").write_text("*.yaml filter=own=one\n")


def process(repo: Path, path: str) -> None:
    git(repo, "config", "filter.own.process", path)
    (repo / ".gitattributes").write_text("*.yaml filter=own\n")


def textconv(repo: Path, path: str) -> None:
    git(repo, "config", "diff.own.textconv", path)
    (repo / ".gitattributes").write_text("*.yaml diff=own\n")


def driver(repo: Path, path: str) -> None:
    git(repo, "config", "diff.own.command", path)
    (repo / ".gitattributes").write_text("*.yaml diff=own\n")


def external(repo: Path, path: str) -> None:
    git(repo, "config", "diff.external", path)


def monitor(repo: Path, path: str) -> None:
    git(repo, "config", "core.fsmonitor", path)


def hook(repo: Path, path: str) -> None:
    git(repo, "config", "core.hooksPath", str(Path(path).parent))
    shutil.copy(path, Path(path).parent / "post-index-change")


def hidden(repo: Path, path: str) -> None:
    """No program: attributes that keep git from telling lines, and settings that change what a diff looks like."""
    (repo / ".gitattributes").write_text("*.yaml -diff -text binary\n")
    for key, value in {
        "diff.noprefix": "true",
        "color.ui": "always",
        "diff.context": "9",
        "diff.relative": "true",
    }.items():
        git(repo, "config", key, value)


@pytest.mark.parametrize("trap", [filter_, process, textconv, driver, external, monitor, hook, hidden])
def test_nothing_of_the_repository_runs_and_nothing_hides_a_change(repo: Path, tmp_path: Path, trap: Trap) -> None:
    ran = tmp_path / "ran"
    edit(repo / "chat.yaml", "5s", "6s")
    (tmp_path / "bin").mkdir()
    trap(repo, program(tmp_path / "bin" / "trap", ran))
    os.utime(repo / "llm.yaml", (1, 1))
    assert since(repo, "HEAD") == [(SLOW, "chat.yaml", 12)]
    assert not ran.exists()


@pytest.mark.parametrize("trap", [filter_, process, textconv, driver, external, monitor, hook])
def test_each_trap_is_one(repo: Path, tmp_path: Path, trap: Trap) -> None:
    """So that the test above can fail: git as it is runs the program."""
    ran = tmp_path / "ran"
    edit(repo / "chat.yaml", "5s", "6s")
    (tmp_path / "bin").mkdir()
    trap(repo, program(tmp_path / "bin" / "trap", ran))
    os.utime(repo / "llm.yaml", (1, 1))
    env = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull}
    subprocess.run(["git", "diff", "HEAD"], cwd=repo, env=env, capture_output=True, check=False)
    assert str(tmp_path / "bin") in ran.read_text()
