"""Builds the site, and checks or writes what is generated in the pages: `scripts/docs [--write] [FILE...]`."""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from .sessions import ROOT, rewritten, run
from .site import Broken, build


def pages() -> list[Path]:
    """The pages written by hand."""
    docs, examples = sorted((ROOT / "docs").rglob("*.md")), sorted((ROOT / "examples").glob("*/README.md"))
    return [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *docs, *examples]


GENERATED = {"schemas/config.schema.json": ("config", "schema", "--generic")}
"""Files that a command of meshlint prints."""


def main() -> int:
    arguments = argparse.ArgumentParser(prog="scripts/docs", description="Builds the documentation into site/.")
    arguments.add_argument("--write", action="store_true", help="write what is stale instead of failing")
    arguments.add_argument("files", nargs="*", type=Path, help="look at these files only, and build nothing")
    given = arguments.parse_args()
    files = [file.resolve() for file in given.files] or [*pages(), *(ROOT / name for name in GENERATED)]
    stale = [file.relative_to(ROOT) for file in files if is_stale(file, given.write)]
    for name in stale:
        print(
            f"{name}: what is generated in it is something else today; scripts/docs --write {name} mends it",
            file=sys.stderr,
        )
    if not given.files:
        try:
            build(ROOT / "site")
        except Broken as error:
            print(error, file=sys.stderr)
            return 1
    return 1 if stale else 0


def is_stale(file: Path, write: bool) -> bool:
    """Whether a file has something else than its commands print; one that is written is not stale any more."""
    text = file.read_text(encoding="utf-8")
    arguments = GENERATED.get(file.relative_to(ROOT).as_posix())
    new = printed(arguments) if arguments else rewritten(text, run(text))
    if write and new != text:
        file.write_text(new, encoding="utf-8")
    return new != text and not write


def printed(arguments: Sequence[str]) -> str:
    """What meshlint prints, anywhere."""
    return subprocess.check_output([sys.executable, "-m", "meshlint", *arguments], cwd=ROOT.anchor, text=True)


if __name__ == "__main__":
    sys.exit(main())
