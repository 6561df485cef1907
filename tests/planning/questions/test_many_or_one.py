"""Many or one: sums are sums, goodput is not one, and the cheaper side changes where it says."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hardware_questions import CATALOG, asked, few_cards

from rightrig.costs.offers import cheapest
from rightrig.deployment.rig import parse_rig
from rightrig.errors import InputError
from rightrig.planning.questions.many_or_one import ManyOrOne, many_or_one

SPACE = replace(few_cards("rtx-4090", "h100-sxm"), formats=("checkpoint",))


def compared(
    many: str = "16xrtx-4090",
    one: str = "1xh100-sxm",
    model: str = "llama-3.1-8b",
    rate: float | None = None,
) -> ManyOrOne:
    rigs = (parse_rig(many, CATALOG), parse_rig(one, CATALOG))
    return many_or_one(CATALOG, CATALOG.llm(model), rigs, asked(), SPACE, rate)


def test_sixteen_rtx_4090_add_up_to_more_than_they_deliver() -> None:
    found = compared(model="llama-3.3-70b", one="4xh100-sxm")
    many, one = found.many, found.one
    assert many.peak_flop_per_s == pytest.approx(16 * 165.2e12)
    assert one.peak_flop_per_s == pytest.approx(4 * 989.4e12, rel=1e-3)
    assert many.pooled_bytes == pytest.approx(16 * 25_250_627_584)
    assert many.card_bytes == 25_250_627_584
    assert many.goodput_requests_per_s is not None
    assert one.goodput_requests_per_s is not None
    per_flop = [
        side.goodput_requests_per_s.mid / (side.peak_flop_per_s or 1.0)
        for side in (many, one)
        if side.goodput_requests_per_s is not None
    ]
    assert per_flop[0] < 0.6 * per_flop[1]


def test_sixteen_cards_take_two_hosts_of_eight() -> None:
    assert compared().many.hosts_count == 2
    assert compared(many="4n:4xrtx-4090").many.hosts_count == 4


def test_the_engines_use_all_the_cards_and_never_more() -> None:
    side = compared(many="13xrtx-4090").many
    assert side.option is not None
    assert side.engines_count * side.option.split.engine_cards <= 13


def test_a_premium_is_justified_when_goodput_rises_as_the_price() -> None:
    found = compared()
    assert found.premiums
    for premium in found.premiums:
        ratio = premium.goodput_ratio
        assert ratio.low <= ratio.mid <= ratio.high
        expected = "likely" if ratio.mid >= premium.price_ratio else "not"
        assert premium.justified == ("surely" if ratio.low >= premium.price_ratio else expected)


def test_the_price_ratio_is_that_of_the_rents_a_card() -> None:
    found = compared()
    assert found.many.option is not None
    assert found.one.option is not None
    rents = [
        cheapest(SPACE.prices, side.gpu.slug, side.option.split.engine_cards, side.engines_count)
        for side in (found.many, found.one)
        if side.option is not None
    ]
    many, one = (bought.rent_usd_per_month for bought in rents if bought is not None)
    by_rent = next(p for p in found.premiums if p.basis == "rent")
    assert by_rent.price_ratio == pytest.approx(one / (many / 16))


def test_below_a_flip_one_side_is_cheaper_and_above_it_the_other() -> None:
    found = compared(one="4xh100-sxm")
    assert found.flips
    for flip in found.flips:
        under, over = flip.at_requests_per_s * 0.999, flip.at_requests_per_s * 1.001
        assert compared(one="4xh100-sxm", rate=under).winner == flip.before
        assert compared(one="4xh100-sxm", rate=over).winner == flip.after


def test_a_rate_beyond_both_sides_is_a_no() -> None:
    found = compared(rate=1e4)
    assert found.winner == "neither"
    assert not found.is_answered


def test_a_side_that_serves_nothing_is_a_result() -> None:
    found = compared(many="1xrtx-4090", model="llama-3.3-70b")
    assert found.many.option is None
    assert found.premiums == ()
    assert "in no split" in found.explain().sentences[0]


def test_cards_with_options_are_refused() -> None:
    with pytest.raises(InputError, match="options or mixed cards"):
        compared(many="16xrtx-4090@220w")


def test_a_card_that_nobody_rents_is_taken_as_bought() -> None:
    rigs = (parse_rig("2xmi300x", CATALOG), parse_rig("1xh100-sxm", CATALOG))
    found = many_or_one(CATALOG, CATALOG.llm("llama-3.1-8b"), rigs, asked(), SPACE, 1.0)
    assert found.many.option is not None
    assert found.many.rent_usd_per_month is None
    assert [p.basis for p in found.premiums] == ["purchase"]
    assert found.flips == ()
    assert found.winner == ""
