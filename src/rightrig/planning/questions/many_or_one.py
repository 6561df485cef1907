"""Many cheap cards or few dear ones: what each delivers, not what its datasheet adds up to."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from rightrig.costs.goods import goods_of
from rightrig.costs.money import cost_usd_per_token
from rightrig.costs.offers import cheapest
from rightrig.demand.objective import Limits
from rightrig.deployment.limits import LAYERED
from rightrig.deployment.propose import Choices, propose
from rightrig.deployment.rig import CardGroup, Rig
from rightrig.errors import InputError
from rightrig.facts.explanation import Explanation, Figure
from rightrig.interval import Interval, product_if_independent
from rightrig.planning.flips import Flip, flip_sentences, flips, rate_grid_requests_per_s
from rightrig.planning.layouts import BOARD_CARDS
from rightrig.planning.questions.market import (
    at_any_price,
    bought_usd,
    engine_text,
    keeping_options,
    market,
)
from rightrig.prediction.predict import predict
from rightrig.quantities import show_number, show_usd

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rightrig.costs.offers import Purchase
    from rightrig.facts.catalog import Catalog
    from rightrig.facts.gpu import Gpu
    from rightrig.facts.llm import Llm
    from rightrig.planning.constraints import Question
    from rightrig.planning.options import EngineOption
    from rightrig.planning.search import Space

_GRID_STEPS: Final = 80
_LEAST_SHARE_RATIO: Final = 1e-3
"""The scan of rates starts at this share of what the stronger side carries."""


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two rigs, with the split that carries most.

    Attributes:
        option: The engine; ``None`` where none keeps the objectives on these cards.
        engines_count: As many as the cards hold.
        goodput_requests_per_s: Load within the objectives, with the 80 % interval of throughput.
        saturated_tokens_per_s: Output of all engines when as many users wait as memory holds.
        purchase: The cheapest rent of the engines; ``None`` where nobody rents them.
        purchase_usd: Price of all cards; ``None`` where none is known.
        hosts_count: Machines, each with as many cards as offers or the rig put into one.
    """

    gpu: Gpu
    cards_count: int
    hosts_count: int
    option: EngineOption | None
    engines_count: int
    goodput_requests_per_s: Interval | None
    saturated_tokens_per_s: Interval | None
    purchase: Purchase | None
    purchase_usd: float | None

    @property
    def text(self) -> str:
        """The cards in rig notation."""
        return f"{self.cards_count}x{self.gpu.slug}"

    @property
    def peak_flop_per_s(self) -> float | None:
        """Dense peak of all cards at 16 bits."""
        peak = self.gpu.peak.bf16_flop_per_s or self.gpu.peak.fp16_flop_per_s
        return None if peak is None else peak * self.cards_count

    @property
    def pooled_bytes(self) -> float:
        """Memory of all cards that engines see."""
        return self.card_bytes * self.cards_count

    @property
    def card_bytes(self) -> float:
        """Memory of one card: the largest shard."""
        return self.gpu.memory_bytes.mid

    @property
    def rated_power_w(self) -> float | None:
        """Board power of all cards."""
        return None if self.gpu.board_power_w is None else self.gpu.board_power_w * self.cards_count

    @property
    def rent_usd_per_month(self) -> float | None:
        """Rent of the whole side."""
        return None if self.purchase is None else self.purchase.rent_usd_per_month

    def cost_usd_per_token(self, request_tokens: int) -> float | None:
        """Return dollars a token, prompt and answer, at full load within the objectives."""
        if self.rent_usd_per_month is None or self.goodput_requests_per_s is None:
            return None
        tokens_per_s = self.goodput_requests_per_s.mid * request_tokens
        return cost_usd_per_token(self.rent_usd_per_month, tokens_per_s)


@dataclass(frozen=True, slots=True)
class Premium:
    """Whether what the dear card costs more comes back as goodput, card by card.

    Attributes:
        basis: ``rent`` or ``purchase``.
        price_ratio: One dear card over one cheap card.
        goodput_ratio: The same of requests a second within the objectives.
        justified: ``surely`` at the pessimistic end, ``likely`` at the middle, or ``not``.
    """

    basis: str
    price_ratio: float
    goodput_ratio: Interval
    justified: str


