"""Jobs: so many tokens by a deadline, at the least cost; nobody waits for an answer.

Engines run full: every place that memory has is taken (``serving.closed_loop``). Rent is paid for
the time that the job takes, so that more engines cost no more, but for the last hour of each.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from rightrig.facts.explanation import Explanation, Figure
from rightrig.facts.quality import quality_note
from rightrig.planning.bounds import Amounts, is_beyond, most_cards_count
from rightrig.planning.evaluate import groups
from rightrig.planning.ranking import best_of_each
from rightrig.planning.search import standing
from rightrig.prediction.evidence import around, end_ratios
from rightrig.prediction.serving import closed_loop
from rightrig.quantities import HOURS_PER_MONTH, SECONDS_PER_HOUR, show_seconds, show_usd

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rightrig.costs.offers import Purchase
    from rightrig.deployment.parallelism import Parallelism
    from rightrig.facts.llm import Llm
    from rightrig.facts.price import Price
    from rightrig.interval import Interval
    from rightrig.planning.candidates import Candidates
    from rightrig.planning.constraints import Question
    from rightrig.planning.search import Space, Standing
    from rightrig.planning.supply import Suppliers
    from rightrig.prediction.evidence import Evidence

    Column = NDArray[np.float64]

SPOT_WASTE_RATIO: Final = 0.1
"""Share of the time on spot instances that is lost to interruptions: an assumption, said in every
answer. Work since the last finished request is lost, which is little; starting anew is not."""


_ROUNDING_RATIO: Final = 1e-9


@dataclass(frozen=True, slots=True)
class Job:
    """A batch.

    Attributes:
        tokens_count: Prompt and answer together, over all requests.
        deadline_s: From the start.
        spot_waste_ratio: Share of the time on spot instances that is lost.
    """

    tokens_count: float
    deadline_s: float
    spot_waste_ratio: float = SPOT_WASTE_RATIO


@dataclass(frozen=True, slots=True)
class JobRig:
    """Engines that do a job.

    Attributes:
        split: With ``replicas`` engines.
        duration_s: Until the last token, with the interval of the throughput.
        tokens_per_s: Of all engines, prompt and answer together.
        usd: Rent for that time; by the second.
        high_usd: The same at the slow end of the interval.
    """

    gpu: str
    split: Parallelism
    runtime: str
    weights: str
    kv: str
    purchase: Purchase
    duration_s: Interval
    tokens_per_s: float
    usd: float
    high_usd: float
    evidence: Evidence
    quality: str

    def is_sure(self, job: Job) -> bool:
        """Say whether the deadline holds at the slow end of the prediction too."""
        return self.duration_s.high <= job.deadline_s

    @property
    def rig(self) -> str:
        """One engine's cards in rig notation."""
        return f"{self.split.engine_cards}x{self.gpu}"


@dataclass(frozen=True, slots=True)
class JobPlan:
    """The cheapest engines for a job.

    Attributes:
        rigs: Cheapest first: the best of each card and weight format.
        nearest: Without any, the fastest within the limits and how long it would take.
    """

    llm: Llm
    job: Job
    question: Question
    rigs: tuple[JobRig, ...]
    nearest: str
    candidates_count: int
    feasible_count: int
    elapsed_s: float

    def explain(self) -> Explanation:
        """Return what the first one costs and why, or what stands nearest."""
        if not self.rigs:
            return Explanation(("No rig does the job in time.", self.nearest))
        best, job = self.rigs[0], self.job
        kind = f"{best.split.replicas} × {best.rig} ({best.weights}, {best.runtime})"
        sentences = [
            (
                f"{kind} take {show_hours(best.duration_s.mid)} "
                f"({show_hours(best.duration_s.low)} to {show_hours(best.duration_s.high)}) and "
                f"{show_usd(best.usd)}: {show_usd(best.usd / job.tokens_count * 1e6)} a million "
                "tokens, prompts and answers together."
            )
        ]
        if best.purchase.is_spot:
            sentences.append(
                f"Spot: {job.spot_waste_ratio:.0%} of the time is taken as lost to interruptions, "
                "an assumption (--spot-waste)."
            )
        price = best.purchase.price
        sentences.append(
            f"Price: {price.provider} {price.instance}, {price.date} ({price.source})."
        )
        figure = Figure("usd", best.usd, show_usd(best.usd), price.source)
        return Explanation(tuple(sentences), (figure,), (price.source,))


