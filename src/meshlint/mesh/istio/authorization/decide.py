"""Whether a call is let through: the handshake, then the filters of the server's proxy (semantics §4, §5, §6)."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from ....resource.resource import Resource
from ...effective import Basis, Effective, Reason
from ...subjects import DataPlane, MtlsMode
from ..order import one_of, spread
from .calls import Caller, Request
from .filters import Guard, Layer, stages
from .rules import Rule
from .truth import Missing


class Verdict(Enum):
    """Whether a call is let through."""

    ALLOW = "allow"
    DENY = "deny"
    UNKNOWN = "unknown"


class Decision(NamedTuple):
    """What becomes of a call, and the layer that decided.

    `rules` are the DENY or CUSTOM rules that refuse it, or the ALLOW rules that let it through (none = none was needed, or none
    matched); of an unknown verdict those that it hangs on.
    """

    verdict: Verdict
    layer: Layer
    rules: tuple[Rule, ...] = ()

    @property
    def policies(self) -> tuple[Resource, ...]:
        """The policies of the rules, each once."""
        return tuple({id(rule.policy): rule.policy for rule in self.rules}.values())

    @property
    def names(self) -> list[str]:
        """The policies as `namespace/name`."""
        return [f"{policy.namespace}/{policy.name}" for policy in self.policies]


Outcome = Effective[Decision]
"""A decision with its reasons: the last one that has a place decides. What differs by a tie is in the candidates."""

_UNPROXIED = "whether a proxy stands beside the pods is not in the input"
_MODE = "which mTLS mode the port has is not certain"


def decide(guard: Guard, caller: Caller, request: Request) -> Outcome:
    """What becomes of a call. A caller with an identity uses mTLS where the port takes it, else it arrives without.

    What the input cannot tell makes the verdict UNKNOWN, with what is missing among the reasons (basis ASSUMED), unless the
    answer is the same either way.
    """
    if not guard.captured:
        text = "annotations keep the proxy out of the way of this port, so no policy is enforced"
        return Effective(Decision(Verdict.ALLOW, Layer.NONE), (Reason(text),))
    match guard.plane.value:
        case DataPlane.SIDECAR:
            return _through_mtls(guard, caller, request)
        case DataPlane.GATEWAY:
            return _filtered(guard, caller, request, proven=True)
        case DataPlane.NONE:
            return _unguarded(guard)
        case DataPlane.UNKNOWN:
            outcomes = [*_through_mtls(guard, caller, request).outcomes, _unguarded(guard)]
            return one_of(outcomes, _UNPROXIED, Basis.ASSUMED)
    text = f"what the data plane {guard.plane.value.value} enforces is not worked out here"
    reasons = (*guard.plane.because, Reason(text, None, Basis.ASSUMED))
    return Effective(Decision(Verdict.UNKNOWN, Layer.NONE), reasons)


def verdict(outcome: Outcome) -> Verdict:
    """The verdict that all candidates share; UNKNOWN where they differ."""
    found = {each.value.verdict for each in outcome.outcomes}
    return found.pop() if len(found) == 1 else Verdict.UNKNOWN


def _unguarded(guard: Guard) -> Outcome:
    reason = Reason("no proxy stands before the port, so no policy is enforced", None, Basis.DEFAULT)
    return Effective(Decision(Verdict.ALLOW, Layer.NONE), (*guard.plane.because, reason))


def _through_mtls(guard: Guard, caller: Caller, request: Request) -> Outcome:
    def step(mode: Effective[MtlsMode]) -> Outcome:
        if mode.value is MtlsMode.STRICT and caller.identity is None:
            refused = Reason("the port takes mTLS only, and the caller has no certificate", mode.origin)
            return Effective(Decision(Verdict.DENY, Layer.MTLS), (*mode.because, refused))
        if mode.value is MtlsMode.DISABLE and caller.identity is not None:
            lost = Reason("the port takes no mTLS, so the caller arrives without its identity", mode.origin)
            outcome = _filtered(guard, caller, request, proven=False)
            return outcome._replace(because=(*mode.because, lost, *outcome.because))
        return _filtered(guard, caller, request, proven=True)

    return spread(guard.mtls, step, _MODE)


def _filtered(guard: Guard, caller: Caller, request: Request, *, proven: bool) -> Outcome:
    """What the filters do with a call whose connection was accepted; `proven`: the caller's identity with it.

    The first filter that surely refuses decides. Where one may, and none surely does, the verdict is not known.
    """
    passed = []
    for stage in stages(guard, caller, request, proven):
        if stage.refuses is True:
            return Effective(Decision(Verdict.DENY, stage.layer, stage.rules), stage.because)
        passed.append(stage)
    unsure = [stage for stage in passed if isinstance(stage.refuses, Missing)]
    if unsure:
        rules = tuple(rule for stage in unsure for rule in stage.rules)
        because = tuple(reason for stage in unsure for reason in stage.because)
        return Effective(Decision(Verdict.UNKNOWN, unsure[0].layer, rules), because)
    allowing = passed[-1]
    return Effective(Decision(Verdict.ALLOW, allowing.layer, allowing.rules), allowing.because)
