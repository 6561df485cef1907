"""Watts of a deployment by phase, and what power caps change (formulas F13).

A rented machine's electricity is its provider's: a cap then costs speed and saves nothing. An own
machine pays for its price over its years and for its electricity: a cap pays where the energy
that it saves is worth more than the tokens that it loses.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from rightrig.costs.money import cost_usd_per_token, energy_usd_per_month, owned_cost_usd_per_token
from rightrig.errors import InputError
from rightrig.interval import sum_if_comonotone
from rightrig.planning.placing import placements
from rightrig.planning.power_values import Capped, Goals, Phase, Powered
from rightrig.prediction.drafting import timer_for
from rightrig.prediction.electrical import heat_btu_per_hour
from rightrig.prediction.host_power import hosts_power_w
from rightrig.prediction.power import (
    card_power_w,
    draw_of,
    idle_power_w,
    used_energy_per_token_j,
)
from rightrig.prediction.power_cap import clock_ratio
from rightrig.prediction.predict import cards_power_w, predict
from rightrig.prediction.regimes import burst_moments, decode_step
from rightrig.quantities import HOURS_PER_MONTH

if TYPE_CHECKING:
    from rightrig.deployment.deployment import Deployment
    from rightrig.facts.gpu import Gpu
    from rightrig.interval import Interval
    from rightrig.planning.power_values import Money, Question
    from rightrig.prediction.predict import Prediction
    from rightrig.prediction.step_time import StepTimer
    from rightrig.work.operators import Step

CAPS_RATIO: Final = (1.0, 0.95, 0.9, 0.85, 0.8, 0.75, 0.7, 0.65, 0.6)
_NOT_WORTH_RATIO: Final = 1e-3


def powered(question: Question) -> Powered:
    """Return what a deployment draws by phase, and under caps where they are asked for.

    Raises:
        InputError: where the power of a card is not published.
    """
    deployment, money = question.deployment, question.money
    unknown = _without_power(deployment)
    if unknown is not None:
        raise InputError(
            f"the power of {unknown.slug} is not published, so that its watts cannot be predicted; "
            "ask about another card"
        )
    result = predict(deployment, question.lengths, question.concurrency)
    phases = _phases(result)
    used = used_energy_per_token_j(
        phases[-1].power_w.mid, phases[0].power_w.mid, money.use_ratio,
        result.output_tokens_per_s.mid,
    )  # fmt: skip
    found = Powered(
        prediction=result,
        money=money,
        goals=question.goals,
        phases=phases,
        used_j_per_token=used,
        energy_usd_per_token=used / 3.6e6 * money.tariff.pue_ratio * money.tariff.usd_per_kwh,
        host_w=hosts_power_w(deployment.rig),
        placements=placements(deployment.rig),
    )
    if not question.with_caps:
        return found
    caps = tuple(_capped(question, ratio) for ratio in CAPS_RATIO)
    caps = tuple(replace(cap, keeps=_keeps(cap, caps[0], question.goals)) for cap in caps)
    best, reason = _recommended(caps, question.goals)
    return replace(found, caps=caps, best=best, reason=reason)


def _without_power(deployment: Deployment) -> Gpu | None:
    """Return a card whose power nobody published, or ``None``."""
    groups = deployment.rig.groups
    return next((group.gpu for group in groups if group.gpu.board_power_w is None), None)


def _phases(result: Prediction) -> tuple[Phase, ...]:
    """Return idle, prompts, decoding and the mean of a prediction's traffic."""
    deployment, lengths = result.deployment, result.lengths
    timer = timer_for(deployment, lengths)
    replicas = deployment.parallelism.replicas
    busy_engines = min(float(replicas), result.running_seqs)
    engine_seqs = result.running_seqs / busy_engines
    decode = decode_step(timer.pace, engine_seqs, lengths)
    prompt = burst_moments(timer.pace, engine_seqs, lengths)[0].step
    groups = float(timer.pace.groups_count)
    micro = float(timer.pace.in_flight_count)
    decoded = engine_seqs * lengths.accepted_count * busy_engines / float(timer.step_s(decode))
    read = (
        float(prompt.prefill_tokens) * groups * micro * busy_engines / float(timer.step_s(prompt))
    )
    share = busy_engines / replicas
    mean_w = result.power_w
    assert mean_w is not None  # noqa: S101 - every card's power is known here
    return (
        Phase("idle", _idle_w(deployment), None, None, 0.0, 0.0),
        _phase("prompts", deployment, timer, prompt, (share, read)),
        _phase("decoding", deployment, timer, decode, (share, decoded)),
        Phase(
            "mean of the traffic", mean_w, result.output_tokens_per_s.mid,
            result.energy_j_per_token, float(timer.memory_use_ratio(result.step)),
            float(timer.use_ratio(result.step)),
        ),
    )  # fmt: skip


