"""Writes new texts of files that were read: as a whole or not at all, and never over somebody else's change."""

from __future__ import annotations

import os
import tempfile
from codecs import BOM_UTF8
from contextlib import suppress

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
        _replace(target, encoded(file, text))
    except OSError as error:
        return _failure(file, f"{error.strerror or error}; mend that and run again")
    return None


def encoded(file: SourceFile, text: str) -> bytes:
    """A text as it stands in a file."""
    return (BOM_UTF8 if file.bom else b"") + text.encode("utf-8")


def _replace(target: str, data: bytes) -> None:
    """One step for whoever reads the file: a new one beside it takes its place."""
    folder, name = os.path.split(target)
    status = os.stat(target)
    handle, temporary = tempfile.mkstemp(dir=folder, prefix=f".{name}.")
    try:
        with open(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        with suppress(AttributeError, PermissionError):  # Windows has no owners; only root gives files away
            os.chown(temporary, status.st_uid, status.st_gid)
        os.chmod(temporary, status.st_mode & 0o7777)
        os.replace(temporary, target)
    except BaseException:
        os.unlink(temporary)
        raise


def _target(file: SourceFile) -> str:
    return os.path.realpath(file.path or file.name)


def _failure(file: SourceFile, message: str) -> Failure:
    return Failure("write", file.name, None, message)
