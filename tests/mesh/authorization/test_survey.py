"""Who may call a port: the classes of callers and requests, in the words that people read."""

from __future__ import annotations

import time

import pytest

from meshlint.mesh.istio.authorization.branches import MOST_STATES, Branches
from meshlint.mesh.istio.authorization.calls import Caller, Identity, Request
from meshlint.mesh.istio.authorization.decide import verdict
from meshlint.mesh.istio.authorization.matching import header, host, path, text
from meshlint.mesh.istio.authorization.samples import ANYTHING, PATHS, Named, texts
from meshlint.mesh.istio.authorization.survey import Extent, Survey

from ..conftest import line_of, mesh_of, port_of
from .test_decide import GET, JOB, LLM, QUIET, STRICT, WEB, policy, rules

Words = tuple[str, str, str]


def survey(text: str, port: int = 8080) -> Survey:
    mesh = mesh_of(LLM + text)
    return mesh.authorization.survey(mesh.guard(port_of(mesh, "shop/llm", port)))


def words(extents: tuple[Extent, ...]) -> str:
    return " | ".join(", ".join(f"{name} {' or '.join(labels)}" for name, labels in e.parts) or "*" for e in extents)


def told(found: Survey) -> set[Words]:
    return {(words(a.callers), words(a.requests), a.outcome.value.verdict.value) for a in found.answers}


SURVEYS = {
    "nothing limits it": ("", 8080, {("*", "*", "allow")}),
    "mTLS": (
        STRICT,
        8080,
        {("caller any identity", "*", "allow"), ("caller plaintext", "*", "deny")},
    ),
    "callers and requests": (
        rules("{from: [{source: {serviceAccounts: [web]}}], to: [{operation: {methods: [POST], paths: [/v1/*]}}]}"),
        8080,
        {
            ("caller shop/web", "method POST, path /v1/*", "allow"),
            ("caller shop/web", "path any other | method any other", "deny"),
            ("caller plaintext or any other identity", "*", "deny"),
        },
    ),
    "a star that is none": (
        rules("to: [{operation: {paths: ['/a/*/b']}}]"),
        8080,
        {("*", "path /a/*/b literally", "allow"), ("*", "path any other", "deny")},
    ),
    "a DENY rule leaves nobody": (
        rules("from: [{source: {namespaces: [ops]}}]", "{}", action="DENY"),
        8080,
        {("*", "*", "deny")},
    ),
    "tokens": (
        QUIET + rules("when: [{key: 'request.auth.claims[role]', values: [admin]}]"),
        8080,
        {
            ("token with iss https://i, role admin", "*", "allow"),
            ("token absent or with iss https://i, role absent or any other", "*", "deny"),
            ("token with iss any other, role absent or any other or with iss any other, role admin", "*", "deny"),
        },
    ),
    "a claim without a name": (
        QUIET + rules("when: [{key: request.auth.claims, values: [admin]}]"),
        8080,
        {("token absent or with iss https://i", "*", "deny"), ("token with iss any other", "*", "deny")},
    ),
    "addresses": (
        rules("from: [{source: {ipBlocks: [10.0.0.0/8], notIpBlocks: [10.1.0.0/16]}}]"),
        8080,
        {
            ("address 10.0.0.0/8 or the rest of 10.0.0.0/8", "*", "allow"),
            ("address 10.1.0.0/16 or any other", "*", "deny"),
        },
    ),
    "a rule about HTTP on a port without": (
        rules("to: [{operation: {paths: [/a]}}]"),
        9000,
        {("*", "*", "deny")},
    ),
    "what is sniffed": (
        rules("to: [{operation: {paths: [/a]}}]"),
        7000,
        {("*", "path /a", "allow"), ("*", "path any other", "deny"), ("*", "*", "deny")},
    ),
    "what is not known": (
        rules("from: [{source: {namespaces: ['${NS}']}}]"),
        8080,
        {("*", "*", "unknown")},
    ),
}  # fmt: skip


@pytest.mark.parametrize(("text", "port", "expected"), SURVEYS.values(), ids=SURVEYS)
def test_classes_of_calls(text: str, port: int, expected: set[Words]) -> None:
    assert told(survey(text, port)) == expected


TIED = "".join(
    policy(f"  mtls: {{mode: {mode}}}", f"shop/{mode.lower()}", "PeerAuthentication") for mode in ("STRICT", "DISABLE")
)
"""Two PeerAuthentications that nothing sets apart: callers may be known, or not."""


@pytest.mark.parametrize(
    ("identity", "address", "deny", "allow"),
    [
        (WEB, "10.0.0.1", "deny", "allow"),
        (WEB, "8.8.8.8", "unknown", "unknown"),
        (JOB, "10.0.0.1", "deny", "allow"),
        (JOB, "8.8.8.8", "allow", "deny"),
        (None, "10.0.0.1", "deny", "unknown"),
        (None, "8.8.8.8", "unknown", "deny"),
    ],
)
def test_by_a_tie_callers_of_one_class_are_alike_with_their_identity_and_without(
    identity: Identity | None, address: str, deny: str, allow: str
) -> None:
    """With its identity the address of a caller does not matter, without it that alone does."""
    rule = "from: [{source: {serviceAccounts: [web]}}, {source: {ipBlocks: [10.0.0.0/8]}}]"
    found = [survey(TIED + rules(rule, action=action)) for action in ("DENY", "ALLOW")]
    assert [verdict(each.of(Caller(identity, None, address), GET)).value for each in found] == [deny, allow]


