"""The refreshed prices of a user, or one warning why they do not count."""

from __future__ import annotations

import functools
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rightrig.facts.price import Price


@functools.cache
def refreshed_prices() -> tuple[Price, ...]:
    """Return the offers of the snapshot in the user's cache; none where there is none to trust."""
    from rightrig.errors import RightrigError
    from rightrig.facts.price_snapshot import FILE, read_snapshot, snapshot_folder

    folder = snapshot_folder()
    try:
        found = None if folder is None else read_snapshot(folder / FILE)
    except RightrigError as error:
        sys.stderr.write(
            f"rightrig: {error}; the shipped prices answer ('rightrig prices refresh' replaces "
            "it)\n"
        )
        return ()
    return () if found is None else found.prices
