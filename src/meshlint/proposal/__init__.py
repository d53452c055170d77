"""Proposes a configuration that fits a repository."""
