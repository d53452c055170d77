"""The whole flow: paths, documents, resources, variants, meshes, findings, report."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from .config import Config
from .finding import Audience, Confidence, Finding
from .mesh.mesh import Mesh
from .report.report import Report, Summary, hidden_hint
from .report.suppress import sift
from .resource.inventory import Inventory, supplied
from .resource.kinds import is_mesh_resource
from .resource.kustomizations import Kustomizations
from .resource.objects import resources
from .resource.resource import Resource
from .resource.variants import split
from .rule import catalog
from .rule.judge import configured, judge
from .rule.rule import Rule
from .source import files, yaml
from .source.document import Failure, SourceFile
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

    `unreadable` files are no parts; `patches` are parts that kustomizations apply to objects, and which are none themselves.
    """

    meshes: tuple[Mesh, ...]
    variants: tuple[str, ...]
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
    return _input([_part(file) for file in progress(reading.files)], reading.failures, config, namespace)


def edited(given: Input, texts: Mapping[str, str], config: Config, *, namespace: str | None = None) -> Input:
    """An input with other texts of some files, by name; the others are not read again."""
    parts = [
        _part(part.file._replace(text=texts[part.file.name])) if part.file.name in texts else part
        for part in given.parts
    ]
    return _input(parts, given.unreadable, config, namespace)


def earlier(
    given: Input,
    before: Sequence[SourceFile],
    reduced: Collection[str],
    config: Config,
    *,
    namespace: str | None = None,
) -> Input:
    """An input with some files as they were before; of those that are still there `reduced` are the paths."""
    parts = [*(part for part in given.parts if part.file.path not in reduced), *map(_part, before)]
    return _input(sorted(parts, key=lambda part: part.file.name), given.unreadable, config, namespace)


def _part(file: SourceFile) -> Part:
    loaded = yaml.load(file)
    return Part(file, loaded, tuple(comments(file, loaded.documents)))


def _input(parts: Sequence[Part], unreadable: Sequence[Failure], config: Config, namespace: str | None) -> Input:
    failures = [*unreadable, *(failure for part in parts for failure in part.loaded.failures)]
    kustomizations = Kustomizations(namespace, [part.file for part in parts])
    patches = frozenset(part.file.name for part in parts if kustomizations.is_patch(part.file))
    documents = [document for part in parts if part.file.name not in patches for document in part.loaded.documents]
    objects = resources(documents, kustomizations.namespace)
    variants = split(objects.resources)
    whole = supplied(objects.resources)
    meshes = tuple(Mesh(Inventory(variant.resources, whole), config.settings) for variant in variants)
    failures += dict.fromkeys(failure for mesh in meshes for failure in mesh.meshconfig.failures)
    return Input(
        meshes,
        tuple(variant.label for variant in variants),
        objects.resources,
        tuple(parts),
        patches,
        objects.ignored,
        tuple(unreadable),
        tuple(failures),
    )


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
    sifted = sift(judgement.findings, given.comments, given.resources, infos, ran)
    findings = sifted.findings
    hidden = tuple(finding for finding in findings if not thresholds.show(finding))
    return Report(
        tuple(finding for finding in findings if thresholds.show(finding)),
        hidden,
        sifted.suppressed,
        judgement.superseded,
        (*given.failures, *judgement.failures),
        _summary(given, hidden),
    )


def _not_judged(given: Input) -> Iterable[str]:
    """What is read for the model's sake, and which no rule is about yet."""
    others = [r for r in given.resources if is_mesh_resource(r.group_kind) and not r.key.group.endswith("istio.io")]
    if others:
        yield f"objects of Linkerd and the Gateway API are read and not judged yet ({len(others)} of them)"


def _summary(given: Input, hidden: Sequence[Finding]) -> Summary:
    return Summary(
        files=len(given.parts),
        documents=sum(len(part.loaded.documents) for part in given.parts),
        ignored=given.ignored,
        resources=len(given.resources),
        routes=max((len(mesh.routes) for mesh in given.meshes), default=0),
        ports=max((len(mesh.ports) for mesh in given.meshes), default=0),
        variants=given.variants,
        helm=tuple(part.file.name for part in given.parts if part.loaded.helm),
        patches=tuple(sorted(given.patches)),
        assumed=tuple(dict.fromkeys((*_not_judged(given), *(line for m in given.meshes for line in m.assumptions)))),
        hidden_hint=hidden_hint(hidden),
    )
