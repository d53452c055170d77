"""Which DestinationRule settings a client gets for a host (semantics §1.7, §3.1).

Mirrors `pilot/pkg/model/push_context.go setDestinationRules` and `destinationRule`, and
`destination_rule.go mergeDestinationRule`.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple

from ...resource.inventory import Inventory
from ...resource.kinds import DESTINATION_RULE, SERVICE_ENTRY
from ...resource.match import Names, more_specific, resolve, split_service_host, subset_of
from ...resource.resource import Resource, required
from ...source.document import Path
from ..effective import Effective, Reason
from ..subjects import Dropped
from .meshconfig import MeshConfig
from .order import creation, decided, one_of, possible_sequences, sequence
from .visibility import Visibility

Selector = tuple[tuple[str, str], ...]
"""What a workloadSelector requires, sorted; () = there is none."""

_POLICY: Path = ("spec", "trafficPolicy")


class Merged(NamedTuple):
    """What istiod makes of the DestinationRules of one namespace and host that it merges.

    `rules` in the order they were merged; `policy` is the rule whose trafficPolicy counts, whole; `subsets` maps a name to
    the rule and index that define it; `export_to` as written, which is how istiod compares it.
    """

    rules: tuple[Resource, ...]
    policy: Resource | None
    subsets: tuple[tuple[str, Resource, int], ...]
    export_to: frozenset[str]
    selector: Selector

    @property
    def selects(self) -> bool:
        """Whether it is for some workloads only, or with an empty workloadSelector for all of its namespace."""
        return _selects(self.rules[0])

    @property
    def labels(self) -> Mapping[str, str]:
        """What its workloadSelector requires."""
        return dict(self.selector)

    def subset(self, name: str) -> tuple[Resource, Path] | None:
        """The rule that defines a subset, and where in it; None = there is no such subset."""
        return next(((rule, ("spec", "subsets", i)) for known, rule, i in self.subsets if known == name), None)


class _Rule(NamedTuple):
    """A DestinationRule as it is read for merging. `written` is its exportTo as istiod compares it: `.` is not the
    namespace's name, and a rule with a selector always has `.`.
    """

    resource: Resource
    host: str
    written: frozenset[str]
    selects: bool
    selector: Selector
    has_policy: bool
    subsets: tuple[tuple[str, Resource, int], ...]


class _Entry:
    """An entry that rules are merged into; `rule` is the first."""

    __slots__ = ("named", "policy", "rule", "rules", "subsets")

    def __init__(self, rule: _Rule) -> None:
        self.rule = rule
        self.rules: list[Resource] = []
        self.policy: Resource | None = None
        self.subsets: list[tuple[str, Resource, int]] = []
        self.named: set[str] = set()
        self.add(rule)

    def add(self, rule: _Rule) -> None:
        self.rules.append(rule.resource)
        self.policy = self.policy or (rule.resource if rule.has_policy else None)
        self.subsets += [subset for subset in rule.subsets if subset[0] not in self.named]
        self.named.update(name for name, _, _ in rule.subsets)

    def takes(self, rule: _Rule) -> bool:
        """Whether a rule joins it."""
        own = self.rule
        if rule.selects and rule.selector != own.selector:
            return False
        return rule.written == own.written or bool(own.written and own.written < rule.written)

    def merged(self) -> Merged:
        own = self.rule
        return Merged(tuple(self.rules), self.policy, tuple(self.subsets), own.written, own.selector)


Merge = Callable[[Sequence[_Rule]], list[Merged]]
"""Merges rules of one namespace and host in the order given."""


class _Group:
    """The rules of one namespace and host in input order, and what istiod makes of them; asked when all of them are in."""

    def __init__(self, merge: Merge) -> None:
        self.rules: list[_Rule] = []
        self.known: dict[object, Effective[Merged | None]] = {}
        self._merge = merge

    @cached_property
    def by_age(self) -> list[Merged]:
        """The entries, the rules merged by age and then in input order."""
        return self._merge(sorted(self.rules, key=lambda rule: creation(rule.resource)))

    @cached_property
    def merges(self) -> list[tuple[Resource, Mapping[Selector, list[Merged]]]]:
        """The entries by selector for every order that the rules may have, each with the first rule of the order."""
        read = {id(rule.resource): rule for rule in self.rules}
        orders = possible_sequences([rule.resource for rule in self.rules])
        merged = (self._merge([read[id(resource)] for resource in order]) for order in orders)
        return [(order[0], _by_selector(entries)) for order, entries in zip(orders, merged, strict=True)]

    @cached_property
    def is_exported_to_all(self) -> bool:
        return all(not rule.written or "*" in rule.written for rule in self.rules)

    @cached_property
    def selectors(self) -> list[Selector]:
        """The workloadSelectors of the rules, each once; () where there is none."""
        return list(dict.fromkeys(rule.selector for rule in self.rules))


class _Pool:
    """Rules by namespace and resolved host."""

    def __init__(self, merge: Merge) -> None:
        self.by_namespace: dict[str, dict[str, _Group]] = defaultdict(dict)
        self._merge = merge
        self._names: dict[str, Names] = {}

    def add(self, rule: _Rule) -> None:
        by_host = self.by_namespace[rule.resource.namespace]
        if rule.host not in by_host:
            by_host[rule.host] = _Group(self._merge)
        by_host[rule.host].rules.append(rule)

    def most_specific(self, namespace: str, host: str) -> _Group | None:
        """The rules of a namespace for the most specific host that covers one; asked when all rules are in."""
        by_host = self.by_namespace.get(namespace)
        if by_host is None:
            return None
        if host in by_host:
            return by_host[host]
        if namespace not in self._names:
            self._names[namespace] = Names(by_host)
        covering = self._names[namespace].covering(host)
        return by_host[min(covering, key=more_specific)] if covering else None


class _Step(NamedTuple):
    """A place where istiod looks for rules; `own` = the client's namespace, whose rules need no export to it."""

    scope: str
    own: bool


