"""Whether what runs is what was planned, by names."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

    from rightrig.watching.expected import Expected


def is_same_model(served: str, planned: str) -> bool:
    """Whether two names of models end alike, whatever folder or owner stands before.

    >>> is_same_model("/models/Llama-3.1-8B", "meta-llama/llama-3.1-8b")
    True
    """
    first, second = (name.rstrip("/").rpartition("/")[2].lower() for name in (served, planned))
    return first == second


def unlike(expected: Expected, served: str, slugs: Collection[str]) -> str:
    """Return how what runs differs from the plan; empty where it does not, or nobody knows.

    Args:
        expected: The plan.
        served: The model's name by the engine, or empty.
        slugs: Cards that are here, in the catalogue's names; none where they are not known.
    """
    told = []
    planned = [card.slug for card in expected.cards]
    if slugs and not set(planned) & set(slugs):
        told.append(f"it is of {' and '.join(planned)}, and here are {' or '.join(sorted(slugs))}")
    if served and not is_same_model(served, expected.model):
        told.append(f"it is of {expected.model}, and the engine serves {served}")
    return "; ".join(told)
