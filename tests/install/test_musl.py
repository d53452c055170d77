"""Alpine images have musl: every run-time dependency has a wheel for it, as uv resolves them for that platform."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from working_tree import ROOT, pip_reaches_an_index

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
SUPPORTED = [
    version[1] for name in PROJECT["classifiers"] if (version := re.fullmatch(r".* Python :: (3\.[0-9]+)", name))
]


def wheels(*arguments: object, requirements: str, python: str, machine: str) -> subprocess.CompletedProcess[str]:
    """`uv pip compile` for a Python of a musl system; it never builds a package, so what has no wheel has no solution."""
    command = [sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--no-header", "--no-annotate"]
    platform = [
        "--only-binary",
        ":all:",
        "--python-version",
        python,
        "--python-platform",
        f"{machine}-unknown-linux-musl",
    ]
    return subprocess.run(
        [*command, *platform, *map(str, arguments), "-"],
        input=requirements,
        env={**os.environ, "UV_PYTHON_DOWNLOADS": "never"},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> None:
    if not pip_reaches_an_index(tmp_path_factory.mktemp("probe")):
        pytest.skip("no package index can be reached, and it has the wheels")


def test_the_supported_pythons_are_all_from_the_oldest_on() -> None:
    assert [f"3.{minor}" for minor in range(11, 11 + len(SUPPORTED))] == SUPPORTED
    assert PROJECT["requires-python"] == f">={SUPPORTED[0]}"


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
@pytest.mark.parametrize("python", SUPPORTED)
def test_every_dependency_has_a_wheel(index: None, python: str, machine: str) -> None:
    found = wheels(requirements="\n".join(PROJECT["dependencies"]), python=python, machine=machine)
    assert found.returncode == 0, found.stderr
    resolved = {line.partition("==")[0] for line in found.stdout.splitlines()}
    assert {re.split("[<>=]", requirement)[0] for requirement in PROJECT["dependencies"]} <= resolved
    assert {"rpds-py", "pbr"} <= resolved, "what dependencies depend on is resolved, too"


@pytest.mark.parametrize(("tag", "code"), [("musllinux_1_2_x86_64", 0), ("manylinux_2_28_x86_64", 1)])
def test_a_dependency_that_has_a_wheel_for_glibc_only_is_noticed(tmp_path: Path, tag: str, code: int) -> None:
    with zipfile.ZipFile(tmp_path / f"compiled-1.0-cp313-cp313-{tag}.whl", "w") as wheel:
        wheel.writestr("compiled-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: compiled\nVersion: 1.0\n")
        wheel.writestr("compiled-1.0.dist-info/WHEEL", f"Wheel-Version: 1.0\nTag: cp313-cp313-{tag}\n")
        wheel.writestr("compiled-1.0.dist-info/RECORD", "")
    found = wheels("--no-index", "--find-links", tmp_path, requirements="compiled", python="3.13", machine="x86_64")
    assert found.returncode == code, found.stdout + found.stderr
    assert found.stdout == ("compiled==1.0\n" if code == 0 else "")
    assert ("no wheels with a matching platform tag" in found.stderr.replace("\n", " ")) is (code == 1)