class DestinationRules:
    """The DestinationRules of a mesh, by namespace and resolved host."""

    def __init__(self, inventory: Inventory, visibility: Visibility, meshconfig: MeshConfig, domain: str) -> None:
        self._visibility = visibility
        self._root = meshconfig.root_namespace
        self._by_export = meshconfig.istio_version >= (1, 24)
        self._domain = domain
        self._one: dict[Merged, Merged] = {}
        self._rules, self._local, self._exported, self._private = (_Pool(self._merged) for _ in range(4))
        self._read: dict[int, _Rule] = {}
        for rule in inventory.all(DESTINATION_RULE):
            host = rule.get("spec", "host")
            if isinstance(host, str) and host:
                self._sort_in(_read(rule, resolve(host, rule.namespace, domain)))
        self._outcomes: dict[str, Sequence[Effective[Merged | None]]] = {}
        self._named = self._by_host()
        self._names = Names(self._named)
        self._entries = {
            host.lower(): entry.namespace
            for entry in reversed(sequence(inventory.all(SERVICE_ENTRY)))
            for host in entry.items("spec", "hosts")
            if isinstance(host, str)
        }

    def _sort_in(self, rule: _Rule) -> None:
        """As istiod keeps them: what its own namespace may use, what others may, and what is private (`setDestinationRules`)."""
        namespace, written = rule.resource.namespace, rule.written
        own = {".", namespace}
        self._read[id(rule.resource)] = rule
        self._rules.add(rule)
        if not written or "*" in written or written & own:
            self._local.add(rule)
        by_default = not written and namespace in self._exports(rule.resource)
        private = by_default or (len(written) == 1 and written <= own)
        (self._private if private else self._exported).add(rule)

    def _merged(self, rules: Sequence[_Rule]) -> list[Merged]:
        """The entries for rules of one namespace and host; of equal ones there is one object."""
        entries = _merge(rules) if self._by_export else _merge_all(rules)
        return [self._one.setdefault(entry, entry) for entry in entries]

    def hosts(self) -> Mapping[str, Sequence[Resource]]:
        """Every host that a rule names, with its rules in input order of namespaces."""
        return self._named

    def _by_host(self) -> Mapping[str, Sequence[Resource]]:
        found: dict[str, list[Resource]] = defaultdict(list)
        for by_host in self._rules.by_namespace.values():
            for host, group in by_host.items():
                found[host] += [rule.resource for rule in group.rules]
        return dict(found)

    def client_labels(self) -> set[str]:
        """The labels of clients that workloadSelectors ask for."""
        return {label for rule in self._read.values() for label, _ in rule.selector}

    def for_client(self, client: str, host: str) -> Effective[Merged | None]:
        """The merged rule that clients of a namespace get for a host, None = none, the candidates of a tie included."""
        hidden: Effective[Merged | None] | None = None
        for group, step in self._steps(client, host, self.owner(host)):
            found = self._chosen(group, client, step)
            if step.own or found.value or found.candidates:
                return found
            hidden = hidden or found
        return hidden or Effective(None, (Reason(f"no DestinationRule that clients in {client} see names {host}"),))

    def for_clients(self, client: str, host: str) -> list[Effective[Merged | None]]:
        """What clients of a namespace get for a host: those that no workloadSelector takes, and those of each one."""
        return [self.for_client(client, host), *self._for_selected(client, host)]

    def outcomes(self, host: str) -> Sequence[Effective[Merged | None]]:
        """What clients get for a host, each distinct outcome once: clients anywhere, and those that a workloadSelector takes."""
        if host not in self._outcomes:
            found = [outcome for client in self.clients(host) for outcome in self.for_clients(client, host)]
            distinct: dict[object, Effective[Merged | None]] = {}
            for outcome in found:
                distinct.setdefault(tuple(id(one.value) for one in outcome.outcomes), outcome)
            self._outcomes[host] = list(distinct.values())
        return self._outcomes[host]

    def clients(self, host: str) -> Mapping[str, None]:
        """A namespace for each way to look a host up: its own, those with rules for it or named by one, and any other ("").
        Where nothing names the host all ways are the same.
        """
        patterns = [pattern for pattern in self._names.covering(host) if pattern != host]
        rules = [rule for name in (host, *patterns) for rule in self._named.get(name, ())]
        if not rules:
            return {self.owner(host) or self._root: None}
        holders = [rule.namespace for rule in rules]
        named = [namespace for rule in rules for namespace in self._exports(rule) if namespace != "*"]
        return dict.fromkeys([*filter(None, [self.owner(host)]), *holders, *named, self._root, ""])

    def _for_selected(self, client: str, host: str) -> Iterator[Effective[Merged | None]]:
        """What workloads of a namespace get that a workloadSelector of its own rules takes."""
        group = self._own(client).most_specific(client, host)
        if group:
            step = _Step("for the workloads it selects", True)
            yield from (self._chosen(group, client, step, selector) for selector in group.selectors if selector)

    def owner(self, host: str) -> str | None:
        """The namespace of a host's service, or of all that `*.NAMESPACE.svc.DOMAIN` covers; None = not known."""
        name = f"any{host[1:]}" if host.startswith("*.") else host
        service = split_service_host(name, self._domain)
        return service[1] if service else self._entries.get(host)

    def entries(self, client: str, host: str, owner: str) -> Sequence[Merged]:
        """What proxies of a namespace get for the service of a host in namespace `owner`, by age (`destinationRule`)."""
        for group, step in self._steps(client, host, owner):
            found = [entry for entry in group.by_age if step.own or _shown(entry, client)]
            if step.own or found:
                return found
        return ()

    def _steps(self, client: str, host: str, owner: str | None) -> Iterator[tuple[_Group, "_Step"]]:
        """The rules of the most specific host at each place istiod looks at: the client's own namespace (in the root
        namespace only private rules), the service's namespace, the root namespace; nothing is merged across them.
        """
        steps = [(self._own(client), client, _Step("in the client's own namespace", True))]
        steps += [(self._exported, n, _Step(f"exported from namespace {n}", False)) for n in (owner, self._root) if n]
        for pool, namespace, step in steps:
            found = pool.most_specific(namespace, host)
            if found:
                yield found, step

    def _own(self, client: str) -> _Pool:
        """What clients of a namespace may use of its own rules."""
        return self._private if client == self._root else self._local

    def _chosen(self, group: _Group, client: str, step: "_Step", selector: Selector = ()) -> Effective[Merged | None]:
        """What becomes of rules for the clients that `step` is about; worked out once where all of these see the same."""
        is_for_all = (step.own or group.is_exported_to_all) and selector in group.selectors
        key = (step, selector, None if is_for_all else client)
        if key not in group.known:
            merges = ((first, entries.get(selector, ())) for first, entries in group.merges)
            outcomes = [self._outcome(first, entries, client, step) for first, entries in merges]
            group.known[key] = one_of(outcomes, "creation times decide which rule is merged first")
        return group.known[key]

    def _outcome(
        self, first: Resource, entries: Sequence[Merged], client: str, step: "_Step"
    ) -> Effective[Merged | None]:
        """The last entry counts that a client sees of those that rules come to in one order, but one with a workloadSelector
        before those without.
        """
        seen = [entry for entry in entries if step.own or _shown(entry, client)]
        entry = next((entry for entry in seen if entry.selects), seen[-1] if seen else None)
        if entry is None:
            text = f"no rule for the host {step.scope} is for {client}, and no less specific one is looked at"
            return Effective(None, (Reason(text, first.at("spec", "host")),))
        decides = entry.policy or entry.rules[0]
        where = decides.at("spec", "trafficPolicy") if entry.policy else decides.at("spec", "host")
        names = ", ".join(rule.name for rule in entry.rules)
        return Effective(entry, (Reason(f"DestinationRule {names}, {step.scope}", where),))

    def _exports(self, rule: Resource) -> frozenset[str]:
        return self._visibility.export_to(rule, DESTINATION_RULE)

    def dropped(self, host: str, rules: Sequence[Resource]) -> list[Dropped]:
        """The parts of the rules of a host that no client, or not every client they are meant for, gets."""
        if len(rules) < 2:
            return []
        groups: dict[tuple[str, Selector], list[_Rule]] = defaultdict(list)
        for resource in rules:
            rule = self._read[id(resource)]
            groups[resource.namespace, rule.selector].append(rule)
        found: list[Dropped] = []
        for (namespace, selector), group in groups.items():
            if len(group) > 1:
                order = [self._read[id(rule)] for rule in possible_sequences([rule.resource for rule in group])[0]]
                found += self._dropped_of(order) if self._by_export else self._dropped_of_all(order)
            if selector and self._by_export:
                found += _swallowed(groups.get((namespace, ()), ()), group[0])
        return found

    def _dropped_of(self, order: Sequence[_Rule]) -> list[Dropped]:
        """Ties are reported at every rule but the first by name."""
        certain = decided([rule.resource for rule in order])
        found: list[Dropped] = []
        for index, later in enumerate(order):
            for earlier in order[:index]:
                if not self._meet(earlier.resource, later.resource):
                    continue
                if earlier.written == later.written or _widens(earlier, later):
                    found += _dropped_in_merge(earlier, later, certain)
                    found += _narrowed(earlier, later, certain)
                else:
                    loser, winner = (earlier, later) if certain else (later, earlier)
                    found += _hidden(loser, winner, certain)
        return _united(found)

    def _dropped_of_all(self, order: Sequence[_Rule]) -> list[Dropped]:
        """Up to 1.23, where rules merge whatever their exportTo, and one exportTo counts for all that are exported."""
        certain = decided([rule.resource for rule in order])
        found: list[Dropped] = []
        for index, later in enumerate(order):
            for earlier in order[:index]:
                if self._meet(earlier.resource, later.resource):
                    found += _dropped_in_merge(earlier, later, certain)
        shared = [rule for rule in order if self._exports(rule.resource) != {rule.resource.namespace}]
        decides = next((rule for rule in shared if rule.written), None)
        if decides is None or "*" in decides.written:
            return _united(found)
        why = "before Istio 1.24 one exportTo counts for all rules of a host: namespaces that only this one names get none"
        for rule in shared:
            if self._exports(rule.resource) - {rule.resource.namespace} - decides.written:
                found += _lost_somewhere(rule, decides, certain, why)
        return _united(found)

    def _meet(self, one: Resource, other: Resource) -> bool:
        a, b = self._exports(one), self._exports(other)
        return bool(a & b) or ("*" in a and bool(b)) or ("*" in b and bool(a))


