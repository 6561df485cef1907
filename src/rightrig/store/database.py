"""The store itself: runs written as they are measured, and read."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any, Final, Literal, Self

import sqlalchemy as sa

from rightrig.errors import InputError
from rightrig.facts.writing import write_whole
from rightrig.store import sampling
from rightrig.store.connecting import connected, now, writing
from rightrig.store.failing import told
from rightrig.store.processes import this_process
from rightrig.store.records import NewRun, Run, Value
from rightrig.store.schema import RUNS, SAMPLES, VALUES
from rightrig.store.values import run_of, run_row, value_rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path
    from types import TracebackType

    from numpy.typing import NDArray

    from rightrig.store.place import Place
    from rightrig.store.records import Kind, Status

_AT_ONCE: Final = 500
"""Runs whose values are read by one query."""


class Store:
    """Measured runs in a database."""

    def __init__(self, place: Place) -> None:
        """Open a place; use :func:`rightrig.store.open_store`."""
        self._place = place
        with told(place):
            self._engine = connected(place)

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        """Close it."""
        self.close()

    def close(self) -> None:
        """Let go of the database."""
        self._engine.dispose()

    @property
    def shown(self) -> str:
        """Where it is, for messages."""
        return self._place.shown

    def begin(self, new: NewRun) -> Writer:
        """Return what writes a run that starts now; at once it is there, as running."""
        row = {**run_row(new, this_process()), "status": "running", "started": now(), "ended": ""}
        with told(self._place), writing(self._engine).begin() as connection:
            run_id = connection.execute(sa.insert(RUNS).values(row)).inserted_primary_key
        return Writer(self._engine, self._place, int(run_id[0]) if run_id else 0)

    def runs(
        self,
        kind: Kind | None = None,
        machine: str | None = None,
        limit: int | None = None,
        *,
        status: Status | None = None,
        with_values: bool = True,
    ) -> tuple[Run, ...]:
        """Return runs, newest first.

        Args:
            kind: Only of this kind.
            machine: Only of this machine.
            limit: The newest of them.
            status: Only of this status.
            with_values: Whether their figures are read too.
        """
        asked = sa.select(RUNS).order_by(RUNS.c.id.desc())
        asked = asked.where(RUNS.c.kind == kind) if kind else asked
        asked = asked.where(RUNS.c.machine == machine) if machine else asked
        # Whether a process is gone, no database knows: of those that run, some have died.
        kept = "running" if status == "died" else status
        asked = asked.where(RUNS.c.status == kept) if kept else asked
        asked = asked if kept == "running" else asked.limit(limit)
        with told(self._place), self._engine.connect() as connection:
            rows = connection.execute(asked).mappings().all()
            found = _whole(connection, rows, with_values=with_values)
        of_status = [run for run in found if status in {None, run.status}]
        return tuple(of_status[:limit])

    def run(self, run_id: int) -> Run:
        """Return one run.

        Raises:
            InputError: when there is none of that number.
        """
        with told(self._place), self._engine.connect() as connection:
            asked = sa.select(RUNS).where(RUNS.c.id == _number(run_id))
            found = _whole(connection, connection.execute(asked).mappings().all())
        if not found:
            raise InputError(
                f"the store {self.shown} has no run {run_id} ('rightrig runs list' shows all)"
            )
        return found[0]

    def samples(self, run_id: int, name: str) -> dict[str, NDArray[Any]]:
        """Return raw samples of a run: column → values.

        Raises:
            InputError: when there are none of that name, or their file is lost or damaged.
        """
        return sampling.decoded(self.sample_file(run_id, name))

    def sample_file(self, run_id: int, name: str) -> bytes:
        """Return raw samples of a run as the Parquet file that they are kept as.

        Raises:
            InputError: when there are none of that name, or their file is lost or damaged.
        """
        where = (SAMPLES.c.run_id == _number(run_id)) & (SAMPLES.c.name == name)
        with told(self._place), self._engine.connect() as connection:
            row = connection.execute(sa.select(SAMPLES).where(where)).mappings().one_or_none()
        if row is None:
            raise InputError(f"run {run_id} has no samples called {name[:60]!r}")
        inside: bytes | None = row["content"]
        content = _file_content(self._place, run_id, name) if inside is None else inside
        if sampling.digest(content) != row["sha256"]:
            raise InputError(
                f"the samples {name!r} of run {run_id} are damaged; bring back a copy of "
                f"{self._place.samples_folder or self.shown}"
            )
        return content

    def keep(self, new: NewRun, samples: Mapping[str, Mapping[str, NDArray[Any]]]) -> int:
        """Keep a whole run that was measured elsewhere; return its number."""
        writer = self.begin(new)
        for name, columns in samples.items():
            writer.keep_samples(name, columns)
        writer.finish()
        return writer.run_id

    def delete(self, run_id: int, *, even_running: bool = False) -> None:
        """Delete a run, its figures and its samples.

        Raises:
            InputError: for no such run, or one that runs and is not to be deleted all the same.
        """
        if self.run(run_id).status == "running" and not even_running:
            raise InputError(
                f"run {run_id} is running, here or on another machine: let it end first "
                "(--force deletes it all the same)"
            )
        with told(self._place), writing(self._engine).begin() as connection:
            for table in (SAMPLES, VALUES):
                connection.execute(sa.delete(table).where(table.c.run_id == run_id))
            connection.execute(sa.delete(RUNS).where(RUNS.c.id == run_id))
        folder = self._place.samples_folder
        if folder is not None:
            shutil.rmtree(folder / str(run_id), ignore_errors=True)


class Writer:
    """Writes one run; each call is committed before it returns, so that a kill loses nothing."""

    def __init__(self, engine: sa.Engine, place: Place, run_id: int) -> None:
        """Write a run that has begun."""
        self._engine = engine
        self._place = place
        self.run_id = run_id

    def add(self, values: Iterable[Value]) -> None:
        """Add figures: all of them, or none.

        Raises:
            InputError: for a figure that is not finite, or when the run has ended.
        """
        rows = value_rows(self.run_id, values)
        with told(self._place), writing(self._engine).begin() as connection:
            self._check_running(connection)
            if rows:
                connection.execute(sa.insert(VALUES), rows)

    def keep_samples(self, name: str, columns: Mapping[str, NDArray[Any]]) -> None:
        """Keep raw samples as Parquet; they are recorded only when they are whole.

        Args:
            name: Such as ``requests``; once a run.
            columns: Of one length.

        Raises:
            InputError: for no name, columns of several lengths, or when the run has ended.
        """
        sampling.check_name(name)
        content = sampling.encoded(columns)
        folder = self._place.samples_folder
        row = {
            "run_id": self.run_id, "name": name, "size_bytes": len(content),
            "sha256": sampling.digest(content), "content": content if folder is None else None,
        }  # fmt: skip
        with told(self._place):
            if folder is not None:
                path = _sample_path(folder, self.run_id, name)
                path.parent.mkdir(parents=True, exist_ok=True)
                write_whole(path, content)
            with writing(self._engine).begin() as connection:
                self._check_running(connection)
                connection.execute(sa.insert(SAMPLES).values(row))

    def finish(self, status: Literal["finished", "interrupted", "failed"] = "finished") -> None:
        """Say how the run ended.

        Raises:
            InputError: when it has ended, or was deleted.
        """
        ending = sa.update(RUNS).where(RUNS.c.id == self.run_id)
        with told(self._place), writing(self._engine).begin() as connection:
            self._check_running(connection)
            connection.execute(ending.values(status=status, ended=now()))

    def _check_running(self, connection: sa.Connection) -> None:
        """Check that the run has not ended, and hold it until the transaction ends."""
        asked = sa.select(RUNS.c.status).where(RUNS.c.id == self.run_id).with_for_update()
        status = connection.execute(asked).scalar()
        if status != "running":
            was = f"is {status}" if status else "was deleted"
            raise InputError(f"run {self.run_id} {was}: nothing can be added to it")


def _number(run_id: int) -> int:
    """Return a number that a database takes for the id of a run; others are none's."""
    return run_id if 0 < run_id < 2**63 else 0


