"""What is true of each kind."""

from __future__ import annotations

import pytest

from meshlint.resource import kinds
from meshlint.resource.kinds import GroupKind, is_cluster_scoped, is_known, is_mesh_resource


def test_kind_is_printed_with_its_group() -> None:
    assert str(kinds.VIRTUAL_SERVICE) == "VirtualService.networking.istio.io"
    assert str(kinds.SERVICE) == "Service"


@pytest.mark.parametrize(
    ("kind", "mesh", "known", "cluster_scoped"),
    [
        (kinds.ISTIO_GATEWAY, True, True, False),
        (kinds.GroupKind("gateway.networking.k8s.io", "Gateway"), True, True, False),
        (kinds.INFERENCE_POOL_ALPHA, True, True, False),
        (GroupKind("policy.linkerd.io", "Server"), True, True, False),
        (GroupKind("gateway.networking.k8s.io", "GatewayClass"), True, True, True),
        (kinds.SERVICE, False, True, False),
        (kinds.KNATIVE_SERVICE, False, True, False),
        (kinds.DEPLOYMENT, False, True, False),
        (kinds.NAMESPACE, False, True, True),
        (kinds.CRD, False, True, True),
        (kinds.HELM_VALUES, False, True, True),
        (GroupKind("", "Secret"), False, False, False),
        (GroupKind("extensions", "Deployment"), False, False, False),
        (GroupKind("kustomize.config.k8s.io", "Kustomization"), False, False, False),
    ],
    ids=str,
)
def test_traits(kind: GroupKind, mesh: bool, known: bool, cluster_scoped: bool) -> None:
    assert (is_mesh_resource(kind), is_known(kind), is_cluster_scoped(kind)) == (mesh, known, cluster_scoped)


def test_every_owner_of_pods_is_known() -> None:
    assert [str(kind) for kind in kinds.POD_OWNERS if not is_known(kind)] == []
