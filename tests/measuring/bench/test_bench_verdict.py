"""Healthy or degraded: figures of an H200 beside its datasheet and its calibrated kernels."""

from __future__ import annotations

from dataclasses import replace

import pytest
from bench_runs import figure, measured_on

from rightrig.deployment.rig import parse_rig
from rightrig.facts.catalog import shipped
from rightrig.measuring.bench.causes import likely_causes
from rightrig.measuring.bench.expectation import Subject, expected
from rightrig.measuring.bench.judging import GATES, Verdict, judged
from rightrig.measuring.bench.nvml import POWER_CAP, THERMAL
from rightrig.measuring.bench.run import merged
from rightrig.measuring.bench.values import Condition, Figure, Sight
from rightrig.prediction.kernels import gemm
from rightrig.work.operators import gemm_flop

H200 = Subject(
    shipped().gpu("NVIDIA H200"),
    parse_rig("8xh200-sxm", shipped()),
    {m: shipped().llm(m) for m in ("llama-3-8b", "qwen3-8b")},
)
BANDWIDTH = 4.8e12


def copy(share: float, **rest: object) -> Figure:
    time_s = 2.0 * 2**30 / (BANDWIDTH * share)
    labels = {"size_bytes": 2.0**30}
    return figure(
        "copy", "copy", "bytes", (time_s,) * 7, moved_bytes=2.0 * 2**30, labels=labels, **rest
    )


def product(m: int, share: float, dtype: str = "bfloat16") -> Figure:
    flop = float(gemm_flop(m, 4096 * 28672))
    labels = {"type": dtype, "m": m, "n": 28672, "k": 4096, "model": "a", "shape": "gate_up"}
    return figure(
        "gemm", "gemm", "flop", (flop / (989.4e12 * share),) * 7, flop=flop, moved_bytes=1e8,
        labels=labels,
    )  # fmt: skip


def verdict(*figures: Figure, condition: Condition | None = None, **earlier: float) -> Verdict:
    before = {figures[0].key: earlier["earlier"]} if earlier else {}
    return judged(measured_on("cuda:0", *figures, condition=condition), H200, before)


def test_the_gates_are_those_of_the_field() -> None:
    gates = {gate.id: gate.least_ratio for gate in GATES}
    assert gates["BENCH-COPY"] == 0.85
    assert gates["BENCH-GEMM-BF16"] == 0.70
    assert gates["BENCH-GEMM-FP8"] == 0.65
    assert gates["BENCH-LINK"] == 0.80


@pytest.mark.parametrize(("share", "word"), [(0.86, "healthy"), (0.84, "degraded")])
def test_a_copy_is_healthy_from_85_percent_of_the_datasheet(share: float, word: str) -> None:
    found = verdict(copy(share))
    assert found.word == word
    assert found.findings[0].id == "BENCH-COPY"
    assert found.findings[0].found_ratio == pytest.approx(share, rel=1e-6)


def test_the_best_product_counts_and_not_the_small_ones() -> None:
    assert verdict(product(1, 0.002), product(8192, 0.75)).word == "healthy"
    assert verdict(product(1, 0.002), product(8192, 0.65)).word == "degraded"


def test_a_copy_above_the_datasheet_is_flagged_and_does_not_make_a_card_healthy() -> None:
    from_cache = copy(1.6, in_cache=True)
    found = verdict(from_cache, replace(copy(0.5), labels={"size_bytes": 1.0}))
    assert found.word == "degraded"
    assert "above the datasheet (160%)" in found.figures[0].notes[0]


def test_a_wrong_result_is_degraded_however_quick() -> None:
    found = verdict(copy(0.95, error_ratio=0.5, tolerated_ratio=0.0))
    assert found.word == "degraded"
    assert "out of service" in found.why
    assert "WRONG RESULT" in found.figures[0].notes[0]


def test_a_figure_slower_than_earlier_by_more_than_its_spread_and_5_percent_is_degraded() -> None:
    rate = copy(0.9).rate_per_s
    assert verdict(copy(0.9), earlier=rate * 1.04).word == "healthy"
    slowed = verdict(copy(0.9), earlier=rate * 1.2)
    assert slowed.word == "degraded"
    assert "(-17%)" in slowed.why
    # A spread that reaches the earlier figure explains it.
    times = copy(0.9).timing.samples_s
    noisy = figure(
        "copy", "copy", "bytes", (times[0] * 0.8, *times[1:]), moved_bytes=2.0 * 2**30,
        labels={"size_bytes": 2.0**30},
    )  # fmt: skip
    assert verdict(noisy, earlier=rate * 1.06).word == "healthy"


def test_a_processor_without_datasheet_and_earlier_runs_is_not_judged() -> None:
    found = judged(measured_on("cpu", copy(0.1)), Subject(why_unknown="nobody knows it"), {})
    assert found.word == "not judged"
    assert found.why.startswith("nobody knows it and there are no earlier runs")


