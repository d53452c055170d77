import re
from collections.abc import Iterator, Mapping
from typing import Any

from meshlint.mesh.effective import Reason
from meshlint.mesh.inference import path_of
from meshlint.mesh.istio.matches import may_get, takes
from meshlint.mesh.mesh import Mesh
from meshlint.mesh.subjects import Route
from meshlint.resource.resource import get
from meshlint.rule.rule import Problem
from meshlint.source.change import Put


def check(route: Route, mesh: Mesh) -> Iterator[Problem]:
    for match, where in route.matches:
        for form in ("exact", "prefix"):
            value = get(match, "uri", form)
            if isinstance(value, str) and "*" in value:
                meant = "/" + re.sub(r"\*+", "…", value).lstrip("/")
                others = [other for other in mesh.siblings.rivals(route) if may_get(other, meant)]
                place, cut = path_of(where), value.rstrip("*")
                fate, verb = _fate(route, {**match, "uri": {"exact": meant}}, others)
                yield Problem(
                    place,
                    related=[Reason(f"{other} {verb} them", other.location) for other in others[:1]],
                    fix=[Put(place, cut)] if form == "prefix" and cut and "*" not in cut else (),
                    route=route,
                    value=value,
                    meant=meant,
                    fate=fate,
                )


def _fate(route: Route, meant: Mapping[str, Any], others: list[Route]) -> tuple[str, str]:
    """What becomes of the requests that were meant, and what the first of `others`, who may take them, does."""
    if not others and route.hosts:
        return "get 404", ""
    if others and others[0] is route:
        return "are left to its other matches", "may take"
    if others and takes(others[0], meant) and all(other.root is route.root for other in others):
        return f"go to {others[0]}", "takes"
    return "go past it", "may take"
