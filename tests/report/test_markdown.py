"""The Markdown of a summary, as a renderer of GitHub's Markdown shows it."""

from __future__ import annotations

import io
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from markdown_it import MarkdownIt

from meshlint.finding import Severity
from meshlint.report import markdown
from meshlint.report.report import Report, Summary, Suppressed
from meshlint.source.document import Failure

from .conftest import ROUTE, RULE, Lint, document, finding

BLOB = "https://github.com/acme/mesh/blob/0123abc"
RENDERER = MarkdownIt("gfm-like", {"html": True})


def written(report: Report, root: Path | None = None, **options: Any) -> str:
    out = io.StringIO()
    markdown.write(report, out, root=str(root or Path.cwd()), **options)
    return out.getvalue()


class Rendered(HTMLParser):
    """The HTML of a text: what stands in each element of a kind, its tags, and the targets of its links."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.texts: list[tuple[str, str]] = []
        self.tags: list[str] = []
        self.links: list[str] = []
        self._open: list[list[str]] = []
        self.feed(RENDERER.render(text))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name == "href"]
        if tag in ("p", "li", "td", "h2", "h3"):
            self._open.append([tag])

    def handle_endtag(self, tag: str) -> None:
        if self._open and self._open[-1][0] == tag:
            name, *texts = self._open.pop()
            self.texts.append((name, "".join(texts).strip()))

    def handle_data(self, data: str) -> None:
        if self._open:
            self._open[-1].append(data)

    def all(self, tag: str) -> list[str]:
        return [text for name, text in self.texts if name == tag]


def test_a_whole_summary(lint: Lint) -> None:
    report = lint({"k8s/my mesh.yaml": ROUTE}, "timeout-cuts-streaming-response", "retry-on-generation-route")
    first, second = report.findings
    summary = Summary(files=1, documents=2, resources=3)
    assert (
        written(report._replace(summary=summary), blob=BLOB)
        == f"""\
## meshlint

**Found 2 errors** in 1 file, 2 documents, 3 resources.

| Findings | Severity | Rule | | Fixable |
|---:|---|---|---|---:|
| 1 | error | `retry-on-generation-route` | {second.rule.title} | 1 |
| 1 | error | `timeout-cuts-streaming-response` | {first.rule.title} | 1 |

### Findings

