"""The site: it is built, it has a page for every rule, every link in it leads somewhere, and nothing of it comes from elsewhere."""

from __future__ import annotations

import re
import sys
from collections import defaultdict
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest

from meshlint.rule import catalog

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "docs"))
from make import __main__ as program  # noqa: E402
from make import site as maker  # noqa: E402

INFOS = catalog.own()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("built") / "site"
    maker.build(folder)
    return folder


class Page(HTMLParser):
    """The links, the anchors and the loaded addresses of a page."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.anchors: set[str] = {""}
        self.loaded: list[str] = []
        self.feed(file.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attributes}
        self.anchors |= {given[name] for name in ("id", "name") if name in given}
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        elif tag == "link" and given.get("rel") not in ("canonical", "next", "prev"):
            self.loaded.append(given.get("href", ""))
        elif "src" in given:
            self.loaded.append(given["src"])


def test_no_link_is_broken_and_nothing_is_loaded_from_elsewhere(site: Path) -> None:
    parsed = {file.resolve(): Page(file) for file in site.rglob("*.html") if file.name != "404.html"}
    broken = defaultdict(list)
    for file, page in parsed.items():
        for link in [*page.links, *page.loaded]:
            path, _, anchor = link.partition("#")
            if re.match(r"[a-z]+:|//", link):
                if link in page.loaded:
                    broken[file.name].append(link)
                continue
            target = (file.parent / unquote(path)).resolve() if path not in ("", ".") else file
            target = target / "index.html" if target.is_dir() else target
            if not target.exists() or (anchor and target in parsed and unquote(anchor) not in parsed[target].anchors):
                broken[file.name].append(link)
    assert broken == {}


@pytest.mark.parametrize("id", INFOS)
def test_every_rule_has_a_page_with_its_facts_and_examples(id: str, site: Path) -> None:
    info = INFOS[id]
    page = (site / "rules" / info.category / f"{id}.html").read_text(encoding="utf-8")
    words = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", page))
    for heading in ("What it means", "Why it matters", "How to fix it", "Examples", "References"):
        assert f"{heading}</a>" in page or re.search(rf"<h2[^>]*>{heading}", page), heading
    for fact in (f"Severity {info.severity} ", f"Confidence {info.confidence},", f"ignore[{id}] reason"):
        assert fact in words
    examples = (Path(catalog.root()) / info.category / id.replace("-", "_") / "examples").iterdir()
    assert [example.name for example in examples if example.name not in page] == []


def test_the_lines_of_findings_and_of_fixes_are_marked() -> None:
    page = maker.pages()["rules/timeouts/timeout-cuts-streaming-response.md"]
    assert '```yaml title="bad_generation_path.yaml" linenums="1" hl_lines="17 25"' in page
    assert '```yaml title="fixed_generation_path.yaml" linenums="1" hl_lines="17 25"' in page
    assert '```yaml title="good_long_enough.yaml" linenums="1"\n' in page


def test_rules_are_found_by_category_by_pitfall_and_by_the_ids_of_other_tools() -> None:
    pages = maker.pages()
    for info in INFOS.values():
        link = f"| [`{info.id}`]({info.category}/{info.id}.md) |"
        assert link in pages["rules/index.md"].partition(f"\n## {info.category}\n")[2].partition("\n## ")[0]
        for pitfall in info.pitfalls or ("input",):
            assert link in pages["rules/pitfalls.md"].partition(f"{{ #{pitfall} }}\n")[2].partition("\n## ")[0]
        for name in info.equivalents:
            assert f"| `{name.partition(':')[2] or name}` {link}" in pages["rules/peers.md"]
    assert (
        "## Kiali\n\n| there | here |\n| --- | --- |\n| `KIA0104` | [`egress-host-without-serviceentry`]"
        in pages["rules/peers.md"]
    )


def test_a_new_rule_changes_nothing_that_is_committed() -> None:
    """No page that is written by hand lists the rules."""
    named = {
        path.name: sum(f"`{id}`" in path.read_text(encoding="utf-8") for id in INFOS)
        for path in (ROOT / "docs").rglob("*.md")
    }
    assert {name for name, number in named.items() if number > len(INFOS) / 2} == set()


def test_the_navigation_has_every_page() -> None:
    assert sorted(maker.pages()) == sorted(leaves(maker.navigation()))


def leaves(entries: object) -> list[str]:
    if isinstance(entries, str):
        return [entries]
    below = entries.values() if isinstance(entries, dict) else entries
    return [leaf for entry in below for leaf in leaves(entry)]  # type: ignore[attr-defined]


def test_a_broken_link_fails_the_build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(maker, "pages", lambda: {"index.md": "# Index\n\n[gone](gone.md)\n"})
    monkeypatch.setattr(maker, "navigation", lambda: [{"meshlint": "index.md"}])
    with pytest.raises(maker.Broken, match=r"gone\.md"):
        maker.build(tmp_path / "site")
    assert not (tmp_path / "site").exists()


def test_a_stale_page_fails_and_is_mended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "page.md"
    page.write_text("# Page\n\n```console\n$ meshlint --version\nmeshlint, version 0.0.0\n```\n")
    monkeypatch.setattr(program, "ROOT", tmp_path)

    def scripts_docs(*arguments: str) -> int:
        monkeypatch.setattr(sys, "argv", ["scripts/docs", *arguments, str(page)])
        return program.main()

    assert scripts_docs() == 1
    assert (
        capsys.readouterr().err
        == "page.md: its commands print something else today; scripts/docs --write page.md mends it\n"
    )
    assert scripts_docs("--write") == 0
    assert scripts_docs() == 0
    assert page.read_text() == "# Page\n\n```console\n$ meshlint --version\nmeshlint, version 0.1.0\n```\n"
