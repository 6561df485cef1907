"""Engines judged one by one from their own deployments: what the search does in arrays.

Nothing here reads the columns of a search, only which engine a row is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rightrig.costs.goods import cheapest_good
from rightrig.costs.money import rent_usd_per_month
from rightrig.deployment.deployment import Deployment, Precision
from rightrig.deployment.limits import LAYERED
from rightrig.deployment.rig import CardGroup, Rig
from rightrig.planning.divided import SENDING, divided
from rightrig.planning.evaluate import Group
from rightrig.planning.layouts import machine_cards
from rightrig.planning.limits import limits_for
from rightrig.planning.speed_table import SpeedTable
from rightrig.prediction.evidence import measured_of, p99_end_ratios
from rightrig.prediction.layered_engines import layered_shares, placement_of
from rightrig.prediction.memory_fit import engine_of
from rightrig.prediction.paged_engines import paged_shares
from rightrig.prediction.parameters import engine_for
from rightrig.prediction.regimes import Lengths
from rightrig.prediction.serving import Goal, at_rate, largest_load
from rightrig.prediction.timers import timer_of

if TYPE_CHECKING:
    from rightrig.demand.objective import Limits
    from rightrig.facts.llm import Llm
    from rightrig.planning.candidates import Candidates
    from rightrig.planning.constraints import Question
    from rightrig.planning.search import Space
    from rightrig.prediction.evidence import Quantity
    from rightrig.prediction.step_time import StepTimer

CLOSE_RATIO = 1.0 + 1e-9
SLACK_RATIO = 1.01


def engine(llm: Llm, candidates: Candidates, number: int) -> Deployment:
    """Return one engine of a row, on as many machines as it fills."""
    row = candidates.rows[number]
    gpu, runtime = candidates.gpus[row["gpu"]], candidates.runtimes[row["runtime"]]
    split, most = candidates.layouts[row["layout"]], machine_cards(gpu)
    cards = min(split.engine_cards, most)
    rig = Rig((CardGroup(cards, gpu),), split.engine_cards // cards)
    precision = Precision(candidates.formats[row["format"]], candidates.kvs[row["kv"]])
    limits = limits_for(runtime, gpu, split, int(row["step_tokens"]))
    return Deployment(llm, rig, split, precision, runtime, limits)


def held_seqs(one: Deployment, tokens: int, *, is_sure: bool) -> float:
    """Return the sequences that every card of an engine holds, at the middle or the low end."""
    known = engine_of(one)
    if one.runtime.slug in LAYERED:
        placement = placement_of(known, (1.0,) * one.parallelism.pp)
        shares = layered_shares(known, tokens, placement)
    else:
        shares = paged_shares(known)
    counts = []
    for share in shares:
        budget = share.budget_bytes(one.rig.gpu.memory_bytes, one.limits.memory_ratio)
        fixed = share.fixed_bytes
        room = budget.low - fixed.high if is_sure else budget.mid - fixed.mid
        counts.append(share.held_count(tokens, room) if room > 0.0 else 0.0)
    return min(*counts, float(one.limits.max_seqs)) * one.parallelism.attention_dp


@dataclass(frozen=True, slots=True)
class Judged:
    """One feasible engine: how many, and what they cost."""

    number: int
    engines_count: int
    cards_count: int
    usd: float


def judged(
    llm: Llm, question: Question, space: Space, candidates: Candidates, number: int
) -> Judged | None:
    """Return a row with its engines and their price, or ``None`` where it breaks a limit."""
    workload, limits = question.workload, question.limits
    one = engine(llm, candidates, number)
    tokens = workload.input_tokens + workload.output_tokens
    if price_usd(one, space, limits, 1) is None:
        return None
    held = held_seqs(one, tokens, is_sure=limits.confidence == "surely")
    if held < 1.0:
        return None
    count = engines_count(one, question, held)
    if count is None:
        return None
    usd = price_usd(one, space, limits, count)
    cards = count * one.parallelism.engine_cards
    if usd is None or not _within(one, limits, cards, usd):
        return None
    return Judged(number, count, cards, usd)


def _within(one: Deployment, limits: Limits, cards: int, usd: float) -> bool:
    """Say whether engines stay within cards, stock, money and power."""
    most = min(limits.max_gpus_count, limits.available.get(one.rig.gpu.slug, math.inf))
    ceiling = limits.max_capex_usd if limits.buys else limits.budget_usd_per_month
    watts = one.rig.gpu.board_power_w
    has_power = limits.max_power_w is None or (
        watts is not None and watts * cards <= limits.max_power_w
    )
    return cards <= most and has_power and (ceiling is None or usd <= ceiling)


def goals_of(one: Deployment, question: Question) -> list[Goal]:
    """Return the objectives, lowered by the interval's high end where they are judged surely."""
    measured = measured_of(one.rig.gpu, engine_for(one.runtime))
    found = []
    for objective in question.slo.objectives():
        quantity: Quantity = "ttft" if objective.metric == "ttft" else "tpot"
        ends = p99_end_ratios(quantity, measured, has_experts=one.llm.has_experts)
        raised = ends[1] if question.limits.confidence == "surely" else 1.0
        found.append(Goal(objective.metric, objective.percentile, objective.limit_s / raised))
    return found


