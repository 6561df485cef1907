"""What a run takes: hours with failures and saves, dollars of rent, kilowatt hours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rightrig.costs.offers import cheapest, instance_of
from rightrig.interval import Interval, product_if_independent, sum_if_comonotone
from rightrig.prediction.host_power import hosts_power_w
from rightrig.prediction.power import draw_of, working_interval_w, working_power_w
from rightrig.prediction.training.states import optimizer_bytes_per_weight
from rightrig.quantities import HOURS_PER_MONTH, SECONDS_PER_HOUR
from rightrig.reliability.checkpoint import (
    Saving,
    choices,
    save_time_s,
    useful_ratio,
    with_mtbf,
)
from rightrig.reliability.failures import fleet_of
from rightrig.work.training_step import trained_params_count

if TYPE_CHECKING:
    from rightrig.costs.offers import Purchase
    from rightrig.deployment.rig import Rig
    from rightrig.deployment.training import TrainingJob
    from rightrig.facts.price import Price
    from rightrig.planning.planned import Tariff
    from rightrig.prediction.training.time import TrainingTime
    from rightrig.reliability.failures import Fleet
    from rightrig.reliability.rates import Rate

SAVE_BYTES_PER_S: Final = 1e9
"""What a machine writes of a save, where the time of one is not given: network storage."""
RESTART_S: Final = 600.0
"""From a failure to work again, where nobody says; as ``risk run`` takes it."""
LEAST_SAVE_S: Final = 1.0
_WEIGHT_BYTES: Final = 2.0
_JOULES_PER_KWH: Final = 3.6e6
NEVER_S: Final = 1e15
"""Between failures, where they are left out."""


@dataclass(frozen=True, slots=True)
class Upkeep:
    """What failures and saves take of a run.

    Attributes:
        fleet: What may fail; ``None`` where failures are left out.
        saving: Times of a save and of a failure.
        state_bytes: What a save holds: trained weights and the optimizer's states.
        interval_s: Work between two saves.
        useful_ratio: Share of the time that is work which lasts (ETTR).
    """

    fleet: Fleet | None
    saving: Saving
    state_bytes: float
    interval_s: float
    useful_ratio: Interval


@dataclass(frozen=True, slots=True)
class Bill:
    """A rig that is rented for a run.

    Attributes:
        purchase: The cheapest offer.
        usd_per_hour: Of the whole rig.
        useful_ratio: Share of the paid time that is work which lasts.
        usd_per_token: Rent of a trained token that is no padding.
        total_usd: Of all tokens; ``None`` where nobody says how many.
    """

    purchase: Purchase
    usd_per_hour: float
    useful_ratio: Interval
    usd_per_token: Interval
    total_usd: Interval | None


@dataclass(frozen=True, slots=True)
class Energy:
    """What a run draws.

    Attributes:
        cards_power_w: Of all cards while they train.
        host_power_w: Of the machines beside them.
        tariff: Price of a kilowatt hour, and energy of the site over that of the machines.
        use_kwh: Of all tokens, at the machines; ``None`` where nobody says how many.
        total_usd: What that costs on own machines, cooling included.
        usd_per_hour: The same of an hour.
    """

    cards_power_w: Interval
    host_power_w: Interval
    tariff: Tariff
    usd_per_hour: float
    use_kwh: Interval | None
    total_usd: Interval | None


@dataclass(frozen=True, slots=True)
class Spent:
    """What a run of a job takes.

    Attributes:
        job_tokens: Tokens that are no padding; ``None`` where nobody says how many.
        work_s: Training alone.
        elapsed_s: With saves, failures and what is done again.
        rent: The cheapest on demand; ``None`` where nobody rents the rig.
        spot: The cheapest of what may be withdrawn; ``None`` where nobody offers it.
        preempted_s: Mean time between withdrawals; ``None`` where nobody says.
    """

    job_tokens: float | None
    work_s: Interval | None
    elapsed_s: Interval | None
    upkeep: Upkeep
    rent: Bill | None
    spot: Bill | None
    preempted_s: float | None
    energy: Energy | None


@dataclass(frozen=True, slots=True)
class Terms:
    """Under which terms a run is priced.

    Attributes:
        prices: Offers.
        tariff: Of electricity.
        job_tokens: Tokens to train on, padding not among them; ``None`` where nobody says.
        fails: How often a device fails; ``None`` leaves failures out.
        gpus_per_device_count: Cards of one device.
        save_s: Time of a save; ``None`` for what ``SAVE_BYTES_PER_S`` makes of its bytes.
        preempted_s: Mean time between withdrawals of a spot rig.
    """

    prices: tuple[Price, ...]
    tariff: Tariff
    job_tokens: float | None = None
    fails: Rate | None = None
    gpus_per_device_count: int = 1
    save_s: float | None = None
    preempted_s: float | None = None


def spent(time: TrainingTime, terms: Terms) -> Spent:
    """Return what a run of a job takes, by the cheapest offer of its rig."""
    job = time.job
    work_s = None
    if terms.job_tokens is not None:
        work_s = time.useful_tokens_per_s.reciprocal().scaled(terms.job_tokens)
    upkeep = upkeep_of(job, terms, None if work_s is None else work_s.mid)
    elapsed_s = None if work_s is None else _with_losses_s(work_s, upkeep.useful_ratio)
    return Spent(
        job_tokens=terms.job_tokens,
        work_s=work_s,
        elapsed_s=elapsed_s,
        upkeep=upkeep,
        rent=_rent(time, terms, upkeep, work_s),
        spot=_spot(time, terms, upkeep, work_s),
        preempted_s=terms.preempted_s,
        energy=_energy(time, terms, elapsed_s),
    )


def _with_losses_s(work_s: Interval, lasting_ratio: Interval) -> Interval:
    """Return the time of a run of which only a share is work that lasts: ``work / ETTR``."""
    return product_if_independent(work_s, lasting_ratio.reciprocal())


def saved_bytes(job: TrainingJob) -> float:
    """Return what a save holds: trained weights at 16 bits and the optimizer's states (F4.3)."""
    each_bytes = _WEIGHT_BYTES + optimizer_bytes_per_weight(job.states)
    return trained_params_count(job.llm, job.method, job.adapter) * each_bytes


