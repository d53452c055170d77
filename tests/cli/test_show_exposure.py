"""`meshlint show exposure`: what the outside reaches, and through what."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from program import meshlint

EXAMPLE = Path(__file__).parents[2] / "examples" / "ai-inference"
WITHOUT_EGRESS = sorted(file.name for file in EXAMPLE.glob("*.yaml") if file.name != "egress.yaml")


def lines(*arguments: str) -> list[str]:
    run = meshlint("show", "exposure", *arguments, cwd=EXAMPLE)
    assert (run.returncode, run.stderr) == (0, "")
    return run.stdout.splitlines()


def rows(*arguments: str) -> list[dict[str, Any]]:
    (variant,) = json.loads("\n".join(lines("--format", "json", *arguments)))
    found: list[dict[str, Any]] = variant["exposure"]
    return found


def test_the_way_to_a_workload_call_by_call_with_what_decides() -> None:
    assert lines(*WITHOUT_EGRESS, "--to", "inference/retriever") == [
        "EXPOSURE             KIND      REACHED  CONFIDENCE  THROUGH",
        "inference/retriever  internal  yes      medium      edge/gateway > inference/orchestrator",
        "    kind: the name retriever is that of a store or an internal service",
        "    outside calls edge/gateway: allow",
        "        Gateway edge/public takes requests for chat.example.com  gateway.yaml:27",
        "        no ALLOW policy applies, so what no DENY policy matches is allowed",
        "    edge/gateway calls inference/orchestrator:8080: allow",
        "        route inference/chat http[0] leads to orchestrator.inference.svc.cluster.local  gateway.yaml:43",
        "        no ALLOW policy applies, so what no DENY policy matches is allowed",
        "    inference/orchestrator calls inference/retriever:8080, /v1/collections/*/search literally: allow",
        "        AuthorizationPolicy inference/retriever allows it  retriever.yaml:54",
    ]


def test_the_rows_are_by_name() -> None:
    shown = [line.split()[:3] for line in lines(*WITHOUT_EGRESS) if not line.startswith(" ")]
    assert shown[1:] == [
        ["acme/assistant", "other", "yes"],
        ["globex/search", "other", "yes"],
        ["inference/llama", "internal", "yes"],
        ["inference/orchestrator", "tenant-facing", "yes"],
        ["inference/retriever", "internal", "yes"],
    ]


def test_the_example_shuts_its_only_entrance_by_mistake() -> None:
    """The policy that lists hosts outside the mesh refuses what the gateway passes on."""
    shown = lines(".")
    assert [line.split()[:3] for line in shown if not line.startswith(" ")][1:] == [
        ["inference/llama", "internal", "no"],
        ["inference/orchestrator", "tenant-facing", "no"],
        ["inference/retriever", "internal", "no"],
    ]
    at = shown.index("    edge/gateway calls inference/orchestrator:8080: deny")
    assert shown[at + 2] == (
        "        no rule of AuthorizationPolicy inference/egress-allow-list allows it  egress.yaml:22"
    )
    assert shown[4] == "    reached: no way from outside leads to it"


def test_json_has_every_call() -> None:
    llama, orchestrator, _ = rows(".")
    assert (llama["workload"], llama["reached"]["value"], llama["way"]) == ("inference/llama", "no", [])
    refused = orchestrator["way"][1]
    assert (refused["from"], refused["to"], refused["port"]) == ("edge/gateway", "inference/orchestrator", 8080)
    assert (refused["verdict"], refused["layer"]) == ("deny", "rbac")
    assert refused["by"][0]["location"]["line"] == 43
    assert refused["because"][0]["location"] == {"file": "egress.yaml", "line": 22, "path": "spec.rules"}
    (retriever,) = rows(*WITHOUT_EGRESS, "--to", "inference/retriever")
    assert (retriever["kind"]["value"], retriever["reached"]["value"]) == ("internal", "yes")
    assert retriever["confidence"] == "medium"
    last = retriever["way"][-1]
    assert (last["policies"], last["requests"]) == (
        ["inference/retriever"],
        [{"path": ["/v1/collections/*/search literally"]}],
    )


def test_nothing_is_said_in_words(tmp_path: Path) -> None:
    (tmp_path / "mesh.yaml").write_text("apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n")
    run = meshlint("show", "exposure", ".", cwd=tmp_path)
    assert (run.returncode, run.stdout) == (
        0,
        "Nothing in the input is open to the outside, and no workload in it is internal.\n",
    )


def test_a_workload_that_is_not_there_and_options_of_other_topics_are_refused() -> None:
    missing = meshlint("show", "exposure", ".", "--to", "inference/lama", cwd=EXAMPLE)
    assert (missing.returncode, missing.stdout) == (2, "")
    assert "no workload inference/lama is in the input" in missing.stderr
    caller = meshlint("show", "exposure", ".", "--from", "acme/assistant", cwd=EXAMPLE)
    assert (caller.returncode, caller.stderr) == (
        2,
        "meshlint: --to is for access and exposure, --from for access, not exposure\n",
    )
