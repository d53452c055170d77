"""Effective values: what the mesh will really do, with the reasons, as computed styles in a browser's developer tools."""

from collections.abc import Callable
from enum import Enum
from typing import Generic, NamedTuple, TypeVar

from ..finding import Confidence
from ..source.document import Location

T = TypeVar("T", covariant=True)


class Basis(Enum):
    """What a reason stands on."""

    DECLARED = "declared"  # written in the input
    DEFAULT = "default"  # nothing in the input says otherwise
    SUPPORTED = "supported"  # the input cannot tell, but something in it takes the answer for granted
    ASSUMED = "assumed"  # the input cannot tell, and one answer was taken
    TIE = "tie"  # creation times decide, which manifests do not have

    @property
    def confidence(self) -> Confidence:
        return _CONFIDENCE[self]


_CONFIDENCE = {
    Basis.DECLARED: Confidence.HIGH,
    Basis.DEFAULT: Confidence.MEDIUM,
    Basis.SUPPORTED: Confidence.MEDIUM,
    Basis.ASSUMED: Confidence.LOW,
    Basis.TIE: Confidence.LOW,
}


class Unknown(Enum):
    """The value of what the input cannot tell."""

    UNKNOWN = "unknown"

    def __str__(self) -> str:
        return "unknown"


UNKNOWN = Unknown.UNKNOWN


class Reason(NamedTuple):
    """One step of the way to a value."""

    text: str
    location: Location | None = None
    basis: Basis = Basis.DECLARED


class Effective(NamedTuple, Generic[T]):
    """A value with its reasons, from the widest scope to the one that decides. `candidates` are the outcomes of a tie."""

    value: T
    because: tuple[Reason, ...] = ()
    candidates: tuple["Effective[T]", ...] = ()

    @property
    def origin(self) -> Location | None:
        """The place that decides: the last reason that has one."""
        return next((reason.location for reason in reversed(self.because) if reason.location), None)

    @property
    def declared(self) -> Location | None:
        """The place that says the value, where nothing about it is doubtful."""
        return self.because[-1].location if self.because and self.basis is Basis.DECLARED else None

    @property
    def basis(self) -> Basis:
        """The weakest ground any reason that still matters stands on: the last reason decides, a tie or an assumption on
        the way to it weakens it, a default that was overridden does not."""
        weakest = self.because[-1].basis if self.because else Basis.DECLARED
        for reason in self.because[:-1]:
            if reason.basis is not Basis.DEFAULT and reason.basis.confidence < weakest.confidence:
                weakest = reason.basis
        return weakest

    @property
    def outcomes(self) -> tuple["Effective[T]", ...]:
        """The candidates of a tie, else this value alone."""
        return self.candidates or (self,)

    def holds(self, condition: Callable[[T], bool]) -> "Effective[T] | None":
        """This value as the ground of a conclusion, or None where the conclusion is false.

        With candidates: all of them satisfy the condition = the first one, unweakened by the doubt; some = that one, resting
        on the doubt, which is the first reason.
        """
        return next(iter(self.fitting(condition)), None)

    def fitting(self, condition: Callable[[T], bool]) -> list["Effective[T]"]:
        """Every outcome for which a conclusion is true, each as its ground: resting on the doubt unless it is true of all."""
        found = [outcome for outcome in self.outcomes if condition(outcome.value)]
        if len(found) == len(self.outcomes):
            return found
        return [Effective(candidate.value, (self.because[0], *candidate.because)) for candidate in found]
