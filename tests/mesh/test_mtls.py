"""The mTLS mode of a port.

Mirrors istiod's `pilot/pkg/model/authentication.go addPeerAuthentication` (scopes) and
`pilot/pkg/security/authn/policy_applier.go ComposePeerAuthentication` (inheritance, port level).
"""

from __future__ import annotations

import pytest

from meshlint.mesh.effective import Basis
from meshlint.mesh.subjects import MtlsMode

from .conftest import assert_decides, created, line_of, mesh_of, port_of

CART = """
Namespace shop {labels: {istio-injection: enabled}}
---
Deployment shop/cart
spec:
  template:
    metadata: {labels: {app: cart}}
    spec: {containers: [{name: c, image: cart, ports: [{containerPort: 8080}, {containerPort: 9090}]}]}
---
"""
DEFAULT, DECLARED, TIE, ASSUMED = Basis.DEFAULT, Basis.DECLARED, Basis.TIE, Basis.ASSUMED

MODES = {
    "nothing: Istio's default": ("", 8080, "PERMISSIVE", DEFAULT),
    "mesh-wide": (
        """
PeerAuthentication istio-system/default
spec:
  mtls: {mode: STRICT} # <-
""",
        8080,
        "STRICT",
        DECLARED,
    ),
    "namespace over mesh": (
        """
PeerAuthentication istio-system/default
spec:
  mtls: {mode: STRICT}
---
PeerAuthentication shop/default
spec:
  mtls: {mode: PERMISSIVE} # <-
""",
        8080,
        "PERMISSIVE",
        DECLARED,
    ),
    "workload over namespace": (
        """
PeerAuthentication shop/default
spec:
  mtls: {mode: STRICT}
---
PeerAuthentication shop/cart
spec:
  selector: {matchLabels: {app: cart}}
  mtls: {mode: DISABLE} # <-
""",
        8080,
        "DISABLE",
        DECLARED,
    ),
    "port over workload": (
        """
PeerAuthentication shop/cart
spec:
  selector: {matchLabels: {app: cart}}
  mtls: {mode: STRICT}
  portLevelMtls:
    9090: {mode: PERMISSIVE} # <-
""",
        9090,
        "PERMISSIVE",
        DECLARED,
    ),
    "port level leaves other ports alone": (
        """
PeerAuthentication shop/cart
spec:
  selector: {matchLabels: {app: cart}}
  mtls: {mode: STRICT} # <-
  portLevelMtls:
    9090: {mode: PERMISSIVE}
""",
        8080,
        "STRICT",
        DECLARED,
    ),
    "UNSET port inherits the workload": (
        """
PeerAuthentication shop/cart
spec:
  selector: {matchLabels: {app: cart}}
  mtls: {mode: STRICT} # <-
  portLevelMtls:
    9090: {mode: UNSET}
""",
        9090,
        "STRICT",
        DECLARED,
    ),
    "UNSET workload inherits the namespace": (
        """
PeerAuthentication shop/default
spec:
  mtls: {mode: STRICT} # <-
---
PeerAuthentication shop/cart
spec:
  selector: {matchLabels: {app: cart}}
  mtls: {mode: UNSET}
""",
        8080,
        "STRICT",
        DECLARED,
    ),
    "empty mtls inherits the mesh": (
        """
PeerAuthentication istio-system/default
spec:
  mtls: {mode: STRICT} # <-
---
PeerAuthentication shop/default
spec: {mtls: {}}
""",
        8080,
        "STRICT",
        DECLARED,
    ),
    "port level without a workload mode": (
        """
PeerAuthentication istio-system/default
spec:
  mtls: {mode: STRICT}
---
PeerAuthentication shop/cart
spec:
  selector: {matchLabels: {app: cart}}
  portLevelMtls:
    9090: {mode: DISABLE} # <-
""",
        9090,
        "DISABLE",
        DECLARED,
    ),
    "portLevelMtls without a selector is never read": (
        """
PeerAuthentication shop/default
spec:
  mtls: {mode: STRICT} # <-
  portLevelMtls:
    9090: {mode: PERMISSIVE}
""",
        9090,
        "STRICT",
        DECLARED,
    ),
    "an empty selector is none": (
        """
PeerAuthentication shop/default
spec:
  selector: {matchLabels: {}}
  mtls: {mode: STRICT} # <-
  portLevelMtls:
    9090: {mode: PERMISSIVE}
""",
        9090,
        "STRICT",
        DECLARED,
    ),
    "a selector in the root namespace is ignored": (
        """
PeerAuthentication istio-system/cart
spec:
  selector: {matchLabels: {app: cart}}
  mtls: {mode: STRICT}
""",
        8080,
        "PERMISSIVE",
        DEFAULT,
    ),
    "other labels": (
        """
PeerAuthentication shop/other
spec:
  selector: {matchLabels: {app: other}}
  mtls: {mode: STRICT}
""",
        8080,
        "PERMISSIVE",
        DEFAULT,
    ),
    "another namespace": (
        """
PeerAuthentication bank/default
spec: {mtls: {mode: STRICT}}
""",
        8080,
        "PERMISSIVE",
        DEFAULT,
    ),
    "the oldest of a scope": (
        f"""
PeerAuthentication shop/a {created(9)}
spec: {{mtls: {{mode: PERMISSIVE}}}}
---
PeerAuthentication shop/b {created(1)}
spec:
  mtls: {{mode: STRICT}} # <-
""",
        8080,
        "STRICT",
        DECLARED,
    ),
    "one second: the name": (
        f"""
PeerAuthentication shop/b {created(1)}
spec: {{mtls: {{mode: PERMISSIVE}}}}
---
PeerAuthentication shop/a {created(1)}
spec:
  mtls: {{mode: STRICT}} # <-
""",
        8080,
        "STRICT",
        DECLARED,
    ),
    "the oldest counts even if it is UNSET": (
        f"""
PeerAuthentication istio-system/default
spec:
  mtls: {{mode: STRICT}} # <-
---
PeerAuthentication shop/a {created(1)}
spec: {{mtls: {{mode: UNSET}}}}
---
PeerAuthentication shop/b {created(2)}
spec: {{mtls: {{mode: DISABLE}}}}
""",
        8080,
        "STRICT",
        DECLARED,
    ),
    "two selectors that both fit: the oldest": (
        f"""
PeerAuthentication shop/a {created(2)}
spec:
  selector: {{matchLabels: {{app: cart}}}}
  mtls: {{mode: DISABLE}}
---
PeerAuthentication shop/b {created(1)}
spec:
  selector: {{matchLabels: {{app: cart}}}}
  mtls: {{mode: STRICT}} # <-
""",
        8080,
        "STRICT",
        DECLARED,
    ),
    "a tie of equals is none": (
        """
PeerAuthentication shop/a
spec:
  mtls: {mode: STRICT} # <-
---
PeerAuthentication shop/b
spec: {mtls: {mode: STRICT}}
""",
        8080,
        "STRICT",
        DECLARED,
    ),
    "a placeholder is not known": (
        """
PeerAuthentication shop/default
spec:
  mtls:
    mode: ${MODE} # <-
""",
        8080,
        "PERMISSIVE",
        ASSUMED,
    ),
}


