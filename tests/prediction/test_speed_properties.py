"""What must hold for the speed of any model on any cards, whatever was fitted."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

import rightrig
from rightrig.deployment.parallelism import valid_tps
from rightrig.deployment.propose import Choices, propose
from rightrig.deployment.rig import parse_rig
from rightrig.errors import InputError
from rightrig.prediction.least_time import Case, cards_of, largest_flop_per_s, least_step_s, need_of
from rightrig.prediction.plausibility import implausible_prediction
from rightrig.prediction.predict import predict
from rightrig.prediction.regimes import Lengths
from rightrig.prediction.timers import timer_of
from rightrig.work.operators import Shard, Step
from rightrig.work.step import step_operators
from rightrig.work.stored import Stored
from rightrig.work.weights import (
    class_bits,
    matmul_params_count,
    params_by_class,
    rank_weight_bytes,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from rightrig.deployment.deployment import Deployment
    from rightrig.facts.gpu import Gpu
    from rightrig.facts.llm import Llm

CATALOG: Final = rightrig.shipped()
LLMS: Final = CATALOG.slugs("llms")
CARDS: Final = CATALOG.slugs("gpus")
FORMATS: Final = (None, "bf16", "fp8", "awq", "nvfp4", "q4_k_m", "f16")
RUNTIMES: Final = (None, "vllm", "vllm@0.6.0", "sglang", "tensorrt-llm", "llama.cpp")
RELAXED: Final = settings(
    max_examples=120,
    deadline=None,
    suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow],
)
NOISE_RATIO: Final = 1e-9


@st.composite
def deployments(draw: st.DrawFn) -> Deployment:
    """Any model on 1 to 8 equal cards, where an engine runs it."""
    cards, gpu = draw(st.sampled_from((1, 2, 4, 8))), draw(st.sampled_from(CARDS))
    chosen = Choices(
        runtime=draw(st.sampled_from(RUNTIMES)), weights=draw(st.sampled_from(FORMATS))
    )
    try:
        rig = parse_rig(f"{cards}x{gpu}", CATALOG)
        asked = propose(CATALOG, CATALOG.llm(draw(st.sampled_from(LLMS))), rig, chosen)
        timer_of(asked)
    except InputError:
        assume(False)  # noqa: FBT003 - what hypothesis asks for
    return asked


@st.composite
def steps(draw: st.DrawFn) -> Step:
    """Steps that decode, that read prompts, or both."""
    seqs = draw(st.sampled_from((0.0, 1.0, 3.0, 16.0, 64.0, 256.0)))
    tokens = draw(st.sampled_from((0.0, 16.0, 512.0, 8192.0)))
    assume(seqs + tokens > 0.0)
    context = draw(st.sampled_from((1.0, 128.0, 4096.0, 65_536.0)))
    return Step(seqs, context, tokens, tokens / 2.0, max(seqs, 1.0))


def step_s(asked: Deployment, step: Step) -> float:
    return float(timer_of(asked).step_s(step))


@given(asked=deployments(), step=steps())
@RELAXED
def test_no_step_is_quicker_than_the_datasheet(asked: Deployment, step: Step) -> None:
    timer = timer_of(asked)
    assert float(timer.step_s(step)) >= float(timer.bound_s(step)) > 0.0


@given(asked=deployments(), seqs=st.sampled_from((1.0, 8.0, 64.0)))
@RELAXED
def test_no_step_is_quicker_than_what_any_engine_needs(asked: Deployment, seqs: float) -> None:
    """The bound that published rows are judged by lies below every prediction."""
    timer, split = timer_of(asked), replace(asked.parallelism, replicas=1)
    llm, gpu = asked.llm, asked.rig.gpu
    name = asked.precision.weights
    own = llm.checkpoint.format if name == "checkpoint" else name
    lengths = Lengths(2048.0, 1.0)
    case = Case(
        need_of(llm, timer.stored, lengths),
        cards_of(gpu, largest_flop_per_s(gpu, asked.runtime, own), split),
        lengths, seqs, 1,
    )  # fmt: skip
    batch = max(seqs / split.pp, 1.0)
    least = least_step_s(case, seqs)
    assert float(timer.step_s(Step(batch, 2048.5, 0.0, 0.0, batch))) >= least


@given(asked=deployments(), users=st.sampled_from((1, 7, 64)))
@settings(RELAXED, max_examples=40)
def test_no_prediction_breaks_a_rule(asked: Deployment, users: int) -> None:
    try:
        found = predict(asked, Lengths(1024.0, 256.0), users)
    except InputError:
        assume(False)  # noqa: FBT003 - what hypothesis asks for
    broken = implausible_prediction(found)
    assert [v for v in broken if v.rule_id != "PLA-MEMORY" or found.fit.verdict == "fits"] == []


def more_bandwidth(gpu: Gpu) -> Gpu:
    rate = 1.2 * gpu.memory_bandwidth_bytes_per_s
    return gpu.model_copy(update={"memory_bandwidth_bytes_per_s": rate})


def more_flop(gpu: Gpu) -> Gpu:
    rates = {name: 1.2 * rate for name, rate in gpu.peak.model_dump().items() if rate}
    return gpu.model_copy(update={"peak": gpu.peak.model_copy(update=rates)})


def quicker_links(gpu: Gpu) -> Gpu:
    changed = {}
    for name in ("fabric", "pcie"):
        link = getattr(gpu, name)
        if link is not None:
            changed[name] = link.model_copy(update={"bytes_per_s": 1.2 * link.bytes_per_s})
    return gpu.model_copy(update=changed)


@pytest.mark.parametrize("better", [more_bandwidth, more_flop, quicker_links])
@given(asked=deployments(), step=steps())
@RELAXED
def test_a_better_card_of_the_same_family_is_never_slower(
    better: Callable[[Gpu], Gpu], asked: Deployment, step: Step
) -> None:
    groups = tuple(replace(group, gpu=better(group.gpu)) for group in asked.rig.groups)
    richer = replace(asked, rig=replace(asked.rig, groups=groups))
    assert step_s(richer, step) <= step_s(asked, step) * (1.0 + NOISE_RATIO)


@given(asked=deployments(), step=steps(), factor=st.sampled_from((1.01, 2.0, 10.0)))
@RELAXED
def test_more_context_is_never_quicker(asked: Deployment, step: Step, factor: float) -> None:
    longer = replace(
        step,
        context_tokens=step.context_tokens * factor,
        prefill_context_tokens=step.prefill_context_tokens * factor,
    )
    assert step_s(asked, longer) >= step_s(asked, step) * (1.0 - NOISE_RATIO)


@given(asked=deployments(), step=steps(), factor=st.sampled_from((1.01, 2.0, 10.0)))
@RELAXED
def test_more_tokens_make_no_shorter_step(asked: Deployment, step: Step, factor: float) -> None:
    for name in ("decode_seqs", "prefill_tokens"):
        fuller = replace(step, **{name: getattr(step, name) * factor})
        assert step_s(asked, fuller) >= step_s(asked, step) * (1.0 - NOISE_RATIO)


def read_bytes(llm: Llm, ranks: int) -> float:
    """Weights of one rank that one token reads, and its activations."""
    stored = Stored(class_bits(llm, "bf16"), 16.0)
    operators = step_operators(llm, stored, Step(1.0, 1.0), Shard(tp=float(ranks)))
    return sum(float(o.moved_bytes) for o in operators if o.kind in {"gemm", "head", "experts"})


@pytest.mark.parametrize("slug", LLMS)
def test_tensor_parallelism_never_adds_weights_to_a_card(slug: str) -> None:
    llm = CATALOG.llm(slug)
    ranks = valid_tps(llm, 16)
    for sizes in (
        [rank_weight_bytes(llm, "checkpoint", tp, 1)[0] for tp in ranks],
        [read_bytes(llm, tp) for tp in ranks],
    ):
        assert all(more <= less * (1.0 + NOISE_RATIO) for less, more in itertools.pairwise(sizes))


@pytest.mark.parametrize("slug", [s for s in LLMS if not CATALOG.llm(s).has_experts])
def test_a_token_of_a_dense_model_takes_two_flop_a_parameter(slug: str) -> None:
    llm = CATALOG.llm(slug)
    stored = Stored(class_bits(llm, "bf16"), 16.0)
    operators = step_operators(llm, stored, Step(1.0, 0.0))
    flop = sum(float(operator.flop) for operator in operators)
    assert flop == pytest.approx(2.0 * matmul_params_count(llm), rel=0.02)


@pytest.mark.parametrize("slug", [s for s in LLMS if CATALOG.llm(s).has_experts])
def test_a_token_of_experts_takes_two_flop_an_active_parameter(slug: str) -> None:
    """Recurrent layers add the work on their state, up to 2.2 % of a small active model."""
    llm = CATALOG.llm(slug)
    stored = Stored(class_bits(llm, "bf16"), 16.0)
    operators = step_operators(llm, stored, Step(1.0, 0.0))
    flop = sum(float(o.flop) for o in operators if not o.name.startswith("recurrent state"))
    multiplied = matmul_params_count(llm) - params_by_class(llm).get("norm", 0)
    assert flop == pytest.approx(2.0 * multiplied, rel=0.005)
