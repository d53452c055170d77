"""What the workloads of a namespace may call outside the mesh.

Mirrors istiod's `pilot/pkg/model/sidecar.go` (outboundTrafficPolicy) and `push_context.go initSidecarScopes` (which
Sidecar), and `core/httproute.go buildCatchAllVirtualHost`.
"""

from __future__ import annotations

import pytest

from meshlint.mesh.effective import Basis
from meshlint.mesh.mesh import Mesh
from meshlint.mesh.subjects import Egress

from .conftest import assert_decides, created, line_of, marked, mesh_of

DEFAULT, DECLARED, TIE, ASSUMED = Basis.DEFAULT, Basis.DECLARED, Basis.TIE, Basis.ASSUMED
SHOP = """
Namespace shop {labels: {istio-injection: enabled}}
---
Pod shop/cart {labels: {app: cart}}
spec: {containers: []}
"""


def meshconfig(*lines: str) -> str:
    return "---\nConfigMap istio-system/istio\ndata:\n  mesh: |\n" + "".join(f"    {line}\n" for line in lines)


def sidecar(policy: str, name: str = "shop/default", meta: str = "", rest: str = "") -> str:
    more = f"  {rest}\n" if rest else ""
    return f"---\nSidecar {name}{meta and ' ' + meta}\nspec:\n{more}  outboundTrafficPolicy: {policy}\n"


def egress_of(mesh: Mesh, namespace: str) -> Egress:
    return next(egress for egress in mesh.egress if egress.namespace == namespace)


STRICT, LAX = "{mode: REGISTRY_ONLY}", "{mode: ALLOW_ANY}"
POSTURES = {
    "Istio's default": ("", "ALLOW_ANY", DEFAULT),
    "meshConfig": (meshconfig("outboundTrafficPolicy:", "  mode: REGISTRY_ONLY # <-"), "REGISTRY_ONLY", DECLARED),
    "meshConfig says what is the default": (
        meshconfig("outboundTrafficPolicy:", "  mode: ALLOW_ANY # <-"),
        "ALLOW_ANY",
        DECLARED,
    ),
    "meshConfig, an empty policy": (meshconfig("outboundTrafficPolicy: {} # <-"), "REGISTRY_ONLY", DECLARED),
    "meshConfig, a number": (meshconfig("outboundTrafficPolicy: {mode: 1} # <-"), "ALLOW_ANY", DECLARED),
    "meshConfig, a placeholder": (meshconfig("outboundTrafficPolicy:", "  mode: ${MODE} # <-"), "${MODE}", ASSUMED),
    "dynamic DNS": (
        meshconfig("outboundTrafficPolicy:", "  mode: ALLOW_ANY_DYNAMIC_DNS # <-"),
        "ALLOW_ANY_DYNAMIC_DNS",
        DECLARED,
    ),
    "a Sidecar": (sidecar(f"{STRICT} # <-"), "REGISTRY_ONLY", DECLARED),
    "a Sidecar over meshConfig": (
        sidecar(f"{LAX} # <-") + meshconfig(f"outboundTrafficPolicy: {STRICT}"),
        "ALLOW_ANY",
        DECLARED,
    ),
    "a Sidecar that says nothing": (
        "---\nSidecar shop/default\nspec: {egress: [{hosts: [./*]}]}\n"
        + meshconfig(f"outboundTrafficPolicy: {STRICT} # <-"),
        "REGISTRY_ONLY",
        DECLARED,
    ),
    "a Sidecar's empty policy": (sidecar("{} # <-"), "REGISTRY_ONLY", DECLARED),
    "a Sidecar's number": (sidecar("{mode: 0} # <-"), "REGISTRY_ONLY", DECLARED),
    "the root namespace's Sidecar": (sidecar(f"{STRICT} # <-", "istio-system/default"), "REGISTRY_ONLY", DECLARED),
    "another namespace's Sidecar": (sidecar(STRICT, "bank/default"), "ALLOW_ANY", DEFAULT),
    "its namespace's before the root's": (
        sidecar(STRICT, "istio-system/default") + sidecar(f"{LAX} # <-"),
        "ALLOW_ANY",
        DECLARED,
    ),
    "one that selects the workload first": (
        sidecar(LAX) + sidecar(f"{STRICT} # <-", "shop/cart", rest="workloadSelector: {labels: {app: cart}}"),
        "REGISTRY_ONLY",
        DECLARED,
    ),
    "one that selects others": (
        sidecar(f"{LAX} # <-") + sidecar(STRICT, "shop/other", rest="workloadSelector: {labels: {app: other}}"),
        "ALLOW_ANY",
        DECLARED,
    ),
    "a selector in the root namespace is for pods there": (
        sidecar(STRICT, "istio-system/cart", rest="workloadSelector: {labels: {app: cart}}"),
        "ALLOW_ANY",
        DEFAULT,
    ),
    "the oldest of its namespace": (
        sidecar(LAX, "shop/a", created(2)) + sidecar(f"{STRICT} # <-", "shop/b", created(1)),
        "REGISTRY_ONLY",
        DECLARED,
    ),
}


