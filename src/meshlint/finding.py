"""A finding and the words to weigh it: what every later stage passes on."""

from collections.abc import Mapping
from enum import Enum, IntEnum
from types import MappingProxyType
from typing import Any, NamedTuple

from .source.change import Change, Edit
from .source.document import Location, Mark


class Level(IntEnum):
    """An ordered scale whose words are the lower-cased names."""

    def __str__(self) -> str:
        return self.name.lower()


class Severity(Level):
    """How bad it is if true."""

    INFO = 1
    WARNING = 2
    ERROR = 3


class Confidence(Level):
    """How surely it is true."""

    LOW = 1
    MEDIUM = 2
    HIGH = 3


class Audience(Level):
    """Who wants to hear it. Nested: an auditor hears all that a pedant hears, a pedant all that everybody hears."""

    REGULAR = 1
    PEDANTIC = 2
    AUDITOR = 3


class Safety(Enum):
    """Whether the effective policy stays as it is (safe), or changes (unsafe), be it for the better."""

    SAFE = "safe"
    UNSAFE = "unsafe"

    def __str__(self) -> str:
        return self.value


class Fix(NamedTuple):
    """What would mend a finding. A rule's has no edits: they are the finding's."""

    description: str
    safety: Safety
    edits: tuple[Edit, ...] = ()

    def __str__(self) -> str:
        return f"{self.description} ({self.safety})"


class ResourceId(NamedTuple):
    """What names a resource to people. `namespace` is "" for what has none and `(unset)` where nothing says it."""

    api_version: str
    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"


class RuleInfo(NamedTuple):
    """What is known about a rule without running it: its `rule.yaml`, and its README where it is explained.

    `plugin` is the distribution that it is of, with its version; "" for meshlint's own.
    """

    id: str
    category: str
    title: str
    severity: Severity
    confidence: Confidence
    audience: Audience
    meshes: tuple[str, ...]
    message: str
    remediation: str
    kinds: tuple[str, ...] = ()
    pitfalls: tuple[str, ...] = ()
    equivalents: tuple[str, ...] = ()
    supersedes: tuple[str, ...] = ()
    security: bool = False
    options: Mapping[str, Any] = MappingProxyType({})
    fix: Fix | None = None
    readme: str = ""
    folder: str = ""
    plugin: str = ""


class Related(NamedTuple):
    """A place that belongs to a finding, with its own sentence."""

    message: str
    location: Location


class Site(NamedTuple):
    """Where a finding stands: a place, and the resource it is in.

    `about` is the namespace (the mesh: no names) that is meant where the place is only the first that shows it.
    """

    resource: ResourceId | None
    location: Location | Mark
    about: ResourceId | None = None


class Finding(NamedTuple):
    """A claim about what the mesh will do, with the place that decides it and the reasons.

    `notes` are reasons without a place (defaults, assumptions). `cause` is equal for findings that one decision caused;
    `others` are the sites it has beside its own then, and `about` is as in a Site. `changes` are what the rule's fix describes.
    """

    rule: RuleInfo
    severity: Severity
    confidence: Confidence
    audience: Audience
    message: str
    location: Location | Mark
    resource: ResourceId | None
    related: tuple[Related, ...] = ()
    notes: tuple[str, ...] = ()
    missing: str | None = None
    cause: str = ""
    changes: tuple[Change, ...] = ()
    fingerprint: str = ""
    about: ResourceId | None = None
    others: tuple[Site, ...] = ()

    @property
    def sites(self) -> tuple[Site, ...]:
        """Where it stands, its own place first."""
        return (Site(self.resource, self.location, self.about), *self.others)

    def standing_at(self, site: Site) -> "Finding":
        """The finding with another of its sites as its own."""
        others = tuple(other for other in self.sites if other != site)
        return self._replace(**site._asdict(), others=others)

    @property
    def described_fix(self) -> Fix | None:
        """The rule's fix, without edits, where it describes what to change; it may turn out that no edits do that."""
        return self.rule.fix if self.changes else None

    @property
    def fix(self) -> Fix | None:
        """The rule's fix with the edits that make all of the changes, found anew each time; None where no edits do."""
        described = self.described_fix
        if described is None:
            return None
        from .source.edit import edits

        found = edits(self.changes)
        return described._replace(edits=found) if found else None
