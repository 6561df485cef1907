"""Rules that a published cost must keep before anybody believes it (formulas F16: 4, 5, 6, 9, 10).

A rule does not say who is wrong: price, speed, years or use of a row may be other than stated.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final

from rightrig.costs.money import HOURS_PER_YEAR, owned_cost_usd_per_token
from rightrig.deployment.rule import Rule, Violation, violations
from rightrig.facts.price import staleness
from rightrig.quantities import GB, MILLION, SECONDS_PER_HOUR, show_number, show_usd

if TYPE_CHECKING:
    import datetime
    from collections.abc import Mapping

MOST_ERROR_RATIO: Final = 0.01
"""A published cost may differ by rounding, and by no more (F16 rule 4)."""
TIE_RATIO: Final = 1e-6


def implied_tokens_per_s(
    cost_usd_per_token: float, total_usd: float, owned_years: float, use_ratio: float = 1.0
) -> float:
    """Return the speed that a stated cost needs: F12.1 solved for tok/s.

    A cost whose speed is beyond what the datasheet allows cannot be right.

    >>> round(implied_tokens_per_s(3.2e-6, 31_470.0, 3.0))
    104
    """
    seconds = SECONDS_PER_HOUR * HOURS_PER_YEAR * owned_years
    return total_usd / (cost_usd_per_token * use_ratio * seconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenCost:
    """A published cost of a token, with what it was made of.

    Attributes:
        cost_usd_per_token: As stated.
        total_usd: What owning costs over ``owned_years``.
        tokens_per_s: Speed that the statement rests on.
        needed_bytes, memory_bytes: Of the weights and the cache, and of the cards; 0 for unknown.
        rate_requests_per_s, most_requests_per_s: Load that it is stated for, and the largest that
            the machine serves; 0 for unknown.
    """

    cost_usd_per_token: float
    total_usd: float
    tokens_per_s: float
    owned_years: float
    use_ratio: float = 1.0
    needed_bytes: float = 0.0
    memory_bytes: float = 0.0
    rate_requests_per_s: float = 0.0
    most_requests_per_s: float = 0.0

    @property
    def recomputed_usd_per_token(self) -> float:
        """What the cost is by its own inputs."""
        return owned_cost_usd_per_token(
            self.total_usd, self.tokens_per_s, self.owned_years, self.use_ratio
        )


class TokenCostRule:
    """A cost a token is what its own price, speed, years and use make, to 1 %."""

    id: ClassVar[str] = "COST-TOKEN"

    def check(self, subject: TokenCost) -> str | None:
        """Return why not (F16 rule 4)."""
        right = subject.recomputed_usd_per_token
        if abs(subject.cost_usd_per_token / right - 1.0) <= MOST_ERROR_RATIO:
            return None
        factor = right / subject.cost_usd_per_token
        return (
            f"{show_usd(subject.cost_usd_per_token * MILLION)} a million tokens is stated, and "
            f"{show_usd(subject.total_usd)} over {show_number(subject.tokens_per_s)} tok/s for "
            f"{show_number(subject.owned_years)} years make {show_usd(right * MILLION)}, "
            f"{show_number(factor)} times that; check the unit and the inputs"
        )


class CostMemoryRule:
    """A cost is stated only for what the memory of the cards holds."""

    id: ClassVar[str] = "COST-MEMORY"

    def check(self, subject: TokenCost) -> str | None:
        """Return why not (F16 rule 5): the row is then N/A."""
        if not subject.memory_bytes or subject.needed_bytes <= subject.memory_bytes:
            return None
        return (
            f"not applicable: {subject.needed_bytes / GB:,.1f} GB are needed and the cards have "
            f"{subject.memory_bytes / GB:,.1f} GB; take more cards or a smaller format"
        )


class CostCapacityRule:
    """A cost a request is stated only for a load that the machine serves."""

    id: ClassVar[str] = "COST-CAPACITY"

    def check(self, subject: TokenCost) -> str | None:
        """Return why not (F16 rule 6): above it requests wait without end."""
        most = subject.most_requests_per_s
        if not most or subject.rate_requests_per_s <= most:
            return None
        return (
            f"not applicable: {show_number(subject.rate_requests_per_s)} requests/s come and "
            f"{show_number(most)} are served at most; take more machines"
        )


TOKEN_COST_RULES: Final[tuple[Rule[TokenCost], ...]] = (
    TokenCostRule(), CostMemoryRule(), CostCapacityRule(),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Contest:
    """A statement of who is cheapest.

    Attributes:
        winner: As stated.
        cost_usd_per_token: Of everybody whose row is applicable, recomputed.
    """

    winner: str
    cost_usd_per_token: Mapping[str, float]

    @property
    def cheapest(self) -> str:
        """Who wins by the figures."""
        return min(self.cost_usd_per_token, key=lambda name: self.cost_usd_per_token[name])


class WinnerRule:
    """The winner of a comparison is derived from its figures and never copied."""

    id: ClassVar[str] = "COST-WINNER"

    def check(self, subject: Contest) -> str | None:
        """Return why not (F16 rule 9)."""
        costs = subject.cost_usd_per_token
        if subject.winner not in costs:
            return f"{subject.winner} has no applicable row and is stated to win"
        best = costs[subject.cheapest]
        ratio = costs[subject.winner] / best
        if ratio <= 1.0 + TIE_RATIO:
            return None
        return (
            f"{subject.winner} is stated to win and costs {ratio:.2f} times as much as "
            f"{subject.cheapest}, which wins by the figures"
        )


@dataclass(frozen=True, slots=True)
class PriceClaim:
    """A published price of an hour.

    Attributes:
        stated_per: What the statement says that it is the price of.
        usd_per_hour: As stated.
        node_usd_per_hour: What the whole node costs, where that is known; else 0.
        node_cards: Cards in that node.
        date: When it was seen; empty where nobody says.
        today: The day that its age is counted from.
    """

    stated_per: str
    usd_per_hour: float
    node_usd_per_hour: float
    node_cards: int
    date: str
    today: datetime.date


class NodePriceRule:
    """The price of a node is never stated as the price of one card."""

    id: ClassVar[str] = "COST-NODE"

    def check(self, subject: PriceClaim) -> str | None:
        """Return why not (F16 rule 10)."""
        node = subject.node_usd_per_hour
        is_of_node = node and abs(subject.usd_per_hour / node - 1.0) <= MOST_ERROR_RATIO
        if subject.stated_per != "card" or subject.node_cards == 1 or not is_of_node:
            return None
        return (
            f"${subject.usd_per_hour:.2f} is the price of a node of {subject.node_cards} cards: "
            f"${node / subject.node_cards:.2f} a card"
        )


class DatedPriceRule:
    """A price has a date, and is not older than half a year."""

    id: ClassVar[str] = "COST-DATED"

    def check(self, subject: PriceClaim) -> str | None:
        """Return why not (F16 rule 10)."""
        warning = staleness(subject.date, subject.today)
        return f"the price is {warning}; look it up again" if warning else None


PRICE_RULES: Final[tuple[Rule[PriceClaim], ...]] = (NodePriceRule(), DatedPriceRule())


def implausible_cost(claim: TokenCost) -> tuple[Violation, ...]:
    """Return the rules that a published cost of a token breaks, with their reasons."""
    return violations(TOKEN_COST_RULES, claim)


def implausible_winner(contest: Contest) -> tuple[Violation, ...]:
    """Return why a stated winner does not win, or nothing."""
    return violations((WinnerRule(),), contest)


def implausible_price(claim: PriceClaim) -> tuple[Violation, ...]:
    """Return the rules that a published price breaks, with their reasons."""
    return violations(PRICE_RULES, claim)
