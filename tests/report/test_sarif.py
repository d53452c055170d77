"""SARIF as the OASIS schema, GitHub's code scanning and Microsoft's validator want it."""

from __future__ import annotations

import getpass
import io
import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from program import meshlint

from meshlint.finding import Fix, Related, RuleInfo, Safety, Severity
from meshlint.report import sarif
from meshlint.report.fingerprint import line_hashes
from meshlint.report.report import Report, Suppressed
from meshlint.rule import catalog
from meshlint.source.change import Put, Remove
from meshlint.source.document import Failure

from .conftest import MTLS, ROUTE, RULE, Lint, document, finding

SCHEMA = json.loads(Path(__file__).with_name("sarif-schema-2.1.0.json").read_text(encoding="utf-8"))
VALIDATOR = jsonschema.validators.validator_for(SCHEMA)(SCHEMA)
TIMEOUT = "timeout-cuts-streaming-response"
RETRY = "retry-on-generation-route"
PORT = "port-accepts-plaintext"


def written(
    report: Report,
    *,
    rules: Sequence[RuleInfo] | None = None,
    root: Path | None = None,
    show_suppressed: bool = False,
) -> dict[str, Any]:
    """The log as a consumer has it, valid; by default of all rules of meshlint, for the current directory."""
    out = io.StringIO()
    known = list(map(catalog.documented, catalog.infos().values())) if rules is None else rules
    sarif.write(report, out, rules=known, root=root or Path.cwd(), show_suppressed=show_suppressed)
    log: dict[str, Any] = json.loads(out.getvalue())
    VALIDATOR.validate(log)
    return log


def results(report: Report, **options: Any) -> list[dict[str, Any]]:
    (run,) = written(report, **options)["runs"]
    found: list[dict[str, Any]] = run["results"]
    return found


def result(report: Report, **options: Any) -> dict[str, Any]:
    (only,) = results(report, **options)
    return only


def uri(result: dict[str, Any]) -> tuple[str, str | None]:
    artifact = result["locations"][0]["physicalLocation"]["artifactLocation"]
    return artifact["uri"], artifact.get("uriBaseId")


def region(result: dict[str, Any]) -> dict[str, int]:
    found: dict[str, int] = result["locations"][0]["physicalLocation"]["region"]
    return found


def marked(text: str, region: dict[str, int]) -> str:
    """What a region covers; it is on one line."""
    assert region["startLine"] == region["endLine"]
    return text.split("\n")[region["startLine"] - 1][region["startColumn"] - 1 : region["endColumn"] - 1]


class TestRun:
    def test_one_even_when_empty(self) -> None:
        log = written(Report())
        (run,) = log["runs"]
        assert (log["version"], run["results"], run["columnKind"]) == ("2.1.0", [], "unicodeCodePoints")
        assert log["$schema"].endswith("/sarif-schema-2.1.0.json")
        assert [i["executionSuccessful"] for i in run["invocations"]] == [True]

    def test_no_machine_path_and_no_category(self) -> None:
        (run,) = written(Report())["runs"]
        assert list(run["originalUriBaseIds"]) == ["%SRCROOT%"]
        assert "uri" not in run["originalUriBaseIds"]["%SRCROOT%"]
        assert "automationDetails" not in run

    def test_failures_are_notifications(self, lint: Lint) -> None:
        report = lint({"bad file.yaml": "a: [\n", "mesh.yaml": ROUTE}, TIMEOUT)
        (run,) = written(report)["runs"]
        (invocation,) = run["invocations"]
        (notification,) = invocation["toolExecutionNotifications"]
        place = notification["locations"][0]["physicalLocation"]
        assert invocation["executionSuccessful"] is False
        assert (notification["level"], notification["descriptor"]["id"]) == ("error", report.failures[0].kind)
        assert (place["artifactLocation"]["uri"], place["region"]["startLine"]) == ("bad%20file.yaml", 2)
        assert [r["ruleId"] for r in run["results"]] == [TIMEOUT]

    def test_a_rule_that_crashed_is_no_place_of_the_repository(self) -> None:
        failure = Failure("rule", "rules/mtls/some_rule/check.py", 3, "rule some-rule failed on [x]\x1b")
        (run,) = written(Report(failures=(failure,)))["runs"]
        (notification,) = run["invocations"][0]["toolExecutionNotifications"]
        assert "locations" not in notification
        assert notification["message"]["text"] == r"rule some-rule failed on \[x\]\\x1b"

    def test_suppressed_results_on_demand_only(self) -> None:
        given = document("a: 1\nb: 2\n")
        gone = (Suppressed(finding(given.at("a")), "short answers", "mesh.yaml", 1),)
        bare = (Suppressed(finding(given.at("a")), "", "mesh.yaml", 1),)
        shown = finding(given.at("b"))
        report = Report(findings=(shown,), suppressed=(*gone, *bare))
        (only,) = results(report, rules=[RULE])
        assert "suppressions" not in only
        _, with_reason, without = results(report, rules=[RULE], show_suppressed=True)
        assert with_reason["suppressions"] == [{"kind": "inSource", "justification": "short answers"}]
        assert without["suppressions"] == [{"kind": "inSource"}]

    def test_more_results_than_github_takes_are_told(self) -> None:
        found = finding(document("a: 1\n").at("a"))
        assert list(sarif.beyond(Report(findings=(found,) * 25_000))) == []
        assert list(sarif.beyond(Report(findings=(found,) * 25_001))) == [
            "GitHub code scanning refuses a run of more than 25,000 results, and these are 25,001: narrow it with --select, "
            "--audience or a baseline."
        ]


