"""Break-even of a deployment: after how many months, and from how many tokens a month, it pays."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from rightrig.costs.break_even import (
    MONTHS_PER_YEAR_COUNT,
    break_even_months_count,
    show_months,
    threshold_tokens_per_month,
)
from rightrig.costs.tornado import tornado
from rightrig.costs.uncertain import (
    SURE_RATIO,
    Side,
    drawn,
    interval_of,
    middles,
    race,
)
from rightrig.facts.explanation import Explanation, Figure
from rightrig.planning.costing.bills import Owning, Renting
from rightrig.planning.costing.compare import (
    RATE_KEY,
    USE_KEY,
    Contender,
    carried_at_requests_per_s,
    side_of,
    sources_of,
    speed_inputs,
)
from rightrig.quantities import (
    MILLION,
    SECONDS_PER_HOUR,
    SECONDS_PER_MONTH,
    show_number,
    show_usd,
)

if TYPE_CHECKING:
    from rightrig.costs.tornado import Swing
    from rightrig.costs.uncertain import Uncertain, Values
    from rightrig.interval import Interval
    from rightrig.planning.costing.capacity import Capacity
    from rightrig.planning.costing.compare import Demand

_CURVE_POINTS: Final = 37
RENTED_BY_THE_HOUR: Final = "renting by the hour"


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """What was spent up to a month."""

    month_count: float
    own_usd: Interval
    rival_usd: Interval


@dataclass(frozen=True, slots=True)
class BreakEven:
    """The answer of ``cost break-even``.

    Attributes:
        own: The rig with its bill.
        rival: What the same work costs instead.
        reason: Why the rig does not do the work; empty where it does.
        use_ratio: Of the rig's capacity that the work takes.
        own_usd_per_month, rival_usd_per_month: At this work, over the years.
        running_usd_per_month: Of an owned rig, what is paid every month.
        gross_months_count: Until it has paid if running it were free; ``None`` of a rented rig.
        months_count: Until it has paid; infinite where it never does; ``None`` of a rented rig.
        pays_ratio: Probability that it costs less over the years.
        threshold_tokens_per_month: Work from which on it costs less, prompt and answer tokens.
        full_tokens_per_month: The most that the rig does.
        swings: What the answer hangs on, most first.
        curve: Money spent over time; empty of a rented rig.
        dates: Side, and the day of its published price; empty where the user states it.
    """

    own: Contender
    rival: str
    demand: Demand
    reason: str
    use_ratio: float = 0.0
    own_usd_per_month: float = 0.0
    running_usd_per_month: float = 0.0
    rival_usd_per_month: float = 0.0
    gross_months_count: Interval | None = None
    months_count: Interval | None = None
    pays_ratio: float = 0.0
    threshold_tokens_per_month: float = math.inf
    full_tokens_per_month: float = 0.0
    swings: tuple[Swing, ...] = ()
    curve: tuple[CurvePoint, ...] = ()
    origins: tuple[str, ...] = ()
    dates: tuple[tuple[str, str], ...] = ()

    @property
    def kept_months_count(self) -> float:
        """How long an owned rig is kept; 0 of a rented one."""
        bill = self.own.bill
        return bill.owned_years * MONTHS_PER_YEAR_COUNT if isinstance(bill, Owning) else 0.0

    @property
    def asked_tokens_per_month(self) -> float:
        """The work that was asked about."""
        return self.use_ratio * self.full_tokens_per_month

    @property
    def pays(self) -> bool:
        """Whether it costs less over the years at this work, by the middles."""
        return not self.reason and self.own_usd_per_month < self.rival_usd_per_month

    @property
    def can_pay(self) -> bool:
        """Whether any work that the rig can do makes it cheaper."""
        return self.threshold_tokens_per_month <= self.full_tokens_per_month

    @property
    def advice(self) -> str:
        """What to do at this work: the rig, the rival, or that it is too close to call."""
        if self.reason:
            return "another rig"
        if not self.is_sure:
            return "too close to call"
        way = "" if self.own.bill is None else f", {self.own.bill.text}"
        return f"{self.own.name}{way}" if self.pays_ratio >= SURE_RATIO else self.rival

    @property
    def is_sure(self) -> bool:
        """Whether the answer holds with a probability of 0.9 or more."""
        return max(self.pays_ratio, 1.0 - self.pays_ratio) >= SURE_RATIO

    def explain(self) -> Explanation:
        """Return when it pays, from how much work on, and what decides."""
        return _explain(self)


def break_even(own: Contender, rival: Contender | Renting, demand: Demand) -> BreakEven:
    """Return when a rig has paid against an API or renting the same rig by the hour (F12.4, F12.7).

    Both do the same requests. A rig rented by the hour is paid for the hours that it works; an
    owned one is paid for always, and idles in the others.

    Args:
        own: The rig with its bill: owned, or rented around the clock.
        rival: An API, or the same rig rented by the hour.
        demand: The work: a rate, or a share of what the rig carries.
    """
    capacity = own.capacity
    assert capacity is not None  # noqa: S101 - a rig has one
    name = RENTED_BY_THE_HOUR if isinstance(rival, Renting) else rival.name
    if capacity.rate_requests_per_s is None:
        return BreakEven(own, name, demand, capacity.reason)
    carried = own.claimed_requests_per_s or capacity.rate_requests_per_s.mid
    rate = demand.rate_requests_per_s
    served = carried * demand.use_ratio.mid if rate is None else rate.mid
    if served > carried:
        reason = (
            f"{show_number(served)} requests/s is above the {show_number(carried)} that it carries"
        )
        return BreakEven(own, name, demand, reason)
    first = side_of(own, capacity.lengths, demand)
    second = _hourly_side(own, rival) if isinstance(rival, Renting) else side_of(
        rival, capacity.lengths, demand
    )  # fmt: skip
    return _found(_Case(own, capacity, demand, first, second, served, carried), name, rival)


@dataclass(frozen=True, slots=True)
class _Case:
    """Both sides of one question, and the work."""

    own: Contender
    capacity: Capacity
    demand: Demand
    first: Side
    second: Side
    served_requests_per_s: float
    carried_requests_per_s: float

    @property
    def inputs(self) -> tuple[Uncertain, ...]:
        """Of both sides."""
        return (*self.first.inputs, *self.second.inputs)

    def requests_per_month_count(self, values: Values) -> Any:  # noqa: ANN401 - a number or an array
        """Return the work of a month: a rate is known, a share of hours is as much as is done."""
        if self.demand.rate_requests_per_s is not None:
            return values[RATE_KEY] * SECONDS_PER_MONTH
        carried = carried_at_requests_per_s(self.own, values)
        return values[USE_KEY] * carried * SECONDS_PER_MONTH

    @property
    def use_ratio(self) -> float:
        """Of the rig's capacity."""
        return self.served_requests_per_s / self.carried_requests_per_s

    def running_usd_per_month(self, values: Values, use_ratio: float) -> Any:  # noqa: ANN401 - a number or an array
        """Return what an owned rig takes every month; of a rented one nothing."""
        bill = self.own.bill
        if not isinstance(bill, Owning):
            return 0.0
        energy = bill.energy_usd_per_month(values, self.capacity, use_ratio)
        return energy + bill.other_usd_per_month

    def rival_usd_per_month(self, values: Values) -> Any:  # noqa: ANN401 - a number or an array
        """Return what the rival takes for the work of a month."""
        return self.second.cost_usd(values) * self.requests_per_month_count(values)


