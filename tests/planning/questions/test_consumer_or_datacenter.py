"""Consumer cards or others: the plan agrees with the market on both sides of a flip."""

from __future__ import annotations

import functools
from dataclasses import replace

import pytest
from hardware_questions import CATALOG, asked, few_cards

from rightrig.planning.questions.consumer_or_datacenter import (
    ConsumerOrDatacenter,
    consumer_or_datacenter,
    full_usd_per_million_tokens,
)

SPACE = replace(few_cards("rtx-3090", "rtx-4090", "l4", "h100-sxm"), formats=("checkpoint", "fp8"))


@functools.cache
def found(model: str = "llama-3.1-8b", rate: float = 1.0) -> ConsumerOrDatacenter:
    card = CATALOG.gpu("rtx-4090")
    return consumer_or_datacenter(CATALOG, CATALOG.llm(model), card, asked(rate), SPACE)


def test_24_gb_hold_eight_billion_at_16_bits() -> None:
    assert {name: count.verdict for name, count in found().formats} == {
        "checkpoint": "fits",
        "fp8": "fits",
    }


def test_a_full_engine_costs_its_rent_over_its_tokens() -> None:
    answer = found()
    for hire in answer.full:
        assert hire is not None
        tokens_per_month = hire.capacity_requests_per_s * 1300 * 730 * 3600
        assert full_usd_per_million_tokens(hire, answer.question) == pytest.approx(
            hire.rent_usd_per_month / tokens_per_month * 1e6
        )


def test_the_plans_of_both_markets_agree_with_who_is_cheapest_at_each_corner() -> None:
    answer = found()
    edges: list[str] = [answer.cheapest_at_asked]
    between = [f for f in answer.flips if "none" not in {f.before, f.after}]
    if between:
        edges += [between[0].before, between[0].after]
    assert len(answer.corners) == len(edges)
    for corner, cheapest in zip(answer.corners, edges, strict=True):
        consumer, other = (
            float("inf") if p is None else p.rent_usd_per_month
            for p in (corner.consumer, corner.other)
        )
        assert ("consumer" if consumer <= other else "other") == cheapest


def test_every_rate_is_somebodys() -> None:
    answer = found()
    assert answer.cheapest_at_asked in {"consumer", "other"}
    ends = [flip.before for flip in answer.flips[1:]]
    assert ends == [flip.after for flip in answer.flips[:-1]]


def test_without_consumer_cards_the_others_are_cheapest_everywhere() -> None:
    space = replace(SPACE, gpus=tuple(g for g in SPACE.gpus if g.tier != "consumer"))
    answer = consumer_or_datacenter(
        CATALOG, CATALOG.llm("llama-3.1-8b"), CATALOG.gpu("rtx-4090"), asked(0.5), space
    )
    assert answer.cheapest_at_asked == "other"
    assert answer.tpot_flip is None
    assert all(corner.consumer is None for corner in answer.corners)
    assert {flip.before for flip in answer.flips} <= {"other"}
