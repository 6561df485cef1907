"""What was planned, from the JSON of ``rightrig plan``, ``predict`` or ``simulate``."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    ValidationError,
)

from rightrig.demand.objective import OBJECTIVES, Slo
from rightrig.deployment.limits import LAYERED
from rightrig.deployment.propose import Choices
from rightrig.errors import InputError
from rightrig.facts.reading import json_object, no_file, plain, read_bounded
from rightrig.interval import Interval
from rightrig.quantities import HOURS_PER_MONTH, show_users

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_KIND: Final = "JSON of rightrig plan, predict or simulate"
_MOST_BYTES: Final = 64_000_000
_EXAMPLE: Final = "rightrig plan MODEL --rate 5/s … --json > plan.json"


@dataclass(frozen=True, slots=True)
class Planned:
    """One deployment that was planned, and the traffic that it is for.

    Attributes:
        origin: ``plan``, ``predict`` or ``simulate``.
        rig: In rig notation.
        choices: How the model is split, stored and served there.
        peak_requests_per_s: What it must carry: the asked rate and the headroom of the plan; of a
            prediction its own rate, of a limit that was found the limit.
        input_tokens, output_tokens: Mean lengths.
        longest_tokens: Longest prompt and answer together; where a file says no more, those means.
        slo: What was promised; empty where nothing was.
        capacity_requests_per_s: What the file says it carries within the objectives.
        cost_usd_per_hour: Rent that the file says; ``None`` where it names none.
        words: Where the peak comes from.
    """

    origin: str
    model: str
    rig: str
    choices: Choices
    prefill_replicas_count: int
    peak_requests_per_s: float
    input_tokens: int
    output_tokens: int
    longest_tokens: int
    slo: Slo
    capacity_requests_per_s: Interval | None
    cost_usd_per_hour: float | None
    words: str


class _Part(BaseModel):
    """A part of a file of ours; what this room has no use for is left aside."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class _Rate(_Part):
    low_requests_per_s: NonNegativeFloat = Field(alias="low")
    mid_requests_per_s: NonNegativeFloat = Field(alias="mid")
    high_requests_per_s: NonNegativeFloat = Field(alias="high")

    @property
    def ends_requests_per_s(self) -> Interval:
        """The same as a value that checks its order."""
        return Interval(self.low_requests_per_s, self.mid_requests_per_s, self.high_requests_per_s)


class _Split(_Part):
    rig: str
    runtime: str
    weights: str
    kv: str
    tp: PositiveInt
    pp: PositiveInt
    replicas: PositiveInt
    max_batched_tokens: PositiveInt


class _Plan(_Split):
    dp: PositiveInt = 1
    ep: PositiveInt = 1
    cp: PositiveInt = 1
    prefill_replicas: NonNegativeInt = 0
    capacity_requests_per_s: PositiveFloat
    rent_usd_per_month: NonNegativeFloat = 0.0


class _Question(_Part):
    rate_requests_per_s: PositiveFloat
    input_tokens: PositiveInt
    output_tokens: PositiveInt
    longest_tokens: PositiveInt | None = None
    headroom_ratio: NonNegativeFloat = 0.0


class _Deployment(_Split):
    model: str
    runtime_version: str = ""
    attention_dp: PositiveInt = 1
    expert_parallel: PositiveInt = 1
    context_parallel: PositiveInt = 1
    max_seqs: PositiveInt | None = None
    gpu_memory_utilization_ratio: PositiveFloat | None = None


class _Predicted(_Part):
    deployment: _Deployment
    input_tokens: PositiveFloat
    output_tokens: PositiveFloat
    concurrency: PositiveInt
    requests_per_s: _Rate


class _Lengths(_Part):
    mean_tokens: PositiveFloat
    p99_tokens: PositiveFloat = 1.0

    @property
    def usual_tokens(self) -> int:
        """The mean, in whole tokens."""
        return max(round(self.mean_tokens), 1)

    @property
    def long_tokens(self) -> int:
        """The 99th percentile, in whole tokens; the mean where a file does not say it."""
        return max(round(self.p99_tokens), self.usual_tokens)


class _Traffic(_Part):
    prompts: _Lengths
    answers: _Lengths


class _Limit(_Part):
    rate_requests_per_s: _Rate


class _Objective(_Part):
    metric: str
    percentile: int
    limit_s: PositiveFloat


class _Rent(_Part):
    rent_usd_per_hour: PositiveFloat


class _Simulated(_Part):
    deployment: _Deployment
    traffic: _Traffic
    served_requests_per_s: NonNegativeFloat
    offered_requests_per_s: PositiveFloat | None = None
    objectives: tuple[_Objective, ...] = ()
    limit: _Limit | None = None
    price: _Rent | None = None


def read_plan(text: str) -> Planned:
    """Return what a file says was planned.

    Args:
        text: A file, or ``FILE#2`` for the second plan in it.

    Raises:
        InputError: when the file holds no plan, prediction or simulation, or not so many plans.
    """
    file, mark, number = text.rpartition("#")
    is_numbered = bool(mark) and number.isdigit()
    path = Path(file if is_numbered else text)
    document = json_object(read_bounded(path, _KIND, _MOST_BYTES), path, _KIND)
    if "plans" in document:
        index = int(number) if is_numbered else 1
        return _read(path, partial(_planned, path, document, index))
    if "deployment" not in document:
        raise no_file(path, _KIND, f"it has no plans and no deployment; write one with {_EXAMPLE}")
    if is_numbered:
        raise InputError(f"{plain(path)} holds one answer; leave #{number} out")
    return _read(path, partial(_predicted, document))


