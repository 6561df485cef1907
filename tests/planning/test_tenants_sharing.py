"""Engines side by side on one card: the memory is divided, the speed is shared."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rightrig.deployment.propose import Choices
from rightrig.deployment.rig import parse_rig
from rightrig.errors import InputError
from rightrig.facts.catalog import shipped
from rightrig.facts.explanation import Explainable
from rightrig.planning.tenancy.engine import Tenant, engine_on, usual_lengths
from rightrig.planning.tenancy.sharing import Sharing, busy_prediction, shared_gpu, sharing

CATALOG: Final = shipped()
A100: Final = CATALOG.gpu("a100-sxm-80gb")
SEVEN_B: Final = Tenant(
    name="seven",
    llm=CATALOG.llm("meta-llama/Llama-2-7b-hf"),
    choices=Choices(),
    context_tokens=4096,
    concurrency=1,
    lengths=usual_lengths(4096),
)


def four() -> Sharing:
    return sharing(CATALOG, A100, [SEVEN_B], fill_one=True)


def test_an_a100_of_80_gb_holds_four_7b_engines_in_16_bits() -> None:
    found = four()
    assert found.tenants_count == 4
    (engines,) = found.cards
    for shared in engines:
        assert shared.engine.fit.verdict in {"fits", "tight"}
        assert shared.memory_ratio == pytest.approx(0.23)
        assert shared.engine.cache_tokens is not None
        assert shared.engine.cache_tokens.mid >= 4096


def test_the_parts_of_all_engines_fit_the_usual_fraction_of_the_card() -> None:
    for tenants in ([replace(SEVEN_B, count=3)], [SEVEN_B, replace(SEVEN_B, name="b", count=3)]):
        for engines in sharing(CATALOG, A100, tenants).cards:
            assert sum(e.memory_ratio or 0.0 for e in engines) <= 0.92 + 1e-9


def test_engines_that_are_all_busy_are_slower_but_at_best_by_their_number() -> None:
    (engines,) = four().cards
    alone, busy = engines[0].engine.prediction, engines[0].busy
    assert alone is not None
    assert 3.0 * alone.tpot_s.mid < busy.tpot_s.mid <= 4.0 * alone.tpot_s.mid
    assert alone.ttft_s.mid < busy.ttft_s.mid <= 4.0 * alone.ttft_s.mid


def test_one_of_four_busy_engines_has_a_quarter_of_the_rates_and_all_its_memory() -> None:
    quarter = shared_gpu(A100, 4)
    assert quarter.memory_bandwidth_bytes_per_s == A100.memory_bandwidth_bytes_per_s / 4
    assert (quarter.peak.bf16_flop_per_s or 0) == pytest.approx(312e12 / 4)
    assert quarter.memory_bytes == A100.memory_bytes


@settings(max_examples=12, deadline=None)
@given(gpu=st.sampled_from(["rtx-4090", "l40s", "h100-sxm"]), count=st.integers(2, 9))
def test_more_busy_engines_are_never_quicker_and_never_worse_than_taking_turns(
    gpu: str, count: int
) -> None:
    tenant = replace(SEVEN_B, choices=Choices(weights="awq"))
    engine = engine_on(CATALOG, parse_rig(f"1x{gpu}", CATALOG), tenant)
    assert engine is not None
    alone, fewer, more = (busy_prediction(engine, n).tpot_s.mid for n in (1, count - 1, count))
    assert fewer < more <= count * alone * 1.0001


def test_parts_outside_the_fraction_have_room_beside_it() -> None:
    # Before 0.21 vLLM captured its graphs beside the memory that its fraction grants.
    old = replace(SEVEN_B, choices=Choices(runtime="vllm@0.19.0"))
    (engines,) = sharing(CATALOG, A100, [old], fill_one=True).cards
    fits = [shared.engine.fit for shared in engines]
    assert all(fit.verdict in {"fits", "tight"} for fit in fits)
    outside_bytes = sum(
        part.size_bytes.mid
        for fit in fits
        for part in fit.binding.components
        if not part.is_budgeted
    )
    assert outside_bytes > 0
    granted_ratio = sum(shared.memory_ratio or 0.0 for shared in engines)
    assert granted_ratio + outside_bytes / A100.memory_bytes.mid <= 0.90 + 1e-9


def test_an_objective_limits_how_many_share_a_card() -> None:
    bound = replace(SEVEN_B, tpot_s=0.030, count=4)
    found = sharing(CATALOG, A100, [bound])
    assert found.tenants_count == 4
    assert len(found.cards) > 1
    for engines in found.cards:
        assert all(shared.busy.tpot_s.mid <= 0.030 for shared in engines)


def test_an_objective_that_a_whole_card_misses_is_a_no_with_its_reason() -> None:
    found = sharing(CATALOG, A100, [replace(SEVEN_B, tpot_s=0.001)])
    assert found.cards == ()
    assert "not 1 ms" in found.refused[0]


def test_a_model_that_fills_no_card_is_a_no_with_its_reason() -> None:
    llm = CATALOG.llm("meta-llama/Llama-3.3-70B-Instruct")
    found = sharing(CATALOG, A100, [replace(SEVEN_B, llm=llm)])
    assert found.cards == ()
    assert found.refused[0].startswith("seven: needs 13")


def test_engines_of_llama_cpp_take_what_they_need() -> None:
    choices = Choices(runtime="llama.cpp", weights="q4_k_m")
    gpu = CATALOG.gpu("rtx-4090")
    found = sharing(CATALOG, gpu, [replace(SEVEN_B, choices=choices)], fill_one=True)
    (engines,) = found.cards
    assert len(engines) == 3
    needed_bytes = sum(e.engine.fit.binding.required_bytes.mid for e in engines)
    assert needed_bytes <= gpu.memory_bytes.mid
    assert all(e.memory_ratio is None for e in engines)


def test_a_fraction_that_is_no_part_of_the_card_is_refused() -> None:
    with pytest.raises(InputError, match="the memory fraction of SGLang is no part"):
        sharing(CATALOG, A100, [replace(SEVEN_B, choices=Choices(runtime="sglang"))])


def test_an_answer_explains_itself() -> None:
    found = four()
    assert isinstance(found, Explainable)
    explanation = found.explain()
    assert all(sentence.endswith(".") for sentence in explanation.sentences)
    assert any("while all 4 are busy" in sentence for sentence in explanation.sentences)
    assert explanation.sources
    assert explanation.figures
