"""llama.cpp's rules for caches, placement and the compute buffer."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rightrig.facts.catalog import shipped
from rightrig.quantities import MIB
from rightrig.work import llama_cpp
from rightrig.work.ggml_alloc import HOST, Graph, Tensor, traced_bytes
from rightrig.work.llama_cpp import compute_bytes, layer_cache_bytes, memory
from rightrig.work.llama_cpp_options import Options, padded, place
from rightrig.work.weights import weight_bytes

CATALOG: Final = shipped()
SLUGS: Final = st.sampled_from(CATALOG.slugs("llms"))
UNHURRIED: Final = settings(deadline=None, max_examples=40)


def cache_mib(model: str, options: Options) -> float:
    return sum(layer_cache_bytes(CATALOG.llm(model), options)) / MIB


@pytest.mark.parametrize(("tokens", "cells"), [(1, 256), (256, 256), (257, 512), (4097, 4352)])
def test_contexts_are_padded_to_256(tokens: int, cells: int) -> None:
    assert padded(tokens) == cells == Options(tokens).cells_count


def test_slots_divide_a_context_that_is_not_unified() -> None:
    assert Options(4096, slots_count=4).cells_count == 1024
    assert Options(4096, slots_count=3).cells_count == 1536
    assert Options(4096, slots_count=4, is_unified=True).cells_count == 4096


def test_windows_hold_the_batch_too_and_all_sharers() -> None:
    one = Options(32768)
    assert one.window_cells(1024) == 1536
    assert replace(one, slots_count=4, is_unified=True).window_cells(1024) == 4608
    assert replace(one, full_windows=True).window_cells(1024) == 32768


@pytest.mark.parametrize(
    ("model", "options", "mib"),
    [
        ("gemma-3-27b-it", Options(32768), 3184),
        ("gemma-3-27b-it", Options(32768, ubatch_tokens=2048), 3808),
        ("gemma-3-27b-it", Options(32768, slots_count=4), 5056),
        ("gemma-3-27b-it", Options(32768, full_windows=True), 15872),
        ("deepseek-v3", Options(4096), 274.5),
        ("llama-3.3-70b", Options(32768), 10240),
        ("llama-3.3-70b", Options(32768, key_format="q8_0", value_format="q8_0"), 5440),
        ("llama-3.3-70b", Options(32768, key_format="q8_0", value_format="q4_0"), 4160),
    ],
)
def test_caches_take_what_llama_cpp_reports(model: str, options: Options, mib: float) -> None:
    assert cache_mib(model, options) == mib


def test_mistrals_window_is_ignored() -> None:
    """Its architecture in llama.cpp is Llama's, which knows no window."""
    assert cache_mib("mistral-7b-v0.1", Options(32768)) == 4096


def test_the_output_matrix_is_offloaded_first() -> None:
    placement = place(32, (1.0,), 1)
    assert set(placement.devices) == {HOST}
    assert placement.output_device == 0


def test_a_share_of_nothing_gets_nothing() -> None:
    assert set(place(32, (1.0, 0.0)).devices) == {0}
    assert place(32, ()).output_device == HOST


@pytest.mark.parametrize(
    ("shares", "layers", "weights", "cache", "compute"),
    [
        # llama-fit-params on two RPC devices of build 11434, 2026-11-20: bytes of card 0, then 1.
        ((1.0,), None, (4617396224,), (536870912,), (300433408,)),
        ((3.0, 1.0), None, (3246325760, 1371070464), (419430400, 117440512),
         (239132672, 354992128)),
        ((1.0,), 20, (2908545024,), (318767104,), (271056896,)),
    ],
)  # fmt: skip
def test_llama_3_1_8b_is_split_as_llama_cpp_does(
    shares: tuple[float, ...],
    layers: int | None,
    weights: tuple[int, ...],
    cache: tuple[int, ...],
    compute: tuple[int, ...],
) -> None:
    llm = CATALOG.llm("llama-3.1-8b")
    placement = place(llm.layer_count, shares, layers)
    found = memory(llm, "q4_k_m", Options(4096, takes_over=False), placement)
    for card in range(len(shares)):
        assert found[card].weights_bytes == pytest.approx(weights[card], abs=1024)
        assert found[card].cache_bytes == cache[card]
        assert found[card].compute_bytes == compute[card]


def test_experts_left_to_the_host_move_their_bytes_there() -> None:
    llm = CATALOG.llm("qwen3-30b-a3b")
    options = Options(4096, takes_over=False)
    whole = memory(llm, "q4_k_m", options, place(llm.layer_count, (1.0,)))
    split = memory(llm, "q4_k_m", options, place(llm.layer_count, (1.0,), cpu_moe=10))
    moved = whole[0].weights_bytes - split[0].weights_bytes
    assert moved == pytest.approx(18375686144 - 14614968320, abs=1024)
    assert split[HOST].weights_bytes - whole[HOST].weights_bytes == pytest.approx(moved)


