"""Buy or rent: after how many months the own card has cost less than renting the same work."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from rightrig.costs.break_even import (
    MONTHS_PER_YEAR_COUNT,
    break_even_months_count,
    break_even_use_ratio,
    running_usd_per_hour,
    same_work_count,
    show_months,
)
from rightrig.facts.explanation import Explanation, Figure
from rightrig.quantities import HOURS_PER_MONTH, show_number, show_usd

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rightrig.facts.gpu import Gpu
    from rightrig.facts.price import Price

Advice = Literal["buy", "depends on the price", "rent"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What is compared: one rented machine that works some hours, and own ones that do the same.

    Attributes:
        name: Of the machine.
        price_low_usd, price_high_usd: What one costs to buy; equal where one price is known.
        resale_usd, resale_ratio: What one brings at the end: dollars, and a share of its price.
        rent_usd_per_hour: Of one, for the hours that it works.
        power_w: Of one while it works; it is switched off otherwise.
        pue_ratio: Energy of the site over that of the machine.
        use_ratio: Share of all hours that the rented one works.
        speed_ratio: Work an hour of an own one over that of the rented one.
        owned_years: How long an own one is kept.
        origins: Whose figures those are that were not given, a phrase each.
    """

    name: str
    price_low_usd: float
    price_high_usd: float
    resale_usd: float
    rent_usd_per_hour: float
    power_w: float
    tariff_usd_per_kwh: float
    pue_ratio: float
    use_ratio: float
    speed_ratio: float
    owned_years: float
    resale_ratio: float = 0.0
    origins: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class BuyOrRent:
    """The answer: when buying has paid, and what each way costs over the years.

    Attributes:
        machines_count: Own machines that do the rented one's work.
        rented_usd_per_month: Rent of the hours that are worked.
        running_usd_per_month: Electricity of the own machines for the same work.
        gross_low_months_count, gross_high_months_count: To break-even without electricity.
        low_months_count, high_months_count: With it, at the lowest and the highest price.
        least_use_ratio: Share of all hours from which buying at the lowest price pays.
        owned_low_usd, owned_high_usd, rented_usd: Totals over the years.
    """

    terms: Terms
    machines_count: int
    rented_usd_per_month: float
    running_usd_per_month: float
    gross_low_months_count: float
    gross_high_months_count: float
    low_months_count: float
    high_months_count: float
    least_use_ratio: float
    owned_low_usd: float
    owned_high_usd: float
    rented_usd: float

    @property
    def advice(self) -> Advice:
        """What is cheaper over the years that the machine is kept."""
        kept = self.terms.owned_years * MONTHS_PER_YEAR_COUNT
        if self.high_months_count <= kept:
            return "buy"
        return "depends on the price" if self.low_months_count <= kept else "rent"

    def explain(self) -> Explanation:
        """Return the months, what they rest on, and from which use on buying pays."""
        return _explain(self)


def buy_or_rent(terms: Terms) -> BuyOrRent:
    """Return when owning is cheaper than renting the same work (formula F12.4).

    Rent is paid for hours of work. An own machine of another speed works more or fewer hours for
    the same work, and where a day has too few hours for it, there must be more machines.
    """
    count = same_work_count(terms.use_ratio, terms.speed_ratio)
    hourly = running_usd_per_hour(terms.power_w, terms.pue_ratio, terms.tariff_usd_per_kwh)
    rented = terms.rent_usd_per_hour * terms.use_ratio * HOURS_PER_MONTH
    running = hourly * terms.use_ratio / terms.speed_ratio * HOURS_PER_MONTH
    months = terms.owned_years * MONTHS_PER_YEAR_COUNT
    low, high = (
        count * max(price_usd * (1.0 - terms.resale_ratio) - terms.resale_usd, 0.0)
        for price_usd in (terms.price_low_usd, terms.price_high_usd)
    )
    return BuyOrRent(
        terms=terms,
        machines_count=count,
        rented_usd_per_month=rented,
        running_usd_per_month=running,
        gross_low_months_count=break_even_months_count(low, rented, 0.0),
        gross_high_months_count=break_even_months_count(high, rented, 0.0),
        low_months_count=break_even_months_count(low, rented, running),
        high_months_count=break_even_months_count(high, rented, running),
        least_use_ratio=break_even_use_ratio(
            low, terms.rent_usd_per_hour, hourly / terms.speed_ratio, terms.owned_years
        ),
        owned_low_usd=low + running * months,
        owned_high_usd=high + running * months,
        rented_usd=rented * months,
    )


