"""Runs as rows of tables, and back."""

from __future__ import annotations

import dataclasses
import json
import math
from typing import TYPE_CHECKING, Any

from rightrig.errors import InputError
from rightrig.facts.reading import plain
from rightrig.store.processes import Writing, is_gone
from rightrig.store.records import NewRun, Run, Served, Value

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


def as_json(value: object) -> str:
    """Return a value as JSON; what JSON has no form for is kept as its text."""
    return json.dumps(value, default=str)


def run_row(new: NewRun, who: Writing) -> dict[str, Any]:
    """Return a new run as columns; without its status and times."""
    return {
        "kind": new.kind,
        "machine": _clean(new.machine),
        "command": list(new.command),
        "versions": dict(new.versions),
        "settings": dict(new.settings),
        "served": None if new.served is None else dataclasses.asdict(new.served),
        **dataclasses.asdict(who),
    }


def value_rows(run_id: int, values: Iterable[Value]) -> list[dict[str, Any]]:
    """Return values as columns.

    Raises:
        InputError: for one that is no finite number: what was not measured has no value.
    """
    rows = []
    for one in values:
        if not math.isfinite(one.value):
            raise InputError(
                f"{plain(one.name, 60)} is {one.value}: a run keeps finite figures, and leaves "
                "out what it could not measure"
            )
        row = {"run_id": run_id, "name": _clean(one.name), "value": float(one.value)}
        rows.append({**row, "labels": {k: _label(v) for k, v in one.labels.items()}})
    return rows


def run_of(row: Mapping[str, Any], values: Sequence[Value], samples: Sequence[str]) -> Run:
    """Return the run that columns describe; one whose process is gone has died."""
    new = NewRun(
        kind=row["kind"],
        machine=row["machine"],
        command=tuple(row["command"]),
        versions=row["versions"],
        settings=row["settings"],
        served=None if row["served"] is None else Served(**row["served"]),
    )
    status = row["status"]
    if status == "running":
        who = Writing(row["host"], row["boot"], row["pid"], row["process_started"])
        status = "died" if is_gone(who) else status
    return Run(
        id=row["id"],
        new=new,
        status=status,
        started=row["started"],
        ended=row["ended"],
        values=tuple(values),
        samples=tuple(samples),
    )


def _label(value: object) -> object:
    """Return a label as JSON has it: NumPy's numbers become Python's."""
    item = getattr(value, "item", None)
    return item() if callable(item) else value


def _clean(text: str) -> str:
    """Return a text that every database takes."""
    return text.replace("\0", "").encode("utf-8", "replace").decode()
