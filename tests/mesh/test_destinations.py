"""The DestinationRule that clients get for a host.

Mirrors istiod's `pilot/pkg/model/push_context.go setDestinationRules` and `destinationRule` (lookup),
`destination_rule.go mergeDestinationRule` (merge) and `sidecar.go SidecarScope.DestinationRule` (choice). The tables
EXPORTS, SELECTORS and LOOKUPS were put to the real istiod.
"""

from __future__ import annotations

import pytest

from meshlint.mesh.effective import Basis
from meshlint.mesh.istio.destinations import Merged

from .conftest import assert_decides, created, host_of, line_of, manifests, marked, mesh_of

CART = "cart.shop.svc.cluster.local"


def rule(name: str, *fields: str, meta: str = "", host: str = CART, policy: bool = True) -> str:
    """A DestinationRule with a subset of its own name, and a trafficPolicy; one field a line."""
    namespace, _, short = name.partition("/")
    lines = [*fields, f'host: "{host}"', f"subsets: [{{name: {short}, labels: {{v: {short}}}}}]"]
    lines += ["trafficPolicy: {connectionPool: {http: {maxRetries: 1}}}"] if policy else []
    body = "\n".join(f"  {line}" for line in lines)
    return f"---\nDestinationRule {namespace}/{short}{meta and ' ' + meta}\nspec:\n{body}\n"


def names(merged: Merged | None) -> list[str]:
    return [f"{r.namespace}/{r.name}" for r in merged.rules] if merged else []


NAMESPACES = "".join(f"---\nNamespace {name}\n" for name in ("shop", "bank", "third"))

EXPORTS = {
    "unset and unset": (["", ""], "a b", "a b", "a b"),
    "star and star": (["'*'", "'*'"], "a b", "a b", "a b"),
    "unset and star do not merge": (["", "'*'"], "b", "b", "b"),
    "star and unset do not merge": (["'*'", ""], "b", "b", "b"),
    "dot and star": ([".", "'*'"], "b", "b", "b"),
    "star and dot": (["'*'", "."], "b", "a", "a"),
    "dot and the namespace's name are not equal": ([".", "shop"], "b", "", ""),
    "wider after narrower, private one": (["shop", "shop, bank"], "a b", "b", ""),
    "wider after dot": ([".", "., bank"], "a b", "b", ""),
    "wider after narrower is lost for the others": (["bank", "bank, third"], "", "a b", ""),
    "narrower after wider stands alone": (["bank, third", "bank"], "", "b", "a"),
    "overlapping ones do not merge": (["bank, third", "bank, shop"], "b", "b", "a"),
    "foreign namespaces only": (["bank", "bank"], "", "a b", ""),
    "a third like the first joins both": (["shop, bank", "shop", "shop, bank"], "b c", "a c", ""),
    "a third like the second joins the first": (["shop", "shop, bank", "shop, bank"], "a b c", "b c", ""),
    "a star after two": (["shop", "shop, bank", "'*'"], "c", "c", "c"),
}


@pytest.mark.parametrize("exports, shop, bank, third", EXPORTS.values(), ids=EXPORTS)
def test_rules_merge_by_export_to_as_written(exports: list[str], shop: str, bank: str, third: str) -> None:
    """`mergeDestinationRule` with ENABLE_ENHANCED_DESTINATIONRULE_MERGE, for rules made in the order of their names."""
    text = NAMESPACES
    for day, (name, export) in enumerate(zip("abc", exports, strict=False), 1):
        text += rule(f"shop/{name}", *([f"exportTo: [{export}]"] if export else []), meta=created(day))
    mesh = mesh_of(text)
    found = {
        client: names(mesh.destination_rules.for_client(client, CART).value) for client in ("shop", "bank", "third")
    }
    expected = {"shop": shop, "bank": bank, "third": third}
    assert found == {client: [f"shop/{name}" for name in word.split()] for client, word in expected.items()}


SELECTOR = "workloadSelector: {matchLabels: {app: nobody}}"
SELECTORS = {
    "a plain rule stands apart": ([SELECTOR, ""], "b", "b"),
    "a plain rule for all stands apart": ([SELECTOR, "exportTo: ['*']"], "b", "b"),
    "a private plain rule is lost": ([SELECTOR, "exportTo: [.]"], "", ""),
    "a plain rule that names its namespace is kept": ([SELECTOR, "exportTo: [shop]"], "b", ""),
    "a plain rule for more than its namespace is kept": ([SELECTOR, "exportTo: [., bank]"], "b", "b"),
    "alone it leaves the others without": ([SELECTOR], "", ""),
    "its age does not matter": (["exportTo: [.]", SELECTOR], "", ""),
}


