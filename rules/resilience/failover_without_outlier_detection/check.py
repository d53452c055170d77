from collections import defaultdict
from collections.abc import Iterator

from meshlint.mesh.istio.host_policies import HostPolicy, names
from meshlint.mesh.istio.xds.traffic_policy import Block, TrafficPolicy
from meshlint.mesh.mesh import Mesh
from meshlint.mesh.subjects import Host
from meshlint.rule.rule import Problem
from meshlint.source.change import Put

DETECTION = {"consecutive5xxErrors": 5, "interval": "10s", "baseEjectionTime": "30s"}


def check(host: Host, mesh: Mesh) -> Iterator[Problem]:
    """One problem per failover that no winner of a tie lets start."""
    stuck = defaultdict(list)
    for one in mesh.host_policies.of(host):
        found = [(policy.value, _stuck(one, policy.value, mesh)) for policy in one.policy.outcomes]
        for policy, setting in found if all(setting for _, setting in found) else ():
            stuck[setting.location].append((one, policy, setting))
    for parts in stuck.values():
        _, policy, setting = parts[0]
        moves = setting.get("failover") or []
        yield Problem(
            setting.at("failover" if moves else "failoverPriority"),
            related=[policy.outlier_detection],
            fix=[Put(policy.load_balancer.value.beside("outlierDetection"), DETECTION)],
            host=names([one for one, _, _ in parts]),
            how=[f"from {move.get('from')} to {move.get('to')}" for move in moves]
            or f"by {' and '.join(setting.get('failoverPriority'))}",
        )


def _stuck(one: HostPolicy, policy: TrafficPolicy | None, mesh: Mesh) -> Block | None:
    """The failover that a DestinationRule configures under a policy that detects no outliers."""
    undetected = policy is not None and policy.outlier_detection.value is None
    return mesh.host_policies.failover(one, policy) if undetected else None