def show_hours(duration_s: float) -> str:
    """Return a long duration as people say it.

    >>> show_hours(5400.0)
    '1.5 h'
    """
    hours = duration_s / SECONDS_PER_HOUR
    return show_seconds(duration_s) if hours < 1.0 else f"{hours:,.3g} h"


def plan_job(llm: Llm, question: Question, space: Space, job: Job, top: int = 10) -> JobPlan:
    """Return the cheapest engines that do a job in time.

    Args:
        llm: The model.
        question: The lengths of a request, and the limits; rate and objectives play no part.
        space: What may be chosen from.
        job: The batch.
        top: How many rigs to return.
    """
    started_s = time.perf_counter()
    prices = tuple(_worthwhile(price, job) for price in space.prices)
    found = standing(llm, question, replace(space, prices=prices))
    book = _Book(llm, question, job, found)
    book.work_out()
    numbers = book.feasible()
    ranked = numbers[np.lexsort((book.engines[numbers], book.usd[numbers]))]
    best = best_of_each(found.candidates, ranked)
    return JobPlan(
        llm=llm,
        job=job,
        question=question,
        rigs=tuple(book.rig(number) for number in best[:top].tolist()),
        nearest="" if len(numbers) else book.nearest(),
        candidates_count=len(found.candidates.rows),
        feasible_count=len(numbers),
        elapsed_s=time.perf_counter() - started_s,
    )


def _worthwhile(price: Price, job: Job) -> Price:
    """Return an offer without its spot price where that saves less than is lost."""
    spot, usual = price.spot_usd_per_hour, price.on_demand_usd_per_hour
    if spot is None or usual is None or spot / (1.0 - job.spot_waste_ratio) < usual:
        return price
    return price.model_copy(update={"spot_usd_per_hour": None})


