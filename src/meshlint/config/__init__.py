"""The configuration of a project: what it may say, how it is found and read."""

from .explain import explained
from .find import load
from .model import (
    NEWEST,
    OLDEST,
    Accepted,
    Config,
    ConfigError,
    MeshConfig,
    RuleConfig,
    Selector,
    Settings,
    suggestion,
)

__all__ = [
    "NEWEST",
    "OLDEST",
    "Accepted",
    "Config",
    "ConfigError",
    "MeshConfig",
    "RuleConfig",
    "Selector",
    "Settings",
    "explained",
    "load",
    "suggestion",
]
