"""Why cards lost, and when none won, what came nearest and what would have let it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rightrig.planning.constraints import CONSTRAINTS
from rightrig.planning.planned import Relaxation

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rightrig.planning.constraints import Miss, Question
    from rightrig.planning.table import Table


def rejected_cards(
    table: Table, first_broken: NDArray[np.int64], question: Question
) -> tuple[tuple[str, str, str], ...]:
    """Return (card, rule, reason) for every card without a plan: that of its best row.

    A card's best row is the one that broke its first rule latest; among equals, the nearest
    miss: least memory lacking, then least latency, then least cost.
    """
    found = [
        (table.candidates.gpus[index].slug, rule, reason)
        for index, (rule, reason) in table.candidates.barred.items()
    ]
    if not len(table.rows):
        return tuple(sorted(found))
    # Rows of one card stand together, but for those over several machines.
    gpus = table.rows["gpu"]
    latest = np.full(len(table.candidates.gpus), -1)
    np.maximum.at(latest, gpus, first_broken)
    misses = {place: CONSTRAINTS[place].miss(table) for place in set(latest.tolist()) if
              0 <= place < len(CONSTRAINTS)}  # fmt: skip
    near = np.flatnonzero(first_broken == latest[gpus])
    for index in np.unique(gpus[near]).tolist():
        place = int(latest[index])
        if place == len(CONSTRAINTS):
            continue
        mine = near[gpus[near] == index]
        number = int(mine[_least(misses[place][mine])])
        rule = CONSTRAINTS[place]
        found.append((table.gpu(number).slug, rule.id, rule.reason(table, number, question)))
    return tuple(sorted(found))


def _least(values: Miss) -> int:
    """Return the place of the least value that is a number, else the first."""
    return int(np.nanargmin(values)) if np.isfinite(values).any() else 0


def nearest_miss(table: Table, first_broken: NDArray[np.int64], question: Question) -> str:
    """Return the row that comes closest to a plan, and the change that would make it one.

    Closest: the first rule that it breaks comes latest, and is missed by least.
    """
    if not len(table.rows):
        return "No card runs this model in these formats; leave --weights and --kv out."
    place = int(first_broken.max())
    near = np.flatnonzero(first_broken == place)
    rule = CONSTRAINTS[place]
    number = int(near[_least(rule.miss(table)[near])])
    reason = rule.reason(table, number, question)
    who = "" if table.gpu(number).slug in reason else f"{table.engine_text(number)} "
    return (
        f"Nearest: {who}{reason} [{rule.id}]. It would take at least {rule.remedy(table, number)}."
    )


def relaxations(table: Table, question: Question) -> tuple[Relaxation, ...]:
    """Return, for each limit that alone keeps some row out, the least change that lets one in.

    Limits of latency are answered by ``least_objectives``, for a looser one changes the load of
    every engine.
    """
    broken = np.stack([rule.broken(table, question) for rule in CONSTRAINTS])
    alone = broken.sum(axis=0) == 1
    found = []
    for place, rule in enumerate(CONSTRAINTS):
        if rule.id.startswith("SLO") or rule.id == "MEM-FIT":
            continue
        rows = np.flatnonzero(alone & broken[place])
        if len(rows):
            number = int(rows[_least(rule.miss(table)[rows])])
            found.append(Relaxation(rule.id, rule.remedy(table, number), table.engine_text(number)))
    return tuple(found)