def _hourly_side(own: Contender, rent: Renting) -> Side:
    """Return the cost of one request on the same rig, rented for the hours that it works."""
    capacity = own.capacity
    assert capacity is not None  # noqa: S101 - the caller has looked
    (paid,) = rent.inputs(capacity)

    def cost_usd(values: Values) -> Any:  # noqa: ANN401 - a number or an array
        hourly = rent.rent_usd_per_hour.mid * values[paid.key]
        return hourly / (carried_at_requests_per_s(own, values) * SECONDS_PER_HOUR)

    return Side(RENTED_BY_THE_HOUR, (paid, *speed_inputs(own)), cost_usd)


def _found(case: _Case, name: str, rival: Contender | Renting) -> BreakEven:
    """Return the answer of a case that can be served."""
    bill, mids = case.own.bill, middles(case.inputs)
    found = race((case.first, case.second))
    (pays,) = (one.beats_ratio[name] for one in found.standings if one.name == case.own.name)
    tokens = case.capacity.request_tokens
    own_usd = float(case.first.cost_usd(mids) * case.requests_per_month_count(mids))
    running = float(case.running_usd_per_month(mids, case.use_ratio))
    origins = rival.origins if isinstance(rival, Renting) else sources_of(rival)
    is_owned = isinstance(bill, Owning)
    return BreakEven(
        own=case.own,
        rival=name,
        demand=case.demand,
        reason="",
        use_ratio=case.use_ratio,
        own_usd_per_month=own_usd,
        running_usd_per_month=running,
        rival_usd_per_month=float(case.rival_usd_per_month(mids)),
        gross_months_count=_months_count(case, 0.0) if is_owned else None,
        months_count=_months_count(case, 1.0) if is_owned else None,
        pays_ratio=pays,
        dates=((case.own.name, case.own.date), (name, rival.date)),
        threshold_tokens_per_month=_threshold_tokens_per_month(case, mids),
        full_tokens_per_month=case.carried_requests_per_s * SECONDS_PER_MONTH * tokens,
        swings=tornado(case.first, case.second),
        curve=_curve(case) if is_owned else (),
        origins=(*(() if bill is None else bill.origins), *origins),
    )