def _shown(entry: Merged, client: str) -> bool:
    """Whether an exported entry is for a namespace; `.` is not read as a name here (`getExportedDestinationRuleFromNamespace`)."""
    return not entry.export_to or "*" in entry.export_to or client in entry.export_to


def _merge(rules: Iterable[_Rule]) -> list[Merged]:
    """The entries istiod keeps for rules of one namespace and host, merged in the given order (oldest first).

    A rule joins every entry whose exportTo, as written, is equal to or a not empty part of its own, unless both have
    different selectors. It stands by itself as well if the last entry did not take it, or has a selector and fewer
    namespaces. Rules with a workloadSelector come first.
    """
    entries: list[_Entry] = []
    selecting: dict[Selector, list[_Entry]] = defaultdict(list)
    for rule in sorted(rules, key=lambda r: not r.selects):
        last = entries[-1] if entries else None
        apart = last is None or not last.takes(rule)
        if last and not apart:
            apart = rule.selects != last.rule.selects and rule.written != last.rule.written
        for entry in selecting[rule.selector] if rule.selects else entries:
            if entry.takes(rule):
                entry.add(rule)
        if apart:
            entries.append(_Entry(rule))
            selecting[rule.selector].append(entries[-1])
    return [entry.merged() for entry in entries]


def _merge_all(rules: Iterable[_Rule]) -> list[Merged]:
    """The entries istiod kept up to 1.23: a rule joins every entry but those with another selector.

    The first exportTo that is not empty counts for all of them.
    """
    entries: dict[Selector, _Entry] = {}
    exported: frozenset[str] = frozenset()
    for rule in sorted(rules, key=lambda r: not r.selector):
        exported = exported or rule.written
        same = [entries[rule.selector]] if rule.selector in entries else []
        for entry in same if rule.selector else entries.values():
            entry.add(rule)
        if rule.selector not in entries:
            entries[rule.selector] = _Entry(rule)
    return [entry.merged()._replace(export_to=exported) for entry in entries.values()]


