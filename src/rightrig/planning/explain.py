"""What a plan hangs on: the constraint that binds, and the changes that would turn it over.

Nothing here is a rule of thumb: the search is run again on the changed question.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal

import numpy as np

from rightrig.planning.bounds import Amounts, is_beyond
from rightrig.planning.constraints import CONSTRAINTS, first_broken
from rightrig.planning.divided import SENDING, divided
from rightrig.planning.evaluate import goals_of, groups, largest_loads
from rightrig.planning.finalists import planned_rigs
from rightrig.planning.flips import Flip, flips, rate_grid_requests_per_s
from rightrig.planning.loads import engines_count
from rightrig.planning.options import carries
from rightrig.planning.ranking import ranking
from rightrig.planning.search import evaluated, repriced
from rightrig.planning.winner import cost_text, engines_text, parts_text
from rightrig.prediction.serving import largest_steady_seqs
from rightrig.quantities import show_seconds

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from rightrig.facts.llm import Llm
    from rightrig.planning.constraints import Question
    from rightrig.planning.planned import Plan, PlannedRig
    from rightrig.planning.search import Space
    from rightrig.planning.table import Table

    Column = NDArray[np.float64]

Varied = Literal["price", "rate", "input", "output", "ttft", "tpot", "e2e", "itl"]
CHANGE_RATIO: Final = 0.1
"""By how much each input is raised and lowered."""
_RATE_SPAN_RATIO: Final = 16.0
"""Rates from a sixteenth to sixteen times the asked one are searched for another winner."""
_RATE_STEPS: Final = 33
_BISECTIONS: Final = 12
_SHOWN_FLIPS: Final = 6
_BINDS_RATIO: Final = 0.97
"""An objective binds an engine whose latency reaches this share of it."""


@dataclass(frozen=True, slots=True)
class Varying:
    """What one changed input does to the answer.

    Attributes:
        name: Which input.
        change_ratio: By how much: 0.1 is a tenth more.
        winner: The first plan then, ``None`` where there is none.
        is_other: Whether it is on another card than before.
    """

    name: Varied
    change_ratio: float
    winner: PlannedRig | None
    is_other: bool


@dataclass(frozen=True, slots=True)
class Hinges:
    """What a plan hangs on.

    Attributes:
        binding: What keeps one engine of the first plan from carrying more, in a sentence.
        varied: The effect of each input, raised and lowered by a tenth.
        flips: Rates at which the winner changes, lowest first.
        price_margin_ratio: By how much the winner's price may rise before another card wins;
            ``None`` where no other card has a plan.
        rival: That other card's plan.
    """

    binding: str
    varied: tuple[Varying, ...]
    flips: tuple[Flip[str], ...]
    price_margin_ratio: float | None
    rival: PlannedRig | None

    def sentences(self) -> tuple[str, ...]:
        """Return all of it in plain sentences."""
        found = [self.binding]
        if self.rival is not None and self.price_margin_ratio is not None:
            found.append(
                f"The first plan stays the cheapest until its price rises by "
                f"{self.price_margin_ratio:.0%}; then {engines_text(self.rival)} at "
                f"{cost_text(self.rival)} wins."
            )
        changed = [one for one in self.varied if one.winner is None or one.is_other]
        found += [_varied_sentence(one) for one in changed]
        kept = [_varied_text(one) for one in self.varied if one not in changed]
        if kept:
            found.append(f"The same card wins with {'; '.join(kept)}.")
        found += [_flip_sentence(flip) for flip in self.flips[:_SHOWN_FLIPS]]
        if len(self.flips) > _SHOWN_FLIPS:
            found.append(f"{len(self.flips) - _SHOWN_FLIPS} more changes follow at higher rates.")
        return tuple(found)


_NAMES: Final[dict[str, str]] = {
    "price": "its price", "rate": "the rate", "input": "the prompts", "output": "the answers",
}  # fmt: skip


def _varied_text(one: Varying) -> str:
    """Return a changed input and what the plan then costs."""
    name = _NAMES.get(one.name, f"the {one.name.upper()} objective")
    cost = "" if one.winner is None else f" ({cost_text(one.winner)})"
    return f"{name} {one.change_ratio:+.0%}{cost}"


def _varied_sentence(one: Varying) -> str:
    """Return a changed input that turns the answer over, in words."""
    name = _NAMES.get(one.name, f"the {one.name.upper()} objective")
    what = f"With {name} {one.change_ratio:+.0%}"
    if one.winner is None:
        return f"{what} no plan is left."
    return f"{what} another card wins: {engines_text(one.winner)} at {cost_text(one.winner)}."


def _flip_sentence(flip: Flip[str]) -> str:
    """Return a flip in words."""
    return (
        f"From {flip.from_requests_per_s:.3g} requests/s on {flip.after} engines are cheaper than "
        f"{flip.before} ones."
    )


def hinges(plan: Plan, space: Space) -> Hinges | None:
    """Return what the first plan hangs on; ``None`` without a plan.

    Args:
        plan: What ``search.plan`` returned for this space.
        space: What could be chosen from; cards that nobody rents or sells are left out.
    """
    if not plan.plans:
        return None
    lean = sold_only(space, plan.question)
    llm, question, best = plan.llm, plan.question, plan.plans[0]
    table = evaluated(llm, question, lean)
    rival = next((p for p in plan.plans if p.gpu != best.gpu), None)
    varied = tuple(
        Varying(name, ratio, winner, winner is not None and winner.gpu != best.gpu)
        for name, ratio, changed, offers in _changes(question, lean, best)
        for winner in (_winner(llm, changed, offers, table if changed is question else None),)
    )
    return Hinges(
        binding=_binding(table, plan),
        varied=varied,
        flips=tuple(_flips(table, llm, question)),
        price_margin_ratio=None if rival is None else _margin_ratio(best, rival),
        rival=rival,
    )


def _margin_ratio(best: PlannedRig, rival: PlannedRig) -> float:
    """Return by how much the winner's price may rise until the rival costs no more.

    Hosts around bought cards are no part of the price that rises.
    """
    price = best.cost_usd if best.bought is None else best.bought.goods_usd.mid
    return (rival.cost_usd - best.cost_usd) / price


def sold_only(space: Space, question: Question) -> Space:
    """Return the space without cards that nobody rents or sells."""
    sold = {p.gpu for p in (space.goods if question.limits.buys else space.prices)}
    return replace(space, gpus=tuple(gpu for gpu in space.gpus if gpu.slug in sold))


def _winner(
    llm: Llm, question: Question, space: Space, known: Table | None
) -> PlannedRig | None:  # fmt: skip
    """Return the first plan of a question alone; of one that is known only prices are new."""
    table = evaluated(llm, question, space) if known is None else repriced(known, question, space)
    feasible = np.flatnonzero(first_broken(table, question) == len(CONSTRAINTS))
    if not len(feasible):
        return None
    first = ranking(llm, table, feasible, question)[:1].tolist()
    return planned_rigs(llm, table, first, question, space.tariff)[0]


def _changes(
    question: Question, space: Space, best: PlannedRig
) -> Iterator[tuple[Varied, float, Question, Space]]:
    """Yield every input, a tenth lower and a tenth higher, with the question that it makes."""
    workload = question.workload
    for ratio in (-CHANGE_RATIO, CHANGE_RATIO):
        factor = 1.0 + ratio
        yield "price", ratio, question, _priced(space, best.gpu, factor)
        yield "rate", ratio, question.at_rate(workload.rate_requests_per_s * factor), space
        tokens = max(1, round(workload.input_tokens * factor))
        longer = workload.model_copy(update={"input_tokens": tokens})
        yield "input", ratio, replace(question, workload=longer), space
        tokens = max(1, round(workload.output_tokens * factor))
        longer = workload.model_copy(update={"output_tokens": tokens})
        yield "output", ratio, replace(question, workload=longer), space
        for one in question.slo.objectives():
            name = f"{one.metric}_p{one.percentile}_s"
            slo = question.slo.model_copy(update={name: one.limit_s * factor})
            yield one.metric, ratio, replace(question, slo=slo), space


def _priced(space: Space, gpu: str, factor_ratio: float) -> Space:
    """Return the space with every price of one card changed."""

    def scaled_usd(price_usd: float | None) -> float | None:
        return None if price_usd is None else price_usd * factor_ratio

    prices = tuple(
        price.model_copy(update={
            "on_demand_usd_per_hour": scaled_usd(price.on_demand_usd_per_hour),
            "spot_usd_per_hour": scaled_usd(price.spot_usd_per_hour),
        }) if price.gpu == gpu else price
        for price in space.prices
    )  # fmt: skip
    goods = tuple(
        replace(good, low_usd=good.low_usd * factor_ratio, high_usd=good.high_usd * factor_ratio)
        if good.gpu == gpu
        else good
        for good in space.goods
    )
    return replace(space, prices=prices, goods=goods)


def _binding(table: Table, plan: Plan) -> str:
    """Return what keeps one engine of the first plan from carrying more."""
    best, question = plan.plans[0], plan.question
    need = question.wanted_requests_per_s
    if best.prefill_count:
        parts = parts_text(best).removeprefix("; ")
        return (
            f"Binding: {parts}, {best.split.replicas} in all, carry "
            f"{best.capacity_requests_per_s:.3g} requests/s; {need:.3g} with headroom are wanted."
        )
    number = _row_of(table, best)
    each = float(table.engine_rate_per_s[number])
    why = _bound_by(table, number, plan.llm, question)
    return (
        f"Binding: one engine carries {each:.3g} requests/s, where {why}; {need:.3g} with headroom "
        f"take {best.split.replicas} of them."
    )


def _bound_by(table: Table, number: int, llm: Llm, question: Question) -> str:
    """Return what binds one engine at its largest load: an objective, prompts, or memory."""
    tight = max(
        table.judged_s, key=lambda o: float(table.judged_s[o][number]) / o.limit_s, default=None
    )
    if tight is not None and float(table.judged_s[tight][number]) >= _BINDS_RATIO * tight.limit_s:
        return (
            f"{tight.metric.upper()} p{tight.percentile} reaches its objective of "
            f"{show_seconds(tight.limit_s)}"
        )
    held = float(table.capacity_seqs[number])
    (group,) = groups(llm, table.candidates, np.array([number]))
    capacity = np.array([held])
    confidence = question.limits.confidence
    flow = largest_loads(group, question.lengths, capacity, question.slo, confidence)
    if float(np.asarray(flow.running_seqs)[0]) < _BINDS_RATIO * float(
        np.asarray(largest_steady_seqs(capacity))[0]
    ):
        return "prompts fill its steps"
    return f"its memory is full at {held:.0f} sequences"


def _row_of(table: Table, plan: PlannedRig) -> int:
    """Return the row of a plan in a table of the same question over fewer cards."""
    for number in np.flatnonzero(table.engine_rate_per_s > 0.0).tolist():
        same = (
            table.gpu(number).slug == plan.gpu
            and table.split(number) == replace(plan.split, replicas=1)
            and table.format_name(number) == plan.weights
            and table.kv_name(number) == plan.kv
            and table.runtime(number).slug == plan.runtime
            and int(table.rows[number]["step_tokens"]) == plan.step_tokens
        )
        if same:
            return number
    raise AssertionError(engines_text(plan))  # the plan came from such a table


@dataclass(frozen=True, slots=True)
class _Rivals:
    """Rows that might be the cheapest at some rate, with what one engine of each carries.

    Attributes:
        read_rate_per_s, decode_rate_per_s: Of engines that only read prompts, or only decode; 0
            where a runtime does not divide them.
    """

    table: Table
    rows: NDArray[np.int64]
    rate_per_s: Column
    read_rate_per_s: Column
    decode_rate_per_s: Column

    def taken(self, places: NDArray[np.int64]) -> _Rivals:
        """Return some of them."""
        return _Rivals(
            self.table, self.rows[places], self.rate_per_s[places],
            self.read_rate_per_s[places], self.decode_rate_per_s[places],
        )  # fmt: skip

    def cheapest(self, question: Question, rate_requests_per_s: float) -> int | None:
        """Return the cheapest row at another rate; ``None`` where all pass a bound."""
        asked = question.at_rate(rate_requests_per_s)
        engines = engines_count(self.rate_per_s, asked)
        wanted = asked.wanted_requests_per_s
        with np.errstate(divide="ignore"):
            parts = np.ceil(wanted / self.read_rate_per_s) + np.ceil(
                wanted / self.decode_rate_per_s
            )
        parts = np.maximum(parts, question.limits.min_engines_count)
        engines = np.minimum(engines, parts + question.limits.spare_engines_count)
        supply, rows = self.table.suppliers.supply(self.rows, engines), self.table.rows[self.rows]
        amounts = Amounts(
            self.table.candidates.gpus, rows["gpu"], engines * rows["cards"],
            supply.machines_count, supply.usd,
        )  # fmt: skip
        usd = np.where(is_beyond(amounts, question.limits), np.inf, supply.usd)
        usd = np.nan_to_num(usd, nan=np.inf)
        # Of equally cheap ones the one that carries more, so that the answer does not waver.
        best = int(np.lexsort((-self.rate_per_s, usd))[0])
        return int(self.rows[best]) if np.isfinite(usd[best]) else None


def _flips(table: Table, llm: Llm, question: Question) -> Iterator[Flip[str]]:
    """Yield the rates between which another card's engines become the cheapest.

    What an engine carries within the objectives does not depend on the rate; only how many are
    taken does. Of engines of one card and size the one that carries most is never beaten.
    """
    rivals = _rivals(table, llm, question)
    if not len(rivals.rows):
        return
    asked = question.workload.rate_requests_per_s
    grid = rate_grid_requests_per_s(asked / _RATE_SPAN_RATIO, asked * _RATE_SPAN_RATIO, _RATE_STEPS)
    gpus = table.rows["gpu"]
    for one in flips(lambda rate: rivals.cheapest(question, rate), grid, _BISECTIONS):
        if gpus[one.before] != gpus[one.after]:
            yield Flip(
                one.at_requests_per_s, one.from_requests_per_s,
                _engine_text(table, one.before), _engine_text(table, one.after),
            )  # fmt: skip


def _engine_text(table: Table, number: int) -> str:
    """Return an engine's cards."""
    return f"{table.engine_cards(number)}x{table.gpu(number).slug}"


