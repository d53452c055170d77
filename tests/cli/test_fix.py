"""`meshlint check --fix` and `--diff` as people call them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from program import meshlint

MTLS = """\
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: shop}
spec:
  mtls: # the whole namespace
    mode: PERMISSIVE   # until Q3
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: cart, namespace: shop}
spec:
  selector: {matchLabels: {app: cart}}
  template:
    metadata: {labels: {app: cart, sidecar.istio.io/inject: "true"}}
    spec:
      containers:
        - {name: cart, image: cart, ports: [{containerPort: 8080}]}
"""
UPGRADE = """\
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: db, namespace: shop}
spec:
  host: db
  trafficPolicy:
    connectionPool:
      tcp: {maxConnections: 10}
      http: {h2UpgradePolicy: UPGRADE}
---
apiVersion: v1
kind: Service
metadata: {name: db, namespace: shop}
spec:
  ports: [{name: tcp-db, port: 5432}]
"""
MENDED = {
    "mtls.yaml": MTLS.replace("mode: PERMISSIVE", "mode: STRICT"),
    "upgrade.yaml": UPGRADE.replace("\n      http: {h2UpgradePolicy: UPGRADE}", ""),
}


def git(folder: Path, *arguments: str, stdin: str | None = None) -> str:
    run = subprocess.run(
        ["git", "-c", "user.name=x", "-c", "user.email=x@x", *arguments],
        cwd=folder,
        input=stdin.encode() if stdin is not None else None,
        capture_output=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return run.stdout.decode()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A git repository with a safe fix in one file and an unsafe one in another."""
    (tmp_path / "mtls.yaml").write_text(MTLS)
    (tmp_path / "upgrade.yaml").write_text(UPGRADE)
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-qm", "before")
    return tmp_path


def texts(folder: Path) -> dict[str, str]:
    return {path.name: path.read_bytes().decode() for path in sorted(folder.glob("*.yaml"))}


def found(stdout: str) -> list[str]:
    return sorted(finding["rule"] for finding in json.loads(stdout)["findings"])


def sentences(stderr: str) -> list[str]:
    """What a run says about fixes."""
    words = ("Fix", "Not fixed", "--fix", "more can")
    text = stderr.replace(".\n", ".\0").replace("\n", " ").replace("\0", "\n")
    return [line for line in text.split("\n") if any(word in line for word in words)]


def test_a_plain_run_says_what_could_be_fixed(repository: Path) -> None:
    run = meshlint("check", cwd=repository)
    assert sentences(run.stderr) == ["Fixable: 1 with --fix, 1 with --fix --unsafe-fixes (--diff shows the edits)."]
    run = meshlint("check", "--unsafe-fixes", cwd=repository)
    assert sentences(run.stderr) == ["Fixable: 2 with --fix --unsafe-fixes (--diff shows the edits)."]
    assert texts(repository) == {"mtls.yaml": MTLS, "upgrade.yaml": UPGRADE}


def test_fix_applies_safe_fixes_alone(repository: Path) -> None:
    run = meshlint("check", "--fix", "--format", "json", cwd=repository)
    assert texts(repository) == {"mtls.yaml": MTLS, "upgrade.yaml": MENDED["upgrade.yaml"]}
    assert (run.returncode, found(run.stdout)) == (1, ["port-accepts-plaintext"])
    assert sentences(run.stderr) == [
        "Fixed 1 finding in 1 file.",
        "1 more can be fixed with --unsafe-fixes, which changes what the mesh does.",
    ]


def test_unsafe_fixes_are_applied_on_demand_and_a_second_run_changes_nothing(repository: Path) -> None:
    run = meshlint("check", "--fix", "--unsafe-fixes", "--format", "json", cwd=repository)
    assert (run.returncode, found(run.stdout), texts(repository)) == (0, [], MENDED)
    assert sentences(run.stderr) == ["Fixed 2 findings in 2 files."]
    run = meshlint("check", "--fix", "--unsafe-fixes", cwd=repository)
    assert (run.returncode, texts(repository), sentences(run.stderr)) == (0, MENDED, ["Fixed nothing."])


def test_what_is_not_shown_is_not_fixed(repository: Path) -> None:
    """Neither what is suppressed, nor what is not selected."""
    suppressed = UPGRADE.replace("UPGRADE}", "UPGRADE} # meshlint: ignore[h2-upgrade-on-non-http-port] later")
    (repository / "upgrade.yaml").write_text(suppressed)
    meshlint("check", "--fix", "--unsafe-fixes", "--ignore", "port-accepts-plaintext", cwd=repository)
    assert texts(repository) == {"mtls.yaml": MTLS, "upgrade.yaml": suppressed}


