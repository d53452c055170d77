"""Which workloads serve models, which paths ask for a generation, and the evidence.

The signals and their weights were measured on real manifests (`reference/inference-signals.md` of the project's design);
the words are those of the catalogue's terms `inference workload`, `generation path` and `API gateway or proxy`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from itertools import chain
from typing import Any

from ..config import Selector
from ..resource.match import matches, name_tokens
from ..resource.resource import each, get
from ..resource.workload import PodTemplate
from ..source.document import Location
from .effective import Basis, Reason
from .subjects import Inference, ModelKind

STATED = "meshlint.io/inference"
"""Label or annotation that states what a workload serves: generation, predictive or none."""

_GENERATION, _EMBEDDING, _PREDICTIVE, _OPEN = (
    ModelKind.GENERATION,
    ModelKind.EMBEDDING,
    ModelKind.PREDICTIVE,
    ModelKind.UNKNOWN,
)

_IMAGES: dict[tuple[str, ...], ModelKind] = {
    ("text", "embeddings", "inference"): _EMBEDDING,
    ("text", "embeddings", "router"): _EMBEDDING,
    ("michaelf34", "infinity"): _EMBEDDING,
    ("text", "generation", "inference"): _GENERATION,
    ("llm", "d"): _GENERATION,
    ("vllm",): _GENERATION,
    ("tgi",): _GENERATION,
    ("sglang",): _GENERATION,
    ("ollama",): _GENERATION,
    ("nim",): _GENERATION,
    ("llama", "cpp"): _GENERATION,
    ("lmdeploy",): _GENERATION,
    ("tensorrt", "llm"): _GENERATION,
    ("trtllm",): _GENERATION,
    ("jetstream",): _GENERATION,
    ("maxtext",): _GENERATION,
    ("tritonserver",): _OPEN,
    ("triton",): _OPEN,
    ("djl", "serving"): _OPEN,
    ("mlserver",): _PREDICTIVE,
    ("torchserve",): _PREDICTIVE,
    ("tensorflow", "serving"): _PREDICTIVE,
    ("sklearnserver",): _PREDICTIVE,
    ("xgbserver",): _PREDICTIVE,
}
"""Families of model servers by the tokens of an image's path; the first that fits counts."""

_COMMANDS: dict[str, ModelKind] = {
    "vllm serve": _GENERATION,
    "vllm.entrypoints": _GENERATION,
    "sglang.launch_server": _GENERATION,
    "text-generation-launcher": _GENERATION,
    "text-embeddings-router": _EMBEDDING,
    "ollama serve": _GENERATION,
    "llama-server": _GENERATION,
    "lmdeploy serve": _GENERATION,
    "trtllm-serve": _GENERATION,
    "tritonserver": _OPEN,
    "tensorflow_model_server": _PREDICTIVE,
    "torchserve": _PREDICTIVE,
    "mlserver start": _PREDICTIVE,
}

_ARGUMENTS: dict[str, ModelKind] = {
    "--served-model-name": _GENERATION,
    "--tensor-parallel-size": _GENERATION,
    "--max-model-len": _GENERATION,
    "--gpu-memory-utilization": _GENERATION,
    "--model": _OPEN,
    "--model-id": _OPEN,
}

_EMBEDDING_TASK = r"--(?:task|runner)[= ](?:embed|embedding|score|classify|reward|pooling)\b"

_VENDOR_LABELS = (
    "llm-d.ai/",
    "model.aibrix.ai/",
    "serving.kserve.io/",
    "ai.gke.io/model",
    "ai.gke.io/inference-server",
    "inference.networking.k8s.io/engine-type",
    "seldon-deployment-id",
)

_NAMES = (
    *("vllm", "tgi", "tei", "triton", "sglang", "ollama", "mistral", "mixtral", "deepseek", "granite", "llm"),
    *("inference", "predictor", "embedding", "embeddings", "modelserver"),
)
_NAME_PREFIXES = ("llama", "qwen", "gemma", "phi", "rerank")
_NAME_SEQUENCES = (("model", "server"), ("model", "serving"))
_EMBEDDING_NAMES = {"tei", "embedding", "embeddings"}

EXCLUDED = frozenset(
    [
        "epp",
        "gateway",
        "router",
        "proxy",
        "scheduler",
        "operator",
        "controller",
        "webhook",
        "ui",
        "web",
        "dashboard",
        "benchmark",
        "client",
        "exporter",
        "autoscaler",
        "loader",
        "download",
        "init",
    ]
)
"""Tokens that make a name say nothing: what stands beside model servers and carries their names."""

