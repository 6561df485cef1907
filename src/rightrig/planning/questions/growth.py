"""Growth: until when a plan carries traffic that grows, and what must be added when."""

from __future__ import annotations

import datetime
import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal

from rightrig.costs.offers import cheapest
from rightrig.demand.objective import Slo
from rightrig.facts.explanation import Explanation, Figure
from rightrig.planning.layouts import machine_cards
from rightrig.planning.options import engine_options
from rightrig.planning.questions.market import keeping_options, market
from rightrig.quantities import show_number, show_usd

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rightrig.facts.llm import Llm
    from rightrig.planning.constraints import Question
    from rightrig.planning.options import EngineOption
    from rightrig.planning.planned import PlannedRig
    from rightrig.planning.questions.market import Hire, Market
    from rightrig.planning.search import Space

DAYS_PER_MONTH: Final = 365.0 / 12.0
MOST_MONTHS: Final = 120
_MOST_STEPS: Final = 200
_MOST_DATED_COUNT: Final = 12_000.0
_LARGER_RATIO: Final = 1.01
"""An engine is larger when it carries at least a hundredth more."""
EndKind = Literal["headroom", "objectives", "engines", "cards", "budget"]


@dataclass(frozen=True, slots=True)
class Span:
    """From when and how far the plan is looked at."""

    start: datetime.date
    months_count: int = 36

    def date_after(self, months_count: float) -> datetime.date | None:
        """Return the date after some months; ``None`` beyond a thousand years."""
        if months_count > _MOST_DATED_COUNT:
            return None
        return self.start + datetime.timedelta(days=months_count * DAYS_PER_MONTH)


@dataclass(frozen=True, slots=True)
class End:
    """Something of the plan that ends.

    Attributes:
        kind: ``headroom``: the spare capacity that was asked for; ``objectives``: the load within
            the latency objectives; ``engines``: what the engines serve at all; ``cards`` and
            ``budget``: the limits, when engines of the same kind are added as they are needed.
        at_requests_per_s: The rate at which it ends.
        months_count: From the start; infinite where growth never reaches it.
    """

    kind: EndKind
    at_requests_per_s: float
    months_count: float
    date: datetime.date | None


@dataclass(frozen=True, slots=True)
class GrowthStep:
    """One more engine, and what larger engines would cost at the same moment.

    Attributes:
        from_requests_per_s: The rate from which it is needed, to keep the headroom.
        rent_usd_per_month: Of all engines of the plan's kind; ``None`` where nobody rents them.
        larger: The cheapest engines that each carry more than one of the plan's; ``None`` where
            there are none.
    """

    months_count: float
    date: datetime.date | None
    from_requests_per_s: float
    engines_count: int
    cards_count: int
    rent_usd_per_month: float | None
    larger: Hire | None

    @property
    def way(self) -> Literal["horizontal", "vertical"]:
        """Whether more engines of the kind or larger ones are cheaper from here."""
        if self.larger is None or self.rent_usd_per_month is None:
            return "horizontal" if self.larger is None else "vertical"
        larger_usd = self.larger.rent_usd_per_month
        return "vertical" if larger_usd < self.rent_usd_per_month else "horizontal"


@dataclass(frozen=True, slots=True)
class Runway:
    """How long a plan lasts, and the steps after it.

    Attributes:
        growth_ratio_per_month: Growth of the rate; 0.1 is a tenth more every month.
        ends: Soonest first.
        steps: Engines that must be added within the span, or until a limit ends it.
    """

    planned: PlannedRig
    question: Question
    growth_ratio_per_month: float
    span: Span
    ends: tuple[End, ...]
    steps: tuple[GrowthStep, ...]

    def explain(self) -> Explanation:
        """Return the dates, and which way to grow."""
        return _explain(self)


def months_until_count(
    capacity_requests_per_s: float, rate_requests_per_s: float, growth_ratio_per_month: float
) -> float:
    """Return ``ln(capacity / rate) / ln(1 + g)``; 0 where the rate is above it already.

    >>> round(months_until_count(2.0, 1.0, 0.1), 2)
    7.27
    """
    if capacity_requests_per_s <= rate_requests_per_s:
        return 0.0
    if growth_ratio_per_month <= 0.0:
        return math.inf
    grown = math.log(capacity_requests_per_s / rate_requests_per_s)
    return grown / math.log1p(growth_ratio_per_month)


