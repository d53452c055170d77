"""The hosts at which providers of models are called. Hubs, from which models are downloaded, are none."""

from __future__ import annotations

import re

from ..resource.match import subset_of

_HOSTS = (
    *("api.openai.com", "*.openai.azure.com", "*.services.ai.azure.com", "*.inference.ai.azure.com"),
    *("api.anthropic.com", "api.mistral.ai", "api.cohere.com", "api.cohere.ai", "api.groq.com", "api.together.xyz"),
    *("api.together.ai", "api.fireworks.ai", "api.deepseek.com", "api.perplexity.ai", "api.x.ai", "api.ai21.com"),
    *("api.replicate.com", "openrouter.ai", "api.voyageai.com", "api.jina.ai", "integrate.api.nvidia.com"),
    *("generativelanguage.googleapis.com", "aiplatform.googleapis.com", "dashscope.aliyuncs.com"),
)
_SUFFIXES = ("-aiplatform.googleapis.com",)
_BEDROCK = re.compile(r"bedrock(-agent)?-runtime\.[a-z0-9-]+\.amazonaws\.com")


def is_provider(host: str) -> bool:
    """Whether a host, or all that a pattern covers, belongs to such a provider."""
    return any(subset_of(host, p) for p in _HOSTS) or host.endswith(_SUFFIXES) or bool(_BEDROCK.fullmatch(host))
