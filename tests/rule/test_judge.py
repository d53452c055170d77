"""The engine: subjects, confidence, grouping, supersedes, options, crashes."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

import pytest

from meshlint import pipeline
from meshlint.config import Config, RuleConfig, Settings
from meshlint.finding import Audience, Confidence, Finding, Safety, Severity
from meshlint.report.report import Report
from meshlint.rule import catalog
from meshlint.rule.rule import Rule
from meshlint.source.edit import apply

MANIFEST = """\
apiVersion: v1
kind: Service
metadata: {name: a, namespace: shop}
spec:
  ports: [{port: 80}, {port: 81}]
---
apiVersion: v1
kind: Service
metadata: {name: b, namespace: shop}
spec:
  ports: [{port: 90}]
"""
YAML = """\
title: A test rule
severity: warning
confidence: high
audience: regular
meshes: [istio]
kinds: [Service]
message: "{name} has {ports}"
remediation: None.
"""
HEAD = """\
from meshlint.finding import Audience, Confidence, Severity
from meshlint.mesh.effective import Basis, Effective, Reason
from meshlint.resource.resource import Resource
from meshlint.rule.rule import Problem
from meshlint.source.change import Put, Remove
"""


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab(tmp_path)


class Lab:
    """Writes rules and a manifest, and judges."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.rules: list[Rule] = []

    def rule(self, id: str, check: str, yaml: str = YAML) -> None:
        folder = self.root / "rules" / "lab" / id
        folder.mkdir(parents=True)
        (folder / "rule.yaml").write_text(yaml)
        (folder / "check.py").write_text(HEAD + textwrap.dedent(check))
        self.rules.append(catalog.rule(str(folder)))

    def judge(self, manifest: str = MANIFEST, config: Config | None = None) -> Report:
        (self.root / "mesh.yaml").write_text(manifest)
        config = config or Config()
        given = pipeline.read([str(self.root / "mesh.yaml")], config)
        lowest = pipeline.Thresholds(Audience.AUDITOR, Confidence.LOW)
        return pipeline.judged(given, config, lowest, self.rules, [rule.info.id for rule in self.rules])


def lines(report: Report) -> list[tuple[str, int, str]]:
    return [(f.rule.id, f.location.span.start_line, f.message) for f in report.findings]


def only(report: Report) -> Finding:
    (finding,) = report.findings
    return finding


def test_a_check_is_called_with_every_resource_of_its_kinds(lab: Lab) -> None:
    lab.rule(
        "has_ports",
        """
        def check(service: Resource):
            yield Problem(service.at("spec", "ports"), name=service.name, ports=len(service.items("spec", "ports")))
        """,
    )
    assert lines(lab.judge()) == [("has-ports", 5, "a has 2"), ("has-ports", 11, "b has 1")]


def test_problems_at_one_place_are_one_finding_that_lists_what_differs(lab: Lab) -> None:
    lab.rule(
        "per_port",
        """
        def check(service: Resource):
            for port in service.items("spec", "ports"):
                yield Problem(service.at("spec", "ports"), name=service.name, ports=port["port"])
        """,
    )
    assert lines(lab.judge()) == [("per-port", 5, "a has 80 and 81"), ("per-port", 11, "b has 90")]


def test_problems_of_one_cause_are_one_finding_at_the_first_place(lab: Lab) -> None:
    lab.rule(
        "default",
        """
        def check(service: Resource):
            yield Problem(service.at("metadata", "name"), cause="default", name=service.name, ports="none")
        """,
    )
    report = lab.judge()
    assert lines(report) == [("default", 3, "a and b has none")]
    assert only(report).cause == "default"


@pytest.mark.parametrize(
    ("ground", "world", "confidence"),
    [
        ('Reason("r", None, Basis.DECLARED)', "open", Confidence.HIGH),
        ('Reason("r", None, Basis.DEFAULT)', "open", Confidence.MEDIUM),
        ('Reason("r", None, Basis.DEFAULT)', "closed", Confidence.HIGH),
        ('Reason("r", None, Basis.SUPPORTED)', "closed", Confidence.MEDIUM),
        ('Reason("r", None, Basis.ASSUMED)', "closed", Confidence.LOW),
        ('Reason("r", None, Basis.TIE)', "open", Confidence.LOW),
        ('Effective(1, (Reason("tie", None, Basis.TIE), Reason("r")))', "open", Confidence.LOW),
        ('Effective(1, (Reason("default", None, Basis.DEFAULT), Reason("r")))', "open", Confidence.HIGH),
    ],
)
def test_confidence_is_what_the_conclusion_rests_on(lab: Lab, ground: str, world: str, confidence: Confidence) -> None:
    lab.rule(
        "rests",
        f"""
        def check(service: Resource):
            if service.name == "a":
                yield Problem(service.at("spec"), rests_on=[{ground}], name="a", ports="x")
        """,
    )
    assert only(lab.judge(config=Config(Settings(world=world)))).confidence is confidence


