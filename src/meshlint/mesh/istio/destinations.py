"""Which DestinationRule settings a client gets for a host (semantics §1.7, §3.1).

Mirrors `pilot/pkg/model/push_context.go setDestinationRules` and `destinationRule`, and
`destination_rule.go mergeDestinationRule`.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ...resource.inventory import Inventory
from ...resource.kinds import DESTINATION_RULE, SERVICE_ENTRY
from ...resource.match import more_specific, resolve, split_service_host, subset_of
from ...resource.resource import Resource, required
from ...source.document import Path
from ..effective import Effective, Reason
from ..subjects import Dropped
from .meshconfig import MeshConfig
from .order import creation, decided, one_of, possible_sequences, sequence
from .visibility import Visibility

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
    selector: tuple[tuple[str, str], ...]

    @property
    def selects(self) -> bool:
        """Whether it is for some workloads only."""
        return self.rules[0].get("spec", "workloadSelector") is not None

    @property
    def labels(self) -> Mapping[str, str]:
        """What its workloadSelector requires."""
        return dict(self.selector)

    def subset(self, name: str) -> tuple[Resource, Path] | None:
        """The rule that defines a subset, and where in it; None = there is no such subset."""
        return next(((rule, ("spec", "subsets", i)) for known, rule, i in self.subsets if known == name), None)

    def add(self, rule: Resource) -> "Merged":
        known = {name for name, _, _ in self.subsets}
        fresh = tuple(s for s in _subsets(rule) if s[0] not in known)
        policy = self.policy or (rule if _has_policy(rule) else None)
        return self._replace(rules=(*self.rules, rule), policy=policy, subsets=(*self.subsets, *fresh))


class _Pool:
    """Rules by namespace and resolved host."""

    def __init__(self) -> None:
        self.by_namespace: dict[str, dict[str, list[Resource]]] = defaultdict(lambda: defaultdict(list))
        self._wildcards: dict[str, dict[str, list[Resource]]] = defaultdict(dict)

    def add(self, namespace: str, host: str, rule: Resource) -> None:
        rules = self.by_namespace[namespace][host]
        rules.append(rule)
        if host.startswith("*"):
            self._wildcards[namespace][host] = rules

    def most_specific(self, namespace: str, host: str) -> list[Resource]:
        """The rules of a namespace for the most specific host that covers one; only wildcards are looked through."""
        exact = self.by_namespace.get(namespace, {}).get(host)
        if exact:
            return exact
        wildcards = self._wildcards.get(namespace, {})
        found = most_specific(host, wildcards)
        return wildcards[found] if found else []


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
        self._merge = merge if self._by_export else merge_all
        self._domain = domain
        self._rules, self._local, self._exported, self._private = _Pool(), _Pool(), _Pool(), _Pool()
        for rule in inventory.all(DESTINATION_RULE):
            host = rule.get("spec", "host")
            if isinstance(host, str) and host:
                self._sort_in(rule, resolve(host, rule.namespace, domain))
        self._merged: dict[int, Sequence[Merged]] = {}
        self._named = self.hosts()
        self._wildcards = [host for host in self._named if host.startswith("*")]
        self._entries = {
            host.lower(): entry.namespace
            for entry in reversed(sequence(inventory.all(SERVICE_ENTRY)))
            for host in entry.items("spec", "hosts")
            if isinstance(host, str)
        }

    def _sort_in(self, rule: Resource, host: str) -> None:
        """As istiod keeps them: what its own namespace may use, what others may, and what is private (`setDestinationRules`)."""
        written, own = _written(rule), {".", rule.namespace}
        self._rules.add(rule.namespace, host, rule)
        if not written or "*" in written or written & own:
            self._local.add(rule.namespace, host, rule)
        by_default = not written and rule.namespace in self._exports(rule)
        private = by_default or (len(written) == 1 and written <= own)
        (self._private if private else self._exported).add(rule.namespace, host, rule)

    def hosts(self) -> dict[str, list[Resource]]:
        """Every host that a rule names, with its rules in input order of namespaces."""
        found: dict[str, list[Resource]] = defaultdict(list)
        for by_host in self._rules.by_namespace.values():
            for host, rules in by_host.items():
                found[host] += rules
        return found

    def client_labels(self) -> set[str]:
        """The labels of clients that workloadSelectors ask for."""
        by_host = (rules for hosts in self._rules.by_namespace.values() for rules in hosts.values())
        return {label for rules in by_host for rule in rules for label, _ in _selector(rule)}

    def for_client(self, client: str, host: str) -> Effective[Merged | None]:
        """The merged rule that clients of a namespace get for a host, None = none, the candidates of a tie included."""
        hidden: Effective[Merged | None] | None = None
        for rules, step in self._steps(client, host, self.owner(host)):
            found = self._chosen(rules, client, step)
            if step.own or found.value or found.candidates:
                return found
            hidden = hidden or found
        return hidden or Effective(None, (Reason(f"no DestinationRule that clients in {client} see names {host}"),))

    def for_clients(self, client: str, host: str) -> list[Effective[Merged | None]]:
        """What clients of a namespace get for a host: those that no workloadSelector takes, and those of each one."""
        return [self.for_client(client, host), *self._for_selected(client, host)]

    def outcomes(self, host: str) -> list[Effective[Merged | None]]:
        """What clients get for a host, each distinct outcome once: clients anywhere, and those that a workloadSelector takes."""
        found: list[Effective[Merged | None]] = []
        for client in self._clients(host):
            found += self.for_clients(client, host)
        distinct: dict[object, Effective[Merged | None]] = {}
        for outcome in found:
            distinct.setdefault(tuple(one.value for one in outcome.outcomes), outcome)
        return list(distinct.values())

    def _clients(self, host: str) -> Iterable[str]:
        """A namespace for each way to look a host up: its own, those with rules for it or named by one, and any other ("")."""
        patterns = [pattern for pattern in self._wildcards if pattern != host and subset_of(host, pattern)]
        rules = [rule for name in (host, *patterns) for rule in self._named.get(name, ())]
        holders = [rule.namespace for rule in rules]
        named = [namespace for rule in rules for namespace in self._exports(rule) if namespace != "*"]
        return dict.fromkeys([*filter(None, [self.owner(host)]), *holders, *named, self._root, ""])

    def _for_selected(self, client: str, host: str) -> Iterator[Effective[Merged | None]]:
        """What workloads of a namespace get that a workloadSelector of its own rules takes."""
        steps = self._steps(client, host, None)
        rules = next((rules for rules, step in steps if step.own), [])
        for selector in dict.fromkeys(_selector(rule) for rule in rules):
            if selector:
                yield self._chosen(rules, client, _Step("for the workloads it selects", True), selector)

    def owner(self, host: str) -> str | None:
        """The namespace of a host's service, or of all that `*.NAMESPACE.svc.DOMAIN` covers; None = not known."""
        name = f"any{host[1:]}" if host.startswith("*.") else host
        service = split_service_host(name, self._domain)
        return service[1] if service else self._entries.get(host)

    def entries(self, client: str, host: str, owner: str) -> Sequence[Merged]:
        """What proxies of a namespace get for the service of a host in namespace `owner`, by age (`destinationRule`)."""
        for rules, step in self._steps(client, host, owner):
            if id(rules) not in self._merged:
                self._merged[id(rules)] = self._merge(sorted(rules, key=creation))
            found = [entry for entry in self._merged[id(rules)] if step.own or _shown(entry, client)]
            if step.own or found:
                return found
        return ()

    def _steps(self, client: str, host: str, owner: str | None) -> Iterator[tuple[list[Resource], "_Step"]]:
        """The rules of the most specific host at each place istiod looks at: the client's own namespace (in the root
        namespace only private rules), the service's namespace, the root namespace; nothing is merged across them.
        """
        own = self._private if client == self._root else self._local
        steps = [(own, client, _Step("in the client's own namespace", True))]
        steps += [(self._exported, n, _Step(f"exported from namespace {n}", False)) for n in (owner, self._root) if n]
        for pool, namespace, step in steps:
            found = pool.most_specific(namespace, host)
            if found:
                yield found, step

    def _chosen(
        self, rules: list[Resource], client: str, step: "_Step", selector: tuple[tuple[str, str], ...] = ()
    ) -> Effective[Merged | None]:
        outcomes: list[Effective[Merged | None]] = []
        for order in possible_sequences(rules):
            entries = [e for e in self._merge(order) if e.selector == selector and (step.own or _shown(e, client))]
            if not entries:
                text = f"no rule for the host {step.scope} is for {client}, and no less specific one is looked at"
                outcomes.append(Effective(None, (Reason(text, order[0].at("spec", "host")),)))
                continue
            entry = entries[-1]
            first = entry.policy or entry.rules[0]
            where = first.at("spec", "trafficPolicy") if entry.policy else first.at("spec", "host")
            names = ", ".join(rule.name for rule in entry.rules)
            outcomes.append(Effective(entry, (Reason(f"DestinationRule {names}, {step.scope}", where),)))
        return one_of(outcomes, "creation times decide which rule is merged first")

    def _exports(self, rule: Resource) -> frozenset[str]:
        return self._visibility.export_to(rule, DESTINATION_RULE)

    def dropped(self, host: str, rules: Sequence[Resource]) -> list[Dropped]:
        """The parts of the rules of a host that no client, or not every client they are meant for, gets."""
        groups: dict[tuple[str, tuple[tuple[str, str], ...]], list[Resource]] = defaultdict(list)
        for rule in rules:
            groups[rule.namespace, _selector(rule)].append(rule)
        found: list[Dropped] = []
        for (namespace, selector), group in groups.items():
            if len(group) > 1:
                found += self._dropped_of(group) if self._by_export else self._dropped_of_all(group)
            if selector and self._by_export:
                found += _swallowed(groups.get((namespace, ()), ()), group[0])
        return found

    def _dropped_of(self, rules: list[Resource]) -> list[Dropped]:
        """Ties are reported at every rule but the first by name."""
        certain = decided(rules)
        order = possible_sequences(rules)[0]
        found: list[Dropped] = []
        for index, later in enumerate(order):
            for earlier in order[:index]:
                if not self._meet(earlier, later):
                    continue
                if _written(earlier) == _written(later) or _widens(earlier, later):
                    found += _dropped_in_merge(earlier, later, certain)
                    found += _narrowed(earlier, later, certain)
                else:
                    loser, winner = (earlier, later) if certain else (later, earlier)
                    found += _hidden(loser, winner, certain)
        return _united(found)

    def _dropped_of_all(self, rules: list[Resource]) -> list[Dropped]:
        """Up to 1.23, where rules merge whatever their exportTo, and one exportTo counts for all that are exported."""
        certain = decided(rules)
        order = possible_sequences(rules)[0]
        found: list[Dropped] = []
        for index, later in enumerate(order):
            for earlier in order[:index]:
                if self._meet(earlier, later):
                    found += _dropped_in_merge(earlier, later, certain)
        shared = [rule for rule in order if self._exports(rule) != {rule.namespace}]
        decides = next((rule for rule in shared if _written(rule)), None)
        if decides is None or "*" in _written(decides):
            return _united(found)
        why = "before Istio 1.24 one exportTo counts for all rules of a host: namespaces that only this one names get none"
        for rule in shared:
            if self._exports(rule) - {rule.namespace} - _written(decides):
                found += _lost_somewhere(rule, decides, certain, why)
        return _united(found)

    def _meet(self, one: Resource, other: Resource) -> bool:
        a, b = self._exports(one), self._exports(other)
        return bool(a & b) or ("*" in a and bool(b)) or ("*" in b and bool(a))


