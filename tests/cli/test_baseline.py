"""`meshlint baseline` and `meshlint check --baseline`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from program import meshlint

from meshlint.assets import folder

FILE = "meshlint-baseline.json"
SLOW = "timeout-cuts-streaming-response"
OPEN = "port-accepts-plaintext"

ROUTE = """\
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: NAME, namespace: shop}
spec:
  hosts: [NAME]
  http:
    - match: [{uri: {prefix: /v1/chat/completions}}]
      route: [{destination: {host: NAME}}]
      timeout: 5s
      retries: {attempts: 0}
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
    mode: PERMISSIVE
"""
WORKLOAD = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: NAME, namespace: shop}
spec:
  selector: {matchLabels: {app: NAME}}
  template:
    metadata: {labels: {app: NAME, sidecar.istio.io/inject: "true"}}
    spec:
      containers: [{name: NAME, image: NAME, ports: [{containerPort: 8080}]}]
"""
SELECT = ("--select", f"{SLOW},{OPEN},unused-suppression")


def named(text: str, name: str) -> str:
    return text.replace("NAME", name)


@pytest.fixture
def mesh(tmp_path: Path) -> Path:
    """A folder with two known findings: a short timeout and a port that takes plaintext."""
    (tmp_path / "route.yaml").write_text(named(ROUTE, "llm"))
    (tmp_path / "mtls.yaml").write_text(POLICY + "---\n" + named(WORKLOAD, "cart"))
    run = meshlint("baseline", *SELECT, cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    return tmp_path


def check(directory: Path, *arguments: object) -> dict[str, Any]:
    """The JSON report of a comparison."""
    arguments = ("--baseline", FILE, "--format", "json", *SELECT, *arguments)
    run = meshlint("check", *arguments, cwd=directory)
    assert run.returncode in (0, 1), run.stderr
    report: dict[str, Any] = json.loads(run.stdout)
    assert run.returncode == bool(report["findings"])
    jsonschema.validate(report, json.loads((Path(folder("schemas")) / "report.schema.json").read_text()))
    return report


def new(report: dict[str, Any]) -> list[tuple[str, str, int]]:
    return [(f["rule"], f["location"]["file"], f["location"]["startLine"]) for f in report["findings"]]


def gone(report: dict[str, Any]) -> list[tuple[str, str, str, int]]:
    return [(e["rule"], e["name"], e["path"], e["count"]) for e in report["baseline"]["gone"]]


class TestWriting:
    def test_one_line_for_each_finding_in_order(self, mesh: Path) -> None:
        lines = (mesh / FILE).read_text().splitlines()
        assert lines[:3] == ["{", '  "version": 1,', '  "paths": ["."],']
        entries = [json.loads(line.rstrip(",")) for line in lines[4:6]]
        assert entries[0] == {
            "rule": OPEN,
            "kind": "PeerAuthentication",
            "namespace": "shop",
            "name": "default",
            "path": "spec.mtls.mode",
            "severity": "warning",
            "count": 1,
        }
        assert (entries[1]["rule"], entries[1]["name"], lines[6:]) == (SLOW, "llm", ["  ]", "}"])
        jsonschema.validate(
            json.loads("\n".join(lines)), json.loads((Path(folder("schemas")) / "baseline.schema.json").read_text())
        )

    def test_it_does_not_depend_on_names_and_order_of_files(self, mesh: Path) -> None:
        before = (mesh / FILE).read_bytes()
        (mesh / "mtls.yaml").rename(mesh / "z.yaml")
        (mesh / "route.yaml").write_text("# moved\n\n" + (mesh / "route.yaml").read_text())
        assert meshlint("baseline", *SELECT, cwd=mesh).returncode == 0
        assert (mesh / FILE).read_bytes() == before

    def test_it_says_what_it_did_and_what_is_next(self, mesh: Path) -> None:
        run = meshlint("baseline", "-o", "known.json", "route.yaml", *SELECT, cwd=mesh)
        assert run.stdout == ""
        assert run.stderr == "Wrote 1 finding to known.json.\nNext: meshlint check --baseline known.json route.yaml\n"

    def test_what_is_suppressed_or_hidden_is_not_written(self, mesh: Path) -> None:
        text = named(ROUTE, "llm").replace("5s", f"5s # meshlint: ignore[{SLOW}] short answers")
        (mesh / "route.yaml").write_text(text)
        assert meshlint("baseline", "-o", "known.json", "--min-confidence", "high", *SELECT, cwd=mesh).returncode == 0
        assert [entry["rule"] for entry in json.loads((mesh / "known.json").read_text())["findings"]] == [OPEN]

    def test_paths_are_told_from_the_file(self, mesh: Path) -> None:
        (mesh / "ci").mkdir()
        assert meshlint("baseline", "-o", "ci/known.json", "route.yaml", ".", cwd=mesh).returncode == 0
        assert json.loads((mesh / "ci/known.json").read_text())["paths"] == ["..", "../route.yaml"]

    def test_nothing_to_check_is_no_baseline(self, tmp_path: Path) -> None:
        run = meshlint("baseline", cwd=tmp_path)
        assert (run.returncode, "nothing was checked" in run.stderr) == (2, True)
        assert not (tmp_path / FILE).exists()

    def test_an_unreadable_file_is_told_and_the_rest_written(self, mesh: Path) -> None:
        (mesh / "broken.yaml").write_text("a: [\n")
        run = meshlint("baseline", *SELECT, cwd=mesh)
        assert run.returncode == 3
        assert run.stderr.startswith("meshlint: not checked: broken.yaml:2: ")
        assert len(json.loads((mesh / FILE).read_text())["findings"]) == 2

    def test_a_folder_is_no_file(self, mesh: Path) -> None:
        run = meshlint("baseline", "-o", ".", cwd=mesh)
        assert (run.returncode, run.stderr) == (2, "meshlint: .: Is a directory\n")


class TestKnown:
    def test_what_is_known_is_counted(self, mesh: Path) -> None:
        run = meshlint("check", "--baseline", FILE, *SELECT, cwd=mesh)
        assert (run.returncode, run.stdout) == (0, "")
        assert "\nNothing found; 2 known (baseline).\n" in run.stderr

    def test_lines_files_and_documents_may_move(self, mesh: Path) -> None:
        first, second = named(ROUTE, "llm").split("---\n")
        (mesh / "route.yaml").unlink()
        (mesh / "sub").mkdir()
        (mesh / "sub" / "new.yaml").write_text("# header\n\n" + second + "---\n" + first)
        assert new(check(mesh)) == []

    def test_a_route_above_is_new_and_the_old_one_known(self, mesh: Path) -> None:
        """The entry goes with what did not change, not with the index."""
        route = mesh / "route.yaml"
        first = (
            "    - match: [{uri: {prefix: /v1/completions}}]\n      route: [{destination: {host: llm}}]\n"
            "      timeout: 7s\n      retries: {attempts: 0}\n"
        )
        route.write_text(route.read_text().replace("  http:\n", "  http:\n" + first))
        report = check(mesh)
        assert new(report) == [(SLOW, "route.yaml", 9)]
        assert report["summary"]["known"] == 2

    def test_another_object_is_new(self, mesh: Path) -> None:
        (mesh / "a.yaml").write_text(named(ROUTE, "other"))
        assert new(check(mesh)) == [(SLOW, "a.yaml", 9)]

    def test_a_second_definition_with_the_finding_is_one_more(self, mesh: Path) -> None:
        (mesh / "staging").mkdir()
        (mesh / "staging" / "route.yaml").write_text(named(ROUTE, "llm").replace("5s", "6s"))
        report = check(mesh)
        assert new(report) == [(SLOW, "staging/route.yaml", 9)]
        assert report["summary"]["known"] == 2
        assert meshlint("baseline", *SELECT, cwd=mesh).returncode == 0
        (mesh / "staging" / "route.yaml").unlink()
        ((rule, name, _, times),) = gone(check(mesh))
        assert (rule, name, times) == (SLOW, "llm", 1)

    def test_a_finding_that_became_worse_is_new(self, mesh: Path) -> None:
        (mesh / "meshlint.yaml").write_text(f"rules: {{{OPEN}: {{severity: error}}}}\n")
        report = check(mesh)
        assert new(report) == [(OPEN, "mtls.yaml", 6)]
        notes = [related["message"] for related in report["findings"][0]["related"]]
        assert notes[-1] == "the baseline knows it as warning"
        assert report["baseline"]["gone"] == []

    def test_a_finding_that_became_milder_is_known(self, mesh: Path) -> None:
        (mesh / "meshlint.yaml").write_text(f"rules: {{{OPEN}: {{severity: info}}}}\n")
        assert new(check(mesh, "--fail-on", "info")) == []

    def test_one_decision_is_known_for_each_namespace(self, tmp_path: Path) -> None:
        """Another namespace under a known default is new, and the finding points there, whatever the files are called."""
        (tmp_path / "b.yaml").write_text(named(WORKLOAD, "cart") + "---\n" + named(WORKLOAD, "pay"))
        (tmp_path / "z.yaml").write_text(POLICY.replace("namespace: shop", "namespace: other"))
        assert meshlint("baseline", *SELECT, cwd=tmp_path).returncode == 0
        (tmp_path / "b.yaml").rename(tmp_path / "y.yaml")
        (tmp_path / "x.yaml").write_text(named(WORKLOAD, "new"))
        (tmp_path / "a.yaml").write_text("apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n")
        assert new(check(tmp_path)) == []
        (tmp_path / "z1.yaml").write_text(named(WORKLOAD, "new").replace("shop", "warehouse"))
        report = check(tmp_path)
        assert new(report) == [(OPEN, "z1.yaml", 3)]
        assert report["findings"][0]["related"][-1]["message"] == "the baseline knows 1 of the 2 places it is about"

    def test_a_default_that_is_shown_at_the_first_place_is_not_known_by_it(self, tmp_path: Path) -> None:
        entry = (
            "apiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {name: NAME, namespace: shop}\n"
            "spec: {hosts: [NAME.example.com], ports: [{number: 443, name: tls, protocol: TLS}], resolution: DNS}\n"
        )
        select = ("--world", "closed", "--select", "egress-unrestricted")
        (tmp_path / "m.yaml").write_text(named(entry, "m") + "---\n" + named(WORKLOAD, "cart"))
        assert meshlint("baseline", *select, cwd=tmp_path).returncode == 0
        lines = json.loads((tmp_path / FILE).read_text())["findings"]
        assert [(line["kind"], line["name"], line["path"]) for line in lines] == [
            ("Namespace", "shop", "metadata.name")
        ]
        (tmp_path / "a.yaml").write_text(named(entry, "a"))
        run = meshlint("check", "--baseline", FILE, *select, cwd=tmp_path)
        assert (run.returncode, run.stdout) == (0, "")
        assert "Nothing found; 1 known (baseline)." in run.stderr

    def test_a_comment_is_known_by_its_words(self, mesh: Path) -> None:
        comment = "# meshlint: ignore[egress-unrestricted] "
        mtls = mesh / "mtls.yaml"
        mtls.write_text(comment + "old\n" + mtls.read_text())
        assert meshlint("baseline", *SELECT, "--select", "egress", cwd=mesh).returncode == 0
        mtls.write_text("\n" + mtls.read_text() + comment + "new\n")
        report = check(mesh, "--select", "egress")
        assert new(report) == [("unused-suppression", "mtls.yaml", 19)]

    def test_sarif_says_what_is_new(self, mesh: Path) -> None:
        (mesh / "a.yaml").write_text(named(ROUTE, "other"))
        run = meshlint("check", "--baseline", FILE, "--format", "sarif", *SELECT, cwd=mesh)
        results = json.loads(run.stdout)["runs"][0]["results"]
        assert [(result["ruleId"], result["baselineState"]) for result in results] == [(SLOW, "new")]

    def test_fingerprints_are_the_same_with_and_without(self, mesh: Path) -> None:
        (mesh / "a").mkdir()
        (mesh / "a" / "route.yaml").write_text(named(ROUTE, "llm").replace("5s", "6s"))
        run = meshlint("check", "--format", "json", *SELECT, cwd=mesh)
        every = {f["location"]["file"]: f["fingerprint"] for f in json.loads(run.stdout)["findings"]}
        (found,) = check(mesh)["findings"]
        assert found["fingerprint"] == every[found["location"]["file"]]


class TestGone:
    def mend(self, mesh: Path) -> None:
        (mesh / "route.yaml").write_text(named(ROUTE, "llm").replace("5s", "300s"))

    def test_what_is_gone_is_named_with_the_way_to_renew(self, mesh: Path) -> None:
        self.mend(mesh)
        run = meshlint("check", "--baseline", FILE, *SELECT, cwd=mesh)
        assert run.returncode == 0
        assert (
            "1 known finding is gone:\n"
            "- timeout-cuts-streaming-response: VirtualService shop/llm spec.http[0].timeout\n"
            "Renew the baseline: meshlint baseline -o meshlint-baseline.json .\n"
        ) in run.stderr

    def test_an_object_that_was_deleted_takes_its_findings_along(self, mesh: Path) -> None:
        (mesh / "route.yaml").unlink()
        assert [entry[:2] for entry in gone(check(mesh))] == [(SLOW, "llm")]

    def test_a_run_over_a_part_does_not_say_so(self, mesh: Path) -> None:
        """What was not read may be the reason: mtls.yaml has both sides of its finding, but no run can know that."""
        self.mend(mesh)
        (mesh / "mtls.yaml").write_text(POLICY.replace("PERMISSIVE", "STRICT"))
        report = check(mesh, "mtls.yaml")
        assert (gone(report), report["baseline"]["unseen"]) == ([], 2)
        run = meshlint("check", "--baseline", FILE, "mtls.yaml", *SELECT, cwd=mesh)
        assert "\n2 known findings not seen: a run over . tells whether they are gone.\n" in run.stderr

    def test_a_larger_run_does(self, mesh: Path) -> None:
        self.mend(mesh)
        (mesh / "sub").mkdir()
        run = meshlint("check", "--baseline", f"../{FILE}", "..", *SELECT, cwd=mesh / "sub")
        assert "\nRenew the baseline: meshlint baseline -o ../meshlint-baseline.json ..\n" in run.stderr

    def test_rules_that_did_not_run_say_nothing(self, mesh: Path) -> None:
        self.mend(mesh)
        report = check(mesh, "--ignore", SLOW)
        assert (gone(report), report["baseline"]["unseen"]) == ([], 0)

    def test_what_is_hidden_or_suppressed_now_is_not_gone(self, mesh: Path) -> None:
        text = named(ROUTE, "llm").replace("5s", f"5s # meshlint: ignore[{SLOW}] short answers")
        (mesh / "route.yaml").write_text(text)
        assert gone(check(mesh, "--min-confidence", "high")) == []

    def test_a_run_that_failed_somewhere_says_nothing(self, mesh: Path) -> None:
        self.mend(mesh)
        (mesh / "broken.yaml").write_text("a: [\n")
        run = meshlint("check", "--baseline", FILE, *SELECT, cwd=mesh)
        assert run.returncode == 3
        assert "1 known finding not seen: a run without failures tells whether it is gone." in run.stderr

    def test_stdin_is_all_that_a_baseline_of_stdin_was_made_of(self, mesh: Path) -> None:
        stdin = named(ROUTE, "llm")
        assert meshlint("baseline", "-o", "known.json", "-", *SELECT, cwd=mesh, stdin=stdin).returncode == 0
        mended = stdin.replace("5s", "300s")
        run = meshlint("check", "--baseline", "known.json", "-", *SELECT, cwd=mesh, stdin=mended)
        assert "\nRenew the baseline: meshlint baseline -o known.json -\n" in run.stderr
        self.mend(mesh)
        run = meshlint("check", "--baseline", "known.json", ".", *SELECT, cwd=mesh)
        assert "1 known finding not seen: a run over - tells whether it is gone." in run.stderr

    def test_one_of_several_meshes_is_a_part(self, mesh: Path) -> None:
        self.mend(mesh)
        (mesh / "meshlint.yaml").write_text("meshes: {one: {paths: [route.yaml]}, two: {paths: [mtls.yaml]}}\n")
        report = check(mesh, "--mesh", "one")
        assert (gone(report), report["baseline"]["unseen"]) == ([], 2)
        assert [entry[0] for entry in gone(check(mesh))] == [SLOW]


class TestConfiguration:
    """The key `baseline`, beside the configuration it stands in."""

    @pytest.fixture
    def configured(self, mesh: Path) -> Path:
        (mesh / "ci").mkdir()
        (mesh / "meshlint.yaml").write_text("baseline: ci/known.json\n")
        return mesh

    def test_it_is_written_and_read(self, configured: Path) -> None:
        (configured / "sub").mkdir()
        assert meshlint("baseline", "..", *SELECT, cwd=configured / "sub").returncode == 0
        assert json.loads((configured / "ci" / "known.json").read_text())["paths"] == [".."]
        run = meshlint("check", "..", *SELECT, cwd=configured / "sub")
        assert (run.returncode, run.stdout) == (0, "")
        assert "Nothing found; 2 known (baseline)." in run.stderr

    def test_the_command_line_goes_before_it(self, configured: Path) -> None:
        (configured / "ci" / "known.json").write_text('{"version": 1, "paths": ["."], "findings": []}')
        assert new(check(configured)) == []
        run = meshlint("check", "--no-baseline", "--format", "json", *SELECT, cwd=configured)
        report = json.loads(run.stdout)
        assert (len(report["findings"]), "baseline" in report) == (2, False)

    def test_a_file_that_was_not_written_yet(self, configured: Path) -> None:
        run = meshlint("check", cwd=configured)
        said = "meshlint: ci/known.json: No such file or directory; meshlint baseline -o ci/known.json writes one\n"
        assert (run.returncode, run.stderr) == (2, said)


class TestFiles:
    @pytest.mark.parametrize(
        ("old", "new", "said"),
        [
            ('"version": 1', '"version": 2', f"{FILE}:2: version 2 is not known to this meshlint; "),
            ('"count": 1}', '"count": 0}', f"{FILE}:5: findings[0].count: 0 is less than the minimum of 1; "),
            ('"rule": ', '"rul": ', f"{FILE}:5: unknown key rul in findings[0]; did you mean rule?; "),
            ('"severity": "warning"', '"severity": "bad"', f"{FILE}:5: findings[0].severity is bad (one of error, "),
            ('"version": 1', "", f"{FILE}:2: no JSON (Expecting property name enclosed in double quotes); "),
            (
                '"findings": [',
                '"findings": [\n<<<<<<< ours',
                f"{FILE}:5: a merge conflict, of which all entries may stay; ",
            ),
            ('"paths": ["."],\n', "", f"{FILE}:1: 'paths' is a required property; "),
        ],
        ids=["version", "count", "key", "severity", "syntax", "conflict", "missing"],
    )
    def test_a_file_that_is_wrong_is_told_with_its_line(self, mesh: Path, old: str, new: str, said: str) -> None:
        file = mesh / FILE
        assert old in file.read_text()
        file.write_text(file.read_text().replace(old, new, 1))
        run = meshlint("check", "--baseline", FILE, cwd=mesh)
        assert (run.returncode, run.stdout) == (2, "")
        assert run.stderr.startswith(f"meshlint: {said}")
        assert run.stderr.endswith(f"; write it anew: meshlint baseline -o {FILE}\n")

    def test_a_file_that_is_not_there(self, mesh: Path) -> None:
        run = meshlint("check", "--baseline", "none.json", cwd=mesh)
        said = "meshlint: none.json: No such file or directory; meshlint baseline -o none.json writes one\n"
        assert (run.returncode, run.stderr) == (2, said)

    def test_rules_that_are_not_there_are_told(self, mesh: Path) -> None:
        file = mesh / FILE
        file.write_text(file.read_text().replace(OPEN, "port-is-open"))
        report = check(mesh)
        assert report["baseline"]["unknownRules"] == ["port-is-open"]
        assert new(report) == [(OPEN, "mtls.yaml", 6)]
        run = meshlint("check", "--baseline", FILE, *SELECT, cwd=mesh)
        assert "The baseline names rules that are not there: port-is-open.\nRenew the baseline: " in run.stderr