def plan_in(document: Mapping[str, Any], index: int = 1) -> Planned:
    """Return one of the plans that ``plan --json`` prints; the first is number 1."""
    return _planned(Path("plan.json"), document, index)


def _read(path: Path, reader: Callable[[], Planned]) -> Planned:
    """Return what a reader makes of a file; what it lacks becomes one sentence."""
    try:
        return reader()
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        said = f"{plain(where, 60)}: {plain(first['msg'], 120)}; write one with {_EXAMPLE}"
        raise no_file(path, _KIND, said) from error


def _planned(path: Path, document: Mapping[str, Any], index: int) -> Planned:
    """Return one of the plans."""
    plans = document["plans"]
    count = len(plans) if isinstance(plans, list) else 0
    if not count:
        raise InputError(
            f"{plain(path)} holds no plan that meets its question; relax that, and plan again"
        )
    if not 1 <= index <= count:
        raise InputError(f"{plain(path)} holds {count} plans; number {index} is none of them")
    one = _Plan.model_validate(plans[index - 1])
    asked = _Question.model_validate(document.get("question"))
    peak = asked.rate_requests_per_s * (1.0 + asked.headroom_ratio)
    return Planned(
        origin="plan",
        model=str(document.get("model", "")),
        rig=one.rig,
        choices=Choices(
            one.runtime,
            one.weights,
            one.kv,
            one.tp,
            one.pp,
            one.replicas,
            max_batched_tokens=one.max_batched_tokens,
            attention_dp=one.dp,
            context_parallel=one.cp,
            expert_parallel=one.ep if one.ep > 1 else None,
        ),
        prefill_replicas_count=one.prefill_replicas,
        peak_requests_per_s=peak,
        input_tokens=asked.input_tokens,
        output_tokens=asked.output_tokens,
        longest_tokens=asked.longest_tokens or asked.input_tokens + asked.output_tokens,
        slo=_slo(document["question"]),
        capacity_requests_per_s=Interval.exact(one.capacity_requests_per_s),
        cost_usd_per_hour=one.rent_usd_per_month / HOURS_PER_MONTH or None,
        words=f"{asked.rate_requests_per_s:g} requests/s asked, and {asked.headroom_ratio:.0%} "
        "headroom",
    )


def _slo(question: Mapping[str, Any]) -> Slo:
    """Return the objectives of a question."""
    names = (f"{name}_s" for name in OBJECTIVES)
    return Slo.model_validate({name: question[name] for name in names if name in question})


def _predicted(document: dict[str, Any]) -> Planned:
    """Return what a prediction or a simulation is of."""
    if "requests_per_s" in document:
        return _of_prediction(_Predicted.model_validate(document))
    return _of_simulation(_Simulated.model_validate(document))


def _of_prediction(found: _Predicted) -> Planned:
    """Return the deployment of a prediction; its peak is the rate that it predicts."""
    users = show_users(found.concurrency)
    return Planned(
        origin="predict",
        model=found.deployment.model,
        rig=found.deployment.rig,
        choices=_choices(found.deployment),
        prefill_replicas_count=0,
        peak_requests_per_s=found.requests_per_s.mid_requests_per_s,
        input_tokens=round(found.input_tokens),
        output_tokens=round(found.output_tokens),
        longest_tokens=round(found.input_tokens) + round(found.output_tokens),
        slo=Slo(),
        capacity_requests_per_s=None,
        cost_usd_per_hour=None,
        words=f"what {users} in a closed loop are predicted to get",
    )


def _of_simulation(found: _Simulated) -> Planned:
    """Return the deployment of a simulation; its peak is the limit that it found, or its rate."""
    limit = None if found.limit is None else found.limit.rate_requests_per_s.ends_requests_per_s
    rate = found.offered_requests_per_s or found.served_requests_per_s
    if limit is not None and limit.mid > 0.0:
        rate = limit.mid
    limits = {f"{o.metric}_p{o.percentile}_s": o.limit_s for o in found.objectives}
    return Planned(
        origin="simulate",
        model=found.deployment.model,
        rig=found.deployment.rig,
        choices=_choices(found.deployment),
        prefill_replicas_count=0,
        peak_requests_per_s=rate,
        input_tokens=found.traffic.prompts.usual_tokens,
        output_tokens=found.traffic.answers.usual_tokens,
        longest_tokens=found.traffic.prompts.long_tokens + found.traffic.answers.long_tokens,
        slo=Slo.model_validate(limits),
        capacity_requests_per_s=limit,
        cost_usd_per_hour=None if found.price is None else found.price.rent_usd_per_hour,
        words="the rate that was simulated" if limit is None else "the highest rate simulated",
    )


def _choices(one: _Deployment) -> Choices:
    """Return how a deployment is split, stored and served."""
    version = f"@{one.runtime_version}" if one.runtime == "vllm" and one.runtime_version else ""
    # Answers name a share of memory of each engine; these take none.
    ratio = None if one.runtime in LAYERED else one.gpu_memory_utilization_ratio
    return Choices(
        f"{one.runtime}{version}", one.weights, one.kv, one.tp, one.pp, one.replicas,
        one.max_seqs, one.max_batched_tokens, ratio, one.attention_dp, one.context_parallel,
        expert_parallel=one.expert_parallel if one.expert_parallel > 1 else None,
    )  # fmt: skip
