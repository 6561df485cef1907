"""The tables of a store, as SQLAlchemy knows them; loaded only where a store is opened."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

SCHEMA: Final = 1
"""The version of these tables that this rightrig reads and writes."""
_ID: Final = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
"""SQLite numbers rows only of a column that is called INTEGER."""

METADATA: Final = sa.MetaData()
SCHEMAS: Final = sa.Table(
    "rightrig_schema",
    METADATA,
    sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("applied", sa.Text, nullable=False),
    sa.Column("rightrig", sa.Text, nullable=False),
)
"""A row a version that the tables were brought to; the largest is what they are."""
RUNS: Final = sa.Table(
    "rightrig_run",
    METADATA,
    sa.Column("id", _ID, primary_key=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("machine", sa.Text, nullable=False),
    sa.Column("command", sa.JSON, nullable=False),
    sa.Column("versions", sa.JSON, nullable=False),
    sa.Column("settings", sa.JSON, nullable=False),
    sa.Column("served", sa.JSON(none_as_null=True)),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("started", sa.Text, nullable=False),
    sa.Column("ended", sa.Text, nullable=False),
    sa.Column("host", sa.Text, nullable=False),
    sa.Column("boot", sa.Text, nullable=False),
    sa.Column("pid", sa.BigInteger, nullable=False),
    sa.Column("process_started", sa.Text, nullable=False),
    # A number is never given twice, so that no run finds the samples of one deleted before.
    sqlite_autoincrement=True,
)
_OF_RUN: Final = (sa.ForeignKey("rightrig_run.id", ondelete="CASCADE"),)
VALUES: Final = sa.Table(
    "rightrig_value",
    METADATA,
    sa.Column("id", _ID, primary_key=True),
    sa.Column("run_id", _ID, *_OF_RUN, nullable=False, index=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("value", sa.Double, nullable=False),
    sa.Column("labels", sa.JSON, nullable=False),
)
SAMPLES: Final = sa.Table(
    "rightrig_sample",
    METADATA,
    sa.Column("id", _ID, primary_key=True),
    sa.Column("run_id", _ID, sa.ForeignKey("rightrig_run.id", ondelete="CASCADE"), nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("size_bytes", sa.BigInteger, nullable=False),
    sa.Column("sha256", sa.Text, nullable=False),
    # The Parquet file itself; empty where it lies beside the database.
    sa.Column("content", sa.LargeBinary),
    sa.UniqueConstraint("run_id", "name"),
)
