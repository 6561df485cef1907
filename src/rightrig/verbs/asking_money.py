"""From the words of ``ask buy-or-rent`` and ``ask scaling`` to their answers."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from rightrig.deployment.rig import parse_rig
from rightrig.errors import InputError
from rightrig.planning.questions.buy_or_rent import Terms, cheapest_hour, known_price
from rightrig.planning.questions.scaling import (
    Job,
    Scaling,
    Wire,
    cost_with_overhead_usd,
    scaling,
)
from rightrig.planning.search import tariff_facts, tariff_of
from rightrig.prediction.gradient_sync import LEAST_STATE_BYTES_PER_WEIGHT
from rightrig.quantities import HOURS_PER_MONTH, check_count, check_positive, parse
from rightrig.verbs.amounts import share_ratio, span_years
from rightrig.verbs.naming import model_named
from rightrig.work.weights import total_params_count

if TYPE_CHECKING:
    from rightrig.facts.catalog import Catalog
    from rightrig.facts.gpu import Gpu
    from rightrig.facts.source import Record

_MOST_CARDS: Final = 256
_MOST_USD: Final = 1e9
_MOST_SPEED_RATIO: Final = 100.0
_MOST_PUE_RATIO: Final = 10.0
_DAY_HOURS_COUNT: Final = 24.0
_MOST_PARAMS_COUNT: Final = 1e14
_MOST_STEP_S: Final = 1e5
_SHARE: Final = re.compile(r".*%|0|0?\.\d+")
"""A share as the verbs of ``cost`` take it; a machine brings no cents."""
_PARAMS: Final = re.compile(r"(\d+\.?\d*|\.\d+)\s*([BbMm])")


@dataclass(frozen=True, slots=True)
class MoneyWords:
    """The words of ``buy-or-rent``; ``None`` where an option was left out."""

    gpu: str | None
    price: str | None
    rent: str | None
    power: str | None
    tariff: str | None
    pue_ratio: float | None
    day_hours_count: float
    speed_ratio: float
    resale: str | None
    owned_years: float


def terms_of(catalog: Catalog, words: MoneyWords) -> tuple[Terms, tuple[Record, ...]]:
    """Return what is compared; what is not said is looked up, with its date and source."""
    gpu = None if words.gpu is None else catalog.gpu(words.gpu)
    origins: list[str] = []
    low, high = _price(words, gpu, origins)
    tariff, pue = _energy(catalog, words, origins)
    resale_usd, resale_ratio = _resale(words, low)
    hours = check_positive(words.day_hours_count, name="--hours-a-day", limit=_DAY_HOURS_COUNT)
    terms = Terms(
        name="machine" if gpu is None else gpu.slug,
        price_low_usd=low,
        price_high_usd=high,
        resale_usd=resale_usd,
        resale_ratio=resale_ratio,
        rent_usd_per_hour=_rent_usd_per_hour(catalog, words, gpu, origins),
        power_w=_power_w(words, gpu, origins),
        tariff_usd_per_kwh=tariff,
        pue_ratio=pue,
        use_ratio=hours / _DAY_HOURS_COUNT,
        speed_ratio=check_positive(words.speed_ratio, name="--speed", limit=_MOST_SPEED_RATIO),
        owned_years=span_years(words.owned_years, "--years"),
        origins=tuple(origins),
    )
    return terms, (*(() if gpu is None else (gpu,)), *tariff_facts(catalog))


def _lacks(option: str, example: str, gpu: Gpu | None) -> InputError:
    """Return the error for a figure that neither the command nor a record says."""
    if gpu is None:
        return InputError(f"{option} is missing: write {option} {example}, or name a --gpu")
    return InputError(f"no record says it for {gpu.slug}: add {option} {example}")


def _price(words: MoneyWords, gpu: Gpu | None, origins: list[str]) -> tuple[float, float]:
    """Return the lowest and the highest price of one machine."""
    if words.price is not None:
        first, dots, last = words.price.partition("..")
        low = parse(first, "money", name="--price", limit=_MOST_USD)
        high = parse(last, "money", name="--price", limit=_MOST_USD) if dots else low
        if high < low:
            raise InputError(f"--price {words.price[:40]}: write the lower price first")
        return low, high
    known = None if gpu is None else known_price(gpu)
    if known is None:
        raise _lacks("--price", "$1700", gpu)
    origins.append(known[2])
    return known[0], known[1]


def _resale(words: MoneyWords, price_usd: float) -> tuple[float, float]:
    """Return what a machine brings at the end: dollars, or a share of its price; 0 of the other."""
    text = "0%" if words.resale is None else words.resale.strip()
    if _SHARE.fullmatch(text):
        share = share_ratio(text, "--resale")
        if share == 1.0:
            raise InputError("--resale is 100% of the price: nothing is spent; write less")
        return 0.0, share
    resale = parse(text, "money", name="--resale", limit=_MOST_USD)
    if resale >= price_usd:
        raise InputError(
            f"--resale of ${resale:,.0f} is not below the price of ${price_usd:,.0f}: nothing is "
            "spent; a share of the price is written 30%"
        )
    return resale, 0.0


def _rent_usd_per_hour(
    catalog: Catalog, words: MoneyWords, gpu: Gpu | None, origins: list[str]
) -> float:
    """Return the rent of one machine an hour; a bare number is dollars an hour."""
    if words.rent is not None:
        text = f"{words.rent}/h" if words.rent[-1:].isdigit() else words.rent
        return parse(text, "money_per_month", name="--rent", limit=_MOST_USD) / HOURS_PER_MONTH
    known = None if gpu is None else cheapest_hour(gpu, catalog.prices())
    if known is None:
        raise _lacks("--rent", "$0.34/h", gpu)
    origins.append(known[1])
    return known[0]


def _power_w(words: MoneyWords, gpu: Gpu | None, origins: list[str]) -> float:
    """Return the draw of one machine at work."""
    if words.power is not None:
        return parse(words.power, "power", name="--power", limit=1e9)
    known = None if gpu is None else gpu.board_power_w
    if gpu is None or known is None:
        raise _lacks("--power", "450W", gpu)
    origins.append(f"power of {gpu.slug}: its board's {known:.0f} W")
    return known


def _energy(catalog: Catalog, words: MoneyWords, origins: list[str]) -> tuple[float, float]:
    """Return the tariff and the PUE."""
    usual = tariff_of(catalog)
    tariff, pue = usual.usd_per_kwh, usual.pue_ratio
    if words.tariff is None:
        origins.append(f"tariff: ${tariff:g}/kWh, {usual.usd_origin}")
    else:
        text = words.tariff.strip().removesuffix("/kWh")
        tariff = parse(text, "money", name="--tariff", limit=1e3)
    if words.pue_ratio is None:
        origins.append(f"PUE: {pue:g}, {usual.pue_origin} (at home or in an office --pue 1)")
    else:
        pue = check_positive(words.pue_ratio, name="--pue", limit=_MOST_PUE_RATIO)
        if pue < 1.0:
            raise InputError(f"--pue is {pue:g}: a site takes at least what its machines take, 1")
    return tariff, pue


@dataclass(frozen=True, slots=True)
class JobWords:
    """The words of ``scaling``."""

    params: str
    link: str
    step: str
    gpus: int | None
    gradient_bytes: float
    state_bytes: float
    overlap_ratio: float
    accumulate: int
    measured_ratio: float | None
    job_cost: str | None


def scaled(
    catalog: Catalog, words: JobWords
) -> tuple[Scaling, tuple[float, float, float] | None, tuple[Record, ...]]:
    """Return how a training scales, what waiting makes of its cost, and the records behind it."""
    wire, count = _wire(catalog, words)
    job = Job(
        params_count=_params_count(catalog, words.params),
        ranks_count=count,
        compute_s=parse(words.step, "time", name="--step", limit=_MOST_STEP_S),
        gradient_bytes_per_weight=check_positive(
            words.gradient_bytes, name="--gradient-bytes", limit=8.0
        ),
        state_bytes_per_weight=_state_bytes_per_weight(words.state_bytes),
        overlap_ratio=_share_ratio(words.overlap_ratio, "--overlap"),
        accumulated_count=check_count(words.accumulate, name="--accumulate", limit=100_000),
    )
    measured = words.measured_ratio
    if measured is not None and not 0.0 < measured < count:
        raise InputError(
            f"--measured-speedup is {measured:g}: it is the work of {count} cards over that of "
            f"one, above 0 and below {count}"
        )
    found = scaling(job, wire, measured)
    cost: tuple[float, float, float] | None = None
    if words.job_cost is not None and found.plain and found.overlapped:
        usd = parse(words.job_cost, "money", name="--job-cost", limit=_MOST_USD)
        cost = (
            usd,
            cost_with_overhead_usd(usd, found.overlapped.overhead_ratio),
            cost_with_overhead_usd(usd, found.plain.overhead_ratio),
        )
    return found, cost, () if wire.rig is None else (wire.rig.gpu,)


def _state_bytes_per_weight(value_bytes: float) -> float:
    """Return the bytes of states a weight, which are at least weights and gradients."""
    if not math.isfinite(value_bytes) or not LEAST_STATE_BYTES_PER_WEIGHT <= value_bytes <= 64.0:  # noqa: PLR2004 - no optimizer takes more
        raise InputError(
            f"--state-bytes is {value_bytes:g}: weights and gradients of 16 bits are 4 bytes a "
            "weight, and with Adam 16; write 4 to 64"
        )
    return value_bytes


def _share_ratio(value_ratio: float, name: str) -> float:
    """Return a share from 0 to 1."""
    if not 0.0 <= value_ratio <= 1.0:
        raise InputError(f"{name} is {value_ratio:g}: it is a share from 0 to 1")
    return value_ratio


def _wire(catalog: Catalog, words: JobWords) -> tuple[Wire, int]:
    """Return what joins the cards, and how many there are."""
    text = words.link.strip()
    if text.endswith("/s"):
        rate = parse(text.removesuffix("/s"), "bytes", name="--link", limit=1e13)
        if words.gpus is None:
            raise InputError("--gpus is missing: a bandwidth does not say how many cards it joins")
        return Wire(None, rate), _cards_count(words.gpus)
    rig = parse_rig(text, catalog)
    if rig.cards_count == 1 and words.gpus is not None:
        group = replace(rig.groups[0], count=_cards_count(words.gpus))
        rig = parse_rig(group.text, catalog)
    count = rig.cards_count if words.gpus is None else _cards_count(words.gpus)
    if count > rig.cards_count:
        raise InputError(
            f"--gpus is {count} and {rig.text} has {rig.cards_count} cards; name more in --link"
        )
    if count == 1:
        raise InputError("one card exchanges nothing: add --gpus 4, or name more cards in --link")
    return Wire(rig), count


def _cards_count(count: int) -> int:
    """Return a number of cards that exchange something."""
    if not 1 < count <= _MOST_CARDS:
        raise InputError(
            f"--gpus is {count}: gradients are exchanged among 2 to {_MOST_CARDS} cards"
        )
    return count


def _params_count(catalog: Catalog, text: str) -> float:
    """Return a number of weights: written, or those of a model."""
    match = _PARAMS.fullmatch(text.strip())
    if match is None:
        return float(total_params_count(model_named(text, catalog)))
    scale = 1e9 if match[2] in "Bb" else 1e6
    return check_positive(float(match[1]) * scale, name="--params", limit=_MOST_PARAMS_COUNT)
