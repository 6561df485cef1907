"""Published rows that break a rule of plausibility, in groups of one cause."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rightrig.errors import InputError
from rightrig.prediction.plausibility import RULES, broken, claim_of_run
from rightrig.prediction.reading_runs import read_run

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rightrig.facts.catalog import Catalog
    from rightrig.facts.measurement import Measurement
    from rightrig.prediction.plausibility import Claim
    from rightrig.prediction.runs import InferenceRun

_ORDER: Final = {rule.id: place for place, rule in enumerate(RULES)}


@dataclass(frozen=True, slots=True)
class Defect:
    """Rows of one source, card, engine and model that break one rule.

    Attributes:
        kind: The kind of source.
        rows: Their numbers in the table, from 1.
        least_ratio, largest_ratio: How far they lie beyond what the rule allows.
    """

    rule_id: str
    kind: str
    cards: str
    llm: str
    engine: str
    rows: tuple[int, ...]
    least_ratio: float
    largest_ratio: float


def find_defects(rows: Iterable[Measurement], catalog: Catalog) -> tuple[Defect, ...]:
    """Return the groups of rows that break a rule; rows that cannot be read are left out."""
    groups: dict[tuple[str, str, str, str, str], list[tuple[int, float]]] = defaultdict(list)
    for row in rows:
        try:
            run = read_run(row, catalog)
        except InputError:
            continue
        claim = claim_of_run(run)
        for violation in broken(claim):
            rule_id = violation.rule_id
            groups[rule_id, *_names(run)].append((row.row, excess_ratio(claim, rule_id)))
    found = (
        Defect(
            *names,
            rows=tuple(number for number, _ in entries),
            least_ratio=min(ratio for _, ratio in entries),
            largest_ratio=max(ratio for _, ratio in entries),
        )
        for names, entries in groups.items()
    )
    return tuple(sorted(found, key=lambda d: (_ORDER[d.rule_id], -d.largest_ratio, d.rows)))


def _names(run: InferenceRun) -> tuple[str, str, str, str]:
    """Return what a run's group is called by."""
    return run.kind, run.rig.text, run.llm.name, run.runtime.name


def excess_ratio(claim: Claim, rule_id: str) -> float:
    """Return how far a claim lies beyond what a rule allows; 1 is the limit."""
    return {
        "PLA-MEMORY": claim.filled_ratio,
        "PLA-ROOFLINE": claim.beyond_ratio,
        "PLA-EXPERTS": claim.beyond_even_ratio,
    }[rule_id]
