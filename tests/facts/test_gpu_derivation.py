"""What follows from a card's record agrees with what its maker states, or says why not."""

from __future__ import annotations

from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rightrig.facts import derivation
from rightrig.facts.catalog import shipped
from rightrig.facts.gpu import FmaRates, Gpu, PeakRates
from rightrig.facts.price import Price

CATALOG: Final = shipped()
CARDS: Final = CATALOG.gpus()
# Multiply-adds a clock and SM with FP16 operands at the full rate: four tensor cores of
# 128 (GA10x, Ada, RTX Blackwell), 256 (GA100), 512 (Hopper), 1024 (Blackwell); eight of 64
# (Volta, Turing). GeForce reaches it with FP16 accumulate only.
FULL_RATE: Final = {
    "7.0": 512, "7.5": 512, "8.0": 1024, "8.6": 512, "8.7": 1024, "8.9": 512, "9.0": 2048,
    "10.0": 4096, "10.3": 4096, "11.0": 4096, "12.0": 512, "12.1": 512,
}  # fmt: skip
HALF_RATE: Final = {"a10g", "l40", "l20"}


@pytest.mark.parametrize("gpu", CARDS, ids=lambda gpu: gpu.slug)
def test_bus_times_pin_rate_is_the_bandwidth_within_one_percent(gpu: Gpu) -> None:
    made = derivation.bandwidth_by_bus_bytes_per_s(gpu)
    if made is not None:
        assert made == pytest.approx(gpu.memory_bandwidth_bytes_per_s, rel=0.01)


def test_most_cards_state_bus_and_pin_rate() -> None:
    assert sum(derivation.bandwidth_by_bus_bytes_per_s(gpu) is not None for gpu in CARDS) >= 125


@pytest.mark.parametrize("gpu", CARDS, ids=lambda gpu: gpu.slug)
def test_every_rate_follows_from_the_clock_within_five_percent_or_says_why_not(gpu: Gpu) -> None:
    for rate in derivation.RATES:
        stated = derivation.stated_flop_per_s(gpu.peak, rate)
        made = derivation.clocked_flop_per_s(gpu, rate)
        if stated is None or made is None:
            continue
        if rate in gpu.not_by_clock:
            assert gpu.not_by_clock_reason
        else:
            assert made == pytest.approx(stated, rel=0.05), rate


@pytest.mark.parametrize("gpu", CARDS, ids=lambda gpu: gpu.slug)
def test_an_exemption_is_needed_for_one_of_its_rates_at_least(gpu: Gpu) -> None:
    assert set(gpu.not_by_clock) <= set(derivation.RATES)
    assert bool(gpu.not_by_clock) == bool(gpu.not_by_clock_reason)
    off = [
        abs(made / stated - 1.0)
        for rate in gpu.not_by_clock
        if (made := derivation.clocked_flop_per_s(gpu, rate))
        and (stated := derivation.stated_flop_per_s(gpu.peak, rate))
    ]
    assert bool(off) == bool(gpu.not_by_clock)
    assert max(off, default=1.0) > 0.05


def test_most_cards_have_a_rate_that_the_clock_is_checked_against() -> None:
    checked = {
        gpu.slug
        for gpu in CARDS
        for rate in derivation.RATES
        if derivation.stated_flop_per_s(gpu.peak, rate) is not None
        and derivation.clocked_flop_per_s(gpu, rate) is not None
    }
    assert len(checked) >= 140


