"""What a question about watts is made of, and its answer (formulas F13)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rightrig.facts.explanation import Explanation, Figure
from rightrig.planning.costing.bills import price_of
from rightrig.prediction.power import EVIDENCE_TEXT, draw_of

if TYPE_CHECKING:
    from rightrig.deployment.deployment import Deployment
    from rightrig.facts.catalog import Catalog
    from rightrig.interval import Interval
    from rightrig.planning.placing import Placement
    from rightrig.planning.planned import Tariff
    from rightrig.prediction.predict import Prediction
    from rightrig.prediction.regimes import Lengths

OWNED_YEARS: Final = 3.0
MOST_LOSS_RATIO: Final = 0.05


@dataclass(frozen=True, slots=True)
class Money:
    """What tokens cost.

    Attributes:
        capex_usd: Price of the rig to buy; ``None`` where none is known.
        capex_text: What is bought.
        rent_usd_per_hour: Of the rig; ``None`` where no offer is known.
        use_ratio: Share of all hours that the deployment works; in the others it idles.
    """

    tariff: Tariff
    capex_usd: float | None = None
    capex_text: str = ""
    rent_usd_per_hour: float | None = None
    owned_years: float = OWNED_YEARS
    use_ratio: float = 1.0


@dataclass(frozen=True, slots=True)
class Goals:
    """What a cap may not break.

    Attributes:
        loss_ratio: Most of the throughput that it may cost.
        ttft_s, tpot_s: Most of the mean times; ``None`` for no limit.
    """

    loss_ratio: float = MOST_LOSS_RATIO
    ttft_s: float | None = None
    tpot_s: float | None = None


@dataclass(frozen=True, slots=True)
class Phase:
    """One kind of work of a deployment.

    Attributes:
        power_w: Of all cards.
        tokens_per_s: Of the phase alone, over all engines; ``None`` while nothing is done.
        energy_j_per_token: Of all cards; prompt tokens of prompts, answer tokens of the others.
        memory_use_ratio, compute_use_ratio: Of the peaks of a card, in the steps of the phase
            alone.
    """

    name: str
    power_w: Interval
    tokens_per_s: float | None
    energy_j_per_token: Interval | None
    memory_use_ratio: float | None
    compute_use_ratio: float | None


@dataclass(frozen=True, slots=True)
class Capped:
    """A deployment under a limit of its cards' power.

    Attributes:
        limit_w: Of one card; of several kinds, of the first.
        clock_ratio: Clock that is left for work which draws all that it may.
        own_usd_per_token: Capital and electricity; ``None`` without a price to buy.
        rent_usd_per_token: ``None`` without an offer.
        heat_btu_per_hour: Of the cards.
        keeps: Whether it keeps the goals.
    """

    limit_ratio: float
    limit_w: float
    clock_ratio: float
    ttft_s: float
    tpot_s: float
    prefill_tokens_per_s: float
    output_tokens_per_s: float
    power_w: Interval
    energy_j_per_token: float
    own_usd_per_token: float | None
    rent_usd_per_token: float | None
    heat_btu_per_hour: float
    keeps: bool


@dataclass(frozen=True, slots=True)
class Powered:
    """What a deployment draws.

    Attributes:
        phases: Idle, prompts, decoding, and the mean of the traffic.
        used_j_per_token: Energy of an answer token with the idle hours around it, all cards.
        energy_usd_per_token: Electricity of one, with PUE; own machines only.
        host_w: What draws beside the cards, estimated; no part of the phases.
        caps: From the board's limit downwards; empty where none were asked for.
        best: The recommended one of them; ``None`` where none keeps the goals.
        reason: Why it is recommended.
    """

    prediction: Prediction
    money: Money
    goals: Goals
    phases: tuple[Phase, ...]
    used_j_per_token: float
    energy_usd_per_token: float
    host_w: Interval
    placements: tuple[Placement, ...]
    caps: tuple[Capped, ...] = ()
    best: Capped | None = None
    reason: str = ""

    def phase(self, name: str) -> Phase:
        """Return the phase of a name."""
        return next(phase for phase in self.phases if phase.name == name)

    def explain(self) -> Explanation:
        """Return how the watts came about."""
        return _explain(self)


@dataclass(frozen=True, slots=True)
class Question:
    """A deployment, its traffic, and what is asked of its power."""

    deployment: Deployment
    lengths: Lengths
    concurrency: int | None
    money: Money
    goals: Goals
    with_caps: bool = False


def money_of(
    deployment: Deployment, catalog: Catalog, tariff: Tariff, rent_usd_per_hour: float | None
) -> Money:
    """Return what a deployment's rig costs to buy and to rent, by the records."""
    known = price_of(catalog, deployment.rig)
    if known is None:
        return Money(tariff, rent_usd_per_hour=rent_usd_per_hour)
    price_usd, told, _ = known
    return Money(tariff, price_usd.mid, told, rent_usd_per_hour)


def _explain(found: Powered) -> Explanation:
    """Return sentences, figures and sources of what a deployment draws."""
    rig = found.prediction.deployment.rig
    draws = [draw_of(gpu) for gpu in {group.gpu.slug: group.gpu for group in rig.groups}.values()]
    sentences = [
        ("A working card draws a floor, 0.79 of its limit times the share of its bandwidth and "
        "1.24 times the share of its arithmetic to the power 0.75, at most 98 %."),
        *(f"Evidence: {EVIDENCE_TEXT[draw.evidence]}; the interval is the central 80 %."
          for draw in dict.fromkeys(draws)),
        "Means over seconds; supplies are sized for limits and transients: see cost electrical.",
    ]  # fmt: skip
    figures = tuple(
        Figure(f"{phase.name}_power_w", phase.power_w.mid, f"{phase.power_w.mid:,.0f} W", "F13")
        for phase in found.phases
    )
    sources = tuple(dict.fromkeys(source for draw in draws for source in draw.sources))
    return Explanation(tuple(sentences), figures, sources)
