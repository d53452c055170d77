from collections import defaultdict
from collections.abc import Iterator

from meshlint.mesh.dimensions import Dimension, dimension, shared_by
from meshlint.mesh.istio.expressions import reads
from meshlint.mesh.istio.telemetry import CLIENT, COUNT, DURATION, SERVER, Tag
from meshlint.mesh.mesh import Mesh
from meshlint.mesh.subjects import Workload
from meshlint.rule.rule import Problem
from meshlint.source.document import Location

WITHOUT = {COUNT: "Latency", DURATION: "Request and error rate"}


def check(workload: Workload, mesh: Mesh) -> Iterator[Problem]:
    if workload.inference and workload.has_sidecar:
        yield from _one_sided(workload, mesh)
        yield from _unlabelled(workload, mesh)


def _one_sided(workload: Workload, mesh: Mesh) -> Iterator[Problem]:
    """Labels of one of the two metrics that are read together. What the Telemetry says is enough to tell."""
    found: dict[tuple[Location, str], list[Tag]] = defaultdict(list)
    for tag, metric in mesh.telemetries.one_sided(workload):
        if _dimension(tag):
            found[tag.override, metric].append(tag)
    for (override, metric), tags in found.items():
        names = " and ".join(dict.fromkeys(tag.name for tag in tags))
        yield Problem(
            override.document.at(*override.path, "match", "metric"),
            figures=WITHOUT[metric],
            workload=workload,
            dimensions=[found.value for tag in tags if (found := _dimension(tag))],
            why=f"of the two metrics only {metric} has {names}",
        )


def _unlabelled(workload: Workload, mesh: Mesh) -> Iterator[Problem]:
    """Several models or tenants behind one name, and no label that tells them apart on either side of the call."""
    arriving = {id(a.route): a.route for a in mesh.hops.arrivals(workload)}
    roots = {id(route.root): route.root for route in arriving.values()}
    beside = (other for root in roots.values() for other in mesh.siblings.of(root) if id(other) not in arriving)
    shown = shared_by(arriving.values(), workload.pod, beside)
    sides = [(workload, SERVER), *((hop, CLIENT) for hop in mesh.hops.before(workload))]
    labels = [
        tag
        for who, mode in sides
        for metric in (COUNT, DURATION)
        for tag in mesh.telemetries.tags(who, mode, metric).values()
    ]
    missing = {found: reason for found, reason in shown.items() if found not in map(_dimension, labels)}
    if missing:
        first = next(iter(missing.values()))
        yield Problem(
            mesh.telemetries.metrics_of(workload) or first.location,
            related=missing.values(),
            rests_on=[workload.in_mesh, *workload.inference.because],
            figures="Latency and error rate",
            workload=workload,
            dimensions=[found.value for found in missing],
            why="no metric label tells them apart",
        )


def _dimension(tag: Tag) -> Dimension | None:
    """What a label tells apart, by its name or by the header it is taken from."""
    return next(filter(None, (dimension(text) for text in (tag.name, *(read.text for read in reads(tag.value))))), None)
