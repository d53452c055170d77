"""What names a finding wherever it stands: its rule, its resource and the path in it, never a file or a line."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any, NamedTuple

from ..finding import Finding, ResourceId, Site
from ..source import yaml
from ..source.document import Location, Mark, Path, pointer

_ITEM = re.compile(r"\[(\d+)#([0-9a-f]{8})\]")


class Identity(NamedTuple):
    """One site of a finding of a rule.

    `path` names the items of lists by their `name`, and others by index and content: `spec.http[name=chat].timeout`,
    `spec.rules[0#5f1c09ab].from[1#00e3a7d2]`. A comment is named by its words.
    """

    rule: str
    kind: str
    namespace: str
    name: str
    path: str

    @property
    def place(self) -> str:
        """The path with the indexes that items have now: `spec.rules[0].from[1]`."""
        return _ITEM.sub(r"[\1]", self.path)

    @property
    def moved(self) -> tuple[str, ...]:
        """The paths by which it is found again when one of the lists on the way changed: `spec.rules[#5f1c09ab].from[1]`."""
        before, *rest = _ITEM.split(self.path)
        steps = [(rest[i], rest[i + 1], rest[i + 2]) for i in range(0, len(rest), 3)]
        return tuple(
            before + "".join(f"[#{c}]{t}" if i == at else f"[{n}]{t}" for i, (n, c, t) in enumerate(steps))
            for at in range(len(steps))
        )

    def __str__(self) -> str:
        where = f"{self.namespace}/{self.name}" if self.namespace else self.name
        return " ".join(part for part in (f"{self.rule}:", self.kind, where, self.place) if part)


class Identifier:
    """Names findings; what it has found out about a list or an item it does not find out again."""

    def __init__(self) -> None:
        self._contents: dict[int, str] = {}
        self._counted: dict[int, Counter[str | None]] = {}
        self._inside: dict[str, Any] = {}

    def identities(self, finding: Finding) -> dict[Identity, Site]:
        """Each with the first of its sites, in order."""
        found: dict[Identity, Site] = {}
        for site in finding.sites:
            found.setdefault(self.identity(finding.rule.id, site), site)
        return found

    def identity(self, rule: str, site: Site) -> Identity:
        """That a namespace is meant is said at its object or, failing that, at the first one that is in it."""
        resource, place, about = site
        if resource and place.found == ("metadata", "namespace"):
            about = ResourceId("v1", "Namespace", "", resource.namespace)
        if about:
            return Identity(rule, about.kind, "", about.name, "metadata.name" if about.name else "")
        return Identity(
            rule,
            *((resource.kind, resource.namespace, resource.name) if resource else ("", "", "")),
            self._words(place),
        )

    def _words(self, place: Location | Mark) -> str:
        return place.words if isinstance(place, Mark) else self._path(place.document.data, place.found)

    def _path(self, data: Any, path: Path) -> str:
        """`found` of a location, in which a text may hold YAML."""
        steps = ""
        for step in path:
            if isinstance(data, str):
                data = self._parsed(data)
            if isinstance(step, int):
                steps += f"[{self._item(data, step)}]"
            else:
                key = pointer((step,))
                steps += key if not steps or key.startswith("[") else f".{key}"
            data = data[step]
        return steps

    def _parsed(self, text: str) -> Any:
        if text not in self._inside:
            self._inside[text] = yaml.parse(text)
        return self._inside[text]

    def _item(self, items: list[Any], index: int) -> str:
        """An item by its name, if no other has it, else by its index and its content."""
        if id(items) not in self._counted:
            self._counted[id(items)] = Counter(map(_name, items))
        name = _name(items[index])
        if name and self._counted[id(items)][name] == 1:
            return f"name={name}"
        return f"{index}#{self._content(items[index])}"

    def _content(self, item: Any) -> str:
        if id(item) not in self._contents:
            import hashlib
            import json

            text = json.dumps(item, sort_keys=True, default=str)
            self._contents[id(item)] = hashlib.sha256(text.encode()).hexdigest()[:8]
        return self._contents[id(item)]


def _name(item: Any) -> str | None:
    name = item.get("name") if isinstance(item, dict) else None
    return name if isinstance(name, str) else None
