"""What older istiods make of a mesh: one fact each, read from the source at the tag that a row names.

No older istiod was run: a row says the newest patch of the last minor that did it the old way and the first that does not,
with the function where they differ.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import pytest

from meshlint.mesh.effective import UNKNOWN
from meshlint.mesh.facts.facts import facts
from meshlint.mesh.istio.xds.limits import Pool
from meshlint.mesh.mesh import Mesh

from .conftest import created, mesh_of

Version = tuple[int, int]

CLIENT = """\
Namespace shop
---
Namespace bank
---
Namespace third
---
Deployment shop/web
spec:
  template:
    metadata: {labels: {app: web, sidecar.istio.io/inject: "true"}}
    spec: {containers: [{name: app, image: app}]}
---
Service shop/web
spec: {selector: {app: web}, ports: [{name: http, port: 80, targetPort: 8080}]}
"""

API = "api.example.com"


def entry(name: str, more: str = "", number: int = 80, meta: str = "", host: str = API) -> str:
    ports = f"ports: [{{number: {number}, name: http-{number}, protocol: HTTP}}]"
    head = f"---\nServiceEntry {name}{meta and ' ' + meta}\n"
    return f"{head}spec: {{hosts: ['{host}'], resolution: STATIC, {ports}{more}}}\n"


def mesh_config(text: str) -> str:
    return f"---\nConfigMap istio-system/istio\ndata:\n  mesh: |\n    {text}\n"


def seen(mesh: Mesh) -> Mapping[str, str]:
    """The services that shop/web sees, with the namespace each is of."""
    (proxy,) = mesh.istiod.proxies
    return {service.host: service.namespace for service in mesh.istiod.scope(proxy).services}


def owner(mesh: Mesh) -> str | None:
    return seen(mesh).get(API)


def clusters(mesh: Mesh) -> dict[str, tuple[str, list[str]]]:
    """Type and addresses of the clusters of shop/web, but for its own Service."""
    istiod = mesh.istiod
    (proxy,) = istiod.proxies
    found = {}
    for cluster in istiod.clusters.of(proxy, istiod.scope(proxy)):
        if cluster.service.resource.name != "web":
            ((_, groups),) = istiod.clusters.endpoints(cluster, [proxy])
            addresses = [backend.endpoint.address for group in groups for backend in group.backends]
            found[f"{cluster.service.host}|{cluster.port.number}|{cluster.subset}"] = (cluster.type, addresses)
    return found


def inbound(mesh: Mesh) -> tuple[bool, object]:
    """Whether the proxy of shop/web retries towards it, and the connections it allows."""
    (proxy,) = mesh.istiod.proxies
    port = mesh.istiod.inbound(proxy)[8080]
    return port.retried, port.limits and port.limits.pool.max_connections.value


def retries(mesh: Mesh) -> tuple[object, object]:
    """Whether hosts tried before are avoided, and the backoff, on the route to shop/web."""
    (route,) = facts("mesh", mesh)["routes"]["web.shop.svc.cluster.local:80"][0]["value"]["http"]
    return route["retries"]["other_hosts"], route["retries"]["backoff_ms"]


def rules(mesh: Mesh) -> list[str]:
    """The DestinationRules that web, bank and third get for the host of shop/web."""
    host = "web.shop.svc.cluster.local"
    found = [mesh.destination_rules.for_client(client, host).value for client in ("shop", "bank", "third")]
    return [" ".join(rule.name for rule in one.rules) if one else "" for one in found]


def limits(mesh: Mesh) -> Pool:
    """The limits of subset v1 of shop/web."""
    (proxy,) = mesh.istiod.proxies
    found = mesh.istiod.clusters.of(proxy, mesh.istiod.scope(proxy))
    return next(cluster.settings.pool for cluster in found if cluster.subset == "v1")


def budgets(mesh: Mesh) -> object:
    """The retry budget's percent of subset v1 of shop/web."""
    budget = limits(mesh).retry_budget.value
    return budget and budget.percent.value


def outbound(mesh: Mesh) -> str:
    return mesh.outbound_policy("shop").value


def rule(name: str, exported: str = "", more: str = "", day: int = 1) -> str:
    subsets = f"subsets: [{{name: {name}, labels: {{v: {name}}}}}]"
    body = ", ".join(part for part in ("host: web", exported, subsets, more) if part)
    return f"---\nDestinationRule shop/{name} {created(day)}\nspec: {{{body}}}\n"


def sidecar(fields: str) -> str:
    return f"---\nSidecar shop/default\nspec: {{{fields}}}\n"


