"""Runs for tests of the store, and what writes them until it is killed.

Started as a program it forks a writer whenever a line comes in, so that a hundred kills cost one
start of Python: it prints ``writer PID``, the writer prints ``finished ID`` after each run that the
store took, and when the writer is dead it prints ``dead``.
"""

from __future__ import annotations

import importlib
import os
import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

import numpy as np
from killing import dice_of

from rightrig.store import open_store
from rightrig.store.records import NewRun, Served, Value

if TYPE_CHECKING:
    import random

    from rightrig.store.database import Store
    from rightrig.store.records import Run

PART: Final = 5
"""Figures that are added at once: each run has a whole number of such parts."""
SERVED: Final = Served(
    model="meta-llama/Llama-3.1-8B", rig="1xrtx-4090", gpu="rtx-4090", gpu_count=1, runtime="vllm",
    version="0.19.0", weights="fp8", kv="bf16",
)  # fmt: skip


def load_run(**changes: object) -> NewRun:
    """Return a run of ``load``, with changes."""
    plain: dict[str, object] = {
        "kind": "load", "machine": "bench-1", "command": ("rightrig", "load", "http://localhost"),
        "versions": {"vllm": "0.19.0"}, "settings": {"seed": 0}, "served": SERVED,
    }  # fmt: skip
    return NewRun(**{**plain, **changes})  # type: ignore[arg-type] # of the right types


def closed_level(concurrency: int, **means: float) -> list[Value]:
    """Return the means of a level of users in a closed loop, 1,000 tokens in and 300 out."""
    labels = {"concurrency": concurrency, "input_tokens": 1000, "output_tokens": 300}
    return [Value(name, value, {**labels, "statistic": "mean"}) for name, value in means.items()]


def write_one(store: Store, dice: random.Random) -> int:
    """Write a run as measuring verbs do, figures as they come; return its number."""
    parts, rows = dice.randrange(1, 8), dice.randrange(1, 20_000)
    settings = {"values_count": parts * PART, "rows_count": rows}
    kind = dice.choice(["bench", "load", "tune"])
    writer = store.begin(load_run(kind=kind, settings=settings))
    for part in range(parts):
        writer.add([Value("ttft_s", float(part * PART + i), {"part": part}) for i in range(PART)])
    writer.keep_samples("requests", {"sent_s": np.arange(rows, dtype=float)})
    writer.finish()
    return writer.run_id


def fault_of(store: Store, run: Run) -> str:
    """Return what is wrong with a run that :func:`write_one` wrote, or was killed at."""
    figures = [value.value for value in run.values]
    if figures != [float(i) for i in range(len(figures))] or len(figures) % PART:
        return f"run {run.id} holds part of what was added at once: {figures}"
    rows = {name: len(store.samples(run.id, name)["sent_s"]) for name in run.samples}
    settings = run.new.settings
    if any(count != settings["rows_count"] for count in rows.values()):
        return f"run {run.id} shows samples that are not whole"
    is_whole = len(figures) == settings["values_count"] and set(rows) == {"requests"}
    if run.status == "finished":
        return "" if is_whole else f"run {run.id} is called finished and is not whole"
    return "" if run.status == "died" else f"run {run.id} of a dead process is {run.status}"


def _write_until_killed(seed: int) -> None:
    """Write runs, and say of each that it is finished when the store has said so."""
    dice = dice_of(seed)
    with open_store() as store:
        while True:
            os.write(1, f"finished {write_one(store, dice)}\n".encode())


def _fork_writers() -> None:
    """Fork a writer a line; the line is the seed of its dice, and may name another store."""
    for module in ("pyarrow.parquet", "psycopg", "rightrig.store.database"):
        if find_spec(module.partition(".")[0]) is not None:
            importlib.import_module(module)  # loaded once for all
    for line in sys.stdin:
        seed, _, place = line.strip().partition(" ")
        os.environ["RIGHTRIG_DB"] = place
        child = os.fork()
        if child == 0:
            try:
                _write_until_killed(int(seed))
            except BaseException as error:  # noqa: BLE001 - told to the test, which then fails
                os.write(1, f"error {error!r}\n".encode())
            os._exit(1)
        os.write(1, f"writer {child}\n".encode())
        os.waitpid(child, 0)
        os.write(1, b"dead\n")


if __name__ == "__main__":
    _fork_writers()
