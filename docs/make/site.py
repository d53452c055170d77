"""Builds the site: the pages written by hand, and those made from rules and commands.

Pages link as it works on GitHub. On the site a link to a folder of a rule leads to its page, one to `rules` or to the commands
leads to theirs, and one to anything else outside `docs/` leads to the repository.
"""

from __future__ import annotations

import json
import posixpath
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from meshlint.rule import catalog

from . import commands, rules
from .markdown import outside_code

HERE = Path(__file__).parent
DOCS = HERE.parent
MADE = {"rules": "rules/index.md", "src/meshlint/cli": "commands.md"}
"""Pages of the site that stand for something of the repository."""
_COLOR = re.compile(r"\x1b\[[0-9;]*m")
_LINK = re.compile(r"(?<=\]\()([^)\s:#]+)(#[^)\s]*)?(?=\))")
_ENTRY = re.compile(r"^(?:## (?P<section>.+)|[-*] \[(?P<title>[^]]+)\]\((?P<link>[^)#:]+)\).*)$", re.MULTILINE)


class Broken(Exception):
    """The site cannot be built as it is; the text is zensical's."""


def build(site: Path) -> None:
    """Writes the site into a folder, which it empties before. Raises Broken."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for page, text in pages().items():
            file = folder / "docs" / page
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        config = (HERE / "zensical.toml").read_text(encoding="utf-8")
        (folder / "zensical.toml").write_text(
            config.replace("[project]\n", f"[project]\nnav = {_toml(navigation())}\n", 1)
        )
        command = [sys.executable, "-m", "zensical", "build", "--strict"]
        run = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        if run.returncode:
            raise Broken(_COLOR.sub("", run.stdout + run.stderr).partition("Traceback")[0])
        shutil.rmtree(site, ignore_errors=True)
        shutil.copytree(folder / "site", site)


def pages() -> dict[str, str]:
    """The text of every page of the site by its file name."""
    written = {path.relative_to(DOCS).as_posix(): path.read_text(encoding="utf-8") for path in DOCS.rglob("*.md")}
    texts = {
        **{name: _ruled(name, text) for name, text in written.items()},
        **{f"rules/{name}": text for name, text in rules.pages()},
        "commands.md": commands.page(),
    }
    return {name: outside_code(text, partial(_aimed, name)) for name, text in texts.items()}


def _ruled(page: str, text: str) -> str:
    """A page that links the rules it names."""
    return rules.linked(
        text, lambda info: posixpath.relpath(f"rules/{rules.page(info)}", posixpath.dirname(page) or ".")
    )


def _aimed(page: str, text: str) -> str:
    """A part of a page with the links that it has on the site."""
    return _LINK.sub(partial(_target, page), text)


def _target(page: str, link: re.Match[str]) -> str:
    """Where a link of a page leads on the site; a link from the root (`/rules`) is one into the repository."""
    below = posixpath.join("docs", posixpath.dirname(page))
    path = posixpath.normpath(link[1][1:] if link[1].startswith("/") else posixpath.join(below, link[1]))
    if path.startswith("docs/") and not link[1].startswith("/"):
        return link[0]
    made = MADE.get(path) or _rules_page(path)
    if made and not link[1].startswith("/"):
        return posixpath.relpath(made, posixpath.dirname(page) or ".") + (link[2] or "")
    return f"{_repository()}/{'tree' if (DOCS.parent / path).is_dir() else 'blob'}/main/{path}{link[2] or ''}"


def _rules_page(path: str) -> str | None:
    """The page of the rule whose folder, or README, this is."""
    for info in catalog.own().values():
        if path.removesuffix("/README.md") == rules.folder(info).relative_to(DOCS.parent).as_posix():
            return f"rules/{rules.page(info)}"
    return None


def _repository() -> str:
    project: Mapping[str, Any] = tomllib.loads((HERE / "zensical.toml").read_text(encoding="utf-8"))["project"]
    return str(project["extra"]["social"][0]["link"])


def navigation() -> list[dict[str, Any]]:
    """The pages in the order in which `index.md` lists them, by its headings."""
    sections: list[dict[str, Any]] = [{"meshlint": "index.md"}]
    for entry in _ENTRY.finditer((DOCS / "index.md").read_text(encoding="utf-8")):
        if entry["section"]:
            sections.append({entry["section"]: []})
        else:
            (pages,) = sections[-1].values()
            pages.append(_entry(entry["title"], posixpath.normpath(posixpath.join("docs", entry["link"]))))
    return sections


def _entry(title: str, path: str) -> dict[str, Any]:
    if path == "rules":
        return {title: [*({name: f"rules/{page}"} for name, page in RULES), *_categories()]}
    return {title: MADE.get(path) or posixpath.relpath(path, "docs")}


RULES = (("By category", "index.md"), ("By pitfall", "pitfalls.md"), ("By other tools' ids", "peers.md"))


def _categories() -> Iterator[dict[str, Any]]:
    infos = catalog.own().values()
    for category in dict.fromkeys(info.category for info in infos):
        yield {category: [{info.id: f"rules/{rules.page(info)}"} for info in infos if info.category == category]}


def _toml(value: Any) -> str:
    """Lists and tables on one line."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{json.dumps(key)} = {_toml(each)}" for key, each in value.items()) + " }"
    return f"[{', '.join(map(_toml, value))}]" if isinstance(value, list) else json.dumps(value)