def _phase(
    name: str, deployment: Deployment, timer: StepTimer, step: Step, at: tuple[float, float]
) -> Phase:
    """Return one phase from its step; ``at`` is the busy share of engines and the tokens/s."""
    busy_ratio, tokens_per_s = at
    power = cards_power_w(deployment, timer, step, busy_ratio)
    assert power is not None  # noqa: S101 - every card's power is known here
    return Phase(
        name, power, tokens_per_s, power.scaled(1.0 / tokens_per_s),
        float(timer.memory_use_ratio(step)), float(timer.use_ratio(step)),
    )  # fmt: skip


def _idle_w(deployment: Deployment) -> Interval:
    """Return what all cards draw with a loaded model and nothing to do."""
    parts = [
        idle_power_w(group.gpu.board_power_w or 0.0, draw_of(group.gpu)).scaled(group.count)
        for group in deployment.rig.groups
    ]
    total = parts[0]
    for part in parts[1:]:
        total = sum_if_comonotone(total, part)
    return total.scaled(deployment.rig.nodes_count)


def _capped(question: Question, ratio: float) -> Capped:
    """Return a deployment with every card limited to a share of its board's power."""
    deployment, money = question.deployment, question.money
    rig = deployment.rig
    groups = tuple(
        replace(group, power_cap_w=(group.gpu.board_power_w or 0.0) * ratio) for group in rig.groups
    )
    one = replace(deployment, rig=replace(rig, groups=groups))
    result = predict(one, question.lengths, question.concurrency)
    phases = _phases(result)
    prompts, mean = phases[1], phases[-1]
    rate = result.output_tokens_per_s.mid
    rent = money.rent_usd_per_hour
    rate_in_use = rate * money.use_ratio
    return Capped(
        limit_ratio=ratio,
        limit_w=groups[0].power_cap_w or 0.0,
        clock_ratio=float(clock_ratio(ratio)),
        ttft_s=result.ttft_s.mid,
        tpot_s=result.tpot_s.mid,
        prefill_tokens_per_s=prompts.tokens_per_s or 0.0,
        output_tokens_per_s=rate,
        power_w=mean.power_w,
        energy_j_per_token=mean.power_w.mid / rate,
        own_usd_per_token=_own_usd_per_token(
            phases, rate, money, hosts_power_w(deployment.rig).mid
        ),
        rent_usd_per_token=None
        if rent is None
        else cost_usd_per_token(rent * HOURS_PER_MONTH, rate_in_use),
        heat_btu_per_hour=heat_btu_per_hour(mean.power_w.mid),
        keeps=True,
    )


def _own_usd_per_token(
    phases: tuple[Phase, ...], tokens_per_s: float, money: Money, host_w: float
) -> float | None:
    """Return capital over its years and electricity, the host's too, in $ an answer token."""
    if money.capex_usd is None:
        return None
    capital = owned_cost_usd_per_token(
        money.capex_usd, tokens_per_s, money.owned_years, money.use_ratio
    )
    idle_w, busy_w = phases[0].power_w.mid, phases[-1].power_w.mid
    mean_w = host_w + float(card_power_w(busy_w, idle_w, money.use_ratio))
    tariff = money.tariff
    monthly = energy_usd_per_month(mean_w, tariff.pue_ratio, tariff.usd_per_kwh)
    return capital + cost_usd_per_token(monthly, tokens_per_s * money.use_ratio)


def _keeps(cap: Capped, free: Capped, goals: Goals) -> bool:
    """Return whether a limit keeps the goals; ``free`` is the board's own limit."""
    return (
        cap.output_tokens_per_s >= free.output_tokens_per_s * (1.0 - goals.loss_ratio)
        and cap.ttft_s <= (goals.ttft_s or math.inf)
        and cap.tpot_s <= (goals.tpot_s or math.inf)
    )


def _recommended(caps: tuple[Capped, ...], goals: Goals) -> tuple[Capped | None, str]:
    """Return the limit to set and why: least $ a token of an own machine, then least energy."""
    kept = [cap for cap in caps if cap.keeps]
    if not kept:
        return None, "No limit keeps the times asked for, the board's own neither."
    by_money = all(cap.own_usd_per_token is not None for cap in kept)

    def worth(cap: Capped) -> float:
        return cap.own_usd_per_token or 0.0 if by_money else cap.energy_j_per_token

    least = min(worth(cap) for cap in kept)
    # What differs by less than a thousandth is equal: the lower limit is then cooler.
    best = min(
        (cap for cap in kept if worth(cap) <= least * (1.0 + _NOT_WORTH_RATIO)),
        key=lambda cap: cap.limit_ratio,
    )
    what = "dollars a token of an own machine" if by_money else "energy a token"
    free, asked = caps[0], f"at most {goals.loss_ratio:.0%} of the throughput"
    if best is free:
        return best, f"no lower one that costs {asked} and keeps the times asked has less {what}."
    lost = 1.0 - best.output_tokens_per_s / free.output_tokens_per_s
    saved = 1.0 - best.power_w.mid / free.power_w.mid
    edge = " It is the lowest that was looked at." if best is caps[-1] else ""
    return best, (
        f"of the limits that cost {asked} and keep the times asked, {best.limit_ratio:.0%} has the "
        f"least {what} (within 0.1 %): {lost:.1%} of the tokens and {saved:.1%} of the mean watts "
        f"less than at the board's own.{edge}"
    )
