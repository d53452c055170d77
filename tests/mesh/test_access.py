"""What must hold of who may call whom, in any mesh: DENY and ALLOW only narrow and widen, and every kind of call has its class."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from meshlint.mesh.istio.authorization import matching
from meshlint.mesh.istio.authorization.calls import Caller, Identity, Request
from meshlint.mesh.istio.authorization.decide import Verdict, decide, verdict
from meshlint.mesh.istio.authorization.matching import Pattern
from meshlint.mesh.istio.authorization.samples import ANYTHING, PATHS, Named, identities, texts
from meshlint.mesh.istio.authorization.survey import Survey
from meshlint.mesh.mesh import Mesh

from .conftest import mesh_of

Document = dict[str, Any]

MODEST = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])

NAMESPACES, ACCOUNTS = ("shop", "ops", "shopping"), ("web", "job")
PATHS_OF_RULES = ("/", "/a", "/a/b", "/a*", "/a/*", "*/b", "*", "/a/{*}", "/{**}/b", "/{*}/b", "/b*")
HOSTS_OF_RULES = ("llm", "llm:*", "*.com", "LLM", "a.com", "*")
METHODS_OF_RULES = ("GET", "P*", "*T", "POST", "*")
ISSUER = "https://i.example"


def some(values: tuple[str, ...]) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(values), min_size=1, max_size=2, unique=True)


principals = st.one_of(
    st.builds("cluster.local/ns/{}/sa/{}".format, st.sampled_from(NAMESPACES), st.sampled_from(ACCOUNTS)),
    st.sampled_from(["*", "*/sa/web", "cluster.local/ns/shop/*", "*b", "*/ns/shop/sa/job"]),
)
sources = st.one_of(
    st.fixed_dictionaries({"principals": st.lists(principals, min_size=1, max_size=2)}),
    st.fixed_dictionaries({"namespaces": some(("shop", "sh*", "*ing", "o*s"))}),
    st.fixed_dictionaries({"notNamespaces": some(("shop", "sh*"))}),
    st.fixed_dictionaries({"serviceAccounts": some(("web", "ops/job"))}),
    st.fixed_dictionaries({"remoteIpBlocks": some(("10.0.0.0/8", "192.168.0.1"))}),
    st.fixed_dictionaries({"ipBlocks": some(("10.0.0.0/8", "10.1.0.0/16", "192.168.0.1"))}),
    st.fixed_dictionaries({"requestPrincipals": some(("*", f"{ISSUER}/u", f"{ISSUER}/*", "*/v"))}),
    st.fixed_dictionaries(
        {"principals": st.lists(principals, min_size=1, max_size=1), "notNamespaces": some(("ops",))}
    ),
)
operations = st.one_of(
    st.fixed_dictionaries({"paths": some(PATHS_OF_RULES)}),
    st.fixed_dictionaries({"notPaths": some(PATHS_OF_RULES)}),
    st.fixed_dictionaries({"methods": some(METHODS_OF_RULES), "paths": some(PATHS_OF_RULES)}),
    st.fixed_dictionaries({"hosts": some(HOSTS_OF_RULES)}),
    st.fixed_dictionaries({"notHosts": some(HOSTS_OF_RULES), "notMethods": some(METHODS_OF_RULES)}),
    st.fixed_dictionaries({"ports": some(("8080", "5432"))}),
)
conditions = st.builds(
    lambda key, word, values: {"key": key, word: values},
    st.sampled_from(
        [
            "request.headers[x-a]",
            "request.headers[:path]",
            "request.headers[host]",
            "request.headers[x-forwarded-for]",
            "request.auth.claims[group]",
            "request.auth.claims",
        ]
    ),
    st.sampled_from(["values", "notValues"]),
    some(("v", "v*", "*v", "*", "/a*", "llm")),
)
rules = st.fixed_dictionaries(
    {},
    optional={
        "from": st.lists(sources.map(lambda source: {"source": source}), min_size=1, max_size=2),
        "to": st.lists(operations.map(lambda operation: {"operation": operation}), min_size=1, max_size=2),
        "when": st.lists(conditions, min_size=1, max_size=1),
    },
)
policies = st.builds(
    lambda action, listed: {"action": action, "rules": listed},
    st.sampled_from(["ALLOW", "ALLOW", "DENY"]),
    st.lists(rules, min_size=1, max_size=3),
)
customs = rules.map(lambda rule: {"action": "CUSTOM", "provider": {"name": "elsewhere"}, "rules": [rule]})
modes = st.sampled_from([[], ["STRICT"], ["DISABLE"], ["STRICT", "DISABLE"], ["PERMISSIVE", "DISABLE"]])
"""The modes of PeerAuthentications that nothing sets apart."""

callers = st.builds(
    Caller,
    st.none()
    | st.builds(Identity, st.sampled_from([*NAMESPACES, "s"]), st.sampled_from([*ACCOUNTS, "b", "xb"]), st.none()),
    st.none()
    | st.fixed_dictionaries(
        {"iss": st.sampled_from([ISSUER, "nobody"]), "sub": st.sampled_from(["u", "v", "w"])},
        optional={"group": st.sampled_from(["v", "vx", "xv", "x"])},
    ),
    st.sampled_from(["10.0.0.1", "10.1.2.3", "192.168.0.1", "192.168.0.2"]),
    st.none() | st.just("10.0.0.1"),
)
pieces = st.sampled_from(["a", "b", "/", "/", "x", "ab", "a b"])
requests = st.builds(
    Request,
    st.sampled_from(["GET", "POST", "PUT", "PATCH", "get", "XT"]),
    st.lists(pieces, max_size=5).map(lambda words: "/" + "".join(words)),
    st.sampled_from(["llm", "LLM", "llm:80", "a.com", "llm:1.com", "b.COM", "x"]),
    st.fixed_dictionaries(
        {},
        optional={
            "x-a": st.sampled_from(["v", "vw", "wv", "", "w", "/ab"]),
            "x-forwarded-for": st.sampled_from(["v", "8.8.8.8, 10.0.0.1", "192.168.0.1"]),
        },
    ),
    st.just(False),
    st.none(),
    st.just(False),
)


def mesh(found: list[Document], modes: list[str] | None = None) -> Mesh:
    documents: list[Document] = [
        {
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {"name": "shop", "labels": {"istio-injection": "enabled"}},
        },
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "llm", "namespace": "shop"},
            "spec": {
                "template": {
                    "metadata": {"labels": {"app": "llm"}},
                    "spec": {"containers": [{"name": "llm", "image": "llm"}]},
                }
            },
        },
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "llm", "namespace": "shop"},
            "spec": {
                "selector": {"app": "llm"},
                "ports": [{"name": "http", "port": 8080}, {"name": "tcp", "port": 5432}, {"name": "any", "port": 7000}],
            },
        },
        _security("RequestAuthentication", "tokens", {"jwtRules": [{"issuer": ISSUER}]}),
    ]
    documents += [
        _security("PeerAuthentication", f"m{index}", {"mtls": {"mode": mode}}) for index, mode in enumerate(modes or [])
    ]
    named = [_security("AuthorizationPolicy", f"p{index}", spec) for index, spec in enumerate(found)]
    return mesh_of(yaml.safe_dump_all([*documents, *named]))


def _security(kind: str, name: str, spec: Document) -> Document:
    metadata = {"name": name, "namespace": "shop"}
    return {"apiVersion": "security.istio.io/v1", "kind": kind, "metadata": metadata, "spec": spec}


def verdicts(found: list[Document], calls: list[tuple[Caller, Request]]) -> list[Verdict]:
    """What becomes of calls to each port."""
    guards = [of.guard(port) for of in [mesh(found)] for port in of.ports]
    return [verdict(decide(guard, *call)) for guard in guards for call in calls]


calls = st.lists(st.tuples(callers, requests), min_size=20, max_size=20)


@MODEST
@given(st.lists(policies, max_size=3), policies, calls)
def test_a_deny_policy_allows_nothing_more(found: list[Document], other: Document, asked: list[Any]) -> None:
    before, after = verdicts(found, asked), verdicts([*found, {**other, "action": "DENY"}], asked)
    assert [pair for pair in zip(before, after, strict=True) if pair == (Verdict.DENY, Verdict.ALLOW)] == []


@MODEST
@given(st.lists(policies, max_size=3), policies, calls)
def test_the_first_allow_policy_allows_nothing_more(found: list[Document], other: Document, asked: list[Any]) -> None:
    denying = [policy for policy in found if policy["action"] == "DENY"]
    before, after = verdicts(denying, asked), verdicts([*denying, {**other, "action": "ALLOW"}], asked)
    assert [pair for pair in zip(before, after, strict=True) if pair == (Verdict.DENY, Verdict.ALLOW)] == []


@MODEST
@given(st.lists(policies, max_size=3), policies, policies, calls)
def test_a_further_allow_policy_denies_nothing_more(
    found: list[Document], first: Document, other: Document, asked: list[Any]
) -> None:
    found = [*found, {**first, "action": "ALLOW"}]
    before, after = verdicts(found, asked), verdicts([*found, {**other, "action": "ALLOW"}], asked)
    assert [pair for pair in zip(before, after, strict=True) if pair == (Verdict.ALLOW, Verdict.DENY)] == []


@settings(MODEST, max_examples=70, phases=set(Phase) - {Phase.shrink})
@given(
    st.lists(policies | policies | customs, max_size=4),
    modes,
    st.lists(st.tuples(callers, requests, st.booleans()), min_size=50, max_size=50),
)
def test_the_class_of_a_call_has_its_verdict(
    found: list[Document], modes: list[str], asked: list[tuple[Caller, Request, bool]]
) -> None:
    """70 meshes, 3 ports, 50 calls: what `show access` says of a class, `can` says of each of its calls."""
    of = mesh(found, modes)
    for port in of.ports:
        guard = of.guard(port)
        survey = Survey(guard)
        for caller, request, tcp in asked:
            call = caller, request._replace(tcp={8080: False, 5432: True}.get(port.number or 0, tcp))
            assert verdict(survey.of(*call)) is verdict(decide(guard, *call)), (found, modes, call)


about_callers = st.builds(
    lambda action, listed, asked: {
        "action": action,
        **({"provider": {"name": "elsewhere"}} if action == "CUSTOM" else {}),
        "rules": [{"from": [{"source": source} for source in sources], **asked} for sources in listed],
    },
    st.sampled_from(["ALLOW", "DENY", "CUSTOM"]),
    st.lists(st.lists(sources, min_size=2, max_size=3), min_size=1, max_size=2),
    st.sampled_from([{}, {}, {"to": [{"operation": {"methods": ["GET"]}}]}]),
)
CALLS_OF_ALL = [
    (Caller(identity, claims, address), Request(method, "/", "llm"))
    for identity in (None, *(Identity(*name) for name in [("shop", "web"), ("ops", "job"), ("shopping", "b")]))
    for claims in (None, *({"iss": issuer, "sub": subject} for issuer, subject in [(ISSUER, "u"), ("nobody", "v")]))
    for address in ("10.0.0.1", "10.1.2.3", "192.168.0.1", "192.168.0.2")
    for method in ("GET", "PUT")
]


@MODEST
@given(st.lists(about_callers, min_size=1, max_size=2), st.sampled_from(["STRICT", "PERMISSIVE"]))
def test_by_a_tie_of_modes_the_class_of_a_call_has_its_verdict(found: list[Document], mode: str) -> None:
    """Rules with several kinds of sources: which of them takes a caller depends on whether its identity is known."""
    of = mesh(found, [mode, "DISABLE"])
    guard = next(of.guard(port) for port in of.ports if port.number == 8080)
    survey = Survey(guard)
    differing = [call for call in CALLS_OF_ALL if verdict(survey.of(*call)) is not verdict(decide(guard, *call))]
    assert differing == []


@MODEST
@given(st.lists(policies, max_size=4))
def test_what_is_shown_is_what_its_example_gets(found: list[Document]) -> None:
    of = mesh(found)
    for port in of.ports:
        guard = of.guard(port)
        for answer in Survey(guard).answers:
            decision, shown = decide(guard, answer.caller, answer.request).value, answer.outcome.value
            assert (decision.verdict, decision.layer) == (shown.verdict, shown.layer)
            assert set(decision.policies) <= set(shown.policies)


def covered(patterns: list[Pattern], within: Pattern, text: str) -> bool:
    """Whether some representative fits the same patterns as a text."""
    fits = [pattern.matches(text) for pattern in patterns]
    samples = texts([Named(pattern, "p") for pattern in patterns], within, "other")
    return any([pattern.matches(sample.value) for pattern in patterns] == fits for sample in samples)


words = st.lists(st.sampled_from(["a", "b", "/", "ab"]), min_size=1, max_size=3).map("".join)
forms = st.sampled_from(["{}", "{}*", "*{}", "*", "/{}*", "/{}"])
plain = st.builds(lambda form, word: matching.text(form.format(word)), forms, words)
templates = st.lists(st.sampled_from(["/a", "/b", "/{*}", "/ab"]), min_size=1, max_size=3).map(
    lambda parts: matching.path("".join(parts))
)


@settings(MODEST, max_examples=300)
@given(st.lists(plain, max_size=5), st.lists(st.sampled_from(["a", "b", "/", "ab", "x"]), max_size=7).map("".join))
def test_texts_are_represented(patterns: list[Pattern], text: str) -> None:
    assert covered(patterns, ANYTHING, text)


@settings(MODEST, max_examples=300)
@given(
    st.lists(templates, max_size=3),
    st.lists(plain, max_size=2),
    st.lists(st.sampled_from(["/a", "/b", "/x", "/ab", "/"]), min_size=1, max_size=5).map("".join),
)
def test_paths_are_represented(some: list[Pattern], others: list[Pattern], path: str) -> None:
    assert covered([*some, *others], PATHS, path)


@pytest.mark.parametrize("namespace", ["shop", "ops", "sa", "x"])
@pytest.mark.parametrize("account", ["web", "near", "x"])
def test_identities_are_represented(namespace: str, account: str) -> None:
    patterns = [
        *map(matching.principal, ("cluster.local/ns/shop/sa/web", "cluster.local/ns/shop/*", "*r", "*/sa/web", "*")),
        *map(matching.namespace, ("ops", "s*", "*a")),
        matching.account("near", "shop"),
    ]
    assert covered(patterns, identities("cluster.local"), f"spiffe://cluster.local/ns/{namespace}/sa/{account}")