@pytest.mark.parametrize("policies, port, mode, basis", MODES.values(), ids=MODES)
def test_mode(policies: str, port: int, mode: str, basis: Basis) -> None:
    found = port_of(mesh_of(CART + policies), "shop/cart", port).mtls
    assert found.value is MtlsMode(mode)
    assert found.basis is basis
    assert found.candidates == ()
    assert_decides(found, policies)


STRICT = "PeerAuthentication %s\nspec: {mtls: {mode: STRICT}}\n---\n"
NAMELESS = {
    "a policy of some namespace": (STRICT % "shop/a", ["PERMISSIVE", "STRICT"]),
    "a policy of the mesh": (STRICT % "istio-system/a", []),
    "a policy without a namespace, too": (STRICT % "shop/a" + STRICT % "a", []),
}


@pytest.mark.parametrize("policies, candidates", NAMELESS.values(), ids=NAMELESS)
def test_workloads_without_a_namespace_may_be_in_any_that_has_a_policy(policies: str, candidates: list[str]) -> None:
    found = port_of(mesh_of(policies + CART.replace("shop/", "")), "(unset)/cart", 8080).mtls
    assert [candidate.value.value for candidate in found.candidates] == candidates
    assert (found.basis is ASSUMED) is bool(candidates)


def test_reasons_lead_from_the_widest_scope_to_the_port() -> None:
    mode = port_of(
        mesh_of(
            CART
            + """
PeerAuthentication istio-system/default
spec: {mtls: {mode: STRICT}}
---
PeerAuthentication shop/default
spec: {mtls: {mode: PERMISSIVE}}
---
PeerAuthentication shop/cart
spec: {selector: {matchLabels: {app: cart}}, portLevelMtls: {9090: {mode: DISABLE}}}
"""
        ),
        "shop/cart",
        9090,
    ).mtls
    assert [reason.text for reason in mode.because] == [
        "Istio's default is PERMISSIVE",
        "PeerAuthentication istio-system/default sets STRICT for the whole mesh",
        "PeerAuthentication shop/default sets PERMISSIVE for namespace shop",
        "PeerAuthentication shop/cart sets DISABLE for port 9090",
    ]
    pointers = [reason.location and reason.location.pointer for reason in mode.because]
    assert pointers == [None, "spec.mtls.mode", "spec.mtls.mode", "spec.portLevelMtls.9090.mode"]


TWO = """
PeerAuthentication shop/a
spec:
  mtls: {mode: STRICT}
---
PeerAuthentication shop/b
spec:
  mtls: {mode: PERMISSIVE}
"""


