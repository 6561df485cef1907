"""What each engine puts on a card: the meanings of its memory fraction, its eras, its parts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import rightrig
from rightrig.deployment.propose import Choices, propose
from rightrig.deployment.rig import parse_rig
from rightrig.interval import Interval
from rightrig.prediction.engine_memory import CardShare, Component, eras
from rightrig.prediction.memory_fit import CardFit, Fit, fit
from rightrig.prediction.paged_engines import era_of
from rightrig.quantities import GIB, MIB

if TYPE_CHECKING:
    from rightrig.prediction.engine_memory import CacheLayout, MemoryRule

CATALOG = rightrig.shipped()


def fitted(
    model: str, rig: str, choices: Choices | None = None, context: int = 8192, seqs: int = 1
) -> Fit:
    asked = propose(CATALOG, CATALOG.llm(model), parse_rig(rig, CATALOG), choices)
    return fit(asked, context, seqs)


def part(card: CardFit, name: str) -> Component:
    return next(p for p in card.components if p.name == name)


def part_bytes(card: CardFit, name: str) -> float:
    return sum(p.size_bytes.mid for p in card.components if p.name == name)


def share(rule: MemoryRule, outside: float = 0.0) -> CardShare:
    """A card with weights of 40 and a runtime of 5, and ``outside`` beside the engine's share."""
    fixed = [
        Component("weights", Interval.exact(40.0), ""),
        Component("runtime", Interval.exact(5.0), ""),
        Component("graphs", Interval.exact(outside), "", is_budgeted=False),
    ]
    return CardShare(tuple(fixed), (), 16.0, 1, 2048, "paged", rule)


CARD = Interval.exact(100.0)


@pytest.mark.parametrize(
    ("rule", "budget"),
    [
        ("of-total", 0.9 * 100),
        ("static-share", 5 + 0.9 * (100 - 5)),  # of what is free once the runtime is up
        ("of-free", 45 + 0.9 * (100 - 45)),  # all that is loaded, and 0.9 of the rest
    ],
)
def test_0_9_means_three_things(rule: MemoryRule, budget: float) -> None:
    assert share(rule).budget_bytes(CARD, 0.9).mid == pytest.approx(budget)
    assert share(rule).granted_bytes(CARD, 0.9).mid == pytest.approx(budget)


@pytest.mark.parametrize(("rule", "granted"), [("of-total", 90.0), ("static-share", 90.5)])
def test_what_lies_beside_the_share_must_find_room(rule: MemoryRule, granted: float) -> None:
    assert share(rule, 9.0).budget_bytes(CARD, 0.9).mid == pytest.approx(min(granted, 91.0))
    assert share(rule, 20.0).budget_bytes(CARD, 0.9).mid == 80.0
    # The engine grants itself as much as before, and fails later.
    assert share(rule, 20.0).granted_bytes(CARD, 0.9).mid == pytest.approx(granted)


def test_a_share_of_what_is_free_never_passes_the_card() -> None:
    assert share("of-free").budget_bytes(Interval.exact(30.0), 0.9).mid == 30.0


def test_llama_cpp_takes_the_whole_card() -> None:
    assert share("exact").budget_bytes(CARD, 1.0).mid == 100.0


@pytest.mark.parametrize("rule", ["of-total", "static-share", "of-free"])
def test_budgets_keep_their_order_when_the_card_is_uncertain(rule: MemoryRule) -> None:
    found = share(rule, 5.0).budget_bytes(Interval(90.0, 100.0, 105.0), 0.9)
    assert found.low < found.mid < found.high


@pytest.mark.parametrize(
    ("layout", "block", "tokens"),
    [("blocks", 32, 128), ("blocks", 64, 128), ("blocks", 16, 112), ("pool", 16, 100)],
)
def test_engines_keep_whole_blocks_of_their_own_size(
    layout: CacheLayout, block: int, tokens: int
) -> None:
    llm = CATALOG.llm("llama-2-7b")
    card = CardShare((), llm.block_counts, 16.0, 1, 2048, layout, block_tokens=block)
    assert card.kv_bytes(100) == tokens * 524_288


