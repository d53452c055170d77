"""Puts the subjects of a mesh before the rules, and makes findings of what the checks say."""

import os.path
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ..config import Config
from ..finding import Confidence, Finding, Related, ResourceId, RuleInfo, Site
from ..mesh.effective import Basis, Effective, Reason
from ..mesh.mesh import Mesh
from ..mesh.subjects import Egress, Host, Port, Route, WantedHost, Workload
from ..resource.kinds import GroupKind
from ..resource.resource import Resource
from ..source.change import Change
from ..source.document import Failure, Location, Path, Span
from .rule import Evidence, Problem, Rule

LISTED = 8
"""How many of the values that a grouped finding gathers its message lists."""


class Judgement(NamedTuple):
    """What the rules say of a mesh.

    `superseded` are findings that another one about the same origin makes needless; `crashed` the ids of rules that failed
    on some subject.
    """

    findings: tuple[Finding, ...]
    superseded: tuple[Finding, ...]
    failures: tuple[Failure, ...]
    crashed: frozenset[str]


class Member(NamedTuple):
    """One problem of one subject: what findings are grouped from."""

    info: RuleInfo
    subject: Any
    problem: Problem
    location: Location
    confidence: Confidence


def judge(rules: Sequence[Rule], meshes: Sequence[Mesh], config: Config) -> Judgement:
    """The findings of all variants of one input together; findings of one rule at one place are one finding."""
    members: list[Member] = []
    failures: dict[str, Failure] = {}
    for rule in rules:
        found, failure = _members(rule, meshes, config)
        members += found
        if failure:
            failures[rule.info.id] = failure
    lost = _superseded(members)
    owners = {id(r.document): r.id for mesh in meshes for r in mesh.inventory.resources}
    findings = _grouped([m for m in members if id(m) not in lost], owners)
    superseded = _grouped([m for m in members if id(m) in lost], owners)
    return Judgement(findings, superseded, tuple(failures.values()), frozenset(failures))


def _members(rule: Rule, meshes: Sequence[Mesh], config: Config) -> tuple[list[Member], Failure | None]:
    """A check that fails on a subject is a failure of its rule; its other subjects are still judged."""
    info = configured(rule.info, config)
    options = _options(rule.info, config)
    found: list[Member] = []
    failure: Failure | None = None
    for mesh in meshes:
        given: dict[str, Any] = {"mesh": mesh, "options": options}
        arguments = {name: given[name] for name in rule.wants}
        for subject in _subjects(rule, mesh):
            try:
                found += [_member(info, subject, p, mesh) for p in rule.check(subject, **arguments)]
            except Exception as error:
                failure = failure or _crash(rule, subject, error)
    return found, failure


def _subjects(rule: Rule, mesh: Mesh) -> Iterable[Any]:
    questions: dict[type, Callable[[], Iterable[Any]]] = {
        Port: lambda: mesh.ports,
        Route: lambda: mesh.routes,
        Host: lambda: mesh.hosts,
        Egress: lambda: mesh.egress,
        WantedHost: lambda: mesh.wanted_hosts,
        Workload: lambda: mesh.workloads.all,
        Resource: lambda: _resources(rule.info.kinds, mesh),
        Mesh: lambda: (mesh,),
    }
    return questions[rule.subject]()


def _resources(kinds: Sequence[str], mesh: Mesh) -> Iterable[Resource]:
    if not kinds:
        return mesh.inventory.resources
    named = [kind.partition(".") for kind in kinds]
    return [r for kind, _, group in named for r in mesh.inventory.all(GroupKind(group, kind))]


def configured(info: RuleInfo, config: Config) -> RuleInfo:
    """A rule with the severity that the project gives it."""
    given = config.rules.get(info.id)
    return info._replace(severity=given.severity) if given and given.severity else info


def _options(info: RuleInfo, config: Config) -> Mapping[str, Any]:
    defaults = {name: option["default"] for name, option in info.options.items()}
    given = config.rules.get(info.id)
    return {**defaults, **given.options} if given else defaults


