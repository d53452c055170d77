"""What an application calls as it starts, as far as its manifest shows: model hubs, object stores, databases."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from ..resource.kinds import INFERENCE_SERVICE, LLM_INFERENCE_SERVICE, SELDON_DEPLOYMENT
from ..resource.match import name_tokens
from ..resource.resource import each, get
from ..resource.words import Word, arguments, variables
from ..resource.workload import PodTemplate
from .effective import Reason
from .istio.injection import captures_calls_to
from .subjects import Workload

_MODEL = ("--model", "--model-id", "--model-path")
_MODEL_VARIABLES = ("MODEL_ID", "HF_MODEL_ID")
_OFFLINE = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")
_HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")
_STORE = re.compile(r"(?:s3|gs|hf)://[^\s\"']*")
_DATABASE = re.compile(r"\b(postgres(?:ql)?|mysql|mongodb|rediss?|amqp)(?:\+\w+)?://[^\s\"']*")
_IN_THE_POD = re.compile(r"\w[\w+]*://(?:[^/@]*@)?(?:localhost|127(?:\.\d+){3}|\[::1\])(?:[:/?]|$)")
"""What a proxy does not catch: it stays on the loopback interface."""

_DATABASES = {"database", "db", "postgres", "postgresql", "mysql", "mongo", "mongodb", "redis"}
_PORTS = {"postgres": 5432, "postgresql": 5432, "mysql": 3306, "mongodb": 27017, "redis": 6379, "rediss": 6379}
_HTTPS = 443
_FETCHING_FIRST = {INFERENCE_SERVICE, LLM_INFERENCE_SERVICE, SELDON_DEPLOYMENT}


class Call(NamedTuple):
    """A call that an application makes as it starts, in a word, the port it goes to (None = not known), and what shows it."""

    word: str
    port: int | None
    reason: Reason


def first_calls(workload: Workload) -> list[Call]:
    """The calls at start that go through the proxy of a workload: what its pod shows, else that a model server fetches its
    model.
    """
    pod, served = workload.pod, workload.inference
    if not pod:
        return []
    found = list(calls(pod))
    if not found and served and not loads_locally(pod):
        found = [Call("those of a model server", _HTTPS, served.because[0])]
    return [call for call in found if captures_calls_to(pod, call.port)]


def calls(pod: PodTemplate) -> Iterator[Call]:
    """The calls at start that the containers of a pod show; init containers are not looked at."""
    for path, container in pod.applications():
        offline = is_offline(container)
        for word in (*arguments(container, path), *variables(container, path)):
            found = _call(word, offline)
            if found:
                yield Call(*found, Reason(found[0], pod.resource.at(*word.path)))


def loads_locally(pod: PodTemplate) -> bool:
    """Whether the model that a pod serves is in its own file system: named as a path, fetched before by an init container
    that the owner's controller adds, or its hub is switched off.
    """
    if pod.resource.group_kind in _FETCHING_FIRST:
        return True
    for path, container in pod.applications():
        words = [*arguments(container, path), *variables(container, path)]
        named = [word.value for word in words if word.name in (*_MODEL, *_MODEL_VARIABLES)]
        if is_offline(container) or any(value.startswith(("/", ".")) for value in named):
            return True
    return False


def is_offline(container: Mapping[str, Any]) -> bool:
    """Whether a container's environment forbids calls to the model hub."""
    values = [get(e, "value") for e in each(container, "env") if get(e, "name") in _OFFLINE]
    return any(str(value).lower() in ("1", "true", "yes", "on") for value in values)


def _call(word: Word, offline: bool) -> tuple[str, int | None] | None:
    """What a word shows, and the port."""
    if store := _STORE.match(word.value):
        return store[0], _HTTPS
    if _IN_THE_POD.match(word.value):
        return None
    if database := _DATABASE.match(word.value):
        port = re.search(r":(\d+)(?:[/?]|$)", database[0])
        return word.name or f"{database[1]} URL", int(port[1]) if port else _PORTS.get(database[1])
    if not offline and word.name in (*_MODEL, *_MODEL_VARIABLES) and _HUB_NAME.fullmatch(word.value):
        return f"{word.name} {word.value}", _HTTPS
    if not offline and (word.name == "HF_TOKEN" or word.name.startswith("HUGGING_FACE_")):
        return word.name, _HTTPS
    tokens = set(name_tokens(word.name))
    if word.name.isupper() and tokens & _DATABASES and tokens & {"url", "uri", "dsn"} and not word.value:
        return word.name, None
    return None
