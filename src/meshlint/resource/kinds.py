"""The kinds of objects that meshlint knows by name, and what is true of each kind."""

from typing import NamedTuple


class GroupKind(NamedTuple):
    """An API group and a kind, whatever the version: `VirtualService.networking.istio.io`; the core group is ""."""

    group: str
    kind: str

    def __str__(self) -> str:
        return f"{self.kind}.{self.group}" if self.group else self.kind


VIRTUAL_SERVICE = GroupKind("networking.istio.io", "VirtualService")
DESTINATION_RULE = GroupKind("networking.istio.io", "DestinationRule")
ISTIO_GATEWAY = GroupKind("networking.istio.io", "Gateway")
SERVICE_ENTRY = GroupKind("networking.istio.io", "ServiceEntry")
WORKLOAD_ENTRY = GroupKind("networking.istio.io", "WorkloadEntry")
SIDECAR = GroupKind("networking.istio.io", "Sidecar")
ENVOY_FILTER = GroupKind("networking.istio.io", "EnvoyFilter")
PROXY_CONFIG = GroupKind("networking.istio.io", "ProxyConfig")
PEER_AUTHENTICATION = GroupKind("security.istio.io", "PeerAuthentication")
AUTHORIZATION_POLICY = GroupKind("security.istio.io", "AuthorizationPolicy")
REQUEST_AUTHENTICATION = GroupKind("security.istio.io", "RequestAuthentication")
TELEMETRY = GroupKind("telemetry.istio.io", "Telemetry")
WASM_PLUGIN = GroupKind("extensions.istio.io", "WasmPlugin")
ISTIO_OPERATOR = GroupKind("install.istio.io", "IstioOperator")

GATEWAY = GroupKind("gateway.networking.k8s.io", "Gateway")
GATEWAY_CLASS = GroupKind("gateway.networking.k8s.io", "GatewayClass")
HTTP_ROUTE = GroupKind("gateway.networking.k8s.io", "HTTPRoute")
GRPC_ROUTE = GroupKind("gateway.networking.k8s.io", "GRPCRoute")
INFERENCE_POOL = GroupKind("inference.networking.k8s.io", "InferencePool")
INFERENCE_POOL_ALPHA = GroupKind("inference.networking.x-k8s.io", "InferencePool")
INFERENCE_POOLS = (INFERENCE_POOL, INFERENCE_POOL_ALPHA)

NAMESPACE = GroupKind("", "Namespace")
NODE = GroupKind("", "Node")
SERVICE = GroupKind("", "Service")
ENDPOINT_SLICE = GroupKind("discovery.k8s.io", "EndpointSlice")
NODE = GroupKind("", "Node")
CONFIG_MAP = GroupKind("", "ConfigMap")
POD = GroupKind("", "Pod")
NETWORK_POLICY = GroupKind("networking.k8s.io", "NetworkPolicy")
INGRESS = GroupKind("networking.k8s.io", "Ingress")
VALIDATING_WEBHOOK = GroupKind("admissionregistration.k8s.io", "ValidatingWebhookConfiguration")
MUTATING_WEBHOOK = GroupKind("admissionregistration.k8s.io", "MutatingWebhookConfiguration")
API_SERVICE = GroupKind("apiregistration.k8s.io", "APIService")
CRD = GroupKind("apiextensions.k8s.io", "CustomResourceDefinition")

SERVICE_MONITOR = GroupKind("monitoring.coreos.com", "ServiceMonitor")
POD_MONITOR = GroupKind("monitoring.coreos.com", "PodMonitor")
PROMETHEUS = GroupKind("monitoring.coreos.com", "Prometheus")
HEALTH_CHECK_POLICY = GroupKind("networking.gke.io", "HealthCheckPolicy")
BACKEND_CONFIG = GroupKind("cloud.google.com", "BackendConfig")
FLAGGER_CANARY = GroupKind("flagger.app", "Canary")
HORIZONTAL_POD_AUTOSCALER = GroupKind("autoscaling", "HorizontalPodAutoscaler")
SCALED_OBJECT = GroupKind("keda.sh", "ScaledObject")