_PROXIES = (
    *(
        (word,)
        for word in ["gateway", "router", "proxy", "litellm", "kong", "envoy", "apisix", "nginx", "traefik", "haproxy"]
    ),
    *(("llm", "gateway"), ("ai", "gateway"), ("api", "gateway")),
)

_ENGINE_ENV = ("VLLM_", "SGLANG_", "OLLAMA_", "NIM_", "TRITON", "LMCACHE_", "HF_HUB_")
_HF_ENV = {"HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_HOME"}
_MODEL_PORTS = {8000, 11434, 30000, 8500, 8501}
_ACCELERATORS = (
    "nvidia.com/",
    "amd.com/gpu",
    "google.com/tpu",
    "aws.amazon.com/neuron",
    "habana.ai/",
    "gpu.intel.com/",
)

_OWNERS: dict[str, ModelKind] = {
    "LLMInferenceService": _GENERATION,
    "InferenceService": _OPEN,
    "RayService": _OPEN,
    "SeldonDeployment": _PREDICTIVE,
}
_FORMATS: dict[str, ModelKind] = {
    "huggingface": _GENERATION,
    "vllm": _GENERATION,
    "sklearn": _PREDICTIVE,
    "xgboost": _PREDICTIVE,
    "lightgbm": _PREDICTIVE,
    "tensorflow": _PREDICTIVE,
    "pytorch": _PREDICTIVE,
    "onnx": _PREDICTIVE,
    "mlflow": _PREDICTIVE,
    "paddle": _PREDICTIVE,
    "pmml": _PREDICTIVE,
}


def of_pod(pod: PodTemplate, settings: Sequence[Selector]) -> tuple[Inference | None, bool]:
    """What a pod serves, and whether the user stated it (then None means: no model).

    Decisive signals decide by themselves; else the weighted score: 4 and more sure, 2 and 3 not sure.
    """
    stated = stated_kind(pod, settings)
    if stated:
        return stated[0], True
    return _decisive(pod) or _scored(pod), False


def stated_kind(pod: PodTemplate, settings: Sequence[Selector]) -> tuple[Inference | None] | None:
    """What the user says the pod serves; the pod's own word goes before the setting."""
    for words, field in ((pod.labels, "labels"), (pod.annotations, "annotations")):
        if STATED in words:
            where = pod.resource.at(*pod.path, "metadata", field, STATED)
            return (_stated(words[STATED], Reason(f"{STATED}: {words[STATED]} is stated", where)),)
    for selector in settings:
        if selects(selector, pod.namespace, pod.name, pod.labels) and selector.kind:
            return (_stated(selector.kind, Reason(f"setting inference states {selector.kind} for {pod}")),)
    return None


def selects(selector: Selector, namespace: str, name: str, labels: Mapping[str, str]) -> bool:
    """Whether a workload selector of the settings takes a workload."""
    fits = selector.namespace in (None, namespace) and selector.name in (None, name)
    return fits and matches(selector.labels, labels)


def _stated(word: str, reason: Reason) -> Inference | None:
    kinds = {"generation": _GENERATION, "predictive": _PREDICTIVE, "embedding": _EMBEDDING}
    return Inference(kinds[word], True, True, (reason,)) if word in kinds else None


def _decisive(pod: PodTemplate) -> Inference | None:
    signals = list(_decisive_signals(pod))
    if not signals:
        return None
    kind = next((kind for kind, _ in signals if kind is not _OPEN), _OPEN)
    if re.search(_EMBEDDING_TASK, " ".join(text for _, container in pod.containers() for text in _words(container))):
        kind = _EMBEDDING
    return Inference(kind, True, False, tuple(reason for _, reason in signals[:3]))


def _decisive_signals(pod: PodTemplate) -> Iterator[tuple[ModelKind, Reason]]:
    for path, container in pod.containers():
        image = str(container.get("image") or "")
        if (kind := _image_kind(image)) is not None:
            yield kind, Reason(f"image {image} is a model server", pod.resource.at(*path, "image"))
        words = list(_words(container))
        command = " ".join(words)
        for text, kind in _COMMANDS.items():
            if text in command:
                where = pod.resource.at(*path, _field_of(container, text))
                yield kind, Reason(f"`{text}` starts a model server", where)
        if EXCLUDED.isdisjoint(name_tokens(pod.name)):
            for argument, kind in _ARGUMENTS.items():
                if any(word == argument or word.startswith(argument + "=") for word in words):
                    where = pod.resource.at(*path, _field_of(container, argument))
                    yield kind, Reason(f"argument {argument} configures a model server", where)
    owner = pod.resource.kind
    if owner in _OWNERS and pod.resource.key.group != "":
        kind, where = _owner_kind(pod)
        yield kind, Reason(f"{pod.resource} serves a model", where)


