import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

import rightrig
from rightrig.errors import InputError
from rightrig.prediction.kernel_fit import (
    DEFAULT_ATTENTION_COMPUTE_RATIO,
    AllReduceSample,
    DevicePeak,
    KernelSample,
    fit_all_reduce,
    fit_attention,
    fit_gemm,
)
from rightrig.work.operators import attention_flop, cache_bytes, gemm_bytes, gemm_flop

PEAK = DevicePeak(compute_flop_per_s=989.4e12, memory_bytes_per_s=3.35e12)
ROWS = (1, 8, 32, 64, 128, 256, 512, 1024, 4096, 8192)
SHAPES = ((8192, 8192), (1024, 8192), (4096, 12288))
MESSAGES_BYTES = tuple(4**power * 4096.0 for power in range(8))


def timed(
    sample: KernelSample, *, compute_ratio: float, memory_ratio: float, overhead_s: float
) -> KernelSample:
    compute_s = sample.flop / (sample.peak.compute_flop_per_s * compute_ratio)
    memory_s = sample.moved_bytes / (sample.peak.memory_bytes_per_s * memory_ratio)
    return replace(sample, measured_s=overhead_s + (compute_s**3 + memory_s**3) ** (1 / 3))


def gemm_samples(
    *,
    peak: DevicePeak = PEAK,
    is_warm: bool = False,
    rows: tuple[int, ...] = ROWS,
    memory_ratio: float = 0.85,
) -> list[KernelSample]:
    samples = []
    for m in rows:
        for n, k in SHAPES:
            moved = float(gemm_bytes(m, 2.0 * n * k, k, n))
            sample = KernelSample(float(gemm_flop(m, n * k)), moved, 1.0, peak, is_warm)
            samples.append(
                timed(sample, compute_ratio=0.75, memory_ratio=memory_ratio, overhead_s=6e-6)
            )
    return samples


def attention_samples() -> list[KernelSample]:
    samples = []
    for batch in (1, 8, 64, 256):
        for context in (128, 1024, 8192):
            flop = float(attention_flop(batch, context, 64, 256))
            kv_bytes = float(cache_bytes(batch, context, 8 * 256, 2.0))
            samples.append(
                timed(
                    KernelSample(flop, kv_bytes, 1.0, PEAK),
                    compute_ratio=DEFAULT_ATTENTION_COMPUTE_RATIO,
                    memory_ratio=0.92,
                    overhead_s=12e-6,
                )
            )
    return samples


def all_reduce_samples(
    *, latency_s: float, bus_bytes_per_s: float, ranks: int
) -> list[AllReduceSample]:
    return [
        AllReduceSample(size, latency_s + 2 * (ranks - 1) / ranks * size / bus_bytes_per_s)
        for size in MESSAGES_BYTES
    ]


def test_a_gemm_fit_recovers_the_parameters_its_samples_were_made_with() -> None:
    fit = fit_gemm(gemm_samples())
    assert fit.compute_ratio == pytest.approx(0.75, rel=0.02)
    assert fit.memory_ratio == pytest.approx(0.85, rel=0.02)
    assert fit.overhead_s == pytest.approx(6e-6, rel=0.02)
    assert fit.rows_count == 30
    assert fit.p90_abs_error_ratio < 0.001
    assert fit.compute_identified
    assert fit.memory_identified


def test_samples_of_two_devices_share_one_fraction_of_their_own_peaks() -> None:
    other = DevicePeak(compute_flop_per_s=2250e12, memory_bytes_per_s=8e12)
    fit = fit_gemm(gemm_samples() + gemm_samples(peak=other))
    assert fit.compute_ratio == pytest.approx(0.75, rel=0.02)
    assert fit.memory_ratio == pytest.approx(0.85, rel=0.02)


def test_samples_from_the_cache_do_not_raise_the_memory_share() -> None:
    warm = gemm_samples(is_warm=True, memory_ratio=2.5)
    fit = fit_gemm(gemm_samples() + warm)
    assert fit.memory_ratio == pytest.approx(0.85, rel=0.02)
    assert fit.overhead_s == pytest.approx(6e-6, rel=0.02)


