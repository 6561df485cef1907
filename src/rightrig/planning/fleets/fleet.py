"""The cheapest mix of cards for several models and traffics, with routes.

The program is in ``fleet_model``; here it is filled from the catalogue, solved, solved again for
comparison (one kind of card; without each limit), and turned into pools and routes.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from rightrig.demand.objective import MAX_GPUS
from rightrig.planning.fleets.explain import explain_fleet
from rightrig.planning.fleets.market import stock_use
from rightrig.planning.fleets.model import Ceiling, Machine, Problem, Solution, hosts, solve
from rightrig.planning.fleets.options import at_load, choices_for
from rightrig.planning.routing import Route, RoutingTable, Target
from rightrig.planning.search import plan

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rightrig.demand.objective import Limits
    from rightrig.facts.explanation import Explanation
    from rightrig.planning.fleets.market import FleetMarket
    from rightrig.planning.fleets.model import Host
    from rightrig.planning.fleets.options import Bucket, Choice
    from rightrig.planning.options import EngineOption

_NO_HOST_NAME: Final = re.compile(r"[^a-z0-9-]+")
_OPTION: Final = re.compile(r"--([a-z][a-z0-9-]*)")
"""An option of the command line, which is a key of the file."""
_CLEARLY_RATIO: Final = 1.0 - 1e-6
"""A fleet is called cheaper when it is so by more than the solver's tolerance."""


@dataclass(frozen=True, slots=True)
class Pool:
    """Equal engines that serve one bucket.

    Attributes:
        choice: The engine, as it was chosen.
        option: The engine with its latencies at the load that it gets.
        engines_count: How many.
        flow_requests_per_s: What they get of the traffic.
        share_ratio: That as a share of the bucket's.
        load_ratio: That as a share of what they carry at most within the objectives.
    """

    name: str
    bucket: Bucket
    choice: Choice
    option: EngineOption
    engines_count: int
    flow_requests_per_s: float
    share_ratio: float
    load_ratio: float


@dataclass(frozen=True, slots=True)
class Alone:
    """The cheapest fleet of one kind of card; ``solution`` has none where that cannot be done."""

    gpu: str
    solution: Solution


@dataclass(frozen=True, slots=True)
class Relaxed:
    """The cheapest fleet without some of the limits: one, or all where no single one helps."""

    ceilings: tuple[Ceiling, ...]
    solution: Solution


@dataclass(frozen=True, slots=True)
class Rejection:
    """A card that cannot serve a bucket: the first rule that it breaks, and how."""

    bucket: str
    gpu: str
    rule: str
    reason: str


@dataclass(frozen=True, slots=True)
class Fleet:
    """The answer of ``fleet``.

    Attributes:
        problem: What was solved; ``choices`` are its engines, in its order.
        options_count: Engines before those that others make superfluous were dropped.
        pools: By bucket; empty without a fleet.
        hosts: One placement of the engines on the machines.
        alone: By rent; cards that cannot serve everything alone are left out.
        relaxed: One a limit that costs money, or that alone stands in the way of a fleet.
        unserved: (bucket, reason) of those that no engine can serve.
        rejected: Cards in use, or asked about, that cannot serve a bucket.
    """

    buckets: tuple[Bucket, ...]
    limits: Limits
    problem: Problem
    choices: tuple[Choice, ...]
    options_count: int
    solution: Solution
    pools: tuple[Pool, ...]
    hosts: tuple[Host, ...]
    alone: tuple[Alone, ...]
    relaxed: tuple[Relaxed, ...]
    unserved: tuple[tuple[str, str], ...]
    rejected: tuple[Rejection, ...]
    routes: RoutingTable

    @property
    def cards_count(self) -> int:
        """Cards that engines use."""
        return sum(p.engines_count * p.choice.kind.cards_count for p in self.pools)

    @property
    def machines(self) -> tuple[tuple[Machine, int], ...]:
        """The kinds of machines in use, and how many of each."""
        pairs = zip(self.problem.machines, self.solution.machine_counts, strict=False)
        return tuple((machine, count) for machine, count in pairs if count)

    def explain(self) -> Explanation:
        """Return where each demand goes and why, and what limits cost."""
        return explain_fleet(self)


