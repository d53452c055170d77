"""How many requests a model server runs at once, as its command line says; what it does by itself is not looked at."""

from __future__ import annotations

from ..resource.words import arguments
from ..resource.workload import PodTemplate
from .effective import Effective, Reason

_OPTIONS = (
    "--max-num-seqs",  # vLLM
    "--max-concurrent-requests",  # TGI
    "--max-running-requests",  # SGLang
)


def concurrency(pod: PodTemplate) -> Effective[int] | None:
    """The number of requests that one pod runs at once; None where it does not say. An option that is repeated counts last."""
    found = None
    for path, container in pod.applications():
        for word in arguments(container, path):
            option = word.name.replace("_", "-")
            if option in _OPTIONS and word.value.isdigit() and int(word.value):
                text = f"{option} {word.value}: so many requests one pod runs at once"
                found = Effective(int(word.value), (Reason(text, pod.resource.at(*word.path)),))
    return found