def policy_paths(rule: Resource) -> Iterator[Path]:
    """The traffic policies of a DestinationRule: its own, those of its subsets, and what each has for single ports."""
    subsets: Iterable[Path] = (("spec", "subsets", i) for i, _ in enumerate(rule.items("spec", "subsets")))
    for owner in (("spec",), *subsets):
        path: Path = (*owner, "trafficPolicy")
        yield path
        yield from ((*path, "portLevelSettings", i) for i, _ in enumerate(rule.items(*path, "portLevelSettings")))


def blocks(rule: Resource) -> tuple[str, ...]:
    """The names of the blocks of a rule's trafficPolicy."""
    return tuple(rule.mapping("spec", "trafficPolicy"))


def _dropped_in_merge(earlier: _Rule, later: _Rule, certain: bool) -> list[Dropped]:
    found = []
    if earlier.has_policy and later.has_policy:
        why = "Istio keeps the trafficPolicy of only one, the oldest, as a whole"
        found += _one_lost(later, earlier, _changed(later, earlier), _changed(earlier, later), certain, why)
    kept, lost = earlier.resource, later.resource
    defined = {name: index for name, _, index in earlier.subsets} if later.subsets else {}
    for name, _, index in later.subsets:
        if name in defined and kept.get("spec", "subsets", defined[name]) != lost.get("spec", "subsets", index):
            path: Path = ("spec", "subsets", index, "name")
            why = "Istio keeps only the oldest subset of a name"
            found.append(Dropped(lost, path, (f"subset {name}",), (kept,), certain, True, True, why))
    return found