def fleet(
    buckets: Sequence[Bucket], market: FleetMarket, limits: Limits, time_limit_s: float
) -> Fleet:
    """Return the cheapest fleet that serves every bucket within all limits.

    Args:
        buckets: Requests, each with its model and objectives.
        market: What can be rented, and what is owned.
        limits: Of the whole fleet.
        time_limit_s: For the solver, and again for each comparison.
    """
    machines = market.machines
    found = [choices_for(bucket, need, machines) for need, bucket in enumerate(buckets)]
    choices = tuple(choice for kept, _ in found for choice in kept)
    problem = Problem(
        tuple(bucket.need_requests_per_s for bucket in buckets),
        machines,
        tuple(choice.kind for choice in choices),
    )
    problem = replace(problem, ceilings=_ceilings(problem, choices, limits, market))
    hopeless = tuple(bucket for bucket, (kept, _) in zip(buckets, found, strict=True) if not kept)
    solution = _nothing() if hopeless else solve(problem, time_limit_s)
    pools = _pools(buckets, choices, solution)
    in_play = {pool.choice.kind.gpu for pool in pools} | set(market.named_gpus)
    return Fleet(
        buckets=tuple(buckets),
        limits=limits,
        problem=problem,
        choices=choices,
        options_count=sum(count for _, count in found),
        solution=solution,
        pools=pools,
        hosts=hosts(problem, solution) if solution.is_found else (),
        alone=() if hopeless else _alone(problem, time_limit_s),
        relaxed=() if hopeless else _relaxed(problem, solution, time_limit_s),
        unserved=tuple((bucket.name, _nearest(bucket)) for bucket in hopeless),
        rejected=_rejections(buckets, choices, in_play),
        routes=_routes(buckets, pools),
    )


def _ceilings(
    problem: Problem, choices: Sequence[Choice], limits: Limits, market: FleetMarket
) -> tuple[Ceiling, ...]:
    """Return the limits that were set, as sums over machines and engines."""
    no_machine, no_engine = (0.0,) * len(problem.machines), (0.0,) * len(choices)
    cards = tuple(float(choice.kind.cards_count) for choice in choices)
    found = []
    if limits.max_gpus_count < MAX_GPUS:
        found.append(Ceiling("max_gpus", float(limits.max_gpus_count), no_machine, cards))
    if limits.budget_usd_per_month is not None:
        rents = tuple(machine.rent_usd_per_month for machine in problem.machines)
        found.append(Ceiling("budget", limits.budget_usd_per_month, rents, no_engine))
    if limits.max_power_w is not None:
        # A card without a published power would break any limit: it cannot be promised.
        watts = tuple(
            choice.kind.cards_count * (choice.option.gpu.board_power_w or 2.0 * limits.max_power_w)
            for choice in choices
        )
        found.append(Ceiling("power", limits.max_power_w, no_machine, watts))
    for name, count in market.stock:
        uses = tuple(float(stock_use(machine, name)) for machine in problem.machines)
        found.append(Ceiling(f"available {name}", float(count), uses, no_engine))
    return tuple(found)


def _nothing() -> Solution:
    """Return the answer where a bucket has no engine at all."""
    return Solution("infeasible", (), (), math.inf, math.inf, 0.0)


def _alone(problem: Problem, time_limit_s: float) -> tuple[Alone, ...]:
    """Return the cheapest fleet of each card that can serve everything, by rent."""
    needs = set(range(len(problem.needs_requests_per_s)))
    gpus = sorted({engine.gpu for engine in problem.engines})
    whole = [g for g in gpus if {e.need for e in problem.engines if e.gpu == g} == needs]
    found = [Alone(gpu, solve(problem, time_limit_s, only_gpu=gpu)) for gpu in whole]
    held = [alone for alone in found if alone.solution.is_found]
    return tuple(sorted(held, key=lambda alone: alone.solution.rent_usd_per_month))


