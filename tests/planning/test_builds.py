"""Builds side by side: the figures are those of the functions for one rig, advice follows them."""

from __future__ import annotations

import math
from functools import cache
from typing import Final

import pytest

from rightrig.deployment.propose import Choices
from rightrig.deployment.rig import parse_rig
from rightrig.facts.catalog import shipped
from rightrig.planning.builds import Comparison, cloud_equivalent, compare
from rightrig.planning.fits import models_that_fit
from rightrig.planning.survey.fits import Book
from rightrig.planning.survey.survey import Load, lengths_at
from rightrig.prediction.predict import predict

MODELS: Final = (
    "Qwen/Qwen3-8B", "Qwen/Qwen3-32B", "meta-llama/Llama-3.3-70B-Instruct", "openai/gpt-oss-120b",
)  # fmt: skip
LOAD: Final = Load(8192, 300, 4)


@cache
def book() -> Book:
    """Return four models, so that mixed rigs are quick to survey too."""
    return Book(shipped(), [shipped().llm(name) for name in MODELS])


def compared(*texts: str, model: str | None = None, load: Load = LOAD) -> Comparison:
    """Return rigs side by side."""
    rigs = [parse_rig(text, shipped()) for text in texts]
    return compare(book(), rigs, load, Choices(), shipped().llm(model) if model else None)


def test_a_model_on_a_build_is_what_fit_and_predict_say() -> None:
    llm = shipped().llm("meta-llama/Llama-3.3-70B-Instruct")
    for build in compared("4xrtx-4090", "1xh100-sxm", model=llm.name).builds:
        fit = models_that_fit(shipped(), build.rig, 8192, 4, Choices(), [llm])[0].fit
        assert fit is not None
        assert build.serving.verdict == fit.verdict
        assert build.serving.max_context_tokens == fit.max_context_tokens
        assert build.serving.max_users_count == fit.max_concurrency
        found = predict(fit.deployment, lengths_at(8192, LOAD), 4)
        assert build.serving.ttft_s is not None
        assert build.serving.tpot_s is not None
        assert build.serving.ttft_s.mid == pytest.approx(found.ttft_s.mid, rel=1e-6)
        assert build.serving.tpot_s.high == pytest.approx(found.tpot_s.high, rel=1e-6)


def test_dollars_a_token_are_the_rent_over_the_tokens_of_a_month() -> None:
    build = compared("4xrtx-4090", model="Qwen/Qwen3-32B").builds[0]
    price, rate = build.serving.output_usd_per_token, build.serving.output_tokens_per_s
    assert price is not None
    assert rate is not None
    assert build.rent_usd_per_month is not None
    assert price.mid == pytest.approx(build.rent_usd_per_month / (rate.mid * 730 * 3600))
    assert price.low == pytest.approx(build.rent_usd_per_month / (rate.high * 730 * 3600))


def test_energy_is_the_draw_at_the_load_around_the_clock_with_the_site() -> None:
    watts = compared("4xrtx-4090", model="Qwen/Qwen3-32B").builds[0].watts
    assert watts is not None
    assert watts.load_w is not None
    kwh = watts.load_w.mid / 1e3 * 730 * watts.tariff.pue_ratio
    assert watts.energy_kwh_per_month == pytest.approx(kwh)
    assert watts.energy_usd_per_month == pytest.approx(kwh * watts.tariff.usd_per_kwh)
    assert watts.load_w.mid < watts.peak_w.mid


def test_what_one_gains_the_other_way_round_is_lost() -> None:
    there, back = compared("1xrtx-4090", "8xh100-sxm"), compared("8xh100-sxm", "1xrtx-4090")
    assert there.gained(1) == back.lost(1)
    assert there.lost(1) == back.gained(1) == ()
    assert {llm.name for llm in there.gained(1)} == set(MODELS[1:])


def test_without_a_model_the_largest_that_most_hold_is_compared() -> None:
    assert compared("2xrtx-4090", "8xh100-sxm").llm.name == "Qwen/Qwen3-32B"
    assert compared("8xh100-sxm").llm.name == "openai/gpt-oss-120b"


def test_each_is_advised_for_what_it_surely_leads_in() -> None:
    small, large, *_ = compared("1xrtx-4090", "8xh100-sxm", model=MODELS[0]).explain().sentences
    assert small.startswith("Take 1xrtx-4090 for the lowest rent ($")
    assert "the quickest answers" in large
    assert "the most tokens in all" in large


def test_equal_builds_lead_in_nothing() -> None:
    found = compared("4xrtx-4090", "4xrtx-4090@ram=64GiB", model=MODELS[0])
    first, second, unsure = found.explain().sentences
    assert first == "4xrtx-4090 leads in nothing that is compared here for certain."
    assert second.startswith("4xrtx-4090@ram=64GiB leads in nothing")
    assert unsure.startswith("Too close to call: the lowest rent, ")


def test_a_build_without_the_model_is_told_so_with_the_reason() -> None:
    found = compared("1xrtx-4090", "8xh100-sxm", model=MODELS[2])
    assert found.builds[0].serving.tpot_s is None
    assert (
        found.explain()
        .sentences[0]
        .startswith("1xrtx-4090 holds meta-llama/Llama-3.3-70B-Instruct for 4 × 8,192 tokens not: ")
    )


def test_nobody_rents_mixed_cards_or_prices_their_tokens() -> None:
    build = compared("4xrtx-4090+1xa100-sxm-80gb").builds[0]
    assert build.purchase is None
    assert build.serving.output_usd_per_token is None
    assert build.link.kind == "pcie-host"
    assert build.bandwidth_bytes_per_s == pytest.approx(4 * 1008e9 + 2039e9, rel=0.01)


def test_where_requests_come_too_quickly_tokens_have_no_price() -> None:
    load = Load(8192, 300, rate_requests_per_s=1000.0)
    serving = compared("1xrtx-4090", model=MODELS[0], load=load).builds[0].serving
    assert serving.ttft_s is not None
    assert math.isinf(serving.ttft_s.mid)
    assert serving.output_usd_per_token is None


@pytest.mark.parametrize("text", ["2xrtx-3090", "1xrtx-4090", "4xrtx-4090"])
def test_the_cloud_equivalent_is_as_quick_and_nothing_cheaper_of_three_is(text: str) -> None:
    own = compared(text, model=MODELS[0]).builds[0]
    found = cloud_equivalent(shipped(), own)
    assert found is not None
    rig, bought = found
    other = compared(rig.text, model=MODELS[0]).builds[0]
    least = own.serving.user_tokens_per_s
    speed = other.serving.user_tokens_per_s
    assert least is not None
    assert speed is not None
    assert speed.mid >= least.mid
    for cheaper in ("1xrtx-3090", "1xl4", "1xrtx-4090"):
        one = compared(cheaper, model=MODELS[0]).builds[0]
        rent, rate = one.rent_usd_per_month, one.serving.user_tokens_per_s
        if cheaper != text and rent is not None and rent < bought.rent_usd_per_month:
            assert rate is not None
            assert rate.mid < least.mid
