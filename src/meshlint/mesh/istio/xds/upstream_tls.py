"""How a proxy speaks to the endpoints of a cluster: plaintext, mTLS of the mesh, or TLS it originates (semantics §3.3).

Mirrors `core/cluster_tls.go buildUpstreamTLSSettings`, `buildUpstreamClusterTLSContext`, `constructUpstreamTLS`,
`applyUpstreamTLSSettings` and `setAutoSniAndAutoSanValidation`.
"""

from __future__ import annotations

from typing import NamedTuple

from ....source.document import Placeholder
from ...effective import UNKNOWN, Basis, Effective, Reason, Unknown
from .traffic_policy import Block

DISABLE, SIMPLE, MUTUAL, ISTIO_MUTUAL = "DISABLE", "SIMPLE", "MUTUAL", "ISTIO_MUTUAL"
AUTO = "auto"
"""mTLS to endpoints that have a sidecar and do not refuse it, plaintext to the others."""

MESH_CA, SYSTEM_CAS = "mesh", "system"

_MODES = (DISABLE, SIMPLE, MUTUAL, ISTIO_MUTUAL)
_CONFIG_MAP = "configmap://"
_KINDS_OF_SECRET = (_CONFIG_MAP, "kubernetes://", "kubernetes-gateway://")
_CA_SUFFIX = "-cacert"


class Tls(NamedTuple):
    """What a proxy offers and checks. `ca`: MESH_CA, SYSTEM_CAS, a path or the name of a secret; None = it is not verified.

    `auto_sni` and `auto_san`: the name is taken from the request's Host, which only HTTP proxying has. `alpn` is what is
    offered to a server outside the mesh.
    """

    mode: str
    sni: str = ""
    sans: tuple[str, ...] = ()
    ca: str | None = None
    auto_sni: bool = False
    auto_san: bool = False
    alpn: tuple[str, ...] = ()


class Upstream(NamedTuple):
    """What decides beside the tls block. `sni` and `accounts` are the names mTLS of the mesh uses by itself.

    `auto`: automatic mTLS is possible. `is_entry`: of a ServiceEntry. `resolved_late`: the proxy looks the host up at each
    call (dynamic forward proxy). `passes_through`: the address is the caller's choice. `selective`: the rule has a
    workloadSelector.
    """

    sni: str
    accounts: tuple[str, ...]
    auto: Effective[bool]
    is_entry: bool
    http2: bool
    resolved_late: bool
    passes_through: bool
    sidecar: bool
    selective: bool
    istio_version: tuple[int, int]


def upstream_tls(block: Effective[Block | None], upstream: Upstream) -> Effective[Tls | Unknown]:
    """The TLS of a cluster with a tls block, or with none."""
    if block.value is None:
        return _without_block(block, upstream)
    mode = block.value.get("mode")
    stated = (*block.because, Reason(f"tls.mode is {mode or DISABLE}", block.value.at("mode")))
    if isinstance(mode, Placeholder) or (mode and mode not in _MODES):
        text = f"tls.mode {mode} is not known here"
        return Effective(UNKNOWN, (*block.because, Reason(text, block.value.at("mode"), Basis.ASSUMED)))
    if mode == ISTIO_MUTUAL:
        return Effective(_of_mesh(ISTIO_MUTUAL, block.value, upstream), stated)
    if mode in (SIMPLE, MUTUAL):
        return _originated(mode, block.value, stated, upstream)
    return Effective(Tls(DISABLE), stated)


def _without_block(block: Effective[Block | None], upstream: Upstream) -> Effective[Tls | Unknown]:
    if not upstream.auto.value:
        return Effective(Tls(DISABLE), (*block.because, *upstream.auto.because))
    mode = ISTIO_MUTUAL if upstream.passes_through else AUTO
    return Effective(_of_mesh(mode, None, upstream), (*block.because, *upstream.auto.because))


def _of_mesh(mode: str, block: Block | None, upstream: Upstream) -> Tls:
    sni = _text(block, "sni") or upstream.sni
    auto_san = upstream.resolved_late and not _skips(block)
    sans = _names(block) or upstream.accounts
    return Tls(mode, sni, sans, MESH_CA, upstream.resolved_late and not sni, auto_san)


def _originated(mode: str, block: Block, stated: tuple[Reason, ...], upstream: Upstream) -> Effective[Tls | Unknown]:
    """TLS to a server outside the mesh, or by names and certificates of one's own."""
    credential = _text(block, "credentialName")
    if credential and not credential.startswith(_CONFIG_MAP) and upstream.sidecar and not upstream.selective:
        text = "sidecars do not follow the credentialName of a rule without workloadSelector: they use no TLS"
        return Effective(Tls(DISABLE), (*stated, Reason(text, block.at("credentialName"))))
    sni, skips = _text(block, "sni"), _skips(block)
    named = _names(block)
    auto_sni = not sni and (upstream.resolved_late or upstream.istio_version >= (1, 21))
    auto_san = not skips and (upstream.resolved_late or (auto_sni and not named))
    if mode == MUTUAL and not credential and not (_text(block, "clientCertificate") and _text(block, "privateKey")):
        text = "MUTUAL without clientCertificate and privateKey comes to no TLS"
        return Effective(Tls(DISABLE, auto_sni=auto_sni, auto_san=auto_san), (*stated, Reason(text, block.location)))
    ca = _secret(credential + _CA_SUFFIX) if credential else _ca_file(block, upstream)
    sans = named or (upstream.accounts if upstream.is_entry else ())
    if skips or ca is None:
        ca, sans = None, ()
    alpn = ("h2",) if upstream.http2 else ()
    return Effective(Tls(mode, sni, sans, ca, auto_sni, auto_san, alpn), stated)


def _ca_file(block: Block, upstream: Upstream) -> str | None:
    """Without a file the CAs of the proxy's image verify; up to 1.20 nothing does."""
    return _text(block, "caCertificates") or (SYSTEM_CAS if upstream.istio_version >= (1, 21) else None)


def _secret(name: str) -> str:
    """The resource a proxy asks for; a server of secrets of its own (`sds://`) is only asked by its own proxies."""
    name = name.removeprefix("sds://")
    return name if name.startswith(_KINDS_OF_SECRET) else f"kubernetes://{name}"


def _skips(block: Block | None) -> bool:
    return block is not None and block.get("insecureSkipVerify") is True


def _text(block: Block | None, name: str) -> str:
    value = block.get(name) if block else None
    return str(value) if isinstance(value, str | Placeholder) else ""


def _names(block: Block | None) -> tuple[str, ...]:
    names = block.get("subjectAltNames") if block else None
    return tuple(sorted(str(name) for name in names)) if isinstance(names, list) else ()
