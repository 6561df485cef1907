"""Dollars a token of one deployment: at its load, and at some numbers of running sequences."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rightrig.costs.token_price import (
    TokenPrices,
    affordable_duty_ratio,
    idle_usd_per_month,
    request_usd,
    slot_usd_per_hour,
    token_prices,
)
from rightrig.costs.uncertain import drawn, interval_of, middles
from rightrig.errors import InputError
from rightrig.facts.explanation import Explanation, Figure
from rightrig.interval import Interval, product_if_independent
from rightrig.planning.costing.capacity import whole_count
from rightrig.planning.costing.compare import Contender, side_of
from rightrig.quantities import (
    HOURS_PER_MONTH,
    MILLION,
    SECONDS_PER_MONTH,
    show_number,
    show_usd,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rightrig.planning.costing.bills import Owning, Renting
    from rightrig.planning.costing.capacity import Capacity, Row
    from rightrig.planning.costing.compare import Demand

_FULL_RATIO: Final = 1.0


@dataclass(frozen=True, slots=True)
class PricedRow:
    """What a batch costs, at the use that was asked for.

    Attributes:
        output_usd_per_token: All cost over the tokens of answers alone; ``None`` where it does
            not fit.
        mean_usd_per_token: Over all tokens.
        slot_usd_per_hour: One place for a running sequence.
    """

    row: Row
    output_usd_per_token: Interval | None = None
    mean_usd_per_token: Interval | None = None
    slot_usd_per_hour: float | None = None


@dataclass(frozen=True, slots=True)
class ServedCost:
    """The answer of ``cost tokens``.

    Attributes:
        reason: Why it serves nothing at this load; empty where it does.
        use_ratio: Of its capacity.
        bill_usd_per_month: Of the rig at this use.
        prices: At the middles; ``None`` with a reason.
        mean_usd_per_token: Over all tokens, under the joint intervals.
        idle_usd_per_month: What of the bill pays for time without work.
        idle_engines_count: Engines that the rate could do without.
        slot_usd_per_hour: One place of those that memory holds.
        duty_ratio: Share of all hours that a budget rents the rig for; ``None`` without one.
    """

    capacity: Capacity
    bill: Renting | Owning
    demand: Demand
    rows: tuple[PricedRow, ...]
    reason: str
    carried_requests_per_s: float | None = None
    use_ratio: float = 0.0
    bill_usd_per_month: Interval | None = None
    prices: TokenPrices | None = None
    mean_usd_per_token: Interval | None = None
    idle_usd_per_month: float = 0.0
    idle_engines_count: int = 0
    slot_usd_per_hour: float | None = None
    duty_ratio: float | None = None

    @property
    def is_answered(self) -> bool:
        """Whether the load can be served, or any batch where no load was asked for."""
        return not self.reason

    def explain(self) -> Explanation:
        """Return what a token costs, how the bill divides, and where the money is from."""
        return _explain(self)


def token_cost(
    contender: Contender,
    demand: Demand,
    rows: Sequence[Row] = (),
    budget_usd_per_month: float | None = None,
) -> ServedCost:
    """Return what the tokens of a rig cost at a load; none above what it carries (F084).

    Args:
        contender: A rig with its bill; an API has no rows.
        demand: Its rate, or the share of what it carries.
        rows: Numbers of running sequences, worked out.
        budget_usd_per_month: For the hours that it rents the rig for.
    """
    capacity, bill = contender.capacity, contender.bill
    assert capacity is not None  # noqa: S101 - a rig has both
    assert bill is not None  # noqa: S101
    use = _row_use_ratio(demand)
    priced = tuple(_priced(row, bill, capacity, use) for row in rows)
    if capacity.rate_requests_per_s is None:
        return ServedCost(capacity, bill, demand, priced, capacity.reason)
    carried = contender.claimed_requests_per_s or capacity.rate_requests_per_s.mid
    rate = demand.rate_requests_per_s
    served = carried * demand.use_ratio.mid if rate is None else rate.mid
    used = served / carried
    month = bill.cost_usd_per_month(middles(bill.inputs(capacity)), capacity, used)
    request = request_usd(month / HOURS_PER_MONTH, served, carried)
    if request is None:
        reason = (
            f"{show_number(served)} requests/s is above the {show_number(carried)} that it carries"
        )
        return ServedCost(capacity, bill, demand, priced, reason, carried)
    duty = None
    if budget_usd_per_month is not None:
        duty = affordable_duty_ratio(budget_usd_per_month, month / HOURS_PER_MONTH)
    engine = carried / capacity.engines_count
    return ServedCost(
        capacity, bill, demand, priced, "", carried, used,
        bill_usd_per_month=_month_usd_per_month(contender, used),
        prices=_prices(capacity, request),
        mean_usd_per_token=_mean_usd_per_token(contender, demand, request),
        idle_usd_per_month=idle_usd_per_month(month, used),
        idle_engines_count=capacity.engines_count
        - int(whole_count(served, engine)),
        slot_usd_per_hour=slot_usd_per_hour(month / HOURS_PER_MONTH, capacity.slots_count),
        duty_ratio=duty,
    )  # fmt: skip


def _row_use_ratio(demand: Demand) -> float:
    """Return the use of a batch: the one asked for; with a rate a batch is priced at full use."""
    return _FULL_RATIO if demand.rate_requests_per_s is not None else demand.use_ratio.mid


def _priced(row: Row, bill: Renting | Owning, capacity: Capacity, use_ratio: float) -> PricedRow:
    """Return a batch with its costs: the bill over what it makes of the hours that it works."""
    speed = row.output_tokens_per_s
    if speed is None:
        return PricedRow(row)
    inputs = bill.inputs(capacity)
    month = float(bill.cost_usd_per_month(middles(inputs), capacity, use_ratio))
    if month <= 0.0:
        raise InputError("the rig costs nothing on these terms, so that its tokens have no price")
    draws = bill.cost_usd_per_month(drawn(inputs, seed=1), capacity, use_ratio)
    second = interval_of(month, draws).scaled(1.0 / (SECONDS_PER_MONTH * use_ratio))
    output = product_if_independent(second, speed.reciprocal())
    answer_ratio = capacity.lengths.output_tokens / capacity.request_tokens
    slot = slot_usd_per_hour(month / HOURS_PER_MONTH, row.batch)
    return PricedRow(row, output, output.scaled(answer_ratio), slot)


def _month_usd_per_month(contender: Contender, use_ratio: float) -> Interval:
    """Return the bill of a month at a use, under what of it is not known exactly."""
    capacity, bill = contender.capacity, contender.bill
    assert capacity is not None  # noqa: S101 - a rig has both
    assert bill is not None  # noqa: S101
    inputs = bill.inputs(capacity)
    mid = float(bill.cost_usd_per_month(middles(inputs), capacity, use_ratio))
    return interval_of(mid, bill.cost_usd_per_month(drawn(inputs, seed=1), capacity, use_ratio))


def _prices(capacity: Capacity, cost_usd: float) -> TokenPrices:
    """Return what each kind of token costs of a request's price."""
    lengths, shares = capacity.lengths, capacity.shares
    assert shares is not None  # noqa: S101 - known with what it carries
    return token_prices(
        cost_usd, shares, lengths.input_tokens, lengths.output_tokens, lengths.cached_tokens
    )


