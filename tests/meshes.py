"""Every mesh that the repository has: the example, the fixtures and the examples of the rules, and what is found in them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from meshlint import config, pipeline
from meshlint.finding import Audience, Confidence
from meshlint.report.report import Report
from meshlint.rule import catalog
from meshlint.source.files import CONFIGURATIONS

ROOT = Path(__file__).parents[1]
WHOLE = sorted(
    [
        ROOT / "examples" / "ai-inference",
        *(path for path in ROOT.glob("tests/fixtures/*") if path.is_dir() and path.name != "istiod"),
    ]
)
EXAMPLES = sorted(ROOT.glob("rules/*/*/examples/*"))

EVERYTHING = pipeline.Thresholds(Audience.AUDITOR, Confidence.LOW)


def name(mesh: Path) -> str:
    """A mesh in the name of a test."""
    return mesh.relative_to(ROOT).as_posix()


def manifests(mesh: Path) -> list[Path]:
    """The files of a mesh, but its configuration."""
    if mesh.is_file():
        return [mesh]
    return sorted(path for path in mesh.rglob("*.y*ml") if path.name not in CONFIGURATIONS)


def given(mesh: Path) -> pipeline.Input:
    return pipeline.read([str(mesh)], config.load([str(mesh)]))


def report(mesh: Path, thresholds: pipeline.Thresholds = EVERYTHING, rules: Sequence[str] | None = None) -> Report:
    """What every rule finds in a mesh, by default at the lowest thresholds."""
    settings = config.load([str(mesh)])
    found = pipeline.check(given(mesh), settings, thresholds, catalog.chosen(rules or (), ()))
    assert [failure for failure in found.failures if failure.kind != "settings"] == []
    return found