@pytest.mark.parametrize("fields, shop, bank", SELECTORS.values(), ids=SELECTORS)
def test_rules_with_a_workload_selector(fields: list[str], shop: str, bank: str) -> None:
    """What workloads get that the selector does not take; FINDINGS, istio issue 58322."""
    text = NAMESPACES
    for day, (name, field) in enumerate(zip("ab", fields, strict=False), 1):
        text += rule(f"shop/{name}", *([field] if field else []), meta=created(day))
    mesh = mesh_of(text)
    found = {client: names(mesh.destination_rules.for_client(client, CART).value) for client in ("shop", "bank")}
    assert found == {"shop": [f"shop/{n}" for n in shop.split()], "bank": [f"shop/{n}" for n in bank.split()]}


LOOKUPS = {
    "the service's namespace": (rule("shop/a"), "bank", ["shop/a"]),
    "the client's namespace goes first": (rule("shop/a") + rule("bank/b"), "bank", ["bank/b"]),
    "a wildcard of the client's namespace hides it": (
        rule("shop/a") + rule("bank/b", host="*.local"),
        "bank",
        ["bank/b"],
    ),
    "even a star": (rule("shop/a") + rule("bank/b", host="*"), "bank", ["bank/b"]),
    "only for that client": (rule("shop/a") + rule("bank/b", host="*.local"), "third", ["shop/a"]),
    "a rule of the client with a selector hides it, too": (rule("shop/a") + rule("bank/b", SELECTOR), "bank", []),
    "the root namespace last": (rule("istio-system/r", host="*.local"), "bank", ["istio-system/r"]),
    "a rule of the service before the root's": (
        rule("istio-system/r") + rule("shop/a", host="*.local"),
        "bank",
        ["shop/a"],
    ),
    "any other namespace: no": (rule("third/c"), "bank", []),
    "a root client looks at the service first": (
        rule("istio-system/r") + rule("shop/a"),
        "istio-system",
        ["shop/a"],
    ),
    "a root client takes a private rule of the root": (
        rule("istio-system/r", "exportTo: [.]") + rule("shop/a"),
        "istio-system",
        ["istio-system/r"],
    ),
    "exact before wildcard": (rule("shop/a") + rule("shop/w", host="*.local"), "bank", ["shop/a"]),
    "the longer wildcard": (
        rule("shop/w", host="*.local") + rule("shop/x", host="*.shop.svc.cluster.local"),
        "bank",
        ["shop/x"],
    ),
    "a private exact rule does not hide a wildcard": (
        rule("shop/a", "exportTo: [.]") + rule("shop/w", host="*.local"),
        "bank",
        ["shop/w"],
    ),
    "an exact rule for a third namespace does": (
        rule("shop/a", "exportTo: [third]") + rule("shop/w", host="*.local"),
        "bank",
        [],
    ),
    "but not one of the root namespace": (
        rule("shop/a", "exportTo: [third]") + rule("istio-system/r", host="*.local"),
        "bank",
        ["istio-system/r"],
    ),
    "a short name is of the rule's namespace": (rule("shop/a", host="cart"), "bank", ["shop/a"]),
    "a short name elsewhere is another host": (rule("bank/b", host="cart"), "bank", []),
    "the default export of the mesh": (
        rule("shop/a") + '---\nConfigMap istio-system/istio\ndata: {mesh: "defaultDestinationRuleExportTo: [.]"}\n',
        "bank",
        [],
    ),
    "its own clients see it all the same": (
        rule("shop/a") + '---\nConfigMap istio-system/istio\ndata: {mesh: "defaultDestinationRuleExportTo: [.]"}\n',
        "shop",
        ["shop/a"],
    ),
}


@pytest.mark.parametrize("text, client, expected", LOOKUPS.values(), ids=LOOKUPS)
def test_lookup(text: str, client: str, expected: list[str]) -> None:
    """`push_context.go destinationRule`: the first step that has a rule; nothing is merged across steps."""
    assert names(mesh_of(NAMESPACES + text).destination_rules.for_client(client, CART).value) == expected


def test_case_counts_in_the_host_of_a_rule() -> None:
    mesh = mesh_of(rule("shop/a", host="CART.shop.svc.cluster.local"))
    assert names(mesh.destination_rules.for_client("bank", CART).value) == []


