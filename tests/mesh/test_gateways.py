"""Why istiod leaves servers of Gateways out: `model/gateway.go mergeGateways`. What the others do is in tests/conformance."""

from __future__ import annotations

import pytest

from .conftest import mesh_of

EDGE = """
Deployment edge/edge
spec:
  template:
    metadata: {labels: {istio: ingressgateway}}
    spec: {containers: [{name: istio-proxy, image: auto}]}
---
Gateway edge/first
spec:
  selector: {istio: ingressgateway}
  servers:
    - {port: {number: 80, name: http, protocol: HTTP}, hosts: [a.com]}
    - {port: {number: 443, name: https, protocol: HTTPS}, hosts: [a.com, b.com], tls: {mode: SIMPLE, credentialName: c}}
---
Gateway edge/second
spec:
  selector: {istio: ingressgateway}
  servers:
    - {SERVER}
"""
HTTPS = "tls: {mode: SIMPLE, credentialName: c}"
PLAIN = "port 80 already serves HTTP in plaintext"

DROPPED = {
    "opaque bytes beside HTTP": ("{port: {number: 80, name: tcp, protocol: TCP}, hosts: ['*']}", [PLAIN]),
    "TLS after plaintext": (
        f"{{port: {{number: 80, name: https, protocol: HTTPS}}, hosts: [a.com], {HTTPS}}}",
        [PLAIN],
    ),
    "hosts of another server": (
        f"{{port: {{number: 443, name: https, protocol: HTTPS}}, hosts: [b.com, c.com, a.com], {HTTPS}}}",
        ["b.com, a.com on port 443 is another server's"],
    ),
    "more HTTP": ("{port: {number: 80, name: h2, protocol: HTTP2}, hosts: [a.com]}", []),
    "plaintext after TLS": ("{port: {number: 443, name: http, protocol: HTTP}, hosts: [a.com]}", []),
    "other hosts": (f"{{port: {{number: 443, name: tls, protocol: HTTPS}}, hosts: [c.com], {HTTPS}}}", []),
}


@pytest.mark.parametrize(("server", "expected"), DROPPED.values(), ids=DROPPED)
def test_servers_that_cannot_share_a_port_are_left_out(server: str, expected: list[str]) -> None:
    mesh = mesh_of(EDGE.replace("{SERVER}", server))
    (proxy,) = mesh.istiod.proxies
    dropped = mesh.istiod.servers(proxy).dropped
    assert [(d.server.gateway_name, d.server.position, d.why) for d in dropped] == [
        ("edge/second", 0, why) for why in expected
    ]


def test_a_chain_knows_the_servers_it_is_made_of() -> None:
    mesh = mesh_of(EDGE.replace("{SERVER}", "{port: {number: 80, name: h2, protocol: HTTP2}, hosts: [b.com]}"))
    (proxy,) = mesh.istiod.proxies
    made_of = {c.number: [f"{s.gateway_name}[{s.position}]" for s in c.servers] for c in mesh.istiod.gateway(proxy)}
    assert made_of == {80: ["edge/first[0]", "edge/second[0]"], 443: ["edge/first[1]"]}
