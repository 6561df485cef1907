"""One step of many models at once: their operators side by side, as a few large ones.

``FlatTables`` keeps what it has read of each model and shard; ``steps`` lays the asked ones side by
side, form by form, so that a step of hundreds of models is a few dozen operations on arrays.
"""

from __future__ import annotations

import functools
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from rightrig.facts.quantization import KV_BITS
from rightrig.facts.stored import LANGUAGE
from rightrig.work.flat_operators import (
    COLUMNS,
    FORMS,
    KERNEL_FORMS,
    OTHER_FORMS,
    features_of,
    flatten,
)
from rightrig.work.operators import SENT, Operator, Shard
from rightrig.work.weights import class_bits

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from rightrig.facts.llm import Llm
    from rightrig.work.flat_operators import Amounts, FlatModel, Own, Table
    from rightrig.work.operators import OperatorKind, Step

    Column = NDArray[np.float64]
    Places = NDArray[np.int64]

_MOST_ELEMENTS: Final = 300_000
"""About 50 MB: 20,000 pairs of a model and a shard."""
_OWN: Final = COLUMNS.index("own_0")
_SENT_AMONG: Final = {"all_reduce": 0, "send": 4}
"""Rows of ``_divided`` that say among how many a message goes: ranks, and stages."""


@dataclass(frozen=True, slots=True)
class FlatKey:
    """One model as an engine holds it; all that decides the work of its steps.

    Attributes:
        weights, kv: Formats, as ``Precision`` names them.
        divided: Ranks: tensor-parallel, attention-DP, experts over, context-parallel.
        stages_count: Pipeline stages.
    """

    llm: Llm
    weights: str
    kv: str
    divided: tuple[int, int, int, int]
    stages_count: int


@dataclass(frozen=True, slots=True)
class Piece:
    """The operators of a part that are of one form (``flat_operators``).

    Attributes:
        at: Which of the part's they are.
        models: Whose each is.
        own: What their layers have of their own, four columns.
        flop, held_bytes, moved_bytes: ``F``, ``C`` and ``M``.
    """

    form: str
    at: slice
    models: Places
    own: Own
    flop: Column
    held_bytes: Column
    moved_bytes: Column


@dataclass(frozen=True, slots=True)
class Part:
    """Operators of one kind of work, of all models: an element an operator.

    Attributes:
        kind: Their kind; those that compute stand together as ``gemm``.
        models: Whose each is.
        kinds: What each is of ``KERNEL_KINDS``; only of those that compute.
        pieces: All of them, form by form.
        shard: How the engine of each divides a step.
    """

    kind: OperatorKind
    models: Places
    kinds: Places
    pieces: tuple[Piece, ...]
    launches_count: Column
    shard: Shard

    def operator(self, step: Step) -> Operator:
        """Return the operators of a step of every model as one, an element each."""
        flop, moved = np.empty((2, len(self.models)))
        for piece in self.pieces:
            x, s, y = features_of(piece.form, step, piece.own, piece.models)
            np.multiply(piece.flop, x, out=flop[piece.at])
            np.multiply(piece.moved_bytes, y, out=moved[piece.at])
            if np.ndim(s) or s:
                moved[piece.at] += piece.held_bytes * s
        launches = self.launches_count
        if self.kind in SENT:
            return Operator(self.kind, self.kind, message_bytes=moved, launches_count=launches)
        return Operator(self.kind, self.kind, flop, moved, launches_count=launches)


@dataclass(frozen=True, slots=True)
class FlatSteps:
    """The steps of many engines, one of each model.

    Attributes:
        host_launches_count: Of each engine.
        has_experts: Whether each model has experts.
        parts: What computes first, then rows and messages.
    """

    models_count: int
    host_launches_count: Column
    has_experts: NDArray[np.bool_]
    parts: tuple[Part, ...]

    def totals(self, part: Part, values: Amounts) -> Table:
        """Return the sums of each engine's operators of a part."""
        return np.bincount(part.models, values, self.models_count).astype(float, copy=False)


class FlatTables:
    """What has been read of models and shards, kept for the next question.

    Safe to be asked by several threads at once; forgets everything when it grows too large.
    """

    def __init__(self, most_elements: int = _MOST_ELEMENTS) -> None:
        """Start with nothing."""
        self._most_elements = most_elements
        self._lock = threading.Lock()
        self._forget()

    def _forget(self) -> None:
        self._places: dict[tuple[Llm, tuple[int, int, int, int]], int] = {}
        self._flats: list[FlatModel] = []
        self._joined: _Joined | None = None
        self._elements = 0

    def add(self, keys: Iterable[FlatKey]) -> None:
        """Read what is not known yet, so that the first question is as quick as later ones."""
        with self._lock:
            self._known([(key.llm, key.divided) for key in keys])

    def steps(self, keys: Sequence[FlatKey]) -> FlatSteps:
        """Return the steps of some engines."""
        with self._lock:
            if self._elements > self._most_elements:
                self._forget()
            joined, places = self._known([(key.llm, key.divided) for key in keys])
        return joined.steps(places, keys)

    def _known(
        self, wanted: Sequence[tuple[Llm, tuple[int, int, int, int]]]
    ) -> tuple[_Joined, Places]:
        """Return all that is known, the asked models among it, and where they lie."""
        known = self._places
        places = []
        for key in wanted:
            place = known.get(key)
            if place is None:
                place = known[key] = len(self._flats)
                flat = flatten(key[0], _shard(key[1]))
                self._flats.append(flat)
                self._elements += len(flat.elements)
                self._joined = None
            places.append(place)
        if self._joined is None:
            self._joined = _joined(self._flats)
        return self._joined, np.array(places, dtype=np.int64)