def _relaxed(problem: Problem, solution: Solution, time_limit_s: float) -> tuple[Relaxed, ...]:
    """Return what each limit costs: the cheapest fleet without it, where that is cheaper."""
    # A budget that is kept never makes the cheapest fleet dearer.
    asked = [c for c in problem.ceilings if c.key != "budget" or not solution.is_found]
    found = []
    for ceiling in asked:
        without = solve(problem, time_limit_s, without=(ceiling.key,))
        if without.rent_usd_per_month < solution.rent_usd_per_month * _CLEARLY_RATIO:
            found.append(Relaxed((ceiling,), without))
    if found or solution.is_found or len(asked) < 2:  # noqa: PLR2004 - one was tried alone
        return tuple(found)
    every = tuple(problem.ceilings)
    without = solve(problem, time_limit_s, without=tuple(c.key for c in every))
    return (Relaxed(every, without),) if without.is_found else ()


def _pools(
    buckets: Sequence[Bucket], choices: Sequence[Choice], solution: Solution
) -> tuple[Pool, ...]:
    """Return the engines of each bucket as pools, all loaded alike."""
    used = [
        (choice, count)
        for choice, count in zip(choices, solution.engine_counts, strict=False)
        if count
    ]
    pools = []
    for need, bucket in enumerate(buckets):
        mine = [(choice, count) for choice, count in used if choice.kind.need == need]
        carried = sum(choice.kind.rate_requests_per_s * count for choice, count in mine)
        rate = bucket.question.workload.rate_requests_per_s
        for choice, count in mine:
            share = choice.kind.rate_requests_per_s * count / carried
            name = f"{bucket.name}-{choice.kind.cards_count}x{choice.kind.gpu}"
            loaded = at_load(bucket, choice.option, share * rate / count)
            pools.append(
                Pool(
                    _NO_HOST_NAME.sub("-", name), bucket, choice, loaded, count, share * rate,
                    share, rate / carried,
                )
            )  # fmt: skip
    return tuple(pools)


def _routes(buckets: Sequence[Bucket], pools: Sequence[Pool]) -> RoutingTable:
    """Return where the requests of each bucket go; nowhere without a fleet."""
    routes = []
    for bucket in buckets:
        targets = tuple(
            Target(pool.name, pool.engines_count, pool.share_ratio)
            for pool in pools
            if pool.bucket is bucket
        )
        if targets:
            sizes = (bucket.low_tokens, bucket.high_tokens)
            llm = bucket.llm
            routes.append(Route(bucket.demand, llm.name, llm.max_context_tokens, *sizes, targets))
    return RoutingTable(tuple(routes))


def _rejections(
    buckets: Sequence[Bucket], choices: Sequence[Choice], in_play: set[str]
) -> tuple[Rejection, ...]:
    """Return which of some cards cannot serve a bucket, and the rule that each breaks."""
    found = []
    for need, bucket in enumerate(buckets):
        able = {choice.kind.gpu for choice in choices if choice.kind.need == need}
        gpus = tuple(gpu for gpu in bucket.space.gpus if gpu.slug in in_play - able)
        if gpus:
            asked = plan(bucket.llm, bucket.question, replace(bucket.space, gpus=gpus), 1)
            found += [Rejection(bucket.name, *rejected) for rejected in asked.rejected]
    return tuple(found)


def _nearest(bucket: Bucket) -> str:
    """Return what comes closest to serving a bucket, in the words of the file."""
    said = plan(bucket.llm, bucket.question, bucket.space, 1).nearest
    return _OPTION.sub(lambda option: option[1].replace("-", "_"), said)
