"""Project settings: what `meshlint.yaml` and the command line may say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .finding import Severity
from .source.document import Location


@dataclass(frozen=True, slots=True)
class Selector:
    """A workload selector of a setting: all given parts must fit. `kind` is used by the setting `inference` only."""

    namespace: str | None = None
    name: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    kind: str | None = None


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of the catalogue. `places` says where a value was written, by setting name."""

    istio_version: tuple[int, int] | None = None  # None: the newest known
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
    places: Mapping[str, Location] = field(default_factory=dict)

    @property
    def closed(self) -> bool:
        """The input is the whole mesh: what it does not have does not exist."""
        return self.world == "closed"


@dataclass(frozen=True, slots=True)
class RuleConfig:
    """What the project says of one rule."""

    severity: Severity | None = None
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Config:
    """A whole `meshlint.yaml`."""

    settings: Settings = field(default_factory=Settings)
    rules: Mapping[str, RuleConfig] = field(default_factory=dict)
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    file: str | None = None