@dataclass(frozen=True, slots=True)
class ManyOrOne:
    """The answer of ``ask many-or-one``.

    Attributes:
        premiums: By rent and by purchase, where both cards have such a price.
        flips: Rates at which the cheaper side changes, each side renting the engines it needs.
        winner: The cheaper side at the asked rate, ``neither`` where none carries it, and empty
            where no rate was asked for or a side has no rent.
    """

    llm: Llm
    question: Question
    rate_requests_per_s: float | None
    many: Side
    one: Side
    premiums: tuple[Premium, ...]
    flips: tuple[Flip[str], ...]
    winner: str

    @property
    def is_answered(self) -> bool:
        """Whether some side serves the model, and the asked rate where there is one."""
        serves = self.many.option is not None or self.one.option is not None
        return serves and self.winner != "neither"

    def explain(self) -> Explanation:
        """Return what each side delivers, whether the premium is justified, where it flips."""
        sentences = [_side_sentence(self.many), _side_sentence(self.one)]
        sentences += [_premium_sentence(self, premium) for premium in self.premiums]
        sentences += _flip_sentences(self)
        figures = tuple(
            Figure(f"goodput_ratio_by_{p.basis}", p.goodput_ratio.mid,
                   f"{p.goodput_ratio.mid:.3g}", "planning.options.engine_options")
            for p in self.premiums
        )  # fmt: skip
        references = (s.reference for side in (self.many, self.one) for s in side.gpu.sources)
        return Explanation(tuple(sentences), figures, tuple(dict.fromkeys(references)))


def many_or_one(
    catalog: Catalog,
    llm: Llm,
    rigs: tuple[Rig, Rig],
    question: Question,
    space: Space,
    rate_requests_per_s: float | None,
) -> ManyOrOne:
    """Return two rigs side by side under the same traffic and objectives.

    Args:
        catalog: Where runtimes are looked up.
        llm: The model.
        rigs: The many cheap cards, then the few dear ones.
        question: Lengths, objectives, headroom.
        space: Formats, runtimes and prices.
        rate_requests_per_s: The rate to name a winner for, or ``None``.
    """
    for rig in rigs:
        _check_plain(rig)
    offered = {rig.gpu.slug: _options(llm, rig, question, space) for rig in rigs}
    many, one = (_side(catalog, llm, rig, question, space, offered[rig.gpu.slug]) for rig in rigs)
    found = ManyOrOne(llm, question, rate_requests_per_s, many, one, _premiums(many, one), (), "")
    if many.purchase is None or one.purchase is None:
        return found
    return _with_flips(found, offered, space)


def _check_plain(rig: Rig) -> None:
    """Refuse cards with options, which the engines of a plan do not have."""
    if not rig.is_uniform or any(group.options for group in rig.groups):
        raise InputError(
            f"{rig.text} has options or mixed cards; write a number of one kind of card, such as "
            "16xrtx-4090 or 2n:8xh100-sxm"
        )


def _options(llm: Llm, rig: Rig, question: Question, space: Space) -> tuple[EngineOption, ...]:
    """Return the engines on a rig's kind of card that fit into one machine of it."""
    found = keeping_options(llm, *at_any_price(question, space, rig.gpu))
    return tuple(o for o in found if o.split.engine_cards <= rig.cards_per_node)