class _Book:
    """Throughput, engines and cost of every candidate."""

    def __init__(self, llm: Llm, question: Question, job: Job, found: Standing) -> None:
        """Start with nothing known."""
        self._llm, self._question, self._job = llm, question, job
        self._candidates: Candidates = found.candidates
        self._suppliers: Suppliers = found.suppliers
        self._capacity = found.memory.capacity_seqs
        count = len(self._candidates.rows)
        self.rate_per_s: Column = np.zeros(count)
        self.engines: Column = np.full(count, np.inf)
        self.usd: Column = np.full(count, np.nan)
        self._slow_ratio: Column = np.ones(count)
        self._machines: Column = np.full(count, np.nan)
        self._ends: dict[int, tuple[tuple[float, float], Evidence]] = {}

    @property
    def _tokens(self) -> float:
        """Tokens of one request."""
        workload = self._question.workload
        return float(workload.input_tokens + workload.output_tokens)

    def work_out(self) -> None:
        """Work out the throughput of every engine that fits, and what the job costs on it."""
        job, lengths = self._job, self._question.lengths
        fitting = np.flatnonzero(self._capacity >= 1.0)
        for group in groups(self._llm, self._candidates, fitting):
            point = closed_loop(group.timer, np.floor(self._capacity[group.numbers]), lengths)
            self.rate_per_s[group.numbers] = point.rate_requests_per_s
            has_experts = self._llm.has_experts
            for place, number in enumerate(group.numbers.tolist()):
                measured = group.measured(place)
                ends = end_ratios("maximum", measured, has_experts=has_experts)
                self._ends[number] = (ends, measured.evidence)
        with np.errstate(divide="ignore"):
            alone_s = job.tokens_count / self._tokens / self.rate_per_s
        for number, ((low, _), _) in self._ends.items():
            self._slow_ratio[number] = 1.0 / low
        is_sure = self._question.limits.confidence == "surely"
        late_s = alone_s * (self._slow_ratio if is_sure else 1.0)
        self.engines = np.ceil(late_s / job.deadline_s * (1.0 - _ROUNDING_RATIO))
        carried = np.flatnonzero(np.isfinite(self.engines))
        # What is lost to interruptions takes more engines, and more time, where they are on spot.
        spot = self._suppliers.supply(carried, self.engines[carried]).is_spot
        lost = np.where(spot, 1.0 / (1.0 - job.spot_waste_ratio), 1.0)
        late_s[carried] *= lost
        self.engines = np.ceil(late_s / job.deadline_s * (1.0 - _ROUNDING_RATIO))
        supply = self._suppliers.supply(carried, self.engines[carried])
        hours = alone_s[carried] * lost / self.engines[carried] / SECONDS_PER_HOUR
        self.usd[carried] = supply.usd / HOURS_PER_MONTH * hours
        self._machines[carried] = supply.machines_count

    def feasible(self) -> NDArray[np.int64]:
        """Return the rows that do the job within the limits."""
        known = self._candidates
        cards = self.engines * known.rows["cards"]
        unbound = np.full(len(cards), np.nan)  # a batch has no budget: it ends
        amounts = Amounts(known.gpus, known.rows["gpu"], cards, self._machines, unbound)
        beyond = is_beyond(amounts, self._question.limits)
        return np.flatnonzero(np.isfinite(self.usd) & ~beyond)

    def rig(self, number: int) -> JobRig:
        """Return one row in full."""
        engines = int(self.engines[number])
        purchase = self._suppliers.purchase(number, engines)
        (low, high), evidence = self._ends[number]
        lost = 1.0 - self._job.spot_waste_ratio if purchase.is_spot else 1.0
        seconds = self._job.tokens_count / self._tokens / self.rate_per_s[number] / engines / lost
        duration = around(float(seconds), (1.0 / high, 1.0 / low))
        rent = purchase.rent_usd_per_month / HOURS_PER_MONTH / SECONDS_PER_HOUR
        row, known = self._candidates.rows[number], self._candidates
        weights, kv = known.formats[row["format"]], known.kvs[row["kv"]]
        return JobRig(
            gpu=known.gpus[row["gpu"]].slug,
            split=replace(known.layouts[row["layout"]], replicas=engines),
            runtime=known.runtimes[row["runtime"]].slug,
            weights=weights,
            kv=kv,
            purchase=purchase,
            duration_s=duration,
            tokens_per_s=float(self.rate_per_s[number]) * self._tokens * engines,
            usd=rent * duration.mid,
            high_usd=rent * duration.high,
            evidence=evidence,
            quality=quality_note(weights, kv),
        )

    def nearest(self) -> str:
        """Say what comes nearest: the most that the limits allow of the quickest card."""
        limits = self._question.limits
        known = self._candidates
        held = most_cards_count(known.gpus, limits)[known.rows["gpu"]] // known.rows["cards"]
        is_sure = limits.confidence == "surely"
        rate = self.rate_per_s * held / (self._slow_ratio if is_sure else 1.0)
        if limits.spot:  # whichever offer it is, this is enough
            rate *= 1.0 - self._job.spot_waste_ratio
        sold = self._suppliers.has_any()
        if not len(rate) or not (rate * sold).any():
            return "No card that somebody rents holds this model; name smaller --weights."
        number = int(np.argmax(rate * sold))
        seconds = self._job.tokens_count / self._tokens / float(rate[number])
        row = known.rows[number]
        name = f"{row['cards']}x{known.gpus[row['gpu']].slug}"
        return (
            f"Nearest: {int(held[number])} × {name}, all that the limits of cards allow, would "
            f"take {show_hours(seconds)}. It would take at least "
            f"--by {math.ceil(seconds / SECONDS_PER_HOUR)}h, or more cards."
        )
