"""The verdicts of a slate's lines on cards of given sizes, as arrays.

The rules are those of ``engine_memory.CardShare`` and ``memory_fit``, a line a card.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from rightrig.planning.survey.fits_lines import RULES
from rightrig.prediction.memory_fit import COMFORT_RATIO, VERDICT_RANK

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from rightrig.planning.survey.fits_slate import Buffers, Slate

    Floats = NDArray[np.float64]
    Places = NDArray[np.intp]
    Codes = NDArray[np.int64]

_STATIC: Final = float(RULES.index("static-share"))
_OF_FREE: Final = float(RULES.index("of-free"))


@dataclass(frozen=True, slots=True)
class Asked:
    """What the lines of a slate are judged for.

    Attributes:
        totals_bytes: Low, middle and high of every kind of card; shape (3, kinds).
        memory_ratio: The engine's memory fraction, a row each.
        tokens: The context, a model each.
        users_count: Sequences at once, over all replicas.
        buffers: llama.cpp's compute buffers at those contexts.
    """

    slate: Slate
    totals_bytes: Floats
    memory_ratio: Floats
    tokens: Floats
    users_count: int
    buffers: Buffers


@dataclass(frozen=True, slots=True)
class Judged:
    """Lines on their cards, a value a line.

    Attributes:
        budget_bytes, fixed_bytes, cache_bytes: Middles of what the engine may use, of what does
            not grow with traffic, and of the cache of all users.
        ranks: Places in ``VERDICT_RANK``.
    """

    budget_bytes: Floats
    fixed_bytes: Floats
    cache_bytes: Floats
    ranks: Codes

    @property
    def required_bytes(self) -> Floats:
        """All that counts in the budget."""
        return self.fixed_bytes + self.cache_bytes

    @property
    def headroom_ratio(self) -> Floats:
        """Free share of the budget."""
        return (self.budget_bytes - self.required_bytes) / self.budget_bytes

    def some(self, lines: Places) -> Judged:
        """Return some of the lines."""
        return Judged(
            self.budget_bytes[lines], self.fixed_bytes[lines], self.cache_bytes[lines],
            self.ranks[lines],
        )  # fmt: skip


class Bench:
    """Some lines of a slate, ready to be judged at any context."""

    def __init__(self, asked: Asked, lines: Places | None = None) -> None:
        """Take what the lines need; ``None`` for all of them."""
        slate = asked.slate
        every = np.arange(len(slate.line_row)) if lines is None else lines
        self._asked, self._lines = asked, every
        rows = slate.line_row[every]
        self.rows, self.models = rows, slate.model[rows]
        numbers = slate.numbers if lines is None else slate.numbers[:, every]
        self._rule, *self._fixed_bytes = numbers[:4]
        self._outside_mid_bytes, self._outside_high_bytes = numbers[4:6]
        # Only a fraction of what is free once the runtime is up looks at the runtime's own part.
        self._own_bytes = np.where(self._rule == _STATIC, numbers[6:8], 0.0)
        self._shared_bytes, *self._compute_ratio = numbers[8:]
        self._totals_bytes = asked.totals_bytes[:, slate.kind[every]]
        self._ratio = asked.memory_ratio[rows]
        self.seqs_count = np.ceil(asked.users_count / slate.groups_count[rows])
        self._is_free = self._rule == _OF_FREE
        self._has_buffers = bool(asked.buffers.most_bytes.any())
        self._asked_tokens = asked.tokens[self.models]
        self._first = slate.caches.some(slate.first[every])
        self._windowed = np.flatnonzero(slate.first[every] != slate.further[every])
        self._further = slate.caches.some(slate.further[every][self._windowed])

    def sequence_bytes(self, tokens: Floats) -> tuple[Floats, Floats]:
        """Return the cache of a sequence with all tokens in flight, and with none."""
        first = self._first.sizes_bytes(tokens)
        further = first
        if len(self._windowed):
            further = first.copy()
            further[self._windowed] = self._further.sizes_bytes(tokens[self._windowed])
        return first, further

    def cache_bytes(self, tokens: Floats) -> Floats:
        """Return the cache of all users (``CardShare.cache_bytes``)."""
        first, further = self.sequence_bytes(tokens)
        count = self.seqs_count
        return np.asarray(np.minimum(count * first, count * further + self._shared_bytes))

    def fixed_bytes(self, tokens: Floats) -> tuple[Floats, Floats, Floats]:
        """Return the fixed parts: middle, spread up, spread down."""
        mid, up, down = self._fixed_bytes
        if not self._has_buffers:
            return mid, up, down
        working = self._asked.buffers.at_bytes(tokens, self._asked_tokens, self._lines)
        low_ratio, mid_ratio, high_ratio = self._compute_ratio
        return (
            mid + working * mid_ratio,
            np.hypot(up, working * (high_ratio - mid_ratio)),
            np.hypot(down, working * (mid_ratio - low_ratio)),
        )

    def budget_bytes(self, fixed: tuple[Floats, Floats, Floats]) -> tuple[Floats, Floats]:
        """Return what the engine may use, low and middle (``CardShare.budget_bytes``)."""
        ratio, is_free = self._ratio, self._is_free
        low, mid, _ = self._totals_bytes
        own_low, own_mid = self._own_bytes
        least = np.minimum(ratio * (low - own_low) + own_low, low - self._outside_high_bytes)
        usual = np.minimum(ratio * (mid - own_mid) + own_mid, mid - self._outside_mid_bytes)
        if not is_free.any():
            return least, usual
        fixed_low = fixed[0] - fixed[2]
        least_free = np.minimum(low, fixed_low + ratio * np.maximum(0.0, low - fixed_low))
        usual_free = np.minimum(mid, fixed[0] + ratio * np.maximum(0.0, mid - fixed[0]))
        return np.where(is_free, least_free, least), np.where(is_free, usual_free, usual)

    def judged(self) -> Judged:
        """Return the lines at the contexts asked for (``memory_fit.card_verdict``)."""
        fixed = self.fixed_bytes(self._asked_tokens)
        least, budget = self.budget_bytes(fixed)
        cache = self.cache_bytes(self._asked_tokens)
        spare = budget - (fixed[0] + cache)
        is_sure = spare - np.hypot(budget - least, fixed[1]) >= 0.0
        is_comfortable = is_sure & (spare >= COMFORT_RATIO * budget)
        ranks = np.where(spare >= 0.0, VERDICT_RANK["tight"], VERDICT_RANK["no"])
        ranks = np.where(is_comfortable, VERDICT_RANK["fits"], ranks)
        return Judged(budget, fixed[0], cache, ranks)

    def held_seqs(self, judged: Judged) -> Floats:
        """Return the sequences that each line's card holds (``memory_fit.fit``)."""
        slate, rows = self._asked.slate, self.rows
        first, further = self.sequence_bytes(self._asked_tokens)
        room = judged.budget_bytes - judged.fixed_bytes
        with np.errstate(divide="ignore", invalid="ignore"):
            held = np.maximum(room // first, (room - self._shared_bytes) // further)
        held = np.minimum(np.maximum(0.0, held), slate.max_seqs[rows])
        held = np.where(first > 0.0, held, slate.idle_seqs[rows])
        return np.where(room > 0.0, held, 0.0)

    def longest_tokens(self, most_tokens: Floats) -> Floats:
        """Return the longest context of all users on each line's card, by halving."""

        def holds(tokens: Floats) -> NDArray[np.bool_]:
            fixed = self.fixed_bytes(tokens)
            _, budget = self.budget_bytes(fixed)
            return np.asarray(self.cache_bytes(tokens) <= budget - fixed[0])

        return _halved_tokens(holds, most_tokens)


def _halved_tokens(holds: Callable[[Floats], NDArray[np.bool_]], most_tokens: Floats) -> Floats:
    """Return the largest whole numbers up to ``most_tokens`` that hold, each by halving from 0."""
    low, high = np.zeros(len(most_tokens)), most_tokens.copy()
    low = np.where(holds(high), high, low)
    while True:
        is_open = high - low > 1.0
        if not is_open.any():
            return low
        middle = np.where(is_open, np.floor((low + high) / 2.0), 1.0)
        is_held = holds(middle)
        low = np.where(is_open & is_held, middle, low)
        high = np.where(is_open & ~is_held, middle, high)