def _shown(entry: Merged, client: str) -> bool:
    """Whether an exported entry is for a namespace; `.` is not read as a name here (`getExportedDestinationRuleFromNamespace`)."""
    return not entry.export_to or "*" in entry.export_to or client in entry.export_to


def merge(rules: Iterable[Resource]) -> list[Merged]:
    """The entries istiod keeps for rules of one namespace and host, merged in the given order (oldest first).

    A rule joins every entry whose exportTo, as written, is equal to or a not empty part of its own, unless both have
    different selectors. It stands by itself as well if the last entry did not take it, or has a selector and fewer
    namespaces. Rules with a workloadSelector come first.
    """
    entries: list[Merged] = []
    for rule in sorted(rules, key=lambda r: not _selector(r)):
        fresh = Merged((), None, (), _written(rule), _selector(rule)).add(rule)
        apart = True
        for index, entry in enumerate(entries):
            apart = not _joins(fresh, entry)
            if not apart:
                apart = fresh.selector != entry.selector and fresh.export_to != entry.export_to
                entries[index] = entry.add(rule)
        if apart:
            entries.append(fresh)
    return entries


def merge_all(rules: Iterable[Resource]) -> list[Merged]:
    """The entries istiod kept up to 1.23: a rule joins every entry but those with another selector.

    The first exportTo that is not empty counts for all of them.
    """
    entries: list[Merged] = []
    exported: frozenset[str] = frozenset()
    for rule in sorted(rules, key=lambda r: not _selector(r)):
        fresh = Merged((), None, (), _written(rule), _selector(rule)).add(rule)
        exported = exported or fresh.export_to
        apart = all(fresh.selector != entry.selector for entry in entries)
        entries = [entry.add(rule) if fresh.selector in ((), entry.selector) else entry for entry in entries]
        entries += [fresh] if apart else []
    return [entry._replace(export_to=exported) for entry in entries]