def test_a_card_that_takes_over_needs_room_for_the_hosts_weights() -> None:
    llm = CATALOG.llm("llama-3.1-8b")
    placement = place(llm.layer_count, (1.0,), 16)
    left = compute_bytes(llm, "q4_k_m", Options(4096, takes_over=False), placement)
    taken = compute_bytes(llm, "q4_k_m", Options(4096, takes_over=True), placement)
    assert taken[0] > left[0]
    assert taken[HOST] < left[HOST]


def test_a_server_asks_for_few_rows_of_logits() -> None:
    llm = CATALOG.llm("gemma-3-27b-it")
    host = place(llm.layer_count, ())
    every = compute_bytes(llm, "q4_0", Options(4096), host)[HOST]
    few = compute_bytes(llm, "q4_0", Options(4096, outputs_count=4), host)[HOST]
    assert few < every / 2


@UNHURRIED
@given(slug=SLUGS, cards=st.integers(1, 4), layers=st.integers(0, 200))
def test_what_is_stored_is_the_same_wherever_it_lies(slug: str, cards: int, layers: int) -> None:
    llm = CATALOG.llm(slug)
    options = Options(8192, takes_over=False)
    alone = memory(llm, "q4_k_m", options, place(llm.layer_count, ()))[HOST]
    placement = place(llm.layer_count, (1.0,) * cards, layers)
    split = memory(llm, "q4_k_m", options, placement)
    twice = llama_cpp.vocabulary_bytes(llm, "q4_k_m")[0] if llm.tied_embeddings else 0.0
    twice = twice if placement.output_device != HOST else 0.0
    stored = sum(part.weights_bytes for part in split.values())
    assert stored == pytest.approx(alone.weights_bytes + twice)
    cached = sum(part.cache_bytes for part in split.values())
    assert cached == pytest.approx(alone.cache_bytes)


@UNHURRIED
@given(slug=SLUGS, context=st.integers(512, 100_000), more=st.integers(1, 100_000))
def test_a_longer_context_never_takes_less_cache(slug: str, context: int, more: int) -> None:
    llm = CATALOG.llm(slug)
    shorter, longer = Options(context), Options(context + more)
    assert sum(layer_cache_bytes(llm, shorter)) <= sum(layer_cache_bytes(llm, longer))


@pytest.mark.parametrize("model", ["llama-3.1-8b", "gpt-oss-20b", "deepseek-v2-lite"])
def test_weights_are_those_of_the_whole_model(model: str) -> None:
    """Vectors are 32 bits wide here and as wide as their class elsewhere: 0.2 % at most."""
    llm = CATALOG.llm(model)
    found = memory(llm, "q8_0", Options(4096), place(llm.layer_count, ()))[HOST].weights_bytes
    assert found == pytest.approx(weight_bytes(llm, "q8_0"), rel=2e-3)


def test_a_few_layers_tell_as_much_as_all(monkeypatch: pytest.MonkeyPatch) -> None:
    options = Options(32768, mixes_batches=False)
    for model in ("gemma-3-27b-it", "llama-3.1-8b", "deepseek-v3", "gpt-oss-20b"):
        llm = CATALOG.llm(model)
        host = place(llm.layer_count, ())
        few = compute_bytes(llm, "q4_k_m", options, host)
        with monkeypatch.context() as patch:
            patch.setattr(llama_cpp, "_SAMPLES", 1000)
            assert compute_bytes.__wrapped__(llm, "q4_k_m", options, host) == few


def chain(*sizes: int, over: bool = False) -> Graph:
    graph = Graph()
    current = Tensor(sizes[0], shape=(sizes[0],))
    for size in sizes[1:]:
        current = Tensor(size, (current,), shape=(size,), overwrites=over)
    graph.expand(current)
    return graph


def test_a_tensor_is_freed_once_its_last_user_is_done() -> None:
    assert traced_bytes(chain(64, 64, 64, 64))[0][HOST] == 128


def test_an_operation_writes_over_an_input_of_its_shape() -> None:
    assert traced_bytes(chain(64, 64, 64, over=True))[0][HOST] == 64
    assert traced_bytes(chain(64, 96, over=True))[0][HOST] == 160


def test_freed_blocks_are_joined_and_used_best_fit_first() -> None:
    assert traced_bytes(chain(64, 32, 96))[0][HOST] == 192
