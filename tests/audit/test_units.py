"""Units of published figures, and those that end names of the library."""

from __future__ import annotations

import pytest

from rightrig.audit.units import ONE, parse_unit, show_dimension, unit_of_name
from rightrig.errors import InputError


@pytest.mark.parametrize(
    ("text", "base", "scale"),
    [
        ("GB", "B", 1e9), ("GiB", "B", 2**30), ("Gbit/s", "B/s", 1.25e8), ("GB/s", "B/s", 1e9),
        ("TFLOPS", "FLOP/s", 1e12), ("us", "s", 1e-6), ("ms", "s", 1e-3), ("yr", "s", 31_536_000),
        ("USD/kWh", "USD/J", 1 / 3.6e6), ("USD/Mtok", "USD", 1e-6), ("%", "", 0.01), ("x", "", 1),
        ("tok/s", "1/s", 1), ("ktok/s", "1/s", 1000), ("kW", "W", 1000), ("count", "", 1),
        ("GB/s/GB", "1/s", 1), ("kWh", "J", 3.6e6), ("tokens", "", 1), ("GHz", "1/s", 1e9),
    ],
)  # fmt: skip
def test_a_unit_is_so_many_base_units(text: str, base: str, scale: float) -> None:
    found = parse_unit(text)
    per_s = parse_unit("count/s").dimension
    expected = per_s if base == "1/s" else parse_unit(base).dimension
    assert found.dimension == expected
    assert found.scale_ratio == pytest.approx(scale, rel=1e-12)


@pytest.mark.parametrize(
    "text",
    ["GB/s/s/s/s/s/s", "furlong", "GB//s", "/", "G B", "GB^2", "gb", "\u0413B", "GB/\x1b[2J"],
)
def test_a_unit_that_is_none_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(InputError) as refused:
        parse_unit(text)
    assert str(refused.value).isprintable()


@pytest.mark.parametrize(
    ("name", "unit"),
    [
        ("memory_bytes", "B"), ("bf16_flop_per_s", "FLOPS"), ("board_power_w", "W"),
        ("energy_usd_per_year", "USD/yr"), ("tariff_usd_per_kwh", "USD/kWh"),
        ("break_even_months_count", "month"), ("use_ratio", ""), ("context_tokens", ""),
        ("output_tokens_per_s", "count/s"), ("owned_years", "yr"), ("model", ""),
    ],
)  # fmt: skip
def test_the_end_of_a_name_says_its_unit(name: str, unit: str) -> None:
    assert unit_of_name(name) == parse_unit(unit)


def test_a_dimension_is_shown_as_people_write_it() -> None:
    assert show_dimension(parse_unit("GB/s").dimension) == "B/s"
    assert show_dimension(parse_unit("USD/kWh").dimension) == "USD/s/W"
    assert show_dimension(parse_unit("count/s").dimension) == "1/s"
    assert show_dimension(ONE.dimension) == "a plain number"
