"""Mixing cards: in one engine, or as pools behind a router."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from rightrig.costs.money import cost_usd_per_token
from rightrig.costs.offers import cheapest
from rightrig.deployment.compatibility import EqualCardsRule, HeadsRule, SplitRule
from rightrig.deployment.propose import propose
from rightrig.errors import InputError
from rightrig.facts.explanation import Explanation, Figure
from rightrig.planning.questions.split_choice import split_choice
from rightrig.prediction.memory_fit import fit
from rightrig.prediction.predict import predict
from rightrig.quantities import show_gib, show_seconds, show_usd
from rightrig.work.weights import weight_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rightrig.demand.objective import Slo
    from rightrig.deployment.propose import Choices
    from rightrig.deployment.rig import Rig
    from rightrig.facts.catalog import Catalog
    from rightrig.facts.llm import Llm
    from rightrig.planning.questions.split_choice import Layout
    from rightrig.prediction.regimes import Lengths

_LAYERED: Final = "llama.cpp"
_MILLION_TOKENS: Final = 1e6


@dataclass(frozen=True, slots=True)
class Share:
    """The layers of one card in a pipeline of unequal cards.

    Attributes:
        weights_bytes: Of its layers.
        stage_ratio: Time of its stage over that of the slowest; 1 is the bottleneck.
    """

    card: str
    layers_count: int
    weights_bytes: float
    stage_ratio: float


@dataclass(frozen=True, slots=True)
class OneEngine:
    """One engine over all cards of all kinds.

    Attributes:
        barred: (way, rule, reason) of the ways that a rule forbids or memory does not allow.
        shares: Layers a card in the best pipeline; empty where no card takes a layer.
        equal_ratio: Time of the slowest stage with equal shares over that with these.
        layered_weights: Format of the weights with llama.cpp, which splits by layers.
        verdict: Of memory, with llama.cpp.
        tpot_s: Of one user with llama.cpp; ``None`` where it does not fit.
    """

    model: str
    rig: str
    barred: tuple[tuple[str, str, str], ...]
    shares: tuple[Share, ...]
    equal_ratio: float
    layered_weights: str
    verdict: str
    tpot_s: float | None


@dataclass(frozen=True, slots=True)
class Route:
    """One model on one pool.

    Attributes:
        layout: The split that carries most within the objectives; ``None`` where it is rejected.
        rent_usd_per_month: Of the pool's cards; ``None`` where nobody rents them.
        usd_per_token: Of prompt and answer, at the most that the pool carries.
        reason: Why it is rejected, with the rule where one forbids it.
    """

    model: str
    pool: str
    layout: Layout | None
    rent_usd_per_month: float | None
    usd_per_token: float | None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Mix:
    """The answer: one engine of all cards, a model at a time, and routes to the pools."""

    engines: tuple[OneEngine, ...]
    routes: tuple[Route, ...]

    def chosen(self) -> tuple[Route, ...]:
        """Return the cheapest route of every model that has one; unpriced pools come last."""
        best: dict[str, Route] = {}
        for route in sorted(self.routes, key=_preference):
            if route.layout is not None:
                best.setdefault(route.model, route)
        return tuple(best.values())

    def explain(self) -> Explanation:
        """Return whether the kinds mix in one engine, and which pool serves which model."""
        return _explain(self)


def _preference(route: Route) -> tuple[float, float]:
    """Order routes: cheapest a token first, then most carried."""
    carried = route.layout.goodput_requests_per_s if route.layout else 0.0
    cost = route.usd_per_token
    return (float("inf") if cost is None else cost, -carried)


def mix(
    catalog: Catalog,
    llms: Sequence[Llm],
    pools: Sequence[Rig],
    choices: Choices,
    lengths: Lengths,
    slo: Slo,
) -> Mix:
    """Return whether cards of several kinds serve together, in one engine or as pools.

    Args:
        catalog: For runtimes and prices.
        llms: The models.
        pools: One rig a kind of card, each of one machine or more.
        choices: Runtime and formats of the pools.
        lengths: Of the requests of every model.
        slo: Bounds on TTFT p99 and TPOT p99.

    Raises:
        InputError: for fewer than two kinds of cards.
    """
    kinds = {group.gpu.slug for pool in pools for group in pool.groups}
    if len(kinds) < 2:  # noqa: PLR2004 - nothing to mix
        raise InputError(
            "--rigs names one kind of card; name two or more, such as 4xrtx-4090,2xa100-sxm-80gb"
        )
    mixed = [pool for pool in pools if not pool.is_uniform]
    if mixed:
        raise InputError(f"{mixed[0].text} mixes cards; name each kind as a pool of its own")
    whole = replace(pools[0], groups=tuple(g for pool in pools for g in pool.groups), nodes_count=1)
    engines = tuple(_one_engine(catalog, llm, whole, choices, lengths) for llm in llms)
    routes = tuple(
        _route(catalog, llm, pool, choices, lengths, slo) for llm in llms for pool in pools
    )
    return Mix(engines, routes)


def _one_engine(
    catalog: Catalog, llm: Llm, whole: Rig, choices: Choices, lengths: Lengths
) -> OneEngine:
    """Return what one engine over all cards of all kinds comes to."""
    barred = list(_barred(catalog, llm, whole, choices))
    deployed = None
    wanted = replace(choices, runtime=_LAYERED)
    if choices.weights is not None and choices.runtime != _LAYERED:
        wanted = replace(wanted, weights=None)
    try:
        deployed = propose(catalog, llm, whole, wanted)
    except InputError as error:
        barred.append(("by layers", "", str(error)))
    verdict, tpot_s = "no", None
    if deployed is not None:
        tokens = int(lengths.input_tokens + lengths.output_tokens)
        verdict = fit(deployed, tokens, 1).verdict
        if verdict in {"fits", "tight"}:
            tpot_s = predict(deployed, lengths, 1).tpot_s.mid
    weights = llm.checkpoint.format if choices.weights is None else choices.weights
    shares = pipeline_shares(llm, whole, weight_bytes(llm, weights))
    return OneEngine(
        model=llm.name,
        rig=whole.text,
        barred=tuple(barred),
        shares=shares,
        equal_ratio=_equal_ratio(llm, whole, shares),
        layered_weights="" if deployed is None else deployed.precision.weights,
        verdict=verdict,
        tpot_s=tpot_s,
    )


def _barred(
    catalog: Catalog, llm: Llm, whole: Rig, choices: Choices
) -> Iterator[tuple[str, str, str]]:
    """Yield the ways of one engine that a rule forbids, or what tensor parallelism wastes."""
    try:
        usual = propose(catalog, llm, replace(whole, groups=whole.groups[:1]), choices)
    except InputError as error:
        yield "tensor parallel", "", str(error)
        return
    ranks = replace(usual.parallelism, tp=whole.cards_count, pp=1, replicas=1)
    over = replace(usual, rig=whole, parallelism=ranks)
    for rule in (EqualCardsRule(), SplitRule(), HeadsRule()):
        reason = rule.check(over)
        if reason is not None:
            yield f"{usual.runtime.name}, tensor parallel", rule.id, reason
            break
    yield f"{usual.runtime.name}, tensor parallel", "", _equal_shards_text(whole)


def _equal_shards_text(whole: Rig) -> str:
    """Say what equal shards leave unused: every rank holds as much as the smallest card."""
    cards = whole.node_cards
    smallest = min(card.gpu.memory_bytes.mid for card in cards)
    slowest = min(card.gpu.memory_bandwidth_bytes_per_s for card in cards)
    whole_bytes = sum(card.gpu.memory_bytes.mid for card in cards)
    return (
        f"every rank takes an equal shard, so that each card counts as the smallest: "
        f"{show_gib(smallest * len(cards))} of {show_gib(whole_bytes)} are used, at the pace of "
        f"{slowest / 1e12:.3g} TB/s"
    )


def pipeline_shares(llm: Llm, whole: Rig, model_bytes: float) -> tuple[Share, ...]:
    """Return the layers of each card that make the slowest stage quickest (F7.7).

    A layer's time on a card is taken as its bytes over the card's memory bandwidth, as in a step
    that decodes few sequences. Layer by layer goes to the card whose stage stays shortest, among
    those with room for it: for equal layers no other order has a shorter slowest stage. Empty
    where the cards have no room for all layers.
    """
    cards = whole.node_cards
    layer_bytes = model_bytes / llm.layer_count
    rooms = [card.gpu.memory_bytes.low * _USABLE_RATIO for card in cards]
    paces = [layer_bytes / card.gpu.memory_bandwidth_bytes_per_s for card in cards]
    counts = [0] * len(cards)
    for _ in range(llm.layer_count):
        able = [n for n, room in enumerate(rooms) if (counts[n] + 1) * layer_bytes <= room]
        if not able:
            return ()
        counts[min(able, key=lambda n: (counts[n] + 1) * paces[n])] += 1
    slowest = max(count * pace for count, pace in zip(counts, paces, strict=True))
    return tuple(
        Share(card.gpu.slug, count, count * layer_bytes, count * pace / slowest)
        for card, count, pace in zip(cards, counts, paces, strict=True)
    )


_USABLE_RATIO: Final = 0.9
"""Share of a card for weights and cache, as engines take it."""


def _equal_ratio(llm: Llm, whole: Rig, shares: Sequence[Share]) -> float:
    """Return the slowest stage of equal shares over that of these."""
    if not shares:
        return 1.0
    widths = {card.gpu.slug: card.gpu.memory_bandwidth_bytes_per_s for card in whole.node_cards}
    own = max(share.layers_count / widths[share.card] for share in shares)
    equal = -(-llm.layer_count // len(shares))
    return equal / min(widths.values()) / own


def _route(
    catalog: Catalog, llm: Llm, pool: Rig, choices: Choices, lengths: Lengths, slo: Slo
) -> Route:
    """Return one model on one pool, by the split that carries most."""
    try:
        found = split_choice(catalog, llm, pool, choices, (lengths, None), slo)
    except InputError as error:
        return Route(llm.name, pool.text, None, None, None, str(error))
    layout = found.busiest
    if layout is None:
        return Route(llm.name, pool.text, None, None, None, found.explain().sentences[0])
    bought = cheapest(
        catalog.prices(), pool.gpu.slug, layout.split.engine_cards, layout.split.replicas
    )
    rent = None if bought is None else bought.rent_usd_per_month
    tokens = layout.goodput_requests_per_s * (lengths.input_tokens + lengths.output_tokens)
    cost = None if rent is None else cost_usd_per_token(rent, tokens)
    return Route(llm.name, pool.text, layout, rent, cost)


def _explain(found: Mix) -> Explanation:
    """Return the sentences of an answer."""
    sentences = [sentence for engine in found.engines for sentence in _engine_sentences(engine)]
    chosen = found.chosen()
    for route in chosen:
        assert route.layout is not None  # noqa: S101 - chosen routes have one
        price = (
            "nobody rents these cards" if route.usd_per_token is None
            else f"{show_usd(route.usd_per_token * _MILLION_TOKENS)} a million tokens when full"
        )  # fmt: skip
        sentences.append(
            f"Route {route.model} to {route.pool} ({route.layout.text}): "
            f"{route.layout.goodput_requests_per_s:.3g} requests/s, {price}."
        )
    sentences += [
        f"{route.model} has no place on {route.pool}: {route.reason}"
        for route in found.routes
        if route.layout is None
    ]
    pools = [route.pool for route in chosen]
    if len(set(pools)) < len(pools):
        sentences.append("Models that are routed to one pool share what it carries.")
    figures = tuple(
        Figure(
            "usd_per_token", route.usd_per_token,
            f"{show_usd(route.usd_per_token * _MILLION_TOKENS)}/M tokens", "F12",
        )
        for route in chosen
        if route.usd_per_token is not None
    )  # fmt: skip
    return Explanation(tuple(sentences), figures)


def _engine_sentences(engine: OneEngine) -> Iterator[str]:
    """Yield what one engine of a model over all cards comes to."""
    for way, rule, reason in engine.barred:
        told = reason.removesuffix(".") + (f" [{rule}]" if rule else "")
        yield f"{engine.model} in one engine on {engine.rig}, {way}: {told}."
    if not engine.shares:
        yield f"In stages {engine.model} has no room on {engine.rig}."
        return
    layers = ", ".join(
        f"{share.layers_count} on each of {count} × {share.card}"
        for share, count in grouped(engine.shares)
    )
    slowest = max(engine.shares, key=lambda share: share.stage_ratio)
    parts = ",".join(str(share.layers_count) for share in engine.shares)
    yield (
        f"In stages its layers lie best as {layers} (vLLM: VLLM_PP_LAYER_PARTITION={parts}; "
        f"llama.cpp: -ts {parts}): {slowest.card} is the bottleneck, and equal shares would take "
        f"{engine.equal_ratio:.2f} times as long a stage."
    )
    if engine.tpot_s is not None:
        yield (
            f"llama.cpp, which splits by layers, runs it on all cards in {engine.layered_weights} "
            f"({engine.verdict}): {show_seconds(engine.tpot_s)} a token for one user."
        )


def grouped(shares: Sequence[Share]) -> Iterator[tuple[Share, int]]:
    """Yield shares that follow each other and are alike once, with their number."""
    for share, alike in itertools.groupby(shares):
        yield share, len(tuple(alike))
