"""Three-valued answers keep what is missing only where it matters."""

from __future__ import annotations

import pytest

from meshlint.mesh.istio.authorization.truth import Missing, Truth, all_of, any_of, missing, negated

ONE, OTHER = missing("one"), missing("other")
BOTH = Missing((*ONE.because, *OTHER.because))


@pytest.mark.parametrize(
    ("answers", "every", "some"),
    [
        ([], True, False),
        ([True, True], True, True),
        ([True, False], False, True),
        ([False, False], False, False),
        ([True, ONE], ONE, True),
        ([False, ONE], False, ONE),
        ([ONE, OTHER, ONE], BOTH, BOTH),
        ([ONE, False, True], False, True),
    ],
)
def test_all_and_any(answers: list[Truth], every: Truth, some: Truth) -> None:
    assert (all_of(answers), any_of(answers)) == (every, some)
    assert (negated(any_of(map(negated, answers))), negated(all_of(map(negated, answers)))) == (every, some)
