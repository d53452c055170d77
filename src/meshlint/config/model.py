"""What a configuration says, as plain values."""

from collections.abc import Iterable, Mapping
from datetime import date
from types import MappingProxyType
from typing import Any, NamedTuple

from ..finding import Severity
from ..source.document import Document, Location

OLDEST, NEWEST = (1, 20), (1, 32)
"""The Istio versions that are modelled; the newest is the line that the semantics were read from."""


class Selector(NamedTuple):
    """A workload selector of a setting: all given parts must fit. `kind` is used by the setting `inference` only."""

    namespace: str | None = None
    name: str | None = None
    labels: Mapping[str, str] = MappingProxyType({})
    kind: str | None = None


class Settings(NamedTuple):
    """The settings of the catalogue. `places` says where a value was written, by setting name."""

    istio_version: tuple[int, int] | None = None  # None: the newest modelled
    linkerd_version: str | None = None
    kubernetes_version: str | None = None
    gateway_api_channel: str = "standard"
    cluster_domain: str = "cluster.local"
    trust_domains: tuple[str, ...] = ("cluster.local",)
    root_namespace: str | None = None  # None: what the mesh settings say, else istio-system
    world: str = "open"
    approved_egress_hosts: tuple[str, ...] = ()
    tenant_facing: tuple[Selector, ...] = ()
    internal: tuple[Selector, ...] = ()
    inference: tuple[Selector, ...] = ()
    places: Mapping[str, Location] = MappingProxyType({})

    @property
    def closed(self) -> bool:
        """The input is the whole mesh: what it does not have does not exist."""
        return self.world == "closed"


class RuleConfig(NamedTuple):
    """What the project says of one rule, and where it says it."""

    severity: Severity | None = None
    options: Mapping[str, Any] = MappingProxyType({})
    place: Location | None = None


class Accepted(NamedTuple):
    """A suppression of the configuration: findings of these rules that the project accepts, and why.

    They lie in files that one of `paths` fits and are about an object that one of `resources` fits; an empty list fits all.
    `until` is the last day. `rules` are ids, categories and peers' ids.
    """

    rules: tuple[str, ...]
    reason: str
    place: Location
    paths: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    until: date | None = None


class MeshConfig(NamedTuple):
    """One mesh of several in a repository: the files that one of `paths` fits, and its settings, the global ones included."""

    name: str
    paths: tuple[str, ...]
    settings: Settings
    place: Location


class Config(NamedTuple):
    """A whole configuration. `places` are the words of `select`, `extend-select` and `ignore`, each with where it stands.

    `mesh` names the only one of `meshes` that is wanted.
    `file` is as people would write it, `folder`, which patterns and `baseline` are relative to, absolute.
    """

    settings: Settings = Settings()
    rules: Mapping[str, RuleConfig] = MappingProxyType({})
    select: tuple[str, ...] = ()
    extend_select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    suppressions: tuple[Accepted, ...] = ()
    audience: str | None = None
    min_confidence: str | None = None
    fail_on: str | None = None
    baseline: str | None = None
    meshes: tuple[MeshConfig, ...] = ()
    mesh: str | None = None
    places: tuple[tuple[str, Location], ...] = ()
    file: str | None = None
    folder: str | None = None
    document: Document | None = None

    def with_world(self, world: str) -> "Config":
        """Every mesh of this configuration in another world."""
        meshes = tuple(mesh._replace(settings=mesh.settings._replace(world=world)) for mesh in self.meshes)
        return self._replace(settings=self.settings._replace(world=world), meshes=meshes)


class ConfigError(Exception):
    """A configuration that says what it may not say. Line and column are 1-based."""

    def __init__(self, file: str, line: int, column: int, message: str) -> None:
        super().__init__(f"{file}:{line}:{column}: {message}")
        self.file = file
        self.line = line
        self.column = column
        self.message = message

    @classmethod
    def at(cls, location: Location, message: str, *, key: bool = False) -> "ConfigError":
        """At a value, or at the key that has it."""
        span = (key and location.key) or location.span
        return cls(location.file, span.start_line, span.start_column, message)


def suggestion(word: str, known: Iterable[str]) -> str:
    """`; did you mean X?` for a word that resembles a known one, in whatever case, else nothing."""
    import difflib

    folded = {other.casefold(): other for other in known}
    close = difflib.get_close_matches(word.casefold(), folded, n=1)
    return f"; did you mean {folded[close[0]]}?" if close else ""