@pytest.mark.parametrize(
    ("runtime", "kept"), [("vllm", 112), ("sglang", 100), ("tensorrt-llm", 128), ("lmdeploy", 128)]
)
def test_each_engine_rounds_100_tokens_by_its_own_block(runtime: str, kept: int) -> None:
    found = fitted("llama-2-7b", "1xh100-sxm", Choices(runtime=runtime), context=100)
    assert found.kv_sequence_bytes == kept * 524_288
    if runtime == "tensorrt-llm":
        longer = fitted("llama-2-7b", "1xh100-sxm", Choices(runtime=runtime), context=160)
        assert longer.kv_sequence_bytes == 160 * 524_288  # five blocks of 32, not three of 64


def test_sglang_pools_of_gpt_oss_give_windows_0_8_of_the_tokens() -> None:
    # 12 layers slide, 12 do not; 8 heads of 64, keys and values, 16 bits.
    found = fitted("gpt-oss-20b", "1xh100-sxm", Choices(runtime="sglang"), context=10_000)
    assert found.kv_sequence_bytes == pytest.approx((12 + 12 * 0.8) * 10_000 * 2048)


# vLLM by version.


@pytest.mark.parametrize(
    ("version", "since"),
    [
        ("0.6.4", "0.0"), ("0.7.3", "0.0"), ("0.8.0", "0.8"), ("0.9.2", "0.8"), ("0.11", "0.8"),
        ("0.14.1", "0.8"), ("0.15", "0.15"), ("0.19.0", "0.15"), ("0.20.2", "0.15"),
        ("0.21", "0.21"), ("0.29.9", "0.21"), ("0.30", "0.30"), ("0.33.0", "0.30"),
        ("1.2.0", "0.30"),
    ],
)  # fmt: skip
def test_a_version_belongs_to_the_last_era_that_began_before_it(version: str, since: str) -> None:
    assert era_of(version).since == since


def test_every_era_knows_the_same_overheads_and_says_from_where() -> None:
    names = {frozenset(era.overheads) for era in eras()}
    assert len(names) == 1
    for era in eras():
        for interval, source in era.overheads.values():
            assert 0.0 < interval.low <= interval.mid <= interval.high
            assert source


@pytest.mark.parametrize(
    ("version", "place", "ratio"),
    [
        ("0.6.4", "outside", 0.90), ("0.9.2", "outside", 0.90), ("0.19.0", "outside", 0.90),
        ("0.20.2", "outside", 0.90), ("0.21", "inside", 0.92), ("0.33", "inside", 0.92),
    ],
)  # fmt: skip
def test_cuda_graphs_count_in_the_budget_since_0_21(version: str, place: str, ratio: float) -> None:
    card = fitted("llama-3.1-8b", "1xh100-sxm", Choices(runtime=f"vllm@{version}")).binding
    graphs = part(card, "graphs")
    assert graphs.is_budgeted is (place == "inside")
    assert card.budget_bytes.mid == pytest.approx(ratio * card.total_bytes.mid)
    without = sum(p.size_bytes.mid for p in card.components if p.name != "graphs")
    counted = without + graphs.size_bytes.mid * graphs.is_budgeted
    assert card.required_bytes.mid == pytest.approx(counted)


@pytest.mark.parametrize(
    ("version", "bytes_per_logit"), [("0.9.2", 37.0), ("0.19.0", 14.06), ("0.33", 6.5)]
)
def test_the_sampler_takes_so_much_a_logit(version: str, bytes_per_logit: float) -> None:
    # Llama-3.1-8B on an H100: 128,256 tokens, 1,024 sequences, 0.17 GiB beside.
    card = fitted("llama-3.1-8b", "1xh100-sxm", Choices(runtime=f"vllm@{version}")).binding
    peak = 1.825e8 + 128_256 * 1024 * bytes_per_logit
    assert part_bytes(card, "activation") == pytest.approx(peak, rel=1e-9)


