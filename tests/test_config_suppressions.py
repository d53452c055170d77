"""Suppressions of the configuration: what they take out, until when, and when they are told to be unused."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from meshlint import config, pipeline
from meshlint.config import ConfigError
from meshlint.finding import Audience, Confidence
from meshlint.report.report import Report
from meshlint.rule import catalog

PORT, UNUSED = "port-accepts-plaintext", "unused-suppression"
OPEN = """\
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {{name: default, namespace: {0}}}
spec:
  mtls:
    mode: PERMISSIVE
---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: cart, namespace: {0}}}
spec:
  selector: {{matchLabels: {{app: cart}}}}
  template:
    metadata: {{labels: {{app: cart, sidecar.istio.io/inject: "true"}}}}
    spec:
      containers:
        - {{name: cart, image: cart, ports: [{{containerPort: 8080}}]}}
"""
"""One finding in line 6: port-accepts-plaintext about PeerAuthentication <namespace>/default."""

TODAY = datetime.now(UTC).date()


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two namespaces, each in a file of its own."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".git").mkdir()
    for name in ("legacy", "shop"):
        (tmp_path / "k8s" / name).mkdir(parents=True)
        (tmp_path / "k8s" / name / "mesh.yaml").write_text(OPEN.format(name))
    return tmp_path


def lint(*entries: str, paths: tuple[str, ...] = (".",), rules: tuple[str, ...] = (PORT, UNUSED)) -> Report:
    Path("meshlint.yaml").write_text("suppressions:\n" + "".join(f"  - {{{entry}}}\n" for entry in entries))
    found = config.load(paths)
    catalog.check_config(found)
    given = pipeline.read(paths, found)
    return pipeline.check(given, found, pipeline.Thresholds(Audience.AUDITOR, Confidence.LOW), rules)


def places(report: Report) -> list[tuple[str, str, int, int]]:
    return [(f.rule.id, f.location.file, *f.location.span[:2]) for f in report.findings]


def suppressed(report: Report) -> list[tuple[str, str, str, int]]:
    return [(s.finding.location.file, s.reason, s.file, s.line) for s in report.suppressed]


LEGACY = (PORT, "k8s/legacy/mesh.yaml", 6, 11)
SHOP = (PORT, "k8s/shop/mesh.yaml", 6, 11)


def test_without_one_both_are_found() -> None:
    found = config.load(["k8s"])
    report = pipeline.check(pipeline.read(["k8s"], found), found, pipeline.Thresholds(), [PORT])
    assert places(report) == [LEGACY, SHOP]


@pytest.mark.parametrize(
    "scope",
    [
        "paths: [k8s/legacy/]",
        "paths: [k8s/legacy/mesh.yaml]",
        "paths: [legacy]",
        "paths: ['**/legacy/*.yaml']",
        "paths: ['k8s/**', '!k8s/shop/**']",
        "resources: [PeerAuthentication legacy/default]",
        "resources: ['PeerAuthentication legacy/*']",
        "resources: ['* leg?cy/*']",
        "paths: [k8s/legacy/], resources: ['PeerAuthentication */default']",
    ],
)
@pytest.mark.parametrize("rules", [PORT, "mtls", "all", "'snowcat:Permissive Mutual TLS'"])
def test_what_it_is_about_is_suppressed_with_its_reason(scope: str, rules: str) -> None:
    report = lint(f"rules: [{rules}], {scope}, reason: until it is gone")
    assert suppressed(report) == [("k8s/legacy/mesh.yaml", "until it is gone", "meshlint.yaml", 2)]
    assert [place for place in places(report) if place[0] == PORT] == [SHOP]


@pytest.mark.parametrize(
    "scope",
    [
        "paths: [k8s/shop/], resources: ['PeerAuthentication legacy/*']",
        "resources: ['PeerAuthentication *']",
        "resources: ['Deployment legacy/*']",
        "resources: ['peerauthentication legacy/*']",
        "paths: [/legacy/]",
    ],
)
def test_what_it_is_not_about_stays(scope: str) -> None:
    assert [place for place in places(lint(f"rules: [{PORT}], {scope}, reason: x")) if place[0] == PORT] == [
        LEGACY,
        SHOP,
    ]


def test_an_object_without_a_namespace_is_named_by_kind_and_name() -> None:
    from meshlint.config.scope import fits_object
    from meshlint.finding import ResourceId

    namespace = ResourceId("v1", "Namespace", "", "shop")
    assert fits_object(namespace, ("Pod a/b", "Namespace sh*"))
    assert not fits_object(namespace, ("Namespace */shop", "Namespace s"))


@pytest.mark.parametrize(
    ("glob", "fits"),
    [
        ("Deployment ml/llama-70b", True),
        ("* */*", True),
        ("*t m?/*-*b", True),
        ("Deployment ml/l*a*b", True),
        ("Deployment ml/llama-70b*", True),
        ("Deployment ml/*70", False),
        ("Deployment ml/?lama", False),
        ("Deployment */llama", False),
        ("* *", False),
        ("D* *b", False),
        ("deployment ml/llama-70b", False),
        ("Deployment ml/llama.70b", False),
    ],
)
def test_which_objects_a_glob_names(glob: str, fits: bool) -> None:
    from meshlint.config.scope import fits_object
    from meshlint.finding import ResourceId

    assert fits_object(ResourceId("apps/v1", "Deployment", "ml", "llama-70b"), (glob,)) is fits


def test_a_glob_of_many_stars_does_not_try_all_ways() -> None:
    from meshlint.config.scope import fits_object
    from meshlint.finding import ResourceId

    assert not fits_object(ResourceId("apps/v1", "Deployment", "ml", "a" * 200), ("Deployment ml/" + "*a" * 40 + "x",))


class TestPathsAreRelativeToTheConfiguration:
    def test_from_another_directory(self, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        lint(f"rules: [{PORT}], paths: [k8s/legacy/], reason: x")
        monkeypatch.chdir(project / "k8s" / "shop")
        found = config.load(["../.."])
        report = pipeline.check(pipeline.read(["../.."], found), found, pipeline.Thresholds(), [PORT])
        assert [f.location.file for f in report.findings] == ["../../k8s/shop/mesh.yaml"]
        assert [s.finding.location.file for s in report.suppressed] == ["../../k8s/legacy/mesh.yaml"]

    def test_in_a_folder_of_its_own(self, project: Path) -> None:
        Path("ci").mkdir()
        Path("ci/m.yaml").write_text(f"suppressions: [{{rules: [{PORT}], paths: [k8s/], reason: x}}]\n")
        found = config.load(["."], "ci/m.yaml")
        report = pipeline.check(pipeline.read(["."], found), found, pipeline.Thresholds(), [PORT])
        assert places(report) == [LEGACY, SHOP]

    def test_through_a_linked_folder(self, project: Path) -> None:
        Path("link").symlink_to("k8s")
        report = lint(f"rules: [{PORT}], paths: [k8s/legacy/], reason: x", paths=("link/",), rules=(PORT,))
        assert [f.location.file for f in report.findings] == ["link/shop/mesh.yaml"]

    def test_stdin_is_in_no_folder(self) -> None:
        Path("meshlint.yaml").write_text(f"suppressions: [{{rules: [{PORT}], paths: ['*'], reason: x}}]\n")
        found = config.load(["-"])
        given = pipeline.read(["-"], found, stdin=lambda: OPEN.format("shop"))
        report = pipeline.check(given, found, pipeline.Thresholds(), [PORT, UNUSED])
        assert places(report) == [(PORT, "<stdin>", 6, 11)]


class TestUntil:
    def test_it_holds_on_its_last_day(self) -> None:
        report = lint(f"rules: [{PORT}], paths: [legacy], reason: x, until: {TODAY + timedelta(days=1)}")
        assert places(report) == [SHOP]

    def test_the_day_itself_is_the_last(self) -> None:
        from meshlint.config.scope import Scope
        from meshlint.report.accepted import Entry

        lint(f"rules: [{PORT}], paths: [legacy], reason: x, until: 2026-03-31")
        entry = Entry(config.load(["."]).suppressions[0], {}, False, Scope(None))
        assert [entry.holds(date(2026, 3, day)) for day in (30, 31)] == [True, True]
        assert not entry.holds(date(2026, 4, 1))

    def test_after_it_the_finding_is_back_with_a_note(self) -> None:
        report = lint(f"rules: [{PORT}], paths: [legacy], reason: the scraper, until: 2024-02-29")
        assert places(report) == [LEGACY, SHOP]
        note = "the suppression in meshlint.yaml:2 was good until 2024-02-29: the scraper"
        assert [note in finding.notes for finding in report.findings] == [True, False]
        assert report.suppressed == ()

    @pytest.mark.parametrize("day", ["2026-02-30", "2025-02-29"])
    def test_there_must_be_such_a_day(self, day: str) -> None:
        with pytest.raises(ConfigError) as caught:
            lint(f"rules: [{PORT}], paths: [legacy], reason: x, until: {day}")
        assert caught.value.message == f"suppressions[0].until is {day}, and there is no such day"


MESSAGE = "Nothing is found here that {} could suppress: the suppression would hide a finding that comes later."


class TestUnused:
    def test_it_is_found_at_its_place(self) -> None:
        report = lint(
            f"rules: [{PORT}, duplicate-key], paths: [legacy], reason: x", rules=(PORT, "duplicate-key", UNUSED)
        )
        assert places(report) == [SHOP, (UNUSED, "meshlint.yaml", 2, 38)]
        assert report.findings[-1].message == MESSAGE.format("duplicate-key")

    def test_a_rule_that_did_not_run_is_never_told(self) -> None:
        assert places(lint("rules: [duplicate-key], paths: [legacy], reason: x")) == [LEGACY, SHOP]

    def test_nor_a_category_of_which_not_all_rules_ran(self) -> None:
        entry = "rules: [telemetry], paths: [legacy], reason: x"
        assert places(lint(entry, rules=(PORT, UNUSED, "telemetry-provider-undefined"))) == [LEGACY, SHOP]
        every = catalog.chosen(["telemetry", PORT, UNUSED])
        assert (UNUSED, "meshlint.yaml", 2, 14) in places(lint(entry, rules=tuple(every)))

    def test_one_that_is_over_is_told_too(self) -> None:
        entry = "rules: [duplicate-key], paths: [legacy], reason: x, until: 2024-01-01"
        assert (UNUSED, "meshlint.yaml", 2, 14) in places(lint(entry, rules=("duplicate-key", UNUSED)))

    @pytest.mark.parametrize("paths", [("k8s/legacy",), ("k8s",), ("k8s/legacy/mesh.yaml",), ("k8s/*/mesh.yaml",)])
    def test_a_run_that_does_not_read_all_says_nothing(self, paths: tuple[str, ...]) -> None:
        report = lint(
            "rules: [duplicate-key], paths: [legacy], reason: x", paths=paths, rules=("duplicate-key", UNUSED)
        )
        assert (places(report), report.summary.idle) == ([], ())

    def test_a_run_from_above_reads_all(self, project: Path) -> None:
        Path("meshlint.yaml").write_text("")
        inner = "suppressions: [{rules: [duplicate-key], paths: [legacy], reason: x}]\n"
        Path("k8s/meshlint.yaml").write_text(inner)
        found = config.load(["."], "k8s/meshlint.yaml")
        report = pipeline.check(pipeline.read(["."], found), found, pipeline.Thresholds(), ["duplicate-key", UNUSED])
        assert places(report) == [(UNUSED, "k8s/meshlint.yaml", 1, 25)]

    def test_when_a_file_was_not_read_nothing_is_said(self) -> None:
        Path("k8s/legacy/broken.yaml").write_text("a: [\n")
        report = lint("rules: [duplicate-key], paths: [legacy], reason: x", rules=("duplicate-key", UNUSED))
        assert (places(report), report.summary.idle) == ([], ())

    @pytest.mark.parametrize(
        ("scope", "sentence"),
        [
            (
                "paths: [legacy, rendered/]",
                "meshlint.yaml:2: rendered/, a path of a suppression, fits no file that was read",
            ),
            (
                "resources: [Deployment legacy/cart, Gateway legacy/*]",
                "meshlint.yaml:2: Gateway legacy/*, a resource of a suppression, fits no object that was read",
            ),
        ],
    )
    def test_what_it_may_be_about_was_perhaps_not_there(self, scope: str, sentence: str) -> None:
        """What is rendered later, or ignored by git and checked by name, is no reason to delete a suppression."""
        report = lint(f"rules: [duplicate-key], {scope}, reason: x", rules=("duplicate-key", UNUSED))
        assert (places(report), report.summary.idle) == ([], (sentence,))

    def test_a_hidden_finding_is_something_to_suppress(self) -> None:
        Path("meshlint.yaml").write_text(f"suppressions: [{{rules: [{PORT}], paths: [legacy], reason: x}}]\n")
        found = config.load(["."])
        shown = pipeline.Thresholds(Audience.REGULAR, Confidence.HIGH)
        report = pipeline.check(pipeline.read(["."], found), found, shown, [PORT, UNUSED])
        assert UNUSED not in [f.rule.id for f in report.findings]


def test_what_is_found_about_comments_may_be_accepted_too() -> None:
    file = Path("k8s/legacy/mesh.yaml")
    file.write_text(file.read_text().replace("PERMISSIVE", "STRICT # meshlint: ignore[duplicate-key] why"))
    rules = (PORT, "duplicate-key", UNUSED)
    found = places(lint(f"rules: [{PORT}], paths: [shop], reason: x", rules=rules))
    assert found == [(UNUSED, "k8s/legacy/mesh.yaml", 6, 18)]
    report = lint(f"rules: [{PORT}, {UNUSED}], paths: [k8s], reason: x", rules=rules)
    assert (places(report), [s.finding.rule.id for s in report.suppressed]) == ([], [PORT, UNUSED])


def test_a_comment_and_the_configuration_may_both_cover_a_finding() -> None:
    file = Path("k8s/legacy/mesh.yaml")
    file.write_text(file.read_text().replace("PERMISSIVE", f"PERMISSIVE # meshlint: ignore[{PORT}] by comment"))
    report = lint(f"rules: [{PORT}], paths: [legacy], reason: by configuration")
    assert suppressed(report) == [("k8s/legacy/mesh.yaml", "by comment", "k8s/legacy/mesh.yaml", 6)]
    assert places(report) == [SHOP]


@pytest.mark.parametrize(
    ("entry", "column", "message"),
    [
        (f"rules: [{PORT}], paths: [x]", 5, "suppressions[0] has no reason (Why they are accepted)"),
        (f"rules: [{PORT}], paths: [x], reason: ' '", 59, "suppressions[0].reason is empty"),
        (
            f"rules: [{PORT}], reason: x",
            5,
            "suppressions[0] has neither paths nor resources",
        ),
        (
            "rules: [port-accept-plaintext], paths: [x], reason: x",
            14,
            "unknown rule port-accept-plaintext; did you mean ",
        ),
        ("rules: [IST0101], paths: [x], reason: x", 14, "no rule checks what IST0101 of istioctl analyze does"),
        (
            f"rules: [{PORT}], resources: [legacy/cart], reason: x",
            51,
            "suppressions[0].resources[0] is legacy/cart, and Kind namespace/name or Kind name belongs there",
        ),
        (
            f"rules: [{PORT}], paths: [x], reason: x, until: tomorrow",
            69,
            "suppressions[0].until is tomorrow, and a day, YYYY-MM-DD, belongs there",
        ),
        (
            f"rules: [{PORT}], paths: [a, '!'], reason: x",
            50,
            "suppressions[0].paths[1] is !, and a pattern as in .gitignore belongs there",
        ),
        (f"rules: [{PORT}], path: [x], reason: x", 39, "unknown key path in suppressions[0]; did you mean paths?"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(entry: str, column: int, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        lint(entry)
    assert caught.value.message.startswith(message)
    assert (caught.value.line, caught.value.column) == (2, column)
