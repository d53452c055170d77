"""Several meshes in one repository."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from program import meshlint

from meshlint import config, pipeline
from meshlint.config import Config, ConfigError
from meshlint.finding import Audience, Confidence
from meshlint.report.report import Report
from meshlint.source import files

WORKLOAD = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: cart}
spec:
  selector: {matchLabels: {app: cart}}
  template:
    metadata: {labels: {app: cart, sidecar.istio.io/inject: "true"}}
    spec:
      containers:
        - {name: cart, image: cart, ports: [{containerPort: 8080}]}
"""
POLICY = """\
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default}
spec:
  mtls:
    mode: MODE
"""
MESHES = """\
settings: {istio-version: 1.30, world: closed}
meshes:
  prod:
    paths: [base/, overlays/prod/]
    settings: {istio-version: 1.27}
  staging: {paths: [base/, overlays/staging/]}
"""
BLUE = POLICY.replace("MODE", "STRICT").replace("default", "blue")
BOTH = "resources: [cart.yaml, policy.yaml]\n"
FILES = {
    "meshlint.yaml": MESHES,
    "base/kustomization.yaml": "resources: [cart.yaml]\n",
    "base/cart.yaml": WORKLOAD,
    "overlays/prod/kustomization.yaml": "namespace: prod\nresources: [../../base, policy.yaml]\n",
    "overlays/prod/policy.yaml": POLICY.replace("MODE", "STRICT"),
    "overlays/staging/kustomization.yaml": "namespace: staging\nresources: [../../base, policy.yaml]\n",
    "overlays/staging/policy.yaml": POLICY.replace("MODE", "PERMISSIVE"),
    "tools/policy.yaml": POLICY.replace("MODE", "STRICT").replace("default", "tools"),
}


def write(content: Mapping[str, str]) -> None:
    for name, text in content.items():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(text)


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write({".git/HEAD": "", **FILES})
    return tmp_path


def read(*paths: str, **changes: str) -> tuple[Config, pipeline.Input]:
    found = config.load(paths or (".",))._replace(**changes)
    return found, pipeline.read(paths or (".",), found)


def lint(*paths: str, rules: tuple[str, ...] = ("port-accepts-plaintext",)) -> Report:
    found, given = read(*paths)
    return pipeline.check(given, found, pipeline.Thresholds(Audience.AUDITOR, Confidence.LOW), rules)


def objects(given: pipeline.Input) -> dict[str, list[str]]:
    """By mesh, what is in it."""
    meshes = zip(given.variants, given.meshes, strict=True)
    return {label: sorted(str(r.id) for r in mesh.inventory.resources) for label, mesh in meshes}


def test_files_go_to_every_mesh_that_names_them_and_the_rest_is_one_of_its_own() -> None:
    """A base has the namespace of the overlay of its mesh, which it would not have if the overlays met."""
    _, given = read()
    assert objects(given) == {
        "prod": ["Deployment prod/cart", "PeerAuthentication prod/default"],
        "staging": ["Deployment staging/cart", "PeerAuthentication staging/default"],
        "(no mesh)": ["PeerAuthentication (unset)/tools"],
    }
    assert given.configured == ("prod", "staging", "(no mesh)")
    assert len(given.resources) == 4


def test_settings_of_a_mesh_go_over_the_global_ones() -> None:
    _, given = read()
    assert [mesh.settings.istio_version for mesh in given.meshes] == [(1, 27), (1, 30), (1, 30)]
    assert [mesh.settings.closed for mesh in given.meshes] == [True, True, True]


def test_another_world_is_that_of_every_mesh() -> None:
    found = config.load(["."]).with_world("open")
    assert [mesh.settings.world for mesh in pipeline.read(["."], found).meshes] == ["open"] * 3


def test_the_meshes_do_not_meet() -> None:
    (found,) = lint().findings
    assert (found.location.file, str(found.resource)) == (
        "overlays/staging/policy.yaml",
        "PeerAuthentication staging/default",
    )