def _member(info: RuleInfo, subject: Any, problem: Problem, mesh: Mesh) -> Member:
    location = problem.at if isinstance(problem.at, Location) else problem.at.origin
    if location is None:
        raise ValueError(f"nothing in the input decides {problem.at.value}: the check must name a place")
    if problem.fix and not info.fix:
        raise ValueError("the check has a fix that rule.yaml does not describe")
    grounds = [*_bases(problem.at), *(b for ground in problem.rests_on for b in _bases(ground))]
    lowest = min((_weight(basis, mesh) for basis in grounds), default=Confidence.HIGH)
    confidence = min(info.confidence, lowest, problem.confidence or Confidence.HIGH)
    return Member(info, subject, problem, location, confidence)


def _bases(ground: Evidence) -> Iterator[Basis]:
    if not isinstance(ground, Location):
        yield ground.basis


def _weight(basis: Basis, mesh: Mesh) -> Confidence:
    """What nothing in the input says is certain when the input is the whole mesh."""
    return Confidence.HIGH if basis is Basis.DEFAULT and mesh.settings.closed else basis.confidence


def _crash(rule: Rule, subject: Any, error: Exception) -> Failure:
    import traceback

    info = rule.info
    frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename.startswith(info.folder)]
    where = f"{info.plugin or 'rules'}/{info.category}/{os.path.basename(info.folder)}/check.py"
    report = f"please report it to the authors of {info.plugin}" if info.plugin else "please report it"
    message = f"rule {info.id} failed on {subject}: {type(error).__name__}: {error}; every other rule was run; {report}"
    return Failure("rule", where, frames[-1].lineno if frames else None, message)


# ---- supersedes ------------------------------------------------------------------------------------------------------


def _superseded(members: Sequence[Member]) -> set[int]:
    """The ids of members that a member of a superseding rule makes needless (term `same origin`)."""
    near: dict[tuple[str, int], list[Member]] = defaultdict(list)
    for member in members:
        near[member.info.id, id(member.location.document)].append(member)
        near[member.info.id, id(member.subject)].append(member)
    lost: set[int] = set()
    for louder in members:
        for rule in louder.info.supersedes:
            for place in (louder.location.document, louder.subject):
                lost |= {id(m) for m in near.get((rule, id(place)), ()) if _same_origin(louder, m)}
    return lost


def _same_origin(one: Member, other: Member) -> bool:
    if one.subject is other.subject and not isinstance(one.subject, Resource):
        return True
    if one.location.document is not other.location.document:
        return False
    shorter, longer = sorted((one.location.found, other.location.found), key=len)
    return longer[: len(shorter)] == shorter


# ---- grouping --------------------------------------------------------------------------------------------------------


def _grouped(members: Iterable[Member], owners: Mapping[int, ResourceId]) -> tuple[Finding, ...]:
    groups: dict[tuple[Any, ...], list[Member]] = defaultdict(list)
    for member in members:
        cause = member.problem.cause
        place = ("cause", cause) if cause else (id(member.location.document), member.location.found)
        groups[member.info.id, *place].append(member)
    findings = [_finding(sorted(group, key=lambda m: _standing(m, owners)), owners) for group in groups.values()]
    return tuple(sorted(findings, key=lambda f: (f.location.order(), f.rule.id, f.message)))


def _standing(member: Member, owners: Mapping[int, ResourceId]) -> tuple[bool, tuple[str, Span]]:
    """Sorts first where a grouped finding stands: a Namespace before what is in it, then by place."""
    owner = owners.get(id(member.location.document))
    return (owner is None or owner.kind != "Namespace", member.location.order())


