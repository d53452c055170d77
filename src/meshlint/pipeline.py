"""The whole flow: paths, documents, resources, variants, meshes, findings, report."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from .config import Config
from .config.scope import Group, Idle, Scope, groups, idle, wanted
from .finding import Audience, Confidence, Finding
from .mesh.mesh import Mesh
from .report.accepted import Entry
from .report.report import Report, Summary, hidden_hint
from .report.suppress import sift
from .resource.inventory import Inventory, supplied
from .resource.kinds import is_mesh_resource
from .resource.kustomizations import Kustomizations
from .resource.objects import resources, unwrapped
from .resource.resource import Resource
from .resource.variants import split
from .rule import catalog
from .rule.judge import configured, judge
from .rule.rule import Rule
from .source import files, yaml
from .source.document import Document, Failure, SourceFile
from .source.suppression import Comment, comments

Progress = Callable[[Sequence[SourceFile]], Iterable[SourceFile]]
"""Passes files on one by one and shows how far it is."""


class Thresholds(NamedTuple):
    """Which findings are shown."""

    audience: Audience = Audience.REGULAR
    confidence: Confidence = Confidence.MEDIUM

    def show(self, finding: Finding) -> bool:
        return finding.audience <= self.audience and finding.confidence >= self.confidence


class Part(NamedTuple):
    """What one file of an input holds."""

    file: SourceFile
    loaded: yaml.Loaded
    comments: tuple[Comment, ...]


class Input(NamedTuple):
    """What is linted: one mesh per variant, and what there was to read.

    `configured` are the meshes of the configuration that something was read for; `covered`: the run reads all that the
    configuration is for. `unreadable` files are no parts; `patches` are parts that kustomizations apply to objects, and which
    are none themselves.
    """

    meshes: tuple[Mesh, ...]
    variants: tuple[str, ...]
    configured: tuple[str, ...]
    covered: bool
    resources: tuple[Resource, ...]
    parts: tuple[Part, ...]
    patches: frozenset[str]
    ignored: int
    unreadable: tuple[Failure, ...]
    failures: tuple[Failure, ...]

    @property
    def files(self) -> tuple[SourceFile, ...]:
        return tuple(part.file for part in self.parts)

    @property
    def comments(self) -> Iterator[Comment]:
        return (comment for part in self.parts if part.file.name not in self.patches for comment in part.comments)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing of a mesh in it."""
        return not any(is_mesh_resource(resource.group_kind) for resource in self.resources)


def read(
    paths: Sequence[str],
    config: Config,
    *,
    namespace: str | None = None,
    stdin: Callable[[], str] = str,
    progress: Progress = iter,
) -> Input:
    """Everything below the paths as meshes. Raises files.NoSuchPath and yaml.LibyamlMissing."""
    reading = files.read(paths, stdin)
    covered = config.folder is not None and config.mesh is None and files.covers(paths, config.folder)
    parts = [_part(file) for file in progress(wanted(config, reading.files))]
    failures = [failure for failure in reading.failures if wanted(config, [SourceFile(failure.file, "", failure.file)])]
    return _input(parts, failures, config, namespace, covered)


def edited(given: Input, texts: Mapping[str, str], config: Config, namespace: str | None = None) -> Input:
    """An input with other texts of some files, by name; the others are not read again."""
    parts = [
        _part(part.file._replace(text=texts[part.file.name])) if part.file.name in texts else part
        for part in given.parts
    ]
    return _input(parts, given.unreadable, config, namespace, given.covered)


def earlier(
    given: Input,
    before: Sequence[SourceFile],
    reduced: Collection[str],
    config: Config,
    *,
    namespace: str | None = None,
) -> Input:
    """An input with some files as they were before; of those that are still there `reduced` are the paths."""
    parts = [*(part for part in given.parts if part.file.path not in reduced), *map(_part, wanted(config, before))]
    return _input(sorted(parts, key=lambda part: part.file.name), given.unreadable, config, namespace, covered=False)


def _part(file: SourceFile) -> Part:
    loaded = yaml.load(file)
    return Part(file, loaded, tuple(comments(file, loaded.documents)))


def _input(
    parts: Sequence[Part], unreadable: Sequence[Failure], config: Config, namespace: str | None, covered: bool
) -> Input:
    files = [part.file for part in parts]
    kustomizations = Kustomizations(namespace, files)
    patches = frozenset(file.name for file in files if kustomizations.is_patch(file))
    whole = (part for part in parts if part.file.name not in patches)
    documents = [one for part in whole for document in part.loaded.documents for one in unwrapped(document)]
    filled = [(g, found) for g in groups(config, files) if (found := _objects(g, documents, parts, kustomizations))]
    objects = {id(resource.document): resource for _, found in reversed(filled) for resource in found}
    labelled = [one for group, found in filled for one in _variants(group, found)]
    labels, meshes = zip(*labelled, strict=True) if labelled else (("",), (Mesh(Inventory(()), config.settings),))
    failures = [*unreadable, *(failure for part in parts for failure in part.loaded.failures)]
    failures += dict.fromkeys(failure for mesh in meshes for failure in mesh.meshconfig.failures)
    return Input(
        meshes,
        labels,
        tuple(group.name for group, _ in filled if group.name),
        covered and not failures,
        tuple(objects[id(document)] for document in documents if id(document) in objects),
        tuple(parts),
        patches,
        sum(id(document) not in objects for document in documents),
        tuple(unreadable),
        tuple(failures),
    )