def test_the_multiply_adds_of_an_sm_are_those_of_its_generation() -> None:
    checked = 0
    for gpu in CARDS:
        full = FULL_RATE.get(gpu.compute_capability or "")
        if full is None or gpu.fma_per_clock is None:
            continue
        is_halved = gpu.name.startswith("GeForce") or gpu.slug in HALF_RATE
        assert gpu.fma_per_clock.fp16 == (full // 2 if is_halved else full), gpu.slug
        assert gpu.fma_per_clock.fp16_fp16_accumulate in {full, None}, gpu.slug
        checked += 1
    assert checked >= 90


@pytest.mark.parametrize(
    ("slug", "rate", "tera_flop_per_s"),
    [
        ("h100-sxm", "fp16", 989.4),
        ("rtx-4090", "fp16", 165.2),
        ("rtx-4090", "fp16_fp16_accumulate", 330.3),
        ("a100-sxm-80gb", "tf32", 156.0),
        ("h100-sxm", "fp64", 33.5),
        ("h100-sxm", "fp64_tensor", 66.9),
        ("rtx-4090", "fp64", 1.29),
        ("mi300x", "fp16", 1307.4),
        ("l40", "fp16", 181.05),
    ],
)
def test_peaks_follow_from_sms_multiply_adds_and_clock(
    slug: str, rate: str, tera_flop_per_s: float
) -> None:
    made = derivation.clocked_flop_per_s(CATALOG.gpu(slug), rate)
    assert made == pytest.approx(tera_flop_per_s * 1e12, rel=0.02)


@pytest.mark.parametrize(
    ("slug", "gigahertz"), [("h100-nvl", 1.545), ("h100-pcie", 1.62), ("rtx-4090", 2.52)]
)
def test_a_power_limited_board_sustains_less_than_its_boost_clock(
    slug: str, gigahertz: float
) -> None:
    gpu = CATALOG.gpu(slug)
    clock_hz = derivation.tensor_clock_hz(gpu)
    assert clock_hz == pytest.approx(gigahertz * 1e9, rel=0.002)
    assert clock_hz is not None
    assert (clock_hz < 0.95 * (gpu.boost_hz or 0.0)) == bool(gpu.not_by_clock)


def test_geforce_has_no_fp64_tensor_rate() -> None:
    assert CATALOG.gpu("rtx-4090").peak.fp64_tensor_flop_per_s is None


@pytest.mark.parametrize(
    ("slug", "bus_bits", "stacks", "gb_per_s"),
    [("h100-sxm", 5120, 5, 3350), ("rtx-4090", 384, None, 1008), ("a100-sxm-80gb", 5120, 5, 2039)],
)
def test_memory_is_a_bus_of_stacks_or_chips(
    slug: str, bus_bits: int, stacks: int | None, gb_per_s: float
) -> None:
    gpu = CATALOG.gpu(slug)
    assert (gpu.memory_bus_bits, gpu.memory_stack_count) == (bus_bits, stacks)
    assert gpu.memory_bandwidth_bytes_per_s == pytest.approx(gb_per_s * 1e9)


@pytest.mark.parametrize(
    ("slug", "gb_per_s_and_gb", "milliseconds"),
    [("h100-sxm", 41.9, 23.9), ("rtx-4090", 42.0, 23.8)],
)
def test_a_card_reads_its_whole_memory_in_some_milliseconds(
    slug: str, gb_per_s_and_gb: float, milliseconds: float
) -> None:
    sweep_s = derivation.sweep_s(CATALOG.gpu(slug))
    assert sweep_s * 1e3 == pytest.approx(milliseconds, abs=0.05)
    assert 1.0 / sweep_s == pytest.approx(gb_per_s_and_gb, abs=0.05)


@pytest.mark.parametrize(
    ("slug", "tensor_cores", "cuda_cores", "capability"),
    [("h100-sxm", 528, 16_896, "9.0"), ("rtx-4090", 512, 16_384, "8.9"),
     ("a100-sxm-80gb", 432, 6_912, "8.0")],
)  # fmt: skip
def test_cores_of_well_known_cards(
    slug: str, tensor_cores: int, cuda_cores: int, capability: str
) -> None:
    gpu = CATALOG.gpu(slug)
    assert gpu.tensor_core_count == tensor_cores
    assert gpu.cuda_core_count == cuda_cores
    assert gpu.compute_capability == capability


@pytest.mark.parametrize(
    ("slug", "mib"), [("rtx-4090", 72), ("a100-sxm-80gb", 40), ("h100-sxm", 50)]
)
def test_last_level_caches(slug: str, mib: int) -> None:
    assert CATALOG.gpu(slug).l2_bytes == mib * 2**20


def test_fp16_accumulate_is_no_faster_where_an_sm_does_both_alike() -> None:
    assert derivation.fp16_accumulate_flop_per_s(CATALOG.gpu("h100-sxm")) == 989.4e12
    assert derivation.fp16_accumulate_flop_per_s(CATALOG.gpu("rtx-4090")) == 330.3e12
    assert derivation.fp16_accumulate_flop_per_s(CATALOG.gpu("l40")) is None, "nobody states it"


@pytest.mark.parametrize(
    ("slug", "rate", "gflop_per_j"),
    [("rtx-4090", "fp32", 183.6), ("a100-sxm-80gb", "fp32", 48.75),
     ("rtx-4090", "fp16", 367.0), ("a100-sxm-80gb", "fp16", 780.0)],
)  # fmt: skip
def test_the_most_efficient_card_depends_on_the_precision(
    slug: str, rate: str, gflop_per_j: float
) -> None:
    by_watt = derivation.flop_per_j(CATALOG.gpu(slug), rate)
    assert by_watt == pytest.approx(gflop_per_j * 1e9, rel=0.005)


@pytest.mark.parametrize(
    ("slug", "usd_per_hour", "usd"), [("rtx-4090", 0.34, 0.01417), ("a100-sxm-80gb", 1.19, 0.01488)]
)
def test_rent_of_a_gigabyte(slug: str, usd_per_hour: float, usd: float) -> None:
    gpu = CATALOG.gpu(slug)
    offer = _offer(slug, usd_per_hour)
    assert derivation.rent_of_gb_usd_per_hour(gpu, offer) == pytest.approx(usd, abs=6e-6)


def test_the_cheapest_offer_is_one_that_can_be_had_on_demand() -> None:
    dear, cheap = _offer("l4", 0.9), _offer("l4", 0.5)
    prepaid = cheap.model_copy(update={"terms": "prepaid", "on_demand_usd_per_hour": 0.1})
    other = _offer("l40s", 0.2)
    gpu = CATALOG.gpu("l4")
    assert derivation.cheapest_offer(gpu, (dear, cheap, prepaid, other)) == cheap
    assert derivation.cheapest_offer(gpu, (prepaid, other)) is None


def _offer(slug: str, usd_per_hour: float) -> Price:
    return Price(
        provider="p", region="r", instance="i", gpu=slug, gpu_count=1, max_gpu_count=1,
        on_demand_usd_per_hour=usd_per_hour, date="2026-11-01", source="s", trust="list",
    )  # fmt: skip


@given(pins=st.integers(1, 20_000), pin=st.floats(1e9, 5e10))
def test_bandwidth_grows_in_proportion_to_the_bus(pins: int, pin: float) -> None:
    one = derivation.bus_bandwidth_bytes_per_s(pins, pin)
    assert derivation.bus_bandwidth_bytes_per_s(2 * pins, pin) == pytest.approx(2 * one)


def test_rates_and_multiply_adds_have_the_same_names() -> None:
    rates = {name.removesuffix("_flop_per_s") for name in PeakRates.model_fields}
    assert rates == set(FmaRates.model_fields) == set(derivation.RATES)