def _finding(members: Sequence[Member], owners: Mapping[int, ResourceId]) -> Finding:
    first = members[0]
    info, problem = first.info, first.problem
    sites = _sites(members, owners)
    related: dict[Related, None] = {}
    notes: dict[str, None] = {}
    told: set[int] = set()
    for member in members:
        for text, where in _evidence(member, told):
            if where is None:
                notes[text] = None
            else:
                related[Related(text or str(owners.get(id(where.document), "")), where)] = None
    return Finding(
        info,
        max(min(info.severity, m.problem.severity or info.severity) for m in members),
        max(m.confidence for m in members),
        max(info.audience, min(m.problem.audience or info.audience for m in members)),
        info.message.format_map(_values(members)),
        first.location,
        owners.get(id(first.location.document)),
        tuple(related),
        tuple(notes),
        next((m.problem.missing for m in members if m.problem.missing), None),
        problem.cause or "",
        _changes(members),
        about=sites[0].about,
        others=sites[1:],
    )


def _sites(members: Sequence[Member], owners: Mapping[int, ResourceId]) -> tuple[Site, ...]:
    """Where members stand, each place once for all that it is about."""
    sites: dict[tuple[int, Path, ResourceId | None], Site] = {}
    for member in members:
        place = member.location
        site = Site(owners.get(id(place.document)), place, _about(member))
        sites.setdefault((id(place.document), place.found, site.about), site)
    return tuple(sites.values())


def _about(member: Member) -> ResourceId | None:
    """What a default decides for a namespace or the mesh, which have no place of their own."""
    if not member.problem.cause:
        return None
    if isinstance(member.subject, Egress):
        return ResourceId("v1", "Namespace", "", member.subject.namespace)
    return ResourceId("", "", "", "") if isinstance(member.subject, Mesh) else None


def _changes(members: Sequence[Member]) -> tuple[Change, ...]:
    """The changes of all members, each once; none where one of them has none."""
    if not all(member.problem.fix for member in members):
        return ()
    changes = [change for member in members for change in member.problem.fix]
    return tuple({(type(c), id(c.location.document), c.location.path, repr(c[1:])): c for c in changes}.values())


def _evidence(member: Member, told: set[int]) -> Iterator[tuple[str, Location | None]]:
    """The reasons of a member but the place it points at: of the value itself, of what else it rests on, and its own.

    `told` are the ids of what members before it told as a whole.
    """
    problem = member.problem
    grounds: list[Evidence] = [problem.at] if isinstance(problem.at, Effective) else []
    for ground in (*grounds, *problem.related):
        if id(ground) not in told:
            reasons = list(_reasons(ground))
            others = [(text, where) for text, where in reasons if where != member.location]
            yield from others
            if len(others) == len(reasons):
                told.add(id(ground))
    for ground in problem.rests_on:
        for reason in ground.because if isinstance(ground, Effective) else (ground,):
            if reason.basis is not Basis.DECLARED:
                yield reason.text, reason.location


def _reasons(ground: Evidence) -> Iterator[tuple[str, Location | None]]:
    if isinstance(ground, Location):
        yield "", ground
    elif isinstance(ground, Reason):
        yield ground.text, ground.location
    else:
        for reason in ground.because:
            yield reason.text, reason.location


def _values(members: Sequence[Member]) -> Mapping[str, str]:
    """The values of a message: what differs between the members is listed."""
    names = dict.fromkeys(name for member in members for name in member.problem.values)
    return {name: _listed([m.problem.values.get(name) for m in members]) for name in names}


def _listed(values: Sequence[Any]) -> str:
    """Values and what plain lists and tuples of them hold, each once, in the order given."""
    words: dict[str, None] = {}
    for value in values:
        for item in value if type(value) in (tuple, list) else (value,):
            if item not in (None, ""):
                words[str(item)] = None
    texts = list(words)
    if len(texts) > LISTED:
        return f"{', '.join(texts[: LISTED - 1])} and {len(texts) - LISTED + 1} more"
    return " and ".join(filter(None, [", ".join(texts[:-1]), *texts[-1:]]))
