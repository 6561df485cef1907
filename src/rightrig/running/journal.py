"""The journal of a run: a line for every finished task, from which a later run goes on."""

from __future__ import annotations

import contextlib
import json
import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, Final

from rightrig.errors import InputError
from rightrig.running.tasks import Done

try:
    import fcntl
except ImportError:  # Windows has none: there nobody looks whether another run writes.
    fcntl = None  # type: ignore[assignment]

if TYPE_CHECKING:
    from collections.abc import Container, Iterator
    from pathlib import Path

NAME: Final = "journal.jsonl"
_HEADER: Final = {"journal": "rightrig", "format": 1}
_SYNC_S: Final = 1.0
"""How much work a failure of power may cost; the end of a process costs none."""


@dataclass(slots=True)
class Journal:
    """An open journal.

    Attributes:
        known: What earlier runs found of the tasks asked for. A task that died is not among them.
        torn_count: Lines that were not written to their end; their tasks are done again.
    """

    known: dict[str, Done]
    torn_count: int
    _file: BinaryIO
    _synced_s: float = 0.0

    def add(self, done: Done) -> None:
        """Append what became of a task.

        The line is with the operating system when this returns, so that a kill of this process
        does not lose it; it is on the disk a second later.
        """
        self._write(
            {"id": done.id, "row": done.row}
            if done.row is not None
            else {"id": done.id, "died" if done.died else "error": done.error}
        )
        if time.monotonic() - self._synced_s > _SYNC_S:
            self.sync()

    def sync(self) -> None:
        """Wait until the disk has it."""
        os.fsync(self._file.fileno())
        self._synced_s = time.monotonic()

    def _write(self, line: object) -> None:
        """Write a line at once."""
        text = json.dumps(line, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        self._file.write(text.encode() + b"\n")
        self._file.flush()


@contextlib.contextmanager
def opened(folder: Path, wanted: Container[str]) -> Iterator[Journal]:
    """Open the journal of a folder, which is made where there is none.

    Args:
        folder: Where it lies.
        wanted: The tasks of this run; what the journal knows of others stays in it.

    Raises:
        InputError: when another run writes it, or it is no journal.
    """
    path = folder / NAME
    with path.open("a+b") as file:
        _lock(file, folder)
        known, torn_count = _read(file, path, wanted)
        journal = Journal(known, torn_count, file)
        if file.tell() == 0:
            journal._write(_HEADER)  # noqa: SLF001 - its own
        try:
            yield journal
        finally:
            journal.sync()


def _lock(file: BinaryIO, folder: Path) -> None:
    """Refuse to write a journal that another run writes."""
    try:
        if fcntl is not None:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise InputError(
            f"--save {folder}: another run writes into this folder; wait for it, or name another"
        ) from None


def _read(file: BinaryIO, path: Path, wanted: Container[str]) -> tuple[dict[str, Done], int]:
    """Return what a journal knows; cut off a last line that has no end."""
    file.seek(0)
    known: dict[str, Done] = {}
    torn_count, whole_bytes = 0, 0
    for number, line in enumerate(file):
        if not line.endswith(b"\n"):
            torn_count += 1
            break
        whole_bytes += len(line)
        entry = _entry(line)
        if number == 0 and entry != _HEADER:
            raise InputError(f"{path} is no journal of a run; name another folder with --save")
        if number and entry is None:
            torn_count += 1  # in the middle: the power failed
            continue
        _take(entry or {}, known, wanted)
    file.truncate(whole_bytes)
    file.seek(whole_bytes)
    return known, torn_count


def _entry(line: bytes) -> dict[str, object] | None:
    """Return the entry of a line, or ``None`` where it is damaged."""
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    return entry if isinstance(entry, dict) else None


def _take(entry: dict[str, object], known: dict[str, Done], wanted: Container[str]) -> None:
    """Keep what a line says of a task that is wanted and did not die."""
    task, row, error = entry.get("id"), entry.get("row"), entry.get("error")
    if not isinstance(task, str) or task not in wanted:
        return
    if isinstance(row, dict):
        known[task] = Done(task, row)
    elif isinstance(error, str):
        known[task] = Done(task, None, error)
