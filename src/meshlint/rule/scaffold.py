"""What a new rule folder holds: for each subject a small rule that is true, to be changed into the one that is meant."""

from __future__ import annotations

from typing import NamedTuple

from ..resource.admission.schema import versions
from ..resource.kinds import GroupKind, is_cluster_scoped


class Template(NamedTuple):
    """A small rule. In its examples `RULE` stands for the id."""

    title: str
    message: str
    remedy: str
    means: str
    matters: str
    reference: str
    check: str
    bad: str
    good: str
    option: str = ""
    options: str = ""


def files(id: str, subject: str, kind: GroupKind) -> dict[str, str]:
    """The texts of a new folder, by name; `kind` is what a rule about Resources judges."""
    template = _of_resources(kind) if subject == "Resource" else TEMPLATES[subject]
    kinds = f"kinds: [{kind}]\n" if subject == "Resource" else ""
    return {
        "rule.yaml": _METADATA.format(t=template, kinds=kinds),
        "check.py": template.check,
        "README.md": _readme(template),
        "examples/bad_example.yaml": template.bad.replace("RULE", id),
        "examples/good_example.yaml": template.good,
    }


def _readme(template: Template) -> str:
    """The documents that differ between the examples are what is shown of them; all of them where one is only added."""
    bad = "".join(f"{line.partition(' # expect')[0]}\n" for line in template.bad.splitlines())
    before, after = (text.split("---\n") for text in (bad, template.good))
    return _README.format(
        t=template,
        before="---\n".join([part for part in before if part not in after] or before),
        after="---\n".join(part for part in after if part not in before),
    )


_METADATA = """\
title: {t.title}
severity: warning
confidence: high
audience: regular
meshes: [istio]
{kinds}message: "{t.message}"
remediation: {t.remedy}
{t.option}"""

_README = """\
# {t.title}

## What it means

{t.means}

## Why it matters

{t.matters}

## How to fix it

{t.remedy}

```yaml
# before
{before}---
# after
{after}```
{t.options}
## References

- {t.reference}
"""

_DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: cart, namespace: shop}
spec:
  selector: {matchLabels: {app: cart}}
  template:
    metadata:
      labels: {app: cart, sidecar.istio.io/inject: "true"}
    spec:
      serviceAccountName: cart
      containers:
        - {name: cart, image: registry.example.com/cart:1.4.2, ports: [{containerPort: 8080}]}
"""

_POLICY = """\
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: shop}
spec:
  mtls:
    mode: STRICT
"""

_ROUTE = """\
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: cart, namespace: shop}
spec:
  hosts: [cart]
  http:
    - timeout: 5s
      route: [{destination: {host: cart}}]
"""

_SIDECAR = """\
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: default, namespace: shop}
spec:
  outboundTrafficPolicy:
    mode: REGISTRY_ONLY
"""

_ENTRY = """\
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: rates, namespace: shop}
spec:
  hosts: [rates.example.com]
  ports: [{number: 443, name: tls, protocol: TLS}]
  resolution: DNS
"""

_WANTED = f"""\
{_SIDECAR}  egress:
    - hosts:
        - "*/rates.example.com"
"""

_WORKLOADS = f"""\
{_DEPLOYMENT}---
{_DEPLOYMENT.replace("cart", "till")}"""


TEMPLATES = {
    "Port": Template(
        title="Port takes calls without an identity",
        message="{port} takes calls without an identity, because its mTLS mode is {mode}.",
        remedy="Set mode STRICT where the mode is decided.",
        means="The effective mTLS mode of the port is not `STRICT`, so a caller without a certificate of the mesh is let in.",
        matters="Nothing tells who is calling: a policy that names callers has nobody to name.",
        reference="[Istio: PeerAuthentication](https://istio.io/latest/docs/reference/config/security/peer_authentication/)",
        check="""\
from collections.abc import Iterator

from meshlint.rule import MtlsMode, Port, Problem


