"""Writes a synthetic mesh of any size: the same seed gives the same files, and a small mesh is the start of a large one."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from string import Template

SEED = 20
SERVICES_PER_NAMESPACE = 10

TEAMS = ("shop", "billing", "search", "catalog", "identity", "delivery", "chat", "insights", "support", "ledger")
TASKS = ("api", "worker", "store", "index", "events", "cache", "quota", "audit", "mailer", "report", "sync", "feed")
MODELS = ("llama", "qwen", "mistral", "granite", "gemma")
OUTSIDE = ("api.openai.com", "huggingface.co", "api.stripe.com", "storage.googleapis.com", "hooks.slack.com")

NAMESPACE = Template("""\
apiVersion: v1
kind: Namespace
metadata:
  name: $namespace
  labels:
    istio-injection: enabled
""")

MESH_SETTINGS = """\
apiVersion: v1
kind: ConfigMap
metadata:
  name: istio
  namespace: istio-system
data:
  mesh: |-
    accessLogFile: /dev/stdout
    defaultConfig:
      holdApplicationUntilProxyStarts: true
      terminationDrainDuration: 10s
    extensionProviders:
      - name: traces
        opentelemetry: {service: collector.observability.svc.cluster.local, port: 4317}
    outboundTrafficPolicy:
      mode: REGISTRY_ONLY
"""

MESH_TELEMETRY = """\
apiVersion: telemetry.istio.io/v1
kind: Telemetry
metadata:
  name: mesh
  namespace: istio-system
spec:
  tracing:
    - providers: [{name: traces}]
      randomSamplingPercentage: 5
"""

INGRESS = """\
apiVersion: networking.istio.io/v1
kind: Gateway
metadata:
  name: ingress
  namespace: istio-system
spec:
  selector: {istio: ingress}
  servers:
    - port: {number: 443, name: https, protocol: HTTPS}
      tls: {mode: SIMPLE, credentialName: example}
      hosts: ["*/*.example.com"]
"""

INGRESS_PODS = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: ingress
  namespace: istio-system
spec:
  selector:
    matchLabels: {istio: ingress}
  template:
    metadata:
      labels: {istio: ingress}
      annotations: {inject.istio.io/templates: gateway}
    spec:
      containers:
        - {name: istio-proxy, image: auto}
"""

PEER_AUTHENTICATION = Template("""\
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata:
  name: default
  namespace: $namespace
spec:
  mtls:
    mode: $mode
""")

SIDECAR = Template("""\
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata:
  name: default
  namespace: $namespace
spec:
  egress:
    - hosts: ["./*", "istio-system/*", "$shared_namespace/*", "*/$outside"]
""")

TELEMETRY = Template("""\
apiVersion: telemetry.istio.io/v1
kind: Telemetry
metadata:
  name: labels
  namespace: $namespace
spec:
  metrics:
    - providers: [{name: prometheus}]
      overrides:
        - match: {metric: ALL_METRICS}
          tagOverrides:
            team: {value: "'$team'"}
            model: {value: "request.headers['x-model']"}
""")

NETWORK_POLICIES = Template("""\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: default
  namespace: $namespace
spec:
  podSelector: {}
  policyTypes: [Egress]
  egress:
    - ports: [{port: 53, protocol: UDP}]
    - to: [{namespaceSelector: {}}]
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: outside
  namespace: $namespace
spec:
  podSelector:
    matchLabels: {team: $team}
  policyTypes: [Egress]
  egress:
    - to: [{ipBlock: {cidr: 0.0.0.0/0}}]
      ports: [{port: 443}]
""")

EGRESS_POLICY = Template("""\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata:
  name: outside
  namespace: $namespace
spec:
  selector:
    matchLabels: {team: $team}
  rules:
    - to:
        - operation:
            hosts: ["$outside"]
""")

SERVICE_MONITOR = Template("""\
apiVersion: monitoring.coreos.com/v1
kind: ServiceMonitor
metadata:
  name: services
  namespace: $namespace
spec:
  selector:
    matchLabels: {team: $team}
  endpoints:
    - port: http-metrics
""")

OVERRIDE = Template("""\
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata:
  name: shared-$shared_name
  namespace: $namespace
spec:
  hosts:
    - $shared
  exportTo: ["."]
  http:
    - route:
        - destination: {host: $shared}
      timeout: 5s
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata:
  name: shared-$shared_name
  namespace: $namespace
spec:
  host: $shared
  exportTo: ["."]
  trafficPolicy:
    connectionPool:
      http: {http1MaxPendingRequests: 64}
""")

SERVICE_ENTRY = Template("""\
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata:
  name: $name
  namespace: $namespace
spec:
  hosts:
    - $host
  exportTo: ["."]
  location: MESH_EXTERNAL
  resolution: DNS
  ports:
    - number: 443
      name: tls
      protocol: TLS
""")