def test_findings_of_several_meshes_at_one_place_are_one() -> None:
    write({"base/policy.yaml": POLICY.replace("MODE", "PERMISSIVE"), "base/kustomization.yaml": BOTH})
    write({f"overlays/{name}/policy.yaml": "" for name in ("prod", "staging")})
    (found,) = lint().findings
    assert found.location.file == "base/policy.yaml"
    assert "prod/cart:8080 and staging/cart:8080" in found.message


def test_an_item_of_a_list_is_one_object_in_all_meshes() -> None:
    item = "".join(f"    {line}\n" for line in POLICY.replace("MODE", "PERMISSIVE").splitlines())
    write({"base/policy.yaml": "apiVersion: v1\nkind: List\nitems:\n  -\n" + item, "base/kustomization.yaml": BOTH})
    write({f"overlays/{name}/policy.yaml": "" for name in ("prod", "staging")})
    assert [f.location.span.start_line for f in lint().findings] == [10]


def test_variants_have_the_name_of_their_mesh() -> None:
    write({"overlays/prod/blue/p.yaml": BLUE, "overlays/prod/green/p.yaml": BLUE.replace("STRICT", "DISABLE")})
    _, given = read()
    assert given.variants == ("prod: overlays/prod/blue", "prod: overlays/prod/green", "staging", "(no mesh)")


def test_a_comment_in_a_shared_file_is_one_suppression() -> None:
    write({"base/policy.yaml": POLICY.replace("MODE", "STRICT # meshlint: ignore[port-accepts-plaintext] why")})
    report = lint(rules=("port-accepts-plaintext", "unused-suppression"))
    assert [f.location.file for f in report.findings if f.rule.id == "unused-suppression"] == ["base/policy.yaml"]


def test_no_file_is_read_or_parsed_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    real = files._read
    monkeypatch.setattr(files, "_read", lambda path, name: seen.append(name) or real(path, name))
    read()
    assert sorted(seen) == sorted(FILES.keys() - {"meshlint.yaml"})


def test_what_is_assumed_of_some_meshes_only_names_them() -> None:
    defaults = "mesh settings: Istio's defaults (no ConfigMap istio, IstioOperator or istiod values in the input)"
    assert lint().summary.assumed == ("Istio 1.27 in prod", defaults, "Istio 1.30 in staging, (no mesh)")
    write({"meshlint.yaml": MESHES.replace("1.27", "1.30")})
    assert lint().summary.assumed == ("Istio 1.30", defaults)


class TestPatternsThatFitNothing:
    SENTENCE = "meshlint.yaml:4: overlays/pord/, a path of mesh prod, fits no file that was read"

    @pytest.fixture(autouse=True)
    def mistyped(self) -> None:
        write({"meshlint.yaml": MESHES.replace("overlays/prod/", "overlays/pord/")})

    def test_are_told(self) -> None:
        assert lint().summary.idle == (self.SENTENCE,)

    def test_not_when_only_a_part_is_read(self) -> None:
        assert lint("base").summary.idle == ()

    def test_in_the_summary_and_in_json(self, project: Path) -> None:
        run = meshlint("check", "--format", "json", cwd=project)
        summary = json.loads(run.stdout)["summary"]
        assert (summary["meshes"], summary["idlePatterns"]) == (["prod", "staging", "(no mesh)"], [self.SENTENCE])
        assert "Checked as 3 meshes: prod, staging, (no mesh).\n" in run.stderr
        assert f" {self.SENTENCE}. " in run.stderr.replace("\n", " ")


