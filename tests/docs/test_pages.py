"""What README and docs show is true: every command runs and ends as the text says, every file is valid."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import jsonschema
import pytest
import yaml
from pre_commit.clientlib import load_config

from meshlint import config
from meshlint.cli.main import cli
from meshlint.config import ConfigError
from meshlint.rule import catalog

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "docs"))
from make.__main__ import pages  # noqa: E402
from make.blocks import SHELLS, THIS_TEST, Block, blocks, shown  # noqa: E402
from make.sessions import Ran, rewritten, run, run_all  # noqa: E402

PAGES = [path.relative_to(ROOT).as_posix() for path in pages()]
of_every_page = pytest.mark.parametrize("page", PAGES)

NOT_RUN: dict[str, str] = {}
"""The first line of each block that is not run, and the reason that stands above it."""


def text(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def ran(request: pytest.FixtureRequest) -> dict[str, list[Ran]]:
    """What the commands of every page did that a test asks about."""
    asked = [
        item.callspec.params["page"]
        for item in request.session.items
        if isinstance(item, pytest.Function)
        and item.originalname == "test_every_command_ends_and_prints_as_the_page_says"
    ]
    return dict(zip(asked, run_all(map(text, asked)), strict=True))


@of_every_page
def test_every_command_ends_and_prints_as_the_page_says(page: str, ran: dict[str, list[Ran]]) -> None:
    other = [
        f"{page}:{each.step.line}: exit code {each.code}: {each.step.command}\n{each.output}"
        for each in ran[page]
        if each.code is None or (each.step.codes and each.code not in each.step.codes)
    ]
    assert other == []
    assert rewritten(text(page), ran[page]) == text(page), f"mend it with: scripts/docs --write {page}"


def test_blocks_that_are_not_run_say_why() -> None:
    marked = [block for page in PAGES for block in blocks(text(page)) if block.not_run]
    assert {block.text.split("\n")[0]: block.not_run for block in marked} == NOT_RUN


def test_what_is_not_run_because_it_runs_this_is_what_ci_runs() -> None:
    assert "scripts/test" in THIS_TEST
    assert (ROOT / ".ci" / "run").read_text().endswith('exec "$(dirname "$0")/../scripts/test"\n')
    assert "\nexec scripts/check\n" in (ROOT / "scripts" / "test").read_text()


@of_every_page
def test_commands_stand_only_in_blocks_that_are_run(page: str) -> None:
    for block in blocks(text(page)):
        where = f"{page}:{block.line}"
        assert block.language in (*SHELLS, "console", "yaml", "json", "toml", "python", "diff", "xml", "text", ""), (
            where
        )
        if block.language == "console":
            assert list(shown(block.text)), f"{where}: a console block begins with `$ ` and a command"
        elif block.language not in SHELLS:
            assert not re.search(r"^(\$ |meshlint )", block.text, re.MULTILINE), f"{where}: commands belong in ```sh"


def yaml_blocks() -> Iterator[Any]:
    for page in PAGES:
        for block in blocks(text(page)):
            if block.language == "yaml":
                yield pytest.param(block, id=f"{page}:{block.line}")


@pytest.mark.parametrize("block", list(yaml_blocks()))
def test_every_yaml_is_what_it_looks_like(block: Block, tmp_path: Path) -> None:
    validate(block, tmp_path)


def validate(block: Block, folder: Path) -> None:
    """Accepts a file of examples/ci to the letter, steps of it, hooks, a rule.yaml, manifests and parts of them, a configuration."""
    examples = [file.read_text(encoding="utf-8") for file in sorted((ROOT / "examples" / "ci").iterdir())]
    if block.text in examples:
        return
    for document in yaml.safe_load_all(block.text):
        keys = set(document) if isinstance(document, dict) else set()
        if isinstance(document, list):
            jobs = [job for example in examples for job in yaml.safe_load(example).get("jobs", {}).values()]
            assert [step for step in document if all(step not in job["steps"] for job in jobs)] == []
        elif "repos" in keys:
            (folder / "hooks.yaml").write_text(block.text)
            hooks = {hook["id"] for repo in load_config(folder / "hooks.yaml")["repos"] for hook in repo["hooks"]}
            assert hooks <= {hook["id"] for hook in yaml.safe_load(text(".pre-commit-hooks.yaml"))}
        elif "remediation" in keys:
            jsonschema.validate(document, json.loads(text("schemas/rule.schema.json")))
        elif not {"apiVersion", "kind"} <= keys and not keys <= {"metadata", "spec"}:
            (folder / "meshlint.yaml").write_text(block.text)
            catalog.check_config(config.load([str(folder)], None))


@pytest.mark.parametrize(
    "text",
    [
        "setings: {world: closed}\n",
        "rules: {port-accepts-plaintxt: {severity: error}}\n",
        "jobs: {lint: {steps: []}}\n",
        "- uses: meshlint/meshlint@v0.1.0\n  with: {path: k8s}\n",
        "- also\n- a list\n",
        "repos: [{repo: https://github.com/meshlint/meshlint, rev: v0.1.0, hooks: [{id: mesh-lint}]}]\n",
        "title: A rule\nremediation: Mend it.\n",
    ],
)
def test_yaml_that_is_not_valid_is_noticed(text: str, tmp_path: Path) -> None:
    with pytest.raises((ConfigError, AssertionError, jsonschema.ValidationError)):
        validate(Block("yaml", "", text, 1, "", ""), tmp_path)


def commands_in_prose() -> Iterator[Any]:
    for page in PAGES:
        prose = re.sub(r"^ *(`{3,}).*?^ *\1$", "", text(page), flags=re.MULTILINE | re.DOTALL)
        for span in dict.fromkeys(re.findall(r"`(meshlint [^`]+)`", prose)):
            yield pytest.param(span, id=f"{page}: {span}")


@pytest.mark.parametrize("span", list(commands_in_prose()))
def test_every_command_in_prose_exists(span: str) -> None:
    """Also that it has the options that follow it."""
    context = click.Context(cli)
    command: click.Command | None = cli
    for word in span.split()[1:]:
        if isinstance(command, click.Group) and not word.startswith("-"):
            for name in re.split(r"\\?\|", word):
                found = command.get_command(context, name)
                assert found, f"meshlint has no {name}"
            command = found
        elif word.startswith("-"):
            assert command and {word.partition("=")[0]} <= {o for p in command.params for o in p.opts} | {"--help"}


LINK = re.compile(r"\]\(([^)\s#:]+)(?:#([^)]*))?\)")


@of_every_page
def test_links_lead_to_files_and_headings(page: str) -> None:
    prose = re.sub(r"^ *(`{3,}).*?^ *\1$|`[^`\n]+`", "", text(page), flags=re.MULTILINE | re.DOTALL)
    assert [link for link in LINK.findall(prose) if not leads((ROOT / page).parent, *link)] == []


def leads(folder: Path, path: str, anchor: str) -> bool:
    target = folder / path
    if not anchor or not target.is_file():
        return target.exists() and not anchor
    headings = re.findall(r"^#+ (.+)$", target.read_text(encoding="utf-8"), re.MULTILINE)
    return anchor in {re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


def test_a_link_to_a_file_or_heading_that_is_not_there_is_noticed() -> None:
    given = [("index.md", ""), ("index.md", "formats"), ("index.md", "format"), ("none.md", ""), ("make", "formats")]
    assert [leads(ROOT / "docs", *link) for link in given] == [True, True, False, False, False]


def test_the_index_lists_every_page() -> None:
    listed = {f"docs/{link}" for link, _ in LINK.findall(text("docs/index.md"))}
    assert [page for page in PAGES if page.startswith("docs/") and page not in {*listed, "docs/index.md"}] == []


@of_every_page
def test_files_named_in_prose_exist(page: str) -> None:
    """What is in backticks and looks like a path of the repository, with a command's arguments behind it perhaps."""
    prose = re.sub(r"^ *(`{3,}).*?^ *\1$", "", text(page), flags=re.MULTILINE | re.DOTALL)
    spans = re.findall(r"`((?:scripts|docs|src|tests|schemas|benchmarks)/[\w./-]+)[^`]*`", prose)
    assert [span for span in spans if not (ROOT / span).exists()] == []