def runway(
    llm: Llm,
    question: Question,
    space: Space,
    planned: PlannedRig,
    growth_ratio_per_month: float,
    span: Span,
) -> Runway:
    """Return until when a plan lasts while its traffic grows, and what each step after costs.

    Args:
        llm: The model.
        question: What the plan was made for; its rate is that of the start.
        space: What may be chosen from.
        planned: The plan.
        growth_ratio_per_month: Growth of the rate, compounded every month.
        span: The first day, and how many months are looked at.
    """
    grower = _Grower(question, space, planned, growth_ratio_per_month, span)
    larger = _larger_engines(llm, question, space, planned)
    steps = tuple(grower.steps(larger))
    ends = [grower.end("headroom", planned.capacity_requests_per_s / question.limits.wanted_ratio)]
    has_objectives = bool(question.slo.objectives())
    if has_objectives:
        ends.append(grower.end("objectives", planned.capacity_requests_per_s))
    whole = planned.capacity_requests_per_s
    if has_objectives:
        whole = _whole_capacity_requests_per_s(llm, question, space, planned) or whole
    ends.append(grower.end("engines", whole))
    ends += grower.limits()
    return Runway(
        planned, question, growth_ratio_per_month, span,
        tuple(sorted(ends, key=lambda end: end.months_count)), steps,
    )  # fmt: skip


def rent_usd_per_month(space: Space, planned: PlannedRig, engines_count: int) -> float | None:
    """Return the cheapest rent of some engines of a plan's kind; ``None`` where there is no offer.

    An engine that is larger than a machine takes several of them.
    """
    gpu = next(gpu for gpu in space.gpus if gpu.slug == planned.gpu)
    cards = min(planned.split.engine_cards, machine_cards(gpu))
    parts = planned.split.engine_cards // cards * engines_count
    bought = cheapest(space.prices, planned.gpu, cards, parts)
    return None if bought is None else bought.rent_usd_per_month


@dataclass(frozen=True, slots=True)
class _Grower:
    """A plan's kind of engine while traffic grows."""

    question: Question
    space: Space
    planned: PlannedRig
    growth_ratio_per_month: float
    span: Span

    @property
    def spares_count(self) -> int:
        """Engines that stand by."""
        return self.question.limits.spare_engines_count

    @property
    def engine_requests_per_s(self) -> float:
        """What one engine carries within the objectives; spares carry nothing."""
        return self.planned.engine_requests_per_s(self.question.limits)

    def full_at_requests_per_s(self, engines_count: int) -> float:
        """Return the rate up to which some engines, spares among them, keep the headroom."""
        working = max(engines_count - self.spares_count, 0)
        return working * self.engine_requests_per_s / self.question.limits.wanted_ratio

    def end(self, kind: EndKind, at_requests_per_s: float) -> End:
        """Return when the growing rate reaches another."""
        rate = self.question.workload.rate_requests_per_s
        months = months_until_count(at_requests_per_s, rate, self.growth_ratio_per_month)
        return End(kind, at_requests_per_s, months, self.span.date_after(months))

    def limits(self) -> Iterator[End]:
        """Yield the ends of the limits, while engines are added as they are needed."""
        limits = self.question.limits
        most = limits.max_gpus_count // self.planned.split.engine_cards
        if most >= 1:
            yield self.end("cards", self.full_at_requests_per_s(most))
        budget = limits.budget_usd_per_month
        if budget is not None:
            yield self.end("budget", self.full_at_requests_per_s(self._affordable(budget, most)))

    def _affordable(self, budget_usd_per_month: float, most_count: int) -> int:
        """Return the most engines that a budget rents, by bisection: rent rises with them."""
        low, high = 0, max(most_count, self.planned.split.replicas)
        while low < high:
            middle = (low + high + 1) // 2
            rent = rent_usd_per_month(self.space, self.planned, middle)
            if rent is not None and rent <= budget_usd_per_month:
                low = middle
            else:
                high = middle - 1
        return low

    def steps(self, larger: Market) -> Iterator[GrowthStep]:
        """Yield one step an added engine, until the span or the limit of cards ends."""
        each, limits = self.planned.split.engine_cards, self.question.limits
        first = self.planned.split.replicas
        # The budget ends the growth of its own (``limits``); steps are shown beyond it.
        unpaid = limits.model_copy(update={"budget_usd_per_month": None})
        for engines in range(first + 1, first + 1 + _MOST_STEPS):
            at = self.end("headroom", self.full_at_requests_per_s(engines - 1))
            if at.months_count > self.span.months_count or engines * each > limits.max_gpus_count:
                return
            # The load that the new engine makes room for is judged, not the instant it is added.
            wanted = (engines - self.spares_count) * self.engine_requests_per_s
            yield GrowthStep(
                months_count=at.months_count,
                date=at.date,
                from_requests_per_s=at.at_requests_per_s,
                engines_count=engines,
                cards_count=engines * each,
                rent_usd_per_month=rent_usd_per_month(self.space, self.planned, engines),
                larger=larger.cheapest(wanted, unpaid, self.spares_count),
            )


def _is_planned(option: EngineOption, planned: PlannedRig) -> bool:
    """Whether an engine is of a plan's kind."""
    return (
        option.gpu.slug == planned.gpu
        and option.runtime == planned.runtime
        and option.weights == planned.weights
        and option.kv == planned.kv
        and option.step_tokens == planned.step_tokens
        and replace(option.split, replicas=1) == replace(planned.split, replicas=1)
    )


