"""What a rule may judge: workloads and their ports, hosts, routes, and what may leave the mesh."""

from collections.abc import Mapping
from enum import Enum
from typing import Any, NamedTuple

from ..resource.match import ServicePort
from ..resource.resource import Resource
from ..resource.workload import PodTemplate
from ..source.document import Location, Path
from .effective import Effective, Reason, Unknown


class DataPlane(Enum):
    """What carries the traffic of a pod."""

    SIDECAR = "sidecar"
    GATEWAY = "gateway"
    AMBIENT = "ambient"
    LINKERD = "linkerd"
    NONE = "none"
    UNKNOWN = "unknown"


class MtlsMode(Enum):
    """What a port accepts: mTLS only, both, plaintext only."""

    STRICT = "STRICT"
    PERMISSIVE = "PERMISSIVE"
    DISABLE = "DISABLE"


class ModelKind(Enum):
    """What a model server does with a request. UNKNOWN: the server can do several."""

    GENERATION = "generation"
    EMBEDDING = "embedding"
    PREDICTIVE = "predictive"
    UNKNOWN = "unknown"


class PlaintextUse(Enum):
    """A legitimate caller of a port that has no certificate of the mesh."""

    METRICS = "it is a metrics port"
    WEBHOOK = "the API server calls it"
    INGRESS_TLS = "a Sidecar's ingress.tls ends TLS on it"
    OUTSIDE = "its only known callers are outside the mesh"


class Answer(Enum):
    """A three-valued answer."""

    YES = "yes"
    MAYBE = "maybe"
    NO = "no"


class Inference(NamedTuple):
    """That a workload or host serves a model. `sure` is False for name-like evidence alone; `stated`: the user said it."""

    kind: ModelKind
    sure: bool
    stated: bool
    because: tuple[Reason, ...]


class Workload(NamedTuple):
    """Pods of one template, or, where no manifest of a namespace has any, what a policy's selector implies.

    `in_mesh` says whether policies of the mesh apply to it at all: value and ground (term `proxied workload`).
    `inference` is None for what serves no model.
    """

    resource: Resource
    namespace: str
    name: str
    labels: Mapping[str, str]
    pod: PodTemplate | None
    data_plane: Effective[DataPlane]
    in_mesh: Effective[bool]
    inference: Inference | None

    @property
    def implied(self) -> bool:
        return self.pod is None

    @property
    def account(self) -> str:
        """The service account it runs as; of an implied one, whose is not known, its name."""
        return self.pod.account if self.pod else self.name

    @property
    def place(self) -> Location:
        """Its pod template, or the selector that implies it."""
        return self.resource.at(*self.pod.path) if self.pod else self.resource.at("spec", "selector")

    @property
    def has_sidecar(self) -> bool:
        """Whether a sidecar carries its traffic; where the input cannot tell and takes a proxy for granted, it is one."""
        return self.in_mesh.value and self.data_plane.value in (DataPlane.SIDECAR, DataPlane.UNKNOWN)

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


class Purpose(Enum):
    """What a poll is for."""

    SCRAPE = "scrape"
    HEALTH = "health check"


class Scraper(NamedTuple):
    """A Prometheus of the input: its service account (NAMESPACE/NAME), and whether its pods have a proxy or are in ambient."""

    account: str
    proxied: bool


class Poll(NamedTuple):
    """A scrape or a health check that is configured to call a port, and does: no agent beside the application makes it.

    `location` is where `caller` names the port. `scrapers` are the Prometheus servers known to do it. `certified` tells
    whether it presents a certificate. `path` is the one it asks for, None = not known.
    """

    purpose: Purpose
    caller: str
    location: Location
    scrapers: tuple[Scraper, ...]
    certified: bool
    path: str | None = None


class Port(NamedTuple):
    """An inbound port of a workload. `number` is the container port; None stands for every port that nothing names.

    `services` are the Service ports that lead to it. `protocol` is as a ServicePort has it: of the oldest of them, or of the
    Sidecar's entry for it. `captured` is False where the proxy is kept out of its way. `polls` are the scrapes and health
    checks that arrive at it.
    """

    workload: Workload
    number: int | None
    name: str | None
    services: tuple[tuple[Resource, ServicePort], ...]
    protocol: str | None
    mtls: Effective[MtlsMode]
    captured: bool
    plaintext_use: PlaintextUse | None
    polls: tuple[Poll, ...]

    @property
    def resource(self) -> Resource:
        return self.workload.resource

    def __str__(self) -> str:
        return f"{self.workload}:{'*' if self.number is None else self.number}"


class Destination(NamedTuple):
    """Where a route sends a share of its requests. `host` is resolved; `port` None = the port that was called."""

    host: str
    port: int | None
    subset: str | None
    location: Location