def _whole(
    connection: sa.Connection, rows: Any, *, with_values: bool = True  # noqa: ANN401
) -> list[Run]:  # fmt: skip
    """Return runs with their figures and the names of their samples."""
    ids = [row["id"] for row in rows]
    values: dict[int, list[Value]] = {run_id: [] for run_id in ids}
    samples: dict[int, list[str]] = {run_id: [] for run_id in ids}
    for first in range(0, len(ids), _AT_ONCE):
        some = ids[first : first + _AT_ONCE]
        asked = sa.select(SAMPLES.c.run_id, SAMPLES.c.name).where(SAMPLES.c.run_id.in_(some))
        for run_id, name in connection.execute(asked.order_by(SAMPLES.c.id)):
            samples[run_id].append(name)
        if with_values:
            figures = sa.select(VALUES).where(VALUES.c.run_id.in_(some)).order_by(VALUES.c.id)
            for one in connection.execute(figures).mappings():
                values[one["run_id"]].append(Value(one["name"], one["value"], one["labels"]))
    return [run_of(row, values[row["id"]], samples[row["id"]]) for row in rows]


def _sample_path(folder: Path, run_id: int, name: str) -> Path:
    """Return where a file of samples lies."""
    return folder / str(run_id) / f"{name}.parquet"


def _file_content(place: Place, run_id: int, name: str) -> bytes:
    """Return the file of samples beside a database."""
    folder = place.samples_folder
    path = None if folder is None else _sample_path(folder, run_id, name)
    try:
        return path.read_bytes() if path else b""
    except OSError as error:
        raise InputError(
            f"the samples {name!r} of run {run_id} are lost: {path} cannot be read"
        ) from error
