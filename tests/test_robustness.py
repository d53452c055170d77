"""Bad input never breaks a run: values of any shape in any place, and hostile files."""

from __future__ import annotations

import copy
import io
import json
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from program import meshlint

from meshlint import pipeline
from meshlint.config import Config
from meshlint.finding import Audience, Confidence
from meshlint.report import json as report_json
from meshlint.rule import catalog
from meshlint.source import files, yaml
from meshlint.source.document import Placeholder

ROOT = Path(__file__).parents[1]
JUNK: list[Any] = [
    *(None, [], {}, "x", "", "*", "5s", 0, -1, 1.5, 10**20, True, [1], ["a"], [None], [[]], [{}]),
    *(
        {"a": 1},
        {"a": {"b": []}},
        {"match": []},
        Placeholder("${X}"),
        [Placeholder("$(A)")],
        {"x": Placeholder("${V}")},
    ),
]
LOWEST = pipeline.Thresholds(Audience.AUDITOR, Confidence.LOW)


def places(data: Any) -> Iterator[tuple[Any, Any]]:
    for key, value in list(data.items()) if isinstance(data, dict) else list(enumerate(data)):
        yield data, key
        if isinstance(value, dict | list):
            yield from places(value)


def disfigure(data: Any, chance: random.Random) -> None:
    """Takes out, adds or replaces up to four parts of a document."""
    for _ in range(chance.choice([0, 1, 2, 4])):
        found = list(places(data))
        if not found:
            return
        around, key = chance.choice(found)
        junk = copy.deepcopy(chance.choice(JUNK))
        if isinstance(around, dict) and chance.random() < 0.2:
            del around[key]
        elif isinstance(around, list) and chance.random() < 0.2:
            around.append(junk)
        else:
            around[key] = junk


@pytest.mark.parametrize("seed", range(25))
def test_any_shape_anywhere_leaves_every_rule_running(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    chance = random.Random(seed)
    load = yaml.load

    def disfigured(file: Any) -> yaml.Loaded:
        loaded = load(file)
        for document in loaded.documents:
            disfigure(document.data, chance)
        return loaded

    monkeypatch.setattr(yaml, "load", disfigured)
    given = pipeline.read([str(ROOT / "examples"), str(ROOT / "tests" / "fixtures" / "llm-platform")], Config())
    report = pipeline.check(given, Config(), LOWEST, catalog.chosen((), ()))
    assert [failure for failure in report.failures if failure.kind == "rule"] == []
    report_json.write(report, out := io.StringIO())
    assert json.loads(out.getvalue())["summary"]["findings"] == len(report.findings)


HOSTILE = {
    "an alias bomb": (
        "a: &a [x, x, x, x, x, x, x, x, x, x]\n"
        + "".join(f"{b}: &{b} [{', '.join(['*' + a] * 10)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)),
        "aliases",
    ),
    "deep nesting": ("a: " + "[" * 30_000 + "\n", "nested deeper"),
    "an anchor that contains itself": ("a: &a [*a]\n", "contains itself"),
    "a control character": ("a: \x07\n", "not allowed"),
    "a tab as indentation": ("a:\n\tb: 1\n", "not YAML"),
    "an unknown anchor": ("a: *b\n", "anchor"),
}


@pytest.mark.parametrize("text,message", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_file_is_a_clear_failure_and_the_others_are_linted(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text(text)
    (tmp_path / "good.yaml").write_bytes((ROOT / "examples" / "ai-inference" / "retriever.yaml").read_bytes())
    run = meshlint("check", "--format", "concise", cwd=tmp_path)
    assert run.returncode == 3
    assert "not checked: bad.yaml:" in run.stderr and message in " ".join(run.stderr.split())
    assert "Traceback" not in run.stderr
    assert "good.yaml:42:11: warning[port-accepts-plaintext]" in run.stdout


def test_a_file_that_is_no_text_is_a_clear_failure(tmp_path: Path) -> None:
    (tmp_path / "latin.yaml").write_bytes(b"a: 1\nb: caf\xe9\n")
    (tmp_path / "wide.yaml").write_bytes("a: 1\n".encode("utf-16"))
    (failure, other) = files.read([str(tmp_path)], str).failures
    assert (Path(failure.file).name, failure.line) == ("latin.yaml", 2)
    assert "save it as UTF-8" in failure.message
    assert (Path(other.file).name, "UTF-16" in other.message) == ("wide.yaml", True)


def test_behind_a_byte_order_mark_the_byte_is_the_one_that_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "latin.yaml").write_bytes(b"\xef\xbb\xbfa: 1\nb: caf\xe9\n")
    (failure,) = files.read([str(tmp_path)], str).failures
    assert (failure.line, failure.message) == (2, "not UTF-8 (byte 0xe9); save it as UTF-8")


def test_a_number_of_pods_that_nobody_runs_takes_no_memory(tmp_path: Path) -> None:
    (tmp_path / "mesh.yaml").write_text(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: cart, namespace: shop}\nspec:\n"
        "  replicas: 1000000000000\n  selector: {matchLabels: {app: cart}}\n  template:\n"
        "    metadata: {labels: {app: cart, sidecar.istio.io/inject: 'true'}}\n    spec: {containers: [{name: cart}]}\n"
    )
    command = f"ulimit -v 2000000; exec {sys.executable} -m meshlint facts mesh.yaml"
    run = subprocess.run(["sh", "-c", command], cwd=tmp_path, capture_output=True, encoding="utf-8", check=False)
    assert (run.returncode, run.stderr) == (0, "")
    assert json.loads(run.stdout)["workloads"] == {
        "shop/cart": {"identity": "shop/default", "locality": "", "proxy": "sidecar"}
    }
