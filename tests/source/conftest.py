"""Documents from text, and the text of a span."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from meshlint.source import yaml
from meshlint.source.document import Document, SourceFile, Span

Read = Callable[[str], Document]


@pytest.fixture
def read() -> Read:
    """Reads a text that holds one document."""

    def one(text: str) -> Document:
        loaded = yaml.load(SourceFile("a.yaml", text))
        assert loaded.failures == ()
        (document,) = loaded.documents
        return document

    return one


def cut(text: str, span: Span) -> str:
    """What a span on one line covers."""
    assert span.start_line == span.end_line
    return text.split("\n")[span.start_line - 1][span.start_column - 1 : span.end_column - 1]