class Retries(NamedTuple):
    """The retries a route really gets, field by field. `conditions` are retryOn words and HTTP codes, as istiod splits them.

    `per_try_timeout` is in milliseconds, None = each try is bounded by the route's timeout alone. `block` is the whole
    policy: its origin is the retries block, or the field of meshConfig that stands in for it. `inherited`: the route itself
    says nothing. `other_hosts`: whether hosts tried before are avoided, None = unless requests are hashed. `backoff` is in
    milliseconds, None = Envoy's default.
    """

    inherited: bool
    block: Effective[bool]
    attempts: Effective[int | Unknown]
    conditions: Effective[tuple[str, ...] | Unknown]
    per_try_timeout: Effective[int | Unknown | None]
    other_hosts: bool | None = None
    other_localities: bool = False
    backoff: int | None = None


class Route(NamedTuple):
    """One http rule of a VirtualService, a delegate's rule merged into it where it delegates.

    `path` is that of the rule in `resource`, which is `root` or its delegate. `mesh` and `gateway` say whether sidecars and gateways get it. `timeout` is
    in milliseconds, None = no limit. `protocol` is what the destination speaks: http or grpc.
    """

    resource: Resource
    path: Path
    root: Resource
    name: str | None
    hosts: tuple[str, ...]
    mesh: bool
    gateway: bool
    matches: tuple[tuple[Mapping[str, Any], Location], ...]
    destinations: tuple[Destination, ...]
    answered_by_proxy: bool
    rewrite: tuple[Mapping[str, Any], Location] | None
    timeout: Effective[int | Unknown | None]
    retries: Retries
    protocol: Effective[str]
    generation: Effective[Answer]

    @property
    def location(self) -> Location:
        return self.resource.at(*self.path)

    def __str__(self) -> str:
        name = f" ({self.name})" if self.name else ""
        return f"{self.resource.namespace}/{self.resource.name} http[{self.path[-1]}]{name}"


class Claim(NamedTuple):
    """A VirtualService's claim of a host for calls inside the mesh. `position` is that of the host in its spec.hosts."""

    resource: Resource
    position: int

    @property
    def location(self) -> Location:
        return self.resource.at("spec", "hosts", self.position)


class Shadow(NamedTuple):
    """That one claim loses a host to another for some clients. `certain` is False when only creation times decide."""

    winner: Claim
    loser: Claim
    clients: tuple[str, ...]
    certain: bool
    overlap: Effective[bool]
    why: str


class Dropped(NamedTuple):
    """A part of a DestinationRule that some clients it is meant for, or all, do not get. `kept` are the rules that win or may win.

    `lost` names the blocks; where only creation times decide (`certain` is False) also those that another order would lose.
    `inevitable`: whichever order it is, something is lost. `everywhere`: no client gets it.
    """

    resource: Resource
    path: Path
    lost: tuple[str, ...]
    kept: tuple[Resource, ...]
    certain: bool
    inevitable: bool
    everywhere: bool
    why: str

    @property
    def location(self) -> Location:
        return self.resource.at(*self.path)


class Host(NamedTuple):
    """A host name that clients of the mesh call, fully resolved, with everything that claims it."""

    name: str
    claims: tuple[Claim, ...]
    destination_rules: tuple[Resource, ...]
    shadows: tuple[Shadow, ...]
    dropped: tuple[Dropped, ...]

    @property
    def resource(self) -> Resource | None:
        return None

    def __str__(self) -> str:
        return self.name


class Declared(NamedTuple):
    """A host as a ServiceEntry declares it."""

    host: str
    entry: Resource
    location: Location


class WantedHost(NamedTuple):
    """A host outside the mesh that something names as one to be called.

    `clients` are the namespaces whose calls are meant (any of them), `labels` those of the workloads, None = whatever
    workloads. `entries` declare it to them; where none does, `near` come close. `member` is the ground for which a workload that
    names it has a proxy. `fetches_keys`: the proxies themselves call it, for the keys of tokens.
    """

    host: str
    location: Location
    external: Effective[bool]
    clients: tuple[str, ...]
    labels: Mapping[str, str] | None
    entries: tuple[Declared, ...]
    near: tuple[Declared, ...]
    member: Effective[bool] | None = None
    fetches_keys: bool = False

    @property
    def resource(self) -> Resource | None:
        return None

    def __str__(self) -> str:
        return self.host


class Egress(NamedTuple):
    """What the workloads of a namespace may call outside the mesh.

    `workloads` are those of the namespace that share a Sidecar; empty when none are known. `sidecars` are the namespace's own
    that apply to them, or may. `intent` are the places that
    show that somebody meant to limit it, `hosts` the approved ones. `confined` are the workloads that have no business
    outside. `limited` is the reason why a NetworkPolicy closes it all the same. `first` is the first place of the
    namespace in the input.
    """

    namespace: str
    workloads: tuple[Workload, ...]
    sidecars: tuple[Resource, ...]
    posture: Effective[str]
    in_mesh: Effective[bool]
    intent: tuple[Reason, ...]
    hosts: tuple[str, ...]
    confined: tuple[Workload, ...]
    limited: Reason | None
    first: Location

    @property
    def resource(self) -> Resource | None:
        return None

    def __str__(self) -> str:
        return self.namespace
