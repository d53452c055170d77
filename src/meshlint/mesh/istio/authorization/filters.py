"""The filters of a server's proxy that may refuse a call: external authorizers, tokens, DENY policies, ALLOW policies.

Mirrors the order of `core/listener_builder.go buildHTTPConnectionManager` and `core/networkfilter.go
buildCompleteNetworkFilters`, `security/authz/builder/builder.go build`, `buildHTTP` and `buildTCP`, and
`security/authn/policy_applier.go convertToEnvoyJwtConfig`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import Enum
from typing import Any, NamedTuple

from ....source.document import Placeholder
from ...effective import Basis, Effective, Reason
from ...subjects import DataPlane, MtlsMode
from ..xds.protocols import Listening
from .authorizers import Authorizers
from .calls import Call, Caller, Normalization, Request, forwarded, spiffe
from .paths import normalized
from .policies import DRY_RUN, Action, Applied, Policy, Token
from .rules import Rule
from .truth import Missing, Truth, all_of, any_of, missing, negated


class Layer(Enum):
    """What decides about a call: nothing (no proxy), mTLS, an external authorizer, the check of tokens, or the policies."""

    NONE = "none"
    MTLS = "mtls"
    CUSTOM = "custom"
    JWT = "jwt"
    RBAC = "rbac"


class Guard(NamedTuple):
    """A port, with all that decides who may use it.

    `number` is the container port; None = one that nothing names. `captured`: the proxy sees its connections. `domain` is the
    mesh's trust domain.
    """

    number: int | None
    plane: Effective[DataPlane]
    captured: bool
    mtls: Effective[MtlsMode]
    protocol: Listening
    applied: Applied
    authorizers: Authorizers
    normalization: Normalization
    domain: str

    def under(self, policies: Iterable[Policy]) -> Guard:
        """The guard as if these were the policies in force."""
        return self._replace(applied=self.applied._replace(policies=tuple(policies)))


class Stage(NamedTuple):
    """What a filter says of a call. `rules` are those that matched, or may; `because` says why it refuses, may, or does not."""

    layer: Layer
    refuses: Truth
    rules: tuple[Rule, ...] = ()
    because: tuple[Reason, ...] = ()


class _Match(NamedTuple):
    """Whether a rule takes part in a filter's answer. `why` is what else there is to say about it."""

    rule: Rule
    answer: Truth
    why: Reason | None = None


_NO_LIMIT = Reason("no ALLOW policy applies, so what no DENY policy matches is allowed", None, Basis.DEFAULT)
_DRY = "istiod puts the rules of a CUSTOM policy in dry run where the filter enforces them as DENY"


def reads_http(guard: Guard, request: Request) -> bool:
    """Whether the proxy reads a connection as HTTP."""
    return guard.protocol is Listening.HTTP or (guard.protocol is Listening.AUTO and not request.tcp)


def rules_of(guard: Guard, http: bool) -> Iterator[tuple[Policy, Rule]]:
    """The rules that may refuse a connection that is read as HTTP, or not, or let it through."""
    dry = (policy for policy in guard.applied.dry if policy.action is Action.CUSTOM)
    for policy in (*guard.applied.policies, *dry):
        if policy.action is not Action.AUDIT:
            yield from ((policy, rule) for rule in _built(policy, http))


def seen(guard: Guard, caller: Caller, request: Request, proven: bool) -> Call:
    """A call as the filters see it, once its token is checked. `proven`: the server knows the identity."""
    http = reads_http(guard, request)
    tokens = guard.applied.tokens if http and caller.claims is not None else ()
    spaced = next(
        (token.spaced for token in tokens if _takes(token, caller.claims or {}) is not False), frozenset[str]()
    )
    return Call(
        request,
        http and not request.tcp,
        guard.number,
        spiffe(caller.identity, guard.domain) if caller.identity and proven else None,
        caller.address,
        caller.forwarded or forwarded(request),
        caller.claims if tokens else None,
        spaced,
        None if request.path is None else normalized(request.path, guard.normalization),
    )


