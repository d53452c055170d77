"""`meshlint new`: what it writes is a rule, by everything that is asked of one; what it may not write it refuses."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import test_house as house
from program import meshlint

from meshlint.rule import catalog, scaffold

ROOT = Path(__file__).parents[2]
KINDS = ["PeerAuthentication.security.istio.io", "EnvoyFilter.networking.istio.io", "Namespace", "Deployment.apps"]
CASES = [
    *((subject, ["--subject", subject]) for subject in scaffold.SUBJECTS),
    *((kind, ["--kind", kind]) for kind in KINDS),
]


@pytest.fixture(scope="module", params=[case for case, _ in CASES])
def written(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new rule folder."""
    folder = tmp_path_factory.mktemp("new")
    run = meshlint("new", "shop/my-rule", "--into", "rules", *dict(CASES)[request.param], cwd=folder)
    assert run.returncode == 0, run.stderr
    return folder / "rules" / "shop" / "my_rule"


def test_it_passes_its_tests(written: Path) -> None:
    run = meshlint("test", written, cwd=written)
    assert (run.returncode, run.stdout, run.stderr) == (
        0,
        "ok    my_rule/examples/bad_example.yaml\nok    my_rule/examples/good_example.yaml\n",
        "1 rule, 0 examples failed\n",
    )


def test_it_is_as_the_rules_of_meshlint_are(written: Path) -> None:
    house.test_the_metadata_is_valid(written)
    house.test_the_readme_begins_with_the_title(written)
    house.test_the_readme_has_the_sections(written)
    house.test_the_readme_fits_a_screen_or_two(written)
    house.test_the_fix_is_shown_as_yaml_before_and_after(written)
    house.test_the_references_are_links(written)
    for name, option in catalog.info(str(written)).options.items():
        house.test_an_option_has_a_schema_that_its_default_fits(written, name, option)
        house.test_an_option_is_read(written, name, option)
        house.test_an_option_is_explained_with_its_default(written, name, option)


def test_every_check_is_clean(tmp_path: Path) -> None:
    for subject in scaffold.SUBJECTS:
        meshlint("new", f"shop/{subject.lower()}-rule", "--into", "rules", "--subject", subject, cwd=tmp_path)
        shutil.copy(tmp_path / "rules" / "shop" / f"{subject.lower()}_rule" / "check.py", tmp_path / f"{subject}.py")
    files = sorted(tmp_path.glob("*.py"))
    assert [file.stem for file in files] == sorted(scaffold.SUBJECTS)
    settings = ["--config", str(ROOT / "pyproject.toml")]
    for command in (
        ["ruff", "format", "--check", "--no-cache", *settings],
        ["ruff", "check", "--no-cache", *settings],
        ["mypy", "--strict", "--cache-dir", str(ROOT / ".mypy_cache")],
    ):
        run = subprocess.run(
            [sys.executable, "-m", *command, *map(str, files)], cwd=ROOT, capture_output=True, encoding="utf-8"
        )
        assert run.returncode == 0, run.stdout + run.stderr


def test_it_says_what_it_wrote_and_what_is_next(tmp_path: Path) -> None:
    run = meshlint("new", "routing/no-owner", "--into", "rules", cwd=tmp_path)
    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout.splitlines() == [
        "wrote rules/routing/no_owner/rule.yaml",
        "wrote rules/routing/no_owner/check.py",
        "wrote rules/routing/no_owner/README.md",
        "wrote rules/routing/no_owner/examples/bad_example.yaml",
        "wrote rules/routing/no_owner/examples/good_example.yaml",
        "Next: meshlint test rules/routing/no_owner",
    ]
    assert sorted(line.split()[1] for line in run.stdout.splitlines()[:-1]) == sorted(
        path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()
    )


PLUGIN = '[project]\nname = "acme"\n[project.entry-points."meshlint.rules"]\nacme = "{}"\n'


