"""Writes meshes of 2,000 workloads and as many policies about who may call them, in shapes that would punish pairs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from string import Template

import generate

MANY = 2_000
"""Workloads, and AuthorizationPolicies, namespaces, principals or rules, whichever a shape has many of."""

PER_NAMESPACE = 20
PER_POLICY = 50
MODELS = 10
"""One in so many workloads serves a model."""

WORKLOAD = Template("""\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: $name
  namespace: $namespace
spec:
  replicas: 2
  selector:
    matchLabels: {app: $name}
  template:
    metadata:
      labels: {app: $name}
    spec:
      serviceAccountName: $name
      containers:
        - name: main
          image: $image
          ports:
            - {name: http, containerPort: 8080}
            - {name: metrics, containerPort: 9090}
---
apiVersion: v1
kind: Service
metadata:
  name: $name
  namespace: $namespace
spec:
  selector: {app: $name}
  ports:
    - {name: http, port: 80, targetPort: 8080}
""")

ROUTE = Template("""\
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata:
  name: $name
  namespace: $namespace
spec:
  hosts: [$name.example.com]
  gateways: [istio-system/ingress]
  http:
    - match:
        - uri: {prefix: /v1/$name}
      route:
        - destination: {host: $name}
""")

POLICY = Template("""\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata:
  name: $name
  namespace: $namespace
spec:$selector
  action: $action
  rules:
$rules
""")

SELECTOR = Template("\n  selector:\n    matchLabels: {app: $name}")
FROM = "    - from:\n        - source: {%s}"
EDGE = "istio-system"

Placed = tuple[str, str]
"""A namespace and an object of it."""


def write(directory: Path, shape: str) -> None:
    """A mesh of a shape, a file per namespace."""
    files: dict[str, list[str]] = {}
    for namespace, text in SHAPES[shape]():
        files.setdefault(namespace, []).append(text)
    directory.mkdir(parents=True)
    for namespace, texts in files.items():
        (directory / f"{namespace}.yaml").write_text("---\n".join(texts), encoding="utf-8")


def accounts() -> Iterator[Placed]:
    """A policy for each workload, naming three accounts."""
    yield from workloads(team)
    for i in range(MANY):
        yield team(i), policy(team(i), name(i), [principals(team, i - 1, i - 7, i - 400, gateway=is_routed(i))])


def namespaces() -> Iterator[Placed]:
    """A namespace for each workload, with a policy that admits others."""
    yield from workloads(own)
    for i in range(MANY):
        places = ", ".join((own(i - 1), own(i - 7), own(i - 400), *([EDGE] if is_routed(i) else [])))
        yield own(i), policy(own(i), name(i), [FROM % f"namespaces: [{places}]"], select=False)


def chains() -> Iterator[Placed]:
    """Ways from the gateway through all workloads of a namespace, each of which admits only the one before it."""

    def is_first(i: int) -> bool:
        return i % PER_NAMESPACE == 0

    yield from workloads(team, is_first)
    for i in range(MANY):
        yield (
            team(i),
            policy(team(i), name(i), [principals(team, *([] if is_first(i) else [i - 1]), gateway=is_first(i))]),
        )


def root() -> Iterator[Placed]:
    """One policy of the mesh that names every account, and one for each workload."""
    yield from workloads(team)
    yield EDGE, policy(EDGE, "callers", [principals(team, *range(MANY))], select=False)
    yield EDGE, policy(EDGE, "ingress", ["    - {}"]).replace("app: ingress", "istio: ingress")
    for i in range(2, MANY):
        yield team(i), policy(team(i), name(i), [principals(team, i - 1, gateway=is_routed(i))])


def denials() -> Iterator[Placed]:
    """A policy for each workload that refuses namespaces, and none that names those it admits."""
    yield from workloads(team)
    for i in range(MANY):
        refused = FROM % f"namespaces: [{team(i + 20)}, {team(i + 40)}]"
        yield team(i), policy(team(i), name(i), [refused], action="DENY")


def rules() -> Iterator[Placed]:
    """A policy of 50 rules for every 50 workloads, each rule with an account, methods and paths, and one for each of the others."""
    yield from workloads(team)
    for i in range(MANY):
        listed = [principals(team, i - 1, gateway=is_routed(i))]
        if i % PER_POLICY == 0:
            asked = "\n      to:\n        - operation: {methods: [GET, POST], paths: [/v1/%d/*, /v2/%d]}"
            listed = [principals(team, i - at) + asked % (at, at) for at in range(PER_POLICY)]
        yield team(i), policy(team(i), name(i), listed, select=i % PER_POLICY != 0)


def one_gateway() -> Iterator[Placed]:
    """Every workload is routed to by one gateway, whose policy names every host."""
    yield from workloads(team, lambda i: True)
    hosts = ", ".join(f"{name(i)}.example.com" for i in range(MANY))
    opened = f"    - to:\n        - operation: {{hosts: [{hosts}]}}"
    yield EDGE, policy(EDGE, "ingress", [opened]).replace("app: ingress", "istio: ingress")
    for i in range(1, MANY):
        yield team(i), policy(team(i), name(i), [principals(team, gateway=True)])


def ungoverned() -> Iterator[Placed]:
    """No policies at all."""
    yield from workloads(team)


SHAPES: Mapping[str, Callable[[], Iterator[Placed]]] = {
    shape.__name__: shape for shape in (accounts, namespaces, chains, root, denials, rules, one_gateway, ungoverned)
}


def is_routed(i: int) -> bool:
    """Whether the gateway leads to a workload; the one behind it serves a model, which makes it internal."""
    return i % MODELS == MODELS - 2


def workloads(place: Callable[[int], str], routed: Callable[[int], bool] = is_routed) -> Iterator[Placed]:
    """The gateway, and the workloads with their namespaces."""
    yield EDGE, generate.NAMESPACE.substitute(namespace=EDGE)
    yield EDGE, generate.PEER_AUTHENTICATION.substitute(namespace=EDGE, mode="STRICT")
    yield EDGE, generate.INGRESS
    yield EDGE, generate.INGRESS_PODS
    for namespace in dict.fromkeys(map(place, range(MANY))):
        yield namespace, generate.NAMESPACE.substitute(namespace=namespace)
    for i in range(MANY):
        is_model = i % MODELS == MODELS - 1
        image = "vllm/vllm-openai:v0.8.4" if is_model else f"registry.example.com/{name(i)}:1.0"
        words = {"name": name(i), "namespace": place(i), "image": image}
        yield place(i), WORKLOAD.substitute(words)
        if routed(i):
            yield place(i), ROUTE.substitute(words)


def policy(namespace: str, name: str, rules: Sequence[str], *, select: bool = True, action: str = "ALLOW") -> str:
    selector = SELECTOR.substitute(name=name) if select else ""
    words = {"name": name, "namespace": namespace, "selector": selector, "action": action, "rules": "\n".join(rules)}
    return POLICY.substitute(words)


def principals(place: Callable[[int], str], *numbers: int, gateway: bool = False) -> str:
    """The start of a rule that names the accounts of workloads."""
    named = [f"cluster.local/ns/{place(i)}/sa/{name(i)}" for i in numbers]
    named += [f"cluster.local/ns/{EDGE}/sa/default"] if gateway else []
    return FROM % f"principals: [{', '.join(named)}]"


def name(i: int) -> str:
    return f"app-{i % MANY}"


def team(i: int) -> str:
    return f"team-{i % MANY // PER_NAMESPACE}"


def own(i: int) -> str:
    return f"space-{i % MANY}"
