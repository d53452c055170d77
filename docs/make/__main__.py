"""Builds the site, and checks or writes what is generated in the pages: `scripts/docs [--write] [FILE...]`."""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from .sessions import ROOT, rewritten, run_all
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
    if missing := [str(file) for file in given.files if not file.is_file()]:
        arguments.error(f"no such file: {', '.join(missing)}")
    stale = list(
        out_of_date([file.resolve() for file in given.files] or [*pages(), *(ROOT / name for name in GENERATED)])
    )
    for file, text in stale:
        name = file.relative_to(ROOT)
        if given.write:
            file.write_text(text, encoding="utf-8")
        else:
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
    return 1 if stale and not given.write else 0


def out_of_date(files: Sequence[Path]) -> Iterator[tuple[Path, str]]:
    """The files that have something else than their commands print, and what they should have."""
    texts = [file.read_text(encoding="utf-8") for file in files]
    for file, text, ran in zip(files, texts, run_all(texts), strict=True):
        arguments = GENERATED.get(file.relative_to(ROOT).as_posix())
        new = printed(arguments) if arguments else rewritten(text, ran)
        if new != text:
            yield file, new


def printed(arguments: Sequence[str]) -> str:
    """What meshlint prints, anywhere."""
    return subprocess.check_output([sys.executable, "-m", "meshlint", *arguments], cwd=ROOT.anchor, text=True)


if __name__ == "__main__":
    sys.exit(main())
