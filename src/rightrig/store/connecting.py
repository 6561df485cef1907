"""A database made ready: connected, of our schema, safe under a kill and under other writers."""

from __future__ import annotations

import datetime
import sqlite3
import time
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError

from rightrig.errors import InputError
from rightrig.store.place import ENVIRONMENT
from rightrig.store.schema import METADATA, SCHEMA, SCHEMAS
from rightrig.store.values import as_json

if TYPE_CHECKING:
    from pathlib import Path

    from rightrig.store.place import Place

_PATIENCE_S: Final = 30.0
_PAUSE_S: Final = 0.02
_LOCK: Final = 0x72696768
"""The advisory lock of PostgreSQL under which the tables are made: any number, always this one."""


def connected(place: Place) -> sa.Engine:
    """Return an engine for a place, with the tables made.

    Raises:
        InputError: for a file of something else, or a store of a newer rightrig.
    """
    engine = _of_server(place) if place.file is None else _of_file(place.file)
    try:
        _make_ready(engine, place)
    except BaseException:
        engine.dispose()
        raise
    return engine


def _of_server(place: Place) -> sa.Engine:
    """Return an engine for PostgreSQL."""
    options = {"connect_timeout": int(_PATIENCE_S), "application_name": "rightrig"}
    try:
        return sa.create_engine(
            place.url, json_serializer=as_json, pool_pre_ping=True, connect_args=options
        )
    except (ValueError, ArgumentError) as error:
        raise InputError(
            f"{place.shown} is no URL of a store: write postgresql://USER@HOST:PORT/DATABASE in "
            f"{ENVIRONMENT}"
        ) from error


def _of_file(file: Path) -> sa.Engine:
    """Return an engine for SQLite."""
    file.parent.mkdir(parents=True, exist_ok=True)
    url = sa.URL.create("sqlite", database=str(file))
    engine = sa.create_engine(url, json_serializer=as_json, connect_args={"timeout": _PATIENCE_S})
    sa.event.listen(engine, "connect", _set_up)
    sa.event.listen(engine, "begin", _begin)
    return engine


def writing(engine: sa.Engine) -> sa.Engine:
    """Return the engine for transactions that write.

    In SQLite they take the one writer's lock at their start and wait for it there: one that
    read first and wrote then would be refused without waiting.
    """
    return engine.execution_options(writes=True)


def _set_up(connection: sqlite3.Connection, record: object) -> None:
    """Set a new connection to SQLite up.

    WAL lets readers read while one writes. FULL makes each commit wait until the disk has it: a
    run commits a few times a second at most, and what it said is finished outlives a power cut.
    """
    del record
    connection.isolation_level = None  # transactions begin where _begin says so
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA synchronous = FULL")
    if connection.execute("PRAGMA journal_mode").fetchone() != ("wal",):
        _to_wal(connection)


def _to_wal(connection: sqlite3.Connection) -> None:
    """Switch a file to WAL, once for all; SQLite itself does not wait for others here."""
    end_s = time.monotonic() + _PATIENCE_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            is_busy = getattr(error, "sqlite_errorname", "").startswith("SQLITE_BUSY")
            if not is_busy or time.monotonic() > end_s:
                raise
            time.sleep(_PAUSE_S)
        else:
            return


def _begin(connection: sa.Connection) -> None:
    """Begin a transaction of SQLite."""
    writes = connection.get_execution_options().get("writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _make_ready(engine: sa.Engine, place: Place) -> None:
    """Check the schema, and make the tables where there are none."""
    with engine.connect() as connection:
        if _is_current(connection, place):
            return
    with writing(engine).begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
        if _is_current(connection, place):  # another made them meanwhile
            return
        METADATA.create_all(connection)
        row: dict[str, Any] = {"version": SCHEMA, "applied": now(), "rightrig": _version()}
        connection.execute(sa.insert(SCHEMAS).values(row))


def _is_current(connection: sa.Connection, place: Place) -> bool:
    """Whether the tables are there and ours."""
    tables = sa.inspect(connection).get_table_names()
    if SCHEMAS.name not in tables:
        if tables and place.file is not None:
            raise InputError(
                f"{place.shown} is a database of something else; name another in {ENVIRONMENT}"
            )
        return False
    version = connection.execute(sa.select(sa.func.max(SCHEMAS.c.version))).scalar()
    if version != SCHEMA:
        raise InputError(
            f"the store {place.shown} has schema {version}, and rightrig {_version()} knows "
            f"schema {SCHEMA}: install a newer rightrig, or name another store in {ENVIRONMENT}"
        )
    return True


def now() -> str:
    """Return the time as ISO text in UTC."""
    return datetime.datetime.now(tz=datetime.UTC).isoformat(timespec="milliseconds")


def _version() -> str:
    """Return the version of rightrig."""
    from rightrig import __version__  # noqa: PLC0415 - computed when it is asked for

    return __version__
