"""Which models pods fetch as they start, and where from (signals of the rule model-download-blocked-by-egress-policy)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from ..resource.kinds import INFERENCE_SERVICE, LLM_INFERENCE_SERVICE
from ..resource.match import name_tokens
from ..resource.resource import each, get
from ..resource.words import Word, arguments, variables
from ..resource.workload import PodTemplate
from ..source.document import Location, Path
from .effective import Basis, Reason
from .startup import is_offline

_NAMING = {"--model", "--model-id", "--model-path", "MODEL_ID", "HF_MODEL_ID"}
_TOKENS = ("HF_TOKEN", "HUGGING_FACE_")
_PROXIED = {"HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"}
_ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "S3_ENDPOINT_URL", "S3_ENDPOINT")
_CACHES = ("HF_HOME", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "TRANSFORMERS_CACHE")
_FOLDERS = {"model", "models", "data", "mnt", "opt", "workspace", "checkpoints", "weights"}
_HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")
_SIMULATORS = {"sim", "simulator"}
"""Words in the image of a server that makes answers up and needs no weights."""
_AS_LONG_AS_THE_POD = ("emptyDir", "configMap", "secret", "projected", "downwardAPI", "ephemeral")


class Download(NamedTuple):
    """A model that is fetched before it is served. `model` None = the manifest does not name it.

    `host` is where from, a pattern where only that is known; None = the hub of Hugging Face. `early`: by a container that
    ends before the others start. `doubt` is what may make the call needless, or lead it elsewhere.
    """

    model: str | None
    host: str | None
    port: int
    location: Location
    early: bool
    doubt: Reason | None = None


class _Container(NamedTuple):
    """A container with its literal environment."""

    pod: PodTemplate
    path: Path
    data: Mapping[str, Any]
    environment: Mapping[str, str]

    @property
    def early(self) -> bool:
        return "initContainers" in self.path and self.data.get("restartPolicy") != "Always"


def downloads(pod: PodTemplate) -> list[Download]:
    """The models that the containers of a pod, or KServe before they start, fetch from outside the pod."""
    containers = [(path, data) for path, data in pod.containers() if data.get("name") != "istio-proxy"]
    found = [_of_container(pod, path, data) for path, data in containers]
    return [download for download in (*found, _stored(pod)) if download]


def _of_container(pod: PodTemplate, path: Path, data: Mapping[str, Any]) -> Download | None:
    """What one container fetches: the model it names, else what its token for the hub shows."""
    environment = list(variables(data, path))
    container = _Container(pod, path, data, {word.name: word.value for word in environment})
    image = str(data.get("image") or "").rpartition("/")[2].partition(":")[0]
    if is_offline(data) or _PROXIED & container.environment.keys() or _SIMULATORS & set(name_tokens(image)):
        return None
    for word in (*arguments(data, path), *environment):
        value = _expanded(word.value, container.environment)
        if word.name in _NAMING and _is_local(value):
            return None
        found = _named(container, word._replace(value=value)) if word.name in _NAMING else None
        if found:
            return found
    token = next((word for word in environment if word.name.startswith(_TOKENS)), None)
    return _from_hub(container, None, token.path) if token else None


def _stored(pod: PodTemplate) -> Download | None:
    """What KServe's storage initializer copies into the pod."""
    paths: list[Path] = []
    if pod.resource.group_kind == INFERENCE_SERVICE:
        paths = [(*path, "storageUri") for path in pod.container_paths]
    elif pod.resource.group_kind == LLM_INFERENCE_SERVICE:
        switched_off = pod.resource.get("spec", "storageInitializer", "enabled") is False
        paths = [] if switched_off else [("spec", "model", "uri")]
    initializer = _Container(pod, ("initContainers",), {}, {})
    uris = [Word("", value, path) for path in paths if isinstance(value := pod.resource.get(*path), str)]
    return next((found for uri in uris if "://" in uri.value and (found := _named(initializer, uri))), None)


def _named(container: _Container, word: Word) -> Download | None:
    """What the name of a model stands for, if it is fetched from outside the pod."""
    scheme, _, rest = word.value.partition("://")
    where = container.pod.resource.at(*word.path)
    if (scheme == "hf" and rest) or _HUB_NAME.fullmatch(word.value):
        return _from_hub(container, word.value, word.path)
    if rest and scheme == "gs":
        return Download(word.value, "storage.googleapis.com", 443, where, container.early)
    if rest and scheme == "s3":
        endpoint = next((e for name in _ENDPOINTS if (e := container.environment.get(name))), None)
        if endpoint:
            return Download(word.value, *_address(endpoint), where, container.early)
        doubt = Reason("the endpoint of the bucket may be another one than Amazon's", None, Basis.ASSUMED)
        return Download(word.value, "*.amazonaws.com", 443, where, container.early, doubt)
    if rest and scheme in ("http", "https"):
        return Download(word.value, *_address(word.value), where, container.early)
    return None


def _from_hub(container: _Container, model: str | None, path: Path) -> Download:
    endpoint = container.environment.get("HF_ENDPOINT")
    host, port = _address(endpoint) if endpoint else (None, 443)
    return Download(model, host, port, container.pod.resource.at(*path), container.early, _kept(container))


def _kept(container: _Container) -> Reason | None:
    """That a volume which outlives the pod holds the cache of the hub, and so perhaps the model."""
    volumes = {str(get(volume, "name")): volume for volume in each(container.pod.spec, "volumes")}
    caches = [cache for name in _CACHES if (cache := container.environment.get(name))]
    for mount in each(container.data, "volumeMounts"):
        path = str(get(mount, "mountPath"))
        of_cache = "huggingface" in path or ".cache" in path or any(cache.startswith(path) for cache in caches)
        volume = volumes.get(str(get(mount, "name")))
        if of_cache and not any(get(volume, field) is not None for field in _AS_LONG_AS_THE_POD):
            return Reason(f"the volume at {path} may hold the model already", None, Basis.ASSUMED)
    return None


def _expanded(value: str, environment: Mapping[str, str]) -> str:
    """A value without quotes; one that only refers to a variable of the container (`$(X)`, in a shell `$X`) is that one's."""
    value = value.strip("\"'")
    match = re.fullmatch(r"\$(?:\((\w+)\)|\{(\w+)\}|(\w+))", value)
    return environment.get(match[match.lastindex or 1], value) if match else value


def _is_local(value: str) -> bool:
    """Whether a name is a path in the pod, also a relative one that looks like a name of the hub."""
    return value.startswith(("/", ".", "~")) or (value.partition("/")[0] in _FOLDERS and "/" in value)


def _address(url: str) -> tuple[str, int]:
    """Host and port of a URL."""
    match = re.match(r"(?:(https?)://)?([^/:?#]+)(?::(\d+))?", url, re.IGNORECASE)
    if not match:
        return url, 443
    return match[2].lower(), int(match[3] or (80 if match[1] == "http" else 443))
