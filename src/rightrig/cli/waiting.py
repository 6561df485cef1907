"""What a user sees while the simulator works: one line before it compiles, a bar on a terminal."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def _is_seen() -> bool:
    """Whether somebody looks at standard error."""
    return sys.stderr is not None and sys.stderr.isatty()


def tell_of_compiling() -> None:
    """Say on a terminal that the first run takes longer, when it is the first."""
    from rightrig.simulation._jit import KERNELS_FOLDER

    if not _is_seen():
        return
    if not KERNELS_FOLDER or not any(Path(KERNELS_FOLDER).rglob("*.nbi")):
        sys.stderr.write("compiling the simulator once, up to a minute …\n")
        sys.stderr.flush()


@contextmanager
def progress_bar() -> Iterator[Callable[[float], None] | None]:
    """Yield what takes the share of the work that is done; ``None`` where nobody looks."""
    if not _is_seen():
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("simulating", total=1.0)
        yield lambda share_ratio: bar.update(task, completed=min(share_ratio, 1.0))