def engines_count(one: Deployment, question: Question, held_seqs: float) -> int | None:
    """Return the engines that the traffic takes, spares included; ``None`` where none will do."""
    workload, limits = question.workload, question.limits
    timer, goals = timer_of(one), goals_of(one, question)
    lengths = Lengths(float(workload.input_tokens), float(workload.output_tokens))
    load = largest_load(timer, lengths, held_seqs, goals)
    wanted = workload.rate_requests_per_s * (1.0 + limits.headroom_ratio)
    working = max(math.ceil(wanted / float(load.rate_requests_per_s)), limits.min_engines_count)
    if working > max(2, limits.min_engines_count):
        fewer = _divided_count(one, timer, question, held_seqs)
        if fewer is not None and fewer < working:
            return fewer + limits.spare_engines_count
    share = workload.rate_requests_per_s / working
    most = min(held_seqs, SLACK_RATIO * float(load.running_seqs))
    flow = at_rate(timer, lengths, share, most)
    for goal in goals:
        tails = [float(f.tail_s(goal.metric, goal.percentile)) for f in (load, flow)]
        if not max(tails) <= goal.limit_s * CLOSE_RATIO:
            return None
    return working + limits.spare_engines_count


def _divided_count(
    one: Deployment, timer: StepTimer, question: Question, held_seqs: float
) -> int | None:
    """Return how many engines it takes when some only read prompts, or ``None``."""
    goals, workload, limits = goals_of(one, question), question.workload, question.limits
    if one.runtime.slug not in SENDING:
        return None
    lengths = Lengths(float(workload.input_tokens), float(workload.output_tokens))
    table = SpeedTable(timer.speeds, (timer.speeds.measured,), np.zeros(1, np.int64))
    group = Group(np.zeros(1, np.int64), timer, table)
    parts = divided(group, lengths, np.array([held_seqs]), goals)
    wanted = workload.rate_requests_per_s * (1.0 + limits.headroom_ratio)
    reading = math.ceil(wanted / max(float(parts.read_rate_per_s[0]), 1e-12))
    decoding = math.ceil(wanted / max(float(parts.decode_rate_per_s[0]), 1e-12))
    rate = np.array([workload.rate_requests_per_s / reading])
    running = parts.steady_seqs(np.array([workload.rate_requests_per_s / decoding]))
    for goal in goals:
        if not float(parts.tail_s(goal.metric, goal.percentile, rate, running)[0]) <= goal.limit_s:
            return None
    return max(reading + decoding, limits.min_engines_count)


def price_usd(one: Deployment, space: Space, limits: Limits, engines: int) -> float | None:
    """Return the least rent a month, or price, of some engines; ``None`` where none is known."""
    gpu, split, most = one.rig.gpu, one.parallelism, machine_cards(one.rig.gpu)
    if limits.buys:
        bought = cheapest_good(space.goods, gpu, split.engine_cards, engines, most)
        return None if bought is None else bought.capex_usd
    part = min(split.engine_cards, most)
    parts = split.engine_cards // part * engines
    rents = []
    for price in space.prices:
        if price.gpu != gpu.slug or price.terms != "on-demand" or part > price.max_gpu_count:
            continue
        units = math.ceil(part / price.gpu_count)
        instances = math.ceil(parts / (units * price.gpu_count // part))
        hourly = [price.on_demand_usd_per_hour, price.spot_usd_per_hour if limits.spot else None]
        rents += [rent_usd_per_month(usd * units, instances) for usd in hourly if usd]
    return min(rents, default=None)
