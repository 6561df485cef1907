"""To train or to serve: known bytes and flop of training, and the cheapest card of each role."""

from __future__ import annotations

import functools
from dataclasses import replace

import pytest
from hardware_questions import CATALOG, asked, cards, few_cards

from rightrig.costs.offers import cheapest
from rightrig.planning.questions.train_or_serve import (
    TrainOrServe,
    train_or_serve,
    training_flop_per_token,
    training_state_bytes,
)
from rightrig.work.weights import matmul_params_count

GPUS = ("h100-sxm", "a100-sxm-80gb", "l40s")
LLAMA_7B, LLAMA_70B = CATALOG.llm("llama-2-7b"), CATALOG.llm("llama-2-70b")


@functools.cache
def found(model: str = "llama-2-7b") -> TrainOrServe:
    return train_or_serve(
        CATALOG, CATALOG.llm(model), cards(*GPUS), asked(), few_cards(*GPUS), 4096
    )


def test_training_all_of_seventy_billion_keeps_1104_gb() -> None:
    assert training_state_bytes(LLAMA_70B) == pytest.approx(1103.626e9, rel=1e-5)


def test_seventy_billion_do_not_train_on_eight_cards_of_80_gb() -> None:
    by_card = {both.gpu.slug: both.training for both in found("llama-2-70b").cards}
    assert by_card["h100-sxm"].least_cards == 13
    assert not by_card["h100-sxm"].is_one_machine
    assert not by_card["a100-sxm-80gb"].is_one_machine


def test_training_flop_are_six_a_parameter_and_causal_attention() -> None:
    layers, width, tokens = 32, 4096, 2048
    expected = 6.0 * matmul_params_count(LLAMA_7B) + 6.0 * layers * width * tokens
    assert training_flop_per_token(LLAMA_7B, tokens) == pytest.approx(expected, rel=2e-3)


def test_training_is_that_of_the_training_model_on_the_smallest_rig_that_holds_it() -> None:
    by_card = {both.gpu.slug: both.training for both in found().cards}
    run = by_card["h100-sxm"].found
    assert run is not None
    assert run.time is not None
    assert run.job.rig.text == "2xh100-sxm"  # 108 GB of states
    assert by_card["h100-sxm"].tokens_per_s == run.time.tokens_per_s_per_card
    assert run.verdict != "no"
    assert 0.2 < run.time.mfu_ratio.mid < 0.7


def test_the_best_card_of_a_role_has_its_least_cost() -> None:
    answer = found()
    served = [b.serving.cost_usd_per_token for b in answer.cards]
    trained = [b.training.cost_usd_per_token for b in answer.cards]
    assert answer.best_to_serve is not None
    assert answer.best_to_train is not None
    assert answer.best_to_serve.serving.cost_usd_per_token == min(c for c in served if c)
    best = answer.best_to_train.training.cost_usd_per_token
    assert best is not None
    assert best.mid == min(c.mid for c in trained if c)


def test_a_trained_token_costs_the_rent_of_its_time() -> None:
    for both in found().cards:
        run, cost = both.training.found, both.training.cost_usd_per_token
        assert run is not None
        assert run.time is not None
        assert cost is not None
        rent = cheapest(
            few_cards(*GPUS).prices, both.gpu.slug, run.job.rig.cards_per_node,
            run.job.rig.nodes_count,
        )  # fmt: skip
        assert rent is not None
        hourly = rent.rent_usd_per_month / 730.0
        assert cost.mid == pytest.approx(hourly / 3600.0 / run.time.tokens_per_s.mid)
        assert cost.low == pytest.approx(hourly / 3600.0 / run.time.tokens_per_s.high)


def test_a_model_that_no_card_serves_is_a_result() -> None:
    space = replace(few_cards("l40s"), formats=("checkpoint",))
    answer = train_or_serve(CATALOG, LLAMA_70B, cards("l40s"), asked(tpot=1e-4), space, 4096)
    assert answer.best_to_serve is None
    assert answer.best_to_train is not None
    assert "no rented card" in answer.explain().sentences[0]
    assert "rightrig finetune" in answer.explain().sentences[-1]