class TestRules:
    def test_help_and_properties(self) -> None:
        (run,) = written(Report())["runs"]
        for rule, info in zip(
            run["tool"]["driver"]["rules"], map(catalog.documented, catalog.infos().values()), strict=True
        ):
            assert rule["id"] == info.id
            assert rule["shortDescription"]["text"] == info.title
            assert info.remediation[:100] in rule["fullDescription"]["text"]
            assert rule["help"]["markdown"] == info.readme
            assert rule["help"]["text"]
            assert rule["properties"]["precision"] == str(info.confidence)
            assert info.category in rule["properties"]["tags"]

    @pytest.mark.parametrize(
        ("severity", "score", "level", "problem"),
        [
            (Severity.ERROR, "8.0", "error", "error"),
            (Severity.WARNING, "5.5", "warning", "warning"),
            (Severity.INFO, "2.0", "note", "recommendation"),
        ],
    )
    def test_only_security_rules_have_a_security_severity(
        self, severity: Severity, score: str, level: str, problem: str
    ) -> None:
        secure, other = (RULE._replace(severity=severity, security=security) for security in (True, False))
        (run,) = written(Report(), rules=[secure, other._replace(id="other")])["runs"]
        of_security, of_other = run["tool"]["driver"]["rules"]
        assert of_security["properties"] == {
            "precision": "high",
            "tags": ["timeouts", "istio", "security"],
            "security-severity": score,
        }
        assert of_other["properties"] == {
            "precision": "high",
            "tags": ["timeouts", "istio"],
            "problem.severity": problem,
        }
        assert [r["defaultConfiguration"]["level"] for r in (of_security, of_other)] == [level, level]

    def test_without_a_readme_the_remedy_is_the_help(self) -> None:
        (run,) = written(Report(), rules=[RULE])["runs"]
        assert run["tool"]["driver"]["rules"][0]["help"]["text"] == "Make it fast."

    def test_limits_of_github(self) -> None:
        (run,) = written(Report())["runs"]
        for rule in run["tool"]["driver"]["rules"]:
            assert len(rule["properties"]["tags"]) <= 10
            assert len(rule["fullDescription"]["text"]) <= 1024
            assert len(rule["name"]) <= 255