def check(port: Port) -> Iterator[Problem]:
    mode = port.mtls.holds(lambda value: value is not MtlsMode.STRICT)
    if mode and mode.origin and port.workload.in_mesh.value:
        yield Problem(mode, rests_on=[port.workload.in_mesh], port=port, mode=mode.value.value)
""",
        bad=f"{_DEPLOYMENT}---\n{_POLICY}".replace("STRICT", "PERMISSIVE # expect: RULE warning high"),
        good=f"{_DEPLOYMENT}---\n{_POLICY}",
    ),
    "Route": Template(
        title="Route has no timeout",
        message="A call along {route} may take for ever, because nothing sets a timeout.",
        remedy="Set a timeout on the route.",
        means="Istio has no timeout of its own: a route that sets none waits as long as the destination takes to answer.",
        matters="One slow destination holds the connections and the threads of everything that calls it.",
        reference="[Istio: HTTPRoute](https://istio.io/latest/docs/reference/config/networking/virtual-service/#HTTPRoute)",
        check="""\
from collections.abc import Iterator

from meshlint.rule import Problem, Route


def check(route: Route) -> Iterator[Problem]:
    if route.timeout.value is None and route.destinations:
        yield Problem(route.location, route=route)
""",
        bad=_ROUTE.replace("timeout: 5s\n      route:", "route: # expect: RULE warning high\n       "),
        good=_ROUTE,
    ),
    "Host": Template(
        title="Host is routed and has no DestinationRule",
        message="Calls to {host} are routed, and no DestinationRule limits or balances them.",
        remedy="Give the host a DestinationRule.",
        means="A VirtualService says where calls to the host go; no DestinationRule says how the connections there are used.",
        matters="Connections and requests are not limited, and no failing pod is taken out.",
        reference="[Istio: DestinationRule](https://istio.io/latest/docs/reference/config/networking/destination-rule/)",
        check="""\
from collections.abc import Iterator

from meshlint.rule import Host, Problem


def check(host: Host) -> Iterator[Problem]:
    if host.claims and not host.destination_rules:
        yield Problem(host.claims[0].location, host=host)
""",
        bad=_ROUTE.replace("hosts: [cart]", "hosts: [cart] # expect: RULE warning high"),
        good=f"""\
{_ROUTE}---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {{name: cart, namespace: shop}}
spec:
  host: cart
  trafficPolicy:
    connectionPool: {{http: {{http1MaxPendingRequests: 100}}}}
""",
    ),
    "Egress": Template(
        title="Namespace may call any host",
        message="Workloads in {namespace} may call any host outside the mesh, because {reason}.",
        remedy="Set outboundTrafficPolicy REGISTRY_ONLY and declare what may be called in ServiceEntries.",
        means="The effective outbound policy of the namespace passes on calls to hosts that nothing declares.",
        matters="Whoever takes over a pod there can send what he finds to wherever he likes.",
        reference="[Istio: Sidecar](https://istio.io/latest/docs/reference/config/networking/sidecar/)",
        check="""\
from collections.abc import Iterator

from meshlint.rule import Egress, Problem


def check(egress: Egress) -> Iterator[Problem]:
    posture = egress.posture.holds(lambda value: value == "ALLOW_ANY")
    if posture and posture.origin:
        yield Problem(posture, namespace=egress.namespace, reason=posture.because[-1].text)
""",
        bad=f"{_DEPLOYMENT}---\n{_SIDECAR}".replace("REGISTRY_ONLY", "ALLOW_ANY # expect: RULE warning high"),
        good=f"{_DEPLOYMENT}---\n{_SIDECAR}",
    ),
    "WantedHost": Template(
        title="Called host is not declared",
        message="{host} is to be called, and no ServiceEntry declares it.",
        remedy="Declare the host in a ServiceEntry that the callers see.",
        means="Something in the mesh names a host outside it as one to be called; no ServiceEntry makes it known.",
        matters="Where the outbound policy is REGISTRY_ONLY the calls fail; elsewhere they leave without routing and telemetry.",
        reference="[Istio: ServiceEntry](https://istio.io/latest/docs/reference/config/networking/service-entry/)",
        check="""\
from collections.abc import Iterator

from meshlint.rule import Problem, WantedHost