def _joins(rule: Merged, entry: Merged) -> bool:
    if rule.selector and rule.selector != entry.selector:
        return False
    return rule.export_to == entry.export_to or bool(entry.export_to and entry.export_to < rule.export_to)


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


def _dropped_in_merge(earlier: Resource, later: Resource, certain: bool) -> list[Dropped]:
    found = []
    if _has_policy(earlier) and _has_policy(later):
        why = "Istio keeps the trafficPolicy of only one, the oldest, as a whole"
        found += _one_lost(later, earlier, _changed(later, earlier), _changed(earlier, later), certain, why)
    defined = {name: (rule, index) for name, rule, index in _subsets(earlier)}
    for name, rule, index in _subsets(later):
        if name in defined and defined[name][0].get("spec", "subsets", defined[name][1]) != rule.get(
            "spec", "subsets", index
        ):
            path: Path = ("spec", "subsets", index, "name")
            why = "Istio keeps only the oldest subset of a name"
            found.append(Dropped(later, path, (f"subset {name}",), (earlier,), certain, True, True, why))
    return found


def _changed(rule: Resource, other: Resource) -> tuple[str, ...]:
    """The blocks of a trafficPolicy that the other one does not have alike."""
    return tuple(name for name in blocks(rule) if rule.get(*_POLICY, name) != other.get(*_POLICY, name))