FIRST_SCREEN = "\n".join(text("README.md").split("\n")[:60])


@pytest.mark.parametrize("script", ["demo", "test"])
def test_the_first_screen_has_the_two_commands(script: str) -> None:
    path = ROOT / "scripts" / script
    assert re.search(rf"^scripts/{script}\b", FIRST_SCREEN, re.MULTILINE)
    assert path.read_text(encoding="utf-8").startswith("#!/bin/sh\n")
    assert os.access(path, os.X_OK)


def test_the_readme_shows_what_the_demo_prints() -> None:
    commands = [
        block.text.split("\n")[0].removeprefix("$ ") for block in blocks(text("README.md")) if "$ " in block.text
    ]
    demo = text("scripts/demo").splitlines()[-1]
    assert commands[0] == "meshlint show routes examples/ai-inference"
    assert demo.removeprefix(".venv/bin/") in commands


PAGE = """\
Steps that share a folder and a shell, and one that ends otherwise:

```yaml title="k8s/mesh.yaml"
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: shop}
spec: {mtls: {mode: STRICT}}
```

```sh
cd k8s                      # begins where the one before ended
answer=$(meshlint check - \\
  <mesh.yaml 2>/dev/null)
test "$answer" = "many"     # exit code 1
false
```

```console
$ cat <<'EOF'; echo "and $answer" >&2
$1
EOF
stale
$ false # exit code 2
```
"""


def test_a_page_is_one_session() -> None:
    ran = run(PAGE)
    assert [(each.step.line, each.code) for each in ran] == [(11, 0), (12, 0), (14, 1), (15, 1), (19, 0), (23, 1)]
    assert [each.step.line for each in ran if each.step.codes and each.code not in each.step.codes] == [15, 23]


def test_an_output_that_rots_is_rewritten() -> None:
    page = '```console\n$ echo "out"; echo "err" >&2\nstale\n$ meshlint --version\n```\nEnd\n'
    assert rewritten(page, run(page)) == (
        '```console\n$ echo "out"; echo "err" >&2\nout\nerr\n$ meshlint --version\nmeshlint, version 0.1.0\n```\nEnd\n'
    )


def test_a_command_after_the_end_of_a_session_is_noticed() -> None:
    assert [each.code for each in run("```sh\nexit 0\ntrue\n```\n")] == [None, None]
