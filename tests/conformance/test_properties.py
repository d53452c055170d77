"""What must hold of the facts of any mesh."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from meshlint import pipeline
from meshlint.config import Config
from meshlint.mesh.effective import Effective
from meshlint.mesh.facts.facts import facts
from meshlint.mesh.mesh import Mesh

Document = dict[str, Any]

NAMESPACES = ("shop", "pay", "web")
HOSTS = (
    "cart",
    "orders",
    "cart.shop.svc.cluster.local",
    "api.example.com",
    "*.example.com",
    "*.shop.svc.cluster.local",
)
EXPORTS = (None, ["*"], ["."], ["shop"], ["pay", "."], ["web"])
MODEST = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def _object(kind: str, namespace: str, name: str, spec: Document, group: str = "networking.istio.io/v1") -> Document:
    return {"apiVersion": group, "kind": kind, "metadata": {"name": name, "namespace": namespace}, "spec": spec}


def base() -> Iterator[Document]:
    """Three namespaces with a proxied workload and a Service each."""
    for namespace, name in zip(NAMESPACES, ("cart", "orders", "front"), strict=True):
        labels = {"istio-injection": "enabled"}
        yield {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace, "labels": labels}}
        template = {"metadata": {"labels": {"app": name}}, "spec": {"containers": [{"name": "app", "image": "app"}]}}
        yield _object("Deployment", namespace, name, {"template": template}, "apps/v1")
        ports = [{"name": "http", "port": 80}, {"name": "tcp", "port": 90}]
        yield _object("Service", namespace, name, {"selector": {"app": name}, "ports": ports}, "v1")


def _exported(spec: Document, export: list[str] | None) -> Document:
    return spec if export is None else {**spec, "exportTo": export}


@st.composite
def objects(draw: st.DrawFn) -> list[Document]:
    """Some objects of Istio about a few hosts, so that they meet; every one has a creation time of its own."""
    found = []
    for index in range(draw(st.integers(1, 6))):
        kind = draw(
            st.sampled_from(["VirtualService", "DestinationRule", "ServiceEntry", "Sidecar", "PeerAuthentication"])
        )
        namespace, host = draw(st.sampled_from(NAMESPACES)), draw(st.sampled_from(HOSTS))
        export = draw(st.sampled_from(EXPORTS))
        found.append(_drawn(draw, kind, namespace, f"{draw(st.sampled_from('abc'))}-{index}", host, export))
    days = draw(st.permutations(range(1, 29)))
    for document, day in zip(found, days, strict=False):
        document["metadata"]["creationTimestamp"] = f"2025-01-{day:02d}T00:00:00Z"
    return found


def _drawn(draw: st.DrawFn, kind: str, namespace: str, name: str, host: str, export: list[str] | None) -> Document:
    if kind == "VirtualService":
        route = {
            "timeout": draw(st.sampled_from(["1s", "2s"])),
            "route": [{"destination": {"host": host.lstrip("*.")}}],
        }
        return _object(kind, namespace, name, _exported({"hosts": [host], "http": [route]}, export))
    if kind == "DestinationRule":
        pool = {"tcp": {"maxConnections": draw(st.integers(1, 3))}}
        return _object(
            kind, namespace, name, _exported({"host": host, "trafficPolicy": {"connectionPool": pool}}, export)
        )
    if kind == "ServiceEntry":
        ports = [{"number": draw(st.sampled_from([80, 443])), "name": "http", "protocol": "HTTP"}]
        hosts = [host if "." in host else f"{host}.example.com"]
        return _object(kind, namespace, name, _exported({"hosts": hosts, "ports": ports, "resolution": "NONE"}, export))
    if kind == "Sidecar":
        hosts = draw(st.lists(st.sampled_from(["./*", "*/*", "shop/*", "pay/*"]), min_size=1, max_size=2, unique=True))
        return _object(kind, namespace, name, {"egress": [{"hosts": hosts}]})
    mode = draw(st.sampled_from(["STRICT", "PERMISSIVE", "DISABLE"]))
    return _object(kind, namespace, name, {"mtls": {"mode": mode}}, "security.istio.io/v1")


def mesh_of(files: Sequence[Sequence[Document]]) -> Mesh:
    with tempfile.TemporaryDirectory() as folder:
        for index, documents in enumerate(files):
            Path(folder, f"{index}.yaml").write_text(yaml.safe_dump_all(documents), encoding="utf-8")
        read = pipeline.read([folder], Config(), namespace="default")
    assert read.failures == ()
    (mesh,) = read.meshes
    return mesh


def facts_of(*files: Sequence[Document], keep_rejected: bool = False) -> Document:
    return facts("mesh", mesh_of(files), keep_rejected=keep_rejected)


def text(found: Document) -> str:
    return json.dumps(found, sort_keys=True)


@MODEST
@given(objects(), st.randoms(use_true_random=False), st.integers(0, 20))
def test_order_and_splitting_change_nothing(found: list[Document], random: Any, cut: int) -> None:
    documents = [*base(), *found]
    expected = facts_of(documents)
    random.shuffle(documents)
    parts = [part for part in (documents[:cut], documents[cut:]) if part]
    assert text(facts_of(*parts)) == text(expected)


@MODEST
@given(objects())
def test_an_unrelated_namespace_changes_nothing(found: list[Document]) -> None:
    expected = facts_of([*base(), *found])
    other = [_object("VirtualService", "zoo", "v", {"hosts": ["cart.shop.svc.cluster.local"], "exportTo": ["."]})]
    other.append(_object("DestinationRule", "zoo", "d", {"host": "cart.shop.svc.cluster.local"}))
    entry = {
        "hosts": ["api.example.com"],
        "exportTo": ["."],
        "ports": [{"number": 80, "name": "http", "protocol": "HTTP"}],
    }
    other.append(_object("ServiceEntry", "zoo", "e", {**entry, "resolution": "NONE"}))
    other.append(_object("PeerAuthentication", "zoo", "p", {"mtls": {"mode": "STRICT"}}, "security.istio.io/v1"))
    other.append(_object("Sidecar", "zoo", "s", {"egress": [{"hosts": ["./*"]}]}))
    again = facts_of([*base(), *found, *other])
    for each in (expected, again):
        each.pop("admission", None)
    assert text(again) == text(expected)


def _seen(found: Document) -> set[tuple[str, str]]:
    return {(client, host) for group in found["visible"] for client in group["clients"] for host in group["value"]}


@MODEST
@given(objects(), st.integers(0, 5), st.sampled_from([["."], ["shop"]]))
def test_a_narrower_export_shows_no_more(found: list[Document], which: int, narrower: list[str]) -> None:
    """Also of an object that admission refuses; else one that it takes once it is narrower would appear."""
    entries = [document for document in found if document["kind"] == "ServiceEntry"]
    if not entries:
        return
    before = _seen(facts_of([*base(), *found], keep_rejected=True))
    spec = entries[which % len(entries)]["spec"]
    wide = spec.get("exportTo", ["*"])
    namespace = entries[which % len(entries)]["metadata"]["namespace"]
    names = {namespace if name == "." else name for name in wide}
    spec["exportTo"] = narrower if "*" in names or {namespace if n == "." else n for n in narrower} <= names else ["~"]
    assert _seen(facts_of([*base(), *found], keep_rejected=True)) <= before


@MODEST
@given(objects(), st.sampled_from(NAMESPACES))
def test_creation_times_yield_a_candidate(found: list[Document], client: str) -> None:
    """Of a host that several objects claim: with creation times that put a candidate first, it wins."""
    for document in found:
        del document["metadata"]["creationTimestamp"]
    undecided = mesh_of([[*base(), *found]])
    for host in undecided.hosts:
        for candidate in undecided.virtual_service(client, host).candidates:
            assert candidate.value is not None
            winner = candidate.value.resource
            for document in found:
                first = (document["kind"], document["metadata"]["name"]) == (winner.kind, winner.name)
                document["metadata"]["creationTimestamp"] = f"2025-01-{'01' if first else '02'}T00:00:00Z"
            decided = mesh_of([[*base(), *found]])
            (same,) = (other for other in decided.hosts if other.name == host.name)
            assert _name(decided.virtual_service(client, same)) == winner.name


def _name(claim: Effective[Any]) -> str:
    name: str = claim.value.resource.name
    return name
