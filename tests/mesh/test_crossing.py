"""Who gets through without being named, by which rule, and what decides how far callers are limited."""

from __future__ import annotations

import pytest

from meshlint.mesh.istio.authorization.access import Access
from meshlint.mesh.istio.authorization.callers import OPEN_PATHS, Width
from meshlint.mesh.istio.authorization.calls import Identity
from meshlint.mesh.istio.authorization.crossing import Boundary, crossings, origins
from meshlint.mesh.istio.authorization.overlap import overlap
from meshlint.mesh.mesh import Mesh

from .conftest import line_of, marked, mesh_of, workload_of

LLM = (
    "Namespace ai {labels: {istio-injection: enabled}}\n---\n"
    "PeerAuthentication istio-system/default\nspec: {mtls: {mode: STRICT}}\n---\n"
    "Pod ai/llm {labels: {app: llm}}\nspec:\n  containers:\n    - name: c\n"
    "      ports: [{name: http, containerPort: 8000}, {name: metrics, containerPort: 9090}]\n"
    "      readinessProbe: {httpGet: {port: 8081}}\n---\n"
    "Service ai/llm\nspec: {selector: {app: llm}, ports: [{name: http, port: 80, targetPort: 8000}]}\n---\n"
)
STAR = "'*'"
EDGE = Identity("web", "edge")
DECIDES, ALL = Boundary(OPEN_PATHS, True), Boundary(OPEN_PATHS, False)


def policy(name: str, *rules: str, action: str = "ALLOW") -> str:
    return f"AuthorizationPolicy ai/{name}\nspec:\n  action: {action}\n  rules:\n" + "".join(
        f"    - {rule}\n" for rule in rules
    )


def of(*policies: str) -> tuple[Mesh, Access]:
    mesh = mesh_of(LLM + "---\n".join(policies))
    access = mesh.access(workload_of(mesh, "ai/llm"))
    assert access is not None
    return mesh, access


def source(**fields: str) -> str:
    return "from: [{source: {" + ", ".join(f"{field}: [{values}]" for field, values in fields.items()) + "}}]"


NAMED = f"{{{source(principals='cluster.local/ns/web/sa/edge')}}}"
OTHER = f"{{{source(principals='cluster.local/ns/web/sa/other')}}}"
WEB = f"{{{source(namespaces='web')}}} # <-"
CROSSED = {
    "no policy": ([], ["no policy limits who may call it"]),
    "another account": ([policy("a", OTHER)], []),
    "its account": ([policy("a", NAMED)], []),
    "its namespace": ([policy("a", WEB)], ["admits every workload of web"]),
    "its account and its namespace": ([policy("a", NAMED, WEB.removesuffix(" # <-"))], []),
    "another namespace": ([policy("a", f"{{{source(namespaces='rag')}}}")], []),
    "a header": (
        [policy("a", "{when: [{key: 'request.headers[x]', values: [y]}]} # <-")],
        ["admits every workload of the mesh"],
    ),
    "a token": ([policy("a", f"{{{source(requestPrincipals=STAR)}}}")], []),
    "an address that may be": ([policy("a", f"{{{source(ipBlocks='10.0.0.0/8')}}}")], []),
    "open paths": ([policy("a", OTHER, "{to: [{operation: {paths: [/health, /metrics]}}]}")], []),
    "the port of the metrics": ([policy("a", OTHER, "{to: [{operation: {ports: ['9090']}}]}")], []),
    "a port that only probes use": ([policy("a", OTHER, "{to: [{operation: {ports: ['8081']}}]}")], []),
    "a port that nothing listens on": ([policy("a", OTHER, "{to: [{operation: {ports: ['80']}}]}")], []),
    "the port of requests": (
        [policy("a", OTHER, "{to: [{operation: {ports: ['8000']}}]} # <-")],
        ["admits every workload of the mesh"],
    ),
    "what is denied": (
        [policy("a", WEB.removesuffix(" # <-")), policy("d", f"{{{source(namespaces='web')}}}", action="DENY")],
        [],
    ),
    "a DENY of others": (
        [policy("d", f"{{{source(notNamespaces='web')}}} # <-", action="DENY")],
        ["refuses only others"],
    ),
    "a DENY of it for a path": (
        [
            policy(
                "d", f"{{{source(notNamespaces='rag')}, to: [{{operation: {{paths: [/write]}}}}]}} # <-", action="DENY"
            )
        ],
        ["refuses it only some of what it may ask for"],
    ),
    "a DENY of all but accounts": (
        [policy("d", f"{{{source(notPrincipals='cluster.local/ns/web/sa/edge')}}}", action="DENY")],
        [],
    ),
    "a DENY of all but accounts and of all but health": (
        [
            policy(
                "d",
                f"{{{source(notPrincipals='cluster.local/ns/web/sa/edge')}, "
                "to: [{operation: {notPaths: [/health, /metrics]}}]}",
                action="DENY",
            )
        ],
        [],
    ),
    "a DENY of all but accounts and of all but requests": (
        [
            policy(
                "d",
                f"{{{source(notPrincipals='cluster.local/ns/web/sa/edge')}, "
                "to: [{operation: {notPaths: [/v1/*]}}]} # <-",
                action="DENY",
            )
        ],
        ["refuses only others"],
    ),
    "hosts that are outside": ([policy("a", OTHER, "{to: [{operation: {hosts: [api.openai.com]}}]}")], []),
}