def test_a_few_odd_rows_move_the_fit_by_less_than_two_percent() -> None:
    samples = gemm_samples()
    samples[4] = replace(samples[4], measured_s=3 * samples[4].measured_s)
    samples[20] = replace(samples[20], measured_s=2 * samples[20].measured_s)
    fit = fit_gemm(samples)
    assert fit.compute_ratio == pytest.approx(0.75, rel=0.02)
    assert fit.memory_ratio == pytest.approx(0.85, rel=0.02)
    assert fit.median_abs_error_ratio < 0.02


def test_without_cold_memory_bound_rows_the_memory_share_is_the_fallback() -> None:
    samples = gemm_samples(is_warm=True, memory_ratio=1.4)
    fit = fit_gemm(samples, fallback_memory_ratio=0.8)
    assert fit.memory_ratio == pytest.approx(0.8)
    assert not fit.memory_identified
    assert fit.compute_ratio == pytest.approx(0.75, rel=0.02)


def test_the_fallback_is_ignored_where_the_samples_tell_the_memory_share() -> None:
    fit = fit_gemm(gemm_samples(), fallback_memory_ratio=0.5)
    assert fit.memory_ratio == pytest.approx(0.85, rel=0.02)


def test_small_products_alone_do_not_identify_the_compute_share() -> None:
    assert not fit_gemm(gemm_samples(rows=(1, 8))).compute_identified


def test_attention_recovers_memory_and_overhead_and_fixes_compute() -> None:
    fit = fit_attention(attention_samples())
    assert fit.memory_ratio == pytest.approx(0.92, rel=0.02)
    assert fit.overhead_s == pytest.approx(12e-6, rel=0.02)
    assert fit.compute_ratio == pytest.approx(DEFAULT_ATTENTION_COMPUTE_RATIO)
    assert not fit.compute_identified


@pytest.mark.parametrize("ranks", [2, 4, 8])
def test_an_all_reduce_fit_recovers_latency_and_bus_bandwidth(ranks: int) -> None:
    samples = all_reduce_samples(latency_s=5e-6, bus_bytes_per_s=300e9, ranks=ranks)
    fit = fit_all_reduce(samples, ranks_count=ranks)
    assert fit.latency_s == pytest.approx(5e-6, rel=0.02)
    assert fit.bus_bytes_per_s == pytest.approx(300e9, rel=0.02)
    assert (fit.ranks_count, fit.rows_count) == (ranks, 8)
    assert fit.p90_abs_error_ratio < 0.001


def test_one_rank_has_nothing_to_reduce() -> None:
    with pytest.raises(InputError, match="at least 2 ranks, got 1"):
        fit_all_reduce([AllReduceSample(4096.0, 1e-6)] * 4, ranks_count=1)


def test_too_few_samples_are_refused_with_their_number() -> None:
    with pytest.raises(InputError, match="at least 4 samples, got 3"):
        fit_gemm(gemm_samples()[:3])


def test_a_time_of_zero_is_refused() -> None:
    samples = gemm_samples()
    samples[0] = replace(samples[0], measured_s=0.0)
    with pytest.raises(InputError, match=r"above 0, got 0\.0"):
        fit_gemm(samples)


def test_shipped_shares_are_fractions_and_shipped_times_are_below_their_bounds() -> None:
    text = (Path(rightrig.__file__).parent / "prediction/data/kernels.toml").read_text("utf-8")
    shipped = tomllib.loads(text)
    fits = [
        fit
        for kind in ("gemm", "attention")
        for by_dtype in shipped[kind].values()
        for fit in by_dtype.values()
    ]
    assert len(fits) == 22
    for fit in fits:
        assert 0.02 < fit["compute_ratio"] <= 1.0
        assert 0.02 < fit["memory_ratio"] <= 1.0
        assert 0.0 <= fit["overhead_s"] < 200e-6