def _changed(rule: _Rule, other: _Rule) -> tuple[str, ...]:
    """The blocks of a trafficPolicy that the other one does not have alike."""
    own, theirs = (each.resource.mapping(*_POLICY) for each in (rule, other))
    return tuple(name for name, block in own.items() if block != theirs.get(name))


def _hidden(loser: _Rule, winner: _Rule, certain: bool) -> list[Dropped]:
    why = "Istio does not merge rules with a different exportTo (unset is not '*'): a client gets only the newest"
    return _one_lost(loser, winner, _says(loser), _says(winner), certain, why)


def _one_lost(
    loser: _Rule, winner: _Rule, lost: tuple[str, ...], spared: tuple[str, ...], certain: bool, why: str
) -> list[Dropped]:
    """What one of two rules loses; where only creation times decide, the winner may lose what it says instead."""
    if certain:
        return [Dropped(loser.resource, _place(loser), lost, (winner.resource,), True, True, True, why)]
    if not lost:
        loser, winner = winner, loser
    either = tuple(dict.fromkeys((*lost, *spared)))
    inevitable = bool(lost and spared)
    return [Dropped(loser.resource, _place(loser), either, (winner.resource,), False, inevitable, True, why)]


def _lost_somewhere(rule: _Rule, winner: _Rule, certain: bool, why: str) -> list[Dropped]:
    """All that a rule says, to some of the clients that it is for."""
    lost = _says(rule)
    return (
        [Dropped(rule.resource, _place(rule), lost, (winner.resource,), certain, certain, False, why)] if lost else []
    )