@pytest.mark.parametrize("text, mode, basis", POSTURES.values(), ids=POSTURES)
def test_posture(text: str, mode: str, basis: Basis) -> None:
    found = egress_of(mesh_of(SHOP + text), "shop").posture
    assert (found.value, found.basis, found.candidates) == (mode, basis, ())
    assert_decides(found, text)


def test_two_sidecars_of_one_scope_are_a_tie() -> None:
    text = sidecar(LAX, "shop/b") + sidecar(STRICT, "shop/a")
    found = egress_of(mesh_of(SHOP + text), "shop").posture
    assert (found.value, found.basis) == ("REGISTRY_ONLY", TIE)
    assert [c.value for c in found.candidates] == ["REGISTRY_ONLY", "ALLOW_ANY"]


def test_workloads_of_different_sidecars_are_different_subjects() -> None:
    text = (
        SHOP
        + "---\nPod shop/web {labels: {app: web}}\nspec: {containers: []}\n"
        + sidecar(STRICT, "shop/cart", rest="workloadSelector: {labels: {app: cart}}")
    )
    found = [(e.posture.value, [str(w) for w in e.workloads]) for e in mesh_of(text).egress if e.namespace == "shop"]
    assert found == [("REGISTRY_ONLY", ["shop/cart"]), ("ALLOW_ANY", ["shop/web"])]


def test_gateways_are_no_subject() -> None:
    text = "Pod edge/gw {labels: {istio: ingressgateway}}\nspec: {containers: []}\n"
    assert mesh_of(text).egress == []


def test_namespaces_without_a_proxy_are_no_subject() -> None:
    assert mesh_of(SHOP.replace("enabled", "disabled")).egress == []


ENTRY = """---
ServiceEntry shop/api
spec:
  hosts:
    - api.example.com # <-
  ports: [{number: 443, name: tls, protocol: TLS}]
"""
POLICY = """---
AuthorizationPolicy shop/out
spec:
  rules:
    - to:
        - operation:
            hosts: [api.example.com] # <-
"""
NAMES = """---
Gateway edge/in
spec: {selector: {istio: ingressgateway}, servers: [{hosts: [example.org], port: {number: 80}}]}
"""
INTENTS = {
    "none": ("", []),
    "a ServiceEntry": (ENTRY, ["api.example.com"]),
    "a ServiceEntry inside the mesh": (
        ENTRY.replace("  ports", "  location: MESH_INTERNAL\n  ports").replace(" # <-", ""),
        [],
    ),
    "a ServiceEntry outside, said": (
        ENTRY.replace("  ports", "  location: MESH_EXTERNAL\n  ports"),
        ["api.example.com"],
    ),
    "a ServiceEntry of a namespace without workloads is for all that see it": (
        ENTRY.replace("shop/api", "egress/api"),
        ["api.example.com"],
    ),
    "a ServiceEntry that others see": (
        ENTRY.replace("shop/api", "egress/api").replace("  ports", "  exportTo: [bank]\n  ports").replace(" # <-", ""),
        [],
    ),
    "an AuthorizationPolicy": (NAMES + POLICY, ["api.example.com"]),
    "an AuthorizationPolicy, where its host may be one that gateways serve": (POLICY.replace(" # <-", ""), []),
    "an AuthorizationPolicy, where gateways serve every host": (
        NAMES.replace("example.org", "'*'") + POLICY.replace(" # <-", ""),
        [],
    ),
    "an AuthorizationPolicy for a provider of models": (
        POLICY.replace("api.example.com", "api.openai.com"),
        ["api.openai.com"],
    ),
    "an AuthorizationPolicy for a host of the cluster, too": (
        POLICY.replace("[api.example.com] # <-", "[api.example.com, cart.shop.svc.cluster.local]"),
        [],
    ),
    "an AuthorizationPolicy, one rule of which does": (
        NAMES + POLICY + "    - to: [{operation: {hosts: [cart.shop.svc.cluster.local]}}]\n",
        ["api.example.com"],
    ),
    "an AuthorizationPolicy about paths, too": (
        POLICY.replace(" # <-", "") + "        - operation: {paths: [/health]}\n",
        [],
    ),
    "an egress gateway": (
        "---\nGateway istio-system/out\nspec:\n  selector: {istio: egressgateway} # <-\n  servers: []\n",
        [],
    ),
    "an ingress gateway": ("---\nGateway istio-system/in\nspec: {selector: {istio: ingressgateway}}\n", []),
}