@pytest.mark.parametrize("mode", ["--fix", "--diff"])
def test_what_a_baseline_knows_is_not_fixed(repository: Path, mode: str) -> None:
    meshlint("baseline", "-o", "known.json", "--select", "port-accepts-plaintext", cwd=repository)
    run = meshlint("check", mode, "--baseline", "known.json", cwd=repository)
    words = "Fixed" if mode == "--fix" else "--fix would mend"
    assert (run.returncode, sentences(run.stderr)) == (int(mode == "--diff"), [f"{words} 1 finding in 1 file."])
    run = meshlint("check", "--fix", "--unsafe-fixes", "--baseline", "known.json", cwd=repository)
    assert texts(repository) == {"mtls.yaml": MTLS, "upgrade.yaml": MENDED["upgrade.yaml"]}


def test_what_did_not_change_since_a_revision_is_not_fixed(repository: Path) -> None:
    """Neither in a second step, when edits have moved lines, nor in what is told of the files that were written."""
    (repository / "upgrade.yaml").write_text(UPGRADE.replace("10}", "20}"))
    run = meshlint("check", "--fix", "--unsafe-fixes", "--since", "HEAD", "--format", "json", cwd=repository)
    assert (run.returncode, found(run.stdout), texts(repository)["mtls.yaml"]) == (0, [], MTLS)
    (repository / "mtls.yaml").write_text(MTLS.replace("Q3", "Q4"))
    run = meshlint("check", "--fix", "--unsafe-fixes", "--since", "HEAD", "--format", "json", cwd=repository)
    assert texts(repository)["mtls.yaml"] == MENDED["mtls.yaml"].replace("Q3", "Q4")


@pytest.mark.parametrize("extra", [(), ("--unsafe-fixes",)], ids=["safe", "unsafe"])
def test_git_applies_what_diff_shows_and_it_is_what_fix_writes(repository: Path, extra: tuple[str, ...]) -> None:
    before = texts(repository)
    shown = meshlint("check", "--diff", *extra, cwd=repository)
    assert (shown.returncode, texts(repository)) == (1, before)
    git(repository, "apply", "-", stdin=shown.stdout)
    applied = texts(repository)
    git(repository, "checkout", "-q", ".")
    meshlint("check", "--fix", *extra, cwd=repository)
    assert texts(repository) == applied != before


def test_the_diff_is_one_that_git_would_write(repository: Path) -> None:
    shown = meshlint("check", "--diff", cwd=repository)
    meshlint("check", "--fix", cwd=repository)
    ours, theirs = (
        [line for line in text.split("\n") if not line.startswith("index ")]
        for text in (shown.stdout, git(repository, "diff", "--unified=3", "--no-color"))
    )
    assert [line.partition(" @@")[0] for line in ours] == [line.partition(" @@")[0] for line in theirs]
    assert sentences(shown.stderr) == [
        "--fix would mend 1 finding in 1 file.",
        "1 more can be fixed with --unsafe-fixes, which changes what the mesh does.",
    ]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [((), 1), (("--exit-zero",), 0), (("--fail-on", "never"), 0), (("--select", "timeouts"), 0), (("--fix",), 1)],
    ids=str,
)
def test_diff_exits_with_1_when_there_is_something_to_write(
    repository: Path, arguments: tuple[str, ...], code: int
) -> None:
    run = meshlint("check", "--diff", *arguments, cwd=repository)
    assert (run.returncode, texts(repository)["upgrade.yaml"]) == (code, UPGRADE)


HEAD = "apiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: {name: default, namespace: shop}\n"
AT_BOTH_ENDS = f"{MTLS.partition('---')[2].lstrip()}---\n{HEAD}spec: {{mtls: {{mode: PERMISSIVE}}}}\n"
AT_THE_START = f"spec: {{mtls: {{mode: PERMISSIVE}}}} # é\n{HEAD}---{MTLS.partition('---')[2]}"