def checked(guard: Guard, caller: Caller, request: Request) -> Stage:
    """What the check of tokens says: one of an issuer or for an audience that nobody knows is refused, none at all is not."""
    if caller.claims is None or not guard.applied.tokens or not reads_http(guard, request):
        return Stage(Layer.JWT, False)
    return _checked([(token, _takes(token, caller.claims)) for token in guard.applied.tokens], caller.claims)


def stages(guard: Guard, caller: Caller, request: Request, proven: bool) -> Iterator[Stage]:
    """What each filter says, in their order; the last one is that of the ALLOW policies."""
    call = seen(guard, caller, request, proven)
    filters = _Filters(guard.applied, guard.authorizers, reads_http(guard, request))
    yield from filters.custom(call._replace(claims=None))
    yield checked(guard, caller, request)
    yield filters.deny(call)
    yield filters.allow(call)


def _built(policy: Policy, http: bool) -> Iterator[Rule]:
    """The rules of a policy as a filter has them."""
    built = (rule.in_filter(http=http, narrow=policy.action is Action.ALLOW) for rule in policy.rules)
    return (rule for rule in built if rule)


class _Filters:
    """The filters that policies make, as those of a connection that is read as HTTP, or not."""

    def __init__(self, applied: Applied, authorizers: Authorizers, http: bool) -> None:
        self._applied = applied
        self._authorizers = authorizers
        self._http = http

    def custom(self, call: Call) -> Iterator[Stage]:
        """A filter for each external authorizer."""
        dry = (policy for policy in self._applied.dry if policy.action is Action.CUSTOM)
        policies = [*self._applied.of(Action.CUSTOM), *dry]
        names = sorted({str(policy.provider) for policy in policies})
        several = len(names) > 1 and not self._authorizers.several
        text = f"a workload with several external authorizers ({', '.join(names)}) asks none and refuses"
        for name in names:
            matches: list[_Match] = []
            for policy in (policy for policy in policies if str(policy.provider) == name):
                refuses, why = (not policy.dry_run, Reason(text)) if several else self._answer(policy, call.request)
                matches += self._matches(policy, call, refuses, why)
            yield _refusing(Layer.CUSTOM, matches)

    def deny(self, call: Call) -> Stage:
        return _refusing(
            Layer.RBAC, [m for policy in self._applied.of(Action.DENY) for m in self._matches(policy, call)]
        )

    def allow(self, call: Call) -> Stage:
        """Where an ALLOW policy applies, a rule of one must match."""
        policies = list(self._applied.of(Action.ALLOW))
        matches = [match for policy in policies for match in self._matches(policy, call)]
        allows = any_of((negated(any_of(map(_in_force, policies))), any_of(match.answer for match in matches)))
        if allows is True:
            rules = tuple(match.rule for match in matches if match.answer is True)
            reasons = tuple(Reason(f"{rule.policy} allows it", rule.location) for rule in rules)
            return Stage(Layer.RBAC, False, rules, reasons or (_NO_LIMIT,))
        if isinstance(allows, Missing):
            return Stage(Layer.RBAC, allows, *_unsure(matches, "allows"))
        return Stage(Layer.RBAC, True, (), tuple(self._without(policy) for policy in policies))

    def _without(self, policy: Policy) -> Reason:
        """That an ALLOW policy does not let a call through."""
        lost = {} if self._http else {c.field: None for r in policy.rules for c in r.conditions if c.kind.is_http}
        why = f": without HTTP there is nothing that its {' and '.join(lost)} could fit" if lost else ""
        return Reason(f"no rule of {policy.resource} allows it{why}", policy.resource.at("spec", "rules"))

    def _matches(self, policy: Policy, call: Call, also: Truth = True, why: Reason | None = None) -> Iterator[_Match]:
        """The rules of a policy with whether they match a call, where something else is true also."""
        for rule in _built(policy, self._http):
            yield _Match(rule, all_of((rule.of(call), _in_force(policy), also)), why)

    def _answer(self, policy: Policy, request: Request) -> tuple[Truth, Reason]:
        """Whether what a CUSTOM policy matches is refused."""
        authorizer = self._authorizers.of(policy.provider)
        if authorizer.usable is False:
            return not policy.dry_run, authorizer.because
        if not (self._http or authorizer.tcp):
            return False, authorizer.because
        known: Truth = True if authorizer.usable else Missing((authorizer.because,))
        if policy.dry_run:
            return known, Reason(_DRY, policy.resource.at("metadata", "annotations", DRY_RUN))
        if request.authorized is not None:
            return all_of((known, not request.authorized)), authorizer.because
        return missing(f"external authorizer {policy.provider} decides about it"), authorizer.because


