"""Which card for this model and this use: one user at a desk, or a service that must hold.

The two uses differ in limits alone, and every difference is computed: a service has latency
objectives, headroom, memory that corrects its errors and an engine to spare.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal

from rightrig.costs.goods import cheapest_good, goods_of
from rightrig.demand.objective import Slo
from rightrig.facts.explanation import Explanation, Figure
from rightrig.planning.layouts import machine_cards
from rightrig.planning.questions.market import to_buy, weights_text
from rightrig.planning.questions.one_card import Deciding, deciding, deciding_sentences
from rightrig.planning.search import Question, plan
from rightrig.quantities import show_seconds, show_usd

if TYPE_CHECKING:
    from rightrig.costs.goods import Good
    from rightrig.facts.catalog import Catalog
    from rightrig.facts.gpu import Gpu
    from rightrig.facts.llm import Llm
    from rightrig.planning.planned import PlannedRig
    from rightrig.planning.search import Space

Kind = Literal["development", "production"]
SERVICE_SLO: Final = Slo(ttft_p99_s=2.0, tpot_p99_s=0.2)
"""Objectives of a service where none are set: those of MLPerf Inference's server scenario for
Llama 2 70B, 2 s and 200 ms at p99 (github.com/mlcommons/inference_policies)."""
ECC_ON: Final = ("native", "optional-on")
_EVERY: Final = 1000


@dataclass(frozen=True, slots=True)
class Use:
    """What the card is for.

    Attributes:
        question: Traffic, objectives and limits, those of the kind of use included.
        space: What may be chosen from, before the kind of use rules cards out.
        traffic: Who sends the rate, in words.
        asked_gpu: The card of the deciding question.
    """

    kind: Kind
    question: Question
    space: Space
    traffic: str
    asked_gpu: Gpu


@dataclass(frozen=True, slots=True)
class Pick:
    """One card with as many engines as the use takes.

    Attributes:
        engines_count: Spare ones included.
        rent_usd_per_month: ``None`` where nobody rents the card.
        purchase_usd: What cards and machines cost to buy; ``None`` where no price is known.
        rated_power_w: Board power of all cards; ``None`` where it is not published.
        ttft_p99_s, tpot_p99_s: Analytic bounds.
    """

    gpu: Gpu
    engine: str
    engines_count: int
    cards_count: int
    rent_usd_per_month: float | None
    purchase_usd: float | None
    rated_power_w: float | None
    ttft_p99_s: float
    tpot_p99_s: float


@dataclass(frozen=True, slots=True)
class Choice:
    """The answer of ``ask choose-gpu``.

    Attributes:
        picks: To rent, cheapest first; empty where nothing is rented that does.
        owned: To buy: cards that do and that nobody rents, cheapest first.
        nearest: Without either, what comes closest.
        dropped_count: Cards that the kind of use rules out.
    """

    llm: Llm
    use: Use
    deciding: Deciding
    picks: tuple[Pick, ...]
    owned: tuple[Pick, ...]
    nearest: tuple[str, ...]
    dropped_count: int

    @property
    def chosen(self) -> Pick | None:
        """The card that is recommended: to rent, else to buy."""
        return next(iter((*self.picks, *self.owned)), None)

    def explain(self) -> Explanation:
        """Return the choice, what the kind of use added to it, and the deciding question."""
        chosen = self.chosen
        sentences = (*deciding_sentences(self.deciding), *_use_sentences(self))
        if chosen is None:
            return Explanation((*sentences, *self.nearest), sources=("planning.search.plan",))
        sources = tuple(source.reference for source in chosen.gpu.sources)
        figures = [
            Figure("cards_count", chosen.cards_count, str(chosen.cards_count), "search.plan")
        ]
        rent, power = chosen.rent_usd_per_month, chosen.rated_power_w
        if rent is not None:
            figures.append(Figure("rent_usd_per_month", rent, show_usd(rent), "prices"))
        if power is not None:
            name = f"gpus/{chosen.gpu.slug}"
            figures.append(Figure("rated_power_w", power, _watts(power), name))
        return Explanation((_chosen_sentence(self, chosen), *sentences), tuple(figures), sources)


def users_rate_requests_per_s(users_count: int, think_s: float) -> float:
    """Return the most that users send who think between an answer and their next question.

    By Little's law ``N = λ · (answer + think)``; the time of the answer, which depends on the
    card, is left out, so that the rate is an upper bound.

    >>> users_rate_requests_per_s(60, 30.0)
    2.0
    """
    return users_count / think_s


def choose_gpu(catalog: Catalog, llm: Llm, use: Use) -> Choice:
    """Return the card for a model and a use; every question has an answer.

    Args:
        catalog: Where runtimes are looked up.
        llm: The model.
        use: Traffic, objectives, limits, and the kind of use.
    """
    allowed = tuple(gpu for gpu in use.space.gpus if is_allowed(gpu, use.kind))
    space = replace(use.space, gpus=allowed)
    found = plan(llm, use.question, space, _EVERY)
    goods = goods_of(catalog)
    picks = tuple(_pick(p, catalog.gpu(p.gpu), goods) for p in found.plans)
    owned = _owned(llm, use, space, goods)
    return Choice(
        llm=llm,
        use=use,
        deciding=deciding(catalog, llm, use.asked_gpu, use.question, use.space),
        picks=picks,
        owned=owned,
        nearest=() if picks or owned else found.explain().sentences,
        dropped_count=len(use.space.gpus) - len(allowed),
    )


def is_allowed(gpu: Gpu, kind: Kind) -> bool:
    """Whether a kind of use admits a card.

    A service needs memory whose errors are corrected as the card is sold, or a data-centre card;
    where ECC is switched on by hand it costs bandwidth that the record's rate does not count.
    """
    return kind == "development" or gpu.ecc in ECC_ON or gpu.tier == "data-centre"


def _pick(p: PlannedRig, gpu: Gpu, goods: tuple[Good, ...]) -> Pick:
    """Return a plan as a pick."""
    return Pick(
        gpu=gpu,
        engine=f"{p.rig} ({p.engine_split}, {weights_text(p.weights)}, {p.runtime})",
        engines_count=p.split.replicas,
        cards_count=p.cards_count,
        rent_usd_per_month=None if p.purchase is None else p.rent_usd_per_month,
        purchase_usd=p.capex_usd or _purchase_usd(p, gpu, goods),
        rated_power_w=_power_w(gpu.board_power_w, p.cards_count),
        ttft_p99_s=p.ttft_p99_s.mid,
        tpot_p99_s=p.tpot_p99_s.mid,
    )


def _purchase_usd(p: PlannedRig, gpu: Gpu, goods: tuple[Good, ...]) -> float | None:
    """Return what a rented plan's engines would cost to buy; ``None`` where no price is known."""
    most = machine_cards(gpu)
    part = min(p.split.engine_cards, most)
    found = cheapest_good(goods, gpu, part, p.cards_count // part, most)
    return None if found is None else found.capex_usd


def _power_w(one_w: float | None, count: int) -> float | None:
    """Return the power of several cards."""
    return None if one_w is None else one_w * count


def _owned(llm: Llm, use: Use, space: Space, goods: tuple[Good, ...]) -> tuple[Pick, ...]:
    """Return the cards that carry the traffic and that nobody rents, the best plan of each.

    A budget of rent buys nothing.
    """
    if use.question.limits.budget_usd_per_month is not None:
        return ()
    rented = {price.gpu for price in space.prices}
    unrented = {gpu.slug: gpu for gpu in space.gpus if gpu.slug not in rented}
    if not unrented:
        return ()
    bought = to_buy(use.question, replace(space, gpus=tuple(unrented.values())), goods)
    best: dict[str, PlannedRig] = {}
    for p in plan(llm, *bought, _EVERY).plans:
        best.setdefault(p.gpu, p)
    return tuple(_pick(p, unrented[p.gpu], goods) for p in best.values())


def _use_sentences(choice: Choice) -> tuple[str, ...]:
    """Return what the kind of use changed, with its numbers."""
    use = choice.use
    if use.kind == "development":
        return (use.traffic, "Development: no headroom, no spare engine, cards of every market.")
    slo = use.question.slo
    objectives = [
        f"{name} p99 ≤ {show_seconds(limit)}"
        for name, limit in (("TTFT", slo.ttft_p99_s), ("TPOT", slo.tpot_p99_s))
        if limit is not None
    ]
    return (
        use.traffic,
        (
            f"Production: {', '.join(objectives)}; "
            f"{use.question.limits.headroom_ratio:.0%} headroom; one spare engine; "
            f"{choice.dropped_count} cards are left out, whose memory corrects no errors as sold."
        ),
    )


def _watts(power_w: float) -> str:
    """Return a power in words."""
    return f"{power_w:,.0f} W"


def _chosen_sentence(choice: Choice, chosen: Pick) -> str:
    """Return the card, and why it is this one."""
    text = f"{choice.llm.name}: {chosen.engines_count} × {chosen.engine}"
    power = "" if chosen.rated_power_w is None else f", {_watts(chosen.rated_power_w)} of cards"
    if chosen.rent_usd_per_month is None:
        price = (
            "at no known price"
            if chosen.purchase_usd is None
            else f"for about {show_usd(chosen.purchase_usd)}"
        )
        return f"{text}{power}, to buy {price}: no rented card keeps the limits."
    rent = show_usd(chosen.rent_usd_per_month)
    others = [p for p in choice.picks if p.gpu.slug != chosen.gpu.slug]
    if not others:
        return f"{text} at {rent} a month{power}: the only rented card that does."
    other = others[0]
    gap = show_usd((other.rent_usd_per_month or 0.0) - chosen.rent_usd_per_month)
    return (
        f"{text} at {rent} a month{power}: the cheapest of "
        f"{len({p.gpu.slug for p in choice.picks})} cards that do; {other.gpu.slug} comes next "
        f"at {gap} more."
    )
