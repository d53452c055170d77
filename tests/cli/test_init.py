"""`meshlint init`: what it writes is valid, fits the repository, and changes nothing that it does not tell."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from program import meshlint

from meshlint import pipeline
from meshlint.config import Config
from meshlint.config.read import parsed
from meshlint.config.schema import schema
from meshlint.proposal.propose import propose
from meshlint.rule import catalog
from meshlint.source import yaml
from meshlint.source.document import SourceFile

CORPUS = Path(__file__).parents[3] / "shared" / "corpus"

OPERATOR = """\
apiVersion: install.istio.io/v1alpha1
kind: IstioOperator
metadata: {name: mesh, namespace: istio-system}
spec: {tag: 1.24.3-distroless}
"""
ENTRY = """\
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: hosted, namespace: shop}
spec:
  hosts: [api.openai.com, "*.example.com", db.corp.internal]
  resolution: DNS
  ports: [{number: 443, name: tls, protocol: TLS}]
"""
TRITON = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: ranker, namespace: ml}
spec:
  selector: {matchLabels: {app: ranker}}
  template:
    metadata: {labels: {app: ranker}}
    spec:
      containers:
        - {name: triton, image: nvcr.io/nvidia/tritonserver:24.01-py3}
"""
POLICY = """\
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default}
spec: {mtls: {mode: MODE}}
"""
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
OVERLAYS = {
    f"apps/{app}/{name}": text
    for app in ("cart", "web")
    for name, text in {
        "base/kustomization.yaml": "resources: [deployment.yaml]\n",
        "base/deployment.yaml": WORKLOAD.replace("cart", app),
        "overlays/prod/kustomization.yaml": "namespace: prod\nresources: [../../base, policy.yaml]\n",
        "overlays/prod/policy.yaml": POLICY.replace("MODE", "STRICT").replace("default", app),
        "overlays/dev/kustomization.yaml": "namespace: dev\nresources: [../../base, policy.yaml]\n",
        "overlays/dev/policy.yaml": POLICY.replace("MODE", "PERMISSIVE").replace("default", app),
    }.items()
}


@pytest.fixture(autouse=True)
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".git").mkdir()
    return tmp_path


def write(files: Mapping[str, str]) -> None:
    for name, text in files.items():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(text)


def proposed(root: str = ".") -> str:
    return propose(pipeline.read([root], Config()), root)


def data(text: str) -> Any:
    return yaml.parse(text)


def uncommented(text: str) -> str:
    """The text with every key and entry that is commented out in force."""
    keys = "|".join(names(schema()))
    entry = re.compile(
        rf"^(\s*)# ?( *(?:- .*|(?:{keys}|[A-Za-z0-9._-]+(?=: {{paths)|port-accepts-plaintext):(?: .*)?))$"
    )
    return "\n".join(entry.sub(r"\1\2", line) for line in text.splitlines())


def names(part: Any) -> set[str]:
    """Every key of a schema."""
    if isinstance(part, list):
        return {name for inner in part for name in names(inner)}
    if not isinstance(part, dict):
        return set()
    return {*part.get("properties", {}), *(name for inner in part.values() for name in names(inner))}


def load(text: str) -> Config:
    config = parsed(SourceFile("meshlint.yaml", text))
    catalog.check_config(config)
    return config


def test_nothing_to_say_is_a_file_of_comments() -> None:
    text = proposed()
    assert load(text) == Config(file="meshlint.yaml", folder=str(Path.cwd()))
    assert all(line.startswith("#") or not line for line in text.splitlines())


def test_what_is_commented_out_is_valid_when_it_is_not() -> None:
    write({"mesh.yaml": ENTRY + "---\n" + TRITON})
    given = load(uncommented(proposed()))
    assert list(given.document.data if given.document else ()) == [
        "settings",
        "meshes",
        "ignore",
        "rules",
        "suppressions",
        "audience",
        "min-confidence",
        "fail-on",
        "baseline",
    ]
    assert given.settings.approved_egress_hosts == ("api.openai.com", "*.example.com")
    assert [(s.namespace, s.name, s.kind) for s in given.settings.inference] == [("ml", "ranker", "generation")]
    assert [given.audience, given.min_confidence, given.fail_on] == ["regular", "medium", "warning"]