def _in_force(policy: Policy) -> Truth:
    return Missing(policy.doubt) if policy.doubt else True


def _refusing(layer: Layer, matches: Sequence[_Match]) -> Stage:
    """What a filter says that refuses all that a rule matches."""
    refuses = any_of(match.answer for match in matches)
    if refuses is False:
        return Stage(layer, False)
    if isinstance(refuses, Missing):
        return Stage(layer, refuses, *_unsure(matches, "denies"))
    sure = [match for match in matches if match.answer is True]
    also = dict.fromkeys(match.why for match in sure if match.why)
    rules = tuple(match.rule for match in sure)
    return Stage(layer, True, rules, (*also, *(Reason(f"{rule.policy} denies it", rule.location) for rule in rules)))


def _unsure(matches: Sequence[_Match], verb: str) -> tuple[tuple[Rule, ...], tuple[Reason, ...]]:
    """The rules that may match, and what is missing to know whether they do."""
    lacking = [(match.rule, match.answer) for match in matches if isinstance(match.answer, Missing)]
    reasons: dict[Reason, None] = {}
    for rule, answer in lacking:
        reasons.update(dict.fromkeys(answer.because))
        reasons[Reason(f"it is not known whether {rule.policy} {verb} it", rule.location, Basis.ASSUMED)] = None
    return tuple(rule for rule, _ in lacking), tuple(reasons)


def _takes(token: Token, claims: Mapping[str, Any]) -> Truth:
    """Whether a token with these claims is one of a kind. Without a claim `aud` its audience is taken to be right."""
    issuer: Truth = token.issuer in ("", claims.get("iss"))
    if isinstance(token.issuer, Placeholder):
        issuer = missing(f"{token.issuer}, the issuer that {token.resource} trusts, is not known here")
    given = claims.get("aud")
    audiences = given if isinstance(given, list) else [given]
    if not token.audiences or given is None or any(audience in token.audiences for audience in audiences):
        return issuer
    placeholders = [audience for audience in token.audiences if isinstance(audience, Placeholder)]
    return all_of((issuer, missing(f"audience {placeholders[0]} is not known here") if placeholders else False))


def _checked(tokens: Sequence[tuple[Token, Truth]], claims: Mapping[str, Any]) -> Stage:
    """What the check of tokens says: one of an issuer or for an audience that nobody knows is refused."""
    refuses = negated(any_of(answer for _, answer in tokens))
    if refuses is False:
        return Stage(Layer.JWT, False)
    if isinstance(refuses, Missing):
        return Stage(Layer.JWT, refuses, (), refuses.because)
    of_issuer = [token for token, _ in tokens if token.issuer in ("", claims.get("iss"))]
    what = f"for audience {claims.get('aud')}" if of_issuer else f"of issuer {claims.get('iss')}"
    reasons = (
        Reason(f"{token.resource} takes no token {what}", token.resource.at("spec", "jwtRules", token.position))
        for token in of_issuer or [token for token, _ in tokens]
    )
    return Stage(Layer.JWT, True, (), tuple(reasons))