- **error** [k8s/my mesh.yaml:13]({BLOB}/k8s/my%20mesh.yaml#L13) `timeout-cuts-streaming-response` {_escaped(first.message)}
- **error** [k8s/my mesh.yaml:16]({BLOB}/k8s/my%20mesh.yaml#L16) `retry-on-generation-route` {_escaped(second.message)}
"""
    )


def _escaped(message: str) -> str:
    return message.replace("[", "\\[").replace("]", "\\]")


HOSTILE = [
    "# not *a* __heading__ of `code`",
    "[text](https://evil.example) ![image](x.png) <https://evil.example>",
    "https://evil.example/path and www.evil.example and a|b|c",
    "<script>alert(1)</script> <!-- --> </details> &lt; &amp;",
    "``` ~~~ ~~strike~~ $x$ \\| \\\\| \\[a](b)",
    "a\n\n- b\n\n| c | d |\n|---|---|\n",
    "[^1] [ ] [x] * + - 1. > quote",
    "caf\u00e9 \x1b[31m \u202e \ud800",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_texts_come_out_as_they_went_in(text: str) -> None:
    rule = RULE._replace(title=text)
    place = document("a: 1\n", "a.yaml").at("a")
    report = Report(
        (finding(place, text, rule=rule),),
        suppressed=(Suppressed(finding(place, rule=rule), text, "a.yaml", 1),),
        failures=(Failure("yaml", "b.yaml", 3, text),),
    )
    page = Rendered(written(report, show_suppressed=True))
    told = _visible(text)
    assert page.all("li") == [
        f"b.yaml:3: {told}",
        f"warning a.yaml:1 slow-route {told}",
        f"suppressed a.yaml:1 slow-route {told}",
    ]
    assert page.all("td") == ["1", "warning", "slow-route", told, ""]
    assert page.links == []
    assert set(page.tags) <= {
        "h2",
        "h3",
        "p",
        "strong",
        "code",
        "ul",
        "li",
        "table",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
    }


def _visible(text: str) -> str:
    for character, escape in {"\n": "\\n", "\x1b": "\\x1b", "\u202e": "\\u202e", "\ud800": "\\ud800"}.items():
        text = text.replace(character, escape)
    return text


def test_the_renderer_would_show_markup() -> None:
    page = Rendered("- *a* https://evil.example <script>x</script>\n")
    assert page.links == ["https://evil.example"]
    assert {"em", "script"} <= set(page.tags)


@pytest.mark.parametrize(
    "name", ["a](x) b.yaml", "a(b).yaml", "a#L9?x=%20.yaml", "caf\u00e9.yaml", "a`b_c_.yaml", "\udcff.yaml"]
)
def test_a_link_leads_to_the_line(name: str) -> None:
    from urllib.parse import quote

    page = Rendered(written(Report(findings=(finding(document("a: 1\n", name).at("a")),)), blob=BLOB))
    assert page.links == [f"{BLOB}/{quote(name, errors='surrogateescape')}#L1"]
    assert page.all("li") == [
        f"warning {_visible(name).replace(chr(0xDCFF), chr(92) + 'udcff')}:1 slow-route It is slow."
    ]


def test_no_link_without_an_address_or_outside_the_repository(tmp_path: Path) -> None:
    report = Report(findings=(finding(document("a: 1\n", f"{tmp_path}/a.yaml").at("a")),))
    assert f"**warning** {tmp_path}/a.yaml:1 `slow-route`".replace("_", "\\_") in written(
        report, tmp_path / "repo", blob=BLOB
    )
    stdin = Report(findings=(finding(document("a: 1\n", "<stdin>").at("a")),))
    assert "- **warning** stdin:1 `slow-route` It is slow.\n" in written(stdin, blob=BLOB)


def test_the_worst_come_first() -> None:
    given = document("a: 1\nb: 1\nc: 1\n")
    grades = {"a": Severity.INFO, "b": Severity.ERROR, "c": Severity.WARNING}
    report = Report(findings=tuple(finding(given.at(k), severity=s) for k, s in grades.items()))
    assert [text.split()[:2] for text in Rendered(written(report)).all("li")] == [
        ["error", "mesh.yaml:2"],
        ["warning", "mesh.yaml:3"],
        ["info", "mesh.yaml:1"],
    ]


def test_counts_of_what_is_not_shown() -> None:
    found = finding(document("a: 1\n").at("a"))
    gone = Suppressed(found, "short", "mesh.yaml", 1)
    report = Report((found,), (found,) * 7, (gone,) * 2, (found,), (), Summary(2, 3, resources=1), (found,) * 4)
    assert Rendered(written(report)).all("p")[0] == (
        "Found 1 warning (2 suppressed, 1 superseded by another, 4 known) in 2 files, 3 documents, 1 resource. "
        "7 more hidden, of lower confidence or for another audience."
    )


def test_a_rule_that_crashed_is_no_file_of_the_repository() -> None:
    report = Report(failures=(Failure("rule", "rules/mtls/some_rule/check.py", None, "rule some-rule failed"),))
    assert Rendered(written(report, Path("/"))).all("li") == ["rules/mtls/some_rule/check.py: rule some-rule failed"]


def test_nothing_found() -> None:
    assert written(Report()) == "## meshlint\n\n**Nothing found** in 0 files, 0 documents, 0 resources.\n"


@pytest.mark.parametrize("failures", [(), (Failure("yaml", "b.yaml", 3, "\u4e2d" * 100),) * 5_000])
def test_it_stays_below_what_github_takes(failures: tuple[Failure, ...]) -> None:
    place = document("a: 1\n").at("a")
    found = tuple(finding(place, f"{number} " + "\u4e2d" * 100) for number in range(5_000))
    text = written(Report(findings=found, failures=failures))
    items = text.count("\n- ")
    assert 900_000 < len(text.encode()) <= 1_000_000
    more = len(found) + len(failures) - items
    assert text.endswith(f"\nLeft out, since GitHub takes no summary of more than 1 MiB: {more} entries.\n")


def test_what_fits_is_not_cut() -> None:
    place = document("a: 1\n").at("a")
    report = Report(findings=tuple(finding(place, str(number)) for number in range(3)))
    size = len(written(report))
    assert "Left out" not in written(report, limit=size + 200)
    assert written(report, limit=size + 199).endswith("more than 1 MiB: 1 entry.\n")
