"""Which AuthorizationPolicies and RequestAuthentications apply to a workload (semantics §5.1).

Mirrors `model/authorization.go ListAuthorizationPolicies`, `model/policyattachment.go ShouldAttachPolicy` and
`security/authz/builder/builder.go isDryRun`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from typing import Any, NamedTuple

from ....resource.inventory import Inventory
from ....resource.kinds import AUTHORIZATION_POLICY, GATEWAY, REQUEST_AUTHENTICATION, GroupKind
from ....resource.match import Selecting, matches
from ....resource.resource import Resource, each, get, required
from ....source.document import Placeholder
from ...effective import Basis, Reason
from ..meshconfig import MeshConfig
from .rules import Rule, rules
from .trust_domains import trust_domains

GATEWAY_NAME = "gateway.networking.k8s.io/gateway-name"
DRY_RUN = "istio.io/dry-run"
_TRUE = {"1", "t", "T", "TRUE", "true", "True"}
_SPACED = frozenset({"scope", "permission"})


class Action(Enum):
    """What a policy does with what its rules match."""

    ALLOW = "ALLOW"
    DENY = "DENY"
    AUDIT = "AUDIT"
    CUSTOM = "CUSTOM"


class Policy(NamedTuple):
    """An AuthorizationPolicy that applies to a workload, or may: `doubt` says why that is not known.

    `rules` are those that istiod can read. `action` None = not known. `dry_run`: it decides nothing.
    """

    resource: Resource
    action: Action | None
    rules: tuple[Rule, ...]
    dry_run: bool
    doubt: tuple[Reason, ...]

    @property
    def provider(self) -> Any:
        """The name of the external authorizer."""
        return self.resource.get("spec", "provider", "name")


class Token(NamedTuple):
    """A kind of token that is checked: an item of `jwtRules`. No `audiences` = those are not."""

    resource: Resource
    position: int
    issuer: Any
    audiences: tuple[Any, ...]
    spaced: frozenset[str]


class Applied(NamedTuple):
    """All that applies to a workload: the policies in force, those in dry run, and the tokens that are checked."""

    policies: tuple[Policy, ...]
    dry: tuple[Policy, ...]
    tokens: tuple[Token, ...]

    def of(self, action: Action) -> Iterator[Policy]:
        """The policies in force with an action, and those that may have it."""
        return (policy for policy in self.policies if policy.action in (action, None))


class Policies:
    """Finds what applies to workloads. Those that the same objects apply to share what is made of these."""

    def __init__(self, inventory: Inventory, meshconfig: MeshConfig) -> None:
        self._inventory = inventory
        self._root = meshconfig.root_namespace
        self._authorizations = _Attached(inventory, AUTHORIZATION_POLICY, self._root)
        self._authentications = _Attached(inventory, REQUEST_AUTHENTICATION, self._root)
        self._domains = trust_domains(meshconfig)
        self._policies: dict[int, Policy] = {}
        self._applied: dict[tuple[int, ...], Applied] = {}

    def of(self, namespace: str, labels: Mapping[str, str]) -> Applied:
        """What applies to the pods of a namespace with these labels; a gateway of the Gateway API by its label."""
        authorizations = self._authorizations.to(namespace, labels)
        authentications = self._authentications.to(namespace, labels)
        key = (*map(id, authorizations), 0, *map(id, authentications))
        if key not in self._applied:
            policies = sorted(map(self.policy, authorizations), key=_name)
            tokens = tuple(token for resource in authentications for token in _tokens(resource))
            in_force = tuple(policy for policy in policies if not policy.dry_run)
            self._applied[key] = Applied(in_force, tuple(policy for policy in policies if policy.dry_run), tokens)
        return self._applied[key]

    def in_force(self, namespace: str) -> list[Resource]:
        """The AuthorizationPolicies of a namespace and of the root namespace that are no dry run."""
        places = dict.fromkeys((self._root, namespace))
        found = (policy for place in places for policy in self._inventory.in_namespace(AUTHORIZATION_POLICY, place))
        return [policy for policy in found if policy.annotations.get(DRY_RUN) not in _TRUE]

    def targets_in(self, namespace: str) -> bool:
        """Whether an AuthorizationPolicy of a namespace has a targetRef."""
        return namespace in self._authorizations.targeting

    def all(self) -> Iterator[Policy]:
        """Every AuthorizationPolicy."""
        return map(self.policy, self._inventory.all(AUTHORIZATION_POLICY))

    def policy(self, resource: Resource) -> Policy:
        """An AuthorizationPolicy as istiod reads it."""
        if id(resource) not in self._policies:
            read = tuple(rules(resource, self._domains))
            dry = resource.annotations.get(DRY_RUN) in _TRUE
            self._policies[id(resource)] = Policy(resource, _action(resource), read, dry, tuple(_doubt(resource)))
        return self._policies[id(resource)]


class _Attached:
    """The objects of a kind by what they attach to: all pods of their namespace or of the mesh, selected ones, gateways."""

    def __init__(self, inventory: Inventory, kind: GroupKind, root: str) -> None:
        self._root = root
        self._general: dict[str, list[Resource]] = defaultdict(list)
        self._unknown: dict[str, list[Resource]] = defaultdict(list)
        self._targeting: dict[tuple[str, str], list[Resource]] = defaultdict(list)
        self.targeting: set[str] = set()
        selecting = []
        for resource in inventory.all(kind):
            targets, selector = list(_targets(resource)), _selector(resource)
            if targets:
                self.targeting.add(resource.namespace)
                for gateway in set(_gateways(targets, resource.namespace)):
                    self._targeting[resource.namespace, gateway].append(resource)
            elif not selector:
                self._general[resource.namespace].append(resource)
            elif any(isinstance(value, Placeholder) for value in selector.values()):
                self._unknown[resource.namespace].append(resource)
            else:
                selecting.append(resource)
        self._selecting = Selecting(selecting, _selector)

    def to(self, namespace: str, labels: Mapping[str, str]) -> Sequence[Resource]:
        """The objects that apply to pods, or may."""
        found = list(self._targeting.get((namespace, labels.get(GATEWAY_NAME, "")), ()))
        for place in dict.fromkeys((self._root, namespace)):
            found += self._general.get(place, ())
            found += self._selecting.of(place, labels)
            found += (resource for resource in self._unknown.get(place, ()) if _may_select(resource, labels))
        return found


def _selector(resource: Resource) -> Mapping[str, str]:
    return required(resource.get("spec", "selector", "matchLabels"))


def _may_select(resource: Resource, labels: Mapping[str, str]) -> bool:
    """Whether the labels fit as far as the selector is known; a label that is asked for must be there."""
    known = {key: value for key, value in _selector(resource).items() if not isinstance(value, Placeholder)}
    return matches(known, labels) and _selector(resource).keys() <= labels.keys()


def _targets(resource: Resource) -> Iterator[Any]:
    """`GetTargetRefs`: the list, else the one that older versions have."""
    yield from resource.items("spec", "targetRefs") or filter(None, [resource.get("spec", "targetRef")])


def _gateways(targets: Sequence[Any], namespace: str) -> Iterator[str]:
    """The Gateways of the object's namespace among its targets."""
    for target in targets:
        is_gateway = (get(target, "group"), get(target, "kind")) == GATEWAY
        if is_gateway and get(target, "namespace") in (None, "", namespace):
            yield str(get(target, "name"))


