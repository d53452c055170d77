"""The site: it is built, it has a page for every rule, every link in it leads somewhere, and nothing of it comes from elsewhere."""

from __future__ import annotations

import posixpath
import re
import sys
from collections.abc import Mapping
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import click
import pytest

from meshlint.cli.main import cli
from meshlint.rule import catalog

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "docs"))
from make import __main__ as program  # noqa: E402
from make import site as maker  # noqa: E402

INFOS = catalog.own()
ELSEWHERE = re.compile(r"[a-z]+:|//")


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
        if given.get("data-md-component") == "source":
            self.loaded.append("https://api.github.com")  # its script asks there for the stars of the repository


def test_no_link_is_broken_and_nothing_is_loaded_from_elsewhere(site: Path) -> None:
    files = {path.relative_to(site).as_posix() for path in site.rglob("*") if path.is_file()}
    parsed = {name: Page(site / name) for name in files if name.endswith(".html") and name != "404.html"}
    assert [(name, url) for name, page in parsed.items() for url in page.loaded if ELSEWHERE.match(url)] == []
    links = {(name, link) for name, page in parsed.items() for link in (*page.links, *page.loaded)}
    assert sorted(link for link in links if not leads(*link, files, parsed)) == []


def leads(page: str, link: str, files: set[str], parsed: Mapping[str, Page]) -> bool:
    """Whether a link of a page leads to another site, or to a file of this one and an anchor that it has."""
    path, _, anchor = link.partition("#")
    target = posixpath.normpath(posixpath.join(posixpath.dirname(page), unquote(path))) if path else page
    target = {".": "index.html"}.get(target, target)
    return bool(ELSEWHERE.match(link)) or (
        target in files and (not anchor or target not in parsed or unquote(anchor) in parsed[target].anchors)
    )


def test_links_that_lead_nowhere_are_noticed(tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text('<h1 id="top">Page</h1>')
    parsed = {"rules/page.html": Page(tmp_path / "page.html")}
    given = ["page.html", "#top", "page.html#top", "https://istio.io", "other.html", "#bottom", "../page.html"]
    assert [leads("rules/page.html", link, {"rules/page.html"}, parsed) for link in given] == [True] * 4 + [False] * 3


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


@pytest.fixture(scope="module")
def texts() -> dict[str, str]:
    return maker.pages()


def test_the_lines_of_findings_and_of_fixes_are_marked(texts: dict[str, str]) -> None:
    page = texts["rules/timeouts/timeout-cuts-streaming-response.md"]
    assert '```yaml title="bad_generation_path.yaml" linenums="1" hl_lines="17 25"' in page
    assert '```yaml title="fixed_generation_path.yaml" linenums="1" hl_lines="17 25"' in page
    assert '```yaml title="good_long_enough.yaml" linenums="1"\n' in page


def test_rules_are_found_by_category_by_pitfall_and_by_the_ids_of_other_tools(texts: dict[str, str]) -> None:
    for info in INFOS.values():
        link = f"| [`{info.id}`]({info.category}/{info.id}.md) |"
        assert link in texts["rules/index.md"].partition(f"\n## {info.category}\n")[2].partition("\n## ")[0]
        for pitfall in info.pitfalls or ("input",):
            assert link in texts["rules/pitfalls.md"].partition(f"{{ #{pitfall} }}\n")[2].partition("\n## ")[0]
        for name in info.equivalents:
            assert f"| `{name.partition(':')[2] or name}` {link}" in texts["rules/peers.md"]
    assert (
        "## Kiali\n\n| there | here |\n| --- | --- |\n| `KIA0104` | [`egress-host-without-serviceentry`]"
        in texts["rules/peers.md"]
    )


def test_every_command_is_on_a_page_with_its_options(texts: dict[str, str]) -> None:
    parts = dict(re.findall(r"^## (meshlint.*)\n((?:(?!## ).*\n)*)", texts["commands.md"], re.MULTILINE))
    helps = {"meshlint", *(f"meshlint {name}" for name in cli.list_commands(click.Context(cli)))}
    assert helps <= parts.keys()
    assert "| `--format` `FMT[=FILE]` | full (the default), concise," in parts["meshlint check"]
    assert "| `-n`, `--namespace` `NAME` | Namespace of objects that name none. |\n" in parts["meshlint can"]
    assert "`--world` `[open|closed]`" in parts["meshlint facts"]


def test_a_new_rule_changes_nothing_that_is_committed() -> None:
    """No page that is written by hand lists the rules."""
    named = {
        path.name: sum(f"`{id}`" in path.read_text(encoding="utf-8") for id in INFOS)
        for path in (ROOT / "docs").rglob("*.md")
    }
    assert {name for name, number in named.items() if number > len(INFOS) / 2} == set()


def test_the_navigation_has_every_page(texts: dict[str, str]) -> None:
    assert sorted(texts) == sorted(leaves(maker.navigation()))


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


@pytest.mark.parametrize(
    ("name", "stale", "mended"),
    [
        ("page.md", "```console\n$ echo one\ntwo\n```\n", "```console\n$ echo one\none\n```\n"),
        ("version.txt", "meshlint, version 0.0.0\n", "meshlint, version 0.1.0\n"),
    ],
)
def test_what_is_stale_fails_and_is_mended(
    name: str,
    stale: str,
    mended: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = tmp_path / name
    file.write_text(stale)
    monkeypatch.setattr(program, "ROOT", tmp_path)
    monkeypatch.setattr(program, "GENERATED", {"version.txt": ("--version",)})

    def scripts_docs(*arguments: str) -> int:
        monkeypatch.setattr(sys, "argv", ["scripts/docs", *arguments, str(file)])
        return program.main()

    assert scripts_docs() == 1
    assert capsys.readouterr().err == (
        f"{name}: what is generated in it is something else today; scripts/docs --write {name} mends it\n"
    )
    assert file.read_text() == stale
    assert scripts_docs("--write") == 0
    assert file.read_text() == mended
    assert scripts_docs() == 0


def test_everything_generated_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without arguments `scripts/docs` looks at every page and every generated file, and builds the site."""
    seen: list[Path] = []
    monkeypatch.setattr(program, "out_of_date", lambda files: seen.extend(files) or ())
    monkeypatch.setattr(program, "build", seen.append)
    monkeypatch.setattr(sys, "argv", ["scripts/docs"])
    assert program.main() == 0
    assert [path.relative_to(ROOT).as_posix() for path in seen] == [
        "README.md",
        "CONTRIBUTING.md",
        *(path.relative_to(ROOT).as_posix() for path in sorted((ROOT / "docs").rglob("*.md"))),
        "examples/plugin/README.md",
        "schemas/config.schema.json",
        "site",
    ]
