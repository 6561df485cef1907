"""Watts of cards: measured anchors, limits, idle time."""

from __future__ import annotations

import itertools
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

import rightrig
from rightrig.prediction.parameters import tables
from rightrig.prediction.power import (
    card_power_w,
    draw_of,
    energy_per_token_j,
    idle_power_w,
    used_energy_per_token_j,
    waiting_draw_ratio,
    working_interval_w,
    working_power_w,
)
from rightrig.prediction.power_cap import clock_ratio, memory_speed_ratio

CATALOG: Final = rightrig.shipped()
ANCHORS: Final = tables("power")["anchor"]
SHARES: Final = st.floats(0.0, 1.0)


def at_work_w(gpu: str, memory: float, compute: float) -> float:
    card = CATALOG.gpu(gpu)
    board_w = card.board_power_w or 0.0
    return float(working_power_w(board_w, board_w, memory, compute, draw_of(card).floor_ratio))


@pytest.mark.parametrize("anchor", ANCHORS, ids=lambda a: f"{a['gpu']}: {a['what']}")
def test_measured_watts_lie_within_the_interval(anchor: dict[str, float | str]) -> None:
    card = CATALOG.gpu(str(anchor["gpu"]))
    mid = at_work_w(
        card.slug, float(anchor["memory_use_ratio"]), float(anchor["compute_use_ratio"])
    )
    # At the measured speed the model is nearer than with a predicted one: 40 % at most.
    assert float(anchor["power_w"]) == pytest.approx(mid, rel=0.4)