def test_an_answer_has_its_reason_and_an_example() -> None:
    found = survey(rules("to: [{operation: {methods: [GET]}}] # <-"))
    allowing, denying = sorted(found.answers, key=lambda answer: answer.outcome.value.verdict.value)
    assert line_of(allowing.outcome.origin) == ["- to: [{operation: {methods: [GET]}}]"]
    assert (allowing.request.method, denying.request.method == "GET") == ("GET", False)
    assert line_of(denying.outcome.origin) == ["rules: # ALLOW"]


def test_what_is_said_of_a_request_is_fixed() -> None:
    mesh = mesh_of(
        LLM
        + rules("to: [{operation: {methods: [GET], paths: [/a]}}]", "when: [{key: 'request.headers[x]', values: [a]}]")
    )
    guard = mesh.guard(port_of(mesh, "shop/llm", 8080))
    asked = Survey(guard, {"somebody": Caller(None)}, Request(method="GET"))
    assert told(asked) == {("*", "path /a", "allow"), ("*", "path any other", "deny")}


def test_ports_that_the_same_decides_about_share_a_survey() -> None:
    mesh = mesh_of(LLM.replace("{name: tcp, port: 9000}", "{name: http-b, port: 9000}") + rules("{}"))
    first, second = (mesh.guard(port_of(mesh, "shop/llm", number)) for number in (8080, 9000))
    assert mesh.authorization.survey(first) is mesh.authorization.survey(second)


def test_a_rule_about_ports_keeps_them_apart() -> None:
    more = rules("to: [{operation: {ports: ['8080']}}]")
    mesh = mesh_of(LLM.replace("{name: tcp, port: 9000}", "{name: http-b, port: 9000}") + more)
    found = [mesh.authorization.survey(mesh.guard(port_of(mesh, "shop/llm", number))) for number in (8080, 9000)]
    assert [told(each) for each in found] == [{("*", "*", "allow")}, {("*", "*", "deny")}]


@pytest.mark.parametrize("action", ["ALLOW", "DENY"])
def test_rules_about_many_headers_do_not_multiply(action: str) -> None:
    """Twenty headers with three kinds of values each are 3,486,784,401 combinations."""
    listed = [f"when: [{{key: 'request.headers[x-{n}]', values: [a, b*]}}]" for n in range(20)]
    started = time.process_time()
    found = told(survey(rules(*listed, action=action)))
    assert time.process_time() - started < 5
    assert {verdict for _, _, verdict in found} == {"allow", "deny"}
    assert len(found) == 2


def test_more_than_can_be_told_apart_is_said_to_be_unknown() -> None:
    pairs = [(n, m) for n in range(14) for m in range(n)]
    listed = [
        f"when: [{{key: 'request.headers[x-{n}]', values: [a]}}, {{key: 'request.headers[x-{m}]', values: [b]}}]"
        for n, m in pairs
    ]
    answers = {a.outcome.value.verdict.value: a.outcome for a in survey(rules(*listed, action="DENY")).answers}
    assert set(answers) == {"allow", "deny", "unknown"}
    assert (
        answers["unknown"].because[-1].text == "the rules of the port tell more kinds of calls apart than are looked at"
    )


def sampled(*labels: str) -> dict[str, str]:
    return {sample.value: sample.label for sample in texts([Named(path(p), p) for p in labels], PATHS, "other")}


def test_samples_stand_for_every_set_of_patterns_that_meet() -> None:
    found = sampled("/a*", "*b", "/c")
    assert found["/c"] == "/c"
    assert set(found.values()) == {"/c", "/a*", "*b", "/a* and *b", "other"}
    assert all(path("/a*").matches(value) == ("/a*" in label) for value, label in found.items())


def test_patterns_in_any_case_and_others_are_told_apart() -> None:
    named = [Named(host("LLM"), "host"), Named(header("llm"), "header")]
    fits = {(host("LLM").matches(s.value), header("llm").matches(s.value)) for s in texts(named, ANYTHING, "other")}
    assert fits == {(True, True), (True, False), (False, False)}


def test_a_text_with_every_filler_still_has_an_other() -> None:
    assert "other" in {sample.label for sample in texts([Named(text("*~=;!'&()"), "odd")], ANYTHING, "other")}


def test_branches_lead_to_their_ends_in_wide_boxes() -> None:
    def least(state: int, _: int, choice: int) -> int:
        return min(state, choice)

    found = Branches(9, [3, 3], least)
    assert dict(found.ends) == {0: (0, 0), 1: (1, 1), 2: (2, 2)}
    every = frozenset({0, 1, 2})
    assert set(found.boxes([0])) == {(frozenset({0}), every), (every, frozenset({0}))}
    assert list(found.boxes([1, 2])) == [(frozenset({1, 2}), frozenset({1, 2}))]
    assert list(found.boxes([0, 1, 2])) == [(every, every)]


def test_branches_stop_where_there_are_too_many() -> None:
    found = Branches((), [2] * 14, lambda state, _, choice: (*state, choice))
    assert len(found.ends) == MOST_STATES + 1
    assert None in found.ends