def test_the_owner_of_a_service_entry_s_host_is_its_namespace() -> None:
    text = """
ServiceEntry egress/api
spec: {hosts: [api.example.com], ports: [{number: 80, name: http, protocol: HTTP}]}
""" + rule("egress/api", host="api.example.com")
    assert names(mesh_of(text).destination_rules.for_client("bank", "api.example.com").value) == ["egress/api"]


def test_the_first_policy_counts_whole_and_subsets_unite() -> None:
    text = (
        rule("shop/a", meta=created(1), policy=False)
        + rule("shop/b", meta=created(3))
        + rule("shop/c", meta=created(2))
        + rule("shop/a2", meta=created(4)).replace("name: a2,", "name: a,")
    )
    found = mesh_of(text).destination_rules.for_client("shop", CART)
    assert found.value
    assert found.value.policy and found.value.policy.name == "c"
    assert [(name, r.name, index) for name, r, index in found.value.subsets] == [
        ("a", "a", 0),
        ("c", "c", 0),
        ("b", "b", 0),
    ]
    assert (found.basis, found.candidates) == (Basis.DECLARED, ())


def test_the_place_is_the_policy_that_counts() -> None:
    text = rule("shop/a", meta=created(2)) + rule("shop/b", meta=created(1)).replace(
        "maxRetries: 1}}}", "maxRetries: 1}}} # <-"
    )
    found = mesh_of(text).destination_rules.for_client("shop", CART)
    assert_decides(found, text)


def test_a_tie_has_a_candidate_for_every_rule_that_may_be_the_oldest() -> None:
    found = mesh_of(rule("shop/a") + rule("shop/b")).destination_rules.for_client("shop", CART)
    assert found.basis is Basis.TIE
    assert [c.value.policy.name for c in found.candidates if c.value and c.value.policy] == ["a", "b"]


# ---- what is dropped -------------------------------------------------------------------------------------------------


def dropped(text: str) -> list[tuple[str, str, tuple[str, ...], list[str], bool]]:
    """Per dropped part: the rule, the pointer, the blocks, the rules that win, and whether that is certain."""
    found = host_of(mesh_of(NAMESPACES + text), CART).dropped
    return [(d.resource.name, d.location.pointer, d.lost, [r.name for r in d.kept], d.certain) for d in found]


def plain(name: str, spec: str, meta: str = "") -> str:
    return f"---\nDestinationRule {name}{meta and ' ' + meta}\nspec: {{host: {CART}, {spec}}}\n"


POOL = "trafficPolicy: {connectionPool: {tcp: {maxConnections: 9}}, outlierDetection: {interval: 1s}}"
LB = "trafficPolicy: {loadBalancer: {simple: RANDOM}}"
V1, V1_OTHER = "subsets: [{name: v1, labels: {v: '1'}}]", "subsets: [{name: v1, labels: {v: '2'}}]"