def check(wanted: WantedHost) -> Iterator[Problem]:
    if wanted.external.value and not wanted.entries:
        yield Problem(wanted.location, rests_on=[wanted.external], host=wanted)
""",
        bad=_WANTED.replace('.com"', '.com" # expect: RULE warning medium'),
        good=f"{_WANTED}---\n{_ENTRY}",
    ),
    "Workload": Template(
        title="Workload runs as the default service account",
        message="{workload} runs as the service account default, so no policy can tell it from its neighbours.",
        remedy="Give the workload a service account of its own.",
        means="The pods name no service account, so they have that of every other pod in the namespace that names none.",
        matters="A caller's identity in the mesh is its service account: what one of them may do, all of them may do.",
        reference="[Istio: identity](https://istio.io/latest/docs/concepts/security/#istio-identity)",
        check="""\
from collections.abc import Iterator

from meshlint.rule import Problem, Workload


def check(workload: Workload) -> Iterator[Problem]:
    if not workload.implied and workload.account == "default":
        yield Problem(workload.place, workload=workload)
""",
        bad=_DEPLOYMENT.replace("template:", "template: # expect: RULE warning high").replace(
            "      serviceAccountName: cart\n", ""
        ),
        good=_DEPLOYMENT,
    ),
    "Mesh": Template(
        title="Workloads share a service account",
        message="{workloads} run as service account {account}, so no policy can tell them apart.",
        remedy="Give every workload a service account of its own.",
        means="Several workloads of a namespace name the same service account.",
        matters="A caller's identity in the mesh is its service account: what one of them may do, all of them may do.",
        reference="[Istio: identity](https://istio.io/latest/docs/concepts/security/#istio-identity)",
        check="""\
from collections import defaultdict
from collections.abc import Iterator

from meshlint.rule import Mesh, Problem, Workload


def check(mesh: Mesh) -> Iterator[Problem]:
    accounts: dict[str, list[Workload]] = defaultdict(list)
    for workload in mesh.workloads.all:
        accounts[f"{workload.namespace}/{workload.account}"].append(workload)
    for account, workloads in accounts.items():
        if len(workloads) > 1:
            first, *others = workloads
            related = [workload.place for workload in others]
            yield Problem(first.place, related=related, account=account, workloads=workloads)
""",
        bad=_WORKLOADS.replace("template:", "template: # expect: RULE warning high", 1).replace(
            "AccountName: till", "AccountName: cart"
        ),
        good=_WORKLOADS,
    ),
}

SUBJECTS = ("Resource", *TEMPLATES)


def _of_resources(kind: GroupKind) -> Template:
    version = next(iter(versions(kind)), "v1")
    place = "" if is_cluster_scoped(kind) else "  namespace: shop\n"
    good = f"apiVersion: {f'{kind.group}/' if kind.group else ''}{version}\nkind: {kind.kind}\nmetadata:\n  name: cart\n{place}  labels: {{owner: team-cart}}\n"
    return Template(
        title=f"{kind.kind} names no owner",
        message="Nobody is told when {resource} breaks, because it has no label {label}.",
        remedy="Add the label that says which team owns the object.",
        means="The object has no label that says who owns it (option `label`).",
        matters="When it stands in the way at night, the one on call has to find out whom to ask before anything is mended.",
        reference="[Kubernetes: labels](https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/)",
        check="""\
from collections.abc import Iterator, Mapping
from typing import Any

from meshlint.rule import Problem, Resource


def check(resource: Resource, options: Mapping[str, Any]) -> Iterator[Problem]:
    if options["label"] not in resource.labels:
        yield Problem(resource.at("metadata", "labels"), resource=resource, label=options["label"])
""",
        bad=good.replace("metadata:", "metadata: # expect: RULE warning high").replace(
            "  labels: {owner: team-cart}\n", ""
        ),
        good=good,
        option="""\
options:
  label:
    default: owner
    description: the label that every object needs
    schema: {type: string, minLength: 1}
""",
        options="""
## Options

- `label`: the label that every object needs (default: `owner`).
""",
    )