DEPLOYMENT = Template("""\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: $name
  namespace: $namespace
  labels: {app: $name, team: $team}
spec:
  replicas: $replicas
  selector:
    matchLabels:
      app: $name
  template:
    metadata:
      labels:
        app: $name
        version: v1
        team: $team
      annotations:
        prometheus.io/scrape: "true"
        prometheus.io/port: "9090"
    spec:
      serviceAccountName: $name
      containers:
        - name: main
          image: $image
          args: $arguments
          ports:
            - {name: http, containerPort: $port}
            - {name: metrics, containerPort: 9090}
          env:
            - name: LOG_LEVEL
              value: info
            - name: UPSTREAM
              value: http://$peer
          resources:
            requests: {cpu: 250m, memory: 512Mi}
            limits: {memory: 1Gi}
          readinessProbe:
            httpGet: {path: /healthz, port: http}
""")

SERVICE = Template("""\
apiVersion: v1
kind: Service
metadata:
  name: $name
  namespace: $namespace
  labels: {team: $team}
spec:
  selector:
    app: $name
  ports:
    - name: http
      port: 80
      targetPort: $port
    - name: http-metrics
      port: 9090
""")

VIRTUAL_SERVICE = Template("""\
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata:
  name: $name
  namespace: $namespace
spec:
  hosts:
    - $name
    - $name-$namespace.example.com
  gateways: [mesh, istio-system/ingress]
  http:
    - name: $route
      match:
        - uri:
            prefix: $path
          method: {exact: POST}
      timeout: $timeout$comment
      retries:
        attempts: $attempts
        perTryTimeout: $per_try
        retryOn: $retry_on
      route:
        - destination: {host: $name, subset: v1}
    - route:
        - destination:
            host: $name.$namespace.svc.cluster.local
            subset: v1
""")

DESTINATION_RULE = Template("""\
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata:
  name: $name
  namespace: $namespace
spec:
  host: $name.$namespace.svc.cluster.local
  trafficPolicy:
    connectionPool:
      tcp: {maxConnections: 200}
    loadBalancer:
      simple: LEAST_REQUEST
      localityLbSetting: $locality
    outlierDetection:
      consecutive5xxErrors: $errors
      interval: 10s
      maxEjectionPercent: $ejected
  subsets:
    - name: v1
      labels:
        version: v1
    - name: $second
      labels:
        version: $second
      trafficPolicy:
        connectionPool:
          http: {http2MaxRequests: 500}
""")

AUTOSCALER = Template("""\
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata:
  name: $name
  namespace: $namespace
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: $name}
  minReplicas: $replicas
  maxReplicas: 12
""")

INFERENCE_POOL = Template("""\
apiVersion: inference.networking.k8s.io/v1
kind: InferencePool
metadata:
  name: $name
  namespace: $namespace
spec:
  selector:
    matchLabels: {app: $name}
  targetPorts:
    - number: $port
  endpointPickerRef: {name: picker, port: {number: 9002}}
""")

AUTHORIZATION_POLICY = Template("""\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata:
  name: $name
  namespace: $namespace
spec:
  selector:
    matchLabels:
      app: $name
  action: ALLOW
  rules:
    - from:
        - source:
            principals: ["cluster.local/ns/$peer_namespace/sa/$peer_name"]
      to:
        - operation:
            methods: [GET, POST]
            paths: ["$allowed"]
    - from:
        - source: {namespaces: [monitoring]}
      to:
        - operation: {ports: ["9090"]}
""")


@dataclass(frozen=True, slots=True)
class Service:
    """Who a service is; a tenth of them serve models."""

    name: str
    namespace: str
    is_model: bool


