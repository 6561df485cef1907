"""Tasks that are done in no time, for tests of what runs them; also a program that runs some."""

from __future__ import annotations

import os
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rightrig.errors import InputError
from rightrig.running.pool import on_this_machine
from rightrig.running.results import write_results
from rightrig.running.run import Ran, run

if TYPE_CHECKING:
    from rightrig.running.tasks import Engine, Row

COLUMNS = ("id", "square", "third")


@dataclass(frozen=True, slots=True)
class Toy:
    """A number; what it does beside being squared depends on its kind."""

    id: str
    number: int
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Squares:
    """Squares numbers, and writes down in a file each time that it begins with one.

    Attributes:
        folder: Where the file of calls is.
        sleep_s: How long each takes.
        broken: Whether no worker gets ready.
    """

    folder: str
    sleep_s: float = 0.0
    broken: bool = False

    @property
    def key(self) -> str:
        return "toys"

    def prepare(self) -> None:
        if self.broken:
            raise InputError("this worker is another one")

    def __call__(self, task: Toy, /) -> Row:
        with (Path(self.folder) / "calls").open("a", encoding="utf-8") as file:
            file.write(f"{task.id}\n")
        time.sleep(self.sleep_s)
        mark = Path(self.folder) / f"{task.id}.died"
        if task.kind == "dies" or (task.kind == "dies once" and not mark.exists()):
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        if task.kind == "raises":
            raise ValueError("no such\nsquare")
        third = float("nan") if task.kind == "is no number" else task.number / 3.0
        return {"id": task.id, "square": task.number**2, "third": third}


def toys(count: int, **kinds: str) -> list[Toy]:
    """Return tasks ``t0`` to ``t{count - 1}``, some of a kind."""
    return [Toy(f"t{n}", n, kinds.get(f"t{n}", "")) for n in range(count)]


def calls(folder: Path) -> list[str]:
    """Return the tasks that were begun with, in order."""
    path = folder / "calls"
    return path.read_text(encoding="utf-8").splitlines() if path.exists() else []


def ran(
    folder: Path,
    tasks: list[Toy],
    jobs: int = 2,
    engine: Engine[Toy] = on_this_machine,
    sleep_s: float = 0.0,
) -> Ran:
    """Run tasks in a folder, and write the results."""
    folder.mkdir(exist_ok=True)
    found = run(Squares(str(folder), sleep_s), tasks, folder, engine, jobs, lambda *_: None)
    write_results(folder, COLUMNS, [found.rows.get(t.id, {"id": t.id}) for t in tasks])
    return found


if __name__ == "__main__":
    try:
        ran(Path(sys.argv[1]), toys(int(sys.argv[2])), jobs=2, sleep_s=float(sys.argv[3]))
    except KeyboardInterrupt:
        sys.exit(130)