class TestOneMesh:
    def test_is_chosen(self) -> None:
        _, given = read(mesh="staging")
        assert objects(given) == {"staging": ["Deployment staging/cart", "PeerAuthentication staging/default"]}
        assert [file.name for file in given.files] == [
            "base/cart.yaml",
            "base/kustomization.yaml",
            "overlays/staging/kustomization.yaml",
            "overlays/staging/policy.yaml",
        ]

    def test_by_every_command(self, project: Path) -> None:
        assert meshlint("check", "--mesh", "prod", cwd=project).returncode == 0
        assert meshlint("check", "--mesh", "staging", cwd=project).returncode == 1
        shown = meshlint("show", "ports", "--mesh", "prod", cwd=project).stdout
        assert "prod/cart:8080" in shown and "staging" not in shown
        can = meshlint("can", "--mesh", "prod", "--plaintext", "--to", "prod/cart:8080", cwd=project)
        assert can.stdout.startswith("deny: plaintext to prod/cart:8080")
        facts = meshlint("facts", "--mesh", "prod", cwd=project)
        assert json.loads(facts.stdout)["mesh"] == "prod"

    def test_what_cannot_be_read_of_another_is_not_told(self) -> None:
        Path("overlays/prod/binary.yaml").write_bytes(b"\xff")
        assert [failure.file for failure in read(mesh="prod")[1].failures] == ["overlays/prod/binary.yaml"]
        assert read(mesh="staging")[1].failures == ()

    def test_stdin_is_a_part_of_it(self) -> None:
        found = config.load(["-"])._replace(mesh="prod")
        built = pipeline.read(
            ["-"], found, stdin=lambda: WORKLOAD.replace("{name: cart}", "{name: cart, namespace: prod}")
        )
        assert objects(built) == {"prod": ["Deployment prod/cart"]}
        assert [mesh.settings.istio_version for mesh in built.meshes] == [(1, 27)]
        every = found._replace(mesh=None)
        assert objects(pipeline.read(["-"], every, stdin=lambda: WORKLOAD)) == {
            "(no mesh)": ["Deployment (unset)/cart"]
        }

    def test_of_which_nothing_was_given(self, project: Path) -> None:
        run = meshlint("check", "--mesh", "staging", "tools", cwd=project)
        assert run.returncode == 2
        assert "meshlint: no mesh resource in 0 files of mesh staging: nothing was checked" in run.stderr

    def test_or_is_not_there(self, project: Path) -> None:
        run = meshlint("show", "ports", "--mesh", "prd", cwd=project)
        assert (run.returncode, run.stderr) == (
            2,
            "meshlint: --mesh prd: meshlint.yaml has no such mesh; did you mean prod?\n",
        )


def test_without_a_choice_every_mesh_is_shown_and_facts_say_which_it_is(project: Path) -> None:
    shown = meshlint("show", "ports", cwd=project).stdout
    assert [line for line in shown.splitlines() if line.startswith("#")] == [
        "# variant prod",
        "# variant staging",
        "# variant (no mesh)",
    ]
    facts = meshlint("facts", cwd=project)
    assert facts.stderr == "meshlint: note: prod, and not staging, (no mesh) (--mesh chooses a mesh)\n"


@pytest.mark.parametrize(
    ("text", "line", "column", "message"),
    [
        (
            "meshes: {prod: {}}\n",
            1,
            10,
            "meshes.prod has no paths (Its files; one may belong to several meshes: patterns ",
        ),
        ("meshes: {prod: {path: [a]}}\n", 1, 17, "unknown key path in meshes.prod; did you mean paths?"),
        (
            "meshes:\n  prod:\n    paths: [a]\n    settings: {istio-version: 1.99}\n",
            4,
            31,
            "meshes.prod.settings.istio-ver",
        ),
        (
            "meshes: {'a b': {paths: [a]}}\n",
            1,
            10,
            "a b is no name: letters, digits, dots, dashes and underscores make one",
        ),
        ("meshes:\n  'no': {paths: [a]}\n  no: {paths: [a]}\n", 3, 3, "the name no is read as false: quote it"),
        ("meshes: {a: {paths: ['[z-a]']}}\n", 1, 22, "meshes.a.paths[0] is [z-a], and a pattern as in .gitignore"),
        ("meshes: {1.20: {paths: [a]}}\n", 1, 10, "the name 1.20 is read as 1.2: quote it"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(text: str, line: int, column: int, message: str) -> None:
    write({"meshlint.yaml": text})
    with pytest.raises(ConfigError) as caught:
        config.load(["."])
    assert caught.value.message.startswith(message)
    assert (caught.value.line, caught.value.column) == (line, column)
