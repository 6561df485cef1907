"""From the words of ``cost tokens``, ``break-even`` and ``compare`` to what is compared."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from rightrig.errors import InputError
from rightrig.facts.api_price import ApiPrice
from rightrig.interval import Interval
from rightrig.planning.costing.bills import Electricity, Owning, Renting, price_of, rent_of
from rightrig.planning.costing.capacity import Capacity, capacity_at, capacity_of
from rightrig.planning.costing.compare import FULL_RATIO, USER_TRUST, Contender, Demand
from rightrig.planning.search import tariff_facts
from rightrig.quantities import HOURS_PER_MONTH, check_count, check_positive, parse
from rightrig.verbs.amounts import Purse, SiteWords, hourly, share_ratio, span_years, tariff_asked
from rightrig.verbs.deploying import deploy, records_of
from rightrig.verbs.naming import model_named
from rightrig.verbs.objectives import slo_of
from rightrig.verbs.traffic import Traffic, lengths_of

if TYPE_CHECKING:
    from rightrig.deployment.deployment import Deployment
    from rightrig.deployment.propose import Choices
    from rightrig.facts.catalog import Catalog
    from rightrig.facts.llm import Llm
    from rightrig.facts.source import Record
    from rightrig.prediction.regimes import Lengths
    from rightrig.quantities import Dimension

OWN: Final = "own:"
API: Final = "api:"
_TUNED: Final = ("-instruct", "-chat", "-it")
"""Endings of the models that providers serve of a base model: the work is the same."""
_MOST_USD: Final = 1e9
_MOST_USD_PER_MILLION_TOKENS: Final = 1e6
_MOST_PUE_RATIO: Final = 10.0
_MOST_W: Final = 1e9
_MOST_TARIFF_USD_PER_KWH: Final = 10.0
_MOST_RATE_PER_S: Final = 1e6
_MOST_BATCH: Final = 1_000_000
_MOST_BATCHES: Final = 50
_MOST_TOKENS_PER_S: Final = 1e9
_BOTH_PRICES: Final = 2


@dataclass(frozen=True, slots=True)
class MoneyWords:
    """What a command says of money; ``None`` where an option was left out."""

    price: str | None = None
    capex: str | None = None
    owned_years: float = 3.0
    resale: str = "0%"
    discount: str = "0%"
    other: str | None = None
    power: str | None = None
    tariff: str | None = None
    pue: str | None = None
    eur_usd: float | None = None


@dataclass(frozen=True, slots=True)
class LoadWords:
    """What a command says of traffic and load."""

    input: int = 1000
    output: int = 300
    prefix_hit_ratio: float | None = None
    rate: str | None = None
    use: str | None = None
    ttft_p99: str | None = None
    tpot_p99: str | None = None
    batch: int | None = None


@dataclass(frozen=True, slots=True)
class CostAsked:
    """The words of a command, the model and the catalogue."""

    catalog: Catalog
    model: str
    choices: Choices
    money: MoneyWords
    load: LoadWords

    @property
    def llm(self) -> Llm:
        """The model."""
        return model_named(self.model, self.catalog)

    @property
    def demand(self) -> Demand:
        """The load: a rate or a share of what a rig carries; all of it where neither is said."""
        if self.load.rate is not None and self.load.use is not None:
            raise InputError("--rate and --use say the load twice; leave one out")
        if self.load.rate is not None:
            return Demand(span(self.load.rate, "rate", "--rate", _MOST_RATE_PER_S))
        return Demand(
            None, FULL_RATIO if self.load.use is None else use_ratio(self.load.use, "--use")
        )

    def deployment(self, on: str) -> Deployment:
        """Return the model on a rig; what follows a slash is the weight format there."""
        rig, slash, weights = on.partition("/")
        choices = self.choices if not slash else _with_weights(self.choices, weights)
        return deploy(self.catalog, self.model, rig, choices)

    def lengths(self, deployment: Deployment) -> Lengths:
        """Return prompt and answer."""
        load = self.load
        return lengths_of(deployment, Traffic(load.input, load.output, "1", load.prefix_hit_ratio))

    def capacity(self, deployment: Deployment) -> Capacity:
        """Return what a deployment carries within the objectives, or with so many sequences."""
        load, lengths = self.load, self.lengths(deployment)
        if load.batch is None:
            texts: list[str | None] = [None] * 16
            texts[3], texts[7] = load.ttft_p99, load.tpot_p99
            return capacity_of(deployment, lengths, slo_of(texts))
        if load.ttft_p99 or load.tpot_p99:
            raise InputError("--batch fixes the load; objectives of latency go without it")
        check_count(load.batch, name="--batch", limit=_MOST_BATCH)
        return capacity_at(deployment, lengths, load.batch)

    def rented(self, deployment: Deployment) -> Renting:
        """Return the rent of a rig: as the user says, or of the cheapest offer."""
        if self.money.price is not None:
            rent = span(hourly(self.money.price), "money_per_month", "--price", _MOST_USD)
            return Renting(deployment.rig.text, rent.scaled(1.0 / HOURS_PER_MONTH))
        found = rent_of(self.catalog, deployment)
        if found is None:
            raise InputError(
                f"nobody is known to rent {deployment.rig.text} out: add --price $5.50/h"
            )
        return found

    def owned(self, deployment: Deployment) -> Owning:
        """Return the terms of owning a rig: as the user says, or at published prices."""
        money, rig = self.money, deployment.rig
        origins: list[str] = []
        date = ""
        if money.capex is not None:
            price = Purse(money.eur_usd).range_usd(money.capex, "--capex")
            check_positive(price.low, name="--capex", limit=_MOST_USD)
        else:
            known = price_of(self.catalog, rig)
            if known is None:
                raise InputError(f"no record says what {rig.text} costs to buy: add --capex $30000")
            price, told, date = known
            origins.append(told)
        if money.power is None:
            origins.append("power: predicted for the cards, estimated for what is beside them")
        site = electricity(self.catalog, money)
        other = money.other
        return Owning(
            key=rig.groups[0].gpu.slug,
            price_usd=price,
            electricity=site,
            owned_years=span_years(money.owned_years, "--years"),
            resale_ratio=share_ratio(money.resale, "--resale"),
            discount_per_year=share_ratio(money.discount, "--discount"),
            other_usd_per_month=0.0 if other is None
            else parse(other, "money_per_month", name="--other", limit=_MOST_USD),
            power_w=None if money.power is None
            else span(money.power, "power", "--power", _MOST_W),
            origins=(*origins, *site.origins),
            date=date,
        )  # fmt: skip

    def records(self, *deployments: Deployment) -> tuple[Record, ...]:
        """Return the records that an answer rests on."""
        used = (record for deployment in deployments for record in records_of(deployment))
        return (*used, *tariff_facts(self.catalog))


def _with_weights(choices: Choices, weights: str) -> Choices:
    """Return the same choices with another weight format."""
    return replace(choices, weights=weights)


def span(text: str, dimension: Dimension, name: str, limit: float) -> Interval:
    """Return one quantity, or two as the ends of a range: ``$600..$800``.

    The unit may stand behind the second one alone.
    """
    first, dots, last = text.partition("..")
    high = parse(last if dots else first, dimension, name=name, limit=limit)
    if not dots:
        return Interval.exact(high)
    unit = last.strip().lstrip("$0123456789.,eE+- ")
    has_unit = bool(first.strip().lstrip("$0123456789.,eE+- "))
    low = parse(first if has_unit else f"{first}{unit}", dimension, name=name, limit=limit)
    if high < low:
        raise InputError(f"{name} is {text[:40]!r}: write the lower value first")
    return Interval(low, 0.5 * (low + high), high)


def use_ratio(text: str, name: str) -> Interval:
    """Return a share of a whole, above 0 and at most 1: ``0.6``, ``60%``, ``0.4..0.8``."""
    first, dots, last = text.partition("..")
    low, high = share_ratio(first, name), share_ratio(last if dots else first, name)
    if low <= 0.0:
        raise InputError(f"{name} is {text[:40]!r}: it is a share above 0, such as 0.6 or 60%")
    if high < low:
        raise InputError(f"{name} is {text[:40]!r}: write the lower value first")
    return Interval(low, 0.5 * (low + high), high)


def electricity(catalog: Catalog, words: MoneyWords) -> Electricity:
    """Return the tariff and the PUE: as the user says, of a region, or published averages."""
    is_range = words.tariff is not None and ".." in words.tariff
    site = SiteWords(None if is_range else words.tariff, None, Purse(words.eur_usd))
    usual, _ = tariff_asked(catalog, site)
    tariff, pue = Interval.exact(usual.usd_per_kwh), Interval.exact(usual.pue_ratio)
    origins = []
    if is_range:
        text = (words.tariff or "").replace("/kWh", "")
        tariff = span(text, "money", "--tariff", _MOST_TARIFF_USD_PER_KWH)
    else:
        origins.append(f"tariff: ${usual.usd_per_kwh:g}/kWh, {usual.usd_origin}")
    if words.pue is None:
        origins.append(f"PUE: {usual.pue_ratio:g}, {usual.pue_origin} (at home --pue 1)")
    else:
        pue = span(words.pue, "count", "--pue", _MOST_PUE_RATIO)
        if pue.low < 1.0:
            raise InputError(
                f"--pue is {words.pue[:40]}: a site takes at least what its machines take, 1"
            )
    return Electricity(tariff, pue, tuple(origins))


def api_of(catalog: Catalog, llm: Llm, text: str) -> ApiPrice:
    """Return a hosted API: a provider that serves the model, or dollars a million tokens.

    Args:
        catalog: Where providers' prices are looked up.
        llm: The model.
        text: ``groq``; or ``0.59,0.79`` for prompts and answers; or ``0.9`` for both.
    """
    words = text.strip().removeprefix(API)
    served = {
        llm.slug,
        *(f"{llm.slug}{ending}" for ending in _TUNED),
        llm.slug.removesuffix("-fp8"),
    }
    offers = [price for price in catalog.api_prices() if price.llm in served]
    named = [price for price in offers if price.provider == words.lower()]
    if named:
        return min(named, key=lambda one: one.output_usd_per_million_tokens)
    if not words[:1] or words[0] not in "$0123456789.-+":
        known = ", ".join(sorted({price.provider for price in offers}))
        who = f"{llm.name} is served by {known}" if known else f"no price is known for {llm.name}"
        raise InputError(
            f"no price of an API called {words[:40]!r} is known: {who}; or write dollars a million "
            "prompt and answer tokens, api:0.59,0.79"
        )
    prices = [
        parse(part, "money", name=f"{API}{words[:40]}", limit=_MOST_USD_PER_MILLION_TOKENS)
        for part in words.split(",")
    ]
    if len(prices) > _BOTH_PRICES:
        raise InputError(f"{API}{words[:40]}: write one price, or that of prompts and of answers")
    return ApiPrice(
        provider=words, llm=llm.slug, offer="as the user says",
        input_usd_per_million_tokens=prices[0], output_usd_per_million_tokens=prices[-1],
        date="today", source="user", trust=USER_TRUST,
    )  # fmt: skip


def contender_of(asked: CostAsked, text: str, *, owned: bool = False) -> Contender:
    """Return one side: ``RIG``, ``RIG/FORMAT``, ``own:RIG``, ``api:PROVIDER``, ``api:IN,OUT``."""
    if text.startswith(API):
        return Contender(text, api=api_of(asked.catalog, asked.llm, text))
    deployment = asked.deployment(text.removeprefix(OWN))
    is_owned = owned or text.startswith(OWN)
    bill = asked.owned(deployment) if is_owned else asked.rented(deployment)
    return Contender(text, asked.capacity(deployment), bill)


def batches_of(text: str) -> tuple[int, ...]:
    """Return numbers of running sequences, by comma."""
    try:
        values = [int(part) for part in text.split(",")]
    except ValueError:
        raise InputError(
            f"--batches is {text[:40]!r}: write whole numbers by comma, such as 1,8,32"
        ) from None
    if len(values) > _MOST_BATCHES:
        raise InputError(f"--batches names {len(values)}; ask for at most {_MOST_BATCHES}")
    return tuple(check_count(v, name="--batches", limit=_MOST_BATCH) for v in values)


def stated_tokens_per_s(text: str | None, rigs_count: int) -> tuple[float | None, ...]:
    """Return output tokens/s as the user states them, one a rig; ``None`` for predictions."""
    if text is None:
        return (None,) * rigs_count
    found = tuple(
        check_positive(_tokens_per_s(part), name="--tokens-per-s", limit=_MOST_TOKENS_PER_S)
        for part in text.split(",")
    )
    if len(found) != rigs_count:
        raise InputError(
            f"--tokens-per-s has {len(found)} values for {rigs_count} rigs; write one a rig, by "
            "comma"
        )
    return found


def _tokens_per_s(text: str) -> float:
    """Return a number that a user wrote."""
    try:
        return float(text)
    except ValueError:
        raise InputError(
            f"--tokens-per-s is {text[:40]!r}: write output tokens/s by comma, such as 2800,320"
        ) from None
