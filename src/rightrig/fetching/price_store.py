"""Writing the snapshot of prices: whole or not at all, with the one before kept beside it."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Final

from rightrig.errors import InputError, MissingError, RightrigError
from rightrig.facts.price_snapshot import FILE, PREVIOUS, encoded, read_snapshot
from rightrig.facts.reading import plain
from rightrig.facts.writing import PART, write_whole

if TYPE_CHECKING:
    from pathlib import Path

    from rightrig.facts.price_snapshot import Snapshot

_STALE_S: Final = 3_600.0


def keep(snapshot: Snapshot, folder: Path) -> Path:
    """Write a snapshot into a folder; whatever interrupts it, a whole one stays readable.

    Args:
        snapshot: What to write.
        folder: Where; made if it is not there.

    Returns:
        The file.

    Raises:
        MissingError: when it cannot be written.
    """
    path = folder / FILE
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _clean(folder)
        if _is_good(path):
            write_whole(folder / PREVIOUS, path.read_bytes())
        write_whole(path, encoded(snapshot))
    except OSError as error:
        raise MissingError(
            f"{plain(folder)} cannot be written ({error.strerror}), and the prices in use are "
            "unchanged; make room there, or name another folder in RIGHTRIG_PRICES"
        ) from error
    return path


def bring_back(folder: Path) -> Snapshot:
    """Put the snapshot before the one in use in its place, and that one in the other's.

    Raises:
        InputError: when there is none.
        MissingError: when the folder cannot be written.
    """
    path, before = folder / FILE, folder / PREVIOUS
    found = read_snapshot(before)
    if found is None:
        raise InputError(f"{plain(folder)} holds no earlier snapshot of prices to bring back")
    was_good = _is_good(path)
    try:
        replaced = path.read_bytes() if was_good else None
        write_whole(path, before.read_bytes())
        if replaced is not None:
            write_whole(before, replaced)
    except OSError as error:
        raise MissingError(f"{plain(folder)} cannot be written ({error.strerror})") from error
    return found


def _is_good(path: Path) -> bool:
    """Return whether a file holds a whole snapshot: a damaged one never replaces a good one."""
    try:
        return read_snapshot(path) is not None
    except RightrigError:
        return False


def _clean(folder: Path) -> None:
    """Remove what a refresh that was killed left; one that runs now is younger."""
    for left in folder.glob(f".{FILE}*{PART}"):
        with contextlib.suppress(OSError):
            if left.stat().st_mtime < time.time() - _STALE_S:
                left.unlink()
