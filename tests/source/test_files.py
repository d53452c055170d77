"""Which files are read, and how they are called."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from meshlint.source.document import Failure
from meshlint.source.files import NoSuchPath, Reading, read


def nothing() -> str:
    raise AssertionError("stdin was not asked for")


def names(*paths: str) -> list[str]:
    return [file.name for file in read(paths, nothing).files]


@pytest.fixture(autouse=True)
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository as the working directory."""
    for name in (
        "top.yaml",
        "k8s/a.yaml",
        "k8s/b.yml",
        "k8s/c.json",
        "k8s/README.md",
        "k8s/sub/d.yaml",
        "k8s/sub/secret.yaml",
        "k8s/sub/secret-not.yaml",
        "k8s/.hidden/e.yaml",
        "node_modules/f.yaml",
        "vendor/g.yaml",
        "rendered/h.yaml",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(f"name: {name}\n")
    (tmp_path / ".git").mkdir()
    (tmp_path / ".gitignore").write_text("rendered/\nsecret*\n")
    (tmp_path / "k8s" / "sub" / ".gitignore").write_text("!secret-not.yaml\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


K8S = ["k8s/a.yaml", "k8s/b.yml", "k8s/c.json", "k8s/sub/d.yaml", "k8s/sub/secret-not.yaml"]


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        (["."], [*K8S, "top.yaml"]),
        (["k8s"], K8S),
        (["./k8s/"], K8S),
        (["k8s/../k8s"], K8S),
        (["k8s/**"], K8S),
        (["top.yaml", "k8s", "./k8s/a.yaml", "k8s/sub"], [*K8S, "top.yaml"]),
        (["k8s/sub"], ["k8s/sub/d.yaml", "k8s/sub/secret-not.yaml"]),
        (
            ["k8s/sub/secret.yaml", "k8s/README.md", "vendor/g.yaml"],
            ["k8s/README.md", "k8s/sub/secret.yaml", "vendor/g.yaml"],
        ),
        (["rendered"], ["rendered/h.yaml"]),
        (["vendor"], ["vendor/g.yaml"]),
        (["k8s/*"], K8S),
        (["k8s/*.y*ml"], ["k8s/a.yaml", "k8s/b.yml"]),
        (["*/sub/d.yaml"], ["k8s/sub/d.yaml"]),
        (["k8s/**/d.yaml"], ["k8s/sub/d.yaml"]),
    ],
)
def test_which_files_are_read(paths: list[str], expected: list[str]) -> None:
    assert names(*paths) == expected


@pytest.mark.parametrize("name", ["meshlint.yaml", ".meshlint.yaml"])
def test_a_configuration_is_read_where_it_is_named(tree: Path, name: str) -> None:
    (tree / "k8s" / name).write_text("settings: {}\n")
    assert [names(path) for path in ("k8s", "k8s/**", "k8s/*")] == [K8S] * 3
    assert names(f"k8s/{name}") == [f"k8s/{name}"]


@pytest.mark.parametrize("line", ["!", "sub\\", "[z-a]"])
def test_lines_of_gitignore_that_say_nothing_are_passed_over(tree: Path, line: str) -> None:
    (tree / ".gitignore").write_text(f"top.yaml\n{line}\nrendered\n")
    assert names(".") == [
        "k8s/a.yaml",
        "k8s/b.yml",
        "k8s/c.json",
        *(f"k8s/sub/{n}.yaml" for n in ("d", "secret-not", "secret")),
    ]


def test_absolute_paths_and_globs_keep_their_names(tree: Path) -> None:
    assert names(f"{tree}/k8s/*.json", f"{tree}/top.yaml") == [f"{tree}/k8s/c.json", f"{tree}/top.yaml"]


def test_paths_above_keep_their_names(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tree / "k8s")
    assert names("../top.yaml", "sub") == ["../top.yaml", "sub/d.yaml", "sub/secret-not.yaml"]


def test_links_lead_to_a_file_once_and_never_in_circles(tree: Path) -> None:
    (tree / "k8s" / "sub" / "loop").symlink_to(tree / "k8s")
    (tree / "k8s" / "z.yaml").symlink_to("a.yaml")
    assert names("k8s") == K8S


@pytest.mark.parametrize("path", ["nope", "nope.yaml", "*.nope", "/nope/*.yaml"])
def test_a_path_that_leads_nowhere_is_named(path: str) -> None:
    with pytest.raises(NoSuchPath, match=rf"^{re.escape(path)}: there is no such file"):
        read(["k8s", path], nothing)


def test_stdin_is_read_once_and_has_a_name() -> None:
    given = iter(["\ufeffa: 1\n"])
    (file,) = read(["-", "-"], lambda: next(given)).files
    assert (file.name, file.text, file.path) == ("<stdin>", "a: 1\n", None)


def test_the_mark_at_the_start_goes_and_line_ends_stay(tree: Path) -> None:
    (tree / "a.yaml").write_bytes(b"\xef\xbb\xbfa: 1\r\nb: 2\r\n")
    (file,) = read(["a.yaml"], nothing).files
    assert (file.text, file.path) == ("a: 1\r\nb: 2\r\n", "a.yaml")


def failures(reading: Reading) -> list[tuple[str, str, int | None]]:
    return [(failure.kind, failure.file, failure.line) for failure in reading.failures]


@pytest.mark.parametrize(
    ("data", "line", "said"),
    [
        (b"\xff\xfea\x00:\x00", 1, "save it as UTF-8"),
        (b"a: 1\nb: \xe9\n", 2, "not UTF-8 (byte 0xe9)"),
    ],
)
def test_a_file_that_is_no_text_fails_alone(tree: Path, data: bytes, line: int, said: str) -> None:
    (tree / "k8s" / "a.yaml").write_bytes(data)
    reading = read(["k8s"], nothing)
    assert failures(reading) == [("unreadable", "k8s/a.yaml", line)]
    assert said in reading.failures[0].message
    assert [file.name for file in reading.files] == K8S[1:]


def test_a_giant_is_not_read(tree: Path) -> None:
    with (tree / "k8s" / "a.yaml").open("wb") as file:
        file.truncate(65 * 1024 * 1024)
    reading = read(["k8s"], nothing)
    message = "larger than 64 MiB, which no manifest is; leave it out or split it"
    assert reading.failures == (Failure("unreadable", "k8s/a.yaml", None, message),)


def test_a_link_to_nothing_fails_alone(tree: Path) -> None:
    (tree / "k8s" / "a.yaml").unlink()
    (tree / "k8s" / "a.yaml").symlink_to("gone.yaml")
    reading = read(["k8s"], nothing)
    assert failures(reading) == [("unreadable", "k8s/a.yaml", None)]