def test_a_tie_keeps_every_candidate_with_its_place() -> None:
    mode = port_of(mesh_of(CART + TWO), "shop/cart", 8080).mtls
    assert (mode.value, mode.basis) == (MtlsMode.STRICT, TIE)
    assert [(c.value.value, line_of(c.origin)) for c in mode.candidates] == [
        ("STRICT", ["mtls: {mode: STRICT}"]),
        ("PERMISSIVE", ["mtls: {mode: PERMISSIVE}"]),
    ]


def test_a_tie_matters_no_more_where_the_workload_says_its_own() -> None:
    own = """---
PeerAuthentication shop/cart
spec:
  selector: {matchLabels: {app: cart}}
  mtls: {mode: DISABLE} # <-
"""
    mode = port_of(mesh_of(CART + TWO + own), "shop/cart", 8080).mtls
    assert (mode.value, mode.basis, mode.candidates) == (MtlsMode.DISABLE, DECLARED, ())
    assert_decides(mode, own)


def test_a_younger_policy_is_no_candidate_beside_one_of_unknown_age() -> None:
    policies = f"""
PeerAuthentication shop/old {created(1)}
spec: {{mtls: {{mode: STRICT}}}}
---
PeerAuthentication shop/young {created(2)}
spec: {{mtls: {{mode: DISABLE}}}}
---
PeerAuthentication shop/unknown
spec: {{mtls: {{mode: PERMISSIVE}}}}
"""
    mode = port_of(mesh_of(CART + policies), "shop/cart", 8080).mtls
    assert {c.value for c in mode.candidates} == {MtlsMode.STRICT, MtlsMode.PERMISSIVE}


@pytest.mark.parametrize(
    "settings, meshconfig",
    [
        pytest.param({"root_namespace": "mesh-root"}, "", id="setting"),
        pytest.param(
            {}, '---\nConfigMap istio-system/istio\ndata: {mesh: "rootNamespace: mesh-root"}\n', id="meshConfig"
        ),
    ],
)
def test_the_root_namespace_may_be_another(settings: dict[str, str], meshconfig: str) -> None:
    policies = """
PeerAuthentication mesh-root/default
spec:
  mtls: {mode: STRICT} # <-
---
PeerAuthentication istio-system/default
spec: {mtls: {mode: DISABLE}}
"""
    mode = port_of(mesh_of(CART + policies + meshconfig, **settings), "shop/cart", 8080).mtls
    assert mode.value is MtlsMode.STRICT
    assert_decides(mode, policies)


def test_a_policy_s_port_that_no_container_declares_is_a_port() -> None:
    policies = """
PeerAuthentication shop/cart
spec:
  selector: {matchLabels: {app: cart}}
  portLevelMtls:
    7777: {mode: STRICT} # <-
"""
    mode = port_of(mesh_of(CART + policies), "shop/cart", 7777).mtls
    assert mode.value is MtlsMode.STRICT
    assert_decides(mode, policies)


def test_keys_are_container_ports_not_service_ports() -> None:
    """The Service's port 80 leads to 8080: only a key 8080 reaches it (`ComposePeerAuthentication`, FINDINGS §2)."""
    policies = """
Service shop/cart
spec: {selector: {app: cart}, ports: [{port: 80, targetPort: 8080}]}
---
PeerAuthentication shop/cart
spec:
  selector: {matchLabels: {app: cart}}
  mtls: {mode: STRICT} # <-
  portLevelMtls:
    80: {mode: PERMISSIVE}
"""
    mode = port_of(mesh_of(CART + policies), "shop/cart", 8080).mtls
    assert mode.value is MtlsMode.STRICT
    assert_decides(mode, policies)


def test_pods_of_the_root_namespace_get_the_mesh_wide_mode_and_no_selected_one() -> None:
    policies = """
Pod istio-system/agent {labels: {app: agent, sidecar.istio.io/inject: "true"}}
spec: {containers: [{name: c, image: a, ports: [{containerPort: 80}]}]}
---
PeerAuthentication istio-system/default
spec:
  mtls: {mode: STRICT} # <-
---
PeerAuthentication istio-system/agent
spec: {selector: {matchLabels: {app: agent}}, mtls: {mode: DISABLE}}
"""
    mode = port_of(mesh_of(policies), "istio-system/agent", 80).mtls
    assert mode.value is MtlsMode.STRICT
    assert_decides(mode, policies)


def test_ambient_takes_disable_as_permissive() -> None:
    """`serviceregistry/ambient/authorization.go convertPeerAuthentication`."""
    policies = """
PeerAuthentication shop/default
spec:
  mtls: {mode: DISABLE} # <-
"""
    ambient = CART.replace("istio-injection: enabled", "istio.io/dataplane-mode: ambient")
    mode = port_of(mesh_of(ambient + policies), "shop/cart", 8080).mtls
    assert mode.value is MtlsMode.PERMISSIVE
    assert_decides(mode, policies)
