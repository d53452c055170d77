from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from meshlint.finding import Confidence
from meshlint.mesh.effective import Effective, Reason
from meshlint.mesh.istio.host_policies import HostPolicy, names
from meshlint.mesh.istio.xds.limits import Pool
from meshlint.mesh.istio.xds.traffic_policy import TrafficPolicy
from meshlint.mesh.mesh import Mesh
from meshlint.mesh.subjects import Host, ModelKind
from meshlint.rule.rule import Problem


def check(host: Host, mesh: Mesh, options: Mapping[str, Any]) -> Iterator[Problem]:
    inference = mesh.workloads.inference_of(host.name)
    if inference is None or inference.kind not in (ModelKind.GENERATION, ModelKind.UNKNOWN):
        return
    certain = inference.sure and inference.kind is ModelKind.GENERATION
    fields = defaultdict(list)
    for one in mesh.host_policies.of(host):
        if any(mesh.host_policies.retries(one)):
            for policy in one.policy.fitting(lambda found: found is not None and _excess(found, mesh, options)):
                field, share = _excess(policy.value, mesh, options)
                fields[field.origin].append((one, policy, field, share))
    for parts in fields.values():
        _, policy, field, share = parts[0]
        yield Problem(
            field,
            related=[*inference.because, *_routes([one for one, *_ in parts], mesh)],
            rests_on=[policy],
            confidence=None if certain else Confidence.LOW,
            missing=None if certain else "the workloads behind the host, or a label meshlint.io/inference",
            host=names([one for one, *_ in parts]),
            share=share,
        )


def _excess(policy: TrafficPolicy, mesh: Mesh, options: Mapping[str, Any]) -> tuple[Effective[Any], str] | None:
    """What admits more retries than the options do, and how many. With a budget maxRetries does nothing."""
    limits = Pool(policy, mesh.meshconfig)
    budget, most = limits.retry_budget.value, limits.max_retries
    if budget is None:
        return (most, f"up to {most.value}") if _exceeds(most, options["max-concurrent-retries"]) else None
    percent, least = budget.percent, budget.min_concurrency
    if _exceeds(percent, options["max-percent"]):
        return percent, f"up to {percent.value:g}% (and never fewer than {least.value})"
    return (least, f"always {least.value}") if _exceeds(least, options["max-min-retries"]) else None


def _exceeds(value: Effective[Any], limit: float) -> bool:
    return isinstance(value.value, int | float) and value.value > limit


def _routes(parts: list[HostPolicy], mesh: Mesh) -> Iterator[Reason]:
    for one in parts:
        for route, retries in mesh.host_policies.retries(one):
            if route:
                yield Reason(f"{route} is retried", retries.block.origin or route.location)