class TestVersion:
    @pytest.mark.parametrize(
        ("files", "where"),
        [
            ({"install/operator.yaml": OPERATOR}, "install/operator.yaml:4"),
            ({"values.yaml": "meshConfig: {}\nglobal:\n  tag: 1.24.0\n"}, "values.yaml:3"),
            (
                {"gw.yaml": WORKLOAD.replace("image: cart", "image: docker.io/istio/proxyv2:1.24.1-distroless")},
                "gw.yaml:10",
            ),
            (
                {
                    "umbrella/Chart.yaml": "name: mesh\ndependencies:\n  - name: istiod\n    version: 1.24.2\n"
                    "    repository: https://istio-release.storage.googleapis.com/charts\n"
                },
                "umbrella/Chart.yaml:4",
            ),
        ],
        ids=["operator", "values", "image", "chart"],
    )
    def test_is_taken_from_what_says_it(self, files: Mapping[str, str], where: str) -> None:
        write(files)
        text = proposed()
        assert data(text)["settings"] == {"istio-version": "1.24"}
        assert f"  # What policies do depends on the version of Istio ({where}):\n" in text

    def test_several_are_proposed_only(self) -> None:
        write({"a.yaml": OPERATOR, "b.yaml": OPERATOR.replace("1.24.3", "1.27.0").replace("mesh", "next")})
        text = proposed()
        assert data(text) is None
        assert "Found: 1.24 (a.yaml:4), 1.27 (b.yaml:4)." in text
        assert '#   istio-version: "1.27"\n' in text

    @pytest.mark.parametrize("tag", ["latest", "1.9.1", "1.99.0", "${TAG}", "1.24-alpha.0d3"])
    def test_one_that_is_not_known_is_not_in_force(self, tag: str) -> None:
        write({"a.yaml": OPERATOR.replace("1.24.3-distroless", f"'{tag}'")})
        assert load(proposed()).settings.istio_version == ((1, 24) if tag.startswith("1.24") else None)


