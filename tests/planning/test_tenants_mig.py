"""Tenants on MIG instances: room, speed and cost of each, and the fewest cards for all."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rightrig.deployment.propose import Choices
from rightrig.deployment.rig import parse_rig
from rightrig.errors import InputError
from rightrig.facts.catalog import shipped
from rightrig.facts.explanation import Explainable
from rightrig.planning.tenancy.engine import Tenant, engine_on, usual_lengths
from rightrig.planning.tenancy.packing import Fill, fewest_cards
from rightrig.planning.tenancy.tenants import Tenancy, tenancies, tenancy
from rightrig.quantities import GB, GIB

CATALOG: Final = shipped()
H100: Final = CATALOG.gpu("h100-sxm")
SEVEN_B: Final = Tenant(
    name="seven",
    llm=CATALOG.llm("meta-llama/Llama-2-7b-hf"),
    choices=Choices(weights="awq"),
    context_tokens=4096,
    concurrency=1,
    lengths=usual_lengths(4096),
)
ONE_B: Final = replace(
    SEVEN_B, name="one", llm=CATALOG.llm("meta-llama/Llama-3.2-1B-Instruct"), choices=Choices()
)


@pytest.fixture(scope="module")
def seven() -> Tenancy:
    return tenancy(CATALOG, H100, [SEVEN_B], profile="1g.10gb", price_usd=30_000.0, fill_one=True)


def test_an_h100_serves_seven_tenants_of_7b_in_int4(seven: Tenancy) -> None:
    assert seven.tenants_count == 7
    (card,) = seven.cards
    assert card.layout.counts == {"1g.10gb": 7}
    assert {i.placed.start for i in card.instances} == set(range(7))
    assert not seven.is_uneven


def test_each_has_its_weights_cache_and_arithmetic(seven: Tenancy) -> None:
    engine = seven.cards[0].instances[0].engine
    fit = engine.fit
    assert fit.weights_bytes == pytest.approx(3.89 * GB, rel=0.002)
    assert fit.binding.total_bytes.mid == 9.75 * GIB
    # What the budget leaves beside the weights, before activations, runtime and graphs.
    assert fit.binding.budget_bytes.mid - fit.weights_bytes == pytest.approx(5.8 * GB, rel=0.02)
    assert fit.deployment.rig.gpu.peak.bf16_flop_per_s == pytest.approx(119.9e12, rel=1e-3)
    assert engine.pool_bytes is not None
    assert engine.cache_tokens is not None
    # 2 · 32 layers · 4,096 wide · 2 bytes a token.
    assert engine.cache_tokens.mid == pytest.approx(engine.pool_bytes.mid / 524_288, rel=0.001)
    assert fit.max_concurrency == engine.cache_tokens.mid // 4096


def test_a_card_of_30000_dollars_costs_each_of_seven_4286(seven: Tenancy) -> None:
    assert seven.cost is not None
    assert seven.cost.tenant_price_usd == pytest.approx(4285.71, abs=0.01)
    assert seven.cost.purchase is not None
    assert seven.cost.tenant_rent_usd_per_month == pytest.approx(
        seven.cost.purchase.rent_usd_per_month / 7
    )


def test_an_answer_explains_itself(seven: Tenancy) -> None:
    assert isinstance(seven, Explainable)
    explanation = seven.explain()
    assert all(sentence.endswith((".", ").")) for sentence in explanation.sentences)
    assert any("20 of 132 SMs" in sentence for sentence in explanation.sentences)
    assert explanation.sources
    assert explanation.figures


def test_the_eighth_memory_slice_makes_one_of_seven_instances_wider() -> None:
    found = tenancy(CATALOG, H100, [SEVEN_B], fill_one=True)
    assert found.cards[0].layout.counts == {"1g.20gb": 1, "1g.10gb": 6}
    assert found.cards[0].stranded.sm_count == 10
    assert found.is_uneven


@pytest.mark.parametrize(("count", "cards"), [(1, 1), (7, 1), (8, 2), (14, 2), (15, 3)])
def test_seven_tenants_share_a_card_and_the_eighth_needs_another(count: int, cards: int) -> None:
    found = tenancy(CATALOG, H100, [replace(SEVEN_B, count=count)])
    assert (len(found.cards), found.tenants_count) == (cards, count)


def test_a_tenant_alone_gets_the_whole_card() -> None:
    found = tenancy(CATALOG, H100, [SEVEN_B])
    assert found.cards[0].layout.counts == {"7g.80gb": 1}


def test_tenants_of_two_models_each_get_an_instance_that_holds_them() -> None:
    wide = replace(SEVEN_B, name="wide", choices=Choices(weights="bf16"), count=2)
    found = tenancy(CATALOG, H100, [wide, replace(ONE_B, count=3)])
    assert found.tenants_count == 5
    for instance in (i for card in found.cards for i in card.instances):
        assert instance.engine.is_served
        assert instance.engine.fit.verdict in {"fits", "tight"}
        if instance.engine.tenant.name == "wide":
            assert instance.placed.profile.profile != "1g.10gb"


def test_a_model_that_no_instance_holds_has_no_layout_and_a_reason_each() -> None:
    llm = CATALOG.llm("meta-llama/Llama-3.3-70B-Instruct")
    found = tenancy(CATALOG, H100, [replace(SEVEN_B, llm=llm, choices=Choices())])
    assert found.cards == ()
    assert found.cost is None
    reasons = [trial.engine.reason for trial in found.trials if trial.engine]
    assert len(reasons) == 6
    assert all(reason.startswith("needs 13") for reason in reasons)


def test_an_objective_takes_instances_that_are_too_slow_out() -> None:
    quick = replace(SEVEN_B, tpot_s=0.010)
    free = tenancy(CATALOG, H100, [SEVEN_B], fill_one=True)
    bound = tenancy(CATALOG, H100, [quick], fill_one=True)
    assert bound.tenants_count < free.tenants_count
    speeds = [i.engine.prediction for card in bound.cards for i in card.instances]
    assert all(speed is not None and speed.tpot_s.mid <= 0.010 for speed in speeds)


def test_a_rate_beyond_an_instance_is_missed_in_words() -> None:
    busy = replace(SEVEN_B, rate_requests_per_s=1000.0)
    rig = parse_rig("1xh100-sxm@mig=1g.10gb", CATALOG)
    engine = engine_on(CATALOG, rig, busy)
    assert engine is not None
    assert not engine.is_served
    assert "requests/s at its concurrency, not 1,000" in engine.reason


def test_cards_without_mig_are_refused_with_what_they_offer() -> None:
    with pytest.raises(InputError, match="no MIG profiles of rtx-4090 are known; --mode shared"):
        tenancy(CATALOG, CATALOG.gpu("rtx-4090"), [SEVEN_B])


@pytest.mark.parametrize(
    ("tenants", "says"),
    [
        ([], "0 kinds of tenants are named"),
        ([SEVEN_B, SEVEN_B], "two kinds of tenants are called 'seven'"),
        ([replace(SEVEN_B, count=10_001)], "10,001 tenants are asked for"),
    ],
)
def test_tenants_that_cannot_be_planned_are_refused(tenants: list[Tenant], says: str) -> None:
    with pytest.raises(InputError, match=says):
        tenancy(CATALOG, H100, tenants)


def test_too_many_kinds_and_tenants_are_refused_and_not_searched() -> None:
    fills = [Fill((1, 0, 0), 1.0, None), Fill((0, 1, 0), 1.0, None), Fill((0, 0, 1), 1.0, None)]
    with pytest.raises(InputError, match="too many to search exactly"):
        fewest_cards(fills, (200, 200, 200))


def test_cards_are_ranked_by_the_rent_of_a_tenant() -> None:
    found = tenancies(CATALOG, [ONE_B], fill_one=True)
    rents = [t.cost.tenant_rent_usd_per_month for t in found if t.cost is not None]
    offered = [rent for rent in rents if rent is not None]
    assert {"h100-sxm", "a30", "b200-sxm"} <= {t.gpu.slug for t in found}
    assert offered == sorted(offered)
    assert all(rent is None for rent in rents[len(offered) :])


COUNTS: Final = st.tuples(st.integers(0, 3), st.integers(0, 3))


@given(
    fills=st.lists(st.tuples(COUNTS.filter(any), st.floats(0.0, 100.0)), min_size=1, max_size=4),
    wanted=st.tuples(st.integers(0, 4), st.integers(0, 4)).filter(any),
)
def test_the_search_finds_the_fewest_cards_that_trying_all_finds(
    fills: list[tuple[tuple[int, int], float]], wanted: tuple[int, int]
) -> None:
    options = [Fill(counts, rate, None) for counts, rate in fills]
    found = fewest_cards(options, wanted)
    tried = [
        chosen
        for cards in range(1, sum(wanted) + 1)
        for chosen in itertools.combinations_with_replacement(options, cards)
        if tuple(map(sum, zip(*(f.counts for f in chosen), strict=True))) == wanted
    ]
    assert (found is None) == (not tried)
    if found is not None:
        best = min((len(c), -sum(f.output_tokens_per_s for f in c)) for c in tried)
        assert len(found) == best[0]
        assert sum(f.output_tokens_per_s for f in found) == pytest.approx(-best[1])
