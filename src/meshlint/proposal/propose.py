"""The flow from a repository to a configuration for it."""

import os.path
from collections.abc import Sequence

from .. import pipeline
from ..config import Config
from ..config.read import parsed
from ..rule import catalog
from ..source.document import SourceFile
from ..source.files import CONFIGURATIONS
from .look import look
from .write import text


def propose(given: pipeline.Input, root: str) -> str:
    """The text of a `meshlint.yaml` for a directory, of which an input was read without any configuration."""
    sight = look(given, root)
    proposed = text(sight, "")
    config = parsed(SourceFile(os.path.join(root, CONFIGURATIONS[0]), proposed))
    decided = {"Istio's version": config.settings.places, "the meshes": config.meshes}
    reasons = [name for name, said in decided.items() if said]
    return text(sight, _difference(given, config, reasons)) if reasons else proposed


def _difference(given: pipeline.Input, config: Config, reasons: Sequence[str]) -> str:
    """What a configuration changes about the findings, and why; "" where it changes nothing."""
    before = _found(given, Config())
    after = _found(pipeline.edited(given, {}, config), config)
    more, fewer = len(after - before), len(before - after)
    if not (more or fewer):
        return ""
    return f"With {' and '.join(reasons)} below meshlint check tells other findings than without: {more} more, {fewer} fewer."


def _found(given: pipeline.Input, config: Config) -> set[tuple[str, str, int, int]]:
    report = pipeline.check(given, config, pipeline.Thresholds(), catalog.chosen())
    return {(f.rule.id, f.location.file, *f.location.span[:2]) for f in report.findings}
