"""The pages about rules, made from their folders: one for each rule, and three ways to look one up."""

from __future__ import annotations

import difflib
import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from meshlint.assets import folder as assets
from meshlint.finding import RuleInfo
from meshlint.rule import catalog

from .markdown import outside_code, table

AUDIENCES = {
    "regular": "everybody",
    "pedantic": "those who ask for it: `--audience pedantic`",
    "auditor": "auditors: `--audience auditor`",
}
SAFETIES = {
    "safe": "safe: the effective policy stays as it is",
    "unsafe": "unsafe: it changes what the mesh does",
}
EXPECTED = re.compile(r"#\s*expect:\s*([a-z0-9-]+)")
PEERS = {
    "IST": "istioctl analyze",
    "KIA": "Kiali",
    "kubescape": "Kubescape",
    "kyverno": "Kyverno",
    "snowcat": "Snowcat",
}
OTHERS = "About the input"


def pages() -> Iterator[tuple[str, str]]:
    """The file names under `rules/` and the texts of all pages about rules."""
    infos = catalog.own()
    yield "index.md", _by_category(infos.values())
    yield "pitfalls.md", _by_pitfall(infos.values())
    yield "peers.md", _by_peer(infos.values())
    for info in infos.values():
        yield page(info), _rule(catalog.documented(info))


def page(info: RuleInfo) -> str:
    return f"{info.category}/{info.id}.md"


def folder(info: RuleInfo) -> Path:
    return Path(catalog.root()) / info.category / info.id.replace("-", "_")


def linked(text: str, to: Callable[[RuleInfo], str | None]) -> str:
    """A Markdown text in which every rule named in backticks is a link, code blocks apart."""
    infos = catalog.own()

    def link(match: re.Match[str]) -> str:
        target = to(infos[match[1]]) if match[1] in infos else None
        return f"[`{match[1]}`]({target})" if target else match[0]

    return outside_code(text, lambda part: re.sub(r"(?<!\[)`([a-z0-9-]+)`", link, part))


def _rule(info: RuleInfo) -> str:
    title, _, rest = info.readme.partition("\n")
    sections, references = _split(rest, "## References")
    sections, options = _split(sections, "## Options")
    text = "\n\n".join(
        part.strip()
        for part in (
            table(("rule", f"`{info.id}`"), _facts(info)),
            sections,
            options,
            table(("option", "accepts"), map(_option, info.options.items())) if info.options else "",
            f"## Examples\n\n{_examples(info)}",
            references,
        )
        if part.strip()
    )
    return f"{title}\n\n{linked(text, lambda other: f'../{page(other)}' if other.id != info.id else None)}\n"


def _split(text: str, heading: str) -> tuple[str, str]:
    """A text before a heading, and from it on."""
    before, found, after = text.partition(f"\n{heading}\n")
    return before, f"{heading}\n{after}" if found else ""


def _facts(info: RuleInfo) -> Iterator[tuple[str, str]]:
    yield "Severity", str(info.severity)
    yield "Confidence", f"{info.confidence}, or lower where a finding rests on what the input does not tell"
    yield "Told to", AUDIENCES[str(info.audience)]
    yield "Category", f"[{info.category}](../index.md#{info.category})"
    if info.pitfalls:
        titles = _pitfalls()
        yield "Hurts", "; ".join(f"[{titles[p]['title']}](../pitfalls.md#{p})" for p in info.pitfalls)
    if info.equivalents:
        yield "Same check elsewhere", ", ".join(f"`{name}`" for name in info.equivalents)
    if info.supersedes:
        yield "Takes the place of", ", ".join(f"`{name}`" for name in info.supersedes)
    if info.fix:
        yield "Fix", f"{info.fix.description} ({SAFETIES[str(info.fix.safety)]})"
    yield "Suppress", f"`# meshlint: ignore[{info.id}] reason`"
    yield "Source", f"[rules/{info.category}/{folder(info).name}](/rules/{info.category}/{folder(info).name})"


def _option(option: tuple[str, Mapping[str, Any]]) -> tuple[str, str]:
    name, facts = option
    return f"`{name}`", f"`{json.dumps(facts['schema'])}`"


def _examples(info: RuleInfo) -> str:
    """The examples of a rule: what it finds, what its fixes write, what it leaves alone."""
    sorts = {
        "bad": ("Found", "The marked lines are those of the findings."),
        "fixed": ("Fixed", "What the fixes make of the examples above; the marked lines are new."),
        "good": ("Not found", "Nearly the same, and in order."),
    }
    return "\n\n".join(
        f"### {title}\n\n{note}\n\n" + "\n\n".join(_example(path, opened=path is found[0]) for path in found)
        for sort, (title, note) in sorts.items()
        if (found := sorted((folder(info) / "examples").glob(f"{sort}*")))
    )