def virtual_service(more: str) -> str:
    return (
        "---\nVirtualService shop/web\n"
        f"spec: {{hosts: [web], http: [{{route: [{{destination: {{host: web}}}}], retries: {{attempts: 2{more}}}}}]}}\n"
    )


def leading(source: str) -> str:
    """A VirtualService whose destination is the API, and a Sidecar that imports nothing else."""
    match = f"match: [{{sourceNamespace: {source}}}], " if source else ""
    return (
        "---\nVirtualService shop/api\n"
        f"spec: {{hosts: [web], http: [{{{match}route: [{{destination: {{host: {API}}}}}]}}]}}\n"
    ) + sidecar("egress: [{hosts: ['shop/*']}]")


class Row(NamedTuple):
    """A mesh, the fact that is looked at, what it is in the last old version, and what it is in the first new one.

    `lasts`: the newest version still says that.
    """

    source: str
    manifests: str
    fact: Callable[[Mesh], object]
    old: tuple[Version, object]
    new: tuple[Version, object]
    lasts: bool = True


EXTERNAL = (
    "---\nService shop/ext\nspec: {type: ExternalName, externalName: db.example.com, ports: [{port: 80, name: http}]}\n"
)
OLD, YOUNG = created(1), created(2)
TWO = entry("bank/b", meta=YOUNG) + entry("third/t", meta=OLD)
KUBERNETES = "---\nService bank/b\nspec: {ports: [{name: http, port: 80}]}\n" + entry(
    "third/t", host="b.bank.svc.cluster.local"
)
BUDGET = "trafficPolicy: {retryBudget: {percent: 30}}"
V1 = "---\nDestinationRule shop/web\nspec:\n  host: web\n  trafficPolicy: {retryBudget: %s}\n  subsets: [{name: v1, labels: {app: web}%s}]\n"
SELECTOR = "workloadSelector: {matchLabels: {app: web}}"

