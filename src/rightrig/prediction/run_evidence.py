"""How sure a prediction is: what was measured near it, and how far such predictions were off.

Every published table is left out in turn, and every project; the errors on what was left out,
by how close the remaining runs are, give the central 80 % of new predictions.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from zlib import crc32

import numpy as np

from rightrig.prediction.evidence import EVIDENCE_ORDER, Evidence, vendor_of
from rightrig.prediction.run_fit import fit_runs, log_errors

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from rightrig.prediction.run_design import Array, Design
    from rightrig.prediction.run_tables import PlannedRow

FOLDS_COUNT: Final = 12
_LARGE_GROUP: Final = 30
_ROUNDS_COUNT: Final = 6
_LEAST_ROWS: Final = 20
_LOW_RATIO: Final = 0.1
_NEAREST_RATIO: Final = 1.03
"""Ends of an interval lie at least this factor from its middle."""


@dataclass(frozen=True, slots=True)
class Known:
    """What some runs measured: cards by era, cards, families."""

    pairs: frozenset[tuple[str, str]]
    cards: frozenset[str]
    families: frozenset[str]

    def evidence(self, row: PlannedRow) -> Evidence:
        """Return how close these runs are to a row."""
        if (row.era, row.card) in self.pairs:
            return "this GPU and runtime"
        if row.card in self.cards:
            return "same GPU"
        return "same architecture" if row.family in self.families else "datasheet only"


def known_of(rows: Sequence[PlannedRow]) -> Known:
    """Return what some runs measured."""
    return Known(
        frozenset((row.era, row.card) for row in rows),
        frozenset(row.card for row in rows),
        frozenset(row.family for row in rows),
    )


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Errors on runs that no parameter had seen: ``ln(predicted / measured)``, and the evidence."""

    log_errors: Array
    evidence: tuple[Evidence, ...]


def hold_out(
    rows: Sequence[PlannedRow],
    design: Design,
    weights: Array,
    start: Array,
    group: Callable[[PlannedRow], str],
) -> HeldOut:
    """Return the errors on every row when its group was left out.

    Large groups are left out one by one, small ones a twelfth of them at once.
    """
    folds = _folds([group(row) for row in rows])
    errors = np.zeros(len(rows))
    evidence: list[Evidence] = ["datasheet only"] * len(rows)
    for fold in np.unique(folds):
        out = folds == fold
        kept = np.where(out, 0.0, weights)
        values = fit_runs(design, kept, start=start, rounds_count=_ROUNDS_COUNT).values
        errors[out] = log_errors(design, values)[out]
        known = known_of([row for row, is_out in zip(rows, out, strict=True) if not is_out])
        for place in np.flatnonzero(out).tolist():
            evidence[place] = known.evidence(rows[place])
    return HeldOut(errors, tuple(evidence))


def _folds(names: Sequence[str]) -> NDArray[np.int64]:
    """Return the fold of each row: of its own for a large group, else one of a dozen."""
    sizes: dict[str, int] = defaultdict(int)
    for name in names:
        sizes[name] += 1
    large = sorted(name for name, size in sizes.items() if size >= _LARGE_GROUP)
    own = {name: FOLDS_COUNT + place for place, name in enumerate(large)}
    return np.array([own.get(name, crc32(name.encode()) % FOLDS_COUNT) for name in names])


IntervalKey = tuple[str, str, str, str, Evidence]
"""Quantity, era (or ``""`` for any), ``experts`` or ``dense`` (or ``""``), ``NVIDIA`` or
``other``, evidence."""


@dataclass(frozen=True, slots=True)
class Ends:
    """The ends of an interval over its middle, and the runs behind them."""

    low_ratio: float
    high_ratio: float
    rows_count: int


def interval_ends(
    rows: Sequence[PlannedRow], held_outs: Sequence[HeldOut]
) -> dict[IntervalKey, Ends]:
    """Return the central 80 % of measured over predicted, from specific groups to general ones.

    Groups of fewer than 20 runs are left to more general ones.
    """
    pools: dict[IntervalKey, list[float]] = defaultdict(list)
    for held in held_outs:
        for row, error, evidence in zip(rows, held.log_errors, held.evidence, strict=True):
            kind = "experts" if row.has_experts else "dense"
            for era, model in ((row.era, kind), (row.era, ""), ("", kind), ("", "")):
                key = (row.quantity, era, model, vendor_of(row.plan.run.rig.gpu), evidence)
                pools[key].append(-float(error))
    found = {key: _ends(np.array(pool)) for key, pool in pools.items() if len(pool) >= _LEAST_ROWS}
    return dict(sorted(found.items(), key=_order))


def _order(item: tuple[IntervalKey, Ends]) -> tuple[str, str, str, str, int]:
    *names, evidence = item[0]
    quantity, era, model, vendor = names
    return quantity, era, model, vendor, EVIDENCE_ORDER.index(evidence)


def _ends(log_ratios: Array) -> Ends:
    """Return the central 80 % of some ratios, around 1."""
    low, high = np.exp(np.quantile(log_ratios, [_LOW_RATIO, 1.0 - _LOW_RATIO]))
    return Ends(
        min(float(low), 1.0 / _NEAREST_RATIO), max(float(high), _NEAREST_RATIO), len(log_ratios)
    )
