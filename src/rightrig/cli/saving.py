"""Series that are too long for an answer go to a folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rightrig.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable


def save(folder: str, name: str, lines: Iterable[str]) -> None:
    """Write lines into a file of a folder, which is made when it is not there."""
    save_bytes(folder, name, "".join(lines).encode())


def save_bytes(folder: str, name: str, content: bytes) -> None:
    """Write a file into a folder, which is made when it is not there."""
    path = make_folder(folder)
    try:
        (path / name).write_bytes(content)
    except OSError as error:
        raise _unwritable(folder, error) from error


def make_folder(folder: str) -> Path:
    """Return a folder, which is made when it is not there."""
    if not folder.strip():
        raise InputError("--save is empty: name a folder, such as --save out")
    try:
        path = Path(folder)
        path.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        raise _unwritable(folder, error) from error
    return path


def _unwritable(folder: str, error: Exception) -> InputError:
    """Return the error for a folder that takes no file."""
    reason = getattr(error, "strerror", None) or str(error)
    return InputError(f"--save {folder[:80]}: cannot be written to: {reason}")