def _example(path: Path, *, opened: bool) -> str:
    files = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
    comments = [
        line for file in files for line in file.read_text(encoding="utf-8").splitlines()[:1] if line[:2] == "# "
    ]
    title = comments[0][2:].rstrip(".") if comments and not EXPECTED.search(comments[0]) else _words(path)
    shown = "\n\n".join(_file(file, path) for file in files)
    return f'???{"+" if opened else ""} example "{title.replace(chr(34), chr(39))}"\n\n' + _indented(shown)


def _words(path: Path) -> str:
    return path.stem.partition("_")[2].replace("_", " ").capitalize()


def _file(file: Path, example: Path) -> str:
    text = file.read_text(encoding="utf-8").rstrip("\n")
    lines = text.splitlines()
    if example.name.startswith("fixed_"):
        twin = Path(str(file).replace(f"/{example.name}", f"/bad_{example.name.removeprefix('fixed_')}", 1))
        marked = _changed(twin.read_text(encoding="utf-8").splitlines(), lines)
    else:
        marked = [number for number, line in enumerate(lines, 1) if EXPECTED.search(line)]
    name = file.relative_to(example.parent).as_posix()
    marks = f' hl_lines="{" ".join(map(str, marked))}"' if marked else ""
    return f'```yaml title="{name}" linenums="1"{marks}\n{text}\n```'


def _changed(before: list[str], after: list[str]) -> list[int]:
    """The lines of the second text that the first does not have."""
    opcodes = difflib.SequenceMatcher(None, before, after, autojunk=False).get_opcodes()
    return [line + 1 for tag, _, _, start, end in opcodes if tag != "equal" for line in range(start, end)]


def _indented(text: str) -> str:
    return "\n".join(f"    {line}" if line else "" for line in text.split("\n"))


def _by_category(infos: Iterable[RuleInfo]) -> str:
    groups = defaultdict(list)
    for info in infos:
        groups[info.category].append(info)
    sections = (f"## {category}\n\n{_listed(group)}" for category, group in groups.items())
    intro = "By category, as `--select` and `--ignore` take it. See also what hurts: [by pitfall](pitfalls.md), and the ids of [other tools](peers.md)."
    return f"# Rules\n\n{intro}\n\n" + "\n\n".join(sections) + "\n"


def _by_pitfall(infos: Iterable[RuleInfo]) -> str:
    groups = defaultdict(list)
    for info in infos:
        for pitfall in info.pitfalls or ("input",):
            groups[pitfall].append(info)
    titles = {**_pitfalls(), "input": {"title": OTHERS, "description": "What meshlint was given, not what it says."}}
    sections = (
        f"## {words['title']} {{ #{name} }}\n\n{words['description']}\n\n{_listed(groups[name])}"
        for name, words in titles.items()
        if name in groups
    )
    return "# Rules by pitfall\n\nWhat goes wrong, and the rules that find out why.\n\n" + "\n\n".join(sections) + "\n"


def _by_peer(infos: Iterable[RuleInfo]) -> str:
    groups: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for info in infos:
        for name in info.equivalents:
            tool, colon, code = name.partition(":")
            peer = PEERS.get(tool, tool) if colon else PEERS.get(name[:3], "Others")
            groups[peer].append((f"`{code or name}`", _link(info)))
    sections = (
        f"## {peer}\n\n{table(('there', 'here'), sorted(rows))}"
        for peer, rows in sorted(groups.items(), key=lambda each: each[0].lower())
    )
    return (
        "# Rules by the ids of other tools\n\nWhere another tool checks the same, or a part of it. "
        "`--select`, `--ignore` and the configuration take these ids, too.\n\n" + "\n\n".join(sections) + "\n"
    )


def _listed(infos: Iterable[RuleInfo]) -> str:
    rows = (
        (_link(info), info.title, str(info.severity), str(info.confidence), str(info.fix.safety) if info.fix else "")
        for info in infos
    )
    return table(("rule", "what", "severity", "confidence", "fix"), rows)


def _link(info: RuleInfo) -> str:
    return f"[`{info.id}`]({page(info)})"


def _pitfalls() -> dict[str, dict[str, str]]:
    """Titles and descriptions by name, in the order of the schema."""
    schema = json.loads((Path(assets("schemas")) / "rule.schema.json").read_text(encoding="utf-8"))
    return {entry["const"]: entry for entry in schema["properties"]["pitfalls"]["items"]["oneOf"]}