class TestResults:
    def test_a_result(self, lint: Lint) -> None:
        report = lint({"mesh.yaml": ROUTE}, TIMEOUT)
        found = result(report)
        assert (found["ruleId"], found["level"], found["kind"]) == (TIMEOUT, "error", "fail")
        assert found["properties"] == {"confidence": "medium", "audience": "regular"}
        (logical,) = found["locations"][0]["logicalLocations"]
        assert logical["fullyQualifiedName"] == r"VirtualService shop/llm spec.http[0].timeout"
        assert marked(ROUTE, region(found)) == "5s"

    def test_a_fix(self, lint: Lint) -> None:
        (fix,) = result(lint({"mesh.yaml": ROUTE}, TIMEOUT))["fixes"]
        assert fix["description"]["text"] == "set the timeout to the accepted minimum (unsafe)"
        assert fix["properties"] == {"safety": "unsafe"}
        (change,) = fix["artifactChanges"]
        assert change["artifactLocation"] == {"uri": "mesh.yaml", "uriBaseId": "%SRCROOT%"}
        (replacement,) = change["replacements"]
        assert marked(ROUTE, replacement["deletedRegion"]) == "5s"
        assert replacement["insertedContent"] == {"text": "300s"}

    def test_edits_of_several_files_and_a_deletion(self) -> None:
        one, other = document("a: 1\nb: 2\n", "one.yaml"), document("c: {d: 1}\n", "other.yaml")
        changes = (Remove(one.at("a")), Put(one.at("b"), 3), Put(other.at("c", "e"), 4))
        mending = RULE._replace(fix=Fix("x", Safety.SAFE))
        found = finding(one.at("a"), rule=mending, changes=changes)
        (told,) = result(Report(findings=(found,)), rules=[mending])["fixes"]
        deleted, replaced = told["artifactChanges"][0]["replacements"]
        assert deleted == {"deletedRegion": {"startLine": 1, "startColumn": 1, "endLine": 2, "endColumn": 1}}
        assert replaced["insertedContent"] == {"text": "3"}
        (inserted,) = told["artifactChanges"][1]["replacements"]
        assert [c["artifactLocation"]["uri"] for c in told["artifactChanges"]] == ["one.yaml", "other.yaml"]
        assert inserted["insertedContent"] == {"text": ", e: 4"}
        assert inserted["deletedRegion"] == {"startLine": 1, "startColumn": 9, "endLine": 1, "endColumn": 9}

    def test_no_fix_without_edits(self) -> None:
        found = finding(document("a: 1\n").at("a"))
        assert "fixes" not in result(Report(findings=(found,)), rules=[RULE])

    def test_the_index_leads_to_the_rule(self, lint: Lint) -> None:
        report = lint({"mesh.yaml": ROUTE + "---\n" + MTLS})
        (run,) = written(report)["runs"]
        pairs = [(r["ruleId"], run["tool"]["driver"]["rules"][r["ruleIndex"]]["id"]) for r in run["results"]]
        assert {TIMEOUT, RETRY, PORT} <= {one for one, _ in pairs}
        assert all(one == other for one, other in pairs)

    @pytest.mark.parametrize(
        ("severity", "level"), [(Severity.ERROR, "error"), (Severity.WARNING, "warning"), (Severity.INFO, "note")]
    )
    @pytest.mark.parametrize("of_rule", list(Severity))
    def test_the_level_is_always_there(self, severity: Severity, level: str, of_rule: Severity) -> None:
        rule = RULE._replace(severity=of_rule)
        found = finding(document("a: 1\n").at("a"), rule=rule, severity=severity)
        assert result(Report(findings=(found,)), rules=[rule])["level"] == level

    def test_the_region_is_what_the_path_names(self, lint: Lint) -> None:
        text = ROUTE + "---\n" + MTLS
        report = lint({"mesh.yaml": text})
        found = {r["ruleId"]: r for r in results(report)}
        expected = {TIMEOUT: ("timeout", "5s"), RETRY: ("retryOn", "5xx"), PORT: ("mode", "PERMISSIVE")}
        for rule, (key, value) in expected.items():
            path = found[rule]["locations"][0]["logicalLocations"][0]["fullyQualifiedName"]
            assert path.endswith(f".{key}")
            assert marked(text, region(found[rule])) == value

    @pytest.mark.parametrize(
        ("text", "path", "expected"),
        [
            ("a:\n  b: {c: 1,\n    d: 2}\n", ("a", "b"), "b"),
            ("a:\n- b: 1\n  c: 2\n", ("a", 0), "b: 1"),
            ("a: |\n  one\n  two\n", ("a",), "a"),
            ("a:\n  b: 1\n", ("a", "missing"), "a"),
            ("\U0001f600: \u4e2d\u6587  # x\nk: 1\n", ("\U0001f600",), "\u4e2d\u6587"),
        ],
    )
    def test_regions_stay_on_one_line(self, text: str, path: tuple[str | int, ...], expected: str) -> None:
        report = Report(findings=(finding(document(text).at(*path)),))
        assert marked(text, region(result(report, rules=[RULE]))) == expected

    def test_reasons_are_linked_related_locations(self) -> None:
        text = "a: 1\nb: 2\nc: 3\n"
        given = document(text)
        reasons = (Related("b says [so]", given.at("b")), Related("", given.at("c")))
        found = finding(given.at("a"), "It is [slow].", related=reasons, notes=("Istio's default is 1",))
        told = result(Report(findings=(found,)), rules=[RULE])
        assert told["message"]["text"] == "It is \\[slow\\].\n- [b says \\[so\\]](1)\n- [see also](2)"
        assert [(r["id"], r["message"]["text"]) for r in told["relatedLocations"]] == [
            (1, "b says \\[so\\]"),
            (2, "see also"),
            (3, "Istio's default is 1"),
        ]
        places = [r["physicalLocation"]["region"] for r in told["relatedLocations"] if "physicalLocation" in r]
        assert [marked(text, place) for place in places] == ["2", "3"]

    def test_every_link_leads_to_a_related_location(self, lint: Lint) -> None:
        for told in results(lint({"mesh.yaml": ROUTE + "---\n" + MTLS})):
            linked = [int(n) for n in re.findall(r"(?<!\\)\]\((\d+)\)", told["message"]["text"])]
            placed = [r["id"] for r in told.get("relatedLocations", []) if "physicalLocation" in r]
            assert linked == placed

    def test_no_control_characters(self) -> None:
        given = document('a: "\\e[31m"\n')
        place = given.at("a")
        found = finding(place, "caf\u00e9 \x1b[31m\x9b\u202e", related=(Related("\x07", place),), notes=("\x00",))
        out = io.StringIO()
        sarif.write(Report(findings=(found,)), out, rules=[RULE], root=Path.cwd())
        assert out.getvalue().replace("\n", "").isprintable() and out.getvalue().isascii()
        told = json.loads(out.getvalue())["runs"][0]["results"][0]
        texts = [told["message"]["text"], *(r["message"]["text"] for r in told["relatedLocations"])]
        assert all(text.replace("\n", "").isprintable() for text in texts)
        assert texts[0].startswith(r"café \\x1b\[31m\\x9b\\u202e")


