"""Names of files as the repository knows them."""

from __future__ import annotations

from pathlib import Path

from ..source.document import Failure

STDIN = "<stdin>"


class Paths:
    """Paths relative to the root of the repository; links are resolved."""

    def __init__(self, root: str) -> None:
        self._root = Path(root).resolve()
        self._known: dict[str, str | None] = {}

    def relative(self, file: str) -> str | None:
        """With forward slashes; None for stdin and for what lies outside the repository."""
        if file not in self._known:
            path = Path(file).resolve()
            inside = file != STDIN and path.is_relative_to(self._root)
            self._known[file] = path.relative_to(self._root).as_posix() if inside else None
        return self._known[file]

    def named(self, file: str) -> str:
        """The relative path; the absolute one outside the repository, and `stdin` for stdin."""
        return self.relative(file) or ("stdin" if file == STDIN else Path(file).resolve().as_posix())

    def place(self, failure: Failure) -> str:
        """Where something could not be checked; a rule that failed is no file of the repository."""
        return failure.place if failure.kind == "rule" else failure._replace(file=self.named(failure.file)).place
