"""Cards by their numbers, as sentences name them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rightrig.measuring.probe.naming import Known


def cards_text(indices: Iterable[int]) -> str:
    """Return cards by their numbers.

    >>> cards_text([3]), cards_text([0, 1, 2, 5])
    ('card 3', 'cards 0-2, 5')
    """
    ordered = sorted(set(indices))
    return f"card{'s' if len(ordered) > 1 else ''} {', '.join(spans(ordered))}"


def spans(ordered: Iterable[int]) -> list[str]:
    """Return rising numbers, those that follow each other as one.

    >>> spans([0, 1, 2, 5])
    ['0-2', '5']
    """
    runs: list[list[int]] = []
    for number in ordered:
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return [f"{a}" if a == b else f"{a}-{b}" for a, b in runs]


def of(knowns: Iterable[Known]) -> str:
    """Return cards by their numbers, at the start of a sentence."""
    return cards_text(one.card.index for one in knowns).capitalize()


def verb(knowns: Iterable[Known], one: str, many: str) -> str:
    """Return the form of a verb that goes with one card or several."""
    return one if len(list(knowns)) == 1 else many


def values_text(values: Iterable[object]) -> str:
    """Return different values in the order in which they occur.

    >>> values_text([8, 8, 4])
    '8 and 4'
    """
    told = list(dict.fromkeys(str(value) for value in values))
    return told[0] if len(told) == 1 else f"{', '.join(told[:-1])} and {told[-1]}"
