"""Stores of tests: a SQLite file, and a PostgreSQL server of the tests' own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from postgres import postgres, programs_of_postgres

pytest.importorskip("sqlalchemy", reason="the extra 'store' is not installed")

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """Start a server; skip where there is none to start."""
    pytest.importorskip("psycopg", reason="the extra 'postgres' is not installed")
    programs = programs_of_postgres()
    if programs is None:
        pytest.skip("no PostgreSQL here: initdb and pg_ctl are not found")
    with postgres(programs) as url:
        yield url


@pytest.fixture
def empty_postgres(postgres_url: str) -> str:
    """Return the server's database without a table."""
    import psycopg  # noqa: PLC0415 - an extra

    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")
    return postgres_url


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return an empty place for a store, named by the environment too."""
    where = str(tmp_path / "runs.db")
    if request.param == "postgresql":
        where = request.getfixturevalue("empty_postgres")
    monkeypatch.setenv("RIGHTRIG_DB", where)
    return where