def _hidden(loser: Resource, winner: Resource, certain: bool) -> list[Dropped]:
    why = "Istio does not merge rules with a different exportTo (unset is not '*'): a client gets only the newest"
    return _one_lost(loser, winner, _says(loser), _says(winner), certain, why)


def _one_lost(
    loser: Resource, winner: Resource, lost: tuple[str, ...], spared: tuple[str, ...], certain: bool, why: str
) -> list[Dropped]:
    """What one of two rules loses; where only creation times decide, the winner may lose what it says instead."""
    if certain:
        return [Dropped(loser, _place(loser), lost, (winner,), True, True, True, why)]
    if not lost:
        loser, winner = winner, loser
    either = tuple(dict.fromkeys((*lost, *spared)))
    inevitable = bool(lost and spared)
    return [Dropped(loser, _place(loser), either, (winner,), False, inevitable, True, why)]


def _lost_somewhere(rule: Resource, winner: Resource, certain: bool, why: str) -> list[Dropped]:
    """All that a rule says, to some of the clients that it is for."""
    lost = _says(rule)
    return [Dropped(rule, _place(rule), lost, (winner,), certain, certain, False, why)] if lost else []


def _says(rule: Resource) -> tuple[str, ...]:
    """All that a rule says: the blocks of its trafficPolicy, and its subsets."""
    return (*blocks(rule), *(f"subset {name}" for name, _, _ in _subsets(rule)))


