"""Objects for the tests of the resource layer, from YAML as the source layer reads it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from meshlint.resource.objects import resources
from meshlint.resource.resource import Resource
from meshlint.source import yaml
from meshlint.source.document import Document, SourceFile


@pytest.fixture
def documents() -> Callable[[dict[str, str]], list[Document]]:
    """The documents of some files, by name."""

    def read(files: dict[str, str]) -> list[Document]:
        found: list[Document] = []
        for name, text in files.items():
            loaded = yaml.load(SourceFile(name, text))
            assert not loaded.failures
            found += loaded.documents
        return found

    return read


@pytest.fixture
def objects(documents: Callable[[dict[str, str]], list[Document]]) -> Callable[[dict[str, str]], list[Resource]]:
    """The objects of some files, by name; nothing says a namespace where they name none."""
    return lambda files: list(resources(documents(files), lambda _: None).resources)


@pytest.fixture
def one(objects: Callable[[dict[str, str]], list[Resource]]) -> Callable[[str], Resource]:
    """The only object of a text."""

    def read(text: str) -> Resource:
        (found,) = objects({"a.yaml": text})
        return found

    return read
