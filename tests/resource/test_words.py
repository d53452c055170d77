"""What the manifest of a container says in its command line and its environment."""

from __future__ import annotations

from typing import Any

import pytest

from meshlint.resource.words import arguments, variables

AT = ("spec", "containers", 0)


@pytest.mark.parametrize(
    ("container", "expected"),
    [
        ({"args": ["--model", "a/b"]}, [("--model", "", 0), ("--model", "a/b", 1)]),
        ({"args": ["--model=a/b", "x"]}, [("--model", "a/b", 0), ("", "x", 1)]),
        (
            {"args": ["vllm serve a/b --port 1"]},
            [("", "vllm", 0), ("", "serve", 0), ("--model", "a/b", 0), ("--port", "", 0), ("--port", "1", 0)],
        ),
        ({"args": ["-e", "URL=x"]}, [("-e", "", 0), ("-e", "URL=x", 1)]),
        ({"args": "--model"}, []),
    ],
)
def test_arguments(container: dict[str, Any], expected: list[tuple[str, str, int]]) -> None:
    found = list(arguments(container, AT))
    assert [(word.name, word.value, word.path[-1]) for word in found] == expected
    assert all(word.path[:-1] == (*AT, "args") for word in found)


def test_the_command_goes_before_the_arguments() -> None:
    found = [(word.name, word.value) for word in arguments({"args": ["a/b"], "command": ["vllm", "serve"]}, AT)]
    assert found == [("", "vllm"), ("", "serve"), ("--model", "a/b")]


def test_variables() -> None:
    env = [{"name": "A", "value": "a"}, {"name": "B", "valueFrom": {}}, "nonsense", {"value": "c"}]
    found = [tuple(word) for word in variables({"env": env}, AT)]
    assert found == [("A", "a", (*AT, "env", 0, "value")), ("B", "", (*AT, "env", 1))]
