from collections import defaultdict
from collections.abc import Iterator

from meshlint.mesh.effective import Effective
from meshlint.mesh.istio.host_policies import HostPolicy, names
from meshlint.mesh.istio.xds.traffic_policy import TrafficPolicy
from meshlint.mesh.mesh import Mesh
from meshlint.mesh.subjects import Answer, Host
from meshlint.rule.rule import Problem
from meshlint.source.change import Put


def check(host: Host, mesh: Mesh) -> Iterator[Problem]:
    """One problem per outlierDetection block."""
    blocks = defaultdict(list)
    for one in mesh.host_policies.of(host) if mesh.external.is_inside(host.name) else []:
        for policy in _preferring_near(one, mesh) if one.use is not Answer.NO and one.balanced else ():
            blocks[policy.value.outlier_detection.origin].append((one, policy))
    for parts in blocks.values():
        one, policy = parts[0]
        setting = mesh.host_policies.locality(one, policy.value)
        yield Problem(
            policy.value.outlier_detection,
            related=[setting],
            rests_on=[policy, setting],
            fix=_switched_off([policy for _, policy in parts]),
            host=names([part for part, _ in parts]),
        )


def _preferring_near(one: HostPolicy, mesh: Mesh) -> list[Effective[TrafficPolicy]]:
    return one.policy.fitting(lambda policy: policy is not None and mesh.host_policies.prefers_near(one, policy))


def _switched_off(policies: list[Effective[TrafficPolicy]]) -> list[Put]:
    """A localityLbSetting in each loadBalancer block in force, or in a new one beside the outlier detection of the rule."""
    changes = []
    for policy in policies:
        balancer, detection = policy.value.load_balancer.value, policy.value.outlier_detection.value
        field = ("localityLbSetting", "enabled")
        place = balancer.at(*field) if balancer else detection.beside("loadBalancer", *field)
        if not policy.declared or "trafficPolicy" not in place.path:
            return []
        changes.append(Put(place, False))
    return changes