def test_the_confidence_of_the_rule_is_the_ceiling(lab: Lab) -> None:
    lab.rule(
        "medium",
        """
        def check(service: Resource):
            yield Problem(service.at("spec"), cause="c", name="a", ports="x")
        """,
        YAML.replace("confidence: high", "confidence: medium"),
    )
    assert only(lab.judge()).confidence is Confidence.MEDIUM


def test_a_check_may_be_quieter_and_never_louder(lab: Lab) -> None:
    lab.rule(
        "quiet",
        """
        def check(service: Resource):
            quieter = service.name == "a"
            yield Problem(
                service.at("spec"),
                severity=Severity.INFO if quieter else Severity.ERROR,
                audience=Audience.AUDITOR if quieter else Audience.REGULAR,
                name=service.name,
                ports="x",
            )
        """,
    )
    found = [(f.severity, f.audience) for f in lab.judge().findings]
    assert found == [(Severity.INFO, Audience.AUDITOR), (Severity.WARNING, Audience.REGULAR)]


def test_the_configuration_sets_a_severity(lab: Lab) -> None:
    lab.rule(
        "loud", 'def check(service: Resource):\n    yield Problem(service.at("spec"), cause="c", name="a", ports="x")\n'
    )
    config = Config(rules={"loud": RuleConfig(severity=Severity.ERROR)})
    assert only(lab.judge(config=config)).severity is Severity.ERROR


def test_the_reasons_of_an_effective_value_come_along(lab: Lab) -> None:
    lab.rule(
        "reasons",
        """
        def check(service: Resource):
            if service.name == "a":
                default = Reason("the default", None, Basis.DEFAULT)
                first = Reason("the name", service.at("metadata", "name"))
                last = Reason("the ports", service.at("spec", "ports"))
                yield Problem(Effective(1, (default, first, last)), name="a", ports="x")
        """,
    )
    finding = only(lab.judge())
    assert finding.location.pointer == "spec.ports"
    assert [(r.message, r.location.pointer) for r in finding.related] == [("the name", "metadata.name")]
    assert finding.notes == ("the default",)


def test_a_crash_is_a_failure_of_the_rule_and_every_other_rule_reports(lab: Lab) -> None:
    lab.rule(
        "crash",
        """
        def check(service: Resource):
            if service.name == "a":
                raise ValueError("boom")
            yield Problem(service.at("spec"), name=service.name, ports="x")
        """,
    )
    lab.rule(
        "fine", 'def check(service: Resource):\n    yield Problem(service.at("kind"), name=service.name, ports="y")\n'
    )
    report = lab.judge()
    assert lines(report) == [("fine", 2, "a has y"), ("fine", 8, "b has y"), ("crash", 10, "b has x")]
    (failure,) = report.failures
    assert (failure.kind, failure.file, failure.line) == ("rule", "rules/lab/crash/check.py", 9)
    assert "rule crash failed on Service shop/a: ValueError: boom" in failure.message


@pytest.mark.parametrize(
    ("louder", "quieter", "stays"),
    [
        ('service.at("spec", "ports")', 'service.at("spec", "ports", 0)', False),
        ('service.at("spec", "ports", 0)', 'service.at("spec", "ports")', False),
        ('service.at("spec", "ports", 0)', 'service.at("spec", "ports", 1)', True),
        ('service.at("metadata")', 'service.at("spec")', True),
    ],
)
def test_supersedes_drops_findings_of_the_same_origin(lab: Lab, louder: str, quieter: str, stays: bool) -> None:
    only_a = (
        'def check(service: Resource):\n    if service.name == "a":\n        yield Problem({}, name="a", ports="x")\n'
    )
    lab.rule("louder", only_a.format(louder), YAML + "supersedes: [quieter]\n")
    lab.rule("quieter", only_a.format(quieter))
    report = lab.judge()
    assert ("quieter" in [f.rule.id for f in report.findings]) is stays
    assert [f.rule.id for f in report.superseded] == ([] if stays else ["quieter"])


FIXING = YAML + "fix: {description: mend it, safety: unsafe}\n"


def mended(report: Report) -> list[str | None]:
    """The file after the fix of each finding; None for a finding without one."""
    texts = [apply(f.location.source.text, f.fix.edits) if f.fix else None for f in report.findings]
    assert {(f.fix.description, f.fix.safety) for f in report.findings if f.fix} <= {("mend it", Safety.UNSAFE)}
    return texts