def _says(rule: _Rule) -> tuple[str, ...]:
    """All that a rule says: the blocks of its trafficPolicy, and its subsets."""
    return (*blocks(rule.resource), *(f"subset {name}" for name, _, _ in rule.subsets))


def _place(rule: _Rule) -> Path:
    return _POLICY if rule.has_policy else ("spec", "subsets")


def _narrowed(earlier: _Rule, later: _Rule, certain: bool) -> list[Dropped]:
    """A wider rule is not kept by itself, unless the narrower one is private to its namespace (run: see FINDINGS §1)."""
    if not _widens(earlier, later) or earlier.written == {"."}:
        return []
    why = "Istio merges the wider one into the narrower and keeps it nowhere else: namespaces that only it names get neither"
    return _lost_somewhere(later, earlier, certain, why)


def _swallowed(plain: Sequence[_Rule], selecting: _Rule) -> list[Dropped]:
    """A private rule for everybody is merged into one for some workloads, and is lost for the others."""
    why = "Istio merges a private rule into one that has a workloadSelector: workloads that it does not select get neither"
    private = [rule for rule in plain if rule.written == {"."}]
    return [dropped for rule in private for dropped in _lost_somewhere(rule, selecting, True, why)]


def _united(found: list[Dropped]) -> list[Dropped]:
    """One entry per place where something is lost; `kept` lists every rule it loses to, or may."""
    by_place: dict[tuple[int, Path], list[Dropped]] = defaultdict(list)
    for entry in found:
        by_place[id(entry.resource), entry.path].append(entry)
    return [entry for entry in map(_together, by_place.values()) if entry.lost]


def _together(losses: Sequence[Dropped]) -> Dropped:
    """What is lost to several rules: to the first of them, where it is certain which that is."""
    first = losses[0]
    return first._replace(
        lost=first.lost if first.certain else tuple(dict.fromkeys(name for one in losses for name in one.lost)),
        kept=tuple(rule for one in losses for rule in one.kept),
        inevitable=any(one.inevitable for one in losses),
        everywhere=any(one.everywhere for one in losses),
    )


def most_specific(host: str, candidates: Mapping[str, Any]) -> str | None:
    """The exact host, else the longest wildcard that covers it (`MostSpecificHostMatch`)."""
    if host in candidates:
        return host
    wildcards = [name for name in candidates if name.startswith("*") and subset_of(host, name)]
    return min(wildcards, key=more_specific, default=None)


def _by_selector(entries: Iterable[Merged]) -> Mapping[Selector, list[Merged]]:
    found: dict[Selector, list[Merged]] = defaultdict(list)
    for entry in entries:
        found[entry.selector].append(entry)
    return found


def _read(resource: Resource, host: str) -> _Rule:
    selector = tuple(sorted(required(resource.get("spec", "workloadSelector", "matchLabels")).items()))
    selects = _selects(resource)
    written = frozenset({"."} if selects else (n for n in resource.items("spec", "exportTo") if isinstance(n, str)))
    entries = enumerate(resource.items("spec", "subsets"))
    subsets = tuple(
        (s["name"], resource, i) for i, s in entries if isinstance(s, dict) and isinstance(s.get("name"), str)
    )
    return _Rule(resource, host, written, selects, selector, isinstance(resource.get(*_POLICY), dict), subsets)


def _selects(rule: Resource) -> bool:
    return rule.get("spec", "workloadSelector") is not None


def _widens(earlier: _Rule, later: _Rule) -> bool:
    return bool(earlier.written) and earlier.written < later.written