class TestFingerprints:
    def test_the_hash_is_that_of_the_line(self, lint: Lint) -> None:
        found = result(lint({"mesh.yaml": ROUTE}, TIMEOUT))["partialFingerprints"]
        assert found["primaryLocationLineHash"] == line_hashes(ROUTE)[12]

    @pytest.mark.parametrize(
        ("text", "hashes"),
        [
            ("", ["c129715d7a2bc9a3:1"]),
            (
                " a\nb\n  \t\tc\n d",
                ["271789c17abda88f:1", "54703d4cd895b18:1", "180aee12dab6264:1", "a23a3dc5e078b07b:1"],
            ),
        ],
    )
    def test_hashes_that_codeql_action_computes(self, text: str, hashes: list[str]) -> None:
        assert line_hashes(text) == hashes

    def test_both_stay_after_ten_blank_lines(self, lint: Lint) -> None:
        before = results(lint({"mesh.yaml": ROUTE}, TIMEOUT, RETRY))
        after = results(lint({"mesh.yaml": "\n" * 10 + ROUTE}, TIMEOUT, RETRY))
        assert [r["partialFingerprints"] for r in after] == [r["partialFingerprints"] for r in before]
        assert [region(r)["startLine"] for r in after] == [23, 26]
        assert len({r["partialFingerprints"]["meshlint/v1"] for r in after}) == 2


class TestUris:
    @pytest.mark.parametrize(
        ("name", "expected"),
        [
            ("k8s/mesh.yaml", "k8s/mesh.yaml"),
            ("a b/c#d?e%f.yaml", "a%20b/c%23d%3Fe%25f.yaml"),
            ("a:b.yaml", "a%3Ab.yaml"),
            ("caf\u00e9.yaml", "caf%C3%A9.yaml"),
            ("./k8s/../mesh.yaml", "mesh.yaml"),
            ("no\udcffutf.yaml", "no%FFutf.yaml"),
        ],
    )
    def test_relative_to_the_root_and_percent_encoded(self, name: str, expected: str) -> None:
        report = Report(findings=(finding(document("a: 1\n", name).at("a")),))
        assert uri(result(report, rules=[RULE])) == (expected, "%SRCROOT%")

    def test_absolute_names_are_relative_to_the_root(self, tmp_path: Path) -> None:
        report = Report(findings=(finding(document("a: 1\n", f"{tmp_path}/k8s/mesh.yaml").at("a")),))
        assert uri(result(report, rules=[RULE], root=tmp_path)) == ("k8s/mesh.yaml", "%SRCROOT%")

    def test_links_are_resolved(self, tmp_path: Path) -> None:
        (tmp_path / "real").mkdir()
        (tmp_path / "real" / "mesh.yaml").write_text("a: 1\n")
        (tmp_path / "link").symlink_to("real")
        report = Report(findings=(finding(document("a: 1\n", f"{tmp_path}/link/mesh.yaml").at("a")),))
        assert uri(result(report, rules=[RULE], root=tmp_path)) == ("real/mesh.yaml", "%SRCROOT%")

    def test_outside_of_the_root(self, tmp_path: Path) -> None:
        outside = tmp_path / "other place" / "mesh.yaml"
        report = Report(findings=(finding(document("a: 1\n", str(outside)).at("a")),))
        assert uri(result(report, rules=[RULE], root=tmp_path / "repo")) == (outside.as_uri(), None)

    def test_stdin(self) -> None:
        failure = Failure("yaml", "<stdin>", 2, "it does not parse")
        report = Report(findings=(finding(document("a: 1\n", "<stdin>").at("a")),), failures=(failure,))
        assert uri(result(report, rules=[RULE])) == ("stdin", None)

    @pytest.mark.parametrize(("folder", "path"), [(".", "."), (".", "k8s"), ("k8s", "."), ("app/deep", "../../k8s")])
    def test_the_program_in_a_folder_of_a_repository(self, tmp_path: Path, folder: str, path: str) -> None:
        for name in (".git", "k8s", "app/deep"):
            (tmp_path / name).mkdir(parents=True)
        (tmp_path / "k8s" / "my mesh.yaml").write_text(MTLS)
        run = meshlint("check", "--format", "sarif", path, cwd=tmp_path / folder)
        (found,) = json.loads(run.stdout)["runs"][0]["results"]
        assert (run.returncode, uri(found)) == (1, ("k8s/my%20mesh.yaml", "%SRCROOT%"))


