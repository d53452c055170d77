"""Telemetry (`ValidateTelemetry`) and ProxyConfigs (`ValidateProxyConfig`)."""

from ...source.document import Path
from .common import attachment, not_negative, one_of, selector
from .complaint import Complaint, Complaints, told
from .decode import Message
from .meta import Meta

_TAG_TEXTS = {"literal": "value", "environment": "name", "header": "name"}


def proxy_config(spec: Message, meta: Meta) -> Complaints:
    yield from selector(spec, "selector", "matchLabels", ("spec",))
    yield from not_negative(spec, ("concurrency",), ("spec",))


def telemetry(spec: Message, meta: Meta) -> Complaints:
    yield from attachment(spec, ("spec",))
    for name in ("metrics", "tracing", "accessLogging"):
        for index, part in enumerate(spec.get(name, ())):
            if not all(provider.get("name") for provider in part.get("providers", ())):
                yield Complaint(("spec", name, index, "providers"), "a provider must have a name")
    for index, metrics in enumerate(spec.get("metrics", ())):
        for number, override in enumerate(metrics.get("overrides", ())):
            yield from _override(override, ("spec", "metrics", index, "overrides", number))
    if len(spec.get("tracing", ())) > 1:
        yield Complaint(("spec", "tracing"), "only one tracing is supported", warns=True)
    for index, tracing in enumerate(spec.get("tracing", ())):
        yield from _tracing(tracing, ("spec", "tracing", index))
    for index, logging in enumerate(spec.get("accessLogging", ())):
        if "filter" in logging:
            from .expression import bad_expression

            path: Path = ("spec", "accessLogging", index, "filter", "expression")
            yield from told(path, bad_expression(logging["filter"].get("expression", "")))


def _override(override: Message, path: Path) -> Complaints:
    for name, tag in override.get("tagOverrides", {}).items():
        operation, value = tag.get("operation", "UPSERT"), tag.get("value")
        at = (*path, "tagOverrides", name)
        if operation == "UPSERT" and not value:
            yield Complaint(at, "value must be set when operation is UPSERT")
        if operation == "REMOVE" and value:
            yield Complaint(at, "value must not be set when operation is REMOVE")
    match = override.get("match", {})
    if one_of(match, "metric", "customMetric") == "customMetric" and not match["customMetric"]:
        yield Complaint((*path, "match", "customMetric"), "customMetric must not be empty")


def _tracing(tracing: Message, path: Path) -> Complaints:
    if len(tracing.get("providers", ())) > 1:
        yield Complaint((*path, "providers"), "only one provider is supported", warns=True)
    if not 0 <= tracing.get("randomSamplingPercentage", 0) <= 100:
        yield Complaint((*path, "randomSamplingPercentage"), "randomSamplingPercentage must be from 0 to 100")
    for name, tag in tracing.get("customTags", {}).items():
        kind = one_of(tag, "literal", "environment", "header", "formatter")
        if not name or (kind in _TAG_TEXTS and not tag[kind].get(_TAG_TEXTS[kind])):
            yield Complaint((*path, "customTags", name), "a tag must have a name and what it is taken from")
