"""Writes files as a whole or not at all, and new texts of files that were read never over somebody else's change."""

from __future__ import annotations

import os
import tempfile
from codecs import BOM_UTF8
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import BinaryIO

from .document import Failure, SourceFile


def obstacle(file: SourceFile) -> Failure | None:
    """What forbids to write a file that was read from a path. Links are followed: what they lead to is written."""
    target = _target(file)
    folder = os.path.dirname(target)
    if not os.access(target, os.W_OK):
        return _failure(file, "it is read-only; make it writable (chmod u+w) and run again")
    if not os.access(folder, os.W_OK | os.X_OK):
        return _failure(file, f"its folder {os.path.relpath(folder)} is read-only; make it writable and run again")
    return None


def write(file: SourceFile, text: str) -> Failure | None:
    """Gives a file another text, keeping its byte order mark, mode and owner. A failure leaves it as it is."""
    target = _target(file)
    try:
        with open(target, "rb") as current:
            if current.read() != encoded(file, file.text):
                return _failure(file, "it changed after it was read; run again")
        with replacing(target) as new:
            new.write(encoded(file, text))
    except OSError as error:
        return _failure(file, f"{error.strerror or error}; mend that and run again")
    return None


def encoded(file: SourceFile, text: str) -> bytes:
    """A text as it stands in a file."""
    return (BOM_UTF8 if file.bom else b"") + text.encode("utf-8")


@contextmanager
def replacing(target: str) -> Iterator[BinaryIO]:
    """A new file that takes the place of another in one step once all is written, with its mode and owner. Raises OSError."""
    folder, name = os.path.split(target)
    handle, temporary = tempfile.mkstemp(dir=folder, prefix=f".{name}.")
    try:
        with open(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        _resemble(temporary, target)
        os.replace(temporary, target)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)
        raise


def _resemble(temporary: str, target: str) -> None:
    """Gives a file, which nobody else may read yet, the mode and owner of another, or those of any new file."""
    if not os.path.exists(target):
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(temporary, 0o666 & ~mask)
        return
    status = os.stat(target)
    with suppress(AttributeError, PermissionError):  # Windows has no owners; only root gives files away
        os.chown(temporary, status.st_uid, status.st_gid)
    os.chmod(temporary, status.st_mode & 0o7777)


def _target(file: SourceFile) -> str:
    return os.path.realpath(file.path or file.name)


def _failure(file: SourceFile, message: str) -> Failure:
    return Failure("write", file.name, None, message)
