"""The largest dense model by format: near what people find on cards of 24 GB."""

from __future__ import annotations

import pytest

import rightrig
from rightrig.deployment.propose import Choices, propose
from rightrig.deployment.rig import parse_rig
from rightrig.planning.largest import HEADLINE_FORMATS, largest_dense_params, reference_llm
from rightrig.prediction.memory_fit import fit
from rightrig.work.weights import total_params_count

CATALOG = rightrig.shipped()


def largest(
    rig: str, context: int = 8192, seqs: int = 1, choices: Choices | None = None
) -> dict[str, float]:
    """Billions of parameters by format."""
    found = largest_dense_params(
        CATALOG, parse_rig(rig, CATALOG), context, seqs, choices or Choices()
    )
    return {name: params / 1e9 for name, params in found.items()}


def test_reference_models_look_like_llama() -> None:
    assert total_params_count(reference_llm(32)) == pytest.approx(8.0e9, rel=0.01)
    assert total_params_count(reference_llm(72)) == pytest.approx(80e9, rel=0.01)


@pytest.mark.parametrize("context", [2048, 8192])
def test_24_gb_hold_11_billion_in_16_bits_20_in_8_and_37_in_4(context: int) -> None:
    found = largest("1xrtx-4090", context)
    assert 10.0 <= found["bf16"] <= 11.0
    assert 18.5 <= found["fp8"] <= 20.0
    assert 32.5 <= found["awq"] <= 36.0
    # llama.cpp sets nothing aside for a sampler or graphs.
    assert found["bf16"] < found["f16"] < 13.0
    assert found["fp8"] < found["q8_0"] < 24.0
    assert 36.0 <= found["q4_k_m"] <= 41.0


@pytest.mark.parametrize("name", ["bf16", "awq", "q4_k_m"])
def test_the_model_of_that_size_stands_between_two_that_are_tried(name: str) -> None:
    params = largest("1xl40s")[name] * 1e9
    rig = parse_rig("1xl40s", CATALOG)
    verdicts = {
        total_params_count(llm) <= params: fit(
            propose(CATALOG, llm, rig, Choices(weights=name)), 8192, 1
        ).verdict
        for llm in map(reference_llm, range(256, 0, -8))
        if params / 2 < total_params_count(llm) < 2 * params
    }
    assert verdicts[True] != "no"
    assert verdicts[False] == "no"


def test_more_cards_longer_contexts_and_more_sequences_push_the_size() -> None:
    one, two, four = (largest(f"{n}xrtx-4090") for n in (1, 2, 4))
    longer, busier = largest("1xrtx-4090", 32_768), largest("1xrtx-4090", 8192, 8)
    assert one
    for name in one:
        assert one[name] < two[name] < four[name]
        assert longer[name] < one[name]
        assert busier[name] < one[name]


def test_formats_that_nothing_loads_there_are_left_out() -> None:
    assert set(largest("1xm4-max")) == {"f16", "q8_0", "q4_k_m"}
    assert set(largest("1xh100-sxm")) == set(HEADLINE_FORMATS)
    assert largest("1xtpu-v5e") == {}


def test_a_fixed_format_is_the_only_one() -> None:
    assert set(largest("1xrtx-4090", choices=Choices(weights="q6_k"))) == {"q6_k"}


def test_where_not_even_eight_layers_fit_the_size_is_0() -> None:
    assert largest("1xrtx-4090", 1_000_000, 1000)["bf16"] == 0.0