class TestMeshes:
    def test_overlays_of_one_name_are_a_mesh_with_their_bases(self) -> None:
        write(OVERLAYS)
        text = proposed()
        assert {name: entry["paths"] for name, entry in data(text)["meshes"].items()} == {
            name: [
                "/apps/cart/base/",
                f"/apps/cart/overlays/{name}/",
                "/apps/web/base/",
                f"/apps/web/overlays/{name}/",
            ]
            for name in ("dev", "prod")
        }

    def test_what_they_change_is_told(self) -> None:
        """As one mesh the bases have no namespace, since the overlays do not agree; each with its base has one."""
        write(OVERLAYS)
        text = " ".join(line.removeprefix("# ") for line in proposed().splitlines())
        assert "With the meshes below meshlint check tells other findings than without: 1 more, 0 fewer." in text

    def test_when_they_change_nothing_nothing_is_told(self) -> None:
        write({name: text.replace("PERMISSIVE", "STRICT") for name, text in OVERLAYS.items()})
        assert "than without" not in proposed()

    def test_overlays_that_differ_from_app_to_app_are_no_meshes(self) -> None:
        write({name.replace("web/overlays/dev", "web/overlays/local"): text for name, text in OVERLAYS.items()})
        assert data(proposed()) is None

    @pytest.mark.parametrize(
        ("folder", "name"),
        [
            ("no", "no"),
            ("y", "y"),
            ("1.20", "1.20"),
            ("0x1f", "0x1f"),
            ("null", "null"),
            ("pröd", "pr-d"),
            ("a b", "a-b"),
        ],
    )
    def test_an_overlay_of_any_name_is_a_mesh(self, folder: str, name: str) -> None:
        write({path.replace("/prod/", f"/{folder}/"): text for path, text in OVERLAYS.items()})
        config = load(proposed())
        assert {mesh.name: mesh.paths[1] for mesh in config.meshes} == {
            "dev": "/apps/cart/overlays/dev/",
            name: f"/apps/cart/overlays/{folder}/",
        }

    @pytest.mark.skipif(sys.platform != "linux", reason="names are text elsewhere")
    def test_nor_need_names_be_text(self) -> None:
        overlay = os.fsdecode(b"/p\xffd/")
        write({path.replace("/prod/", overlay): text for path, text in OVERLAYS.items()})
        config = load(proposed())
        assert [mesh.name for mesh in config.meshes] == ["dev", "p-d"]
        assert pipeline.read(["."], config).configured == ("dev", "p-d")

    def test_names_that_are_the_same_are_no_meshes(self) -> None:
        names = {"/prod/": "/a b/", "/dev/": "/a-b/"}
        files = {re.sub("/(prod|dev)/", lambda m: names[m[0]], path): text for path, text in OVERLAYS.items()}
        write(files)
        assert data(proposed()) is None

    def test_a_base_around_its_overlays_is_named_without_them(self) -> None:
        write(
            {
                "kustomization.yaml": "resources: [cart.yaml, policies]\n",
                "cart.yaml": WORKLOAD,
                "policies/p.yaml": POLICY.replace("MODE", "STRICT"),
                "overlays/a b/kustomization.yaml": "resources: [../..]\n",
                "overlays/prod/kustomization.yaml": "namespace: prod\nresources: [../..]\n",
                "overlays/dev/kustomization.yaml": "namespace: dev\nresources: [../..]\n",
            }
        )
        meshes = data(proposed())["meshes"]
        assert list(meshes) == ["a-b", "dev", "prod"]
        assert meshes["prod"]["paths"] == ["/*.yaml", "/overlays/prod/", "/policies"]

    def test_folders_that_are_alternates_are_proposed(self) -> None:
        write(
            {f"env/{name}/p.yaml": POLICY.replace("MODE", mode) for name, mode in (("a", "STRICT"), ("b", "DISABLE"))}
        )
        text = proposed()
        assert data(text) is None
        assert "# Objects of a mesh are in env/a (1), env/b (1).\n" in text
        assert "#   a: {paths: [/env/a/]}\n#   b: {paths: [/env/b/]}\n" in text
        assert list(load(uncommented(text)).meshes[0].paths) == ["/env/a/"]

    def test_one_folder_that_has_all_is_no_mesh(self) -> None:
        """Alternates of one folder have no folders to name them by; a mesh of all of them would change nothing."""
        write({f"env/{name}.yaml": POLICY.replace("MODE", mode) for name, mode in (("a", "STRICT"), ("b", "DISABLE"))})
        text = proposed()
        assert "# The same objects are defined differently, so 2 variants are checked." in text
        assert "# meshes:\n#   prod: {paths: [/overlays/prod/]}\n" in text

    def test_alternates_need_not_all_be_folders(self) -> None:
        modes = {"env/a/p.yaml": "STRICT", "env/b/p.yaml": "DISABLE", "env/p.yaml": "PERMISSIVE"}
        write({name: POLICY.replace("MODE", mode) for name, mode in modes.items()})
        assert "#   a: {paths: [/env/a/]}\n#   b: {paths: [/env/b/]}\n\n" in proposed()


@pytest.mark.parametrize("name", ["x\\nfail-on: never\\n", "\\u2028fail-on: never", "\\u0085fail-on: never", "#'\\\"{"])
def test_what_manifests_say_stays_in_its_comment(name: str) -> None:
    write(
        {
            "mesh.yaml": ENTRY.replace("api.openai.com", f'"{name}"')
            + "---\n"
            + TRITON.replace("name: ranker", f'name: "{name}"')
        }
    )
    assert load(proposed()).document is None
    assert load(uncommented(proposed())).fail_on == "warning"


@pytest.mark.parametrize("name", ["a\nfail-on: never", "[a]!", "* a"])
def test_nor_do_names_of_folders_say_anything(name: str) -> None:
    write({f"{name}/{path}": text for path, text in {**OVERLAYS, "entry.yaml": ENTRY}.items()})
    config = load(proposed())
    assert [mesh.name for mesh in config.meshes] == ["dev", "prod"]
    assert config.fail_on is None
    given = pipeline.read(["."], config)
    assert given.configured == ("dev", "prod", "(no mesh)")


