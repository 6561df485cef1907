"""From the words of ``--sweep`` to values, and from their predictions to a file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from rightrig.errors import InputError

NAMES: Final = ("concurrency", "input", "output")
_MOST_VALUES: Final = 64
_EXAMPLE: Final = "concurrency=1..64, input=256..8192 or output=32,128,512"


@dataclass(frozen=True, slots=True)
class Sweep:
    """One quantity of the traffic, and the values that it takes in turn."""

    name: str
    values: tuple[int, ...]


def sweep_of(text: str) -> Sweep:
    """Return the sweep that a text describes: both ends and the powers of two between them.

    >>> sweep_of("concurrency=3..20").values
    (3, 4, 8, 16, 20)

    Raises:
        InputError: for a quantity that cannot be swept, ends out of order, or no numbers.
    """
    name, _, listed = text.partition("=")
    name = name.strip().lower()
    if name not in NAMES or not listed.strip():
        raise InputError(f"--sweep {text[:60]!r}: write it as {_EXAMPLE}")
    try:
        values = _values(listed)
    except ValueError:
        raise InputError(f"--sweep {text[:60]!r} has no whole numbers: {_EXAMPLE}") from None
    if not values or min(values) < 1 or len(values) > _MOST_VALUES:
        raise InputError(
            f"--sweep {text[:60]!r}: write from 1 to {_MOST_VALUES} values of at least 1, the "
            f"smaller end first: {_EXAMPLE}"
        )
    return Sweep(name, values)


def _values(listed: str) -> tuple[int, ...]:
    """Return the values of ``LOW..HIGH`` or of a list by comma."""
    low, dots, high = listed.partition("..")
    if not dots:
        return tuple(sorted({int(value) for value in listed.split(",")}))
    first, last = int(low), int(high)
    if not 1 <= first <= last:
        return ()
    between = {1 << power for power in range(first.bit_length(), last.bit_length())}
    return tuple(sorted({first, last, *between}))
