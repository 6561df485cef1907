"""Electricity of own rigs: what each draws, what that costs a year, and the difference of two."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rightrig.costs.break_even import MONTHS_PER_YEAR_COUNT
from rightrig.costs.energy import energy_usd_per_year, sustained_flop_per_j
from rightrig.errors import InputError
from rightrig.facts.derivation import RATES, stated_flop_per_s
from rightrig.facts.explanation import Explanation, Figure
from rightrig.prediction.power import IDLE_RATIO, card_power_w, rig_idle_power_w
from rightrig.quantities import show_usd, show_years

if TYPE_CHECKING:
    from rightrig.deployment.rig import Rig
    from rightrig.facts.gpu import Gpu
    from rightrig.facts.system import System
    from rightrig.planning.planned import Tariff


@dataclass(frozen=True, slots=True)
class Draw:
    """What a rig draws.

    Attributes:
        busy_power_w: While it works, all machines together.
        idle_power_w: While it does not.
        use_ratio: Share of all hours that it works.
        origin: Whose figure the first is.
        holds_hosts: Whether the hosts around the cards are in it.
    """

    name: str
    busy_power_w: float
    idle_power_w: float
    use_ratio: float
    origin: str
    holds_hosts: bool = True

    @property
    def mean_power_w(self) -> float:
        """Mean over all hours."""
        return float(card_power_w(self.busy_power_w, self.idle_power_w, self.use_ratio))


@dataclass(frozen=True, slots=True)
class EnergyBill:
    """What the electricity of a rig costs.

    Attributes:
        tariff: Price of a kilowatt hour, and energy of the site over that of the machines.
        owned_years: Span of ``total_usd``.
    """

    draw: Draw
    tariff: Tariff
    owned_years: float

    @property
    def usd_per_year(self) -> float:
        """Of a year."""
        return energy_usd_per_year(
            self.draw.mean_power_w, self.tariff.pue_ratio, self.tariff.usd_per_kwh
        )

    @property
    def usd_per_month(self) -> float:
        """Of a month."""
        return self.usd_per_year / MONTHS_PER_YEAR_COUNT

    @property
    def total_usd(self) -> float:
        """Of all years, with money at no price."""
        return self.usd_per_year * self.owned_years


@dataclass(frozen=True, slots=True)
class Efficiency:
    """What a joule buys on two cards, at one kind of rate.

    Attributes:
        rate: Kind of rate, as in the records.
        sustained_ratio: Share of the peak that is sustained: the same for both.
        first_flop_per_j, second_flop_per_j: At the peak.
    """

    rate: str
    sustained_ratio: float
    first_flop_per_j: float
    second_flop_per_j: float

    @property
    def sustained_flop_per_j(self) -> tuple[float, float]:
        """Of both, at the sustained share."""
        first, second = self.first_flop_per_j, self.second_flop_per_j
        return first * self.sustained_ratio, second * self.sustained_ratio

    @property
    def winner_ratio(self) -> float:
        """The first over the second; the share sustained does not move it."""
        return self.first_flop_per_j / self.second_flop_per_j


@dataclass(frozen=True, slots=True)
class Electricity:
    """The electricity of one rig, or of two with their difference.

    Attributes:
        bills: Of the rig, and of the one that it is compared with.
        efficiencies: Of their cards, where both are of one kind each.
    """

    bills: tuple[EnergyBill, ...]
    efficiencies: tuple[Efficiency, ...] = ()

    @property
    def saved_usd_per_year(self) -> float | None:
        """What the second saves a year against the first; negative where it costs more."""
        if len(self.bills) == 1:
            return None
        return self.bills[0].usd_per_year - self.bills[1].usd_per_year

    @property
    def saved_usd(self) -> float | None:
        """The same over all years."""
        yearly = self.saved_usd_per_year
        return None if yearly is None else yearly * self.bills[0].owned_years

    def explain(self) -> Explanation:
        """Return what is drawn and paid, and whose figures that rests on."""
        return _explain(self)


def draw_of_rig(rig: Rig, use_ratio: float, host_power_w: float) -> Draw:
    """Return what the cards of a rig draw at their limits, with a host in each machine.

    Cards at their limits are an upper end: decoding draws less. The cards idle at a share of
    their limits; a host draws the same all the time.

    Raises:
        InputError: where a card's power is not published.
    """
    cards = 0.0
    for group in rig.groups:
        if group.card_power_w is None:
            raise InputError(
                f"no record says what {group.gpu.slug} draws: add --power with the watts of the rig"
            )
        cards += group.count * group.card_power_w
    hosts = host_power_w * rig.nodes_count
    cards *= rig.nodes_count
    host = f" and {host_power_w:,.0f} W a machine" if host_power_w else "; hosts are not counted"
    return Draw(
        rig.text,
        cards + hosts,
        (rig_idle_power_w(rig) or 0.0) + hosts,
        use_ratio,
        f"limits of the cards{host}",
        holds_hosts=hosts > 0.0,
    )


def draw_of_system(system: System, use_ratio: float) -> Draw | None:
    """Return what a machine draws at most, as its maker states; ``None`` where unknown."""
    if system.power_w is None:
        return None
    idle = IDLE_RATIO * system.power_w
    return Draw(system.slug, system.power_w, idle, use_ratio, f"most that {system.name} draws")


def draw_as_told(name: str, power_w: float, use_ratio: float) -> Draw:
    """Return a draw that the user states; it idles at the share of the cards."""
    return Draw(name, power_w, IDLE_RATIO * power_w, use_ratio, "as given")


def efficiencies(first: Gpu, second: Gpu, sustained_ratio: float) -> tuple[Efficiency, ...]:
    """Return what a joule buys on two cards, at every rate that both state.

    Board powers are the cards' limits. Sparse rates are not compared, and neither are rates that
    accumulate in fewer bits.
    """
    if first.board_power_w is None or second.board_power_w is None:
        return ()
    found = []
    for rate in RATES:
        one, other = stated_flop_per_s(first.peak, rate), stated_flop_per_s(second.peak, rate)
        if one is None or other is None or rate.endswith("accumulate"):
            continue
        found.append(
            Efficiency(
                rate,
                sustained_ratio,
                sustained_flop_per_j(one, 1.0, first.board_power_w),
                sustained_flop_per_j(other, 1.0, second.board_power_w),
            )
        )
    return tuple(found)


def _explain(found: Electricity) -> Explanation:
    """Return the sentences of an answer."""
    first = found.bills[0]
    sentences = [_sentence(bill) for bill in found.bills]
    figures = [
        Figure("usd_per_year", bill.usd_per_year, show_usd(bill.usd_per_year), "F12.3")
        for bill in found.bills
    ]
    saved, total = found.saved_usd_per_year, found.saved_usd
    if saved is not None and total is not None:
        sentences.append(_difference(found, saved, total))
        figures.append(Figure("saved_usd_per_year", saved, show_usd(abs(saved)), "F12.3"))
    sentences.append("In a cloud it is in the rent: add it to rented machines and it counts twice.")
    origins = (
        *(f"power of {bill.draw.name}: {bill.draw.origin}" for bill in found.bills),
        f"tariff: {first.tariff.usd_origin}",
        f"PUE: {first.tariff.pue_origin}",
    )
    return Explanation(tuple(sentences), tuple(figures), origins)


def _sentence(bill: EnergyBill) -> str:
    """Return what one rig draws and costs."""
    draw = bill.draw
    years = "" if bill.owned_years == 1.0 else (
        f", ${bill.total_usd:,.2f} in {show_years(bill.owned_years)}"
    )  # fmt: skip
    return (
        f"{draw.name} draws {draw.mean_power_w:,.0f} W on average and costs "
        f"${bill.usd_per_year:,.2f} a year{years}."
    )


def _difference(found: Electricity, saved_usd_per_year: float, saved_usd: float) -> str:
    """Return what one rig saves against the other."""
    first, second = found.bills
    cheap, dear = (second, first) if saved_usd_per_year >= 0.0 else (first, second)
    years = show_years(first.owned_years)
    return (
        f"{cheap.draw.name} takes ${abs(saved_usd_per_year):,.2f} less a year than "
        f"{dear.draw.name}, ${abs(saved_usd):,.2f} in {years}; that is for the same hours, "
        "which need not be the same work."
    )
