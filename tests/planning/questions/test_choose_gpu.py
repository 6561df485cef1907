"""Which card: always an answer, within its limits, and for one user the one that 24 GB decide."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hardware_questions import CATALOG, FEW_CARDS, asked, few_cards
from hypothesis import given, settings
from hypothesis import strategies as st

from rightrig.demand.objective import Limits
from rightrig.planning.questions.choose_gpu import (
    Choice,
    Kind,
    Use,
    choose_gpu,
    is_allowed,
    users_rate_requests_per_s,
)

if TYPE_CHECKING:
    from rightrig.planning.search import Space

MODELS = ("llama-2-7b", "llama-3.3-70b", "qwen3-30b-a3b")
SMALL = replace(few_cards("l4", "rtx-4090", "orin-agx-64gb"), formats=("fp8", "q4_k_m"))
ONE_USER = 1.0 / 30.0


def chosen(
    model: str,
    kind: Kind = "development",
    rate: float = ONE_USER,
    space: Space | None = None,
    **limits: float,
) -> Choice:
    spare = {"development": (0.0, 0), "production": (0.3, 1)}[kind]
    bounds = Limits.model_validate(
        {"headroom_ratio": spare[0], "spare_engines_count": spare[1], **limits}
    )
    ttft, tpot = (2.0, 0.2) if kind == "production" else (None, None)
    question = asked(rate, ttft, tpot, limits=bounds)
    use = Use(kind, question, space or few_cards(), "Traffic.", CATALOG.gpu("rtx-4090"))
    return choose_gpu(CATALOG, CATALOG.llm(model), use)


def test_seven_billion_fit_24_gb_and_one_user() -> None:
    found = chosen("llama-2-7b", space=replace(few_cards(), formats=("bf16",)))
    assert found.deciding.yes
    assert "Does one GeForce RTX 4090 24 GB do? Yes" in found.explain().sentences[1]


def test_thirteen_billion_at_16_bits_do_not_fit_24_gb() -> None:
    found = chosen("llama-2-13b", space=replace(few_cards(), formats=("bf16",)))
    assert not found.deciding.is_held
    assert not found.deciding.yes
    assert found.chosen is not None
    assert found.chosen.gpu.slug not in {"rtx-4090", "rtx-3090", "l4"} or (
        found.chosen.cards_count > 1
    )


def test_thirteen_billion_at_4_bits_fit_16_gb() -> None:
    space = replace(few_cards("rtx-4080"), formats=("awq",))
    found = chosen("llama-2-13b", space=space)
    assert found.picks == ()  # nobody rents it
    assert [(p.gpu.slug, p.cards_count) for p in found.owned] == [("rtx-4080", 1)]


def test_below_100_w_the_small_cards_are_left() -> None:
    found = chosen("llama-3.1-8b", max_power_w=100.0)
    assert {p.gpu.slug for p in found.picks} == {"l4", "t4"}
    assert {p.rated_power_w for p in found.picks} == {72.0, 70.0}
    assert {p.gpu.slug for p in found.owned} == {"orin-agx-64gb"}


def test_below_70_w_only_a_module_that_nobody_rents_is_left() -> None:
    found = chosen("llama-3.1-8b", max_power_w=65.0)
    assert found.chosen is not None
    assert found.chosen.gpu.slug == "orin-agx-64gb"
    assert found.chosen.rent_usd_per_month is None
    assert "to buy" in found.explain().sentences[0]


def test_a_service_leaves_out_memory_without_ecc_and_has_an_engine_to_spare() -> None:
    develop, serve = chosen("llama-3.1-8b", rate=3.0), chosen("llama-3.1-8b", "production", 3.0)
    assert develop.chosen is not None
    assert serve.chosen is not None
    assert serve.dropped_count == sum(
        not is_allowed(CATALOG.gpu(slug), "production") for slug in FEW_CARDS
    )
    assert all(is_allowed(p.gpu, "production") for p in serve.picks)
    assert serve.chosen.engines_count >= 2
    assert (serve.chosen.rent_usd_per_month or 0) > (develop.chosen.rent_usd_per_month or 0)


def test_the_spare_engine_is_more_than_the_traffic_takes() -> None:
    served = chosen("llama-3.1-8b", "production", 3.0)
    without = chosen("llama-3.1-8b", "production", 3.0, spare_engines_count=0)
    known = {p.engine: p.engines_count for p in without.picks}
    both = [(known[p.engine], p.engines_count) for p in served.picks if p.engine in known]
    assert both
    assert all(spare == plain + 1 for plain, spare in both)


def test_users_who_think_30_s_send_at_most_a_thirtieth_a_second() -> None:
    assert users_rate_requests_per_s(1, 30.0) == pytest.approx(0.0333, rel=1e-2)


@settings(max_examples=10, deadline=None)
@given(
    model=st.sampled_from(MODELS),
    kind=st.sampled_from(["development", "production"]),
    rate=st.floats(1e-3, 1e3),
    budget=st.floats(10.0, 1e6),
    power=st.floats(5.0, 1e5),
    cards=st.integers(1, 256),
)
def test_every_question_has_an_answer_within_its_limits(
    model: str, kind: Kind, rate: float, budget: float, power: float, cards: int
) -> None:
    found = chosen(
        model, kind, rate, SMALL,
        budget_usd_per_month=budget, max_power_w=power, max_gpus_count=cards,
    )  # fmt: skip
    assert all(sentence.endswith((".", ")")) for sentence in found.explain().sentences)
    if found.chosen is None:
        assert found.nearest
        return
    assert found.chosen.cards_count <= cards
    assert (found.chosen.rated_power_w or 0.0) <= power
    assert (found.chosen.rent_usd_per_month or 0.0) <= budget
    assert is_allowed(found.chosen.gpu, kind)


def test_the_deciding_card_needs_no_price() -> None:
    question = asked(ONE_USER, None, None)
    use = Use("development", question, SMALL, "Traffic.", CATALOG.gpu("m4-max"))
    found = choose_gpu(CATALOG, CATALOG.llm("llama-2-7b"), use)
    assert found.deciding.carrying is not None
    assert found.deciding.carrying.gpu.slug == "m4-max"
    assert found.deciding.yes


def test_a_budget_of_rent_buys_nothing() -> None:
    found = chosen("llama-2-7b", rate=50.0, budget_usd_per_month=10.0)
    assert found.chosen is None
    assert found.owned == ()
    assert found.nearest
