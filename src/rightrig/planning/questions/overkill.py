"""Is a rig too much for a model and its traffic: how much of it is used, and what would do."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from rightrig.costs.offers import cheapest
from rightrig.facts.explanation import Explanation, Figure
from rightrig.planning.questions.market import keeping_options
from rightrig.planning.search import plan
from rightrig.prediction.memory_fit import Fit, fit
from rightrig.prediction.predict import predict
from rightrig.quantities import show_seconds, show_usd

if TYPE_CHECKING:
    from rightrig.deployment.deployment import Deployment
    from rightrig.interval import Interval
    from rightrig.planning.constraints import Question
    from rightrig.planning.planned import PlannedRig
    from rightrig.planning.search import Space
    from rightrig.prediction.predict import Prediction
    from rightrig.prediction.regimes import Lengths

_EVERY: Final = 1000
_MOST_USERS: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Overkill:
    """The answer of ``ask overkill``.

    Attributes:
        running_seqs: Users of a closed loop that send as much as the traffic, over all replicas.
        fitted: Memory with that many sequences at once.
        busy: The prediction with that many; ``None`` where the rig cannot carry the traffic.
        capacity_requests_per_s: What the rig carries within the objectives.
        rent_usd_per_month: Cheapest rent of the rig; ``None`` where nobody rents it.
        cheaper: The cheapest plan for the same traffic, objectives and format.
        sharing_count: Engines of this model, each with this traffic, that memory and speed of
            the rig allow, as far as they do not slow each other down otherwise.
    """

    deployment: Deployment
    question: Question
    running_seqs: int
    fitted: Fit
    busy: Prediction | None
    capacity_requests_per_s: Interval
    rent_usd_per_month: float | None
    cheaper: PlannedRig | None
    sharing_count: int

    @property
    def memory_ratio(self) -> float:
        """Share of the tightest card's budget that the model and its traffic take."""
        card = self.fitted.binding
        return card.required_bytes.mid / card.budget_bytes.mid

    @property
    def capacity_ratio(self) -> float | None:
        """Share of what the rig carries that the traffic takes; ``None`` where it is nothing."""
        most = self.capacity_requests_per_s.mid
        return self.question.workload.rate_requests_per_s / most if most else None

    @property
    def saving_usd_per_month(self) -> float | None:
        """What the cheapest plan saves; ``None`` where a rent is not known."""
        if self.cheaper is None or self.rent_usd_per_month is None:
            return None
        return self.rent_usd_per_month - self.cheaper.rent_usd_per_month

    @property
    def is_overkill(self) -> bool:
        """Whether the rig carries the traffic, and something cheaper with the same weights does."""
        saving = self.saving_usd_per_month
        return self.busy is not None and saving is not None and saving > 0.0

    def explain(self) -> Explanation:
        """Return how much is used, what would do, what the rest buys, and who could share."""
        sentences = (_use_sentence(self), *_money_sentences(self), *_buys_sentences(self),
                     _sharing_sentence(self))  # fmt: skip
        share, used = self.memory_ratio, self.capacity_ratio
        figures = [Figure("memory_ratio", share, f"{share:.0%}", "memory_fit.fit")]
        if used is not None:
            figures.append(Figure("capacity_ratio", used, f"{used:.0%}", "predict"))
        cards = self.deployment.rig.groups
        sources = tuple(source.reference for group in cards for source in group.gpu.sources)
        return Explanation(sentences, tuple(figures), tuple(dict.fromkeys(sources)))


def overkill(deployment: Deployment, question: Question, space: Space) -> Overkill:
    """Return how much of a rig a model's traffic uses, and the cheapest that would do.

    Args:
        deployment: The model on the rig.
        question: Traffic, objectives, limits.
        space: What else may be chosen from; its weight format is that of the deployment.
    """
    workload = question.workload
    lengths = question.lengths
    full = predict(deployment, lengths, None)
    space = replace(space, formats=(deployment.precision.weights,))
    capacity = _capacity_requests_per_s(deployment, question, space, full)
    rate = workload.rate_requests_per_s
    users = _users_count(deployment, lengths, rate, full) if rate <= capacity.mid else None
    tokens = workload.input_tokens + workload.output_tokens
    fitted = fit(deployment, tokens, users or full.concurrency)
    plans = plan(deployment.llm, question, space, _EVERY).plans
    rig, split = deployment.rig, deployment.parallelism
    rent = cheapest(space.prices, rig.gpu.slug, split.engine_cards, split.replicas)
    return Overkill(
        deployment=deployment,
        question=question,
        running_seqs=users or full.concurrency,
        fitted=fitted,
        busy=predict(deployment, lengths, users) if users else None,
        capacity_requests_per_s=capacity,
        rent_usd_per_month=None if rent is None else rent.rent_usd_per_month,
        cheaper=next(iter(plans), None),
        sharing_count=_sharing_count(fitted, capacity, question),
    )


