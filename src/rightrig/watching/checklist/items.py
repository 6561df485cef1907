"""Every item, and what they come to."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from rightrig.watching.checklist import (
    items_alerts,
    items_information,
    items_links,
    items_load,
    items_machine,
    items_metrics,
    items_plan,
)
from rightrig.watching.checklist.item import WORDS, Checked, sentence_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rightrig.watching.checklist.evidence import Evidence
    from rightrig.watching.checklist.item import Item, Status

ITEMS: Final[tuple[Item, ...]] = (
    *items_plan.ITEMS, *items_machine.ITEMS, *items_links.ITEMS, *items_metrics.ITEMS,
    *items_alerts.ITEMS, *items_load.ITEMS, *items_information.ITEMS,
)  # fmt: skip
"""By topic; those of one topic stand together."""


def checked(evidence: Evidence, items: Iterable[Item] = ITEMS) -> tuple[Checked, ...]:
    """Return every item with what was found about it."""
    return tuple(
        Checked(item.id, item.topic, sentence_of(item), item.check(evidence)) for item in items
    )


def counts_of(found: Sequence[Checked]) -> dict[Status, int]:
    """Return how many items passed, failed, could not be verified, and only inform."""
    counted = Counter(one.outcome.status for one in found)
    return {word: counted[word] for word in WORDS}


def is_ready(found: Sequence[Checked], *, strict: bool) -> bool:
    """Whether nothing failed; strictly, whether nothing was left unverified either."""
    counts = counts_of(found)
    return not counts["fail"] and not (strict and counts["not verifiable"])
