"""Single kernels: never above the roofline, never quicker for more work."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rightrig
from rightrig.errors import InputError
from rightrig.prediction.kernels import (
    allreduce,
    allreduce_s,
    gemm,
    gemm_s,
    tp_efficiency,
    tp_speedup_ratio,
)

CATALOG = rightrig.shipped()
CARDS = CATALOG.slugs("gpus")
FORMATS = ("bf16", "fp8", "int8", "awq", "nvfp4", "nf4")
RIGS = (
    "2xh100-sxm", "8xh100-sxm", "8xa100-sxm-80gb", "2xrtx-3090@nvlink", "4xrtx-4090", "8xl40s",
    "8xmi300x", "2n:8xh100-sxm", "4xh100-sxm@hgx4",
)  # fmt: skip
sides = st.integers(1, 32_768)
many = settings(max_examples=200, deadline=None)


@many
@given(st.sampled_from(CARDS), sides, sides, sides, st.sampled_from(FORMATS))
def test_a_product_never_passes_the_roofline(card: str, m: int, n: int, k: int, name: str) -> None:
    found = gemm(CATALOG.gpu(card), (m, n, k), name)
    assert 0.0 < found.least_s <= found.time_s.low <= found.time_s.mid <= found.time_s.high
    assert found.rate_flop_per_s.high <= found.roofline_flop_per_s * (1 + 1e-9)
    assert 0.0 < found.roofline_ratio <= 1.0


@many
@given(st.sampled_from(CARDS), sides, sides, sides, st.sampled_from(FORMATS))
def test_twice_the_rows_are_never_quicker(card: str, m: int, n: int, k: int, name: str) -> None:
    gpu = CATALOG.gpu(card)
    assert gemm_s(gpu, 2 * m, n, k, name).mid >= gemm_s(gpu, m, n, k, name).mid


@pytest.mark.parametrize(("card", "tera"), [("h100-sxm", 3.35), ("rtx-4090", 1.008)])
def test_one_row_waits_for_memory_and_makes_a_flop_a_byte_at_most(card: str, tera: float) -> None:
    found = gemm(CATALOG.gpu(card), (1, 8192, 8192))
    assert found.bound == "memory bandwidth"
    assert found.rate_flop_per_s.high <= tera * 1e12
    assert found.rate_flop_per_s.mid >= 0.5 * tera * 1e12


def test_thousands_of_rows_wait_for_arithmetic() -> None:
    found = gemm(CATALOG.gpu("h100-sxm"), (8192, 8192, 8192))
    assert found.bound == "compute"
    assert 0.5 < found.roofline_ratio < 1.0
    assert found.roofline_flop_per_s == pytest.approx(989e12, rel=0.01)


def test_a_tiny_product_waits_for_its_launch() -> None:
    assert gemm(CATALOG.gpu("h100-sxm"), (1, 256, 256)).bound == "launch"


@pytest.mark.parametrize(
    ("side", "fits"), [(2048, True), (4096, True), (8192, False), (16384, False)]
)
def test_a_working_set_below_50_mib_fits_the_l2_of_an_h100(side: int, fits: bool) -> None:  # noqa: FBT001 - a column of the table
    assert gemm(CATALOG.gpu("h100-sxm"), (1, side, side)).fits_l2 is fits


def test_a_card_without_fp8_unpacks_it_and_one_with_it_does_not() -> None:
    shape = (4096, 8192, 8192)
    old, new = (gemm(CATALOG.gpu(c), shape, "fp8") for c in ("a100-sxm-80gb", "h100-sxm"))
    assert (old.unpacked, old.computed_in) == (True, "fp16")
    assert (new.unpacked, new.computed_in) == (False, "fp8")
    assert old.roofline_flop_per_s <= 312e12


def test_fewer_bits_a_weight_are_read_in_less_time() -> None:
    gpu = CATALOG.gpu("h100-sxm")
    wide, narrow = (gemm_s(gpu, 1, 16384, 16384, name).mid for name in ("bf16", "awq"))
    assert narrow < 0.6 * wide


def test_a_power_cap_slows_arithmetic_and_reading_only_a_little() -> None:
    gpu = CATALOG.gpu("rtx-4090")
    assert gemm_s(gpu, 8192, 8192, 8192, "bf16", 225.0).mid > gemm_s(gpu, 8192, 8192, 8192).mid
    free, mild, hard = (gemm_s(gpu, 1, 8192, 8192, "bf16", cap) for cap in (None, 400.0, 225.0))
    # Reading memory draws 0.77 of a 4090's 450 W.
    assert mild.mid == pytest.approx(free.mid, rel=1e-3)
    assert free.mid * 1.02 < hard.mid < free.mid * 1.2


@pytest.mark.parametrize("shape", [(0, 1, 1), (1, -1, 1), (1, 1, 2_000_000)])
def test_sides_that_no_product_has_are_refused(shape: tuple[int, int, int]) -> None:
    with pytest.raises(InputError, match="must be a whole number from 1"):
        gemm(CATALOG.gpu("h100-sxm"), shape)


@many
@given(st.sampled_from(RIGS), st.floats(1.0, 1e10), st.floats(1.0, 100.0))
def test_more_bytes_are_never_sent_sooner(rig: str, size: float, factor: float) -> None:
    known = rightrig.parse_rig(rig, CATALOG)
    small, large = (allreduce_s(known, size * f, known.cards_count) for f in (1.0, factor))
    assert large.mid >= small.mid
    assert large.mid <= small.mid * factor * (1 + 1e-9)


@many
@given(st.sampled_from(RIGS), st.floats(1.0, 1e10))
def test_an_all_reduce_never_passes_its_link(rig: str, size: float) -> None:
    known = rightrig.parse_rig(rig, CATALOG)
    found = allreduce(known, size, known.cards_count)
    assert found.least_s <= found.time_s.low
    assert found.bus_bytes_per_s <= found.link.bytes_per_s * (1 + 1e-9)
    assert 0.0 <= found.latency_ratio <= 1.0


@pytest.mark.parametrize("rig", ["8xh100-sxm", "8xa100-sxm-80gb"])
def test_8_kib_on_nvlink_take_microseconds_and_not_the_0_018_of_bandwidth(rig: str) -> None:
    found = allreduce(rightrig.parse_rig(rig, CATALOG), 8192.0, 8)
    assert 4e-6 <= found.time_s.mid <= 9.5e-6
    assert found.least_s < 0.06e-6
    assert found.latency_ratio > 0.9


@pytest.mark.parametrize(
    ("rig", "least_ms"),
    [("2xh100-sxm", 0.298), ("2xrtx-3090@nvlink", 2.386), ("2xrtx-4090", 4.261)],
)
def test_128_mib_between_two_take_a_ring_at_least(rig: str, least_ms: float) -> None:
    found = allreduce(rightrig.parse_rig(rig, CATALOG), 2.0**27, 2)
    assert found.least_s == pytest.approx(least_ms * 1e-3, rel=1e-3)
    assert found.least_s < found.time_s.mid < 8 * found.least_s
    assert found.latency_ratio < 0.05


def test_128_mib_over_pcie_without_peers_take_ten_times_as_long_as_over_nvlink() -> None:
    pcie, nvlink = (
        allreduce_s(rightrig.parse_rig(rig, CATALOG), 2.0**27, 2).mid
        for rig in ("2xrtx-4090", "2xh100-sxm")
    )
    assert pcie > 10 * nvlink


@pytest.mark.parametrize(
    ("rig", "ranks", "says"),
    [
        ("1xh100-sxm", 2, "is one; name more in --on"),
        ("8xh100-sxm", 1, "from 2 ranks to the 8 cards"),
        ("8xh100-sxm", 9, "from 2 ranks to the 8 cards"),
        ("1xh100-sxm+1xrtx-4090", 2, "whole cards of one kind"),
        ("7xh100-sxm@mig=1g.10gb", 2, "whole cards of one kind"),
    ],
)
def test_ranks_that_cannot_be_joined_are_refused(rig: str, ranks: int, says: str) -> None:
    with pytest.raises(InputError, match=says):
        allreduce_s(rightrig.parse_rig(rig, CATALOG), 8192.0, ranks)


@pytest.mark.parametrize(
    ("gemm_ms", "comm_ms", "efficiency", "speedup"),
    [(3.5, 0.28, 0.862, 1.724), (8.5, 8.0, 0.347, 0.694)],
)
def test_messages_as_long_as_the_products_make_two_cards_slower_than_one(
    gemm_ms: float, comm_ms: float, efficiency: float, speedup: float
) -> None:
    assert tp_efficiency(gemm_ms, comm_ms, 2) == pytest.approx(efficiency, abs=5e-4)
    assert tp_speedup_ratio(gemm_ms, comm_ms, 2) == pytest.approx(speedup, abs=1e-3)


@given(st.floats(1e-6, 1e6), st.floats(0.0, 1e6), st.integers(1, 1024))
def test_an_efficiency_is_above_0_and_at_most_1(gemm_time: float, comm: float, n: int) -> None:
    found = tp_efficiency(gemm_time, comm, n)
    assert 0.0 < found <= 1.0
    assert (found == 1.0) or comm > 0.0


@pytest.mark.parametrize("arguments", [(0.0, 1.0, 2), (1.0, -1.0, 2), (1.0, 1.0, 0)])
def test_times_and_cards_that_cannot_be_have_no_efficiency(
    arguments: tuple[float, float, int],
) -> None:
    with pytest.raises(InputError):
        tp_efficiency(*arguments)
