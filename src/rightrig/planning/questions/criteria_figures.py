"""The figures of an option's rig that a criterion may be computed from."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from rightrig.deployment.propose import Choices, propose
from rightrig.deployment.rig import parse_rig
from rightrig.errors import InputError
from rightrig.planning.combos.rivals import purchase_of
from rightrig.prediction.predict import predict
from rightrig.prediction.regimes import Lengths
from rightrig.quantities import show_usd

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rightrig.deployment.rig import Rig
    from rightrig.facts.catalog import Catalog
    from rightrig.facts.llm import Llm
    from rightrig.planning.questions.criteria import CriteriaFile, TrafficLine

HEADROOM_RATIO: Final = 0.3
"""Spare capacity over the rate, as ``plan`` has it."""


@dataclass(frozen=True, slots=True)
class Load:
    """What the rigs are to carry."""

    llm: Llm
    rate_requests_per_s: float
    lengths: Lengths
    weights: str | None

    @classmethod
    def of(cls, llm: Llm, traffic: TrafficLine, rate_requests_per_s: float) -> Load:
        """Return the load that a file describes."""
        lengths = Lengths(float(traffic.input_tokens), float(traffic.output_tokens))
        return cls(llm, rate_requests_per_s, lengths, traffic.weights)


def filled(
    catalog: Catalog, file: CriteriaFile, load: Load | None
) -> tuple[list[list[float]], tuple[str, ...]]:
    """Return the values of every option, a row each, and how the computed ones came about.

    Raises:
        InputError: where a rig does not hold the model, or no offer of it is known.
    """
    rows: list[list[float]] = []
    notes: list[str] = []
    for option in file.options:
        names = [one.computed for one in file.criteria if one.computed]
        figures: dict[str, float] = {}
        if load is not None and option.rig is not None and names:
            figures, note = _figures(catalog, parse_rig(option.rig, catalog), load, names)
            notes.append(f"{option.name}: {note}")
        rows.append(
            [
                figures[one.computed] if one.computed else option.values[one.name]
                for one in file.criteria
            ]
        )
    return rows, tuple(notes)


def _figures(
    catalog: Catalog, rig: Rig, load: Load, names: Sequence[str]
) -> tuple[dict[str, float], str]:
    """Return the figures asked for of one rig, and a sentence on them."""
    tokens, tpot, evidence = _speed(catalog, rig, load)
    found = {"output_tokens_per_s": tokens, "tpot_s": tpot}
    sentence = f"{tokens:,.0f} output tokens/s at full load on {rig.text} ({evidence})"
    if "scaling_ratio" in names:
        double = replace(rig, groups=tuple(replace(g, count=2 * g.count) for g in rig.groups))
        found["scaling_ratio"] = _speed(catalog, double, load)[0] / (2.0 * tokens)
    if "rent_usd_per_month" in names:
        bought = purchase_of(catalog.prices(), rig)
        if bought is None:
            raise InputError(
                f"no on-demand price of {rig.text} in one machine is known; state the cost in "
                "values, or add the offer to a catalogue of your own"
            )
        wanted = load.rate_requests_per_s * (1.0 + HEADROOM_RATIO) * load.lengths.output_tokens
        count = math.ceil(wanted / tokens)
        found["rent_usd_per_month"] = count * bought.rent_usd_per_month
        price = bought.price
        sentence += (
            f"; {count} of it for the traffic with {HEADROOM_RATIO:.0%} headroom at "
            f"{show_usd(bought.rent_usd_per_month)} a month ({price.provider}, {price.date}, "
            f"{price.source})"
        )
    return found, sentence


def _speed(catalog: Catalog, rig: Rig, load: Load) -> tuple[float, float, str]:
    """Return tokens/s at full load, TPOT of one user alone, and the evidence."""
    deployment = propose(catalog, load.llm, rig, Choices(weights=load.weights))
    many = predict(deployment, load.lengths, None)
    if many.fit.verdict == "no":
        raise InputError(
            f"{load.llm.name} does not fit {rig.text}: {many.fit.explain().sentences[0]}"
        )
    alone = predict(deployment, load.lengths, 1)
    return many.output_tokens_per_s.mid, alone.tpot_s.mid, many.evidence
