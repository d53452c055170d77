"""Builds the site, and checks or writes what is generated in the pages: `scripts/docs [--write] [PAGE...]`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from .sessions import ROOT, rewritten, run
from .site import Broken, build


def pages() -> list[Path]:
    """The pages written by hand."""
    return [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


def main() -> int:
    arguments = argparse.ArgumentParser(prog="scripts/docs", description="Builds the documentation into site/.")
    arguments.add_argument("--write", action="store_true", help="write what is stale instead of failing")
    arguments.add_argument("pages", nargs="*", type=Path, help="look at these pages only, and build nothing")
    given = arguments.parse_args()
    stale = [page for page in given.pages or pages() if is_stale(page, given.write)]
    for page in stale:
        name = page.resolve().relative_to(ROOT)
        print(f"{name}: its commands print something else today; scripts/docs --write {name} mends it", file=sys.stderr)
    if not given.pages:
        try:
            build(ROOT / "site")
        except Broken as error:
            print(error, file=sys.stderr)
            return 1
    return 1 if stale else 0


def is_stale(page: Path, write: bool) -> bool:
    """Whether a page shows something else than its commands print; one that is written is not stale any more."""
    text = page.read_text(encoding="utf-8")
    new = rewritten(text, run(text))
    if write and new != text:
        page.write_text(new, encoding="utf-8")
    return new != text and not write


if __name__ == "__main__":
    sys.exit(main())