def _side(
    catalog: Catalog,
    llm: Llm,
    rig: Rig,
    question: Question,
    space: Space,
    options: Sequence[EngineOption],
) -> Side:
    """Return a rig with the engines that carry most on it."""
    nodes = rig.nodes_count

    def engines(option: EngineOption) -> int:
        return nodes * (rig.cards_per_node // option.split.engine_cards)

    best = max(options, key=lambda o: engines(o) * o.rate_requests_per_s, default=None)
    side = Side(
        gpu=rig.gpu,
        cards_count=rig.cards_count,
        hosts_count=nodes * math.ceil(rig.cards_per_node / _machine_cards(rig, space)),
        option=best,
        engines_count=0,
        goodput_requests_per_s=None,
        saturated_tokens_per_s=None,
        purchase=None,
        purchase_usd=bought_usd(goods_of(catalog), rig.gpu, rig.cards_count),
    )
    if best is None:
        return side
    count = engines(best)
    output = predicted_tokens_per_s(catalog, llm, best, question)
    rate = count * best.rate_requests_per_s
    return replace(
        side,
        engines_count=count,
        goodput_requests_per_s=output.scaled(rate / output.mid),
        saturated_tokens_per_s=output.scaled(count),
        purchase=cheapest(space.prices, rig.gpu.slug, best.split.engine_cards, count),
    )


def _machine_cards(rig: Rig, space: Space) -> int:
    """Return the cards that one machine takes: as the rig's nodes, or as offers are sold."""
    if rig.nodes_count > 1:
        return rig.cards_per_node
    sold = (p.max_gpu_count for p in space.prices if p.gpu == rig.gpu.slug)
    return max((*sold, BOARD_CARDS))


def predicted_tokens_per_s(
    catalog: Catalog, llm: Llm, option: EngineOption, question: Question
) -> Interval:
    """Return the output of one engine, in tokens/s, with as many users as its memory holds."""
    layered, split = option.runtime in LAYERED, option.split
    choices = Choices(
        runtime=option.runtime,
        weights=option.weights,
        kv=option.kv,
        tp=None if layered else split.tp,
        pp=split.pp,
        attention_dp=split.attention_dp if split.attention_dp > 1 else None,
        expert_parallel=split.ep or None,
        context_parallel=split.context_parallel if split.context_parallel > 1 else None,
        max_batched_tokens=option.step_tokens,
        # llama.cpp serves one sequence unless told otherwise; a plan tells it otherwise.
        max_seqs=max(1, int(option.capacity_seqs)) if layered else None,
    )
    rig = Rig((CardGroup(option.split.engine_cards, option.gpu),))
    deployment = propose(catalog, llm, rig, choices)
    return predict(deployment, question.lengths, None).output_tokens_per_s


def _premiums(many: Side, one: Side) -> tuple[Premium, ...]:
    """Return the premium of one dear card over one cheap card, by every price that both have."""
    if many.goodput_requests_per_s is None or one.goodput_requests_per_s is None:
        return ()
    goodput = product_if_independent(
        one.goodput_requests_per_s.scaled(1.0 / one.cards_count),
        many.goodput_requests_per_s.scaled(1.0 / many.cards_count).reciprocal(),
    )
    prices = (
        ("rent", one.rent_usd_per_month, many.rent_usd_per_month),
        ("purchase", one.purchase_usd, many.purchase_usd),
    )
    found = []
    for basis, dear_usd, cheap_usd in prices:
        if dear_usd is None or cheap_usd is None:
            continue
        ratio = (dear_usd / one.cards_count) / (cheap_usd / many.cards_count)
        found.append(Premium(basis, ratio, goodput, _justified(ratio, goodput)))
    return tuple(found)


def _justified(price_ratio: float, goodput_ratio: Interval) -> str:
    """Say how surely goodput rises at least as the price does."""
    if goodput_ratio.low >= price_ratio:
        return "surely"
    return "likely" if goodput_ratio.mid >= price_ratio else "not"


def _with_flips(
    found: ManyOrOne, offered: dict[str, tuple[EngineOption, ...]], space: Space
) -> ManyOrOne:
    """Return the comparison with the rates at which the cheaper side changes."""
    wanted_ratio = found.question.limits.wanted_ratio
    sides = tuple(
        (
            side,
            market(offered[side.gpu.slug], space.prices),
            Limits(max_gpus_count=side.cards_count),
        )
        for side in (found.one, found.many)
    )

    def winner(rate_requests_per_s: float) -> str:
        rents = [
            (hire.rent_usd_per_month, side.text)
            for side, engines, limits in sides
            if (hire := engines.cheapest(rate_requests_per_s * wanted_ratio, limits))
        ]
        return min(rents, default=(0.0, "neither"))[1]

    most = max(_goodput_requests_per_s(found.one), _goodput_requests_per_s(found.many))
    grid = rate_grid_requests_per_s(_LEAST_SHARE_RATIO * most, most, _GRID_STEPS)
    rate = found.rate_requests_per_s
    return replace(
        found, flips=tuple(flips(winner, grid)), winner="" if rate is None else winner(rate)
    )


def _goodput_requests_per_s(side: Side) -> float:
    """Return what a side carries by the middle."""
    return 0.0 if side.goodput_requests_per_s is None else side.goodput_requests_per_s.mid


def _side_sentence(side: Side) -> str:
    """Return what a side delivers."""
    if side.option is None or side.goodput_requests_per_s is None:
        return f"{side.text} serves the model in these weights within the objectives in no split."
    good = side.goodput_requests_per_s
    rent = side.rent_usd_per_month
    price = "no rent is known" if rent is None else f"{show_usd(rent)} a month"
    return (
        f"{side.text}: {side.engines_count} × {engine_text(side.option)} carries "
        f"{show_number(good.mid)} requests/s within the objectives "
        f"({show_number(good.low)} to {show_number(good.high)}), {price}."
    )


def _premium_sentence(found: ManyOrOne, premium: Premium) -> str:
    """Return whether the dear card is worth its price."""
    ratio = premium.goodput_ratio
    word = {"surely": "surely justified", "likely": "likely justified", "not": "not justified"}
    return (
        f"By {premium.basis}, one {found.one.gpu.slug} costs {premium.price_ratio:.3g} times one "
        f"{found.many.gpu.slug} and carries {ratio.mid:.3g} times as much "
        f"({ratio.low:.3g} to {ratio.high:.3g}): {word[premium.justified]}."
    )


def _flip_sentences(found: ManyOrOne) -> list[str]:
    """Return the rates at which the cheaper side changes."""
    texts = {side.text: f"{side.text} is cheaper" for side in (found.many, found.one)}
    names = {**texts, "neither": "neither carries the traffic with its headroom"}
    said = list(flip_sentences(found.flips, names))
    rate = found.rate_requests_per_s
    if found.winner and rate is not None:
        said.append(f"At {rate:.3g} requests/s: {found.winner}.")
    return said