def _net_price_usd(case: _Case, values: Values) -> Any:  # noqa: ANN401 - a number or an array
    """Return the price of an owned rig less what it brings at the end."""
    bill = case.own.bill
    assert isinstance(bill, Owning)  # noqa: S101 - the caller has looked
    price = bill.price_usd.mid * values[f"price:{bill.key}"]
    return price * (1.0 - bill.resale_ratio)


def _months_count(case: _Case, running_ratio: float) -> Interval:
    """Return the months until an owned rig has paid, with all running cost or with none."""

    def months(values: Values) -> Any:  # noqa: ANN401 - a number or an array
        running = running_ratio * case.running_usd_per_month(values, case.use_ratio)
        count = np.vectorize(break_even_months_count)
        return count(_net_price_usd(case, values), case.rival_usd_per_month(values), running)

    mid = float(months(middles(case.inputs)))
    return interval_of(mid, np.asarray(months(drawn(case.inputs, seed=1)), dtype=float))


def _threshold_tokens_per_month(case: _Case, mids: Values) -> float:
    """Return the work from which on the rig costs less, by the middles (F12.7).

    What it costs without work is fixed; what each token adds is the electricity of work.
    """
    bill, capacity = case.own.bill, case.capacity
    assert bill is not None  # noqa: S101 - a rig has one
    tokens = capacity.request_tokens
    full_tokens = case.carried_requests_per_s * SECONDS_PER_MONTH * tokens
    idle = float(bill.cost_usd_per_month(mids, capacity, 0.0))
    busy = float(bill.cost_usd_per_month(mids, capacity, 1.0))
    rival = float(case.second.cost_usd(mids)) / tokens
    return threshold_tokens_per_month(idle, rival, (busy - idle) / full_tokens)


def _curve(case: _Case) -> tuple[CurvePoint, ...]:
    """Return the money spent over the years that an owned rig is kept; resale comes after them."""
    bill = case.own.bill
    assert isinstance(bill, Owning)  # noqa: S101 - the caller has looked
    mids, draws = middles(case.inputs), drawn(case.inputs, seed=1)

    def own_usd(values: Values, months_count: float) -> Any:  # noqa: ANN401 - a number or an array
        price = bill.price_usd.mid * values[f"price:{bill.key}"]
        return price + case.running_usd_per_month(values, case.use_ratio) * months_count

    def at(months_count: float) -> CurvePoint:
        rival = float(case.rival_usd_per_month(mids)) * months_count
        rivals = np.asarray(case.rival_usd_per_month(draws)) * months_count
        return CurvePoint(
            months_count,
            interval_of(float(own_usd(mids, months_count)), own_usd(draws, months_count)),
            interval_of(rival, np.atleast_1d(rivals)),
        )

    kept = bill.owned_years * MONTHS_PER_YEAR_COUNT
    return tuple(at(float(months)) for months in np.linspace(0.0, kept, _CURVE_POINTS))


