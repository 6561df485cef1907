"""A ratio of two cards is a product of causes, and unlike figures are not divided."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Final

import pytest

from rightrig.deployment.rig import parse_rig
from rightrig.facts import derivation
from rightrig.facts.catalog import shipped
from rightrig.report.compare import compare_document, compare_json, compare_lines
from rightrig.report.factors import bandwidth_gap, compute_gap, gaps, like_for_like
from rightrig.report.terminal import plain_text

if TYPE_CHECKING:
    from rightrig.facts.gpu import Gpu

CATALOG: Final = shipped()
CARDS: Final = CATALOG.gpus()
WIDTH: Final = 80


def card(slug: str) -> Gpu:
    return CATALOG.gpu(slug)


def test_h100_over_4090_in_fp16_is_ops_times_sms_times_clock() -> None:
    gap = compute_gap(card("rtx-4090"), card("h100-sxm"), "FP16")
    assert gap is not None
    assert (gap.over, gap.under) == ("h100-sxm", "rtx-4090")
    ratios = [factor.ratio for factor in gap.factors]
    assert ratios == pytest.approx([4.0, 1.03125, 0.7262, 1.0], abs=5e-4)
    assert gap.ratio == pytest.approx(2.995, abs=0.001)


def test_with_fp32_accumulate_the_same_gap_is_twice_as_wide() -> None:
    gap = compute_gap(card("rtx-4090"), card("h100-sxm"), "FP32")
    assert gap is not None
    assert gap.factors[0].ratio == 8.0
    assert gap.ratio == pytest.approx(5.99, abs=0.01)


def test_a_power_limit_is_a_factor_of_its_own() -> None:
    gap = compute_gap(card("h100-sxm"), card("h100-nvl"), "FP32")
    assert gap is not None
    assert gap.factors[-1].label.startswith("rest: power limits")
    assert gap.factors[-1].ratio == pytest.approx(1.155, abs=0.005)


def test_the_product_of_the_factors_is_the_stated_ratio_for_every_pair() -> None:
    checked = 0
    for a, b in itertools.combinations(CARDS, 2):
        gap = compute_gap(a, b, "FP32")
        if gap is None:
            continue
        rates = sorted((a.peak.fp16_flop_per_s or 0.0, b.peak.fp16_flop_per_s or 0.0))
        assert gap.ratio == pytest.approx(rates[1] / rates[0])
        assert gap.ratio >= 1.0
        checked += 1
    assert checked > 5_000


def test_bandwidth_is_width_times_pin_rate() -> None:
    gap = bandwidth_gap(card("h100-sxm"), card("rtx-4090"))
    assert gap is not None
    assert gap.factors[0].ratio == pytest.approx(5120 / 384)
    assert gap.ratio == pytest.approx(3350 / 1008)


def test_cards_with_unknown_factors_have_no_gap() -> None:
    assert compute_gap(card("tpu-v5e"), card("h100-sxm"), "FP32") is None
    assert bandwidth_gap(card("h200-sxm"), card("h100-sxm")) is None
    assert gaps([card("l4"), card("l4")]) == ()


def test_geforces_headline_is_annotated_as_fp16_accumulate() -> None:
    notes = " ".join(like_for_like([card("a100-sxm-80gb"), card("rtx-4090")]))
    assert "330.3 TFLOP/s of FP16 printed for rtx-4090 accumulate in FP16" in notes
    assert "a100-sxm-80gb has 1.89 times that, not 0.94 times" in notes


def test_sparse_rates_are_annotated_with_the_dense_ones() -> None:
    notes = " ".join(like_for_like([card("a100-sxm-80gb"), card("v100-sxm-32gb")]))
    assert "would be 624.0; dense, as here, it is 312.0" in notes
    assert "v100-sxm-32gb has no such mode" in notes


def test_links_compare_in_one_direction() -> None:
    """H100 to RTX 4090 is 450 to 31.5 GB/s: 14.3 and never 28."""
    h100, geforce = card("h100-sxm"), card("rtx-4090")
    one, other = derivation.link_bytes_per_s(h100), derivation.link_bytes_per_s(geforce)
    assert one is not None
    assert other is not None
    assert one / other == pytest.approx(14.29, abs=0.01)
    notes = " ".join(like_for_like([geforce, h100]))
    assert "14.3 times the 31.5 GB/s of PCIe of rtx-4090 in one direction, not 28.6" in notes


def test_cards_of_one_kind_need_no_warning_about_accumulation() -> None:
    notes = " ".join(like_for_like([card("l40s"), card("l4")]))
    assert "accumulate" not in notes
    assert "directions" not in notes


def test_compare_prints_the_factors_within_eighty_columns() -> None:
    rigs = tuple(parse_rig(text, CATALOG) for text in ("rtx-4090", "h100-sxm"))
    lines = compare_lines(rigs, CATALOG.prices())
    text = plain_text(compare_document(rigs, lines), WIDTH)
    assert max(len(line) for line in text.splitlines()) <= WIDTH
    flat = " ".join(text.split())
    assert "multiply-adds a clock and SM 2,048 512 4.000" in flat
    assert "product 2.995" in flat
    assert "fastest link of a card 31.5 GB/s 450.0 GB/s 14.29×" in flat


def test_json_has_factors_and_notes() -> None:
    rigs = tuple(parse_rig(text, CATALOG) for text in ("rtx-4090", "h100-sxm"))
    found = compare_json(rigs, compare_lines(rigs, ()))
    assert isinstance(found["factors"], list)
    first = found["factors"][0]
    assert first["quantity"] == "FP16 dense, FP16 accumulate"
    assert first["ratio"] == pytest.approx(2.995, abs=0.001)
    assert found["notes"] == list(like_for_like([rig.gpu for rig in rigs]))
