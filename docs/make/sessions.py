"""Runs what a page shows, in its order, in a place made for it: a session.

A session has a home of its own, stand-ins for the programs that print manifests (helm, kustomize, kubectl: they print the
example mesh), and a pip that has no network but meshlint's wheel and the packages that are installed here.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import venv
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from threading import RLock
from typing import NamedTuple

from .blocks import Step, blocks, shown, steps

ROOT = Path(__file__).parents[2]
GIT = """\
[user]
    name = meshlint
    email = meshlint@example.com
[init]
    defaultBranch = main
[advice]
    detachedHead = false
[url "{checkout}"]
    insteadOf = https://github.com/meshlint/meshlint
"""
STAND_IN = """\
#!/bin/sh
# Stands in for $0: prints the example mesh.
case "$1" in
    template | build | kustomize | get) for file in {examples}/*.yaml; do echo ---; cat "$file"; done ;;
    *) echo "no stand-in for: $0 $*" >&2; exit 64 ;;
esac
"""
TIMEOUT = 600


class Ran(NamedTuple):
    """What a command did; `code` is None where the session ended before it."""

    step: Step
    code: int | None
    output: str


def run_all(pages: Iterable[str]) -> list[list[Ran]]:
    """`run` for each page, several at once: sessions share only what they read."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(run, pages))


def run(page: str) -> list[Ran]:
    """Everything that the blocks of a page ask for, done."""
    return [ran for session in _sessions(page) for ran in _run(*session)]


def rewritten(page: str, ran: Sequence[Ran]) -> str:
    """The page with what its commands printed, stdout before stderr."""
    printed = {each.step.line: each.output for each in ran}
    lines = page.split("\n")
    for block in reversed([block for block in blocks(page) if block.language == "console" and not block.not_run]):
        indent = lines[block.line - 2].partition("`")[0]
        text = "".join(f"$ {command}\n{printed[block.line + offset]}" for offset, command, _ in shown(block.text))
        new = [indent + line if line else "" for line in text.splitlines()]
        lines[block.line - 1 : block.line - 1 + block.text.count("\n")] = new
    return "\n".join(lines)


def _sessions(page: str) -> Iterator[tuple[str, list[Step]]]:
    """The steps of a page by session, with the place each begins in."""
    place, asked = "repository", list[Step]()
    for block in blocks(page):
        if block.session:
            if asked:
                yield place, asked
            place, asked = block.session, []
        asked += steps(block)
    if asked:
        yield place, asked


def _run(place: str, asked: Sequence[Step]) -> Iterator[Ran]:
    with tempfile.TemporaryDirectory(prefix="meshlint-docs-") as name:
        folder = Path(name)
        kind, _, below = place.partition("/")
        start = PLACES[kind](folder) / below
        script = "".join(_scripted(folder / "steps", number, step) for number, step in enumerate(asked))
        text = "\n".join(step.command for step in asked)
        subprocess.run(["sh", "-c", script], cwd=start, env=_environment(folder, text), timeout=TIMEOUT, check=False)
        for number, step in enumerate(asked):
            if step.command:
                out, err, code = (folder / "steps" / f"{number}.{kind}" for kind in ("out", "err", "code"))
                ended = int(code.read_text()) if code.is_file() else None
                yield Ran(step, ended, out.read_text() + err.read_text() if code.is_file() else "")


def _scripted(folder: Path, number: int, step: Step) -> str:
    """Shell that does one step where the one before it ended up, variables included."""
    folder.mkdir(exist_ok=True)
    file = folder / str(number)
    if step.file:
        file.write_text(step.text)
        return f'mkdir -p "$(dirname "{step.file}")"; cp {file} "{step.file}"\n'
    file.write_text(step.command + "\n")
    return f". {file} >{file}.out 2>{file}.err </dev/null\necho $? >{file}.code\n"


def _once(make: Callable[[], Path]) -> Callable[[], Path]:
    """Makes something that sessions share when the first asks for it."""
    cached, lock = cache(make), RLock()

    def made() -> Path:
        with lock:
            return cached()

    return made


def _repository(folder: Path) -> Path:
    """A team's repository: manifests in k8s/, the same as in examples/."""
    start = folder / "repository"
    shutil.copytree(ROOT / "examples", start / "examples")
    shutil.copytree(ROOT / "examples" / "ai-inference", start / "k8s")
    _commit(start)
    return start


def _checkout(folder: Path) -> Path:
    """meshlint's own repository, with manifests in k8s/."""
    start = folder / "checkout"
    subprocess.run(["git", "clone", "--quiet", _tree(), start], check=True)
    shutil.copytree(ROOT / "examples" / "ai-inference", start / "k8s")
    return start


def _empty(folder: Path) -> Path:
    start = folder / "empty"
    start.mkdir()
    return start


PLACES = {"repository": _repository, "checkout": _checkout, "empty": _empty}


@_once
def _scratch() -> Path:
    """What several sessions use; it goes when the process ends."""
    folder = tempfile.TemporaryDirectory(prefix="meshlint-docs-")
    _KEPT.append(folder)
    return Path(folder.name)


_KEPT: list[tempfile.TemporaryDirectory[str]] = []


@_once
def _tree() -> Path:
    """The working tree without its tests as a repository with one commit, tagged with the version."""
    tree = _scratch() / "meshlint"
    listed = subprocess.check_output(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"], cwd=ROOT, text=True
    )
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file() and not name.startswith(("tests/", "benchmarks/")):
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, tree / name)
    _commit(tree)
    from meshlint import __version__

    subprocess.run(["git", "tag", f"v{__version__}"], cwd=tree, check=True)
    return tree


def _commit(folder: Path) -> None:
    identity = ["-c", "user.name=meshlint", "-c", "user.email=meshlint@example.com", "-c", "commit.gpgsign=false"]
    for words in (["init", "--quiet", "--initial-branch=main"], ["add", "--all"], ["commit", "--quiet", "-m", "Begin"]):
        subprocess.run(["git", *identity, *words], cwd=folder, check=True)


@_once
def _wheels() -> Path:
    """A folder with meshlint's wheel."""
    out = _scratch() / "wheels"
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(_tree())]
    subprocess.run(build, capture_output=True, check=True)
    return out


@_once
def _packages() -> Path:
    """What is installed here but meshlint and pip, to be seen by every Python of a session."""
    folder = _scratch() / "packages"
    folder.mkdir()
    for package in Path(sysconfig.get_path("purelib")).iterdir():
        if not package.name.lower().startswith(("meshlint", "pip-", "pip.", "__editable__")) and package.name != "pip":
            (folder / package.name).symlink_to(package)
    return folder


def _environment(folder: Path, text: str) -> dict[str, str]:
    """The environment of a session that runs these commands."""
    home, programs = folder / "home", folder / "programs"
    home.mkdir()
    programs.mkdir()
    uses_checkout = "pre-commit" in text or "github.com" in text
    (home / ".gitconfig").write_text(GIT.format(checkout=_tree() if uses_checkout else "file:///nowhere"))
    for name in ("helm", "kustomize", "kubectl"):
        _program(programs / name, STAND_IN.format(examples=ROOT / "examples" / "ai-inference"))
    source = folder / "checkout" / "src"
    path = f"{source if source.is_dir() else ROOT / 'src'}:$PYTHONPATH"
    _program(programs / "meshlint", f'#!/bin/sh\nPYTHONPATH={path} exec {sys.executable} -m meshlint "$@"\n')
    for name in ("python3", "python"):
        _program(programs / name, f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    if "pip" in text:
        venv.create(folder / "python", symlinks=True)
        pip = f"{sys.executable} -m pip --python {folder}/python/bin/python"
        _program(programs / "pip", f'#!/bin/sh\nexec {pip} "$@"\n')
    here = Path(sys.executable).parent
    return {
        "PATH": f"{folder}/python/bin:{programs}:{here}:/usr/local/bin:/usr/bin:/bin",
        "HOME": str(home),
        "TMPDIR": str(folder),
        "LANG": "C.UTF-8",
        "PYTHONPATH": str(_packages()),
        "PIP_NO_INDEX": "1",
        "PIP_NO_BUILD_ISOLATION": "0",
        "PIP_FIND_LINKS": str(_wheels()) if "pip install meshlint" in text else "",
        "PIP_REQUIRE_VIRTUALENV": "1",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PRE_COMMIT_HOME": str(home / "pre-commit"),
    }


def _program(file: Path, text: str) -> None:
    file.write_text(text)
    file.chmod(0o755)
