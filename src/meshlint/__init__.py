"""meshlint: a linter for Istio manifests that works out the effective policy."""

__version__ = "0.1.0"
