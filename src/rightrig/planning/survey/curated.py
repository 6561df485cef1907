"""Which models of a catalogue stand for the others: one of each shape."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rightrig.facts.llm import Llm

_REQUANTISED: Final = re.compile(
    r"(?:^|[-_.])(?:nvfp4|mxfp4|fp8|fp4|awq|gptq|bnb|nf4|int4|int8|\d(?:\.\d)?bpw|exl2|hqq|4bit\w*)"
    r"(?:$|[-_.])",
    re.IGNORECASE,
)
"""A format in a name: a copy of a model that was published in another."""
_VOCABULARY_STEP: Final = 1000
"""Vocabularies that differ by less are one, with a few words more."""


def curated(llms: Sequence[Llm]) -> frozenset[int]:
    """Return the places of one model of each shape.

    Models of one shape (the same layers, about the same vocabulary, encoders or none) take the
    same memory and run alike: fine-tunes, copies in another format, later versions. The one that
    stands for them is named without a format, is of the owner with most models of its family,
    takes the longest context, and has the last name of those.

    Args:
        llms: All models.
    """
    owners: dict[str, Counter[str]] = defaultdict(Counter)
    shapes: dict[object, list[int]] = defaultdict(list)
    for place, llm in enumerate(llms):
        owners[llm.family][_owner(llm)] += 1
        words = llm.vocab_size // _VOCABULARY_STEP
        shapes[(llm.hidden_size, words, llm.blocks, llm.layout, bool(llm.towers))].append(place)

    def standing(place: int) -> tuple[bool, bool, int, str]:
        llm = llms[place]
        is_own = owners[llm.family].most_common(1)[0][0] == _owner(llm)
        return (not _REQUANTISED.search(llm.name), is_own, llm.max_context_tokens, llm.name)

    return frozenset(max(places, key=standing) for places in shapes.values())


def _owner(llm: Llm) -> str:
    """Return who published a model."""
    return llm.name.partition("/")[0]