REPLICATION_CONTROLLER = GroupKind("", "ReplicationController")
DEPLOYMENT = GroupKind("apps", "Deployment")
STATEFUL_SET = GroupKind("apps", "StatefulSet")
DAEMON_SET = GroupKind("apps", "DaemonSet")
REPLICA_SET = GroupKind("apps", "ReplicaSet")
JOB = GroupKind("batch", "Job")
CRON_JOB = GroupKind("batch", "CronJob")
ROLLOUT = GroupKind("argoproj.io", "Rollout")
KNATIVE_SERVICE = GroupKind("serving.knative.dev", "Service")
INFERENCE_SERVICE = GroupKind("serving.kserve.io", "InferenceService")
LLM_INFERENCE_SERVICE = GroupKind("serving.kserve.io", "LLMInferenceService")
LEADER_WORKER_SET = GroupKind("leaderworkerset.x-k8s.io", "LeaderWorkerSet")
RAY_CLUSTER = GroupKind("ray.io", "RayCluster")
RAY_SERVICE = GroupKind("ray.io", "RayService")
RAY_JOB = GroupKind("ray.io", "RayJob")
SELDON_DEPLOYMENT = GroupKind("machinelearning.seldon.io", "SeldonDeployment")

ACCESS_REQUESTS = GroupKind("meshlint.dev", "AccessRequests")
"""Our own: calls about which `meshlint facts` is to say whether they are let through."""

HELM_VALUES = GroupKind("", "HelmValues")
"""Not a kind of Kubernetes: a values file of the istiod chart, which holds mesh settings."""

POD_OWNERS = frozenset(
    {
        POD,
        REPLICATION_CONTROLLER,
        DEPLOYMENT,
        STATEFUL_SET,
        DAEMON_SET,
        REPLICA_SET,
        JOB,
        CRON_JOB,
        ROLLOUT,
        KNATIVE_SERVICE,
        INFERENCE_SERVICE,
        LLM_INFERENCE_SERVICE,
        LEADER_WORKER_SET,
        RAY_CLUSTER,
        RAY_SERVICE,
        RAY_JOB,
        SELDON_DEPLOYMENT,
    }
)
"""Kinds that have pod templates, or are a pod."""

ISTIO_GROUPS = frozenset({"networking.istio.io", "security.istio.io", "telemetry.istio.io", "extensions.istio.io"})
"""The groups of what istiod reads."""

_MESH_GROUPS = ISTIO_GROUPS | frozenset(
    {
        "install.istio.io",
        "gateway.networking.k8s.io",
        "gateway.networking.x-k8s.io",
        "inference.networking.k8s.io",
        "inference.networking.x-k8s.io",
        "policy.linkerd.io",
        "linkerd.io",
        "multicluster.linkerd.io",
    }
)

_CLUSTER_SCOPED = frozenset(
    {
        NAMESPACE,
        NODE,
        VALIDATING_WEBHOOK,
        MUTATING_WEBHOOK,
        API_SERVICE,
        CRD,
        GATEWAY_CLASS,
        ACCESS_REQUESTS,
        HELM_VALUES,
    }
)

_AROUND_THE_MESH = POD_OWNERS | {
    NAMESPACE,
    NODE,
    SERVICE,
    ENDPOINT_SLICE,
    NODE,
    CONFIG_MAP,
    NETWORK_POLICY,
    INGRESS,
    VALIDATING_WEBHOOK,
    MUTATING_WEBHOOK,
    API_SERVICE,
    CRD,
    SERVICE_MONITOR,
    POD_MONITOR,
    PROMETHEUS,
    HEALTH_CHECK_POLICY,
    BACKEND_CONFIG,
    FLAGGER_CANARY,
    HORIZONTAL_POD_AUTOSCALER,
    SCALED_OBJECT,
    ACCESS_REQUESTS,
    HELM_VALUES,
}


def is_mesh_resource(kind: GroupKind) -> bool:
    """Whether a kind belongs to Istio, Linkerd, the Gateway API or its Inference Extension."""
    return kind.group in _MESH_GROUPS


def is_known(kind: GroupKind) -> bool:
    """Whether the model reads objects of a kind; others are passed over."""
    return is_mesh_resource(kind) or kind in _AROUND_THE_MESH


def is_cluster_scoped(kind: GroupKind) -> bool:
    """Whether objects of a kind that is known have no namespace."""
    return kind in _CLUSTER_SCOPED