def _capacity_requests_per_s(
    deployment: Deployment, question: Question, space: Space, full: Prediction
) -> Interval:
    """Return what a rig carries: with full memory, or less where an objective ends it.

    The engine is the plan's with the same runtime and split; 0 where that misses an objective.
    """
    if not question.slo.objectives():
        return full.requests_per_s
    rig, split = deployment.rig, deployment.parallelism
    carried = (
        option.rate_requests_per_s * split.replicas
        for option in keeping_options(deployment.llm, question, replace(space, gpus=(rig.gpu,)))
        if option.runtime == deployment.runtime.slug
        and (option.split.tp, option.split.pp) == (split.tp, split.pp)
    )
    most = min(max(carried, default=0.0), full.requests_per_s.mid)
    return full.requests_per_s.scaled(most / full.requests_per_s.mid)


def _users_count(
    deployment: Deployment, lengths: Lengths, rate_requests_per_s: float, full: Prediction
) -> int | None:
    """Return the fewest users of a closed loop that send at least a rate; ``None`` if too many.

    What users send rises with their number, so that the number is bisected.
    """
    if full.requests_per_s.mid < rate_requests_per_s:
        return None
    low, high = 0, full.concurrency
    while high - low > 1:
        middle = (low + high) // 2
        sent = predict(deployment, lengths, middle).requests_per_s.mid
        low, high = (middle, high) if sent < rate_requests_per_s else (low, middle)
    return high


def _sharing_count(fitted: Fit, capacity_requests_per_s: Interval, question: Question) -> int:
    """Return the engines that memory and speed leave room for, each with the asked traffic."""
    card = fitted.binding
    by_memory = math.floor(card.budget_bytes.mid / card.required_bytes.mid)
    by_speed = math.floor(capacity_requests_per_s.mid / question.wanted_requests_per_s)
    return max(0, min(by_memory, by_speed, _MOST_USERS))


def _use_sentence(found: Overkill) -> str:
    """Return how much of the rig is used."""
    rate = found.question.workload.rate_requests_per_s
    rig = found.deployment.rig.text
    if found.busy is None:
        return (
            f"{rig} carries {found.capacity_requests_per_s.mid:.3g} requests/s at most, less than "
            f"the {rate:.3g} asked for: it is too little, not too much."
        )
    users, most = found.running_seqs, found.capacity_requests_per_s.mid
    return (
        f"{rig} at {rate:.3g} requests/s: {found.memory_ratio:.0%} of its memory budget "
        f"({users} sequence{'s' * (users > 1)} at once) and {rate / most:.0%} of the "
        f"{found.capacity_requests_per_s.mid:.3g} requests/s that it carries."
    )


def _money_sentences(found: Overkill) -> tuple[str, ...]:
    """Return the cheapest that keeps the objectives, and the gap."""
    if found.cheaper is None:
        return ("No rented card keeps the objectives with these weights.",)
    p = found.cheaper
    text = f"{p.split.replicas} × {p.rig} at {show_usd(p.rent_usd_per_month)} a month"
    if found.rent_usd_per_month is None:
        return (f"The cheapest that does: {text}. Nobody rents {found.deployment.rig.text}.",)
    if found.busy is None:
        return (f"The cheapest that does: {text}.",)
    rent = show_usd(found.rent_usd_per_month)
    saving = found.saving_usd_per_month or 0.0
    if not found.is_overkill:
        return (f"At {rent} a month it is no more than the cheapest that does, {text}.",)
    return (f"The cheapest that does: {text}, {show_usd(saving)} less than {rent}.",)


def _buys_sentences(found: Overkill) -> tuple[str, ...]:
    """Return what the larger rig is better in, against the cheapest that does."""
    if found.busy is None or found.cheaper is None or not found.is_overkill:
        return ()
    p, tpot_s, ttft_s = found.cheaper, found.busy.tpot_s.mid, found.busy.ttft_s.mid
    most = found.capacity_requests_per_s.mid
    return (
        (
            f"For the extra money: a mean TPOT of {show_seconds(tpot_s)} against "
            f"{show_seconds(p.tpot_mean_s)}, a mean TTFT of {show_seconds(ttft_s)} against "
            f"{show_seconds(p.ttft_mean_s)}, room for {most:.3g} requests/s against "
            f"{p.capacity_requests_per_s:.3g}."
        ),
    )


def _sharing_sentence(found: Overkill) -> str:
    """Return how many engines could share the rig."""
    count = found.sharing_count
    if count <= 1:
        return "No second engine of this model with as much traffic would share it."
    return (
        f"At most {count} engines of this model, each with as much traffic and its headroom, would "
        "share it; that they slow each other down is left out."
    )
