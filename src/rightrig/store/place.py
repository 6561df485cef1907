"""Where the store is: a SQLite file, or a PostgreSQL database."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rightrig.errors import InputError
from rightrig.facts.reading import plain

ENVIRONMENT: Final = "RIGHTRIG_DB"
"""The variable that names the store; empty or absent means a file in the user's data folder."""
_SCHEME: Final = re.compile(r"([a-z0-9+]+)://", re.IGNORECASE)
_POSTGRES: Final = frozenset({"postgresql", "postgres", "postgresql+psycopg"})
_SECRET: Final = re.compile(r"(?<=://)[^@/]*@|\?.*$")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a store is.

    Attributes:
        file: Of SQLite; ``None`` for PostgreSQL.
        url: Of PostgreSQL, as its driver takes it; empty for SQLite.
        shown: For messages: without user, password and options.
    """

    file: Path | None
    url: str
    shown: str

    @property
    def samples_folder(self) -> Path | None:
        """Where raw samples lie: beside the file; ``None`` where they lie in the database.

        A PostgreSQL database is shared by machines that share no folder, so that it holds them.
        """
        return None if self.file is None else self.file.with_name(f"{self.file.name}-samples")


def place_of(text: str | None = None) -> Place:
    """Return the place that a text names; without one, what ``RIGHTRIG_DB`` names.

    Args:
        text: A path, ``sqlite:///PATH`` or ``postgresql://USER@HOST/DATABASE``; an empty one
            names ``runs.db`` in the folder for rightrig's data (on Linux
            ``~/.local/share/rightrig``).

    Raises:
        InputError: for a URL of another database.
    """
    stated = (os.environ.get(ENVIRONMENT, "") if text is None else text).strip()
    if not stated:
        from platformdirs import user_data_path  # noqa: PLC0415 - not where it is named

        return _file(user_data_path("rightrig", appauthor=False) / "runs.db")
    scheme = _SCHEME.match(stated)
    if scheme is None:
        return _file(Path(stated))
    if scheme[1].lower() == "sqlite":
        path = stated[scheme.end() :].removeprefix("/")
        if path and path != ":memory:":
            return _file(Path(path))
    elif scheme[1].lower() in _POSTGRES:
        rest = stated[scheme.end() :]
        return Place(None, f"postgresql+psycopg://{rest}", _SECRET.sub("", f"postgresql://{rest}"))
    raise InputError(
        f"{ENVIRONMENT}={plain(_SECRET.sub('', stated), 80)!r} names no store: it takes a file "
        "(or sqlite:///FILE), or postgresql://USER@HOST/DATABASE"
    )


def _file(path: Path) -> Place:
    """Return the place that a file is."""
    try:
        whole = path.expanduser().absolute()
    except RuntimeError as error:
        raise InputError(f"{ENVIRONMENT}={plain(path, 80)!r} names no home of a user") from error
    return Place(whole, "", plain(whole))
