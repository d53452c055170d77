"""What an effective value says of itself."""

from __future__ import annotations

import pytest

from meshlint.mesh.effective import Basis, Effective, Reason
from meshlint.source import yaml
from meshlint.source.document import SourceFile

(HERE,) = yaml.load(SourceFile("a.yaml", "a: 1\n")).documents
PLACE = HERE.at("a")
SAID = Reason("it is written", PLACE)


@pytest.mark.parametrize(
    ("because", "declared"),
    [
        ((SAID,), True),
        ((Reason("the default", None, Basis.DEFAULT), SAID), True),
        ((SAID, Reason("a placeholder", PLACE, Basis.ASSUMED)), False),
        ((Reason("nobody knows which is older", None, Basis.TIE), SAID), False),
        ((SAID, Reason("the default", None, Basis.DEFAULT)), False),
        ((), False),
    ],
)
def test_declared_is_the_place_that_says_the_value_beyond_doubt(because: tuple[Reason, ...], declared: bool) -> None:
    assert Effective(1, because).declared == (PLACE if declared else None)
