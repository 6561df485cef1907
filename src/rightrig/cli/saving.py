"""Series that are too long for an answer go to a folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rightrig.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable


def save(folder: str, name: str, lines: Iterable[str]) -> None:
    """Write lines into a file of a folder, which is made when it is not there."""
    if not folder.strip():
        raise InputError("--save is empty: name a folder, such as --save out")
    try:
        path = Path(folder)
        path.mkdir(parents=True, exist_ok=True)
        (path / name).write_text("".join(lines), encoding="utf-8")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(f"--save {folder[:80]}: cannot be written to: {reason}") from error