ROWS = {
    "an ExternalName is an alias": Row(
        "1.20.8, 1.21.6 kube/conversion.go ConvertService, ExternalNameEndpoints (ENABLE_EXTERNAL_NAME_ALIAS)",
        EXTERNAL,
        clusters,
        ((1, 20), {"ext.shop.svc.cluster.local|80|": ("STRICT_DNS", ["db.example.com"])}),
        ((1, 21), {}),
    ),
    "a Sidecar has pools for what comes in": Row(
        "1.20.8, 1.21.6 model/sidecar.go InboundConnectionPoolForPort",
        sidecar("inboundConnectionPool: {tcp: {maxConnections: 7}}"),
        lambda mesh: inbound(mesh)[1],
        ((1, 20), None),
        ((1, 21), 7),
    ),
    "idle TCP connections are closed": Row(
        "1.20.8, 1.21.6 core/cluster_traffic_policy.go applyConnectionPool",
        rule("v1", more="trafficPolicy: {connectionPool: {tcp: {idleTimeout: 5s}}}"),
        lambda mesh: limits(mesh).idle_timeout.value,
        ((1, 20), None),
        ((1, 21), 5000),
    ),
    "HTTP/2 connections have a limit of streams": Row(
        "1.20.8, 1.21.6 core/cluster_traffic_policy.go applyConnectionPool",
        rule("v1", more="trafficPolicy: {connectionPool: {http: {maxConcurrentStreams: 9}}}"),
        lambda mesh: limits(mesh).max_concurrent_streams.value,
        ((1, 20), None),
        ((1, 21), 9),
    ),
    "requests reset before they are sent are retried": Row(
        "1.23.6, 1.24.6 core/route/route.go BuildDefaultHTTPInboundRoute (ENABLE_INBOUND_RETRY_POLICY)",
        "",
        lambda mesh: inbound(mesh)[0],
        ((1, 23), False),
        ((1, 24), True),
    ),
    "hashed requests stay with their host": Row(
        "1.22.8, 1.23.6 core/route/route.go applyHTTPRouteDestination, retry.go ConvertPolicy",
        virtual_service("") + rule("web", more="trafficPolicy: {loadBalancer: {consistentHash: {useSourceIp: true}}}"),
        lambda mesh: retries(mesh)[0],
        ((1, 22), True),
        ((1, 23), False),
    ),
    "retries have a backoff and may try the same host": Row(
        "1.25.5, 1.26.8 core/route/retry/retry.go ConvertPolicy",
        virtual_service(", backoff: 1s, retryIgnorePreviousHosts: false"),
        retries,
        ((1, 25), (True, None)),
        ((1, 26), (False, 1000)),
    ),
    "rules merge by exportTo": Row(
        "1.23.6, 1.24.6 model/destination_rule.go mergeDestinationRule (ENABLE_ENHANCED_DESTINATIONRULE_MERGE)",
        rule("a") + rule("b", "exportTo: ['*']", day=2),
        rules,
        ((1, 23), ["a b", "a b", "a b"]),
        ((1, 24), ["b", "b", "b"]),
    ),
    "each rule is exported as it says": Row(
        "1.23.6, 1.24.6 model/push_context.go getExportedDestinationRuleFromNamespace",
        rule("a", "exportTo: [bank]") + rule("b", "exportTo: [third]", day=2),
        rules,
        ((1, 23), ["", "a b", ""]),
        ((1, 24), ["", "a", "b"]),
    ),
    "a rule for all does not narrow": Row(
        "1.23.6, 1.24.6 model/destination_rule.go mergeDestinationRule (p.exportTo)",
        rule("a") + rule("b", "exportTo: [bank]", day=2),
        rules,
        ((1, 23), ["a", "a b", ""]),
        ((1, 24), ["a", "b", "a"]),
    ),
    "a private rule is swallowed by one with a selector": Row(
        "1.23.6, 1.24.6 model/destination_rule.go mergeDestinationRule",
        rule("a", more=SELECTOR) + rule("b", "exportTo: ['.']", day=2),
        rules,
        ((1, 23), ["b", "", ""]),
        ((1, 24), ["", "", ""]),
    ),
    "the own namespace comes first without a Sidecar": Row(
        "1.23.6, 1.24.6 model/sidecar.go DefaultSidecarScopeForNamespace, convertToSidecarScope (PILOT_UNIFIED_SIDECAR_SCOPE)",
        entry("shop/s", meta=YOUNG) + entry("third/t", meta=OLD),
        owner,
        ((1, 23), "third"),
        ((1, 24), "shop"),
    ),
    "a Service comes before a ServiceEntry under a Sidecar": Row(
        "1.23.6, 1.24.6 model/sidecar.go selectServices",
        KUBERNETES.replace("Service bank/b", f"Service bank/b {YOUNG}").replace("third/t", f"third/t {OLD}")
        + sidecar("egress: [{hosts: ['*/*']}]"),
        lambda mesh: seen(mesh)["b.bank.svc.cluster.local"],
        ((1, 23), "third"),
        ((1, 24), "bank"),
    ),
    "rules for other namespaces lead nowhere": Row(
        "1.23.6, 1.24.6 model/sidecar.go collectImportedServices",
        entry("bank/b") + leading("bank"),
        owner,
        ((1, 23), "bank"),
        ((1, 24), None),
    ),
    "a route leads to the oldest service": Row(
        "1.29.6, 1.30.3 model/sidecar.go pickFirstVisibleNamespace, pickBestVisibleNamespace",
        TWO + leading(""),
        owner,
        ((1, 29), "bank"),
        ((1, 30), "third"),
    ),
    "a Sidecar leaves hosts out": Row(
        "1.30.3, 1.31.0-rc.0 model/sidecar.go convertIstioListenerToWrapper (excludePrefix)",
        entry("bank/b") + sidecar(f"egress: [{{hosts: ['*/*', '~bank/{API}']}}]"),
        lambda mesh: (owner(mesh), bool(mesh.service_entries.covering(API, "shop"))),
        ((1, 30), ("bank", True)),
        ((1, 31), (None, False)),
    ),
    "the mesh caps who sees ServiceEntries": Row(
        "1.30.3, 1.31.0-rc.0 model/push_context.go serviceExportTo",
        entry("bank/b") + mesh_config("serviceEntryVisibility: {applyToSidecars: true, defaultVisibility: NAMESPACE}"),
        owner,
        ((1, 30), "bank"),
        ((1, 31), None),
    ),
    "and leaves those of the own namespace": Row(
        "1.31.0-rc.0 model/push_context.go serviceExportTo",
        entry("shop/s") + mesh_config("serviceEntryVisibility: {applyToSidecars: true, defaultVisibility: NAMESPACE}"),
        owner,
        ((1, 30), "shop"),
        ((1, 31), "shop"),
    ),
    "DYNAMIC_DNS is a resolution": Row(
        "1.27.9, 1.28.10 serviceentry/conversion.go convertServices; 1.28.10 core/cluster.go buildOutboundClusters",
        entry("shop/s", host="*.example.com").replace("STATIC", "DYNAMIC_DNS"),
        clusters,
        ((1, 27), {"*.example.com|80|": ("ORIGINAL_DST", [])}),
        ((1, 28), {}),
        lasts=False,
    ),
    "DYNAMIC_DNS has clusters": Row(
        "1.29.6, 1.30.3 core/cluster.go buildOutboundClusters",
        entry("shop/s", host="*.example.com").replace("STATIC", "DYNAMIC_DNS"),
        clusters,
        ((1, 29), {}),
        ((1, 30), {"*.example.com|80|": ("envoy.clusters.dynamic_forward_proxy", [])}),
    ),
    "ALLOW_ANY_DYNAMIC_DNS is a policy": Row(
        "1.30.3, 1.31.0-rc.0 core/listener_builder.go, util.go IsAllowAnyDynamicDNSOutbound",
        mesh_config("outboundTrafficPolicy: {mode: ALLOW_ANY_DYNAMIC_DNS}"),
        outbound,
        ((1, 30), "ALLOW_ANY"),
        ((1, 31), "ALLOW_ANY_DYNAMIC_DNS"),
    ),
    "there is a retry budget": Row(
        "1.26.8, 1.27.9 core/cluster_traffic_policy.go applyRetryBudget",
        V1 % ("{percent: 30}", ""),
        budgets,
        ((1, 26), None),
        ((1, 27), 30.0),
    ),
    "a retry budget without percent, by mistake": Row(
        "1.27.9, 1.28.0, 1.28.10 core/cluster_traffic_policy.go applyRetryBudget",
        V1 % ("{minRetryConcurrency: 4}", ""),
        budgets,
        ((1, 27), 0.2),
        ((1, 28), UNKNOWN),
        lasts=False,
    ),
    "a retry budget without percent": Row(
        "1.29.0, 1.29.6, 1.30.0 core/cluster_traffic_policy.go applyRetryBudget",
        V1 % ("{minRetryConcurrency: 4}", ""),
        budgets,
        ((1, 29), UNKNOWN),
        ((1, 30), 20.0),
    ),
    "a subset with a policy keeps the retry budget": Row(
        "1.28.10, 1.29.6 networking/util/util.go MergeSubsetTrafficPolicy",
        V1 % ("{percent: 30}", ", trafficPolicy: {loadBalancer: {simple: RANDOM}}"),
        budgets,
        ((1, 28), None),
        ((1, 29), 30.0),
    ),
    "a pod may ask for a native sidecar": Row(
        "1.23.6, 1.24.6 files/injection-template.yaml $nativeSidecar",
        "---\nPod shop/one {annotations: {sidecar.istio.io/nativeSidecar: 'true'}}\nspec: {containers: [{name: app, image: app}]}\n",
        lambda mesh: [mesh.lifecycles.native(pod).value for pod in mesh.inventory.pods_in("shop") if pod.name == "one"],
        ((1, 23), [False]),
        ((1, 24), [True]),
    ),
}


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_a_fact_follows_the_version(row: Row) -> None:
    for version, expected in (row.old, row.new):
        assert row.fact(mesh_of(CLIENT + row.manifests, istio_version=version)) == expected, version
    if row.lasts:
        assert row.fact(mesh_of(CLIENT + row.manifests)) == row.new[1]


