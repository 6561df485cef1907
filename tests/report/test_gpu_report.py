"""``gpus show``: everything that is known of a card, what follows, and what is not known."""

from __future__ import annotations

import datetime
from typing import Any, Final

import pytest

from rightrig.facts.catalog import shipped
from rightrig.report.gpu import gpu_document, gpu_json
from rightrig.report.terminal import plain_text

CATALOG: Final = shipped()
TODAY: Final = datetime.date(2026, 11, 20)


def shown(slug: str) -> str:
    """Return the report without line breaks and repeated spaces."""
    document = gpu_document(CATALOG.gpu(slug), CATALOG.prices(), TODAY)
    return " ".join(plain_text(document).split())


def derived(slug: str) -> dict[str, Any]:
    return dict(gpu_json(CATALOG.gpu(slug), CATALOG.prices(), TODAY)["derived"])


def test_h100_shows_three_sizes_bus_rates_ecc_tier_and_software() -> None:
    text = shown("h100-sxm")
    for fact in (
        "Tier, data-centre", "80 GB class, HBM3 in 5 stacks", "81,559 MiB", "79.19 GiB",
        "5,120 bits × 5.252 Gb/s = 3,361 GB/s (+0.3%)", "41.9 GB/s", "23.9 ms",
        "FP64 vector 33.5", "FP64 tensor 66.9", "989.4 2,048 989.4", "native, always on",
        "CUDA 11.8", "520.61.05", "FP64, FP8, TF32, BF16, FP16, INT8", "chassis air or liquid",
        "wgmma m64nNk16",
    ):  # fmt: skip
        assert fact in text


def test_4090_shows_optional_ecc_its_cost_and_rent_of_a_gigabyte() -> None:
    text = shown("rtx-4090")
    for fact in (
        "384 bits × 21 Gb/s = 1,008 GB/s (+0.0%)", "42.0 GB/s", "23.8 ms", "24,564 MiB",
        "optional, off by default", "capacity unknown, bandwidth 10 to 15 %", "$0.01417/h",
        "no peer-to-peer in the stock driver", "367.1",
    ):  # fmt: skip
        assert fact in text


def test_stale_prices_say_their_age() -> None:
    text = shown("rtx-4090")
    assert "2025-08-21 – 456 days old" in text
    assert "2026-03-10 – 255 days old" in text
    assert derived("rtx-4090")["rent_warning"] == "255 days old"


def test_what_no_source_gives_is_shown_as_unknown_or_unverified() -> None:
    text = shown("b200-sxm")
    assert "clock, base unknown" in text
    assert "8,192 bits × unknown (unverified)" in text
    assert "37.0*" in text
    assert "* unverified: no stored source confirms it." in text
    assert "native formats unknown" in shown("tpu-v5e")


@pytest.mark.parametrize("gpu", CATALOG.gpus(), ids=lambda gpu: gpu.slug)
def test_no_unverified_field_is_shown_as_a_fact(gpu: Any) -> None:
    text = shown(gpu.slug)
    shown_fields = {"launch_price_usd", "ecc", "fabric", "sm_count", "memory_bus_bits"}
    if shown_fields & set(gpu.unverified):
        assert "(unverified)" in text
    if any(field.split(".")[0] == "peak" for field in gpu.unverified):
        assert "*" in text


def test_power_limited_rates_are_not_compared_with_the_clock() -> None:
    text = shown("h100-nvl")
    assert "965.1 (see below)" in text
    assert "cannot hold its boost clock" in text


def test_rates_that_were_computed_are_no_check() -> None:
    assert "330.3 (computed)" in shown("rtx-4090")
    assert "(computed)" not in shown("h100-sxm")


def test_json_has_the_record_and_what_follows_from_it() -> None:
    found = gpu_json(CATALOG.gpu("h100-sxm"), CATALOG.prices(), TODAY)
    assert found["memory_bus_bits"] == 5120
    assert isinstance(found["generation"], dict)
    assert found["generation"]["min_toolkit"] == "CUDA 11.8"
    values = derived("h100-sxm")
    assert values["sweep_s"] == pytest.approx(0.02388, abs=1e-5)
    assert values["bandwidth_per_byte_per_s"] == pytest.approx(41.875)
    fp16 = next(rate for rate in values["rates"] if rate["rate"] == "fp16")
    assert fp16["clocked_flop_per_s"] == pytest.approx(989.4e12, rel=1e-3)
    assert fp16["flop_per_j"] == pytest.approx(1413.4e9, rel=1e-3)
    assert values["link_bytes_per_s"] == 450e9


def test_a_card_without_prices_says_so() -> None:
    assert "no offer is known" in shown("rtx-a5000")
    assert derived("rtx-a5000")["rent_usd_per_hour"] is None
