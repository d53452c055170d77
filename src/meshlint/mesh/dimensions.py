"""What people split traffic by: models and tenants, in names of headers and labels, in routes and in servers' arguments."""

from collections.abc import Iterable, Iterator, Mapping
from enum import Enum
from functools import cache
from typing import Any

from ..resource.match import name_tokens
from ..resource.resource import each
from ..resource.workload import PodTemplate
from ..source.document import Location
from .effective import Reason
from .subjects import Answer, Route


class Dimension(Enum):
    """What the values of a header or a metric label tell apart."""

    MODEL = "model"
    TENANT = "tenant"


_WORDS = {
    **dict.fromkeys(("model", "modelname", "adapter", "lora"), Dimension.MODEL),
    **dict.fromkeys(("tenant", "tenantid", "customer", "org", "organization", "organisation"), Dimension.TENANT),
    **dict.fromkeys(("account", "user", "userid", "subscriber", "subscription", "workspace", "team"), Dimension.TENANT),
}
_NO_TENANT = ("user", "agent")
"""The header `user-agent` names a program."""


@cache
def dimension(name: str) -> Dimension | None:
    """What a name stands for, by the first of its tokens that tells; None for any other name."""
    tokens = name_tokens(name)
    if tokens[:2] == _NO_TENANT:
        return None
    return next((_WORDS[token] for token in tokens if token in _WORDS), None)


def shared_by(
    routes: Iterable[Route], pod: PodTemplate | None, beside: Iterable[Route] = ()
) -> Mapping[Dimension, Reason]:
    """What shows that one workload serves several models, or several tenants, from the routes that lead to it: models by
    name, or one of them and whatever else is asked for without a name. What shares are sent elsewhere of is one model.

    Where routes `beside` these send other models elsewhere by name, each has its own workload, and what names none gets one.
    """
    matched: dict[Dimension, dict[str, Location]] = {one: {} for one in Dimension}
    any_model = False
    for route in routes:
        for match in [match for match, _ in route.matches] or [{}]:
            asked = {f"{name} {how}": found for name, how in _headers(match) if (found := dimension(name))}
            unnamed = Dimension.MODEL not in asked.values() and route.generation.value is not Answer.NO
            any_model |= unnamed and len(route.destinations) == 1
            for text, found in asked.items():
                matched[found].setdefault(text, route.location)
    any_model &= not any(_names_model(match) for route in beside for match, _ in route.matches)
    shown: dict[Dimension, Reason] = {}
    models, tenants = matched[Dimension.MODEL], matched[Dimension.TENANT]
    if len(models) + any_model > 1:
        shown[Dimension.MODEL] = Reason("its routes take several models", next(iter(models.values())))
    elif pod and (adapters := _several_adapters(pod)):
        shown[Dimension.MODEL] = Reason("it serves several adapters", adapters)
    if tenants:
        shown[Dimension.TENANT] = Reason("a route to it looks at the tenant", next(iter(tenants.values())))
    return shown


def _names_model(match: Mapping[str, Any]) -> bool:
    return any(dimension(name) is Dimension.MODEL for name, _ in _headers(match))


def _headers(match: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The headers that a match asks for, and how."""
    headers = match.get("headers")
    for name, how in headers.items() if isinstance(headers, dict) else ():
        yield name.lower(), how


def _several_adapters(pod: PodTemplate) -> Location | None:
    """Where a server is told to load more than one LoRA adapter (`--lora-modules A=… B=…` of vLLM)."""
    for path, container in pod.containers():
        for field in ("command", "args"):
            words = [(word, i) for i, item in enumerate(each(container, field)) for word in str(item).split()]
            starts = [n for n, (word, _) in enumerate(words) if word.partition("=")[0] == "--lora-modules"]
            for start in starts:
                first = int("=" in words[start][0])
                named = [word for word, _ in words[start + 1 :]]
                end = next((n for n, word in enumerate(named) if word.startswith("--")), len(named))
                if first + end > 1:
                    return pod.resource.at(*path, field, words[start][1])
    return None
