"""Distributions of lengths: means, bounds, and what a user may write."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from rightrig.demand.length_text import parse_lengths
from rightrig.demand.lengths import (
    AnyLengths,
    Empirical,
    Fixed,
    Gamma,
    Lengths,
    LogNormal,
    Normal,
    Quantiles,
    Zipf,
    gamma,
    lognormal,
)
from rightrig.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

LAWS: tuple[AnyLengths, ...] = (
    Fixed(tokens=7),
    Normal(centre_tokens=100.0, deviation_tokens=20.0),
    Normal(centre_tokens=100.0, deviation_tokens=80.0, low_tokens=50, high_tokens=180),
    LogNormal(median_tokens=300.0, sigma_ratio=1.0),
    LogNormal(median_tokens=300.0, sigma_ratio=1.5, low_tokens=100, high_tokens=2000),
    Gamma(shape_ratio=2.0, scale_tokens=500.0),
    Gamma(shape_ratio=0.5, scale_tokens=500.0, low_tokens=10, high_tokens=900),
    Zipf(exponent_ratio=1.1, low_tokens=16, high_tokens=8192),
    Empirical(values_tokens=(1, 10, 100), weights_ratio=(1.0, 2.0, 1.0)),
    Quantiles(levels_ratio=(0.0, 0.5, 0.9, 1.0), values_tokens=(10, 100, 1000, 5000)),
)


def drawn(law: AnyLengths, count: int = 200_000, seed: int = 1) -> np.ndarray:
    return law.sampled(count, np.random.default_rng(seed))


@pytest.mark.parametrize("law", LAWS, ids=str)
def test_the_mean_that_is_stated_is_the_mean_of_draws(law: AnyLengths) -> None:
    found = drawn(law)
    error_tokens = 5.0 * found.std() / np.sqrt(len(found))
    assert found.mean() == pytest.approx(law.mean_tokens, abs=error_tokens + 0.15)


@pytest.mark.parametrize("law", LAWS, ids=str)
def test_draws_are_whole_numbers_within_bounds_and_the_same_for_a_seed(law: AnyLengths) -> None:
    found = drawn(law, 20_000)
    assert found.dtype == np.int64
    assert found.min() >= getattr(law, "low_tokens", 1)
    assert found.max() <= getattr(law, "high_tokens", 10**8)
    np.testing.assert_array_equal(found, drawn(law, 20_000))


@pytest.mark.parametrize("law", LAWS, ids=str)
def test_a_law_survives_json(law: AnyLengths) -> None:
    kind: TypeAdapter[AnyLengths] = TypeAdapter(Lengths)
    assert kind.validate_json(kind.dump_json(law)) == law


def test_a_lognormal_of_mean_and_p99_has_both() -> None:
    found = drawn(lognormal(1155.0, p99_tokens=4142.0), 1_000_000)
    assert found.mean() == pytest.approx(1155.0, rel=5e-3)
    assert np.percentile(found, 99) == pytest.approx(4142.0, rel=1e-2)


def test_a_lognormal_of_mean_and_median_has_both() -> None:
    found = drawn(lognormal(523.0, median_tokens=214.0), 1_000_000)
    assert found.mean() == pytest.approx(523.0, rel=1e-2)
    assert np.median(found) == pytest.approx(214.0, rel=1e-2)


@pytest.mark.parametrize("law", [lognormal(1000.0, cv_ratio=0.7), gamma(1000.0, 0.7)])
def test_a_coefficient_of_variation_is_kept(law: AnyLengths) -> None:
    found = drawn(law)
    assert found.std() / found.mean() == pytest.approx(0.7, rel=2e-2)


@settings(max_examples=30)
@given(
    mean=st.floats(2.0, 1e5),
    ratio=st.floats(1.0, 14.0),
    low=st.integers(1, 10),
    span=st.integers(0, 10**6),
)
def test_bounds_hold_for_any_lognormal(mean: float, ratio: float, low: int, span: int) -> None:
    sigma = lognormal(mean, p99_tokens=mean * ratio).sigma_ratio
    law = LogNormal(median_tokens=mean, sigma_ratio=sigma, low_tokens=low, high_tokens=low + span)
    try:
        found = drawn(law, 1000)
    except InputError as error:
        assert "widen low and high" in str(error)  # noqa: PT017 - either outcome is right
        return
    assert low <= found.min() <= found.max() <= low + span


def test_quantiles_are_hit() -> None:
    found = drawn(LAWS[-1])
    assert np.percentile(found, (50, 90)) == pytest.approx((100.0, 1000.0), rel=2e-2)


def test_zipf_draws_small_lengths_most() -> None:
    counts = np.bincount(drawn(Zipf(exponent_ratio=1.0, low_tokens=1, high_tokens=4)))[1:]
    np.testing.assert_allclose(counts / counts[0], (1.0, 1 / 2, 1 / 3, 1 / 4), rtol=2e-2)


def test_a_p99_that_no_lognormal_has_is_refused() -> None:
    with pytest.raises(InputError, match=r"1 to 15\.0 times the mean"):
        lognormal(100.0, p99_tokens=1600.0)


@pytest.mark.parametrize(
    ("levels", "values"),
    [
        ((0.0, 0.5), (1, 2)),
        ((0.0, 1.0), (2, 1)),
        ((0.0, 0.5, 0.5, 1.0), (1, 2, 3, 4)),
        ((0.0, 1.0), (1, 2, 3)),
    ],
)
def test_impossible_quantiles_are_refused(
    levels: tuple[float, ...], values: tuple[int, ...]
) -> None:
    with pytest.raises(ValidationError):
        Quantiles(levels_ratio=levels, values_tokens=values)


@pytest.mark.parametrize(
    ("text", "law"),
    [
        ("1000", Fixed(tokens=1000)),
        (" 8k ", Fixed(tokens=8000)),
        ("lognormal:mean=1155,p99=4142", lognormal(1155.0, p99_tokens=4142.0)),
        ("lognormal:mean=523,p50=214", lognormal(523.0, median_tokens=214.0)),
        (
            "normal:mean=1000,sd=200,low=1,high=2k",
            Normal(centre_tokens=1000.0, deviation_tokens=200.0, high_tokens=2000),
        ),
        ("gamma:mean=1000,cv=0.5", gamma(1000.0, 0.5)),
        ("zipf:exponent=1.2,high=8k", Zipf(exponent_ratio=1.2, high_tokens=8000)),
        (
            "quantiles:0=1,0.5=10,1=99",
            Quantiles(levels_ratio=(0.0, 0.5, 1.0), values_tokens=(1, 10, 99)),
        ),
    ],
)
def test_a_user_may_write(text: str, law: AnyLengths) -> None:
    assert parse_lengths(text) == law


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("weibull:mean=3", "'weibull' is no distribution"),
        ("1000:mean=3", "no distribution"),
        ("1.5", "no whole number"),
        ("-3", "no distribution"),
        ("lognormal:mean=1000", "needs mean and one of p99, p50, cv"),
        ("lognormal:mean=1000,p99=2000,cv=1", "needs mean and one of p99, p50, cv"),
        ("lognormal:p99=1000", "needs mean"),
        ("lognormal:mean=1000,p99=900", "p99 must be"),
        ("normal:mean=1000,sd=200,colour=3", "knows no colour"),
        ("normal:mean=1000,sd", "is no key=value"),
        ("normal:mean=1000,mean=2,sd=1", "is given twice"),
        ("normal:mean=many,sd=1", "mean is 'many'"),
        ("normal:mean=10,sd=1,low=9,high=3", "low 9 is above high 3"),
        ("normal:mean=10,sd=1,low=1.5", "no whole number"),
        ("zipf:exponent=1", "Field required"),
        ("quantiles:0=1,a=3", "no number"),
        ("quantiles:0=1,0.5=3", "levels must rise from 0 to 1"),
        ("empirical:/no/such/file", "No such file"),
    ],
)
def test_a_wrong_text_is_refused_with_the_allowed_forms(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as error:
        parse_lengths(text, name="--input")
    assert "\n" not in str(error.value)


def test_lengths_are_read_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "lengths.txt"
    path.write_text("# seen\n100\n200,3\n\n")
    law = parse_lengths(f"empirical:{path}")
    assert law == Empirical(values_tokens=(100, 200), weights_ratio=(1.0, 3.0))


@pytest.mark.parametrize("line", ["0", "-5", "many", "10,nan", "10,-1"])
def test_a_wrong_line_of_lengths_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "lengths.txt"
    path.write_text(f"100\n{line}\n")
    with pytest.raises(InputError, match="line 2"):
        parse_lengths(f"empirical:{path}")


def test_bounds_that_hold_hardly_any_draw_are_refused() -> None:
    law = Normal(centre_tokens=1000.0, deviation_tokens=1.0, low_tokens=2000)
    with pytest.raises(InputError, match="widen low and high"):
        drawn(law, 100)
