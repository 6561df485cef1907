"""The operators of a step of known models, by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np
import pytest

import rightrig
from rightrig.deployment.deployment import Companions
from rightrig.deployment.propose import Choices, propose
from rightrig.deployment.rig import parse_rig
from rightrig.prediction.timers import timer_of
from rightrig.work.adapter_step import active_adapters_count
from rightrig.work.companions import adapter_bytes
from rightrig.work.encoder_step import encoder_bytes, encoder_flop, encoder_operator
from rightrig.work.operators import Shard, Step
from rightrig.work.step import step_operators
from rightrig.work.stored import Adapters, Stored
from rightrig.work.weights import class_bits

if TYPE_CHECKING:
    from rightrig.facts.llm import Llm
    from rightrig.work.operators import Operator

CATALOG: Final = rightrig.shipped()
DECODE: Final = Step(4.0, 1000.0, head_rows_count=4.0)


def llm(name: str) -> Llm:
    return CATALOG.llm(name)


def stored(name: str, adapters: Adapters | None = None) -> Stored:
    return Stored(class_bits(llm(name), "bf16"), 16.0, adapters or Adapters())


def named(
    name: str, operator: str, step: Step = DECODE, shard: Shard | None = None
) -> list[Operator]:
    found = step_operators(llm(name), stored(name), step, shard or Shard())
    return [o for o in found if o.name == operator]


def one(name: str, operator: str, step: Step = DECODE, shard: Shard | None = None) -> Operator:
    """Return an operator, over all kinds of layers."""
    found = named(name, operator, step, shard)
    assert len({float(o.message_bytes) for o in found}) == 1
    return replace(
        found[0],
        flop=sum(o.flop for o in found),
        moved_bytes=sum(o.moved_bytes for o in found),
        launches_count=sum(o.launches_count for o in found),
    )


def flop(name: str, step: Step, operator: str) -> float:
    return sum(float(o.flop) for o in named(name, operator, step))


def moved(name: str, step: Step, operator: str) -> float:
    return sum(float(o.moved_bytes) for o in named(name, operator, step))


# Attention.


def test_attention_of_grouped_heads() -> None:
    """Llama-3.1-70B: 80 layers, 64 heads, 8 key-value heads of 128."""
    found = one("llama-3.1-70b", "attention decode")
    assert found.flop == 80 * 2 * 4 * 1000 * 64 * (128 + 128)
    assert found.moved_bytes == 80 * 4 * 1000 * 8 * (128 + 128) * 2
    assert found.launches_count == 80


def test_tensor_ranks_divide_heads_until_each_has_one() -> None:
    whole = one("llama-3.1-70b", "attention decode")
    eighth = one("llama-3.1-70b", "attention decode", shard=Shard(tp=8.0))
    sixteenth = one("llama-3.1-70b", "attention decode", shard=Shard(tp=16.0))
    assert eighth.moved_bytes == whole.moved_bytes / 8
    assert sixteenth.moved_bytes == eighth.moved_bytes
    assert sixteenth.flop == whole.flop / 16


def test_absorbed_mla_reads_one_latent_and_works_on_it() -> None:
    """DeepSeek-V3: 61 layers, 128 heads; a latent of 512 and a rotated part of 64."""
    found = one("deepseek-v3", "attention decode")
    assert found.flop == 61 * 2 * 4 * 1000 * 128 * (2 * 512 + 64)
    assert found.moved_bytes == 61 * 4 * 1000 * (512 + 64) * 2
    # Ranks divide the heads; the latent is whole on each.
    divided = one("deepseek-v3", "attention decode", shard=Shard(tp=8.0))
    assert divided.flop == found.flop / 8
    assert divided.moved_bytes == found.moved_bytes


def test_mla_expands_its_latent_to_read_a_prompt() -> None:
    step = Step(0.0, 0.0, 512.0, 256.0)
    found = one("deepseek-v3", "attention prefill", step)
    assert found.flop == 61 * 2 * 512 * 256 * 128 * (128 + 64 + 128)


def test_windows_bound_what_is_read() -> None:
    """gpt-oss-20b: 12 of 24 layers see 128 tokens; 64 heads, 8 key-value heads of 64."""
    windows, whole = sorted(
        named("gpt-oss-20b", "attention decode"), key=lambda o: float(o.moved_bytes)
    )
    assert windows.moved_bytes == 12 * 4 * 128 * 8 * (64 + 64) * 2
    assert whole.moved_bytes == 12 * 4 * 1000 * 8 * (64 + 64) * 2
    assert windows.flop == 12 * 2 * 4 * 128 * 64 * (64 + 64)
    short = replace(DECODE, context_tokens=100.0)
    read = {float(o.moved_bytes) for o in named("gpt-oss-20b", "attention decode", short)}
    assert read == {12 * 4 * 100 * 8 * 128 * 2}


def test_context_ranks_divide_the_cache_and_exchange_partial_results() -> None:
    plain, spread = Shard(tp=8.0), Shard(tp=8.0, context_parallel=8.0)
    before = one("deepseek-v3", "attention decode", shard=plain)
    after = one("deepseek-v3", "attention decode", shard=spread)
    assert after.moved_bytes == before.moved_bytes / 8
    assert after.flop == before.flop
    assert named("deepseek-v3", "context-parallel exchange", shard=plain) == []
    exchange = one("deepseek-v3", "context-parallel exchange", shard=spread)
    assert exchange.message_bytes == 2 * 4 * 128 * 128
    assert exchange.launches_count == 2 * 61


# Sequences of several tokens, prompts with cached prefixes.


def test_verifying_drafts_multiplies_rows_and_reads_the_cache_once() -> None:
    drafted = replace(DECODE, tokens_per_seq_count=5.0, head_rows_count=20.0)
    name = "llama-3.1-70b"
    assert drafted.rows_count == 5 * DECODE.rows_count
    assert moved(name, drafted, "attention decode") == moved(name, DECODE, "attention decode")
    for operator in ("attention decode", "qkv", "feed-forward: down", "head"):
        assert flop(name, drafted, operator) == 5 * flop(name, DECODE, operator)
    message = one(name, "all-reduce", drafted).message_bytes
    assert message == 5 * 4 * 8192 * 2


def test_a_cached_prefix_takes_rows_away_and_leaves_its_context() -> None:
    """1,024 tokens of which 768 are cached: the others attend to 896 each in the mean."""
    name = "llama-3.1-8b"
    whole = Step(0.0, 0.0, 1024.0, 512.0)
    rest = Step(0.0, 0.0, 256.0, 896.0)
    for operator in ("qkv", "attention output", "feed-forward: gate, up"):
        assert flop(name, rest, operator) == flop(name, whole, operator) / 4
    attention = flop(name, rest, "attention prefill")
    assert attention == 32 * 2 * 256 * 896 * 32 * (128 + 128)
    cached = 32 * 2 * 768 * 384 * 32 * (128 + 128)
    assert attention == flop(name, whole, "attention prefill") - cached


# Experts.


@pytest.mark.parametrize(("rows", "touched"), [(1.0, 8), (4096.0, 128)])
def test_experts_read_those_that_are_touched(rows: float, touched: int) -> None:
    """Qwen3-235B: 94 layers, 8 of 128 experts of 1,536."""
    name = "qwen3-235b-a22b"
    found = one(name, "experts", Step(rows, 1000.0))
    one_expert = 3 * 4096 * 1536
    activations = rows * 8 * (2 * 4096 + 3 * 1536) * 2
    assert found.flop == 94 * 2 * rows * 8 * one_expert
    assert float(found.moved_bytes) == pytest.approx(94 * (touched * one_expert * 2 + activations))


def test_the_busiest_expert_rank_has_more_than_its_share() -> None:
    name, step = "qwen3-235b-a22b", Step(4096.0, 1000.0)
    sliced = one(name, "experts", step, Shard(tp=8.0))
    dealt = one(name, "experts", step, Shard(tp=8.0, expert_parallel=8.0))
    load = 1.0 + np.sqrt(2.0 * np.log(8.0) / (4096 * 8 / 8))
    assert sliced.flop == one(name, "experts", step).flop / 8
    assert float(dealt.flop) == pytest.approx(float(sliced.flop) * load)
    # Every expert is touched, so that each rank reads all of its own and no more.
    weights_bytes = 94 * 128 * 3 * 4096 * 1536 * 2 / 8
    activations = 94 * 4096 * load * (2 * 4096 + 3 * 1536) * 2
    assert float(dealt.moved_bytes) == pytest.approx(weights_bytes + activations)


def test_groups_with_own_sequences_send_tokens_to_experts_and_back() -> None:
    """DeepSeek-V3 on 8 ranks, each with its sequences: 8 experts lie on 4.6 other ranks."""
    name, shard = "deepseek-v3", Shard(attention_dp=8.0, expert_parallel=8.0)
    found = one(name, "expert exchange", shard=shard)
    copies = 7 * (1 - (7 / 8) ** 8)
    assert copies == pytest.approx(4.595, abs=1e-3)
    # Never fewer than what dense all-gathers over the groups send.
    assert float(found.message_bytes) == pytest.approx(2 * 4 * max(copies, 7.0) * 7168)
    assert found.launches_count == 2 * 58
    assert named(name, "expert exchange") == []


def test_experts_of_groups_see_the_tokens_of_all() -> None:
    name, shard = "deepseek-v3", Shard(attention_dp=8.0, expert_parallel=8.0)
    alone = one(name, "experts", replace(DECODE, decode_seqs=32.0))
    shared = one(name, "experts", shard=shard)
    load = 1.0 + np.sqrt(2.0 * np.log(8.0) / (4 * 8 * 8 / 8))
    assert float(shared.flop) == pytest.approx(float(alone.flop) / 8 * load)


def test_messages_among_ranks_and_stages() -> None:
    shard = Shard(tp=4.0, stages=3.0)
    reduce = one("llama-3.1-70b", "all-reduce", shard=shard)
    assert reduce.message_bytes == 4 * 8192 * 2
    assert reduce.launches_count == 160
    assert one("llama-3.1-70b", "stage to stage", shard=shard).launches_count == 2


def test_arrays_of_points_make_what_each_point_makes() -> None:
    name = "deepseek-v3"
    seqs, ranks = np.array([1.0, 16.0, 256.0]), np.array([1.0, 2.0, 8.0])
    many = step_operators(llm(name), stored(name), Step(seqs, 500.0), Shard(tp=ranks))
    for place in range(3):
        alone = step_operators(
            llm(name), stored(name), Step(seqs[place], 500.0), Shard(tp=ranks[place])
        )
        for part in ("flop", "moved_bytes"):
            rows = [float(np.broadcast_to(getattr(o, part), 3)[place]) for o in many]
            sums = sum(float(getattr(o, part)) for o in alone)
            assert sum(rows) == pytest.approx(sums)


# Adapters and encoders.


def adapters_of(name: str, adapters: Adapters, step: Step, tp: float = 1.0) -> list[Operator]:
    found = step_operators(llm(name), stored(name, adapters), step, Shard(tp=tp))
    return [o for o in found if o.name == "adapters"]


def test_adapters_add_two_thin_products_a_projection() -> None:
    """W048: rank 16 over every projection of Llama-2-7B is 39,976,960 parameters."""
    step = replace(DECODE, decode_seqs=1.0)
    (found,) = adapters_of("llama-2-7b", Adapters(1, 16), step)
    assert found.flop == 2 * 39_976_960
    widths = 39_976_960 / 16
    assert found.moved_bytes == 39_976_960 * 2 + widths * 2
    assert found.launches_count == 32 * 4 * 2
    assert adapters_of("llama-2-7b", Adapters(), step) == []


def test_ranks_divide_adapters_as_their_memory_does() -> None:
    name, tp = "llama-2-7b", 4
    model = llm(name)
    (found,) = adapters_of(name, Adapters(1, 16), replace(DECODE, decode_seqs=1.0), float(tp))
    slots = Companions(lora_count=1, lora_rank=16)  # one slot more than adapters
    held = adapter_bytes(model.hidden_size, model.block_counts, slots, tp) / 2
    assert found.flop == held


def test_a_step_reads_the_adapters_of_its_sequences() -> None:
    few = Adapters(8, 16)
    assert active_adapters_count(few, Step(1.0, 100.0)) == pytest.approx(1.0)
    assert active_adapters_count(few, Step(8.0, 100.0)) == pytest.approx(8 * (1 - (7 / 8) ** 8))
    assert active_adapters_count(few, Step(0.0, 0.0, 4096.0)) == pytest.approx(1.0)
    assert active_adapters_count(Adapters(1, 16), Step(64.0, 100.0)) == 1.0


def test_routed_experts_carry_no_adapter() -> None:
    name = "qwen3-235b-a22b"
    found = adapters_of(name, Adapters(1, 16), DECODE)
    assert sum(float(o.launches_count) for o in found) == 94 * 2 * 2


def test_a_deployment_with_adapters_is_slower() -> None:
    rig = parse_rig("1xh100-sxm", CATALOG)
    model = llm("llama-3.1-8b")
    plain = timer_of(propose(CATALOG, model, rig))
    adapted = timer_of(propose(CATALOG, model, rig, Choices(lora_rank=64, loras=8)))
    assert float(adapted.step_s(DECODE)) > 1.02 * float(plain.step_s(DECODE))


def test_an_encoder_multiplies_each_patch_with_its_weights() -> None:
    tower = next(t for t in llm("qwen3.5-27b").towers if t.kind == "vision")
    assert encoder_flop(tower, 1024.0) == 2.0 * tower.params * 1024
    assert encoder_bytes(tower) == 2.0 * tower.params
    found = encoder_operator(tower, 1024.0)
    assert found.name == "vision encoder"
    assert (found.flop, found.moved_bytes) == (2.0 * tower.params * 1024, 2.0 * tower.params)


def test_an_encoder_runs_in_steps_that_bring_pictures_only() -> None:
    name = "qwen3-vl-8b-instruct"
    tower = llm(name).towers[0]
    pictured = Step(0.0, 0.0, 1000.0, 500.0, patches_count=4000.0)
    assert named(name, "vision encoder") == []
    assert flop(name, pictured, "vision encoder") == 2.0 * tower.params * 4000.0
    assert moved(name, pictured, "vision encoder") == 2.0 * tower.params
    assert named("llama-3.1-8b", "vision encoder", pictured) == []