@pytest.mark.parametrize("text", [AT_BOTH_ENDS, AT_THE_START], ids=["last line", "first line"])
@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("a b.yaml", str),
        ("é\U0001f600.yaml", str),
        ('q"uo\\te\t.yaml', str),
        ("-b.yaml", str),
        ("crlf.yaml", lambda text: text.replace("\n", "\r\n")),
        ("open.yaml", lambda text: text.rstrip("\n")),
        ("crlf-open.yaml", lambda text: text.rstrip("\n").replace("\n", "\r\n")),
        ("bom.yaml", lambda text: f"\ufeff{text}"),
        ("separators.yaml", lambda text: text.replace("shop}", 'shop, annotations: {a: "\u2028\u2029\x85"}}')),
    ],
    ids=["space", "unicode", "quotes", "dash", "crlf", "no newline", "crlf and no newline", "bom", "separators"],
)
def test_names_line_ends_and_marks_are_kept(tmp_path: Path, name: str, change: Callable[[str], str], text: str) -> None:
    git(tmp_path, "init", "-q")
    before = change(text).encode()
    (tmp_path / name).write_bytes(before)
    command = [sys.executable, "-m", "meshlint", "check", ".", "--diff", "--unsafe-fixes"]
    shown = subprocess.run(command, cwd=tmp_path, capture_output=True, check=False).stdout
    git(tmp_path, "apply", "-", stdin=shown.decode())
    applied = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(before)
    meshlint("check", ".", "--fix", "--unsafe-fixes", cwd=tmp_path)
    assert (tmp_path / name).read_bytes() == applied == before.replace(b"PERMISSIVE", b"STRICT") != before


def test_paths_of_a_diff_are_those_of_the_repository_and_of_what_a_link_leads_to(repository: Path) -> None:
    (repository / "deep").mkdir()
    git(repository, "mv", "upgrade.yaml", "deep/real.yaml")
    (repository / "mtls.yaml").unlink()
    (repository / "link").mkdir()
    (repository / "link" / "upgrade.yaml").symlink_to("../deep/real.yaml")
    shown = meshlint("check", "--diff", "upgrade.yaml", cwd=repository / "link")
    assert shown.stdout.startswith("diff --git a/deep/real.yaml b/deep/real.yaml\n--- a/deep/real.yaml\n")
    git(repository, "apply", "-", stdin=shown.stdout)
    assert (repository / "deep" / "real.yaml").read_text() == MENDED["upgrade.yaml"]


def test_a_diff_outside_a_repository_has_paths_from_here(tmp_path: Path) -> None:
    (tmp_path / "upgrade.yaml").write_text(UPGRADE)
    assert meshlint("check", "--diff", cwd=tmp_path).stdout.startswith("diff --git a/upgrade.yaml b/upgrade.yaml\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("-", "--fix"), "what comes from stdin cannot be fixed: name files, or mend what it is made from"),
        (("-", "--diff"), "what comes from stdin cannot be fixed: name files, or mend what it is made from"),
        (
            ("--diff", "--format", "json"),
            "--diff shows edits, not findings: leave out --format, --output and --statistics",
        ),
        (("--diff", "-o", "x"), "--diff shows edits, not findings: leave out --format, --output and --statistics"),
    ],
    ids=" ".join,
)
def test_what_makes_no_sense_is_refused(repository: Path, arguments: tuple[str, ...], message: str) -> None:
    run = meshlint("check", *arguments, cwd=repository, stdin=UPGRADE)
    assert (run.returncode, run.stdout, run.stderr) == (2, "", f"meshlint: {message}\n")


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (
            "# Source: shop/templates/db.yaml",
            "Helm rendered upgrade.yaml; mend shop/templates/db.yaml of the chart, or its values",
        ),
        (
            "# Code generated by kubegen; DO NOT EDIT.",
            "upgrade.yaml is generated (it says DO NOT EDIT); mend what it is made from",
        ),
    ],
    ids=["rendered", "generated"],
)
def test_what_another_program_writes_is_left_to_it(repository: Path, line: str, reason: str) -> None:
    text = f"---\n{line}\n{UPGRADE}"
    (repository / "upgrade.yaml").write_text(text)
    run = meshlint("check", "--fix", "--unsafe-fixes", "-", ".", cwd=repository, stdin="")
    assert texts(repository) == {"mtls.yaml": MENDED["mtls.yaml"], "upgrade.yaml": text}
    assert sentences(run.stderr) == [
        "Fixed 1 finding in 1 file.",
        f"Not fixed: h2-upgrade-on-non-http-port at upgrade.yaml:11:31: {reason}.",
    ]


def test_documents_of_stdin_are_left_alone_beside_files(repository: Path) -> None:
    (repository / "upgrade.yaml").unlink()
    run = meshlint("check", "--fix", "--unsafe-fixes", "-", "mtls.yaml", cwd=repository, stdin=UPGRADE)
    assert texts(repository) == {"mtls.yaml": MENDED["mtls.yaml"]}
    assert sentences(run.stderr) == [
        "Fixed 1 finding in 1 file.",
        "Not fixed: h2-upgrade-on-non-http-port at <stdin>:9:31: it came from stdin; mend what it is made from.",
    ]


