"""Whole builds side by side: what each holds, how fast it serves, and what it takes to have it.

Nothing is worked out anew here: verdicts and speeds are those of a survey, watts those of a
prediction and an installation, failures those of a combo.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from rightrig.costs.money import energy_usd_per_month
from rightrig.deployment.propose import Choices
from rightrig.errors import InputError
from rightrig.facts.explanation import Explanation, Figure
from rightrig.interval import Interval, sum_if_comonotone
from rightrig.planning.builds_advice import advice
from rightrig.planning.combos.links import topology
from rightrig.planning.combos.memory import pooled_memory
from rightrig.planning.combos.rig_risk import CARD_PRESET, rig_risk
from rightrig.planning.combos.rivals import cards_price, dense_flop_per_s, rented_rigs
from rightrig.planning.electrifying import Site, installation, usual_volts_v
from rightrig.planning.search import tariff_of
from rightrig.planning.survey.curated import curated
from rightrig.planning.survey.fits import Book
from rightrig.planning.survey.speeds import MID
from rightrig.planning.survey.survey import lengths_at, survey
from rightrig.prediction.electrical import Feed
from rightrig.prediction.memory_fit import VERDICT_RANK
from rightrig.prediction.predict import predict
from rightrig.quantities import HOURS_PER_MONTH, show_usd

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rightrig.costs.offers import Purchase
    from rightrig.deployment.deployment import Deployment
    from rightrig.deployment.rig import Link, Rig
    from rightrig.facts.catalog import Catalog
    from rightrig.facts.llm import Llm
    from rightrig.planning.combos.memory import PooledMemory
    from rightrig.planning.combos.rivals import CardsPrice
    from rightrig.planning.planned import Tariff
    from rightrig.planning.survey.survey import Column, Load, Survey
    from rightrig.prediction.memory_fit import Verdict

MOST_BUILDS: Final = 3
"""Beside each other on one page."""
_HELD: Final = VERDICT_RANK["tight"]


@dataclass(frozen=True, slots=True)
class Watts:
    """What a build draws.

    Attributes:
        load_w: Of cards and hosts at the load that is asked; ``None`` where no model serves it.
        peak_w: Most of all machines at the wall.
        energy_kwh_per_month: Around the clock at the load, with PUE; else ``None``.
        energy_usd_per_month: What that costs by the tariff; else ``None``.
    """

    load_w: Interval | None
    peak_w: Interval
    energy_kwh_per_month: float | None
    energy_usd_per_month: float | None
    tariff: Tariff


@dataclass(frozen=True, slots=True)
class Serving:
    """A model on a build; speeds are ``None`` where cards do not hold it.

    Attributes:
        reason: Why the verdict is what it is.
        max_context_tokens, max_users_count: The largest, each with the other as asked.
        ttft_s: Mean with users; with a rate a bound of the 99th percentile, as ``tpot_s``.
        output_tokens_per_s: Of the whole build.
        output_usd_per_token: For the rent, at this load; ``None`` where nobody rents it out.
    """

    llm: Llm
    verdict: Verdict
    reason: str
    deployment: Deployment | None
    max_context_tokens: int
    max_users_count: int
    ttft_s: Interval | None = None
    tpot_s: Interval | None = None
    output_tokens_per_s: Interval | None = None
    output_usd_per_token: Interval | None = None

    @property
    def user_tokens_per_s(self) -> Interval | None:
        """What one user sees: one over TPOT."""
        return None if self.tpot_s is None else self.tpot_s.reciprocal()


@dataclass(frozen=True, slots=True)
class Build:
    """One rig among those that are compared.

    Attributes:
        bandwidth_bytes_per_s: Of the memory of all cards.
        link: What joins all cards of a machine.
        peaks_flop_per_s: Dense, of all cards, by format; ``None`` where a card states none.
        survey: What every model does on it.
        serving: The model that is compared.
        cards_price: Of the cards alone; ``None`` where nobody states it.
        watts: ``None`` where no record says what a card draws.
        watts_reason: Why there is none.
        failures_per_year: Of cards and their memory.
    """

    rig: Rig
    memory: PooledMemory
    bandwidth_bytes_per_s: float
    link: Link
    peaks_flop_per_s: dict[str, float | None]
    survey: Survey
    serving: Serving
    cards_price: CardsPrice | None
    watts: Watts | None
    watts_reason: str
    failures_per_year: Interval

    @property
    def purchase(self) -> Purchase | None:
        """The cheapest offer; ``None`` where nobody rents such a rig out."""
        return self.survey.purchase

    @property
    def rent_usd_per_month(self) -> float | None:
        """Around the clock."""
        return None if self.purchase is None else self.purchase.rent_usd_per_month

    @property
    def held(self) -> tuple[Llm, ...]:
        """The models that its cards hold, the largest first."""
        found = self.survey.held
        return tuple(found.llms[n] for n in found.rank.tolist() if found.verdict[n] <= _HELD)


@dataclass(frozen=True, slots=True)
class Comparison:
    """Builds side by side, with one model at one load."""

    builds: tuple[Build, ...]
    load: Load

    @property
    def llm(self) -> Llm:
        """The model that is compared."""
        return self.builds[0].serving.llm

    def gained(self, number: int) -> tuple[Llm, ...]:
        """Return the models that a build holds and the first does not."""
        return _missing(self.builds[number].held, self.builds[0].held)

    def lost(self, number: int) -> tuple[Llm, ...]:
        """Return the models that the first build holds and another does not."""
        return _missing(self.builds[0].held, self.builds[number].held)

    def explain(self) -> Explanation:
        """Return who should take which, with the rents that it rests on."""
        offers = [(build.rig.text, bought) for build in self.builds if (bought := build.purchase)]
        return Explanation(
            advice(self),
            tuple(
                Figure(
                    "rent_usd_per_month", one.rent_usd_per_month, show_usd(one.rent_usd_per_month),
                    f"{name}: {one.price.source}",
                )
                for name, one in offers
            ),
            tuple(dict.fromkeys(one.price.source for _, one in offers)),
        )  # fmt: skip


def _missing(llms: Sequence[Llm], among: Sequence[Llm]) -> tuple[Llm, ...]:
    """Return the models that are not among others."""
    names = {llm.name for llm in among}
    return tuple(llm for llm in llms if llm.name not in names)


def compare(
    book: Book, rigs: Sequence[Rig], load: Load, choices: Choices, llm: Llm | None = None
) -> Comparison:
    """Return some rigs side by side.

    Args:
        book: The models, and what is known of kinds of rigs.
        rigs: One or more.
        load: What is asked of every model.
        choices: What is fixed of every deployment.
        llm: The model that is compared; ``None`` for the largest that most of the rigs hold, of
            those that stand for all and are made for the context.

    Raises:
        InputError: when a choice names what the catalogue does not know.
    """
    surveys = [survey(book, rig, choices, load) for rig in rigs]
    place = _usual_place(book, surveys) if llm is None else book.llms.index(llm)
    tariff = tariff_of(book.catalog)
    builds = [_build(book.catalog, found, place, tariff) for found in surveys]
    return Comparison(tuple(builds), load)


def _usual_place(book: Book, surveys: Sequence[Survey]) -> int:
    """Return the place of the largest model that most of some rigs hold."""
    shown, asked_tokens = curated(book.llms), surveys[0].load.context_tokens
    standing = [n for n in book.rank.tolist() if n in shown]
    places = [n for n in standing if book.most_tokens[n] >= asked_tokens] or standing
    held = [sum(bool(found.held.verdict[n] <= _HELD) for found in surveys) for n in places]
    return int(places[held.index(max(held))])


def _build(catalog: Catalog, found: Survey, place: int, tariff: Tariff) -> Build:
    """Return one rig with everything that is compared."""
    rig = found.held.rig
    serving = _serving(found, place)
    watts, watts_reason = None, ""
    try:
        watts = _watts(catalog, found, serving, tariff)
    except InputError as error:
        watts_reason = str(error)
    memory = pooled_memory(rig)
    return Build(
        rig=rig,
        memory=memory,
        bandwidth_bytes_per_s=sum(card.count * card.bandwidth_bytes_per_s for card in memory.cards),
        link=topology(rig).all_cards,
        peaks_flop_per_s={name: dense_flop_per_s(rig, name) for name in ("bf16", "fp8")},
        survey=found,
        serving=serving,
        cards_price=cards_price(rig),
        watts=watts,
        watts_reason=watts_reason,
        failures_per_year=rig_risk(
            rig, catalog.failure_rate(CARD_PRESET)
        ).fleet.failures_per_year,
    )  # fmt: skip


def _serving(found: Survey, place: int) -> Serving:
    """Return one model of a survey."""
    held = found.held
    whole = held.fit(place)
    reason = held.reason(place) if whole is None else whole.explain().sentences[0]
    room = Serving(
        held.llms[place], found.verdict(place), reason, found.deployments[place],
        int(held.max_context_tokens[place]), int(held.max_concurrency[place]),
    )  # fmt: skip
    if not found.has_speed(place):
        return room
    ttft = _interval(found.ttft_s, place)
    has_price = found.purchase is not None and math.isfinite(ttft.mid)
    return Serving(
        room.llm, room.verdict, reason, room.deployment, room.max_context_tokens,
        room.max_users_count, ttft, _interval(found.tpot_s, place),
        _interval(found.output_tokens_per_s, place),
        _interval(found.output_usd_per_token, place) if has_price else None,
    )  # fmt: skip


def _interval(rows: Column, place: int) -> Interval:
    """Return the interval of a model: a column of an array of low, middle and high."""
    return Interval(*rows[:, place].tolist())


def _watts(catalog: Catalog, found: Survey, serving: Serving, tariff: Tariff) -> Watts:
    """Return what a rig draws at the load, and at most.

    Raises:
        InputError: where no record says what its cards draw.
    """
    rig = found.held.rig
    room = installation(rig, rig.text, Site(Feed(usual_volts_v(rig))), catalog)
    cards_w = _cards_w(found, serving)
    if cards_w is None:
        return Watts(None, room.peak_w, None, None, tariff)
    load_w = sum_if_comonotone(cards_w, room.machine.host.power_w.scaled(rig.nodes_count))
    energy = load_w.mid / 1e3 * tariff.pue_ratio * HOURS_PER_MONTH
    usd = energy_usd_per_month(load_w.mid, tariff.pue_ratio, tariff.usd_per_kwh)
    return Watts(load_w, room.peak_w, energy, usd, tariff)


def _cards_w(found: Survey, serving: Serving) -> Interval | None:
    """Return what the cards draw at the load; with a rate, at the sequences that then run."""
    if serving.deployment is None or serving.tpot_s is None:
        return None
    place = found.held.llms.index(serving.llm)
    users = found.load.users_count
    if found.load.rate_requests_per_s is not None:
        users = max(round(float(found.running_seqs[place])), 1)
    lengths = lengths_at(int(found.held.tokens[place]), found.load)
    return predict(serving.deployment, lengths, users).power_w


def cloud_equivalent(catalog: Catalog, own: Build) -> tuple[Rig, Purchase] | None:
    """Return the cheapest other rented rig that serves the build's model at least as quickly.

    As quickly to each user, by the middle, at the same load and with nothing fixed; where the
    build does not hold the model, any rig that does.

    Args:
        catalog: Models and offers.
        own: The build.
    """
    least = own.serving.user_tokens_per_s
    single = Book(catalog, [own.serving.llm])
    offers = sorted(rented_rigs(catalog), key=lambda pair: pair[1].rent_usd_per_month)
    for rig, bought in offers:
        if rig.text == own.rig.text:
            continue
        found = survey(single, rig, Choices(), own.survey.load)
        # A rig that falls behind its requests has no end of waiting; one without a speed has NaN.
        if not np.isfinite(found.ttft_s[MID, 0]):
            continue
        if least is None or 1.0 / found.tpot_s[MID, 0] >= least.mid:
            return rig, bought
    return None