def test_the_first_engine_s_sampler_had_256_sequences_for_every_card() -> None:
    card = fitted("llama-3.1-8b", "1xh100-sxm", Choices(runtime="vllm@0.6.4")).binding
    peak = 1.825e8 + 128_256 * 256 * 36.0
    assert part_bytes(card, "activation") == pytest.approx(peak, rel=1e-9)


def test_the_widest_layer_decides_where_few_sequences_are_sampled() -> None:
    # 150 MB beside 8,192 rows of gate, up, their product and two hidden rows, 16 bits.
    card = fitted("llama-3.1-8b", "1xh100-sxm", Choices(max_seqs=8)).binding
    rows = 8192 * (3 * 14_336 + 2 * 4096) * 2
    assert part_bytes(card, "activation") == pytest.approx(1.5e8 + rows)


def test_ranks_joined_by_a_switch_keep_buffers_for_it() -> None:
    switched, bridged, alone = (
        part_bytes(fitted("llama-3.1-8b", rig, Choices(runtime="vllm@0.19.0")).binding, "runtime")
        for rig in ("2xh100-sxm", "2xrtx-4090", "1xh100-sxm")
    )
    assert (switched, bridged, alone) == (2.25e9, 3.5e8, 2.65e8)


# The other engines.


def test_sglang_s_budget_is_its_static_share_of_what_the_runtime_leaves() -> None:
    card = fitted("llama-3.1-8b", "1xh100-sxm", Choices(runtime="sglang")).binding
    total, runtime = card.total_bytes.mid, part_bytes(card, "runtime")
    assert card.budget_bytes.mid == pytest.approx(runtime + 0.829 * (total - runtime))
    assert not part(card, "activation").is_budgeted
    # 512 + 1.5 · 8,192 MiB is its own estimate, and the most that is believed.
    assert part(card, "activation").size_bytes.high == (512 + 1.5 * 8192) * MIB


@pytest.mark.parametrize(("runtime", "ratio"), [("tensorrt-llm", 0.9), ("lmdeploy", 0.8)])
def test_others_take_a_share_of_what_is_free_once_all_is_loaded(runtime: str, ratio: float) -> None:
    card = fitted("llama-3.1-8b", "1xh100-sxm", Choices(runtime=runtime)).binding
    loaded = card.required_bytes.mid - part_bytes(card, "kv")
    cache = ratio * (card.total_bytes.mid - loaded)
    assert card.budget_bytes.mid == pytest.approx(loaded + cache)


# Parts beside the language model.


def test_ranks_of_the_first_stage_divide_a_vision_tower() -> None:
    cards = fitted("gemma-3-27b-it", "4xh100-sxm", Choices(tp=2, pp=2)).cards
    towers = [part_bytes(card, "encoder") for card in cards]
    assert towers == [2.0 * 423_060_336 / 2] * 2 + [0.0] * 2
    assert part(cards[0], "encoder").size_bytes.low < towers[0]


def test_a_draft_lies_on_the_last_stage_with_its_cache() -> None:
    choices = Choices(tp=1, pp=2, draft="llama-3.2-1b")
    first, last = fitted("llama-3.1-8b", "2xh100-sxm", choices).cards
    assert part_bytes(first, "draft") == 0.0
    assert part_bytes(last, "draft") == pytest.approx(2.0 * 1_235_814_400)
    # 16 layers of the model a stage, of 4,096 B a token each; 16 of the draft of 2,048 B.
    assert first.kv_sequence_bytes == 8192 * 16 * 4096
    assert last.kv_sequence_bytes == 8192 * 16 * (4096 + 2048)