def _owner_kind(pod: PodTemplate) -> tuple[ModelKind, Location]:
    predictor = pod.resource.mapping("spec", "predictor")
    name = pod.resource.get("spec", "predictor", "model", "modelFormat", "name")
    if isinstance(name, str) and name.lower() in _FORMATS:
        return _FORMATS[name.lower()], pod.resource.at("spec", "predictor", "model", "modelFormat", "name")
    for framework, kind in _FORMATS.items():
        if framework in predictor:
            return kind, pod.resource.at("spec", "predictor", framework)
    return _OWNERS[pod.resource.kind], pod.resource.at("kind")


@cache
def _image_kind(image: str) -> ModelKind | None:
    """The family of an image; an image whose own name is excluded is none, whoever publishes it, nor are a server's tools (`-sdk`)."""
    names = [name_tokens(segment) for segment in _image_segments(image)]
    tag = image.rpartition("/")[2].partition("@")[0].partition(":")[2]
    if _is_excluded(names[0]) or "sdk" in name_tokens(tag):
        return None
    telling = [tokens for tokens in names if not _is_excluded(tokens)]
    return next((kind for tokens in telling for family, kind in _IMAGES.items() if has_sequence(tokens, family)), None)


def _is_excluded(tokens: Sequence[str]) -> bool:
    return not EXCLUDED.isdisjoint(tokens) and "embeddings" not in tokens


def _image_segments(image: str) -> list[str]:
    """The path segments of an image, the most specific first, without registry host, tag and digest."""
    path = image.split("@")[0]
    segments = path.split("/")
    if len(segments) > 1 and ("." in segments[0] or ":" in segments[0] or segments[0] == "localhost"):
        segments = segments[1:]
    segments[-1] = segments[-1].split(":")[0]
    joined = ["-".join(segments[-2:])] if len(segments) > 1 else []
    return [segments[-1], *reversed(segments[:-1]), *joined]


def _scored(pod: PodTemplate) -> Inference | None:
    signals = list(_weak_signals(pod))
    score = sum(weight for weight, _ in signals)
    if score < 2:
        return None
    reasons = tuple(reason for _, reason in sorted(signals, key=lambda s: -s[0])[:3])
    kind = _EMBEDDING if _EMBEDDING_NAMES & set(name_tokens(pod.name)) else _OPEN
    if score >= 4:
        return Inference(kind, True, False, reasons)
    return Inference(kind, False, False, tuple(Reason(r.text, r.location, Basis.ASSUMED) for r in reasons))


def _weak_signals(pod: PodTemplate) -> Iterator[tuple[int, Reason]]:
    at = pod.resource.at
    for label in pod.labels:
        if label.startswith(_VENDOR_LABELS):
            yield 3, Reason(f"label {label} belongs to a model server", at(*pod.path, "metadata", "labels", label))
            break
    if names_a_model_server(pod.name):
        yield 2, Reason(f"the name {pod.name} is that of a model server", at("metadata", "name"))
    for label in ("app", "name", "app.kubernetes.io/name", "app.kubernetes.io/component"):
        if names_a_model_server(pod.labels.get(label, "")):
            text = f"label {label}: {pod.labels[label]} names a model server"
            yield 2, Reason(text, at(*pod.path, "metadata", "labels", label))
            break
    yield from _container_signals(pod)


def _container_signals(pod: PodTemplate) -> Iterator[tuple[int, Reason]]:
    seen: set[str] = set()
    for path, container in pod.containers():
        at = pod.resource.at(*path)
        limits = [*_keys(container, "limits"), *_keys(container, "requests")]
        env = [str(e.get("name")) for e in each(container, "env") if isinstance(e, dict)]
        mounts = [str(m.get("mountPath")) for m in each(container, "volumeMounts") if isinstance(m, dict)]
        ports = [p.get("containerPort") for p in each(container, "ports") if isinstance(p, dict)]
        found = {
            "it asks for an accelerator": 2 * any(key.startswith(_ACCELERATORS) for key in limits),
            "its environment configures a model server": 2
            * any(name in _HF_ENV or name.startswith(_ENGINE_ENV) for name in env),
            "it mounts /dev/shm": int("/dev/shm" in mounts),
            "it listens on a model server's usual port": int(
                any(isinstance(port, int) and port in _MODEL_PORTS for port in ports)
            ),
        }
        for text, weight in found.items():
            if weight and text not in seen:
                seen.add(text)
                yield weight, Reason(text, at)


