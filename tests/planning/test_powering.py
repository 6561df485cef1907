"""Watts by phase and power limits of whole deployments."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import pytest

import rightrig
from rightrig.deployment.propose import Choices, propose
from rightrig.deployment.rig import parse_rig
from rightrig.errors import InputError
from rightrig.planning.power_values import Goals, Money, Powered, Question, money_of
from rightrig.planning.powering import powered
from rightrig.planning.search import tariff_of
from rightrig.prediction.predict import predict
from rightrig.prediction.regimes import Lengths

if TYPE_CHECKING:
    from rightrig.deployment.deployment import Deployment

CATALOG: Final = rightrig.shipped()
TARIFF: Final = tariff_of(CATALOG)
CHAT: Final = Lengths(1000.0, 300.0)


def deployed(model: str, rig: str, choices: Choices | None = None) -> Deployment:
    return propose(CATALOG, CATALOG.llm(model), parse_rig(rig, CATALOG), choices or Choices())


def asked(model: str, rig: str, users: int, **words: object) -> Powered:
    deployment = deployed(model, rig)
    money = words.pop("money", None) or money_of(deployment, CATALOG, TARIFF, 2.0)
    goals = words.pop("goals", Goals())
    assert isinstance(money, Money)
    assert isinstance(goals, Goals)
    return powered(Question(deployment, CHAT, users, money, goals, with_caps=True))


H100: Final = asked("llama-3.1-8b", "1xh100-sxm", 64)


def test_prompts_draw_more_than_decoding_and_idle_least() -> None:
    idle, prompts, decoding, mean = H100.phases
    assert idle.power_w.mid < decoding.power_w.mid <= prompts.power_w.mid
    assert decoding.power_w.mid <= mean.power_w.mid * (1 + 1e-9)
    # ML.ENERGY v3: 610 W at 64 sequences of short chat on the same model.
    assert decoding.power_w.low <= 610.0 <= decoding.power_w.high
    assert (decoding.compute_use_ratio or 1.0) < 0.4
    assert (prompts.compute_use_ratio or 0.0) > 0.4
    assert (decoding.memory_use_ratio or 0.0) > (prompts.memory_use_ratio or 1.0)


def test_the_mean_lies_between_decoding_and_prompts_on_many_cards() -> None:
    _, prompts, decoding, mean = asked("llama-3.1-70b", "8xh100-sxm", 64).phases
    assert decoding.power_w.mid < mean.power_w.mid < prompts.power_w.mid


def test_energy_is_watts_over_tokens() -> None:
    for phase in H100.phases[1:]:
        assert phase.energy_j_per_token is not None
        assert phase.tokens_per_s is not None
        joules = phase.power_w.mid / phase.tokens_per_s
        assert phase.energy_j_per_token.mid == pytest.approx(joules)


def test_phases_agree_with_the_prediction() -> None:
    result = predict(deployed("llama-3.1-8b", "1xh100-sxm"), CHAT, 64)
    assert H100.phases[-1].power_w == result.power_w
    # Decoding alone is quicker than decoding among prompts.
    assert H100.phase("decoding").tokens_per_s or result.output_tokens_per_s.mid <= 0.0


def test_lower_limits_draw_less_and_are_never_quicker() -> None:
    assert H100.caps[0].limit_ratio == 1.0
    assert H100.caps[-1].limit_w == pytest.approx(420.0)
    for more, less in itertools.pairwise(H100.caps):
        assert less.power_w.mid <= more.power_w.mid * (1 + 1e-9)
        assert less.power_w.mid <= less.limit_w * (1 + 1e-9)
        assert less.output_tokens_per_s <= more.output_tokens_per_s * (1 + 1e-9)
        assert less.prefill_tokens_per_s < more.prefill_tokens_per_s


def test_rented_tokens_only_become_dearer_under_a_limit() -> None:
    prices = [cap.rent_usd_per_token for cap in H100.caps]
    assert all(price is not None for price in prices)
    assert prices == sorted(prices, key=lambda price: price or 0.0)


def test_a_dear_card_keeps_its_limit_and_a_cheap_one_with_dear_electricity_does_not() -> None:
    dear = asked(
        "llama-3.1-8b", "1xh100-sxm", 64,
        money=Money(replace(TARIFF, usd_per_kwh=0.05, pue_ratio=1.0), 30_000.0, "as given"),
    )  # fmt: skip
    cheap = asked(
        "llama-3.1-8b", "1xh100-sxm", 64,
        money=Money(replace(TARIFF, usd_per_kwh=0.40, pue_ratio=1.5), 1_000.0, "as given"),
        goals=Goals(loss_ratio=0.5),
    )  # fmt: skip
    assert dear.best is dear.caps[0]
    assert cheap.best is not None
    assert cheap.best.limit_ratio < 0.8
    for found in (dear, cheap):
        least = min(cap.own_usd_per_token or 0.0 for cap in found.caps if cap.keeps)
        assert found.best is not None
        assert found.best.own_usd_per_token == pytest.approx(least, rel=1.1e-3)


def test_a_limit_breaks_no_goal() -> None:
    ttft_s = H100.caps[3].ttft_s
    found = asked("llama-3.1-8b", "1xh100-sxm", 64, goals=Goals(0.5, ttft_s=ttft_s))
    assert [cap.keeps for cap in found.caps] == [True] * 4 + [False] * 5
    assert found.best is not None
    assert found.best.ttft_s <= ttft_s


def test_where_no_limit_keeps_the_times_none_is_recommended() -> None:
    found = asked("llama-3.1-8b", "1xh100-sxm", 64, goals=Goals(tpot_s=1e-4))
    assert found.best is None
    assert "No limit keeps" in found.reason


def test_idle_hours_make_tokens_dearer() -> None:
    money = replace(money_of(deployed("llama-3.1-8b", "1xh100-sxm"), CATALOG, TARIFF, None))
    full = asked("llama-3.1-8b", "1xh100-sxm", 64, money=money)
    tenth = asked("llama-3.1-8b", "1xh100-sxm", 64, money=replace(money, use_ratio=0.1))
    idle_w = full.phases[0].power_w.mid
    rate = full.prediction.output_tokens_per_s.mid
    assert tenth.used_j_per_token - full.used_j_per_token == pytest.approx(9.0 * idle_w / rate)
    first, other = full.caps[0].own_usd_per_token, tenth.caps[0].own_usd_per_token
    assert first is not None
    assert other is not None
    assert other > 9.0 * first * 0.5


@pytest.mark.parametrize(("watts", "longer_ratio"), [(220, 1.2), (280, 1.07)])
def test_a_limit_in_the_rig_is_the_same_limit(watts: int, longer_ratio: float) -> None:
    free, capped = (
        predict(deployed("qwen3-14b", rig), CHAT, 16)
        for rig in ("2xrtx-3090", f"2xrtx-3090@{watts}w")
    )
    assert free.power_w is not None
    assert capped.power_w is not None
    assert capped.ttft_s.mid > free.ttft_s.mid
    # What waits for memory loses less than prompts do.
    assert capped.ttft_s.mid > longer_ratio * free.ttft_s.mid
    assert free.tpot_s.mid < capped.tpot_s.mid < longer_ratio * free.tpot_s.mid
    assert capped.power_w.high <= 2 * watts * (1 + 1e-9) < free.power_w.high


def test_only_one_card_of_a_split_by_layers_works_at_a_time() -> None:
    choices = Choices(runtime="llama.cpp", weights="q4_k_m")
    one, four = (
        predict(deployed("llama-3.1-8b", rig, choices), CHAT, 1).power_w
        for rig in ("1xrtx-3090", "4xrtx-3090")
    )
    assert one is not None
    assert four is not None
    assert one.mid < four.mid < 2 * one.mid


def test_cards_without_a_published_power_are_refused() -> None:
    unknown = deployed("llama-3.1-8b", "1xm3-ultra", Choices(runtime="llama.cpp"))
    with pytest.raises(InputError, match="the power of m3-ultra is not published, so that its"):
        powered(Question(unknown, CHAT, 1, Money(TARIFF), Goals()))


def test_it_explains_itself() -> None:
    found = H100.explain()
    assert any("0.79 of its limit" in sentence for sentence in found.sentences)
    assert any("ml-energy" in source for source in found.sources)
