"""The matches of a delegate below those of its root: `pilot/pkg/model/virtualservice.go hasConflict`.

Each row was asked of istiod (1.32 development line): True = the delegate's route is there.
"""

from __future__ import annotations

import pytest

from .conftest import mesh_of

ROWS = {
    "prefix and longer prefix": ("{uri: {prefix: /a}}", "{uri: {prefix: /a/b}}", True),
    "prefix and other prefix": ("{uri: {prefix: /a}}", "{uri: {prefix: /b}}", False),
    "prefix and exact inside": ("{uri: {prefix: /a}}", "{uri: {exact: /a/b}}", True),
    "exact and prefix": ("{uri: {exact: /a}}", "{uri: {prefix: /a}}", False),
    "regex and prefix": ("{uri: {regex: '/a.*'}}", "{uri: {prefix: /a}}", False),
    "equal regexes": ("{uri: {regex: '/a.*'}}", "{uri: {regex: '/a.*'}}", False),
    "equal headers": ("{headers: {x: {exact: b}}}", "{headers: {x: {exact: b}}}", True),
    "other headers": ("{headers: {x: {exact: b}}}", "{headers: {x: {exact: c}}}", False),
    "a header that is there": ("{headers: {x: {}}}", "{headers: {x: {exact: c}}}", False),
    "methods": ("{method: {exact: GET}}", "{method: {exact: POST}}", False),
    "ports": ("{port: 80}", "{port: 81}", False),
    "labels": ("{sourceLabels: {app: s}}", "{sourceLabels: {app: t}}", False),
    "namespaces": ("{sourceNamespace: a}", "{sourceNamespace: b}", False),
    "gateways": ("{gateways: [mesh]}", "{gateways: [mesh, x]}", False),
    "case of the path": ("{uri: {prefix: /a}, ignoreUriCase: true}", "{uri: {prefix: /a}}", False),
    "queries": ("{queryParams: {q: {exact: '1'}}}", "{queryParams: {q: {exact: '2'}}}", False),
}


@pytest.mark.parametrize("root, leaf, kept", ROWS.values(), ids=ROWS)
def test_what_istiod_keeps(root: str, leaf: str, kept: bool) -> None:
    mesh = mesh_of(
        f"""
VirtualService a/root
spec: {{hosts: [s], http: [{{match: [{root}], delegate: {{name: leaf}}}}]}}
---
VirtualService a/leaf
spec: {{http: [{{match: [{leaf}], route: [{{destination: {{host: s}}}}]}}]}}
"""
    )
    (route,) = mesh.routes
    assert bool(route.destinations) is kept
