"""A slate: all that is tried on a kind of rig, as arrays without sizes of cards.

A row is one deployment of one model, a line one card of its engine (or several that hold the
same), a cache what a sequence takes there. Rows of a model lie together, in the order in which
they are tried.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from rightrig.deployment.limits import LAYERED
from rightrig.planning.survey.fits_caches import Caches, runs
from rightrig.planning.survey.fits_lines import NUMBERS_COUNT
from rightrig.prediction.card_room import BOUNDLESS_SEQS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from rightrig.deployment.deployment import Deployment
    from rightrig.planning.survey.fits_lines import Line, Lines
    from rightrig.planning.survey.fits_offers import Offers
    from rightrig.planning.survey.fits_working import Working

    Floats = NDArray[np.float64]
    Places = NDArray[np.intp]

_MOST_CONTEXTS: Final = 24
"""Contexts whose compute buffers a slate keeps as arrays."""


@dataclass(frozen=True, slots=True)
class Buffers:
    """llama.cpp's compute buffers, a value a line; zeros for engines that page.

    Attributes:
        here_bytes: At the context asked for.
        low_bytes, most_bytes: At the ends of the line by which other contexts are judged.
        low_tokens, most_tokens: Those ends.
    """

    here_bytes: Floats
    low_bytes: Floats
    most_bytes: Floats
    low_tokens: Floats
    most_tokens: Floats

    def at_bytes(self, tokens: Floats, asked_tokens: Floats, lines: Places) -> Floats:
        """Return the buffers of some lines at other contexts, exact at those asked for."""
        low, first = self.low_tokens[lines], self.low_bytes[lines]
        way_ratio = (tokens - low) / (self.most_tokens[lines] - low)
        along = np.maximum(0.0, first + way_ratio * (self.most_bytes[lines] - first))
        return np.where(tokens == asked_tokens, self.here_bytes[lines], along)


class Slate:
    """Rows, lines and caches of a kind of rig.

    Attributes:
        offers: The deployments, and why others could not be tried.
        deployments: A row each.
        model: The row's model; rows of a model are neighbours.
        starts: First row of each model that has one; ``models`` names those models.
        groups_count: Groups of cards that hold separate sequences.
        max_seqs: The engine's limit; infinite where slots are set at start (llama.cpp).
        idle_seqs: Sequences where a sequence takes no bytes: the engine's limit, if it has one.
        weights_bytes: The whole model, once.
        is_layered: Whether the engine puts whole layers on cards.
        limits_place, limits_rows: The kind of limits of a row, and a row of each kind.
        line_starts, line_row: Lines of rows; a row's are neighbours.
        numbers: Columns of ``Line.numbers``, a column a line.
        kind: Place of a line's card among the rig's kinds of cards.
        first, further: Places of a line's caches.
        caches: All caches, and ``cache_model`` the model of each.
    """

    def __init__(self, offers: Offers, lines: Lines) -> None:
        """Put together what is tried."""
        self.offers = offers
        pairs = [(i, d) for i, tried in enumerate(offers.tried) for d in tried]
        self.deployments = tuple(d for _, d in pairs)
        self._llms = {i: d.llm for i, d in pairs}
        self.model = np.array([i for i, _ in pairs], dtype=np.intp)
        self.models, self.starts = np.unique(self.model, return_index=True)
        self._put_rows(self.deployments, lines)
        found = [lines.of(deployment) for deployment in self.deployments]
        counts = np.array([len(some) for some in found], dtype=np.intp)
        self.line_starts = np.cumsum(counts) - counts
        self.line_counts = counts
        self.line_row = np.repeat(np.arange(len(found)), counts)
        self._put_lines([line for some in found for line in some])
        self._buffers: dict[int, Buffers] = {}

    def _put_rows(self, rows: Sequence[Deployment], lines: Lines) -> None:
        """Keep what rows say of their engines."""
        is_layered = np.array([d.runtime.slug in LAYERED for d in rows], dtype=bool)
        limit = np.array([float(d.limits.max_seqs) for d in rows])
        self.groups_count = np.array([float(d.parallelism.engine_seqs_groups) for d in rows])
        self.idle_seqs = np.where(is_layered, float(BOUNDLESS_SEQS), limit)
        self.max_seqs = np.where(is_layered, np.inf, limit)
        self.is_layered = is_layered
        self.weights_bytes = np.array([lines.weights_bytes(d) for d in rows])
        alike: dict[tuple[object, ...], int] = {}
        kinds = [(d.runtime.slug, d.version, d.parallelism) for d in rows]
        self.limits_place = np.array(
            [alike.setdefault(kind, len(alike)) for kind in kinds], dtype=np.intp
        )
        _, firsts = np.unique(self.limits_place, return_index=True)
        self.limits_rows = tuple(rows[first] for first in firsts)

    def _put_lines(self, lines: Sequence[Line]) -> None:
        """Keep lines as columns, and each cache once."""
        numbers = np.array([line.numbers for line in lines], dtype=np.float64)
        self.numbers = numbers.reshape(len(lines), NUMBERS_COUNT).T.copy()
        self.kind = np.array([line.kind for line in lines], dtype=np.intp)
        caches = {id(c): c for line in lines for c in (line.first, line.further)}
        places = {name: place for place, name in enumerate(caches)}
        self.first = np.array([places[id(line.first)] for line in lines], dtype=np.intp)
        self.further = np.array([places[id(line.further)] for line in lines], dtype=np.intp)
        self.caches = Caches.table(tuple(caches.values()))
        self.cache_model = np.zeros(len(caches), dtype=np.intp)
        line_model = self.model[self.line_row]
        for which in (self.first, self.further):
            self.cache_model[which] = line_model
        self._put_workings(lines)

    def _put_workings(self, lines: Sequence[Line]) -> None:
        """Keep the compute buffers that lines point at."""
        self._workings: dict[tuple[int, int], tuple[int, int, Working]] = {}
        place = 1
        self._working = np.zeros(len(lines), dtype=np.intp)
        models = self.model[self.line_row]
        for number, line in enumerate(lines):
            if line.working is None:
                continue
            # Models of the same layers share buffers, not the longest context.
            name = (id(line.working), int(models[number]))
            if name not in self._workings:
                self._workings[name] = (place, name[1], line.working)
                place += line.working.cards_count
            self._working[number] = self._workings[name][0] + line.device
        self._working_count = place

    def buffers(self, tokens: Floats, asked_tokens: int) -> Buffers:
        """Return the compute buffers of all lines.

        Args:
            tokens: The context of every model.
            asked_tokens: What was asked for, of which ``tokens`` are the smaller.
        """
        found = self._buffers.get(asked_tokens)
        if found is None:
            found = self._worked_out(tokens)
            if len(self._buffers) >= _MOST_CONTEXTS:
                self._buffers.clear()
            self._buffers[asked_tokens] = found
        return found

    def _worked_out(self, tokens: Floats) -> Buffers:
        """Return the compute buffers of all lines at the contexts of their models."""
        here, low, most = (np.zeros(self._working_count) for _ in range(3))
        low_tokens, most_tokens = np.zeros(self._working_count), np.ones(self._working_count)
        for place, model, working in self._workings.values():
            own = int(tokens[model])
            ends = working.ends_tokens(self._llms[model], own)
            seat = slice(place, place + working.cards_count)
            here[seat] = working.sizes_bytes(own)
            low[seat] = here[seat] if ends[0] == own else working.sizes_bytes(ends[0])
            most[seat] = working.sizes_bytes(ends[1])
            low_tokens[seat], most_tokens[seat] = ends
        columns = (here, low, most, low_tokens, most_tokens)
        return Buffers(*(column[self._working] for column in columns))

    def lines_of(self, rows: Places) -> Places:
        """Return the lines of some rows, in order."""
        return runs(self.line_starts[rows], self.line_counts[rows])