def _mean_usd_per_token(contender: Contender, demand: Demand, cost_usd: float) -> Interval:
    """Return the cost over all tokens under the joint intervals of the bill, speed and load."""
    capacity = contender.capacity
    assert capacity is not None  # noqa: S101 - a rig has one
    side = side_of(contender, capacity.lengths, demand)
    tokens = capacity.request_tokens
    return interval_of(cost_usd / tokens, side.cost_usd(drawn(side.inputs, seed=1)) / tokens)


def _explain(found: ServedCost) -> Explanation:
    """Return the sentences of an answer."""
    prices, month = found.prices, found.bill_usd_per_month
    sources = (*found.bill.origins, *found.capacity.sources)
    if prices is None or month is None or found.mean_usd_per_token is None:
        return Explanation((f"No cost: {found.reason}.",), (), sources)
    carried = found.carried_requests_per_s or 0.0
    bill = (
        f"The rig, {found.bill.text}, costs {show_usd(month.mid)} a month at {found.use_ratio:.0%} "
        f"of the {show_number(carried)} requests/s that it carries; "
        f"{show_usd(found.idle_usd_per_month)} of that pays for time without work."
    )
    sentences = [bill, _shares_sentence(found)]
    if found.idle_engines_count:
        sentences.append(
            f"{found.idle_engines_count} of {found.capacity.engines_count} engines could be left "
            "out at this rate."
        )
    if found.duty_ratio is not None:
        sentences.append(f"The budget pays for {found.duty_ratio:.0%} of all hours.")
    mean = found.mean_usd_per_token.mid * MILLION
    figures = (
        Figure("usd_per_million_tokens", mean, show_usd(mean), "F12.1"),
        Figure("request_usd", prices.request_usd, show_usd(prices.request_usd), "F12.6"),
    )
    return Explanation(tuple(sentences), figures, sources)


def _shares_sentence(found: ServedCost) -> str:
    """Say how the time of the engines divides."""
    shares = found.capacity.shares
    assert shares is not None  # noqa: S101 - known with the prices
    cached = f", {shares.cached_ratio:.0%} cached prompt tokens" if shares.cached_ratio else ""
    return (
        f"Of the engines' time answers take {shares.output_ratio:.0%}, prompts "
        f"{shares.input_ratio:.0%}{cached}: that is how the bill divides among their tokens."
    )