def _keys(container: Mapping[str, Any], field: str) -> list[str]:
    resources = container.get("resources")
    value = resources.get(field) if isinstance(resources, dict) else None
    return list(value) if isinstance(value, dict) else []


def _words(container: Mapping[str, Any], fields: Sequence[str] = ("command", "args")) -> Iterator[str]:
    for field in fields:
        value = container.get(field)
        for word in value if isinstance(value, list) else ():
            yield from str(word).split()


def _field_of(container: Mapping[str, Any], text: str) -> str:
    """Where a text of the command line stands; one that goes over both fields begins in the command."""
    return "args" if text in " ".join(_words(container, ["args"])) else "command"


@cache
def names_a_model_server(text: str) -> bool:
    """Whether a name's tokens are those of a model server, and none excludes it."""
    tokens = name_tokens(text)
    if not EXCLUDED.isdisjoint(tokens):
        return False
    return any(token in _NAMES or token.startswith(_NAME_PREFIXES) for token in tokens) or any(
        has_sequence(tokens, sequence) for sequence in _NAME_SEQUENCES
    )


def of_name(name: str, where: Location | None) -> Inference | None:
    """What the name of a host or of an implied workload suggests: never sure."""
    if not names_a_model_server(name):
        return None
    kind = _EMBEDDING if _EMBEDDING_NAMES & set(name_tokens(name)) else _OPEN
    return Inference(kind, False, False, (Reason(f"the name {name} is that of a model server", where, Basis.ASSUMED),))


def is_proxy(names: Iterable[str], pod: PodTemplate | None) -> bool:
    """Whether names or images say API gateway or proxy; a decisive signal of its own makes it a model server all the same."""
    if pod and next(_decisive_signals(pod), None):
        return False
    segments = (segment for image in _images(pod) for segment in image)
    return any(has_sequence(name_tokens(text), words) for text in (*names, *segments) for words in _PROXIES)


def named(names: Iterable[str], pod: PodTemplate | None, wanted: Sequence[Sequence[str]]) -> str | None:
    """The first of some names, or of the path segments of a pod's images, that has one of these words (term `name token`)."""
    images = (image for image in _images(pod) if not _is_excluded(name_tokens(image[0])))
    texts = (text for text in (*names, *chain(*images)) if not _is_excluded(name_tokens(text)))
    return next((text for text in texts if any(has_sequence(name_tokens(text), words) for words in wanted)), None)


def _images(pod: PodTemplate | None) -> list[list[str]]:
    """The path segments of each image but the proxy's."""
    containers = [c for _, c in pod.containers() if c.get("name") != "istio-proxy"] if pod else []
    return [_image_segments(str(container.get("image") or "")) for container in containers]


def has_sequence(tokens: Sequence[str], wanted: Sequence[str]) -> bool:
    """Whether some tokens stand in a list of tokens one after the other."""
    size = len(wanted)
    return wanted[0] in tokens and any(
        tuple(tokens[i : i + size]) == tuple(wanted) for i in range(len(tokens) - size + 1)
    )


# ---- paths -----------------------------------------------------------------------------------------------------------

_PREFIX = r"(?:/[^/]+)*"
_GENERATION_PATH = (
    rf"{_PREFIX}/v1/(?:chat/completions|completions|responses|messages|realtime|audio/speech|images/generations|stream[^/]*)"
    rf"|(?:/(?:openai|llm|ai|inference|models?|tgi|vllm|v1|v2|api))?/generate(?:_stream)?"
    rf"|{_PREFIX}/api/(?:generate|chat)"
    rf"|{_PREFIX}/v2/models/[^/]+/(?:versions/[^/]+/)?generate[^/]*"
    rf"|{_PREFIX}/openai/deployments/[^/]+/chat/completions"
    rf"|{_PREFIX}/[^/]*:(?:streamGenerateContent|generateContent)"
    rf"|{_PREFIX}/inference\.GRPCInferenceService/ModelStreamInfer"
)
_OTHER_PATH = (
    rf"{_PREFIX}/v1/(?:embeddings|models|moderations|audio/transcriptions|audio/translations|score|rerank)(?:/.*)?"
    rf"|{_PREFIX}/(?:score|rerank|pooling|classify|tokenize|detokenize|metrics|ping|embed|embeddings)(?:/.*)?"
    rf"|{_PREFIX}/(?:health|v2/health)[^/]*(?:/.*)?"
)
_REGEX_WORDS = (
    r"chat/completions|/v1/(?:\([^)]*\)\??)?completions|v1/responses|v1/messages|v1/realtime|audio/speech|"
    r"images/generations|v1/stream|/generate(?:_stream)?\b|[gG]enerateContent|ModelStreamInfer"
)
_SAFE_METHODS = ("GET", "HEAD", "OPTIONS")


