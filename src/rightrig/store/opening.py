"""Opening a store: the one way in, which loads the database's library only when it is used."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

from rightrig.errors import MissingError
from rightrig.store.place import place_of

if TYPE_CHECKING:
    from rightrig.store.database import Store


def open_store(place: str | None = None) -> Store:
    """Open the store of measured runs; an absent one is made.

    Args:
        place: A file or a URL in place of what ``RIGHTRIG_DB`` names.

    Returns:
        The store, to be closed after use: ``with open_store() as store:``.

    Raises:
        InputError: for what is no store, or one of a newer rightrig.
        MissingError: without the extra ``store``, for a server out of reach, or a full disk.
    """
    for module in ("sqlalchemy", "pyarrow"):
        if find_spec(module) is None:
            raise MissingError("keeping runs takes an extra: pip install 'rightrig[store]'")
    where = place_of(place)
    if where.url and find_spec("psycopg") is None:
        raise MissingError("PostgreSQL takes an extra: pip install 'rightrig[postgres]'")
    from rightrig.store.database import Store  # noqa: PLC0415 - SQLAlchemy, where it is needed

    return Store(where)