def _larger_engines(llm: Llm, question: Question, space: Space, planned: PlannedRig) -> Market:
    """Return the engines that each carry more than one of the plan's, with their offers."""
    each = planned.engine_requests_per_s(question.limits)
    options = keeping_options(llm, question, space)
    ratio = _simulated_ratio(options, planned, each)
    judged = (replace(o, rate_requests_per_s=o.rate_requests_per_s * ratio) for o in options)
    least = _LARGER_RATIO * each
    return market((o for o in judged if o.rate_requests_per_s >= least), space.prices)


def _simulated_ratio(
    options: tuple[EngineOption, ...], planned: PlannedRig, each_requests_per_s: float
) -> float:
    """Return what an engine of the plan carries over its analytic bound: 1 if it was not simulated.

    Only the plan is simulated. The others are lessened by as much as it was, or a kind of engine
    would seem larger than itself.
    """
    own = next((option for option in options if _is_planned(option, planned)), None)
    if planned.method == "analytic" or own is None:
        return 1.0
    return each_requests_per_s / own.rate_requests_per_s


def _whole_capacity_requests_per_s(
    llm: Llm, question: Question, space: Space, planned: PlannedRig
) -> float | None:
    """Return what the plan's engines serve without objectives; ``None`` where it is not known."""
    own = replace(
        space,
        gpus=tuple(gpu for gpu in space.gpus if gpu.slug == planned.gpu),
        formats=(planned.weights,),
        kv=planned.kv,
    )
    options = engine_options(llm, replace(question, slo=Slo()), own)
    engine = next((o for o in options if _is_planned(o, planned)), None)
    if engine is None:
        return None
    return engine.rate_requests_per_s * planned.working_count(question.limits)


_ENDS: Final[dict[EndKind, str]] = {
    "headroom": "the headroom is used up",
    "objectives": "the latency objectives end",
    "engines": "the engines serve no more at all",
    "cards": "the limit of cards is reached",
    "budget": "the budget is used up",
}


def end_text(end: End, span: Span) -> str:
    """Return what ends when: ``2027-03-01, after 7.3 months at 2 requests/s``."""
    if math.isinf(end.months_count):
        return f"{_ENDS[end.kind]} never"
    when = "in a thousand years" if end.date is None else str(end.date)
    if not end.months_count:
        when = f"at the start, {span.start}"
    return (
        f"{_ENDS[end.kind]}: {when}, after {end.months_count:.1f} months, at "
        f"{show_number(end.at_requests_per_s)} requests/s"
    )


def _explain(found: Runway) -> Explanation:
    """Return the sentences of a runway."""
    planned = found.planned
    rate = found.question.workload.rate_requests_per_s
    growth = found.growth_ratio_per_month
    doubling = months_until_count(2.0, 1.0, growth)
    first = (
        f"{planned.split.replicas} × {planned.rig} carries "
        f"{show_number(planned.capacity_requests_per_s)} requests/s; {show_number(rate)} come now, "
        f"{growth * 100.0:.3g} % more every month, twice as many after {doubling:.3g} months."
    )
    sentences = [first]
    sentences += [_sentence(end_text(end, found.span)) for end in found.ends]
    sentences += _step_sentences(found)
    soonest = found.ends[0]
    figures = (
        Figure(
            "months_count", soonest.months_count, f"{soonest.months_count:.1f} months",
            "ln(capacity / rate) / ln(1 + growth)",
        ),
    )  # fmt: skip
    return Explanation(tuple(sentences), figures, (", ".join(planned.source),))


def _sentence(text: str) -> str:
    """Return a text as a sentence."""
    return f"{text[0].upper()}{text[1:]}."


def _step_sentences(found: Runway) -> Iterator[str]:
    """Yield what the first step costs, and where larger engines begin to be cheaper."""
    if not found.steps:
        yield f"No engine must be added within {found.span.months_count} months and the limits."
        return
    step = found.steps[0]
    rent = step.rent_usd_per_month
    if rent is not None:
        more = rent - found.planned.rent_usd_per_month
        yield (
            f"From {step.date} on {step.engines_count} engines are needed: {show_usd(rent)} a "
            f"month, {show_usd(more)} more."
        )
    turn = next((one for one in found.steps if one.way == "vertical"), None)
    if turn is None or turn.larger is None:
        yield "More engines of the same kind stay cheaper than larger ones."
    else:
        own = turn.rent_usd_per_month
        yield (
            f"From {turn.date} on larger engines are cheaper: {turn.larger.text} at "
            f"{show_usd(turn.larger.rent_usd_per_month)} a month"
            f"{'' if own is None else f' instead of {show_usd(own)}'}."
        )
