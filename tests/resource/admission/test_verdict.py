"""What a verdict says, and of what: places, words, and values that nobody knows yet."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from meshlint.resource.admission import verdict as admission
from meshlint.resource.admission.verdict import Error, Verdict
from meshlint.resource.resource import Resource

One = Callable[[str], Resource]


def route(rest: str, namespace: str = "shop") -> str:
    return f"""\
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: cart, namespace: {namespace}}}
spec:
  hosts: [cart]
  http:
  - route: [{{destination: {{host: cart}}}}]
{rest}
"""


def rule(spec: str, namespace: str = "namespace: shop") -> str:
    return f"""\
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {{name: cart, {namespace}}}
spec: {spec}
"""


def test_an_object_that_is_right_is_taken(one: One) -> None:
    verdict = admission.verdict(one(route("    timeout: 5s")))
    assert verdict == Verdict()
    assert (verdict.rejected, verdict.by) == (False, ())


def test_both_layers_say_what_is_wrong_and_where(one: One) -> None:
    resource = one(route("    timeout: 0s\n    retrys: {attempts: 1}"))
    verdict = admission.verdict(resource)
    assert verdict.errors == (
        Error(("spec", "http", 0, "retrys"), "retrys is no field of this kind", "crd"),
        Error(("spec", "http", 0, "timeout"), "a duration must be 1ms or more", "webhook"),
    )
    assert (verdict.rejected, verdict.by) == (True, ("crd", "webhook"))
    assert [resource.at(*error.path).pointer for error in verdict.errors] == [
        "spec.http[0].retrys",
        "spec.http[0].timeout",
    ]
    assert resource.at(*verdict.errors[0].path).span.start_line == 9


def test_rules_are_for_shapes_that_are_right(one: One) -> None:
    verdict = admission.verdict(one(route("    timeout: 0s")))
    assert [(error.text, error.by) for error in verdict.errors] == [
        ("must be a duration of 1ms or more", "crd"),
        ("a duration must be 1ms or more", "webhook"),
    ]


def test_what_the_webhook_cannot_read_is_all_it_says(one: One) -> None:
    verdict = admission.verdict(one(route("    timeout: 10\n    retries: {attempts: -1}")))
    assert [error for error in verdict.errors if error.by == "webhook"] == [
        Error(("spec", "http", 0, "timeout"), "must be a duration like 1.5s", "webhook")
    ]


def test_warnings_let_an_object_pass(one: One) -> None:
    verdict = admission.verdict(one(rule("{host: cart, workloadSelector: {}}")))
    assert not verdict.rejected
    assert verdict.warnings == (
        Error(
            ("spec", "workloadSelector"),
            "a selector without labels selects all workloads of its namespace",
            "webhook",
        ),
    )


@pytest.mark.parametrize(
    "text",
    [
        "apiVersion: v1\nkind: Service\nmetadata: {name: a, namespace: b}\nspec: 5",
        "apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {name: a, namespace: b}\nspec: 5",
        "apiVersion: networking.istio.io/v1alpha1\nkind: VirtualService\nmetadata: {name: a, namespace: b}\nspec: 5",
        "apiVersion: networking.istio.io/v1\nkind: Source\nmetadata: {name: a, namespace: b}\nspec: 5",
        "apiVersion: networking.istio.io/v1\nkind: virtualservice\nmetadata: {name: a, namespace: b}\nspec: 5",
        "apiVersion: networking.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: a, namespace: b}\nspec: 5",
        "apiVersion: install.istio.io/v1alpha1\nkind: IstioOperator\nspec: 5",
    ],
    ids=["service", "gateway-api", "version", "no-kind", "small-letters", "another-group", "operator"],
)
def test_what_no_definition_is_for_is_not_judged(one: One, text: str) -> None:
    resource = one(text)
    assert not admission.is_judged(resource)
    assert admission.verdict(resource) is admission.TAKEN


@pytest.mark.parametrize(
    ("metadata", "path", "text"),
    [
        ("name: a, labels: {version: 1}", ("metadata", "labels"), "must be a mapping of strings: quote them"),
        ("name: 5", ("metadata", "name"), "must be a string: quote it"),
        (
            "name: a, creationTimestamp: yesterday",
            ("metadata", "creationTimestamp"),
            "must be a time like 2030-01-31T10:00:00Z",
        ),
    ],
    ids=["labels", "name", "time"],
)
def test_metadata_that_cannot_be_read(one: One, metadata: str, path: tuple[str, ...], text: str) -> None:
    resource = one(f"apiVersion: networking.istio.io/v1\nkind: Sidecar\nmetadata: {{{metadata}}}\nspec: {{}}")
    assert admission.is_judged(resource)
    assert not admission.is_readable(resource)
    assert admission.verdict(resource).errors == (Error(path, text, "crd"),)


@pytest.mark.parametrize(
    "part",
    [
        "    timeout: ${TIMEOUT}",
        "    retries: {attempts: '${ATTEMPTS}', retryOn: 5xx}",
        "    retries: {attempts: 1, retryOn: '${CONDITIONS}'}",
        "    fault: {abort: {httpStatus: '${STATUS}'}}",
        "    fault: ${FAULT}",
        "    match: [{uri: {regex: '${REGEX}'}}]",
        "    match: [{headers: {'${HEADER}': {exact: a}}}]",
        "    corsPolicy: {allowMethods: ['${METHOD}']}",
        "    mirror: {host: '${HOST}', port: {number: '${PORT}'}}",
        "  exportTo: ['${NAMESPACE}', '*']",
        "  gateways: ['${GATEWAY}']",
        "  ${FIELD}: 1",
    ],
)
def test_a_placeholder_is_no_reason(one: One, part: str) -> None:
    assert admission.verdict(one(route(part))) == Verdict()


def test_what_is_wrong_whatever_placeholders_stand_for_is_wrong(one: One) -> None:
    verdict = admission.verdict(one(route("    timeout: ${TIMEOUT}\n    retries: {attempts: -1}")))
    assert verdict.errors == (
        Error(("spec", "http", 0, "retries", "attempts"), "attempts must not be negative", "webhook"),
    )


def test_literally_a_placeholder_is_text(one: One) -> None:
    verdict = admission.verdict(one(route("    timeout: ${TIMEOUT}")), literally=True)
    assert verdict.errors == (
        Error(("spec", "http", 0, "timeout"), "must be a duration of 1ms or more", "crd"),
        Error(("spec", "http", 0, "timeout"), "must be a duration like 1.5s", "webhook"),
    )


def test_a_null_that_the_api_server_drops_is_not_there(one: One) -> None:
    """A key without a value, as in `retries:`; the oracle does not drop it."""
    resource = one(route("    retries:"))
    assert admission.verdict(resource) == Verdict()
    assert admission.verdict(resource, literally=True).errors == (
        Error(("spec", "http", 0, "retries"), "must be object, not null", "crd"),
    )


def test_a_null_in_a_list_stays(one: One) -> None:
    verdict = admission.verdict(one(route("  exportTo: [null]")))
    assert Error(("spec", "exportTo", 0), "must be string, not null", "crd") in verdict.errors


SELECTED = "{host: cart, workloadSelector: {matchLabels: {a: b}}, exportTo: [shop]}"


@pytest.mark.parametrize(
    ("namespace", "rejected"),
    [("namespace: shop", False), ("namespace: till", True), ("", False), ("namespace: '${NS}'", False)],
    ids=["own", "another", "unset", "placeholder"],
)
def test_a_namespace_that_is_not_known_is_no_reason(one: One, namespace: str, rejected: bool) -> None:
    assert admission.verdict(one(rule(SELECTED, namespace))).rejected is rejected


def test_the_same_text_twice_is_one_error_for_each_place(one: One) -> None:
    verdict = admission.verdict(one(rule("{host: cart, subsets: [{name: A_b}, {name: A_b}]}")))
    assert [error.path for error in verdict.errors] == [
        ("spec", "subsets", 0, "name"),
        ("spec", "subsets", 1, "name"),
        ("spec", "subsets", 1, "name"),
    ]