class TestMultitool:
    """Microsoft's validator with GitHub's rules; it exits 0 whatever it finds, so its own log is read."""

    def test_nothing_to_complain_about(self, lint: Lint, multitool: Path, tmp_path: Path) -> None:
        text = ROUTE.replace("timeout: 5s", f"timeout: 5s # meshlint: ignore[{TIMEOUT}] short answers")
        report = lint({"my mesh.yaml": text + "---\n" + MTLS, "bad.yaml": "a: [\n"})
        log = written(report, root=tmp_path, show_suppressed=True)
        assert {PORT, RETRY, TIMEOUT} <= {r["ruleId"] for r in log["runs"][0]["results"]}
        assert complaints(multitool, log, tmp_path) == []

    def test_nothing_to_complain_about_in_an_empty_run(self, multitool: Path, tmp_path: Path) -> None:
        assert complaints(multitool, written(Report()), tmp_path) == []

    def test_it_would_complain(self, lint: Lint, multitool: Path, tmp_path: Path) -> None:
        log = written(lint({"mesh.yaml": ROUTE}, TIMEOUT))
        (found,) = log["runs"][0]["results"]
        del log["runs"][0]["tool"]["driver"]["rules"][found["ruleIndex"]]["help"]
        del found["locations"]
        assert {"GH1015", "GH2012"} <= {rule for rule, _ in complaints(multitool, log, tmp_path)}


PACKAGE = "@microsoft/sarif-multitool@5.7.0"


@pytest.fixture(scope="session")
def multitool() -> Path:
    """The program of npm's package, kept between runs; skips where there is no node or no network."""
    npm, node = shutil.which("npm"), shutil.which("node")
    if not npm or not node:
        pytest.skip("node is not installed")
    kept = Path(tempfile.gettempdir()) / f"meshlint-multitool-{getpass.getuser()}"
    program = kept / "node_modules/@microsoft/sarif-multitool-linux/Sarif.Multitool"
    if not program.is_file():
        kept.mkdir(mode=0o700, exist_ok=True)
        install = [npm, "install", "--prefix", str(kept), "--fetch-retries=0", "--fetch-timeout=20000", PACKAGE]
        try:
            subprocess.run(install, check=True, capture_output=True, timeout=120)
            program.chmod(0o700)
        except (subprocess.SubprocessError, OSError) as error:
            pytest.skip(f"{PACKAGE} cannot be installed: {error}")
    return program


def complaints(multitool: Path, log: dict[str, Any], folder: Path) -> list[tuple[str, str]]:
    """Rule and text of the errors and warnings about a log."""
    given, told = folder / "given.sarif", folder / "told.sarif"
    given.write_text(json.dumps(log))
    kinds = ["--rule-kind", "Sarif;Ghas", "--level", "Error;Warning"]
    command = [str(multitool), "validate", str(given), *kinds, "--output", str(told), "--log", "ForceOverwrite"]
    subprocess.run(command, check=True, capture_output=True, timeout=60, env={**os.environ, "TERM": "dumb"})
    (run,) = json.loads(told.read_text(encoding="utf-8-sig"))["runs"]
    assert run["invocations"][0]["executionSuccessful"] is True
    return [(r["ruleId"], json.dumps(r["message"])) for r in run["results"]]
