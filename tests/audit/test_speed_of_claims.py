"""Bounds and predictions of speed, as expressions of a claims table ask for them."""

from __future__ import annotations

import pytest
from audited_text import amount, found, in_unit

from rightrig.errors import InputError


def test_the_roof_of_a_dense_70b_leaves_out_the_table_of_embeddings() -> None:
    # 32,000 words of 8,192 values of 16 bits are 0.524 GB of 36.6 GB.
    read = in_unit('token_weight_bytes("llama-2-70b", "awq")', "GB")
    stored = in_unit('weight_bytes("llama-2-70b", "awq")', "GB")
    assert stored - read == pytest.approx(32_000 * 8_192 * 2 / 1e9)
    roof = amount('decode_roof("llama-2-70b", "h100-sxm", "awq")')
    assert roof.mid == pytest.approx(3350 / read)
    assert roof.limit == "most"


@pytest.mark.parametrize(("model", "card"), [("qwen3-30b-a3b", "h100-sxm"),
                                             ("mixtral-8x7b-v0.1", "b200-sxm")])  # fmt: skip
def test_no_prediction_of_a_mixture_passes_its_roof(model: str, card: str) -> None:
    """A token reads its own experts alone: all weights would be no bound."""
    roof = amount(f'decode_roof("{model}", "{card}", "bf16")').mid
    speed = f'predicted_tokens_per_s("{model}", "1x{card}", 512, 128, 1, "bf16")'
    assert amount(speed).mid < roof
    read = in_unit(f'token_weight_bytes("{model}")', "GB")
    assert read < 0.5 * in_unit(f'weight_bytes("{model}")', "GB")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('decode_roof("llama-2-7b", "h100-sxm", "fp16", 0)', "cards is 0"),
        ('predicted_tpot_s("llama-2-7b", "1xh100-sxm", 128, 128, 0)', "users is 0"),
        ('predicted_tokens_per_s("llama-2-7b", "1xh100-sxm", 128, -5)', "output_tokens is -5"),
        ('predicted_tokens_per_s("llama-2-7b", "1xh100-sxm", 0, 5)', "input_tokens is 0"),
        ('least_tp_cards_count("llama-2-7b", "h100-sxm", 0)', "context_tokens is 0"),
        ("capacity_requests_per_s(-5, 1*s)", "running_seqs_count is -5"),
        ("request_rent_usd(-1*USD/h, 1/s)", "rig_usd_per_hour is -1"),
    ],
)
def test_what_is_no_load_is_refused_in_a_sentence(text: str, told: str) -> None:
    with pytest.raises(InputError, match=told):
        found(text)