@pytest.mark.parametrize(
    ("condition", "kind", "word"),
    [
        (Condition(limit_w=500.0, usual_limit_w=700.0), "compute", "power cap: 500 W of"),
        (Condition(reasons=(POWER_CAP,)), "compute", "power cap: the board's"),
        (Condition(reasons=(THERMAL,)), "memory", "thermal throttling"),
        (Condition(lanes_count=8, most_lanes_count=16), "link", "PCIe width: x8 of x16"),
        (Condition(link_generation_count=3, most_link_generation_count=5), "link",
         "PCIe generation: 3 of 5"),
        (Condition(uncorrected_count=2), "memory", "ECC: 2 uncorrected"),
        (Condition(processes_count=1), "memory", "another process: 1 more"),
        (Condition(others_ratio=0.4), "compute", "another process: others kept 40%"),
    ],
)  # fmt: skip
def test_a_likely_cause_is_named(condition: Condition, kind: str, word: str) -> None:
    causes = likely_causes(measured_on("cuda:0", condition=condition), kind)  # type: ignore[arg-type]
    assert len(causes) == 1
    assert causes[0].startswith(word)


def test_a_sound_machine_has_no_cause_and_low_clocks_are_one() -> None:
    sound = Condition(
        limit_w=700.0, usual_limit_w=700.0, lanes_count=16, most_lanes_count=16,
        uncorrected_count=0, remapped_count=0, processes_count=0, others_ratio=0.02,
        most_clock_hz=1.98e9,
    )  # fmt: skip
    quick = copy(0.9)
    quick = replace(quick, timing=replace(quick.timing, clocks_hz=(1.95e9,)))
    slow = replace(quick, timing=replace(quick.timing, clocks_hz=(1.2e9,)))
    assert likely_causes(measured_on("cuda:0", quick, condition=sound), "compute") == ()
    (cause,) = likely_causes(measured_on("cuda:0", slow, condition=sound), "compute")
    assert cause == "clocks: at most 1200 MHz of 1980 MHz"


def test_heat_is_told_with_the_temperature_that_was_seen() -> None:
    hot = replace(
        measured_on("cuda:0"), sights=(Sight(1.0, None, None, 91.0, (THERMAL,)), Sight(2.0))
    )
    assert likely_causes(hot, "compute")[0].startswith("thermal throttling at up to 91 °C")


def test_a_link_is_judged_by_its_best_moment_and_reasons_add_up() -> None:
    idle = Condition(lanes_count=16, link_generation_count=1, reasons=("a",), limit_w=700.0)
    busy = Condition(lanes_count=16, link_generation_count=5, reasons=("b",), limit_w=600.0)
    found = merged(busy, idle)
    assert (found.link_generation_count, found.limit_w, found.reasons) == (5, 600.0, ("b", "a"))


def test_a_product_is_expected_as_the_speed_model_has_it() -> None:
    gpu = shipped().gpu("h200-sxm")
    known = expected(product(64, 0.1), H200)
    assert known.time_s == gemm(gpu, (64, 28672, 4096)).time_s
    assert known.least_s is not None
    assert known.least_s <= gemm(gpu, (64, 28672, 4096)).time_s.mid


def test_a_decode_step_of_llama_3_8b_takes_3_1_ms_at_least_on_an_h200() -> None:
    labels: dict[str, str | float] = {
        "model": "llama-3-8b", "layers": 32, "head": 1.0, "batch": 1, "context_tokens": 512,
    }  # fmt: skip
    known = expected(figure("stack", "decode_step", "s", (0.004,), labels=labels), H200)
    assert known.least_s == pytest.approx(15.0e9 / 4.8e12, rel=0.02)
    assert known.time_s is not None
    assert 3.2e-3 < known.time_s.mid < 5.0e-3
    half = {**labels, "layers": 16, "head": 0.0}
    less = expected(figure("stack", "decode_step", "s", (0.004,), labels=half), H200)
    assert less.least_s is not None
    assert less.least_s == pytest.approx(16 * 218.1e6 * 2.0 / 4.8e12, rel=0.02)


def test_a_prefill_step_is_bound_by_arithmetic() -> None:
    labels = {"model": "llama-3-8b", "layers": 32, "head": 1.0, "prompt_tokens": 8192}
    known = expected(figure("stack", "prefill_step", "s", (0.2,), labels=labels), H200)
    assert known.least_s is not None
    # 2 · 6.98e9 · 8192 for the products, 2 · 32 · 32 · 128 · 8192² for causal attention.
    flop = 2.0 * 6.98e9 * 8192 + 2.0 * 32 * 32 * 128 * 8192.0**2
    assert known.least_s == pytest.approx(flop / 989.4e12, rel=0.02)


def test_an_all_reduce_over_nvlink_is_beside_its_link_and_gloo_is_not() -> None:
    labels: dict[str, str | float] = {"size_bytes": 2.0**30, "ranks": 8, "backend": "nccl"}
    moved = 2.0 * 7 / 8 * 2.0**30
    one = figure("collectives", "all_reduce", "bytes", (0.01,), moved_bytes=moved, labels=labels)
    known = expected(one, H200)
    assert known.least_s == pytest.approx(moved / 450e9)
    assert known.time_s is not None
    assert known.time_s.mid > moved / 450e9
    gloo = replace(one, labels={**labels, "backend": "gloo"})
    assert expected(gloo, H200).least_s is None