def known_price(gpu: Gpu) -> tuple[float, float, str] | None:
    """Return what a card costs to buy, lowest and highest, and where that is from."""
    street = gpu.street_price
    if street is not None:
        told = f"{street.date}, condition {street.condition} ({street.source})"
        return street.low_usd, street.high_usd, f"price of {gpu.slug}: {told}"
    if gpu.launch_price_usd is not None:
        launch = gpu.launch_price_usd
        return launch, launch, f"price of {gpu.slug}: its launch price of {gpu.release_date}"
    return None


def cheapest_hour(gpu: Gpu, prices: Iterable[Price]) -> tuple[float, str] | None:
    """Return the cheapest hour of one card on demand, and where that is from."""
    offers = [
        (price.per_gpu_usd_per_hour, price)
        for price in prices
        if price.gpu == gpu.slug and price.terms == "on-demand"
    ]
    known = [(hourly, price) for hourly, price in offers if hourly is not None]
    if not known:
        return None
    hourly, price = min(known, key=lambda pair: pair[0])
    return hourly, f"rent of {gpu.slug}: {price.provider}, {price.date} ({price.source})"


def _explain(found: BuyOrRent) -> Explanation:
    """Return the sentences of an answer."""
    terms = found.terms
    hours = terms.use_ratio * HOURS_PER_MONTH
    work = (
        f"Renting {hours:,.0f} h a month costs {show_usd(found.rented_usd_per_month)}; the same "
        f"work on {found.machines_count} own {terms.name} takes "
        f"{show_usd(found.running_usd_per_month)} of electricity."
    )
    span = _between(found.low_months_count, found.high_months_count)
    gross = _between(found.gross_low_months_count, found.gross_high_months_count)
    sentences = [work]
    if math.isinf(found.low_months_count):
        sentences.append(
            "An hour of an own machine costs as much as a rented one or more: buying never pays."
        )
    else:
        kept = f"{terms.owned_years * MONTHS_PER_YEAR_COUNT:.0f}"
        paid = f"{span} months ({gross} if electricity were free)"
        sentences.append(f"Buying has paid after {paid}; it is kept for {kept}.")
        sentences.append(_use_sentence(found))
    sentences.append(
        "The host around a card, space, staff, repairs and the price of capital are not counted; "
        "a rented hour includes them."
    )
    least = found.least_use_ratio
    figures = (
        Figure(
            "low_months_count", found.low_months_count, show_months(found.low_months_count), "F12.4"
        ),
        Figure(
            "least_use_ratio", least, f"{least:.0%}" if math.isfinite(least) else "never",
            "F12.4 inverted",
        ),
    )  # fmt: skip
    return Explanation(tuple(sentences), figures, terms.origins)


def _use_sentence(found: BuyOrRent) -> str:
    """Say from how many hours a day on buying is cheaper."""
    years = f"{show_number(found.terms.owned_years)} years"
    if found.least_use_ratio >= 1.0:
        return f"Over {years} it is never cheaper, even with work in all hours."
    hours = 24.0 * found.least_use_ratio
    return f"Over {years} it is cheaper from {show_number(hours)} h of rented work a day."


def _between(low_count: float, high_count: float) -> str:
    """Return two numbers of months as people say them."""
    low, high = show_months(low_count), show_months(high_count)
    return low if low == high else f"{low} to {high}"
