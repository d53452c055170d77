"""Files get their new text as a whole, or stay as they are."""

from __future__ import annotations

import os
import stat
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from meshlint.source import files
from meshlint.source.document import Failure, SourceFile
from meshlint.source.write import obstacle, write

NOBODY = 65534


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def read(name: str) -> SourceFile:
    (file,) = files.read([name], str).files
    return file


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"a: 1\r\nb: 2", b"a: 9\r\nb: 2"),
        (b"\xef\xbb\xbfa: 1\n", b"\xef\xbb\xbfa: 9\n"),
        ("a: 1 # \u2028\x85é\ud7ff\U0001f600\n".encode(), "a: 9 # \u2028\x85é\ud7ff\U0001f600\n".encode()),
    ],
    ids=["line ends", "byte order mark", "any character"],
)
def test_all_else_stays_byte_by_byte(folder: Path, before: bytes, after: bytes) -> None:
    (folder / "a.yaml").write_bytes(before)
    file = read("a.yaml")
    assert write(file, file.text.replace("1", "9", 1)) is None
    assert (folder / "a.yaml").read_bytes() == after
    assert os.listdir(folder) == ["a.yaml"]


def test_the_mode_stays(folder: Path) -> None:
    path = folder / "a.yaml"
    path.write_text("a: 1\n")
    path.chmod(0o754)
    write(read("a.yaml"), "a: 2\n")
    assert (path.read_text(), stat.S_IMODE(path.stat().st_mode)) == ("a: 2\n", 0o754)


def test_a_link_stays_a_link_and_what_it_leads_to_is_written(folder: Path) -> None:
    (folder / "real").mkdir()
    (folder / "real" / "a.yaml").write_text("a: 1\n")
    (folder / "a.yaml").symlink_to("real/a.yaml")
    assert write(read("a.yaml"), "a: 2\n") is None
    assert os.readlink(folder / "a.yaml") == "real/a.yaml"
    assert (folder / "real" / "a.yaml").read_text() == "a: 2\n"


@pytest.mark.parametrize("change", ["a: 3\n", "\ufeffa: 1\n", None], ids=["text", "byte order mark", "gone"])
def test_what_changed_meanwhile_is_not_written_over(folder: Path, change: str | None) -> None:
    path = folder / "a.yaml"
    path.write_text("a: 1\n")
    file = read("a.yaml")
    path.unlink() if change is None else path.write_text(change, encoding="utf-8")
    message = "No such file or directory; mend that and run again" if change is None else None
    assert write(file, "a: 2\n") == Failure(
        "write", "a.yaml", None, message or "it changed after it was read; run again"
    )
    assert (path.read_text(encoding="utf-8") if path.exists() else None) == change


@pytest.fixture
def open_folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that everybody may enter, which those of pytest are not."""
    with tempfile.TemporaryDirectory() as path:
        os.chmod(path, 0o755)
        monkeypatch.chdir(path)
        yield Path(path)
        monkeypatch.undo()


@pytest.mark.skipif(sys.platform == "win32", reason="directories have no such permissions there")
@pytest.mark.parametrize(
    ("mode", "file_mode", "message"),
    [
        (0o777, 0o444, "it is read-only; make it writable (chmod u+w) and run again"),
        (0o555, 0o666, "its folder d is read-only; make it writable and run again"),
        (0o777, 0o666, None),
    ],
    ids=["file", "folder", "neither"],
)
def test_what_cannot_be_written_is_told_before(
    open_folder: Path, mode: int, file_mode: int, message: str | None
) -> None:
    (open_folder / "d").mkdir()
    (open_folder / "d" / "a.yaml").write_text("a: 1\n")
    (open_folder / "d" / "a.yaml").chmod(file_mode)
    (open_folder / "d").chmod(mode)
    expected = Failure("write", "d/a.yaml", None, message) if message else None
    assert as_nobody(read("d/a.yaml")) == expected


def as_nobody(file: SourceFile) -> Failure | None:
    """`obstacle` for somebody who is not root, whom no mode stops."""
    if os.geteuid():
        return obstacle(file)
    os.setreuid(NOBODY, 0)
    try:
        return obstacle(file)
    finally:
        os.setreuid(0, 0)