def test_why_an_unknown_policy_is_open() -> None:
    text = CLIENT + mesh_config("outboundTrafficPolicy: {mode: ALLOW_ANY_DYNAMIC_DNS}")
    policy = mesh_of(text, istio_version=(1, 30)).outbound_policy("shop")
    expected = "Istio before 1.31 does not know ALLOW_ANY_DYNAMIC_DNS, and its default is ALLOW_ANY"
    assert policy.because[-1].text == expected
    assert policy.origin and policy.origin.path[-1] == "mode"


DROPPED = {
    "what a later trafficPolicy says": (
        rule("a", more="trafficPolicy: {connectionPool: {tcp: {maxConnections: 1}}}")
        + rule("b", "exportTo: ['*']", more="trafficPolicy: {outlierDetection: {}}", day=2),
        [("b", ("outlierDetection",), "Istio keeps the trafficPolicy of only one, the oldest, as a whole")],
    ),
    "what only an older rule's exportTo leaves out": (
        rule("a", "exportTo: [bank]") + rule("b", "exportTo: [third]", day=2),
        [
            (
                "b",
                ("subset b",),
                "before Istio 1.24 one exportTo counts for all rules of a host: namespaces that only this one names get none",
            )
        ],
    ),
    "nothing, where one exportTo covers the other": (
        rule("a", "exportTo: [bank, third]") + rule("b", "exportTo: [third]", day=2),
        [],
    ),
}


@pytest.mark.parametrize("text, expected", DROPPED.values(), ids=DROPPED)
def test_what_is_lost_before_1_24(text: str, expected: list[object]) -> None:
    mesh = mesh_of(CLIENT + text, istio_version=(1, 23))
    (host,) = [host for host in mesh.hosts if host.destination_rules]
    assert [(d.resource.name, d.lost, d.why) for d in host.dropped] == expected