@pytest.mark.parametrize("text, hosts", INTENTS.values(), ids=INTENTS)
def test_intent(text: str, hosts: list[str]) -> None:
    egress = egress_of(mesh_of(SHOP + text), "shop")
    assert [line for reason in egress.intent for line in line_of(reason.location)] == marked(text)
    assert list(egress.hosts) == hosts


def test_approved_hosts_are_an_intent_of_every_namespace() -> None:
    egress = egress_of(mesh_of(SHOP, approved_egress_hosts=("api.example.com",)), "shop")
    assert [reason.text for reason in egress.intent] == ["approved-egress-hosts lists what may be called"]
    assert egress.hosts == ("api.example.com",)


def policy(spec: str, name: str = "a") -> str:
    return f"---\nNetworkPolicy shop/{name}\nspec: {{{spec}}}\n"


ALL, INSIDE = "podSelector: {}", "egress: [{to: [{namespaceSelector: {}}]}]"
OPEN_TO_ALL = "egress: [{to: [{ipBlock: {cidr: 0.0.0.0/0}}]}]"
LIMITS = {
    "none": ("", False),
    "nothing may leave": (policy(f"{ALL}, policyTypes: [Egress]"), True),
    "only inside": (policy(f"{ALL}, policyTypes: [Egress], {INSIDE}"), True),
    "DNS to anywhere": (policy(f"{ALL}, policyTypes: [Egress], egress: [{{ports: [{{port: 53}}]}}]"), True),
    "a port to anywhere": (policy(f"{ALL}, policyTypes: [Egress], egress: [{{ports: [{{port: 443}}]}}]"), False),
    "every address": (policy(f"{ALL}, policyTypes: [Egress], {OPEN_TO_ALL}"), False),
    "everything": (policy(f"{ALL}, policyTypes: [Egress], egress: [{{}}]"), False),
    "about ingress": (policy(f"{ALL}, policyTypes: [Ingress]"), False),
    "without types, with egress": (policy(f"{ALL}, {INSIDE}"), True),
    "other pods": (policy("podSelector: {matchLabels: {app: other}}, policyTypes: [Egress]"), False),
    "these pods": (policy("podSelector: {matchLabels: {app: cart}}, policyTypes: [Egress]"), True),
    "these pods by expression": (
        policy("podSelector: {matchExpressions: [{key: app, operator: In, values: [cart]}]}, policyTypes: [Egress]"),
        True,
    ),
    "two add up": (
        policy(f"{ALL}, policyTypes: [Egress]") + policy(f"{ALL}, policyTypes: [Egress], {OPEN_TO_ALL}", "b"),
        False,
    ),
    "another namespace": (policy(f"{ALL}, policyTypes: [Egress]").replace("shop/a", "bank/a"), False),
}


@pytest.mark.parametrize("text, limited", LIMITS.values(), ids=LIMITS)
def test_network_policies_may_close_it(text: str, limited: bool) -> None:
    assert bool(egress_of(mesh_of(SHOP + text), "shop").limited) is limited


def test_one_workload_that_no_network_policy_takes_leaves_it_open() -> None:
    web = "---\nPod shop/web {labels: {app: web}}\nspec: {containers: []}\n"
    closed = policy("podSelector: {matchLabels: {app: cart}}, policyTypes: [Egress]")
    assert egress_of(mesh_of(SHOP + web + closed), "shop").limited is None


def test_the_first_place_is_the_namespace() -> None:
    text = SHOP.replace("enabled}}", "enabled}} # <-")
    assert line_of(egress_of(mesh_of(text), "shop").first) == marked(text)


def test_workloads_without_business_outside_are_listed() -> None:
    """A model server has none, whether it is internal or faces tenants."""
    text = SHOP + "---\nPod shop/vllm {labels: {app: vllm}}\nspec: {containers: [{name: c, image: vllm/vllm-openai}]}\n"
    assert [str(w) for w in egress_of(mesh_of(text), "shop").confined] == ["shop/vllm"]
    exposed = text + "---\nService shop/vllm\nspec: {type: LoadBalancer, selector: {app: vllm}, ports: [{port: 80}]}\n"
    assert [str(w) for w in egress_of(mesh_of(exposed), "shop").confined] == ["shop/vllm"]


def test_the_sidecars_of_the_namespace_that_may_apply() -> None:
    """Those that a fix may write to: neither the root namespace's nor one for other workloads."""
    elsewhere, root = "workloadSelector: {labels: {app: other}}", "istio-system/default"
    text = (
        SHOP + sidecar(LAX) + sidecar(LAX, "shop/other") + sidecar(LAX, "shop/one", rest=elsewhere) + sidecar(LAX, root)
    )
    assert [str(s) for s in egress_of(mesh_of(text), "shop").sidecars] == ["Sidecar shop/default", "Sidecar shop/other"]
    assert egress_of(mesh_of(SHOP + sidecar(LAX, root)), "shop").sidecars == ()
