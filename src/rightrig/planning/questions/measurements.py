"""Measurements: the run that measures a deployment, and the kernels that decide its speed."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal

from rightrig.deployment.deployment import Deployment, Precision
from rightrig.deployment.limits import default_limits
from rightrig.deployment.rig import CardGroup, Rig
from rightrig.planning.layouts import machine_cards
from rightrig.prediction.predict import predict
from rightrig.prediction.sensitivity import sensitivities
from rightrig.quantities import show_number

if TYPE_CHECKING:
    from rightrig.planning.planned import Plan, PlannedRig
    from rightrig.planning.search import Space
    from rightrig.prediction.regimes import Lengths
    from rightrig.prediction.sensitivity import Sensitivity

PROMPTS_COUNT: Final = 1000
_P99_TAIL_RATIO: Final = 0.01
DEVIATIONS_COUNT: Final = 1.2816
"""Standard deviations from the middle of a normal distribution to an end of its central 80 %."""
_UNITS: Final = {
    "memory bandwidth": "matrix products of few rows (the running sequences), which read weights",
    "arithmetic": "matrix products of as many rows as a step reads tokens of prompts",
    "link bandwidth": "all-reduces among the ranks (all_reduce_perf of nccl-tests)",
    "speed of the host": "one step without load: the time between its kernels in a profile",
}
"""What ten per cent more of it changes, and the kernels that time it alone."""


@dataclass(frozen=True, slots=True)
class Weakness:
    """The kernels on which a latency depends most.

    Attributes:
        resource: As ``predict --explain`` calls it.
        change_ratio: The latency with 10 % more of it, over the latency now.
        text: What to time, in words.
    """

    resource: str
    change_ratio: float
    text: str


def deployed(plan: Plan, space: Space, planned: PlannedRig) -> tuple[Deployment, Lengths]:
    """Return one engine of a plan as a deployment, and the lengths of its traffic.

    Args:
        plan: For the model and the traffic.
        space: For the records of card and runtime.
        planned: The engines.
    """
    gpu = next(gpu for gpu in space.gpus if gpu.slug == planned.gpu)
    runtime = next(one for one in space.runtimes if one.slug == planned.runtime)
    split = replace(planned.split, replicas=1)
    limits = default_limits(runtime, gpu, split)
    cards = min(split.engine_cards, machine_cards(gpu))
    running = math.ceil(planned.running_seqs / planned.split.replicas)
    deployment = Deployment(
        llm=plan.llm,
        rig=Rig((CardGroup(cards, gpu),), split.engine_cards // cards),
        parallelism=split,
        precision=Precision(planned.weights, planned.kv),
        runtime=runtime,
        limits=replace(
            limits,
            max_seqs=max(limits.max_seqs, running),
            max_batched_tokens=planned.step_tokens,
        ),
    )
    return deployment, plan.question.lengths


def run_command(deployment: Deployment, lengths: Lengths, rate_requests_per_s: float) -> str:
    """Return the command that measures a deployment under its traffic.

    vLLM's own client speaks to any server with OpenAI's interface.
    """
    reads, writes = int(lengths.input_tokens), int(lengths.output_tokens)
    rate = f"{rate_requests_per_s:.4g}"
    other = deployment.runtime.slug != "vllm"
    server = "--backend openai --base-url http://127.0.0.1:8080 " if other else ""
    return (
        f"vllm bench serve {server}--model {deployment.llm.name} --dataset-name random "
        f"--random-input-len {reads} --random-output-len {writes} --ignore-eos "
        f"--request-rate {rate} --num-prompts {PROMPTS_COUNT}"
    )


def sampled_ranks_text() -> str:
    """Say between which of the slowest requests the 99th percentile of a run lies.

    Of n requests, ``n/100 ± 1.28·√(n·0.01·0.99)`` lie above it: the central 80 % of a binomial.
    """
    tail = PROMPTS_COUNT * _P99_TAIL_RATIO
    spread = DEVIATIONS_COUNT * math.sqrt(tail * (1.0 - _P99_TAIL_RATIO))
    first, last = round(tail - spread), round(tail + spread)
    return (
        f"Of {PROMPTS_COUNT:,} requests its 99th percentile lies between the {first}th and the "
        f"{last}th slowest."
    )


def weakest_kernel(
    deployment: Deployment,
    lengths: Lengths,
    running_seqs: float,
    quantity: Literal["ttft", "tpot"],
) -> Weakness:
    """Return the resource of which 10 % more lowers a latency most, and how to time it alone."""
    users = max(1, round(running_seqs))
    found = [s for s in sensitivities(predict(deployment, lengths, users)) if s.change in _UNITS]

    def changed_ratio(one: Sensitivity) -> float:
        return one.ttft_ratio if quantity == "ttft" else one.tpot_ratio

    best = min(found, key=changed_ratio)
    ratio = changed_ratio(best)
    text = (
        f"10 % more {best.change} lowers its mean by {show_number((1.0 - ratio) * 100.0)} %, more "
        f"than any other rate; to be timed alone: {_UNITS[best.change]}."
    )
    return Weakness(best.change, ratio, text)
