"""What admission says of each case is what the oracle said."""

from __future__ import annotations

import json
from typing import Any

import pytest

from meshlint.resource.admission import verdict as admission
from meshlint.resource.objects import resources
from meshlint.resource.resource import Resource
from meshlint.source.document import Document, SourceFile

from .cases import cases, recorded


def resource(case: dict[str, Any]) -> Resource:
    file = SourceFile("case.json", json.dumps(case))
    (found,) = resources([Document(file, 0, len(file.text), 1, case)], lambda _: None).resources
    return found


def test_every_case_was_recorded() -> None:
    assert list(recorded()) == list(cases())


@pytest.mark.parametrize(("name", "case"), cases().items(), ids=list(cases()))
def test_the_verdict_is_the_oracles(name: str, case: dict[str, Any]) -> None:
    verdict = admission.verdict(resource(case), literally=True)
    by = recorded()[name]
    assert (list(verdict.by), verdict.rejected) == (by, bool(by)), verdict.errors
