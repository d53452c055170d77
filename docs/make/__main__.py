"""Checks what is generated in the documentation, or writes it: `docs/make [--write] [FILE...]`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from sessions import ROOT, rewritten, run


def pages() -> list[Path]:
    """The pages written by hand."""
    return [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


def main() -> int:
    arguments = argparse.ArgumentParser(prog="scripts/docs", description="Builds the documentation into site/.")
    arguments.add_argument(
        "--write", action="store_true", help="write what is generated instead of failing where it is stale"
    )
    arguments.add_argument("files", nargs="*", type=Path, help="look at these pages only")
    given = arguments.parse_args()
    stale = [page for page in given.files or pages() if _is_stale(page, given.write)]
    for page in stale:
        print(f"{page}: what its commands print has changed: scripts/docs --write {page}", file=sys.stderr)
    return 1 if stale else 0


def _is_stale(page: Path, write: bool) -> bool:
    """Whether a page shows something else than its commands print, and still does."""
    text = page.read_text(encoding="utf-8")
    new = rewritten(text, run(text))
    if write:
        page.write_text(new, encoding="utf-8")
    return new != text and not write


if __name__ == "__main__":
    sys.exit(main())