@pytest.mark.parametrize("policies, does", CROSSED.values(), ids=CROSSED)
def test_crossings(policies: list[str], does: list[str]) -> None:
    mesh, access = of(*policies)
    guards = [mesh.guard(port) for port in mesh.ports_of(access.workload)]
    found = list(crossings(access, EDGE, guards, DECIDES))
    assert [crossing.does for crossing in found] == does
    places = [line for crossing in found if crossing.rule for line in line_of(crossing.rule.location)]
    assert places == [line for text in policies for line in marked(text)]


def test_naming_is_no_decision_where_none_is_accepted() -> None:
    mesh, access = of(policy("a", NAMED))
    guards = [mesh.guard(port) for port in mesh.ports_of(access.workload)]
    (found,) = crossings(access, EDGE, guards, ALL)
    assert found.does == "admits every workload of cluster.local/ns/web/sa/edge"


ORIGINS = {
    "no policy": ([], None),
    "namespaces": (
        [policy("a", f"{{{source(namespaces='web, rag')}}}", f"{{{source(namespaces='ops')}}}")],
        ["web", "rag", "ops"],
    ),
    "a namespace and everybody": ([policy("a", f"{{{source(namespaces='web')}}}", "{}")], None),
    "accounts": ([policy("a", OTHER)], []),
}


@pytest.mark.parametrize("policies, namespaces", ORIGINS.values(), ids=ORIGINS)
def test_origins(policies: list[str], namespaces: list[str] | None) -> None:
    found = origins(of(*policies)[1], DECIDES)
    assert (None if found is None else list(found)) == namespaces


WIDEST = {
    "nothing": ([policy("a", "{to: [{operation: {paths: [/v1]}}]} # <-")], Width.EVERYBODY),
    "the wider": (
        [policy("a", f"{{{source(namespaces='web')}}}", f"{{{source(ipBlocks='10.0.0.0/8')}}} # <-")],
        Width.ADDRESS,
    ),
    "an account beside it": ([policy("a", OTHER, "{to: [{operation: {paths: [/v1]}}]}")], None),
    "a DENY": ([policy("d", f"{{{source(notNamespaces='web')}}} # <-", action="DENY")], Width.NEGATIVE),
    "a fence": (
        [policy("a", "{}"), policy("d", f"{{{source(notPrincipals='cluster.local/ns/a/sa/b')}}}", action="DENY")],
        None,
    ),
    "only health": ([policy("a", "{to: [{operation: {paths: [/health]}}]}")], None),
    "an authorizer": ([policy("a", "{}"), policy("c", "{}", action="CUSTOM")], None),
}


@pytest.mark.parametrize("policies, width", WIDEST.values(), ids=WIDEST)
def test_widest(policies: list[str], width: Width | None) -> None:
    found = of(*policies)[1].widest(lambda limit: False)
    assert (found and found.width) is width
    if found:
        assert line_of(found.location) == [line for text in policies for line in marked(text)]


OPEN = {
    "no policy": ([], True),
    "an ALLOW": ([policy("a", "{}")], False),
    "a DENY of paths": ([policy("d", "{to: [{operation: {paths: [/admin]}}]}", action="DENY")], True),
    "a DENY of callers": ([policy("d", f"{{{source(notNamespaces='web')}}}", action="DENY")], False),
    "an authorizer": ([policy("c", "{}", action="CUSTOM")], False),
    "a rehearsal": (
        [policy("a", OTHER).replace("ai/a", "ai/a {annotations: {istio.io/dry-run: 'true'}}")],
        True,
    ),
}


@pytest.mark.parametrize("policies, is_open", OPEN.values(), ids=OPEN)
def test_open(policies: list[str], is_open: bool) -> None:
    assert of(*policies)[1].is_open is is_open


OVERLAPS = {
    "the same": ("paths: [/v1/*]", "paths: [/v1/chat]", True),
    "other paths": ("paths: [/v1/*]", "paths: [/v2/*]", False),
    "ends and beginnings": ("paths: [/v1/*]", "paths: ['*/chat']", True),
    "a template": ("paths: ['/v2/{*}/infer']", "paths: [/v2/a/b/infer]", False),
    "other methods": ("methods: [GET]", "methods: [POST]", False),
    "other ports": ("ports: ['80']", "ports: ['81']", False),
    "other hosts": ("hosts: [a.com]", "hosts: [b.com]", True),
    "a method and a path": ("methods: [GET]", "paths: [/v1]", True),
    "one of two": ("paths: [/a], ports: ['80']", "paths: [/a], ports: ['81']", False),
}


@pytest.mark.parametrize("one, other, overlaps", OVERLAPS.values(), ids=OVERLAPS)
def test_overlap(one: str, other: str, overlaps: bool) -> None:
    _, access = of(policy("a", *(f"{{to: [{{operation: {{{operation}}}}}]}}" for operation in (one, other))))
    first, second = (grant.rule for grant in access.grants)
    assert overlap(first, second) is overlap(second, first) is overlaps