def test_the_changes_of_a_check_become_the_edits_of_the_fix_that_the_metadata_describe(lab: Lab) -> None:
    lab.rule(
        "fixes",
        """
        def check(service: Resource):
            ports = service.at("spec", "ports")
            yield Problem(ports, fix=[Put(ports, [])], name=service.name, ports="x")
        """,
        FIXING,
    )
    first, second = mended(lab.judge())
    assert first == MANIFEST.replace("[{port: 80}, {port: 81}]", "[]")
    assert second == MANIFEST.replace("[{port: 90}]", "[]")


def test_a_grouped_finding_has_the_edits_of_all_its_problems_once(lab: Lab) -> None:
    lab.rule(
        "group",
        """
        def check(service: Resource):
            for i, _ in enumerate(service.items("spec", "ports")):
                fix = [Put(service.at("spec", "ports", i, "port"), 1), Put(service.at("metadata", "name"), "c")]
                yield Problem(service.at("spec", "ports"), cause="c", fix=fix, name=service.name, ports="x")
        """,
        FIXING,
    )
    (text,) = mended(lab.judge())
    assert text == re.sub(r"port: \d+", "port: 1", re.sub("name: [ab]", "name: c", MANIFEST))


@pytest.mark.parametrize(
    ("fix", "why"),
    [
        ('[Put(service.at("spec"), service.name)] if service.name == "a" else []', "one problem has none"),
        ('[Put(place, service.items("spec", "ports"))]', "they put different values at one place"),
        ('[Put(place, 1), Remove(service.at("metadata", "labels", "x", 0))]', "what is done already stays out"),
    ],
)
def test_a_grouped_finding_has_all_edits_or_none(lab: Lab, fix: str, why: str) -> None:
    lab.rule(
        "group",
        f"""
        def check(service: Resource, mesh):
            place = mesh.inventory.resources[0].at("spec", "ports")
            yield Problem(service.at("spec"), cause="c", fix={fix}, name=service.name, ports="x")
        """,
        FIXING,
    )
    stays = "done already" in why
    assert mended(lab.judge()) == [MANIFEST.replace("[{port: 80}, {port: 81}]", "1") if stays else None]


def test_a_fix_that_the_metadata_do_not_describe_is_a_failure_of_the_rule(lab: Lab) -> None:
    lab.rule(
        "undescribed",
        """
        def check(service: Resource):
            yield Problem(service.at("spec"), fix=[Remove(service.at("spec"))], name=service.name, ports="x")
        """,
    )
    (failure,) = lab.judge().failures
    assert "the check has a fix that rule.yaml does not describe" in failure.message


def test_options_have_defaults_and_the_configuration_overrides_them(lab: Lab) -> None:
    lab.rule(
        "optional",
        """
        def check(service: Resource, options):
            yield Problem(service.at("spec"), cause="c", name=options["word"], ports="x")
        """,
        YAML + "options: {word: {default: calm, description: a word, schema: {type: string}}}\n",
    )
    assert only(lab.judge()).message == "calm has x"
    config = Config(rules={"optional": RuleConfig(options={"word": "storm"})})
    assert only(lab.judge(config=config)).message == "storm has x"


def test_findings_of_variants_are_one_finding(lab: Lab) -> None:
    lab.rule(
        "variants",
        """
        def check(service: Resource, mesh):
            if service.name == "a":
                (other,) = [r for r in mesh.inventory.resources if r.name == "z"]
                ports = [port["port"] for port in other.items("spec", "ports")]
                yield Problem(service.at("spec"), name="a", ports=ports)
        """,
    )
    for name, port in (("prod", 1), ("dev", 2)):
        (lab.root / f"{name}.yaml").write_text(
            f"apiVersion: v1\nkind: Service\nmetadata: {{name: z, namespace: shop}}\nspec: {{ports: [{{port: {port}}}]}}\n"
        )
    (lab.root / "mesh.yaml").write_text(MANIFEST)
    given = pipeline.read([str(lab.root / f"{n}.yaml") for n in ("dev", "mesh", "prod")], Config())
    assert len(given.variants) == 2
    report = pipeline.judged(given, Config(), pipeline.Thresholds(), lab.rules, ["variants"])
    assert [f.message for f in report.findings] == ["a has 2 and 1"]


@pytest.mark.parametrize(
    ("check", "message"),
    [
        ("x = 1\n", "there is no function check"),
        ("def check(service):\n    pass\n", "needs a type"),
        ("import nothing_of_that_name\n", "No module named 'nothing_of_that_name'"),
    ],
)
def test_a_folder_that_is_no_rule_says_what_is_wrong(lab: Lab, check: str, message: str) -> None:
    with pytest.raises(catalog.RuleError, match=message) as caught:
        lab.rule("broken", check)
    assert "check.py" in str(caught.value)