def test_what_no_edit_does_is_told(repository: Path) -> None:
    text = MTLS.replace("PERMISSIVE", "&mode PERMISSIVE").replace("# until Q3", "# until Q3\nwas: *mode")
    (repository / "mtls.yaml").write_text(text)
    run = meshlint("check", "--fix", "--unsafe-fixes", cwd=repository)
    assert texts(repository) == {"mtls.yaml": text, "upgrade.yaml": MENDED["upgrade.yaml"]}
    assert sentences(run.stderr) == [
        "Fixed 1 finding in 1 file.",
        "Not fixed: port-accepts-plaintext at mtls.yaml:6:11: no edit does this and nothing else "
        "(an anchor or a comment may be in the way); mend it by hand.",
    ]


def test_helm_templates_are_never_touched(repository: Path) -> None:
    (repository / "templates").mkdir()
    (repository / "Chart.yaml").write_text("apiVersion: v2\nname: shop\n")
    template = UPGRADE.replace("port: 5432", "port: {{ .Values.port }}")
    (repository / "templates" / "upgrade.yaml").write_text(template)
    meshlint("check", "--fix", "--unsafe-fixes", cwd=repository)
    assert (repository / "templates" / "upgrade.yaml").read_text() == template
    assert texts(repository)["upgrade.yaml"] == MENDED["upgrade.yaml"]


@pytest.mark.skipif(os.geteuid() == 0, reason="no mode stops root; tests/source/test_write.py asks as somebody else")
def test_a_file_that_cannot_be_written_does_not_stop_the_others(repository: Path) -> None:
    (repository / "mtls.yaml").chmod(0o444)
    run = meshlint("check", "--fix", "--unsafe-fixes", cwd=repository)
    assert (run.returncode, texts(repository)) == (3, {"mtls.yaml": MTLS, "upgrade.yaml": MENDED["upgrade.yaml"]})
    assert "not written: mtls.yaml: it is read-only; make it writable (chmod u+w) and run again\n" in run.stderr


def test_a_terminal_is_not_steered_by_a_diff(repository: Path) -> None:
    (repository / "upgrade.yaml").write_text(UPGRADE.replace("10}", "10} # \u202e"), encoding="utf-8")
    run = meshlint("check", "--diff", "--color", "always", cwd=repository)
    assert "       tcp: {maxConnections: 10} # \\u202e\n" in run.stdout
    assert "\x1b[1;31m-      http: {h2UpgradePolicy: UPGRADE}\x1b[0m\n" in run.stdout


BY_PATH = """\
apiVersion: networking.istio.io/v1alpha3
kind: VirtualService
metadata:
  name: ranker
  namespace: shop
spec:
  hosts:
  - ranker
  http:
  - match:
    - uri:
        exact: /v2/rank
    rewrite:
      uri: /rank
    route:
    - destination:
        host: ranker
        port:
          number: 3000
  - match:
    - uri:
        exact: /v1/rank
    route:
    - destination:
        host: ranker-old
        port:
          number: 3000"""
DEFAULT_ROUTE = """
  - route:
    - destination:
        host: ranker
        port:
          number: 3000"""
POOL = """\
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata:
  name: search
  namespace: shop
spec:
  host: search.example.com
  trafficPolicy:
    loadBalancer:
      simple: ROUND_ROBIN
    portLevelSettings:
    - port:
        number: 443
      tls:
        mode: SIMPLE # the proxy speaks TLS to it
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata:
  name: search
  namespace: shop
spec:
  hosts:
  - search.example.com
  ports:
  - number: 443
    name: http-tls
    protocol: HTTP
  resolution: DNS
"""
LOST = "mode: SIMPLE # the proxy speaks TLS to it\n"


@pytest.mark.parametrize(
    ("rule", "before", "after"),
    [
        ("virtualservice-without-catch-all", BY_PATH, BY_PATH + DEFAULT_ROUTE),
        (
            "traffic-policy-override-drops-settings",
            POOL,
            POOL.replace(LOST, f"{LOST}      loadBalancer:\n        simple: ROUND_ROBIN\n"),
        ),
    ],
    ids=["flat lists without a last line end", "a comment at the end of a block"],
)
def test_shapes_of_real_meshes(tmp_path: Path, rule: str, before: str, after: str) -> None:
    """As in workshops of a cloud and in Istio's samples."""
    (tmp_path / "mesh.yaml").write_text(before)
    meshlint("check", "--fix", "--unsafe-fixes", "--min-confidence", "low", "--select", rule, cwd=tmp_path)
    assert (tmp_path / "mesh.yaml").read_text() == after
