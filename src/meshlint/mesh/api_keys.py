"""Whether a model server asks its callers for a key, as its command line or its environment says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from ..resource.words import arguments, variables
from ..resource.workload import PodTemplate
from ..source.document import Path


class _Server(NamedTuple):
    """How a server is recognised in its image and command line, what makes it ask for a key, and below which path it does."""

    names: tuple[str, ...]
    said_by: tuple[str, ...]
    below: str = "/"


_SERVERS = (
    _Server(("vllm",), ("--api-key", "VLLM_API_KEY"), "/v1"),
    _Server(("sglang",), ("--api-key",)),
    _Server(("llama.cpp", "llama-server"), ("--api-key", "--api-key-file", "LLAMA_API_KEY")),
    _Server(("text-generation",), ("--api-key", "API_KEY")),
    _Server(("lmdeploy",), ("--api-keys",)),
)
"""vLLM's `AuthenticationMiddleware` lets `/invocations`, which generates too, pass without a key; the others leave out only
health and metrics."""


def asks_for_key(pod: PodTemplate, path: str | None) -> bool:
    """Whether a server in a pod asks for a key with requests to a path; None = to a path that is not known."""
    asking = (server for place, container in pod.applications() for server in _asking(container, place))
    return any(path is None or path.startswith(server.below) for server in asking)


def _asking(container: Mapping[str, Any], place: Path) -> Iterator[_Server]:
    words = [*arguments(container, place), *variables(container, place)]
    said = {word.name.replace("_", "-") if word.name.startswith("-") else word.name for word in words}
    text = " ".join([str(container.get("image")), *(f"{word.name} {word.value}" for word in words)]).lower()
    for server in _SERVERS:
        if not said.isdisjoint(server.said_by) and any(name in text for name in server.names):
            yield server
