"""The cheapest rig of a catalogue that does a job by a deadline, and why the others do not.

Every rig of every card that somebody rents is either timed or shown by a bound to lose: no rig is
faster than arithmetic alone at the datasheet's rates, so that its price times that is the least
that it costs. What is found is therefore the optimum over the rigs and jobs that are enumerated.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal

from rightrig.deployment.rig import CardGroup, Rig
from rightrig.errors import InputError
from rightrig.facts.explanation import Explanation, Figure
from rightrig.planning.finetuning.choosing import chosen
from rightrig.planning.finetuning.spending import hourly_usd_per_hour, rent_of, spent
from rightrig.planning.finetuning.wishes import jobs, trains_reason
from rightrig.planning.layouts import BOARD_CARDS, machine_cards
from rightrig.prediction.training.time import training_time
from rightrig.quantities import SECONDS_PER_HOUR, show_gib, show_usd
from rightrig.reliability.rates import show_span

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rightrig.facts.gpu import Gpu
    from rightrig.facts.llm import Llm
    from rightrig.interval import Interval
    from rightrig.planning.finetuning.spending import Spent, Terms
    from rightrig.planning.finetuning.wishes import Wish
    from rightrig.prediction.finetune import Finetune

COUNTS: Final = (1, 2, 4, 8)
"""Cards of one machine that are tried."""
MACHINES: Final = (2, 4, 8)
"""Machines of eight cards that are tried beyond one."""
Miss = Literal[
    "trains nothing", "not rented", "does not fit", "too slow", "too dear", "power unknown"
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Aim:
    """What a run must keep to.

    Attributes:
        deadline_s: Longest that it may take; infinite where nobody says.
        budget_usd: Most that it may cost; infinite where nobody says.
        surely: Whether the slow and dear ends count and tight memory does not.
    """

    deadline_s: float = math.inf
    budget_usd: float = math.inf
    surely: bool = False

    def judged_s(self, run_s: Interval) -> float:
        """Return the time that counts."""
        return run_s.high if self.surely else run_s.mid

    def judged_usd(self, total_usd: Interval) -> float:
        """Return the dollars that count."""
        return total_usd.high if self.surely else total_usd.mid


@dataclass(frozen=True, slots=True)
class Doer:
    """A rig that does the job in time, in the fastest way that fits it.

    Attributes:
        total_usd: Rent, or electricity of an own rig.
        is_own: Whether the user has it.
    """

    found: Finetune
    spent: Spent
    elapsed_s: Interval
    total_usd: Interval
    is_own: bool

    @property
    def rig(self) -> Rig:
        """The cards."""
        return self.found.job.rig


@dataclass(frozen=True, slots=True)
class Loser:
    """A card of which no rig does the job.

    Attributes:
        why: What its best rig misses.
        words: The same with numbers.
    """

    gpu: str
    why: Miss
    words: str


@dataclass(frozen=True, slots=True)
class Search:
    """The rigs that do a job, the cheapest first, the best of each card; and cards that do not.

    Attributes:
        rigs_count: Rigs that somebody rents, or the user has.
        timed_count: Rigs whose time was worked out; the rest lose by the bound.
    """

    llm: Llm
    wish: Wish
    terms: Terms
    aim: Aim
    doers: tuple[Doer, ...]
    losers: tuple[Loser, ...]
    rigs_count: int
    timed_count: int

    def explain(self) -> Explanation:
        """Return the winner, by how much it wins, and how complete the search is."""
        return _explained(self)


@dataclass(frozen=True, slots=True)
class _Offer:
    """A rig with what it costs an hour; nothing where the user has it.

    Attributes:
        least_s: Of the job: arithmetic at the datasheet's rates.
    """

    rig: Rig
    usd_per_hour: float
    least_s: float
    is_own: bool = False

    @property
    def least_usd(self) -> float:
        """The least that the job costs on it."""
        return self.usd_per_hour * self.least_s / SECONDS_PER_HOUR


@dataclass(frozen=True, slots=True)
class _Tried:
    """A rig that does not do the job.

    Attributes:
        closeness_ratio: How far it is from doing it: the smaller the closer.
    """

    why: Miss
    words: str
    closeness_ratio: float


def find(
    llm: Llm, wish: Wish, terms: Terms, aim: Aim, gpus: Sequence[Gpu], own: Sequence[Rig] = ()
) -> Search:
    """Return the rigs that do a job within a deadline and a budget, the cheapest first.

    Args:
        llm: The model.
        wish: What is said of the job.
        terms: Offers, tariff, failures; with the tokens of the job.
        aim: Deadline and budget.
        gpus: Cards to rent; of each the counts ``COUNTS`` and machines ``MACHINES`` are tried.
        own: Rigs that the user has: they cost their electricity.

    Raises:
        InputError: where the terms name no tokens.
    """
    if terms.job_tokens is None:
        raise InputError("--find needs the work: --tokens 100M, or --examples 50k --length 400")
    finder = _Finder(llm, wish, terms, aim)
    results = [finder.of_card(gpu) for gpu in gpus]
    results += [finder.of_own(rig) for rig in own]
    doers = [r for r, _, _ in results if isinstance(r, Doer)]
    losers = [r for r, _, _ in results if isinstance(r, Loser)]
    return Search(
        llm, wish, terms, aim,
        doers=tuple(sorted(doers, key=lambda doer: aim.judged_usd(doer.total_usd))),
        losers=tuple(sorted(losers, key=lambda loser: (_ORDER.index(loser.why), loser.gpu))),
        rigs_count=sum(count for _, count, _ in results),
        timed_count=sum(count for _, _, count in results),
    )  # fmt: skip


_ORDER: Final[tuple[Miss, ...]] = (
    "too slow", "too dear", "does not fit", "not rented", "power unknown", "trains nothing",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Finder:
    """One search."""

    llm: Llm
    wish: Wish
    terms: Terms
    aim: Aim

    def of_card(self, gpu: Gpu) -> tuple[Doer | Loser, int, int]:
        """Return the best rig of a card or why there is none, rigs on offer, and rigs timed."""
        reason = trains_reason(gpu)
        if reason:
            return Loser(gpu.slug, "trains nothing", reason), 0, 0
        offers = tuple(self._offers(gpu))
        if not offers:
            return Loser(gpu.slug, "not rented", "nobody rents it by the hour"), 0, 0
        best, tried, timed = self._best(offers)
        return best or _closest(gpu.slug, tried), len(offers), timed

    def of_own(self, rig: Rig) -> tuple[Doer | Loser, int, int]:
        """Return a rig that the user has, or why it does not do the job."""
        reason = trains_reason(rig.gpu)
        if reason:
            return Loser(f"{rig.text} (own)", "trains nothing", reason), 1, 0
        offer = _Offer(rig, 0.0, self._least_s(rig), is_own=True)
        best, tried, timed = self._best((offer,))
        return best or _closest(f"{rig.text} (own)", tried), 1, timed

    def _offers(self, gpu: Gpu) -> Iterator[_Offer]:
        """Yield the rigs of a card that somebody rents and that the split divides."""
        for rig in rigs_of(gpu):
            purchase = rent_of(self.terms.prices, rig)
            if purchase is not None and rig.cards_count % self.wish.rank_cards == 0:
                yield _Offer(rig, hourly_usd_per_hour(purchase), self._least_s(rig))

    def _least_s(self, rig: Rig) -> float:
        """Return the time of the job's arithmetic at the datasheet's rates."""
        plain = replace(self.wish, checkpointing="none", sharing="none")
        job = next(iter(jobs(self.llm, rig, plain)))[0]
        token_s = training_time(job).least_s / (job.step_tokens * job.batch.useful_ratio)
        return token_s * (self.terms.job_tokens or 0.0)

    def _best(self, offers: Sequence[_Offer]) -> tuple[Doer | None, list[_Tried], int]:
        """Return the cheapest rig that does the job; by the bound, the rest need no look."""
        best: Doer | None = None
        tried: list[_Tried] = []
        timed = 0
        for offer in sorted(offers, key=lambda one: one.least_usd):
            if best is not None and offer.least_usd >= self.aim.judged_usd(best.total_usd):
                break
            missed = self._bounded(offer)
            if missed is not None:
                tried.append(missed)
                continue
            timed += 1
            found = self._timed(offer)
            if isinstance(found, _Tried):
                tried.append(found)
            elif best is None or self._usd(found) < self._usd(best):
                best = found
        return best, tried, timed

    def _usd(self, doer: Doer) -> float:
        """Return the dollars that count."""
        return self.aim.judged_usd(doer.total_usd)

    def _bounded(self, offer: _Offer) -> _Tried | None:
        """Return why a rig loses whatever way the job takes on it; ``None`` if that is not sure."""
        if offer.least_s > self.aim.deadline_s:
            words = f"at least {show_span(offer.least_s)} on {offer.rig.text}"
            return _Tried("too slow", words, offer.least_s / self.aim.deadline_s)
        if offer.least_usd > self.aim.budget_usd:
            words = f"at least {show_usd(offer.least_usd)} on {offer.rig.text}"
            return _Tried("too dear", words, offer.least_usd / self.aim.budget_usd)
        return None

    def _timed(self, offer: _Offer) -> Doer | _Tried:
        """Return a rig in the fastest way that fits it, or what it misses."""
        room: Literal["needed", "ignored"] = "needed" if self.aim.surely else "ignored"
        found = chosen(self.llm, offer.rig, self.wish, room)
        if found.time is None:
            return _refused(found)
        cost = spent(found.time, self.terms)
        payment = cost.energy if offer.is_own else cost.rent
        if payment is None or payment.total_usd is None or cost.elapsed_s is None:
            return _Tried("power unknown", "no record says what it draws", math.inf)
        return self._judged_usd(offer, found, cost, cost.elapsed_s, payment.total_usd)

    def _judged_usd(
        self, offer: _Offer, found: Finetune, cost: Spent, run_s: Interval, total_usd: Interval
    ) -> Doer | _Tried:
        """Return a rig that keeps to deadline and budget, or what it misses."""
        elapsed_s = self.aim.judged_s(run_s)
        if elapsed_s > self.aim.deadline_s:
            words = f"{show_span(elapsed_s)} on {offer.rig.text}"
            return _Tried("too slow", words, elapsed_s / self.aim.deadline_s)
        total = self.aim.judged_usd(total_usd)
        if total > self.aim.budget_usd:
            words = f"{show_usd(total)} on {offer.rig.text}"
            return _Tried("too dear", words, total / self.aim.budget_usd)
        return Doer(found, cost, run_s, total_usd, offer.is_own)


def rigs_of(gpu: Gpu) -> Iterator[Rig]:
    """Yield the rigs of a card that are tried: parts of one machine, and several whole ones."""
    most = machine_cards(gpu)
    for count in COUNTS:
        if count <= most:
            yield Rig((CardGroup(count, gpu),))
    if most >= BOARD_CARDS:
        for machines in MACHINES:
            yield Rig((CardGroup(BOARD_CARDS, gpu),), machines)


def _refused(found: Finetune) -> _Tried:
    """Return a rig whose memory does not hold the job."""
    memory = found.memory
    needed, budget = memory.required_bytes.mid, memory.budget_bytes.mid
    words = f"{show_gib(needed)} of {show_gib(budget)} a card on {found.job.rig.text}"
    return _Tried("does not fit", words, needed / budget)


def _closest(gpu: str, tried: Sequence[_Tried]) -> Loser:
    """Return the miss of the rig that comes closest: one that fits before one that does not."""
    best = min(tried, key=lambda one: (_ORDER.index(one.why) > 1, one.closeness_ratio))
    return Loser(gpu, best.why, best.words)


def _explained(found: Search) -> Explanation:
    """Return the winner and the bound behind it."""
    aim = found.aim
    how = "the slow and dear ends" if aim.surely else "the middles"
    complete = (
        f"{found.rigs_count} rigs are on offer, {found.timed_count} were timed in every way that "
        "fits, the rest lose by price times arithmetic at the datasheet's rates: the first is the "
        f"optimum over them, judged by {how}."
    )
    if not found.doers:
        return Explanation(("No rig does the job within deadline and budget.", complete))
    first = found.doers[0]
    usd = first.total_usd
    won = (
        f"{first.rig.text} does it in {show_span(first.elapsed_s.mid)} for {show_usd(usd.mid)} "
        f"({show_usd(usd.low)} to {show_usd(usd.high)})."
    )
    sentences = [won]
    if len(found.doers) > 1:
        second = found.doers[1]
        apart = second.total_usd.mid / first.total_usd.mid
        overlap = second.total_usd.low < first.total_usd.high
        doubt = "; their intervals overlap" if overlap else ""
        sentences.append(f"Next is {second.rig.text} at {apart:.2f} times its price{doubt}.")
    figures = (
        Figure(
            "total_usd", first.total_usd.mid, show_usd(first.total_usd.mid), "F12, price × hours"
        ),
        Figure("elapsed_s", first.elapsed_s.mid, show_span(first.elapsed_s.mid), "F10, F11.3"),
    )
    return Explanation((*sentences, complete), figures, first.found.explain().sources)