def _action(resource: Resource) -> Action | None:
    value = resource.get("spec", "action")
    if isinstance(value, Placeholder):
        return None
    return next((action for action in Action if action.value == value), Action.ALLOW)


def _doubt(resource: Resource) -> Iterator[Reason]:
    """Why it is not known whether a policy acts on the pods that it may select."""
    for path in (("spec", "action"), ("metadata", "annotations", DRY_RUN)):
        value = resource.get(*path)
        if isinstance(value, Placeholder):
            yield Reason(
                f"{path[-1]} of {resource} is {value}, which is not known here", resource.at(*path), Basis.ASSUMED
            )
    for label, value in _selector(resource).items():
        if isinstance(value, Placeholder):
            where = resource.at("spec", "selector", "matchLabels", label)
            text = f"{resource} selects pods by {label}: {value}, which is not known here"
            yield Reason(text, where, Basis.ASSUMED)


def _tokens(resource: Resource) -> Iterator[Token]:
    for index, rule in enumerate(resource.items("spec", "jwtRules")):
        spaced = _SPACED | {name for name in each(rule, "spaceDelimitedClaims") if isinstance(name, str)}
        issuer = get(rule, "issuer")
        yield Token(resource, index, "" if issuer is None else issuer, tuple(each(rule, "audiences")), spaced)


def _name(policy: Policy) -> str:
    """istiod lists what decided in the order of these."""
    return f"ns[{policy.resource.namespace}]-policy[{policy.resource.name}]-"