def _shard(divided: tuple[int, int, int, int]) -> Shard:
    """Return the shard of one stage."""
    tp, groups, experts_over, context = (float(count) for count in divided)
    return Shard(tp, 1.0, groups, experts_over, context)


@dataclass(frozen=True, slots=True)
class _Joined:
    """All that is known, one after another.

    Attributes:
        elements: Columns of all operators.
        starts, counts: Where the operators of a model (row) of a form (column) begin, how many.
    """

    elements: Table
    starts: NDArray[np.int64]
    counts: NDArray[np.int64]
    host_launches_count: Column
    has_experts: NDArray[np.bool_]

    def steps(self, places: Places, keys: Sequence[FlatKey]) -> FlatSteps:
        """Return the steps of some engines: their operators side by side, form by form."""
        count = len(keys)
        starts, counts = self.starts[places].T.ravel(), self.counts[places].T.ravel()
        ends = np.cumsum(counts)
        rows = np.repeat(starts - ends + counts, counts) + np.arange(ends[-1])
        models = np.repeat(np.tile(np.arange(count), len(FORMS)), counts)
        bounds = dict(zip(FORMS, _slices(ends[count - 1 :: count]), strict=True))
        columns = self.elements[:, rows]
        side = _Side(columns, models, _scales_ratio(keys), _divided(keys))
        used = {form: at for form, at in bounds.items() if at.start < at.stop}
        kernels = tuple((form, at) for form, at in used.items() if form in KERNEL_FORMS)
        others = ((kind, at) for kind, at in used.items() if side.moves(kind))
        parts = (side.part("gemm", kernels), *(side.part(one[0], (one,)) for one in others))
        return FlatSteps(count, self.host_launches_count[places], self.has_experts[places], parts)


def _joined(flats: Sequence[FlatModel]) -> _Joined:
    """Return some models' operators one after another."""
    counts = np.array([flat.counts for flat in flats], dtype=np.int64)
    starts = np.cumsum(counts.ravel()).reshape(counts.shape) - counts
    elements = np.ascontiguousarray(np.concatenate([flat.elements for flat in flats]).T)
    launches = np.array([flat.host_launches_count for flat in flats])
    has_experts = np.array([flat.has_experts for flat in flats])
    return _Joined(elements, starts, counts, launches, has_experts)


def _slices(ends: Places) -> list[slice]:
    """Return the slices that end there, one after another."""
    return [slice(int(a), int(b)) for a, b in zip((0, *ends[:-1]), ends, strict=True)]


@dataclass(frozen=True, slots=True)
class _Side:
    """Operators side by side, with what their formats and shards make of them."""

    columns: Table
    models: Places
    scales_ratio: Column
    divided: Table

    def moves(self, kind: str) -> bool:
        """Whether what only moves bytes does so: one rank and one stage send nothing."""
        if kind in _SENT_AMONG:
            return bool((self.divided[_SENT_AMONG[kind]] > 1.0).any())
        return kind in OTHER_FORMS

    def part(self, kind: str, forms: tuple[tuple[str, slice], ...]) -> Part:
        """Return the operators of some forms that lie one after another."""
        start, stop = forms[0][1].start, forms[-1][1].stop
        models, columns = self.models[start:stop], self.columns[:, start:stop]
        named = dict(zip(COLUMNS[:_OWN], columns, strict=False))
        held_scale, moved_scale, kinds = (
            named[name].astype(np.int64) for name in ("held_scale", "moved_scale", "kind")
        )
        tp, groups, experts_over, context, stages = self.divided[:, models]
        launches = named["launches"] * (stages - 1.0) if kind == "send" else named["launches"]
        held = named["held"] * self.scales_ratio[held_scale, models]
        moved = named["moved"] * self.scales_ratio[moved_scale, models]
        pieces = []
        for form, place in forms:
            at = slice(place.start - start, place.stop - start)
            own: Own = tuple(columns[_OWN:, at])
            pieces.append(Piece(form, at, models[at], own, named["flop"][at], held[at], moved[at]))
        return Part(
            kind=kind,  # type: ignore[arg-type] # "gemm", or one of OTHER_FORMS
            models=models,
            kinds=kinds,
            pieces=tuple(pieces),
            launches_count=launches,
            shard=Shard(tp, stages, groups, experts_over, context),
        )


def _divided(keys: Sequence[FlatKey]) -> Table:
    """Return the ranks of every engine, and its stages."""
    return np.array([(*key.divided, key.stages_count) for key in keys], dtype=float).T


def _scales_ratio(keys: Sequence[FlatKey]) -> Column:
    """Return the bytes of what each of ``SCALES`` stores, of every engine."""
    return np.array([_scale_ratio(key.llm, key.weights, key.kv) for key in keys]).T


@functools.lru_cache(maxsize=4096)
def _scale_ratio(llm: Llm, weights: str, kv: str) -> tuple[float, ...]:
    """Return the bytes of one weight of every class, of one cached value, and one."""
    bits = class_bits(llm, weights)
    return (*(bits[kind] / 8.0 for kind in LANGUAGE), KV_BITS[kv] / 8.0, 1.0)
