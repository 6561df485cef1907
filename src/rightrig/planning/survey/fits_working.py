"""llama.cpp's compute buffers of one engine by context, few of which are worked out.

A buffer is what ggml's allocator hands out, in steps and slopes that follow from comparisons of
sizes. Between two contexts that compare alike all the way it is a line (``compute_path``), so the
answers in between are exact as well.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING, Final

from rightrig.prediction.layered_engines import line_ends_tokens, working_path_of
from rightrig.work.llama_cpp_options import padded

if TYPE_CHECKING:
    from rightrig.facts.llm import Llm
    from rightrig.prediction.engine_memory import Engine
    from rightrig.work.llama_cpp_options import Placement

_MOST_SHORT: Final = 64
"""Contexts shorter than a batch that are kept: each has a graph of its own."""
_MOST_KNOTS: Final = 256

Sizes = tuple[float, ...]


class Working:
    """The compute buffers of one engine on all its cards.

    Attributes:
        cards_count: Cards that the engine may use.
    """

    __slots__ = ("_engine", "_knots", "_placement", "_short", "cards_count")

    def __init__(self, engine: Engine, placement: Placement) -> None:
        """Start with no context.

        Args:
            engine: The engine, in any format of weights: none is fetched. It may serve other
                models of the same layers.
            placement: Where the layers lie: all on cards.
        """
        self._engine, self._placement = engine, placement
        # Padded contexts with their buffers and marks, by rising context; replaced whole, so that
        # other threads always see a list that is in order.
        self._knots: list[tuple[int, Sizes, bytes]] = []
        self._short: dict[int, Sizes] = {}
        self.cards_count = placement.cards_count

    def ends_tokens(self, llm: Llm, context_tokens: int) -> tuple[int, int]:
        """Return the contexts at the ends of a model's line (``shares_by_context``)."""
        return line_ends_tokens(llm, self._engine.limits, context_tokens)

    def sizes_bytes(self, context_tokens: int) -> Sizes:
        """Return the compute buffer on every card, exact at this context."""
        if context_tokens < self._engine.limits.max_batched_tokens:
            return self._short_bytes(context_tokens)
        cells, knots = padded(context_tokens), self._knots
        place = bisect_left(knots, (cells,))
        if place < len(knots):
            last = knots[place]
            if last[0] == cells:
                return last[1]
            first = knots[place - 1]
            if place and first[2] == last[2]:
                way_ratio = (cells - first[0]) / (last[0] - first[0])
                ends = zip(first[1], last[1], strict=True)
                # Bytes are whole numbers on the line.
                return tuple(float(round(a + way_ratio * (b - a))) for a, b in ends)
        sizes, mark = self._worked_out(context_tokens)
        kept = knots if len(knots) < _MOST_KNOTS else []
        self._knots = sorted({*kept, (cells, sizes, mark)})
        return sizes

    def _short_bytes(self, context_tokens: int) -> Sizes:
        """Return the buffers of a context that is shorter than a batch."""
        found = self._short.get(context_tokens)
        if found is None:
            if len(self._short) >= _MOST_SHORT:
                self._short = {}
            found = self._short[context_tokens] = self._worked_out(context_tokens)[0]
        return found

    def _worked_out(self, context_tokens: int) -> tuple[Sizes, bytes]:
        """Return the buffers of a context and their mark."""
        sizes, mark = working_path_of(self._engine, context_tokens, self._placement)
        return tuple(sizes.get(card, 0.0) for card in range(self.cards_count)), mark
