"""The code blocks of a page, and what is to be run of them.

`<!-- session: checkout -->` (or `repository`, `empty`, a folder of one behind a slash) begins a session in a fresh place;
`<!-- not run: REASON -->` above a block says why nobody runs it. A block with `title="FILE"` is written to that file.
"""

from __future__ import annotations

import re
import subprocess
import textwrap
from collections.abc import Iterator, Sequence
from typing import NamedTuple

_OPEN = re.compile(r"^(?P<indent> *)(?P<fence>`{3,})(?P<language>[\w-]*)(?P<rest>.*)$")
_TITLE = re.compile(r'\btitle="([^"]+)"')
_MARK = re.compile(r"^ *<!-- (session|not run): (.+) -->$")
_HEREDOC = re.compile(r"<<-?\s*['\"]?(\w+)['\"]?")
_PROMISE = re.compile(r"#.*\bexit code (\d)\b")
_LAST = re.compile(r"(?:.*(?:\||&&|;))?\s*(.*)", re.DOTALL)
SHELLS = ("sh", "bash", "shell")
THIS_TEST = ("scripts/test", "scripts/check", "scripts/docs")
"""Commands that run the pages themselves, and so are not run by them; `.ci/run` begins with the first."""


class Block(NamedTuple):
    """`line` is that of its first line of text; `session` the place a new session begins in before this block."""

    language: str
    title: str
    text: str
    line: int
    session: str
    not_run: str


class Step(NamedTuple):
    """A command and the exit codes that the text promises (none = nobody said), or a file and what is in it."""

    line: int
    command: str = ""
    codes: frozenset[int] = frozenset()
    file: str = ""
    text: str = ""


def blocks(page: str) -> Iterator[Block]:
    lines = page.split("\n")
    session = not_run = ""
    number = 0
    while number < len(lines):
        if mark := _MARK.match(lines[number]):
            session, not_run = (mark[2], "") if mark[1] == "session" else (session, mark[2])
        elif fence := _OPEN.match(lines[number]):
            end = lines.index(fence["indent"] + fence["fence"], number + 1)
            text = textwrap.dedent("".join(f"{line}\n" for line in lines[number + 1 : end]))
            title = _TITLE.search(fence["rest"])
            yield Block(fence["language"], title[1] if title else "", text, number + 2, session, not_run)
            session = not_run = ""
            number = end
        elif lines[number].strip():
            not_run = ""
        number += 1


def steps(block: Block) -> Iterator[Step]:
    """What a block asks for; nothing where it is only shown."""
    if block.not_run:
        return
    if block.title:
        yield Step(block.line, file=block.title, text=block.text)
    elif block.language == "console":
        for offset, command, _ in shown(block.text):
            yield Step(block.line + offset, command, _promised(command))
    elif block.language in SHELLS:
        for offset, command in _commands(block.text.splitlines()):
            if not command.startswith(THIS_TEST):
                yield Step(block.line + offset, command, _codes(command))


def shown(text: str) -> Iterator[tuple[int, str, str]]:
    """The commands of a console block, each behind `$ `: line of the block, command, output."""
    for part in re.finditer(r"^\$ (?P<command>(?:.*\\\n)*.*)\n(?P<output>(?:(?!\$ ).*\n)*)", text, re.MULTILINE):
        yield text.count("\n", 0, part.start()), part["command"], part["output"]


def _commands(lines: Sequence[str]) -> Iterator[tuple[int, str]]:
    """The commands of a script, as the shell would part them, with their lines in it."""
    begun: list[str] = []
    for number, line in enumerate(lines):
        if begun or (line.strip() and not line.lstrip().startswith("#")):
            begun.append(line)
        if begun and _complete(begun):
            yield number + 1 - len(begun), "\n".join(begun)
            begun = []
    if begun:
        yield len(lines) - len(begun), "\n".join(begun)


def _complete(lines: Sequence[str]) -> bool:
    heredoc = _HEREDOC.search(lines[0])
    if heredoc:
        return lines[-1].strip() == heredoc[1]
    if lines[-1].endswith("\\"):
        return False
    return (
        subprocess.run(["sh", "-n"], input="\n".join(lines), text=True, capture_output=True, check=False).returncode
        == 0
    )


def _promised(command: str) -> frozenset[int]:
    """The exit code that a comment states: `# exit code N`."""
    return frozenset(map(int, _PROMISE.findall(command)))


def _codes(command: str) -> frozenset[int]:
    """What the text promises; else success, which for a linter includes having found something."""
    last = _LAST.match(command.partition(" #")[0])
    return _promised(command) or frozenset({0, 1} if last and last[1].startswith("meshlint check") else {0})