DROPPED = {
    "one rule": (plain("shop/a", POOL), []),
    "nothing to lose": (plain("shop/a", POOL) + plain("shop/b", V1), []),
    "the same policy twice": (plain("shop/a", POOL) + plain("shop/b", POOL), []),
    "the younger policy": (
        plain("shop/a", POOL, created(2)) + plain("shop/b", LB, created(1)),
        [("a", "spec.trafficPolicy", ("connectionPool", "outlierDetection"), ["b"], True)],
    ),
    "without ages the later by name, not certain": (
        plain("shop/b", POOL) + plain("shop/a", LB),
        [("b", "spec.trafficPolicy", ("connectionPool", "outlierDetection", "loadBalancer"), ["a"], False)],
    ),
    "what both say alike is not lost": (
        plain("shop/a", LB, created(1))
        + plain("shop/b", "trafficPolicy: {loadBalancer: {simple: RANDOM}, tls: {mode: DISABLE}}", created(2)),
        [("b", "spec.trafficPolicy", ("tls",), ["a"], True)],
    ),
    "the younger says less": (
        plain("shop/a", POOL, created(1)) + plain("shop/b", "trafficPolicy: {}", created(2)),
        [],
    ),
    "the younger says the same as the oldest": (
        plain("shop/a", LB, created(1)) + plain("shop/b", POOL, created(2)) + plain("shop/c", LB, created(3)),
        [("b", "spec.trafficPolicy", ("connectionPool", "outlierDetection"), ["a"], True)],
    ),
    "of three, two": (
        plain("shop/a", POOL) + plain("shop/b", LB) + plain("shop/c", "trafficPolicy: {tls: {mode: DISABLE}}"),
        [
            ("b", "spec.trafficPolicy", ("loadBalancer", "connectionPool", "outlierDetection"), ["a"], False),
            (
                "c",
                "spec.trafficPolicy",
                ("tls", "connectionPool", "outlierDetection", "loadBalancer"),
                ["a", "b"],
                False,
            ),
        ],
    ),
    "a subset defined differently": (
        plain("shop/a", V1, created(1)) + plain("shop/b", V1_OTHER, created(2)),
        [("b", "spec.subsets[0].name", ("subset v1",), ["a"], True)],
    ),
    "a subset defined alike": (plain("shop/a", V1) + plain("shop/b", V1), []),
    "unset and star: the older is hidden whole": (
        plain("shop/a", f"{LB}, {V1}", created(1)) + plain("shop/b", f"exportTo: ['*'], {POOL}", created(2)),
        [("a", "spec.trafficPolicy", ("loadBalancer", "subset v1"), ["b"], True)],
    ),
    "namespaces that do not meet": (
        plain("shop/a", f"exportTo: [bank], {LB}") + plain("shop/b", f"exportTo: [third], {POOL}"),
        [],
    ),
    "rules of two namespaces are never merged": (plain("shop/a", LB) + plain("bank/b", POOL), []),
    "other selectors, other workloads": (
        plain("shop/a", f"workloadSelector: {{matchLabels: {{app: a}}}}, {LB}")
        + plain("shop/b", f"workloadSelector: {{matchLabels: {{app: b}}}}, {POOL}"),
        [],
    ),
    "the same selector": (
        plain("shop/a", f"workloadSelector: {{matchLabels: {{app: a}}}}, {LB}", created(1))
        + plain("shop/b", f"workloadSelector: {{matchLabels: {{app: a}}}}, {POOL}", created(2)),
        [("b", "spec.trafficPolicy", ("connectionPool", "outlierDetection"), ["a"], True)],
    ),
}


@pytest.mark.parametrize("text, expected", DROPPED.values(), ids=DROPPED)
def test_dropped(text: str, expected: list[tuple[str, str, tuple[str, ...], list[str], bool]]) -> None:
    assert dropped(text) == expected


@pytest.mark.parametrize("names", [("shop/a", "shop/b"), ("shop/b", "shop/a")])
def test_an_empty_policy_hides_the_other_only_if_it_is_the_oldest(names: tuple[str, str]) -> None:
    empty, full = names
    text = plain(empty, "trafficPolicy: {}") + plain(full, LB)
    (found,) = host_of(mesh_of(NAMESPACES + text), CART).dropped
    assert (str(found.resource), found.lost) == (f"DestinationRule {full}", ("loadBalancer",))
    assert (found.certain, found.inevitable) == (False, False)


def test_of_two_policies_without_ages_one_is_lost_whichever_is_older() -> None:
    (found,) = host_of(mesh_of(NAMESPACES + plain("shop/a", POOL) + plain("shop/b", LB)), CART).dropped
    assert (found.certain, found.inevitable) == (False, True)


def test_a_private_plain_rule_beside_one_with_a_selector_is_dropped() -> None:
    text = plain("shop/a", f"{SELECTOR}, {LB}") + plain("shop/b", f"exportTo: [.], {POOL}")
    assert [(name, lost) for name, _, lost, _, _ in dropped(text)] == [("b", ("connectionPool", "outlierDetection"))]


def test_a_wider_rule_is_dropped_for_the_namespaces_that_only_it_lists() -> None:
    text = plain("shop/a", "exportTo: [bank], " + V1, created(1)) + plain(
        "shop/b", f"exportTo: [bank, third], {LB}", created(2)
    )
    assert [(name, lost) for name, _, lost, _, _ in dropped(text)] == [("b", ("loadBalancer",))]


def test_the_place_of_what_is_dropped() -> None:
    text = """
DestinationRule shop/a
spec:
  host: cart
  trafficPolicy: {loadBalancer: {simple: RANDOM}}
---
DestinationRule shop/b
spec:
  host: cart
  trafficPolicy: {outlierDetection: {interval: 1s}} # <-
"""
    (found,) = host_of(mesh_of(text), CART).dropped
    assert line_of(found.location) == marked(text)
    assert manifests(text).splitlines()[found.location.span.start_line - 1].startswith("  trafficPolicy:")