def upkeep_of(job: TrainingJob, terms: Terms, work_s: float | None) -> Upkeep:
    """Return what failures and saves take of a run, saved at the exact optimum (F11.2).

    A run that is shorter than the optimum is saved once, at its end.
    """
    state_bytes = saved_bytes(job)
    save_s = terms.save_s or max(
        LEAST_SAVE_S, save_time_s(state_bytes, SAVE_BYTES_PER_S * job.rig.nodes_count)
    )
    fleet = None
    mtbf_s = Interval.exact(NEVER_S)
    if terms.fails is not None:
        fleet = fleet_of(terms.fails, job.cards_count, terms.gpus_per_device_count)
        mtbf_s = fleet.mtbf_s
    saving = Saving(mtbf_s.mid, save_s, RESTART_S)
    best_s = choices(saving)[0].interval_s
    interval_s = best_s if work_s is None else min(best_s, work_s)
    return Upkeep(
        fleet, saving, state_bytes, interval_s, _lasting_ratio(mtbf_s, saving, interval_s)
    )


def _lasting_ratio(mtbf_s: Interval, saving: Saving, interval_s: float) -> Interval:
    """Return the share of time that lasts (ETTR), over what is known of the failures (F11.3)."""
    return mtbf_s.map(lambda between_s: useful_ratio(interval_s, with_mtbf(saving, between_s)))


def rent_of(prices: tuple[Price, ...], rig: Rig) -> Purchase | None:
    """Return the cheapest offer on demand of a rig of equal cards, or ``None``."""
    if not rig.is_uniform or rig.groups[0].mig:
        return None
    return cheapest(prices, rig.gpu.slug, rig.cards_per_node, rig.nodes_count)


def spot_of(prices: tuple[Price, ...], rig: Rig) -> Purchase | None:
    """Return the cheapest offer of a rig that may be withdrawn at any time, or ``None``."""
    if not rig.is_uniform or rig.groups[0].mig:
        return None
    offers = (
        instance_of(price, rig.cards_per_node, spot=True)
        for price in prices
        if price.gpu == rig.gpu.slug
    )
    found = [o.purchase(rig.nodes_count) for o in offers if o is not None and o.is_spot]
    return min(found, key=lambda bought: bought.rent_usd_per_month, default=None)


def hourly_usd_per_hour(purchase: Purchase) -> float:
    """Return the rent of an hour of what is rented around the clock."""
    return purchase.rent_usd_per_month / HOURS_PER_MONTH


