"""Which hosts outside the mesh are meant to be called, and which ServiceEntries let their callers know them.

Mirrors istiod's `pilot/pkg/model/telemetry_logging.go LookupCluster` for keys of tokens; the rest is the catalogue's rule
egress-host-without-serviceentry.
"""

from __future__ import annotations

import pytest

from meshlint.mesh.subjects import WantedHost

from .conftest import line_of, marked, mesh_of

ENTRY = """ServiceEntry egress/api
spec: {hosts: [%s], exportTo: [%s], ports: [{number: 443, name: tls, protocol: TLS}]}
---
"""
EXACT, WILD = ENTRY % ("api.example.com", "'*'"), ENTRY % ("'*.example.com'", "'*'")
HIDDEN = ENTRY % ("api.example.com", ".")


def policy(host: str, action: str = "ALLOW", more: str = "") -> str:
    return f"AuthorizationPolicy shop/p\nspec:\n  action: {action}\n{more}  rules:\n    - to:\n        - operation:\n            hosts: ['{host}'] # <-\n"


def sidecar(host: str, more: str = "", name: str = "shop/s") -> str:
    return f"Sidecar {name}\nspec:\n{more}  egress:\n    - hosts:\n        - '{host}' # <-\n"


KEYS = """RequestAuthentication shop/r
spec:
  jwtRules:
    - issuer: i
      jwksUri: %s # <-
---
"""
ENVOY = "IstioOperator istio-system/i\nspec: {values: {pilot: {env: {PILOT_JWT_ENABLE_REMOTE_JWKS: %s}}}}\n"
SERVER = """Pod shop/llm {labels: {sidecar.istio.io/inject: "true"}}
spec:
  containers:
    - name: vllm
      image: %s
      env:
        - name: URL
          value: %s # <-
"""
VLLM = "vllm/vllm-openai:v1"
OPENAI = "https://api.openai.com/v1"

WANTED: dict[str, tuple[str, list[tuple[str, bool]]]] = {
    "a policy": (EXACT + policy("api.example.com"), [("api.example.com", True)]),
    "a policy with a port": (EXACT + policy("API.example.com:443"), [("api.example.com", True)]),
    "a policy, a wildcard entry": (WILD + policy("api.example.com"), [("api.example.com", True)]),
    "a policy, an entry for others": (HIDDEN + policy("api.example.com"), [("api.example.com", False)]),
    "a policy with a wildcard, a part of it declared": (
        EXACT + policy("*.example.com"),
        [("*.example.com", False)],
    ),
    "a policy that denies": (EXACT + policy("api.example.com", "DENY").replace(" # <-", ""), []),
    "a policy of a workload whose Sidecar imports nothing": (
        EXACT
        + policy("api.example.com", more="  selector: {matchLabels: {app: a}}\n")
        + "---\nSidecar shop/a\nspec: {workloadSelector: {labels: {app: a}}, egress: [{hosts: [./*]}]}\n",
        [("api.example.com", False)],
    ),
    "a Sidecar": (EXACT + sidecar("*/api.example.com"), [("api.example.com", True)]),
    "a Sidecar's pattern over an entry": (EXACT + sidecar("*/*.example.com"), [("*.example.com", True)]),
    "a Sidecar, an entry of another namespace": (EXACT + sidecar("./api.example.com"), [("api.example.com", False)]),
    "a Sidecar, the entry's namespace": (EXACT + sidecar("egress/api.example.com"), [("api.example.com", True)]),
    "a Sidecar, an entry for others": (HIDDEN + sidecar("*/api.example.com"), [("api.example.com", False)]),
    "a Sidecar of the root namespace": (
        ENTRY % ("api.example.com", "shop")
        + sidecar("*/api.example.com", name="istio-system/s")
        + "---\nPod shop/a {labels: {sidecar.istio.io/inject: 'true'}}\nspec: {containers: []}\n",
        [("api.example.com", True)],
    ),
    "a Sidecar, every host": (EXACT + sidecar("egress/*").replace(" # <-", ""), []),
    "a Sidecar, a host of the cluster": (
        EXACT + sidecar("*/cart.shop.svc.cluster.local").replace(" # <-", ""),
        [],
    ),
    "keys that istiod fetches": ((KEYS % "https://api.example.com/k").replace(" # <-", ""), []),
    "keys in hybrid mode": ((KEYS % "https://api.example.com/k").replace(" # <-", "") + ENVOY % "hybrid", []),
    "keys": (KEYS % "https://api.example.com:8443/k" + ENVOY % "envoy", [("api.example.com", False)]),
    "keys, as istiod's Deployment says": (
        KEYS % "https://api.example.com/k"
        + "Deployment istio-system/istiod\nspec: {template: {spec: {containers: [{name: discovery, image: pilot, "
        + "env: [{name: PILOT_JWT_ENABLE_REMOTE_JWKS, value: envoy}]}]}}}\n",
        [("api.example.com", False)],
    ),
    "keys, declared": (
        EXACT + KEYS % "https://api.example.com/k" + ENVOY % "envoy",
        [("api.example.com", True)],
    ),
    "keys, a wildcard entry": (
        WILD + KEYS % "https://api.example.com/k" + ENVOY % "envoy",
        [("api.example.com", False)],
    ),
    "a model server": (SERVER % (VLLM, OPENAI), [("api.openai.com", False)]),
    "a model server, another host": ((SERVER % (VLLM, "https://example.com")).replace(" # <-", ""), []),
    "a model server, a hub": ((SERVER % (VLLM, "https://huggingface.co")).replace(" # <-", ""), []),
    "another workload": ((SERVER % ("nginx", OPENAI)).replace(" # <-", "").replace("llm", "web"), []),
    "a model server without a proxy": (
        (SERVER % (VLLM, OPENAI)).replace(" # <-", "").replace('"true"', '"false"'),
        [],
    ),
}


@pytest.mark.parametrize("text, expected", WANTED.values(), ids=WANTED)
def test_wanted(text: str, expected: list[tuple[str, bool]]) -> None:
    found = mesh_of(text).wanted_hosts
    assert [(wanted.host, bool(wanted.entries)) for wanted in found] == expected
    assert [line for wanted in found for line in line_of(wanted.location)] == marked(text)


def only(text: str) -> WantedHost:
    (wanted,) = mesh_of(text).wanted_hosts
    return wanted


@pytest.mark.parametrize(
    ("text", "near"),
    [
        (EXACT + policy("*.example.com"), ["api.example.com"]),
        (HIDDEN + policy("api.example.com"), ["api.example.com"]),
        (EXACT + policy("api.example.com"), []),
        (EXACT + policy("www.example.com"), []),
    ],
)
def test_entries_that_come_close(text: str, near: list[str]) -> None:
    assert [declared.host for declared in only(text).near] == near
