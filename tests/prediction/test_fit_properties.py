"""What holds for every model, card, engine, format and split: the invariants of a fit."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import rightrig
from rightrig.deployment.limits import LAYERED
from rightrig.deployment.parallelism import valid_tps
from rightrig.deployment.propose import Choices, propose
from rightrig.deployment.rig import Rig, parse_rig
from rightrig.errors import InputError
from rightrig.prediction.memory_fit import VERDICT_RANK, CardFit, Fit, fit
from rightrig.work.llama_cpp_options import place

if TYPE_CHECKING:
    from rightrig.deployment.deployment import Deployment

CATALOG = rightrig.shipped()
NAMES = CATALOG.slugs("llms")
CARDS = (
    "rtx-3060-12gb", "rtx-4090", "rtx-5090", "l40s", "a100-sxm-80gb", "h100-sxm", "h200-sxm",
    "b200-sxm", "mi300x", "m2-ultra", "t4",
)  # fmt: skip
PAGED = ("vllm", "vllm@0.19.0", "vllm@0.11", "sglang", "tensorrt-llm", "lmdeploy")
COUNTS = (1, 2, 4, 8)

few = settings(max_examples=80, deadline=None)
contexts = st.integers(1, 40_000)
concurrencies = st.integers(1, 300)


def proposed(model: str, rig: str, choices: Choices) -> Deployment | None:
    """The deployment, or ``None`` where a rule forbids it."""
    try:
        return propose(CATALOG, CATALOG.llm(model), parse_rig(rig, CATALOG), choices)
    except InputError:
        return None


@st.composite
def deployments(draw: st.DrawFn, runtimes: tuple[str, ...] = PAGED + LAYERED) -> Deployment:
    runtime = draw(st.sampled_from(runtimes))
    formats = ("q4_k_m", "q8_0", None) if runtime in LAYERED else (None, "fp8", "awq", "bf16")
    choices = Choices(runtime=runtime, weights=draw(st.sampled_from(formats)))
    rig = f"{draw(st.sampled_from(COUNTS))}x{draw(st.sampled_from(CARDS))}"
    asked = proposed(draw(st.sampled_from(NAMES)), rig, choices)
    assume(asked is not None)
    assert asked is not None
    return asked


def fitted(asked: Deployment, context: int, concurrency: int) -> Fit:
    return fit(asked, min(context, asked.llm.max_context_tokens), concurrency)


def part_bytes(card: CardFit, name: str) -> float:
    return sum(part.size_bytes.mid for part in card.components if part.name == name)


def is_layered(asked: Deployment) -> bool:
    return asked.runtime.slug in LAYERED


@few
@given(deployments(), contexts, concurrencies, st.floats(1.0, 3.0))
def test_more_memory_never_turns_fits_into_no(
    asked: Deployment, context: int, concurrency: int, factor: float
) -> None:
    group = asked.rig.groups[0]
    gpu = group.gpu
    grown = gpu.model_copy(
        update={"memory_cuda_bytes": round(gpu.memory_bytes.mid * factor), "memory_nvml_mib": None}
    )
    same = gpu.model_copy(
        update={"memory_cuda_bytes": round(gpu.memory_bytes.mid), "memory_nvml_mib": None}
    )
    small, large = (
        fitted(replace(asked, rig=Rig((replace(group, gpu=g),))), context, concurrency)
        for g in (same, grown)
    )
    assert VERDICT_RANK[large.verdict] <= VERDICT_RANK[small.verdict]
    assert large.max_concurrency >= small.max_concurrency
    assert large.max_context_tokens >= small.max_context_tokens


@few
@given(deployments(), contexts, concurrencies)
def test_budgets_and_needs_keep_their_order(
    asked: Deployment, context: int, concurrency: int
) -> None:
    for card in fitted(asked, context, concurrency).cards:
        for interval in (
            card.total_bytes,
            card.budget_bytes,
            card.required_bytes,
            *(part.size_bytes for part in card.components),
        ):
            assert interval.low <= interval.mid <= interval.high
        assert card.budget_bytes.high <= card.total_bytes.high * (1 + 1e-12)
        assert all(part.size_bytes.low >= 0.0 for part in card.components)


@few
@given(deployments(), contexts, contexts, concurrencies, st.integers(1, 300))
def test_the_cache_grows_with_context_and_concurrency(
    asked: Deployment, one: int, other: int, concurrency: int, more: int
) -> None:
    short, long = sorted((one, other))
    few_short = fitted(asked, short, concurrency)
    few_long = fitted(asked, long, concurrency)
    many_short = fitted(asked, short, concurrency + more)
    for small, longer, busier in zip(
        few_short.cards, few_long.cards, many_short.cards, strict=True
    ):
        assert part_bytes(longer, "kv") >= part_bytes(small, "kv")
        assert part_bytes(busier, "kv") >= part_bytes(small, "kv")
    assert VERDICT_RANK[few_long.verdict] >= VERDICT_RANK[few_short.verdict]
    assert VERDICT_RANK[many_short.verdict] >= VERDICT_RANK[few_short.verdict]


@few
@given(deployments(PAGED), st.sampled_from(NAMES), st.data())
def test_splitting_over_more_cards_never_raises_a_card_s_weights(
    asked: Deployment, name: str, data: st.DataObject
) -> None:
    llm = CATALOG.llm(name)
    tps = [tp for tp in valid_tps(llm, 16) if tp in {1, 2, 4, 8, 16}]
    less, more = sorted(data.draw(st.tuples(*[st.sampled_from(tps)] * 2)))
    pp = data.draw(st.integers(1, min(3, llm.layer_count)))
    asked = replace(asked, llm=llm, precision=replace(asked.precision, weights="bf16"))
    heaviest = []
    for tp, stages in ((less, pp), (more, pp), (less, min(2 * pp, llm.layer_count))):
        group = replace(asked.rig.groups[0], count=tp * stages)
        split = replace(asked.parallelism, tp=tp, pp=stages, replicas=1)
        cards = fit(replace(asked, rig=Rig((group,)), parallelism=split), 1, 1).cards
        heaviest.append(max(part_bytes(card, "weights") for card in cards))
    assert heaviest[1] <= heaviest[0]
    assert heaviest[2] <= heaviest[0] * (1 + 1e-12)


@few
@given(st.sampled_from(NAMES), st.sampled_from((1, 2, 4, 8, 16, 32)))
def test_key_value_heads_are_copied_as_the_rules_say(name: str, tp: int) -> None:
    llm = CATALOG.llm(name)
    assume(tp in valid_tps(llm, 32))
    assume(not llm.has_recurrent and not any(a.kind == "compressed" for a in llm.attentions))
    one = proposed(name, "1xb200-sxm", Choices(runtime="vllm", weights="bf16"))
    assume(one is not None)
    assert one is not None
    many = replace(
        one,
        rig=Rig((replace(one.rig.groups[0], count=tp),)),
        parallelism=replace(one.parallelism, tp=tp),
    )
    whole, part = (fit(d, 1, 1).cards[0].kv_bytes_per_token for d in (one, many))
    if llm.has_mla:
        assert part == whole
        return
    heads = {a.kv_head_count for a in llm.attentions if not a.shares_kv}
    # Keys of an indexer are whole on every rank.
    if len(heads) == 1 and not any(a.indexer for a in llm.attentions):
        (count,) = heads
        assert part == pytest.approx(whole / min(tp, count))
    assert whole / tp <= part * (1 + 1e-12)


sizes = st.lists(st.sampled_from((8.0, 11.6, 23.5, 79.2)), min_size=1, max_size=8)


@given(st.integers(1, 130), sizes, st.sampled_from((8.0, 23.5)), st.booleans())
def test_one_card_more_never_puts_more_layers_on_another(
    layers: int,
    cards: list[float],
    more: float,
    equal: bool,  # noqa: FBT001 - drawn
) -> None:
    before = [more] * len(cards) if equal else cards
    old, new = place(layers, tuple(before)), place(layers, (*before, more))
    # The output matrix counts as a layer.
    held = [
        [(*p.devices, p.output_device).count(n) for n in range(p.cards_count)] for p in (old, new)
    ]
    assert sum(held[0]) == sum(held[1]) == layers + 1
    if equal:
        assert max(held[1]) <= max(held[0])
    # Where shares move, a boundary may fall on the other side of one layer.
    assert all(now <= then + 1 for then, now in zip(*held, strict=False))


@pytest.mark.parametrize("runtime", LAYERED)
@pytest.mark.parametrize("model", ["llama-3.3-70b", "qwen3-30b-a3b", "gemma-3-27b-it"])
def test_more_equal_cards_never_raise_the_weights_of_the_fullest(model: str, runtime: str) -> None:
    heaviest = []
    for count in range(1, 9):
        asked = proposed(model, f"{count}xh100-sxm", Choices(runtime=runtime, weights="q4_k_m"))
        assert asked is not None
        heaviest.append(max(part_bytes(card, "weights") for card in fit(asked, 2048, 1).cards))
    assert all(fewer >= more * 0.97 for fewer, more in itertools.pairwise(heaviest))
    assert heaviest[7] < heaviest[0] / 5


@few
@given(deployments(), contexts, concurrencies)
def test_the_largest_concurrency_is_the_last_that_fits(
    asked: Deployment, context: int, concurrency: int
) -> None:
    most = fitted(asked, context, concurrency).max_concurrency
    assume(1 <= most <= 1_000_000)
    assert fitted(asked, context, most).verdict != "no"
    limit = asked.limits.max_seqs * asked.parallelism.engine_seqs_groups
    if is_layered(asked) or most < limit:
        assert fitted(asked, context, most + 1).verdict == "no"


@few
@given(deployments(), concurrencies)
def test_the_longest_context_is_the_last_that_fits(asked: Deployment, concurrency: int) -> None:
    most = fitted(asked, 1, concurrency).max_context_tokens
    assume(most >= 1)
    # Between two contexts llama.cpp's buffers are taken from a line, within 1 % of the exact.
    slack = max(256, most // 50) if is_layered(asked) else 0
    assert fitted(asked, max(1, most - slack), concurrency).verdict != "no"
    if most + 1 + slack <= asked.llm.max_context_tokens:
        assert fitted(asked, most + 1 + slack, concurrency).verdict == "no"


@few
@given(
    st.sampled_from(NAMES),
    st.sampled_from(("vllm", "sglang")),
    st.sampled_from((("rtx-3060-12gb", "rtx-4090"), ("l40s", "h100-sxm"), ("t4", "l4"))),
    contexts,
)
def test_of_unequal_cards_the_smaller_binds_under_equal_shares(
    name: str, runtime: str, pair: tuple[str, str], context: int
) -> None:
    small, large = pair
    choices = Choices(runtime=runtime, tp=2)
    mixed = proposed(name, f"1x{large}+1x{small}", choices)
    assume(mixed is not None)
    assert mixed is not None
    found = fitted(mixed, context, 1)
    big, little = found.cards
    assert (big.gpu, little.gpu) == (large, small)
    assert big.required_bytes.mid == little.required_bytes.mid
    assert found.binding.gpu == small
    assert found.verdict == little.verdict
    assert found.max_concurrency <= big.max_seqs
    twins = Rig((replace(mixed.rig.groups[1], count=2),))
    assert fitted(replace(mixed, rig=twins), context, 1).verdict == found.verdict