def path_of(match: Location) -> Location:
    """The place of the path that an HTTPMatchRequest names; the match itself where it names none."""
    forms = (("uri", form) for form in ("exact", "prefix", "regex"))
    named = next((f for f in forms if get(match.document.data, *match.path, *f) is not None), ())
    return match.document.at(*match.path, *named)


def names_generation(match: Mapping[str, Any]) -> bool:
    """Whether an HTTPMatchRequest's uri names a generation path."""
    uri = match.get("uri")
    if not isinstance(uri, dict):
        return False
    for form in ("exact", "prefix"):
        path = uri.get(form)
        if isinstance(path, str):
            return _generates(path, open_ended=form == "prefix")
    regex = uri.get("regex")
    return isinstance(regex, str) and bool(re.search(_REGEX_WORDS, regex))


def _generates(path: str, open_ended: bool) -> bool:
    """A prefix may go on below the generation path."""
    path = path.split("?")[0].rstrip("*").rstrip("/") if open_ended else path
    if re.fullmatch(_GENERATION_PATH, path):
        return True
    if not open_ended:
        return False
    head = path
    while "/" in head.strip("/"):
        head = head.rsplit("/", 1)[0]
        if re.fullmatch(_GENERATION_PATH, head):
            return True
    return False


def is_confined_to_other_requests(match: Mapping[str, Any]) -> bool:
    """Whether a match takes only requests that generate nothing: by path, or by safe methods (except a realtime websocket)."""
    if names_generation(match):
        return _safe_method(match) and "realtime" not in str(match.get("uri"))
    regex, path = get(match, "uri", "regex"), _path(match).rstrip("*")
    paths = [path] if path else _written_out(regex) if isinstance(regex, str) else []
    if paths and all(re.fullmatch(_OTHER_PATH, one.rstrip("/")) for one in paths):
        return True
    return _safe_method(match)


_ALTERNATIVES = 12
"""How many alternatives of an expression are written out at most."""


def _written_out(regex: str) -> list[str]:
    """The paths with which everything that an expression takes begins, where it has no more than alternatives in
    parentheses, escaped dots and slashes, and anything at the end; "" among them for what is not known."""
    text = (
        re.sub(r"(?:/?\.\*|\(/\.\*\)\?|/\?)?\$?$", "", regex.removeprefix("^")).replace("\\/", "/").replace("\\.", ".")
    )
    group = re.match(r"([^()]*)\((?:\?:)?([^()]*)\)(.*)", text)
    if group and text.count("|") <= _ALTERNATIVES:
        return [path for one in group[2].split("|") for path in _written_out(group[1] + one + group[3])]
    return ["" if re.search(r"[\\()\[\]{}*+?|^$]", text) else text]


def _safe_method(match: Mapping[str, Any]) -> bool:
    method = match.get("method")
    if not isinstance(method, dict):
        return False
    if "exact" in method:
        return method["exact"] in _SAFE_METHODS
    regex = method.get("regex")
    return (
        isinstance(regex, str) and bool(regex) and all(word in _SAFE_METHODS for word in regex.strip("^$()").split("|"))
    )


def names_plain_http(match: Mapping[str, Any]) -> bool:
    """Whether a uri is one that no gRPC call has: it is not `/package.Service/Method`, nor a prefix of that form."""
    path = _path(match)
    return path not in ("", "/") and not re.match(r"/(?:[A-Za-z_]\w*\.)+[A-Za-z_]\w*(?:/|$)", path)


def names_grpc(match: Mapping[str, Any]) -> bool:
    """Whether a match is for gRPC calls alone: of `/package.Service`, which is written like that, or by their content type."""
    content = get(match, "headers", "content-type")
    typed = get(content, "exact") or get(content, "prefix")
    return str(typed).startswith("application/grpc") or bool(
        re.match(r"/(?:[A-Za-z_]\w*\.)+[A-Z]\w*(?:/|$)", _path(match))
    )


def _path(match: Mapping[str, Any]) -> str:
    """The path that a match states, or begins with; "" = none."""
    path = get(match, "uri", "exact") or get(match, "uri", "prefix")
    return path if isinstance(path, str) else ""
