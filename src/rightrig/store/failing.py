"""What can be wrong with a database, in one sentence each."""

from __future__ import annotations

import errno
import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from rightrig.errors import InputError, MissingError, RightrigError
from rightrig.facts.reading import plain
from rightrig.store.place import ENVIRONMENT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rightrig.store.place import Place

_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})
_OTHER: Final = f"name another in {ENVIRONMENT}"
_SQLITE: Final[dict[str, tuple[type[RightrigError], str]]] = {
    "SQLITE_FULL": (MissingError, "the disk is full; make room there, or " + _OTHER),
    "SQLITE_IOERR": (MissingError, "the disk does not take it; make room there, or " + _OTHER),
    "SQLITE_READONLY": (InputError, "it cannot be written; " + _OTHER),
    "SQLITE_CANTOPEN": (InputError, "it cannot be opened or made; " + _OTHER),
    "SQLITE_PERM": (InputError, "it cannot be opened; " + _OTHER),
    "SQLITE_NOTADB": (InputError, "it is no SQLite database; " + _OTHER),
    "SQLITE_CORRUPT": (InputError, "the file is damaged; bring back a copy, or " + _OTHER),
    "SQLITE_BUSY": (MissingError, "another process has held it for long; wait for it to end"),
}
"""Kind of an error of SQLite → ours, and what to do."""


@contextmanager
def told(place: Place) -> Iterator[None]:
    """Turn errors of the database inside the ``with`` into one sentence.

    Raises:
        InputError: for what is no database that can be used.
        MissingError: for a server out of reach, or a full disk.
    """
    try:
        yield
    except SQLAlchemyError as error:
        raise _sentence(error, place) from error
    except OSError as error:
        is_full = error.errno in _FULL
        reason = plain(error.strerror or error, 120)
        remedy = f"make room there, or {_OTHER}" if is_full else _OTHER
        kind = MissingError if is_full else InputError
        raise kind(f"the store {place.shown} cannot be written: {reason}; {remedy}") from error


def _sentence(error: SQLAlchemyError, place: Place) -> RightrigError:
    """Return the sentence for an error."""
    origin = error.orig if isinstance(error, DBAPIError) else None
    if isinstance(origin, sqlite3.Error):
        name = getattr(origin, "sqlite_errorname", "")
        for start, (kind, remedy) in _SQLITE.items():
            if name.startswith(start):
                return kind(f"the store {place.shown} cannot be used: {remedy}")
    lines = str(origin if origin is not None else error).strip().splitlines()
    reason = plain(lines[0] if lines else type(error).__name__, 200)
    remedy = f"see to its server, or {_OTHER}" if place.url else _OTHER
    return MissingError(f"the store {place.shown} cannot be used: {reason}; {remedy}")