def _place(rule: Resource) -> Path:
    return _POLICY if _has_policy(rule) else ("spec", "subsets")


def _narrowed(earlier: Resource, later: Resource, certain: bool) -> list[Dropped]:
    """A wider rule is not kept by itself, unless the narrower one is private to its namespace (run: see FINDINGS §1)."""
    if not _widens(earlier, later) or _written(earlier) == {"."}:
        return []
    why = "Istio merges the wider one into the narrower and keeps it nowhere else: namespaces that only it names get neither"
    return _lost_somewhere(later, earlier, certain, why)


def _swallowed(plain: Sequence[Resource], selecting: Resource) -> list[Dropped]:
    """A private rule for everybody is merged into one for some workloads, and is lost for the others."""
    why = "Istio merges a private rule into one that has a workloadSelector: workloads that it does not select get neither"
    private = [rule for rule in plain if _written(rule) == {"."}]
    return [dropped for rule in private for dropped in _lost_somewhere(rule, selecting, True, why)]


def _united(found: list[Dropped]) -> list[Dropped]:
    """One entry per place where something is lost; `kept` lists every rule it loses to, or may."""
    by_place: dict[tuple[int, Path], Dropped] = {}
    for entry in found:
        place = (id(entry.resource), entry.path)
        by_place[place] = _together(by_place[place], entry) if place in by_place else entry
    return [entry for entry in by_place.values() if entry.lost]


def _together(one: Dropped, other: Dropped) -> Dropped:
    """What is lost to two rules: to the first of them, where it is certain which that is."""
    return one._replace(
        lost=one.lost if one.certain else tuple(dict.fromkeys((*one.lost, *other.lost))),
        kept=(*one.kept, *other.kept),
        inevitable=one.inevitable or other.inevitable,
        everywhere=one.everywhere or other.everywhere,
    )


def most_specific(host: str, candidates: Mapping[str, Any]) -> str | None:
    """The exact host, else the longest wildcard that covers it (`MostSpecificHostMatch`)."""
    if host in candidates:
        return host
    wildcards = [name for name in candidates if name.startswith("*") and subset_of(host, name)]
    return min(wildcards, key=more_specific, default=None)


def _written(rule: Resource) -> frozenset[str]:
    """exportTo as istiod compares it: `.` is not the namespace's name; a rule with a selector always has `.`."""
    return frozenset({"."} if _selector(rule) else (n for n in rule.items("spec", "exportTo") if isinstance(n, str)))


def _widens(earlier: Resource, later: Resource) -> bool:
    narrow, wide = _written(earlier), _written(later)
    return bool(narrow) and narrow < wide


def _selector(rule: Resource) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(required(rule.get("spec", "workloadSelector", "matchLabels")).items()))


def _has_policy(rule: Resource) -> bool:
    return isinstance(rule.get(*_POLICY), dict)


def _subsets(rule: Resource) -> tuple[tuple[str, Resource, int], ...]:
    entries = enumerate(rule.items("spec", "subsets"))
    return tuple((s["name"], rule, i) for i, s in entries if isinstance(s, dict) and isinstance(s.get("name"), str))
