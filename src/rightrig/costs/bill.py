"""The bill of an owner: every line with its range, and the totals over the years."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING, Final, Literal

from rightrig.costs.break_even import MONTHS_PER_YEAR_COUNT
from rightrig.costs.ownership import (
    annuity_years,
    discount_ratio,
    equal_cost_usd_per_year,
    present_value_usd,
    straight_line_usd_per_year,
)
from rightrig.facts.explanation import Explanation, Figure
from rightrig.interval import Interval, sum_if_comonotone
from rightrig.quantities import HOURS_PER_MONTH, show_usd, show_years

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    _Formula = Callable[[float, float, float, float, float], float]

When = Literal["once", "a year", "at the end"]
NOTHING_USD: Final = Interval.exact(0.0)
NOT_COUNTED: Final = "not counted"
"""The origin of a line that is 0 because nobody stated it."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a bill.

    Attributes:
        key: What users call it, such as ``host``.
        when: Whether it is paid ``once``, ``a year``, or comes back ``at the end``.
        amount_usd: Its least, middle and most; a line that is not counted is 0 and stays listed.
        origin: Whose figure it is, with its date; why it is 0 where it is.
    """

    key: str
    name: str
    when: When
    amount_usd: Interval
    origin: str

    @property
    def is_counted(self) -> bool:
        """Whether it costs or brings anything."""
        return self.amount_usd.high > 0.0


@dataclass(frozen=True, slots=True)
class Bill:
    """What a rig costs its owner over some years.

    The ends of a total are the sums of the ends of its lines, all low or all high at once: a range
    that is too wide rather than too narrow.

    Attributes:
        rate_per_year: Price of money; 0 for none.
        cards_count: Cards that the rig works with.
    """

    name: str
    lines: tuple[Line, ...]
    owned_years: float
    rate_per_year: float
    cards_count: int

    def _sum_usd(self, when: When) -> Interval:
        """Return the sum of the lines of one kind."""
        return _total_usd(line.amount_usd for line in self.lines if line.when == when)

    @property
    def price_usd(self) -> Interval:
        """What is paid once."""
        return self._sum_usd("once")

    @property
    def running_usd_per_year(self) -> Interval:
        """What is paid every year."""
        return self._sum_usd("a year")

    @property
    def resale_usd(self) -> Interval:
        """What comes back at the end."""
        return self._sum_usd("at the end")

    @property
    def present_usd(self) -> Interval:
        """The whole cost in money of today."""
        return self._cost_usd(present_value_usd, self.rate_per_year)

    @property
    def paid_usd(self) -> Interval:
        """The plain sum of what is paid, less what comes back: money without a price."""
        return self._cost_usd(present_value_usd, 0.0)

    @property
    def equal_usd_per_month(self) -> Interval:
        """The rent a month that costs as much: from it on, owning is cheaper."""
        yearly = self._cost_usd(equal_cost_usd_per_year, self.rate_per_year)
        return yearly.scaled(1.0 / MONTHS_PER_YEAR_COUNT)

    @property
    def card_usd_per_hour(self) -> Interval:
        """That rent over the cards and the hours, used or not."""
        return self.equal_usd_per_month.scaled(1.0 / (self.cards_count * HOURS_PER_MONTH))

    @property
    def depreciation_usd_per_year(self) -> float:
        """What the books lose a year, straight line to the resale at the end, at the middle."""
        return straight_line_usd_per_year(self.price_usd.mid, self.resale_usd.mid, self.owned_years)

    def share_ratio(self, line: Line) -> float | None:
        """Return the share of one line in the present value, at the middle; none of nothing."""
        if self.present_usd.mid == 0.0:
            return None
        weight = {
            "once": 1.0,
            "a year": annuity_years(self.rate_per_year, self.owned_years),
            "at the end": -discount_ratio(self.rate_per_year, self.owned_years),
        }[line.when]
        return line.amount_usd.mid * weight / self.present_usd.mid

    def _cost_usd(self, formula: _Formula, rate_per_year: float) -> Interval:
        """Return a formula of the lowest, middle and highest cost; resale is high in the lowest."""
        price, running, resale = self.price_usd, self.running_usd_per_year, self.resale_usd
        low, mid, high = (
            formula(paid, yearly, back, rate_per_year, self.owned_years)
            for paid, yearly, back in (
                (price.low, running.low, resale.high),
                (price.mid, running.mid, resale.mid),
                (price.high, running.high, resale.low),
            )
        )
        return Interval(low, mid, high)

    def explain(self) -> Explanation:
        """Return the totals, what is not counted, and whose figures they rest on."""
        return _explain(self)


def _total_usd(amounts_usd: Iterable[Interval]) -> Interval:
    """Return the sum of ranges whose ends add."""
    return reduce(sum_if_comonotone, amounts_usd, NOTHING_USD)


def _explain(bill: Bill) -> Explanation:
    """Return the sentences of a bill."""
    years = show_years(bill.owned_years)
    present, monthly = bill.present_usd, bill.equal_usd_per_month
    worth = (
        f" in money of today, at {100.0 * bill.rate_per_year:.3g} % a year"
        if bill.rate_per_year
        else ""
    )
    left_out = [
        line.name for line in bill.lines if not line.is_counted and line.origin == NOT_COUNTED
    ]
    sentences = [
        (
            f"Owning {bill.name} for {years} costs {between_usd(present)}{worth}, or "
            f"{between_usd(monthly)} a month."
        ),
        f"From a rent of {show_usd(monthly.mid)} a month on, owning is cheaper for the same work.",
    ]
    if left_out:
        sentences.append(f"Not counted: {', '.join(left_out)}.")
    figures = (
        Figure("price_usd", bill.price_usd.mid, show_usd(bill.price_usd.mid), "sum of lines"),
        Figure(
            "running_usd_per_year", bill.running_usd_per_year.mid,
            show_usd(bill.running_usd_per_year.mid), "sum of lines",
        ),
        Figure("present_usd", present.mid, show_usd(present.mid), "F12.2"),
        Figure("equal_usd_per_month", monthly.mid, show_usd(monthly.mid), "F12.2"),
    )  # fmt: skip
    origins = tuple(f"{line.name}: {line.origin}" for line in bill.lines if line.is_counted)
    return Explanation(tuple(sentences), figures, origins)


def between_usd(amount_usd: Interval) -> str:
    """Return a range of money as people say it.

    >>> between_usd(Interval(1000.0, 1500.0, 2000.0)), between_usd(Interval.exact(5.0))
    ('$1,500 ($1,000 to $2,000)', '$5.00')
    """
    middle = show_usd(amount_usd.mid)
    if amount_usd.low == amount_usd.high:
        return middle
    return f"{middle} ({show_usd(amount_usd.low)} to {show_usd(amount_usd.high)})"
