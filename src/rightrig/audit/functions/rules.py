"""Rules that a claim must keep, for the column ``lint``: each returns what it finds wrong.

They are the rules of ``prediction.plausibility``, ``prediction.comparability`` and
``costs.plausibility``, given by names and amounts.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final, Literal, get_args

from rightrig.audit.functions.models import token_weight_bytes
from rightrig.costs.plausibility import (
    Contest,
    CostCapacityRule,
    CostMemoryRule,
    PriceClaim,
    TokenCost,
    implausible_cost,
    implausible_price,
    implausible_winner,
)
from rightrig.deployment.rule import Violation, violations
from rightrig.errors import InputError
from rightrig.facts.reading import plain
from rightrig.prediction.comparability import (
    ClaimedTraining,
    ComparedSystem,
    Comparison,
    DeratesRule,
    OverheadsRule,
    RateRatio,
    RatioRule,
    StatedAmount,
    StatedRate,
    TrainingRule,
    UnitsRule,
)
from rightrig.prediction.plausibility import broken, decode_claim
from rightrig.quantities import check_count
from rightrig.work.weights import weight_bytes

if TYPE_CHECKING:
    from rightrig.audit.naming import Setting

Broken = tuple[Violation, ...]
_Quantity = Literal["arithmetic", "memory", "link"]
_TRAITS: Final[dict[str, dict[str, object]]] = {
    "one direction": {"directions_count": 1}, "both directions": {"directions_count": 2},
    "dense": {"is_sparse": False}, "sparse": {"is_sparse": True},
    "fp16 sums": {"accumulate_bits": 16}, "fp32 sums": {"accumulate_bits": 32},
    "64 bits": {"format_bits": 64}, "32 bits": {"format_bits": 32},
    "16 bits": {"format_bits": 16}, "8 bits": {"format_bits": 8}, "4 bits": {"format_bits": 4},
}  # fmt: skip
_MOST_NAMES: Final = 8
_MOST_CARDS: Final = 100_000


def _claimed(setting: Setting) -> float:
    """Return the middle of what is claimed, in base units."""
    if setting.claimed is None:
        raise InputError("the rule needs a claim of one number")
    return setting.claimed.mid


def below_roofline(setting: Setting, model: str, card: str, weights: str, cards: int = 1) -> Broken:
    """Judge claimed tokens/s of one sequence: weights fit, and are read no faster than memory."""
    catalog = setting.catalog
    check_count(cards, name="cards", limit=_MOST_CARDS)
    read_bytes = token_weight_bytes(setting, model, weights)
    claim = decode_claim(_claimed(setting), read_bytes, catalog.gpu(card), cards)
    return broken(replace(claim, stored_bytes=weight_bytes(catalog.llm(model), weights)))


def cost_follows(
    setting: Setting, total_usd: float, tokens_per_s: float, owned_years: float
) -> Broken:
    """Judge a claimed cost a token: it is what its own total, speed and years make, to 1 %."""
    return implausible_cost(_cost(_claimed(setting), total_usd, tokens_per_s, owned_years))


def _cost(
    cost_usd_per_token: float = 1.0, total_usd: float = 1.0, tokens_per_s: float = 1.0,
    owned_years: float = 1.0,
) -> TokenCost:  # fmt: skip
    """Return a published cost; a rule that needs no cost is given any."""
    return TokenCost(
        cost_usd_per_token=cost_usd_per_token, total_usd=total_usd, tokens_per_s=tokens_per_s,
        owned_years=owned_years,
    )  # fmt: skip


def held_by(needed_bytes: float, memory_bytes: float) -> Broken:
    """Judge a figure of something that must lie in memory first."""
    case = replace(_cost(), needed_bytes=needed_bytes, memory_bytes=memory_bytes)
    return violations((CostMemoryRule(),), case)


def served_by(rate_requests_per_s: float, most_requests_per_s: float) -> Broken:
    """Judge a figure for a rate: the machine serves it, or its queue grows without end."""
    case = replace(
        _cost(), rate_requests_per_s=rate_requests_per_s, most_requests_per_s=most_requests_per_s
    )
    return violations((CostCapacityRule(),), case)


def wins(
    winner: str, winner_usd_per_token: float, other: str, other_usd_per_token: float
) -> Broken:
    """Judge who is stated to be cheaper, by the figures."""
    costs = {winner: winner_usd_per_token, other: other_usd_per_token}
    return implausible_winner(Contest(winner, costs))


def card_price(setting: Setting, date: str, node_usd_per_hour: float, node_cards: int) -> Broken:
    """Judge a claimed price of a card's hour: it is no node's, and less than half a year old."""
    stated = _claimed(setting) * 3600.0
    claim = PriceClaim("card", stated, node_usd_per_hour, node_cards, date, setting.today)
    return implausible_price(claim)


def like_for_like(setting: Setting, quantity: str, first: str, second: str) -> Broken:
    """Judge a ratio of two rates by what each counts: ``"both directions"``, ``"sparse, 8 bits"``.

    Traits: one direction, both directions, dense, sparse, fp16 sums, fp32 sums, 4 to 64 bits.
    """
    if quantity not in get_args(_Quantity):
        raise InputError(f"{plain(quantity, 24)!r} is none of {', '.join(get_args(_Quantity))}")
    claimed_ratio = 1.0 if setting.claimed is None else setting.claimed.mid
    rates = (_rate(quantity, first, claimed_ratio), _rate(quantity, second, 1.0))
    return violations((RatioRule(),), RateRatio(*rates))


def _rate(quantity: str, text: str, per_s: float) -> StatedRate:
    """Return a rate with its traits."""
    traits: dict[str, object] = {}
    for word in _words(text):
        if word not in _TRAITS:
            raise InputError(f"{plain(word, 24)!r} is no trait; write {', '.join(_TRAITS)}")
        traits.update(_TRAITS[word])
    return StatedRate(per_s, quantity, **traits)  # type: ignore[arg-type] # checked above


def read_as(text: str, understood_bytes: float) -> Broken:
    """Judge an amount of data by its text: bits or bytes, of 1,000 or 1,024."""
    return violations((UnitsRule(),), StatedAmount(text, understood_bytes))


def trains_in(needed_bytes: float, memory_bytes: float, duration_s: float = 1.0) -> Broken:
    """Judge a duration of a training: its memory fits the card first."""
    return violations((TrainingRule(),), ClaimedTraining(duration_s, needed_bytes, memory_bytes))


def derated_alike(first: str, second: str) -> Broken:
    """Judge a comparison by what each side was lowered by: ``"bandwidth 0.45"`` and ``""``."""
    sides = [ComparedSystem(name, derate_ratios=_shares(text)) for name, text in
             (("the first", first), ("the second", second))]  # fmt: skip
    return violations((DeratesRule(),), Comparison(*sides))


def _shares(text: str) -> tuple[tuple[str, float], ...]:
    """Return names with their shares."""
    found = []
    for word in _words(text):
        name, _, share = word.rpartition(" ")
        try:
            found.append((name, float(share)))
        except ValueError as error:
            raise InputError(f"{plain(word, 24)!r} is no share; write bandwidth 0.45") from error
    return tuple(found)


def overheads_alike(name: str, first: str, second: str) -> Broken:
    """Judge a comparison by how each side counted an overhead: ``"host", "none", "450 W"``."""
    sides = [ComparedSystem(side, overhead_rules=((name, text),)) for side, text in
             (("the first", first), ("the second", second))]  # fmt: skip
    return violations((OverheadsRule(),), Comparison(*sides))


def _words(text: str) -> list[str]:
    """Return the parts of a list with commas."""
    found = [word.strip() for word in text.split(",") if word.strip()]
    if len(found) > _MOST_NAMES:
        raise InputError(f"{plain(text, 40)!r} names more than {_MOST_NAMES} things")
    return found


RULES: Final = (
    below_roofline, cost_follows, held_by, served_by, wins, card_price, like_for_like, read_as,
    trains_in, derated_alike, overheads_alike,
)  # fmt: skip
