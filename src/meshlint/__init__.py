"""meshlint: the linter that knows what a service mesh will really do."""

__version__ = "0.1.0"
