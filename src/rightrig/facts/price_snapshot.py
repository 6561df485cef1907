"""The snapshot of prices that a user refreshed: one file in the user's cache, read guarded.

The first line holds the SHA-256 of all that follows, which is JSON. ``rightrig prices refresh``
writes it. A file that is cut short, changed or of another kind is never half used: reading it
fails with one sentence, and the shipped prices answer.
"""

from __future__ import annotations

import datetime
import hashlib
import os
from pathlib import Path
from typing import Final

from rightrig.errors import RecordError
from rightrig.facts.price import Price
from rightrig.facts.reading import plain, read_bounded
from rightrig.facts.source import Record

ENVIRONMENT: Final = "RIGHTRIG_PRICES"
"""The variable that says which prices count: ``shipped``, or the folder of refreshed ones."""
SHIPPED: Final = "shipped"
FILE: Final = "prices.json"
PREVIOUS: Final = "prices.json.previous"
MAX_BYTES: Final = 30_000_000
"""Of the file; 10,000 offers take 3,000,000."""
_MAGIC: Final = b"rightrig prices 1 sha256 "
_DIGITS: Final = 64
_KIND: Final = "snapshot of prices"


class Snapshot(Record):
    """Refreshed prices.

    Attributes:
        refreshed: The day they were downloaded.
        prices: One offer a row.
    """

    refreshed: datetime.date
    prices: tuple[Price, ...]

    def age_days(self, today: datetime.date) -> int:
        """Return the days since they were downloaded."""
        return (today - self.refreshed).days


def snapshot_folder() -> Path | None:
    """Return the folder of refreshed prices; ``None`` where only the shipped ones count.

    It is what ``RIGHTRIG_PRICES`` names, or else ``prices`` in the user's folder for caches of
    rightrig, which on Linux is ``~/.cache/rightrig``.
    """
    stated = os.environ.get(ENVIRONMENT)
    if stated == SHIPPED:
        return None
    if stated:
        return Path(stated)
    from platformdirs import user_cache_path  # noqa: PLC0415 - not where the variable is set

    return user_cache_path("rightrig", appauthor=False) / "prices"


def encoded(snapshot: Snapshot) -> bytes:
    """Return the bytes of a snapshot's file."""
    content = snapshot.model_dump_json(exclude_defaults=True).encode()
    return _MAGIC + hashlib.sha256(content).hexdigest().encode() + b"\n" + content


def read_snapshot(path: Path, today: datetime.date | None = None) -> Snapshot | None:
    """Return the snapshot in a file; ``None`` where there is no file.

    Args:
        path: The file.
        today: The day it may not lie behind; default today.

    Raises:
        RightrigError: when the file is damaged, was changed, or is no snapshot.
    """
    if not os.path.lexists(path):
        return None
    line, _, content = read_bounded(path, _KIND, MAX_BYTES).partition(b"\n")
    if not line.startswith(_MAGIC) or len(line) != len(_MAGIC) + _DIGITS:
        raise RecordError(f"{plain(path)} is no {_KIND}")
    if hashlib.sha256(content).hexdigest().encode() != line[len(_MAGIC) :]:
        raise RecordError(f"{plain(path)} is cut short or was changed: its checksum differs")
    try:
        found = Snapshot.model_validate_json(content)
        for day in {price.date for price in found.prices}:
            datetime.date.fromisoformat(day)
    except ValueError as error:  # pydantic's is one
        raise RecordError(f"{plain(path)} was written by another version of rightrig") from error
    last = today or datetime.datetime.now(tz=datetime.UTC).date()
    if found.refreshed > last + datetime.timedelta(days=1):
        raise RecordError(f"{plain(path)} is dated in the future, {found.refreshed.isoformat()}")
    return found