def _rent(time: TrainingTime, terms: Terms, upkeep: Upkeep, work_s: Interval | None) -> Bill | None:
    """Return the bill of the cheapest offer on demand."""
    purchase = rent_of(terms.prices, time.job.rig)
    return None if purchase is None else _bill(time, purchase, upkeep.useful_ratio, work_s)


def _spot(time: TrainingTime, terms: Terms, upkeep: Upkeep, work_s: Interval | None) -> Bill | None:
    """Return the bill of the cheapest spot offer; withdrawals add to the failures.

    Two independent causes that each stop the run come at the sum of their rates. Where nobody
    says how often a rig is withdrawn, failures alone count.
    """
    purchase = spot_of(terms.prices, time.job.rig)
    if purchase is None:
        return None
    if terms.preempted_s is None:
        return _bill(time, purchase, upkeep.useful_ratio, work_s)
    own = Interval.exact(NEVER_S) if upkeep.fleet is None else upkeep.fleet.mtbf_s
    withdrawn_per_s = 1.0 / terms.preempted_s
    both_s = own.map(lambda mtbf_s: 1.0 / (1.0 / mtbf_s + withdrawn_per_s))
    saving = with_mtbf(upkeep.saving, both_s.mid)
    best_s = choices(saving)[0].interval_s
    interval_s = best_s if work_s is None else min(best_s, work_s.mid)
    return _bill(time, purchase, _lasting_ratio(both_s, saving, interval_s), work_s)


def _bill(
    time: TrainingTime, purchase: Purchase, lasting_ratio: Interval, work_s: Interval | None
) -> Bill:
    """Return what an offer costs for the work, with what is lost beside it."""
    usd_per_hour = hourly_usd_per_hour(purchase)
    token_s = _with_losses_s(time.useful_tokens_per_s.reciprocal(), lasting_ratio)
    total = None if work_s is None else _with_losses_s(work_s, lasting_ratio)
    return Bill(
        purchase=purchase,
        usd_per_hour=usd_per_hour,
        useful_ratio=lasting_ratio,
        usd_per_token=token_s.scaled(usd_per_hour / SECONDS_PER_HOUR),
        total_usd=None if total is None else total.scaled(usd_per_hour / SECONDS_PER_HOUR),
    )


def cards_power_w(time: TrainingTime) -> Interval | None:
    """Return what all cards draw while they train; ``None`` where no card's power is published.

    The law of serving at the mean use of a step: arithmetic at its share of the peak (with what
    is computed again), bandwidth for the share of the step that memory bounds (F13).
    """
    job = time.job
    gpu, limit_w = job.rig.gpu, job.rig.groups[0].card_power_w
    if gpu.board_power_w is None or limit_w is None:
        return None
    draw = draw_of(gpu)
    spent_s = time.spent_s
    bound_s = spent_s["memory bandwidth"] + spent_s["optimizer"]
    mid_w = working_power_w(
        gpu.board_power_w, limit_w, bound_s / time.step_s.mid, time.hfu_ratio.mid, draw.floor_ratio
    )
    return working_interval_w(float(mid_w), draw, limit_w).scaled(job.cards_count)


def _energy(time: TrainingTime, terms: Terms, elapsed_s: Interval | None) -> Energy | None:
    """Return what a run draws, and what that costs on own machines."""
    cards_w = cards_power_w(time)
    if cards_w is None:
        return None
    rig = time.job.rig
    host_w = hosts_power_w(rig)
    whole_w = sum_if_comonotone(cards_w, host_w)
    tariff = terms.tariff
    use_kwh = None
    if elapsed_s is not None:
        use_kwh = product_if_independent(whole_w, elapsed_s).scaled(1.0 / _JOULES_PER_KWH)
    return Energy(
        cards_power_w=cards_w,
        host_power_w=host_w,
        tariff=tariff,
        usd_per_hour=whole_w.mid * SECONDS_PER_HOUR / _JOULES_PER_KWH * _site_usd_per_kwh(tariff),
        use_kwh=use_kwh,
        total_usd=None if use_kwh is None else use_kwh.scaled(_site_usd_per_kwh(tariff)),
    )


def _site_usd_per_kwh(tariff: Tariff) -> float:
    """Return what a kilowatt hour at the machines costs with the site's share: ``$/kWh · PUE``."""
    return tariff.usd_per_kwh * tariff.pue_ratio
