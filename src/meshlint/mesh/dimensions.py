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
from .subjects import Route


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


def shared_by(routes: Iterable[Route], pod: PodTemplate | None) -> Mapping[Dimension, Reason]:
    """What shows that one workload serves several models, or several tenants, from the routes that lead to it."""
    matched: dict[Dimension, dict[str, Location]] = {one: {} for one in Dimension}
    for header, how, place in (entry for route in routes for entry in _headers(route)):
        found = dimension(header)
        if found:
            matched[found].setdefault(f"{header} {how}", place)
    shown: dict[Dimension, Reason] = {}
    models, tenants = matched[Dimension.MODEL], matched[Dimension.TENANT]
    if len(models) > 1:
        shown[Dimension.MODEL] = Reason("its routes take several models", next(iter(models.values())))
    elif pod and (adapters := _several_adapters(pod)):
        shown[Dimension.MODEL] = Reason("it serves several adapters", adapters)
    if tenants:
        shown[Dimension.TENANT] = Reason("a route to it looks at the tenant", next(iter(tenants.values())))
    return shown


def _headers(route: Route) -> Iterator[tuple[str, Any, Location]]:
    """The headers that the matches of a route ask for, how, and where."""
    for match, where in route.matches:
        headers = match.get("headers")
        for name, how in headers.items() if isinstance(headers, dict) else ():
            yield name.lower(), how, where.document.at(*where.path, "headers", name)


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