@pytest.mark.parametrize(
    ("pyproject", "folder", "expected"),
    [
        ('[project]\nname = "meshlint"\n', "rules", "../rules/shop/my_rule"),
        (PLUGIN.format("acme_rules"), "src/acme_rules", "../src/acme_rules/shop/my_rule"),
        (PLUGIN.format("acme.rules"), "acme/rules", "../acme/rules/shop/my_rule"),
    ],
    ids=["meshlint", "src", "flat"],
)
def test_it_is_put_into_the_project_around(tmp_path: Path, pyproject: str, folder: str, expected: str) -> None:
    (tmp_path / "pyproject.toml").write_text(pyproject)
    (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "pyproject.toml").write_text('[project]\nname = "another"\n')
    run = meshlint("new", "shop/my-rule", cwd=tmp_path / "below")
    assert run.stdout.splitlines()[-1] == f"Next: meshlint test {expected}"
    assert (tmp_path / "below" / expected / "check.py").is_file()
    again = meshlint("new", "other/my-rule", cwd=tmp_path / "below")
    assert (again.returncode, again.stderr) == (2, f"meshlint: there is a rule my-rule already: {expected}\n")


def test_without_a_project_one_has_to_say_where(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(PLUGIN.format("acme_rules"))
    run = meshlint("new", "shop/my-rule", cwd=tmp_path)
    assert (run.returncode, run.stdout, run.stderr) == (
        2,
        "",
        "meshlint: no pyproject.toml around here has rules: say with --into DIR where the new one belongs\n",
    )


NAMES = "both are lower-case words with dashes between them, as in routing/route-without-timeout"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        *(
            ([name], f"{shown} is no CATEGORY/ID: {NAMES}")
            for name, shown in [
                *((n, n) for n in ("my-rule", "shop/", "/my-rule", "shop/My-Rule", "shop/my_rule", "shop/my rule")),
                *((n, n) for n in ("../my-rule", "shop/../my-rule", "/etc/my-rule", "a/b/c", "shop/-x", "shop/1")),
                *((n, n) for n in ("shop\\my-rule", "shop/ünique", "shop/my--rule", "shop/my-rule.")),
                ("shop/my-rule\n", "shop/my-rule\\n"),
            ]
        ),
        (["shop/port-accepts-plaintext"], "there is a rule port-accepts-plaintext already, in meshlint itself"),
        *(
            ([name], f"{name}: rules and categories are selected by one name, and this one would be both")
            for name in ("shop/mtls", "shop/all", "all/my-rule", "shop/shop", "port-accepts-plaintext/my-rule")
        ),
        (["shop/x", "--subject", "Port", "--kind", "Pod"], "--kind is for --subject Resource, not Port"),
        (
            ["shop/x", "--kind", "VirtualService"],
            "meshlint reads no objects of kind VirtualService; did you mean VirtualService.networking.istio.io?",
        ),
        (
            ["shop/x", "--kind", "VirtualServise.networking.istio.io"],
            "meshlint reads no objects of kind VirtualServise.networking.istio.io; "
            "did you mean VirtualService.networking.istio.io?",
        ),
        (["shop/x", "--kind", "a: b.linkerd.io"], "meshlint reads no objects of kind a: b.linkerd.io"),
    ],
)
def test_what_is_refused_writes_nothing(tmp_path: Path, arguments: list[str], message: str) -> None:
    run = meshlint("new", "--into", "rules", *arguments, cwd=tmp_path)
    assert (run.returncode, run.stdout, run.stderr) == (2, "", f"meshlint: {message}\n")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_there_is_left_alone(tmp_path: Path) -> None:
    folder = tmp_path / "rules" / "shop" / "my_rule"
    folder.mkdir(parents=True)
    (folder / "check.py").write_text("begun\n")
    run = meshlint("new", "shop/my-rule", "--into", "rules", cwd=tmp_path)
    assert (run.returncode, run.stdout, run.stderr) == (2, "", "meshlint: rules/shop/my_rule: File exists\n")
    assert [(path.name, path.read_text()) for path in folder.iterdir()] == [("check.py", "begun\n")]
