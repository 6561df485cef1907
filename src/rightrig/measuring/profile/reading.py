"""Reading a profile, whatever wrote it."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

from rightrig.measuring.profile.bounded import pieces_of, refused
from rightrig.measuring.profile.chrome import chrome_trace
from rightrig.measuring.profile.json_events import events_of
from rightrig.measuring.profile.tables import table_of

if TYPE_CHECKING:
    from pathlib import Path

    from rightrig.measuring.profile.trace import Counters, Totals, Trace


def read_profile(path: Path) -> Trace | Totals | Counters:
    """Return what a file tells: a Chrome trace, or a table of kernels; either packed by gzip.

    Raises:
        InputError: when it cannot be read or understood; in one sentence.
    """
    pieces = pieces_of(path)
    head = ""
    while not head.strip():
        piece = next(pieces, None)
        if piece is None:
            raise refused(path, "it is empty")
        head = piece
    whole = chain([head], pieces)
    if head.lstrip()[:1] in {"{", "["}:
        return chrome_trace(events_of(whole, path), path)
    return table_of(whole, path)