class TestCommand:
    def test_it_writes_once(self, repository: Path) -> None:
        write({"mesh.yaml": OPERATOR})
        run = meshlint("init", cwd=repository)
        assert (run.returncode, run.stdout, run.stderr) == (0, "", "Wrote meshlint.yaml.\nNext: meshlint check .\n")
        assert data(Path("meshlint.yaml").read_text()) == {"settings": {"istio-version": "1.24"}}
        Path("meshlint.yaml").write_text("audience: auditor\n")
        again = meshlint("init", cwd=repository)
        assert (again.returncode, again.stdout) == (2, "")
        assert again.stderr == (
            "meshlint: meshlint.yaml is there already: --force writes meshlint.yaml all the same, --print only prints it\n"
        )
        assert Path("meshlint.yaml").read_text() == "audience: auditor\n"
        assert meshlint("init", "--force", cwd=repository).returncode == 0
        assert data(Path("meshlint.yaml").read_text()) == {"settings": {"istio-version": "1.24"}}

    @pytest.mark.parametrize("name", [".meshlint.yaml", "pyproject.toml"])
    def test_a_configuration_of_another_name_counts(self, repository: Path, name: str) -> None:
        Path(name).write_text("[tool.meshlint]\n" if name.endswith("toml") else "")
        run = meshlint("init", cwd=repository)
        assert (run.returncode, Path("meshlint.yaml").exists()) == (2, False)
        assert run.stderr.startswith(f"meshlint: {name} is there already")

    def test_it_prints_what_it_would_write(self, repository: Path) -> None:
        write({"k8s/mesh.yaml": OPERATOR})
        printed = meshlint("init", "--print", "k8s", cwd=repository)
        assert not Path("k8s/meshlint.yaml").exists()
        assert meshlint("init", "k8s", cwd=repository).stderr == "Wrote k8s/meshlint.yaml.\nNext: meshlint check k8s\n"
        assert Path("k8s/meshlint.yaml").read_text() == printed.stdout

    def test_places_are_those_of_the_folder_wherever_it_runs(self, repository: Path) -> None:
        write({"k8s/mesh/operator.yaml": OPERATOR, "k8s/entry.yaml": ENTRY + "---\n" + TRITON})
        one, other, third = (
            meshlint("init", "--print", *path, cwd=repository / cwd).stdout
            for path, cwd in ((["k8s"], "."), ([], "k8s"), ([repository / "k8s"], "k8s/mesh"))
        )
        assert one == other == third
        assert "  # What policies do depends on the version of Istio (mesh/operator.yaml:4):\n" in one
        assert "  #   - api.openai.com # entry.yaml:5\n" in one
        assert "  #   - {namespace: ml, name: ranker, kind: generation} # entry.yaml:14\n" in one

    def test_it_writes_through_no_link(self, repository: Path, tmp_path: Path) -> None:
        """A repository may bring one along that leads anywhere."""
        Path("meshlint.yaml").symlink_to("elsewhere.yaml")
        run = meshlint("init", cwd=repository)
        assert (run.returncode, run.stderr) == (2, "meshlint: meshlint.yaml: File exists\n")
        assert not Path("elsewhere.yaml").exists()

    def test_what_it_writes_is_used_at_once(self, repository: Path) -> None:
        write({"mesh.yaml": OPERATOR, **OVERLAYS})
        before = meshlint("check", "--isolated", "--format", "concise", cwd=repository)
        meshlint("init", cwd=repository)
        after = meshlint("check", "--format", "concise", cwd=repository)
        assert "Checked as 3 meshes: dev, prod, (no mesh)." in after.stderr
        assert len(after.stdout.splitlines()) == len(before.stdout.splitlines()) + 1


@pytest.mark.skipif(not CORPUS.exists(), reason="the corpus is not beside this checkout")
@pytest.mark.parametrize(
    "name",
    [
        "Azure-Samples+aks-multi-cluster-service-mesh",
        "opendatahub-io+models-as-a-service",
        "redhat-et+kuadrant-llm-integration",
        "smarunich+inference-in-a-box",
    ],
)
def test_on_real_repositories_nothing_is_found_otherwise_that_is_not_told(name: str) -> None:
    root = str(CORPUS / name)
    given = pipeline.read([root], Config())
    text = propose(given, root)
    config = parsed(SourceFile(f"{root}/meshlint.yaml", text))
    ids = catalog.chosen()
    before, after = (
        {(f.rule.id, f.location.order()) for f in pipeline.check(one, with_, pipeline.Thresholds(), ids).findings}
        for one, with_ in ((given, Config()), (pipeline.edited(given, {}, config), config))
    )
    assert (before == after) is not ("than without" in text)
    catalog.check_config(parsed(SourceFile("meshlint.yaml", uncommented(text))))