def test_the_middle_of_all_anchors_is_right_and_eight_in_ten_are_within_a_quarter() -> None:
    ratios = sorted(
        float(a["power_w"])
        / at_work_w(a["gpu"], float(a["memory_use_ratio"]), float(a["compute_use_ratio"]))
        for a in ANCHORS
    )
    assert len(ratios) >= 20
    assert ratios[len(ratios) // 2] == pytest.approx(1.0, abs=0.08)
    near = sum(0.8 <= ratio <= 1.25 for ratio in ratios)
    assert near >= 0.8 * len(ratios)


def test_every_anchor_names_a_source() -> None:
    assert {a["source"] for a in ANCHORS} == set(tables("power")["sources"])
    assert {CATALOG.gpu(a["gpu"]).slug for a in ANCHORS} >= {"h100-sxm", "b200-sxm", "rtx-4090"}


def test_reading_prompts_fills_an_h100s_limit_and_one_small_step_does_not() -> None:
    # F13: prompts draw 0.85 to 1.0 of the limit; decoding 137 to 300 W on an H200 whose bandwidth
    # is hardly used (arXiv:2605.11999).
    assert 0.85 * 700 <= at_work_w("h100-sxm", 0.15, 0.55) <= 700
    assert 137 <= at_work_w("h200-sxm", 0.1, 0.01) <= 300


def test_evidence_and_its_width_follow_the_family() -> None:
    widths = {}
    for gpu, evidence in (("h200-sxm", "runs"), ("rtx-4090", "anchors"), ("mi300x", "none")):
        draw = draw_of(CATALOG.gpu(gpu))
        assert draw.evidence == evidence
        widths[gpu] = draw.ends_ratio[1] / draw.ends_ratio[0]
    assert widths["h200-sxm"] < widths["rtx-4090"] < widths["mi300x"]


def test_a_card_with_a_model_loaded_idles_at_a_tenth_of_its_limit() -> None:
    # 80 W of 700 on H200 (record gpu-power-h200-idle).
    idle = idle_power_w(700.0, draw_of(CATALOG.gpu("h200-sxm")))
    assert idle.low < 80.0 < idle.high
    assert idle.mid == pytest.approx(84.0)


def test_idle_time_is_paid_by_the_tokens() -> None:
    assert energy_per_token_j(300.0, 2500.0) == pytest.approx(0.12)  # W117
    assert used_energy_per_token_j(300.0, 80.0, 1.0, 2500.0) == pytest.approx(0.12)
    # A tenth of the hours at work: nine times 80 W for each 300 W.
    assert used_energy_per_token_j(300.0, 80.0, 0.1, 2500.0) == pytest.approx(0.12 + 0.288)


@given(SHARES, SHARES, st.floats(0.0, 0.6), st.floats(100.0, 1200.0), st.floats(0.2, 1.0))
def test_more_use_never_draws_less_and_nothing_passes_the_limit(
    memory: float, compute: float, floor: float, board_w: float, limit: float
) -> None:
    one = float(working_power_w(board_w, board_w * limit, memory, compute, floor))
    more = float(
        working_power_w(board_w, board_w * limit, (memory + 1) / 2, (compute + 1) / 2, floor)
    )
    assert one <= more * (1 + 1e-12)
    assert more <= board_w * min(limit, 0.98) * (1 + 1e-12)


@given(st.floats(10.0, 1000.0), st.floats(0.0, 1.0), SHARES)
def test_the_mean_lies_between_idle_and_work(
    working: float, idle_share: float, busy: float
) -> None:
    idle = working * idle_share
    mean = float(card_power_w(working, idle, busy))
    assert idle * (1 - 1e-9) <= mean <= working * (1 + 1e-9)
    assert float(card_power_w(working, idle, 1.0)) == pytest.approx(working)
    assert float(card_power_w(working, idle, 0.0)) == idle


@given(st.floats(1.0, 700.0), st.sampled_from(["h100-sxm", "rtx-4090", "mi300x", "l4"]))
def test_no_mean_passes_the_limit_at_any_end(mid: float, gpu: str) -> None:
    interval = working_interval_w(mid, draw_of(CATALOG.gpu(gpu)), 700.0)
    assert interval.low <= interval.mid <= interval.high <= 700.0


@pytest.mark.parametrize(
    ("limit_w", "measured"), [(300.0, 0.943), (250.0, 0.853), (200.0, 0.601), (150.0, 0.258)]
)
def test_prompts_under_a_limit_follow_the_clock(limit_w: float, measured: float) -> None:
    # RTX 3090: 9,326, 8,436, 5,941 and 2,549 of 9,893 tokens/s at 350 W (llmgarage.ai).
    assert float(clock_ratio(limit_w / 350.0)) == pytest.approx(measured, abs=0.045)


@pytest.mark.parametrize(
    ("limit_w", "draw_w", "board_w", "clock", "speed"),
    [
        # RTX PRO 6000, one user of a dense 27B in 4 bits: MHz of 2,779, tokens/s of 72.1.
        (450.0, 511.0, 600.0, 0.958, 0.999),
        (400.0, 511.0, 600.0, 0.892, 0.989),
        (350.0, 511.0, 600.0, 0.745, 0.951),
        (300.0, 511.0, 600.0, 0.562, 0.868),
        # RTX 3090, one user of a dense 27B: MHz of 1,710, tokens/s of 33.0 (at 300 W).
        (295.0, 333.0, 350.0, 0.921, 1.000),
        (273.0, 333.0, 350.0, 0.895, 0.991),
        (247.0, 333.0, 350.0, 0.816, 0.961),
    ],
)
def test_decoding_under_a_limit_loses_clock_and_little_speed(
    limit_w: float, draw_w: float, board_w: float, clock: float, speed: float
) -> None:
    left = float(clock_ratio(limit_w / board_w, draw_w / board_w))
    assert left == pytest.approx(clock, abs=0.05)
    assert float(memory_speed_ratio(left)) == pytest.approx(speed, abs=0.025)


@pytest.mark.parametrize(
    ("limit_w", "board_w", "measured"),
    [
        (400.0, 600.0, 0.819),  # RTX 5090, drafting: 132.8 of 162.1 tokens/s
        (500.0, 600.0, 0.948),  # 153.6 of them
        (280.0, 350.0, 0.95),  # four RTX 3090 in training: over 95 % (pugetsystems.com)
        (400.0, 600.0, 0.955),  # RTX PRO 6000, 32 users: 1,320 of 1,382 tokens/s
        (350.0, 600.0, 0.869),  # 1,202 of them
        (300.0, 600.0, 0.748),  # 1,034 of them
    ],
)
def test_mixed_work_lies_between_arithmetic_and_reading(
    limit_w: float, board_w: float, measured: float
) -> None:
    clock = float(clock_ratio(limit_w / board_w))
    assert clock <= measured <= float(memory_speed_ratio(clock)) + 0.02


def test_a_limit_above_what_work_draws_costs_nothing() -> None:
    assert float(clock_ratio(0.8, 0.6)) == float(memory_speed_ratio(1.0)) == 1.0
    # An H100 reads memory at 0.84 of its 700 W, an RTX 3090 at the whole of its 350 W.
    draws = [waiting_draw_ratio(draw_of(CATALOG.gpu(name))) for name in ("h100-sxm", "rtx-3090")]
    assert draws == pytest.approx([0.842, 0.98])


def test_a_lower_limit_never_quickens_a_clock() -> None:
    clocks = [float(clock_ratio(step / 100)) for step in range(101)]
    assert clocks[-1] == 1.0
    assert all(a <= b for a, b in itertools.pairwise(clocks))
    assert min(clocks) > 0.0
