"""The whole flow: paths, documents, resources, variants, meshes, findings, report."""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from .config import Config
from .finding import Audience, Confidence, Finding
from .mesh.mesh import Mesh
from .report.report import Report, Summary, hidden_hint
from .report.suppress import sift
from .resource.inventory import Inventory, supplied
from .resource.kinds import is_mesh_resource
from .resource.namespaces import Namespaces
from .resource.objects import resources
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


class Input(NamedTuple):
    """What is linted: one mesh per variant, and what there was to read."""

    meshes: tuple[Mesh, ...]
    variants: tuple[str, ...]
    resources: tuple[Resource, ...]
    files: tuple[SourceFile, ...]
    documents: int
    ignored: int
    comments: tuple[Comment, ...]
    helm: tuple[str, ...]
    failures: tuple[Failure, ...]

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
    documents: list[Document] = []
    found: list[Comment] = []
    helm: list[str] = []
    failures = list(reading.failures)
    for file in progress(reading.files):
        loaded = yaml.load(file)
        documents += loaded.documents
        failures += loaded.failures
        found += comments(file, loaded.documents)
        helm += [file.name] if loaded.helm else []
    objects = resources(documents, Namespaces(namespace, reading.files).of)
    variants = split(objects.resources)
    whole = supplied(objects.resources)
    meshes = tuple(Mesh(Inventory(variant.resources, whole), config.settings) for variant in variants)
    failures += dict.fromkeys(failure for mesh in meshes for failure in mesh.meshconfig.failures)
    return Input(
        meshes,
        tuple(variant.label for variant in variants),
        objects.resources,
        reading.files,
        len(documents),
        objects.ignored,
        tuple(found),
        tuple(helm),
        tuple(failures),
    )


def check(given: Input, config: Config, thresholds: Thresholds, ids: Sequence[str]) -> Report:
    """Judges an input by these rules of meshlint."""
    rules, failures = catalog.rules(ids)
    loaded = [id for id in ids if id not in {failure.file for failure in failures}]
    return judged(given._replace(failures=(*given.failures, *failures)), config, thresholds, rules, loaded)


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
        files=len(given.files),
        documents=given.documents,
        ignored=given.ignored,
        resources=len(given.resources),
        routes=max((len(mesh.routes) for mesh in given.meshes), default=0),
        ports=max((len(mesh.ports) for mesh in given.meshes), default=0),
        variants=given.variants,
        helm=given.helm,
        assumed=tuple(dict.fromkeys((*_not_judged(given), *(line for m in given.meshes for line in m.assumptions)))),
        hidden_hint=hidden_hint(hidden),
    )