def _rivals(table: Table, llm: Llm, question: Question) -> _Rivals:
    """Return, of each card and size, the rows that carry most, divided and undivided."""
    numbers = np.flatnonzero(carries(table))
    sends = np.array([runtime.slug in SENDING for runtime in table.candidates.runtimes])
    read, decode = np.zeros(len(table.rows)), np.zeros(len(table.rows))
    limits = question.limits
    dividing = numbers[sends[table.rows["runtime"][numbers]]]
    for group in groups(llm, table.candidates, dividing):
        goals = goals_of(group, question.slo, limits.confidence)
        capacity = table.capacity_seqs[group.numbers]
        found = divided(group, question.lengths, capacity, goals)
        read[group.numbers] = found.read_rate_per_s
        decode[group.numbers] = found.decode_rate_per_s
    rate = table.engine_rate_per_s
    all_of_them = _Rivals(table, numbers, rate[numbers], read[numbers], decode[numbers])
    keys = table.rows["gpu"][numbers].astype(np.int64) * 1000 + table.rows["cards"][numbers]
    best = []
    with np.errstate(divide="ignore"):
        pairs = 1.0 / (1.0 / all_of_them.read_rate_per_s + 1.0 / all_of_them.decode_rate_per_s)
    for strength in (all_of_them.rate_per_s, all_of_them.read_rate_per_s,
                     all_of_them.decode_rate_per_s, pairs):  # fmt: skip
        order = np.argsort(-strength, kind="stable")
        best.append(order[np.unique(keys[order], return_index=True)[1]])
    return all_of_them.taken(np.unique(np.concatenate(best)))