def _variants(group: Group, objects: Sequence[Resource]) -> Iterator[tuple[str, Mesh]]:
    """The variants of one mesh, each with its label."""
    whole = supplied(objects)
    for variant in split(objects):
        label = ": ".join(filter(None, (group.name, variant.label)))
        yield label, Mesh(Inventory(variant.resources, whole), group.settings)


def _objects(
    group: Group, documents: Iterable[Document], parts: Iterable[Part], kustomizations: Kustomizations
) -> tuple[Resource, ...]:
    """The objects of one mesh, to which kustomizations of other meshes give no namespace."""
    apart = kustomizations.directories(part.file for part in parts if part.file.name in group.others)
    inside = (document for document in documents if document.file.name in group.files)
    return resources(inside, lambda file: kustomizations.namespace(file, apart)).resources


def check(given: Input, config: Config, thresholds: Thresholds, ids: Sequence[str]) -> Report:
    """Judges an input by these rules."""
    rules, failures = catalog.rules(ids)
    loaded = [id for id in ids if id not in {failure.file for failure in failures}]
    given = given._replace(failures=(*given.failures, *catalog.failures(), *failures))
    return judged(given, config, thresholds, rules, loaded)


def judged(given: Input, config: Config, thresholds: Thresholds, rules: Sequence[Rule], ids: Sequence[str]) -> Report:
    """Judges an input by rules that are loaded; `ids` has those, too, that the engine itself carries out."""
    judgement = judge(rules, given.meshes, config)
    ran = [id for id in ids if id not in judgement.crashed]
    infos = {id: configured(info, config) for id, info in catalog.infos().items()}
    unfit = list(idle(config, given.files, [r.id for r in given.resources])) if given.covered else []
    today = datetime.now(UTC).date()
    accepted = _accepted(config, given.covered, unfit)
    sifted = sift(judgement.findings, given.comments, given.resources, infos, ran, accepted, today)
    findings = sifted.findings
    hidden = tuple(finding for finding in findings if not thresholds.show(finding))
    return Report(
        tuple(finding for finding in findings if thresholds.show(finding)),
        hidden,
        sifted.suppressed,
        judgement.superseded,
        (*given.failures, *judgement.failures),
        _summary(given, hidden, unfit),
    )


def _not_judged(given: Input) -> Iterable[str]:
    """What is read for the model's sake, and which no rule is about yet."""
    others = [r for r in given.resources if is_mesh_resource(r.group_kind) and not r.key.group.endswith("istio.io")]
    if others:
        yield f"objects of Linkerd and the Gateway API are read and not judged yet ({len(others)} of them)"


def _assumed(given: Input) -> Iterator[str]:
    """What is taken for granted, and in which meshes of a configuration, where they differ."""
    lines: dict[str, dict[str, None]] = {}
    for label, mesh in zip(given.variants, given.meshes, strict=True):
        for line in mesh.assumptions:
            lines.setdefault(line, {})[label.partition(": ")[0]] = None
    for line, names in lines.items():
        yield line if len(names) >= len(given.configured) else f"{line} in {', '.join(names)}"


def _accepted(config: Config, covered: bool, unfit: Sequence[Idle]) -> list[Entry]:
    """The suppressions of a configuration; of one with a pattern that fits nothing it is not known whether all was read."""
    scope = Scope(config.folder)
    return [
        Entry(
            given,
            {word: catalog.named(word) for word in given.rules},
            covered and not any(each.owner is given for each in unfit),
            scope,
        )
        for given in config.suppressions
    ]


def _summary(given: Input, hidden: Sequence[Finding], unfit: Sequence[Idle]) -> Summary:
    return Summary(
        files=len(given.parts),
        documents=sum(len(part.loaded.documents) for part in given.parts),
        ignored=given.ignored,
        resources=len(given.resources),
        routes=max((len(mesh.routes) for mesh in given.meshes), default=0),
        ports=max((len(mesh.ports) for mesh in given.meshes), default=0),
        variants=given.variants,
        meshes=given.configured,
        idle=tuple(f"{each.place.file}:{each.place.span.start_line}: {each.message}" for each in unfit),
        helm=tuple(part.file.name for part in given.parts if part.loaded.helm),
        patches=tuple(sorted(given.patches)),
        assumed=(*_not_judged(given), *_assumed(given)),
        hidden_hint=hidden_hint(hidden),
    )