class Generator:
    """A mesh that is written namespace after namespace; every service calls or is called by one that came before it."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)
        self._services: list[Service] = []

    def files(self) -> Iterator[tuple[str, list[str]]]:
        """Names of files and the documents in them, without end."""
        yield "istio-system/namespace.yaml", self._foundation("istio-system", "STRICT")
        yield "istio-system/mesh.yaml", [MESH_SETTINGS, MESH_TELEMETRY, INGRESS, INGRESS_PODS]
        number = 0
        while True:
            yield from self._team(number)
            number += 1

    def service(self, namespace: str, team: str, number: int) -> list[str]:
        """A Deployment, Service, VirtualService, DestinationRule and AuthorizationPolicy; seldom with a defect.

        Some are scaled, and of the models some are a pool.
        """
        service = self._named(namespace, number)
        peer = self._random.choice(self._services or [service])
        self._services.append(service)
        words = {
            "name": service.name,
            "namespace": namespace,
            "team": team,
            "replicas": self._random.randint(1, 6),
            "peer": f"{peer.name}.{peer.namespace}",
            "peer_name": peer.name,
            "peer_namespace": peer.namespace,
            "allowed": "/v1/*/items" if self._seldom() else "/v1/*",
            "locality": self._locality(),
            "errors": 1 if self._seldom() else 5,
            "ejected": 100 if self._seldom() else 50,
            "second": self._random.choice(("v2", "canary")),
            "comment": "  # meshlint: ignore[timeout-cuts-streaming-response] as agreed" if self._seldom() else "",
            **(self._model() if service.is_model else self._ordinary(service.name)),
        }
        kinds = [DEPLOYMENT, SERVICE, VIRTUAL_SERVICE, DESTINATION_RULE, AUTHORIZATION_POLICY]
        kinds += [AUTOSCALER] if self._random.random() < 0.1 else []
        kinds += [INFERENCE_POOL] if service.is_model and self._random.random() < 0.5 else []
        return [kind.substitute(words) for kind in kinds]

    def _named(self, namespace: str, number: int) -> Service:
        if self._random.random() < 0.1:
            return Service(f"vllm-{self._random.choice(MODELS)}-{number}", namespace, True)
        return Service(f"{self._random.choice(TASKS)}-{number}", namespace, False)

    def _team(self, number: int) -> Iterator[tuple[str, list[str]]]:
        team = TEAMS[number % len(TEAMS)]
        namespace = f"{team}-{number}"
        yield f"{namespace}/namespace.yaml", self._foundation(namespace, "PERMISSIVE" if self._seldom() else "STRICT")
        yield f"{namespace}/team.yaml", self._policies(namespace, team)
        for host in (f"api.{namespace}.example.net", *self._random.sample(OUTSIDE, self._random.randint(0, 2))):
            name = host.replace(".", "-")
            yield (
                f"{namespace}/egress/{name}.yaml",
                [SERVICE_ENTRY.substitute(name=name, namespace=namespace, host=host)],
            )
        for service in range(SERVICES_PER_NAMESPACE):
            documents = self.service(namespace, team, service)
            for start, end in self._cuts(len(documents)):
                yield f"{namespace}/service-{service}-{start}.yaml", documents[start:end]

    def _policies(self, namespace: str, team: str) -> list[str]:
        """What a team says of all that it has, and what it makes of a service of the first team, which everybody calls."""
        shared = self._services[0] if self._services else Service("api-0", namespace, False)
        words = {
            "namespace": namespace,
            "team": team,
            "outside": f"api.{namespace}.example.net",
            "shared": f"{shared.name}.{shared.namespace}.svc.cluster.local",
            "shared_name": shared.name,
            "shared_namespace": shared.namespace,
        }
        chances = (
            (SIDECAR, 0.5),
            (TELEMETRY, 0.3),
            (NETWORK_POLICIES, 0.5),
            (EGRESS_POLICY, 0.1),
            (SERVICE_MONITOR, 0.5),
            (OVERRIDE, 0.5 if self._services else 0),
        )
        texts = [kind.substitute(words) for kind, chance in chances if self._random.random() < chance]
        return [document for text in texts for document in text.split("---\n")]

    def _foundation(self, namespace: str, mode: str) -> list[str]:
        return [
            NAMESPACE.substitute(namespace=namespace),
            PEER_AUTHENTICATION.substitute(namespace=namespace, mode=mode),
        ]

    def _model(self) -> dict[str, object]:
        careless = self._seldom()
        return {
            "image": "vllm/vllm-openai:v0.8.4",
            "arguments": '["--served-model-name=chat", "--max-model-len=8192"]',
            "port": 8000,
            "route": "completions",
            "path": "/v1/chat/completions",
            "timeout": "15s" if careless else "600s",
            "attempts": 2 if careless else 0,
            "per_try": "5s" if careless else "300s",
            "retry_on": "5xx,reset" if careless else "connect-failure",
        }

    def _ordinary(self, name: str) -> dict[str, object]:
        return {
            "image": f"registry.example.com/{name}:1.{self._random.randint(0, 40)}.0",
            "arguments": '["--listen=:8080"]',
            "port": 8080,
            "route": "items",
            "path": "/v1/items",
            "timeout": "3s" if self._seldom() else "12s",
            "attempts": 3,
            "per_try": "2s",
            "retry_on": "gateway-error,connect-failure,refused-stream",
        }

    def _locality(self) -> str:
        """Most keep calls where they come from for a reason, or not at all."""
        chosen = self._random.random()
        if chosen < 0.7:
            return "{enabled: false}"
        return "{failover: [{from: eu-west, to: eu-north}]}" if chosen < 0.9 else "{enabled: true}"

    def _cuts(self, length: int) -> Sequence[tuple[int, int]]:
        """How many documents go in one file: all, or the workload apart from its policies, or each its own."""
        width = self._random.choice((length, 2, 1))
        return [(start, min(start + width, length)) for start in range(0, length, width)]

    def _seldom(self) -> bool:
        return self._random.random() < 0.02


def write(directory: Path, documents: int, seed: int = SEED) -> None:
    """Exactly so many documents below a directory."""
    left = documents
    for name, texts in Generator(seed).files():
        if left <= 0:
            return
        file = directory / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("---\n".join(texts[:left]), encoding="utf-8")
        left -= len(texts)


def write_one(file: Path, documents: int, seed: int = SEED) -> None:
    """One file with the first documents of a service, at most five."""
    file.write_text("---\n".join(Generator(seed).service("shop", "shop", 0)[:documents]), encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("directory", type=Path)
    parser.add_argument("--documents", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=SEED)
    given = parser.parse_args()
    write(given.directory, given.documents, given.seed)


if __name__ == "__main__":
    main()