def _explain(found: BreakEven) -> Explanation:
    """Return the sentences of an answer."""
    if found.reason:
        return Explanation((f"{found.own.name} does not do this work: {found.reason}.",))
    work = (
        f"The work of a month, {_tokens(found.asked_tokens_per_month)} tokens, costs "
        f"{show_usd(found.own_usd_per_month)} on {found.own.name} and "
        f"{show_usd(found.rival_usd_per_month)} with {found.rival}."
    )
    sentences = [work]
    if found.months_count is not None and found.gross_months_count is not None:
        sentences.append(_months_sentence(found, found.months_count, found.gross_months_count))
    sentences += [_threshold_sentence(found), _sure_sentence(found)]
    bill, capacity = found.own.bill, found.own.capacity
    if isinstance(bill, Owning) and capacity is not None:
        sentences += bill.power_sentences(capacity)
    threshold = found.threshold_tokens_per_month
    figures = (
        Figure("threshold_tokens_per_month", threshold, _tokens(threshold), "F12.7"),
        Figure("pays_ratio", found.pays_ratio, f"{found.pays_ratio:.0%}", "joint draws"),
    )
    return Explanation(tuple(sentences), figures, found.origins)


def _months_sentence(found: BreakEven, months_count: Interval, gross_count: Interval) -> str:
    """Say after how many months buying has paid."""
    if math.isinf(months_count.mid):
        return "Running the own rig costs as much as the rival, or more: buying never pays."
    return (
        f"Buying has paid after {between(months_count)} months ({between(gross_count)} if running "
        f"it were free); it is kept for {found.kept_months_count:.0f}."
    )


def between(count: Interval) -> str:
    """Return a number of months with its ends, as people say it.

    >>> from rightrig.interval import Interval
    >>> between(Interval(2.4, 2.8, 3.2)), between(Interval.exact(5.0))
    ('2.8 (2.4 to 3.2)', '5.0')
    """
    low, mid, high = (show_months(end) for end in (count.low, count.mid, count.high))
    return mid if low == high else f"{mid} ({low} to {high})"


def _threshold_sentence(found: BreakEven) -> str:
    """Say from how many tokens a month on the rig costs less."""
    most = _tokens(found.full_tokens_per_month)
    if math.isinf(found.threshold_tokens_per_month):
        return "Each token costs as much on it as with the rival, or more: no volume makes it pay."
    need = _tokens(found.threshold_tokens_per_month)
    if not found.can_pay:
        return f"It would cost less from {need} tokens a month on, but does {most} at most."
    share = found.threshold_tokens_per_month / found.full_tokens_per_month
    return f"It costs less from {need} tokens a month on: {share:.0%} of the {most} that it does."


def _sure_sentence(found: BreakEven) -> str:
    """Say how sure the answer is and what decides."""
    what = "costs less over the years" if found.kept_months_count else "costs less"
    words = f"The probability that it {what} at this work is {found.pays_ratio:.0%}"
    if found.is_sure or not found.swings:
        return f"{words}."
    top = found.swings[0]
    flip = ""
    if top.flip is not None:
        unit = f" {top.given.unit}" if top.given.unit else ""
        flip = f", and at {show_number(top.flip)}{unit} both cost the same"
    return f"{words}: too close to call. What decides is the {top.given.name}{flip}."


def _tokens(count_tokens: float) -> str:
    """Return a number of tokens as people say it."""
    if math.isinf(count_tokens):
        return "∞"
    return f"{show_number(count_tokens / MILLION)} M"