def test_adapters_take_room_on_every_stage_and_leave_less_cache() -> None:
    choices = Choices(tp=1, pp=2, loras=16, lora_rank=16)
    with_loras = fitted("llama-3.1-8b", "2xh100-sxm", choices)
    without = fitted("llama-3.1-8b", "2xh100-sxm", Choices(tp=1, pp=2))
    # 17 slots of rank 16, 2 B, 16 layers: q and o, k and v, gate, up and down.
    widths = 16 * (2 * 8192 + 2 * 5120 + 3 * 18_432)
    for card in with_loras.cards:
        assert part_bytes(card, "adapters") == 17 * 16 * 2 * widths
    assert with_loras.max_concurrency < without.max_concurrency


def test_the_layer_ahead_of_deepseek_v3_is_divided_by_the_ranks() -> None:
    card = fitted("deepseek-v3", "8xh200-sxm", Choices(draft="mtp")).binding
    # Whole on every rank: what joins token and state, and the down-projections of MLA.
    whole = 2 * 7168 * 7168 + 7168 * (1536 + 576)
    assert part_bytes(card, "draft") == pytest.approx((11.61e9 - whole) / 8 + whole, rel=4e-3)
    # One layer more than the 61 of 576 values.
    assert card.kv_bytes_per_token == 62 * 576 * 2


# Attention data parallelism and context parallelism.


def test_groups_that_attend_apart_share_the_experts_of_deepseek_v3() -> None:
    apart = fitted("deepseek-v3", "8xh200-sxm", Choices(attention_dp=8), seqs=8)
    together = fitted("deepseek-v3", "8xh200-sxm", seqs=8)
    experts = 58 * 256 * 3 * 7168 * 2048 / 8  # FP8, an eighth a rank
    vocabulary = 2 * 129_280 * 7168 * 2.0  # embedding and head in BF16
    # Attention, three dense layers and the shared experts in FP8, routers in BF16: all whole.
    rest = 11.413547e9 + 1.189085e9 + 2.554331e9 + 2 * 0.106445e9
    assert part_bytes(apart.binding, "weights") == pytest.approx(
        experts + vocabulary + rest, rel=2e-3
    )
    assert part_bytes(together.binding, "weights") < part_bytes(apart.binding, "weights")
    # Eight groups take a sequence each; tensor-parallel ranks keep all eight latents.
    one = 70_272 * 8192
    assert part_bytes(apart.binding, "kv") == one
    assert part_bytes(together.binding, "kv") == 8 * one
    assert apart.max_concurrency > 5 * together.max_concurrency
    assert apart.kv_sequence_bytes == one


def test_two_ranks_a_group_divide_its_attention() -> None:
    one, two = (
        part_bytes(
            fitted("deepseek-v3", "8xh200-sxm", Choices(attention_dp=n), seqs=8).binding, "weights"
        )
        for n in (8, 4)
    )
    experts = 58 * 256 * 3 * 7168 * 2048 / 8
    assert experts < two < one
    assert (two - experts) / (one - experts) == pytest.approx(0.5, abs=0.1)


@pytest.mark.parametrize("ranks", [1, 2, 4, 8])
def test_context_ranks_divide_the_latent_that_tensor_ranks_copy(ranks: int) -> None:
    found = fitted("deepseek-v3", "8xh200-sxm", Choices(tp=8, context_parallel=ranks))
    assert found.binding.kv_bytes_per_token == 70_272 / ranks
    assert found.binding.kv_sequence_bytes == 70_272 * 8192 / ranks


def test_context_ranks_divide_copied_key_value_heads() -> None:
    whole = fitted("qwen3-235b-a22b", "8xh200-sxm")
    spread = fitted("qwen3-235b-a22b", "8xh200-sxm", Choices(context_parallel=2))
    assert spread.binding.kv_sequence_bytes == whole.binding.kv_sequence_bytes / 2
    assert spread.kv_sequence_bytes == pytest.approx(spread.kv_sequence_ideal_bytes)


# Layers on cards and in host memory.


