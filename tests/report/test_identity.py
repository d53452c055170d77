"""A finding is the same wherever its lines, its file, its document and the items around it go."""

from __future__ import annotations

import random

import pytest

from meshlint.finding import ResourceId, Site
from meshlint.report.baseline import Stock, known
from meshlint.report.identity import Identifier, Identity
from meshlint.source.document import Mark, SourceFile, Span

from .conftest import RULE, document, finding

POLICY = """\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: llm, namespace: shop}
spec:
  rules:
    - from: [{source: {namespaces: [web]}}]
    - from: [{source: {namespaces: [jobs]}}]
      to:
        - operation: {paths: [/v1/chat]}
        - operation: {paths: [/v1/models, "/v1/*/jobs"]}
"""
ROUTE = """\
kind: VirtualService
spec:
  http:
    - name: chat
      timeout: 5s
    - timeout: 6s
    - name: twice
      timeout: 7s
    - name: twice
      timeout: 8s
"""
PATHS = ("spec", "rules", 1, "to", 1, "operation", "paths", 1)


def identity(content: str, *path: str | int) -> Identity:
    (found,) = Identifier().identities(finding(document(content).at(*path)))
    return found


def is_known(before: str, path: tuple[str | int, ...], after: str, moved: tuple[str | int, ...]) -> bool:
    """Whether a finding in a text is the one that a baseline of another text knows."""
    stock = Stock(known([finding(document(before).at(*path))]))
    (((_, entry),),) = stock.take([finding(document(after, "other.yaml").at(*moved))])
    return entry is not None


def test_an_item_is_called_by_its_name_if_no_other_has_it() -> None:
    places = [identity(ROUTE, "spec", "http", i, "timeout").place for i in range(4)]
    assert places == ["spec.http[name=chat].timeout", *(f"spec.http[{i}].timeout" for i in (1, 2, 3))]


def test_an_item_without_a_name_has_its_index_and_a_digest_of_its_content() -> None:
    assert identity(ROUTE, "spec", "http", 1, "timeout").path.startswith("spec.http[1#")
    digests = {identity(ROUTE, "spec", "http", i).path.partition("#")[2] for i in (1, 2, 3)}
    assert len(digests) == 3


def test_a_path_may_go_on_inside_a_text() -> None:
    mesh = "kind: ConfigMap\ndata:\n  mesh: |\n    providers:\n      - name: otel\n        port: 1\n      - {port: 2}\n"
    assert identity(mesh, "data", "mesh", "providers", 0, "port").place == "data.mesh.providers[name=otel].port"
    assert identity(mesh, "data", "mesh", "providers", 1, "port").place == "data.mesh.providers[1].port"


def test_a_comment_is_called_by_its_words() -> None:
    file = SourceFile("a.yaml", "a: 1\nb: 2 # meshlint: ignore[route-a] soon\n")
    mark = Mark(file, Span(2, 6, 2, 38))
    named = Identifier().identity("unused-suppression", Site(None, mark))
    assert named == Identity("unused-suppression", "", "", "", "# meshlint: ignore[route-a] soon")
    assert str(named) == "unused-suppression: # meshlint: ignore[route-a] soon"


def test_a_namespace_is_the_same_at_its_object_and_at_what_is_in_it() -> None:
    namespace = document("kind: Namespace\nmetadata: {name: shop}\n")
    there = finding(namespace.at("metadata", "name"), resource=ResourceId("v1", "Namespace", "", "shop"))
    inside = finding(document(POLICY).at("metadata", "namespace"))
    assert [*Identifier().identities(inside)] == [*Identifier().identities(there)]


def test_what_is_about_a_namespace_or_the_mesh_does_not_depend_on_where_it_is_shown() -> None:
    shop, mesh = ResourceId("v1", "Namespace", "", "shop"), ResourceId("", "", "", "")
    place = document(POLICY).at("spec", "rules", 0)
    assert [*Identifier().identities(finding(place, about=shop, others=(Site(None, place, mesh),)))] == [
        Identity(RULE.id, "Namespace", "", "shop", "metadata.name"),
        Identity(RULE.id, "", "", "", ""),
    ]


def test_other_lines_and_another_file_change_nothing() -> None:
    assert is_known(POLICY, PATHS, "\n\n# A note.\n" + POLICY.replace("spec:", "spec:  # of the model"), PATHS)


@pytest.mark.parametrize(
    ("old", "new", "moved"),
    [
        ("  rules:\n", "  rules:\n    - from: [{source: {namespaces: [cron]}}]\n", (*PATHS[:2], 2, *PATHS[3:])),
        ("      to:\n", "      to:\n        - operation: {ports: ['80']}\n", (*PATHS[:4], 2, *PATHS[5:])),
        ("[/v1/models, ", "[/v1/models, /v1/embed, ", (*PATHS[:7], 2)),
        ("[/v1/models, ", "[", (*PATHS[:7], 0)),
        ("    - from: [{source: {namespaces: [web]}}]\n", "", (*PATHS[:2], 0, *PATHS[3:])),
    ],
    ids=["a rule above", "a target above", "a path before", "a path less", "a rule less"],
)
def test_the_items_around_it_may_come_and_go(old: str, new: str, moved: tuple[str | int, ...]) -> None:
    assert is_known(POLICY, PATHS, POLICY.replace(old, new, 1), moved)


def test_what_an_item_says_may_change_where_it_stands() -> None:
    assert is_known(POLICY, PATHS, POLICY.replace("[jobs]", "[batch]").replace("/v1/*/jobs", "/v2/*"), PATHS)


def test_another_item_is_another_finding() -> None:
    """Also when it is as bad as the one that was mended."""
    path = ("spec", "http", 1, "timeout")
    mended = ROUTE.replace("6s", "300s").replace("7s", "6s")
    assert not is_known(ROUTE, path, mended, ("spec", "http", 2, "timeout"))


def test_an_item_that_is_put_before_an_equal_place_does_not_take_its_entry() -> None:
    """The one that moved is known, the one that stands where it stood is new."""
    path = ("spec", "http", 1, "timeout")
    after = document(ROUTE.replace("    - timeout: 6s\n", "    - timeout: 1s\n    - timeout: 6s\n"))
    stock = Stock(known([finding(document(ROUTE).at(*path))]))
    taken = stock.take([finding(after.at("spec", "http", i, "timeout")) for i in (1, 2)])
    assert [entry and entry.identity.place for ((_, entry),) in taken] == [None, "spec.http[1].timeout"]
    assert list(stock.left()) == []


def test_entries_do_not_depend_on_the_order_of_findings() -> None:
    there = [finding(document(ROUTE, name).at("spec", "http", i, "timeout")) for i in range(4) for name in ("a", "b")]
    shuffled = random.Random(1).sample(there, len(there))
    assert known(shuffled) == known(there)
    assert [entry.times for entry in known(there)] == [2, 2, 2, 2]
