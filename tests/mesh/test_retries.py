"""Which retry conditions can fire, and when the clock of a try runs."""

from __future__ import annotations

import pytest

from meshlint.mesh.effective import Basis
from meshlint.mesh.istio.retries import can_fire, clock_of_a_try, is_retried, retries_a_timeout

from .conftest import assert_decides, mesh_of, route_of

FIRES = [
    ("5xx", "http", True),
    ("connect-failure", "http", True),
    ("503", "http", True),
    ("retriable-4xx", "grpc", True),
    ("unavailable", "http", False),
    ("unavailable", "grpc", True),
    ("cancelled", "http", False),
    ("deadline-exceeded", "http", False),
    ("internal", "http", False),
    ("resource-exhausted", "http", False),
    ("resource-exhausted", "grpc", True),
    ("retriable-headers", "http", False),
    ("retriable-headers", "grpc", False),
    ("http3-post-connect-failure", "http", False),
    ("retriable-status-codes", "http", False),
]


@pytest.mark.parametrize("word, protocol, fires", FIRES, ids=[f"{word} on {protocol}" for word, protocol, _ in FIRES])
def test_which_words_can_fire(word: str, protocol: str, fires: bool) -> None:
    """Envoy `retry_state_impl.cc`; `retry.go ConvertPolicy` sends no list of headers."""
    assert can_fire(word, [word], protocol) is fires


def test_a_code_makes_retriable_status_codes_live() -> None:
    assert can_fire("retriable-status-codes", ["retriable-status-codes", "429"], "http")


@pytest.mark.parametrize("word", ["5xx", "gateway-error", "reset"])
def test_what_retries_a_try_that_ran_out_of_time(word: str) -> None:
    assert retries_a_timeout(["connect-failure", word])


@pytest.mark.parametrize("word", ["504", "retriable-status-codes", "reset-before-request", "deadline-exceeded"])
def test_what_does_not(word: str) -> None:
    """Envoy resets the try itself: there is no response, and the request had been sent."""
    assert not retries_a_timeout(["connect-failure", word])


def rule(*fields: str) -> str:
    lines = "".join(f"      {field}\n" for field in fields)
    return f"VirtualService shop/cart\nspec:\n  hosts: [cart]\n  http:\n    - route: [{{destination: {{host: cart}}}}]\n{lines}"


CLOCKS = {
    "shorter than the timeout": (rule("timeout: 5s", "retries:", "  attempts: 1", "  perTryTimeout: 2s # <-"), 2_000),
    "no timeout": (rule("retries:", "  attempts: 1", "  perTryTimeout: 2s # <-"), 2_000),
    "a timeout that is not known": (
        rule("timeout: ${T}", "retries:", "  attempts: 1", "  perTryTimeout: 2s # <-"),
        2_000,
    ),
    "as long as the timeout": (rule("timeout: 2s", "retries: {attempts: 1, perTryTimeout: 2s}"), None),
    "longer than the timeout": (rule("timeout: 1s", "retries: {attempts: 1, perTryTimeout: 2s}"), None),
    "no retries": (rule("retries: {attempts: 0, perTryTimeout: 2s}"), None),
    "not set": (rule("retries: {attempts: 2}"), None),
    "zero": (rule("retries: {attempts: 2, perTryTimeout: 0s}"), None),
    "not known": (rule("retries: {attempts: 2, perTryTimeout: '${T}'}"), None),
    "unknown attempts": (rule("retries: {attempts: '${N}', perTryTimeout: 2s}"), None),
}


@pytest.mark.parametrize("text, milliseconds", CLOCKS.values(), ids=CLOCKS)
def test_the_clock_of_a_try(text: str, milliseconds: int | None) -> None:
    """Envoy `router.cc finalTimeout`."""
    clock = clock_of_a_try(route_of(mesh_of(text), "shop/cart"))
    assert (clock and clock.value) == milliseconds
    if clock:
        assert_decides(clock, text)


MESH = "---\nConfigMap istio-system/istio\ndata:\n  mesh: |\n    {}\n"

INHERITED = {
    "no block": (rule(), True, Basis.DEFAULT),
    "no block, and meshConfig says nothing": (rule() + MESH.format("accessLogFile: ''"), True, Basis.DECLARED),
    "no block, but meshConfig's": (rule() + MESH.format("defaultHttpRetryPolicy: {attempts: 3}"), True, Basis.DECLARED),
    "an empty block": (rule("retries: {}"), False, Basis.DECLARED),
    "a block": (rule("retries: {attempts: 2}"), False, Basis.DECLARED),
}


@pytest.mark.parametrize("text, inherited, basis", INHERITED.values(), ids=INHERITED)
def test_whose_retries_they_are(text: str, inherited: bool, basis: Basis) -> None:
    """What mesh settings of the input leave out has Istio's default for certain."""
    retries = route_of(mesh_of(text), "shop/cart").retries
    assert (retries.inherited, retries.attempts.basis) == (inherited, basis)


def test_a_delegate_has_the_block_of_its_root() -> None:
    text = """
VirtualService edge/root
spec:
  hosts: [shop.example.com]
  http:
    - delegate: {name: cart, namespace: shop}
      retries: {attempts: 1}
---
"""
    assert not route_of(mesh_of(text + rule().replace("  hosts: [cart]\n", "")), "shop/cart").retries.inherited


RETRIED = {
    "no block": ("", True),
    "a block without attempts": ("retries: {}", False),
    "no attempts": ("retries: {attempts: 0, retryOn: 5xx}", False),
    "attempts that are not known": ('retries: {attempts: "${N}", retryOn: 5xx}', False),
    "a condition that fires": ("retries: {attempts: 1, retryOn: reset}", True),
    "a condition that never does": ("retries: {attempts: 1, retryOn: retriable-headers}", False),
    "a condition of gRPC where that may be spoken": ("retries: {attempts: 1, retryOn: unavailable}", True),
    "a condition of gRPC on HTTP": (
        "match: [{uri: {prefix: /items}}], retries: {attempts: 1, retryOn: unavailable}",
        False,
    ),
    "conditions that are not known": ('retries: {attempts: 1, retryOn: "${WORDS}"}', True),
}


@pytest.mark.parametrize("rule, retried", RETRIED.values(), ids=RETRIED)
def test_which_routes_retry(rule: str, retried: bool) -> None:
    text = f"VirtualService shop/cart\nspec: {{hosts: [cart], http: [{{route: [{{destination: {{host: cart}}}}], {rule}}}]}}"
    assert is_retried(mesh_of(text).routes[0]) is retried