def test_gpu_layers_leave_the_others_in_host_memory() -> None:
    rig = "1xrtx-4090@ram=64GiB"
    found = fitted("llama-3.1-8b", rig, Choices(runtime="llama.cpp", gpu_layers=17))
    whole = fitted("llama-3.1-8b", rig, Choices(runtime="llama.cpp"))
    # Of 17 layers the output is one.
    assert found.offloaded_layers == 16
    assert found.verdict == "offload"
    assert found.cards[0].kv_sequence_bytes == whole.cards[0].kv_sequence_bytes / 2
    assert found.host_bytes > whole.host_bytes + 16 * 8192 * 4096


def test_a_tensor_split_gives_cards_their_parts_of_the_layers() -> None:
    choices = Choices(runtime="llama.cpp", tensor_split="3,1")
    first, last = fitted("llama-3.1-8b", "2xrtx-4090", choices).cards
    # Layer i of 32 goes where i/33 lies: 25 to the first card (24/33 < 0.75 < 25/33).
    assert first.kv_sequence_bytes == 25 * 8192 * 4096
    assert last.kv_sequence_bytes == 7 * 8192 * 4096


def test_hosted_experts_leave_the_card_and_enter_host_memory() -> None:
    rig, model = "1xh100-sxm@ram=128GiB", "qwen3-30b-a3b"
    none, ten = (
        fitted(model, rig, Choices(runtime="llama.cpp", weights="q8_0", cpu_moe=n)) for n in (0, 10)
    )
    # Ten layers of 128 experts with three matrices of 2048 × 768, 8.5 bits.
    moved = 10 * 128 * 3 * 2048 * 768 * 8.5 / 8
    gone = part_bytes(none.binding, "weights") - part_bytes(ten.binding, "weights")
    assert gone == pytest.approx(moved)
    assert ten.host_bytes - none.host_bytes == pytest.approx(moved)


def test_scores_take_memory_without_flash_attention() -> None:
    on, off = (
        part_bytes(
            fitted(
                "llama-3.1-8b",
                "1xh100-sxm",
                Choices(runtime="llama.cpp", flash_attention=flash),
                context=32_768,
            ).binding,
            "compute",
        )
        for flash in (True, False)
    )
    # 512 rows × 32,768 tokens × 32 heads in FP32.
    assert off - on > 512 * 32_768 * 32 * 4 * 0.8
    assert off < 3 * GIB


def test_sglang_divides_dense_parts_and_the_head_of_groups_by_every_rank() -> None:
    weights_bytes = {
        runtime: part_bytes(
            fitted("deepseek-v3", "8xh200-sxm", Choices(runtime=runtime, attention_dp=8)).binding,
            "weights",
        )
        for runtime in ("vllm", "sglang")
    }
    # 58 shared experts of 2,048 and 3 dense layers of 18,432 in FP8 with scales, and the head.
    dense = (58 * 2048 + 3 * 18_432) * 3 * 7168 * (1 + 4 / 128**2)
    head = 129_280 * 7168 * 2
    saved = weights_bytes["vllm"] - weights_bytes["sglang"]
    assert saved == pytest.approx((dense + head) * 7 / 8, rel=0.001)


@pytest.mark.parametrize(
    ("model", "runtime", "ratio"),
    [
        ("qwen3.6-27b", "vllm", 4), ("qwen3.6-27b", "sglang", 4),
        ("gemma-4-31b-it", "vllm", 1), ("gemma-4-31b-it", "sglang", 4),
        ("qwen3.6-27b", "tensorrt-llm", 1),
    ],
)  # fmt: skip
def test_encoders_are_divided_by_ranks_where_the_engine_has_parallel_ones(
    model: str, runtime: str, ratio: int
) -> None:
    card = fitted(model, "4xh100-sxm", Choices(runtime=runtime, tp=4)).binding
    params = sum(tower.params for tower in CATALOG.llm(model).towers)
    assert part(card, "encoder").size_bytes.mid == pytest.approx(2 * params / ratio)
