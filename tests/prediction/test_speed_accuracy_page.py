"""The page on the accuracy of speed: groups, figures, drawings, and what needs no refit."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET
from dataclasses import replace
from typing import Final

import numpy as np
import pytest
from scripts import load_script

from rightrig.facts.catalog import shipped
from rightrig.prediction.accuracy import GOLDEN_SPEED
from rightrig.prediction.evidence import EVIDENCE_ORDER
from rightrig.prediction.run_evidence import HeldOut
from rightrig.prediction.run_tables import planned, read_rows
from rightrig.prediction.speed_accuracy import Judgement, figures, in_sample, left_out
from rightrig.prediction.speed_groups import judged_families, source_groups
from rightrig.report.scatter import MOST_POINTS, Point, scatter_svg, thinned
from rightrig.report.speed_accuracy import (
    IN_SAMPLE,
    PROJECT,
    TABLE,
    drawings,
    groups_part,
    misses_part,
    targets_part,
    widths_part,
)

LARGEST_BYTES: Final = 150_000
MODULE: Final = load_script("docs/refresh_speed_accuracy.py")
RUNS: Final = planned(read_rows([GOLDEN_SPEED], shipped()))


def test_the_page_holds_what_the_shipped_parameters_give_now() -> None:
    if not all(path.exists() for path in MODULE.tables()):
        pytest.skip(f"no measurements in {MODULE.SHARED}: set RIGHTRIG_SHARED")
    text = MODULE.PAGE.read_text(encoding="utf-8")
    rows = read_rows(MODULE.tables(), shipped())
    assert text == MODULE.refreshed(text, MODULE.quick_results(rows)), (
        "run docs/refresh_speed_accuracy.py"
    )


def test_the_page_shows_its_drawings_and_they_are_small() -> None:
    text = MODULE.PAGE.read_text(encoding="utf-8")
    drawn = sorted(MODULE.IMAGES.glob("speed-accuracy-*.svg"))
    assert len(drawn) == 3
    for path in drawn:
        assert f"img/{path.name}" in text
        assert path.stat().st_size < LARGEST_BYTES
        ET.fromstring(path.read_text(encoding="utf-8"))  # noqa: S314 - our own file


def test_a_part_is_replaced_and_others_stay() -> None:
    text = "<!-- targets -->\nold\n<!-- end -->\n<!-- hits -->\nkept\n<!-- end -->\n"
    assert MODULE.refreshed(text, {"targets": "new\n"}) == text.replace("old", "new")


def test_figures_of_three_runs_are_what_a_hand_computes() -> None:
    errors = np.log([1.1, 0.8, 2.0])
    low, high = np.array([0.9, 0.9, 0.4]), np.array([1.2, 1.5, 0.8])
    found = figures(Judgement(errors, low, high, ("same GPU",) * 3), [0, 1, 2])
    assert found.rows_count == 3
    assert found.median_ratio == pytest.approx(0.2)
    assert found.p90_ratio == pytest.approx(0.84)
    assert found.bias_ratio == pytest.approx(0.1)
    # Measured over predicted: 0.91, 1.25 and 0.5.
    assert found.hit_ratio == pytest.approx(1.0)
    assert found.high_low_ratio == pytest.approx(1.5 / 0.9)


def test_left_out_rows_take_the_interval_of_weaker_evidence() -> None:
    known = in_sample(RUNS)
    held = HeldOut(known.log_errors, tuple(EVIDENCE_ORDER[-1] for _ in RUNS))
    found = left_out(RUNS, held)
    widths = np.log(found.high_ratios / found.low_ratios)
    assert np.median(widths) > np.median(np.log(known.high_ratios / known.low_ratios))
    assert found.evidence == held.evidence


def test_the_golden_rows_make_tables_of_their_own() -> None:
    known = in_sample(RUNS)
    text = groups_part(RUNS, known) + widths_part(RUNS, {IN_SAMPLE: known})
    assert "| gpt-fast | 2 |" in text
    assert "nan" not in text
    assert source_groups(RUNS) == (), "no source has ten rows of vLLM"
    assert judged_families(RUNS) == {}


def test_every_target_is_answered_with_yes_or_no() -> None:
    if not all(path.exists() for path in MODULE.tables()):
        pytest.skip(f"no measurements in {MODULE.SHARED}: set RIGHTRIG_SHARED")
    runs = planned(read_rows(MODULE.tables(), shipped()))
    known = in_sample(runs)
    judged = dict.fromkeys((IN_SAMPLE, TABLE, PROJECT), known)
    lines = targets_part(runs, judged).splitlines()[2:]
    assert len(lines) == 10
    assert all(line.count("yes") + line.count("**no**") == 3 for line in lines)
    far = replace(known, log_errors=known.log_errors + math.log(3.0))
    sentences = misses_part(runs, dict.fromkeys((IN_SAMPLE, TABLE, PROJECT), far))
    assert "serving, TPOT, in the sample: " in sentences
    assert "12 % asked" in sentences


def test_points_are_thinned_the_same_way_whatever_their_order() -> None:
    points = [Point(f"row {n}", "vLLM", 1.0 + n, 1.0 + n) for n in range(2 * MOST_POINTS)]
    kept = thinned(points)
    assert len(kept) == MOST_POINTS
    assert thinned(points[::-1]) == kept


def test_a_drawing_is_rounded_and_well_formed() -> None:
    points = [Point("a", "vLLM", 123.4, 101.9), Point("b", "vLLM", 123.6, 101.6)]
    text = scatter_svg("TPOT", "ms", points, ("vLLM", "others"))
    ET.fromstring(text)  # noqa: S314 - our own text
    assert text.count("h0") == 1, "both are 120 and 100"
    assert "others" not in text
    assert ET.fromstring(scatter_svg("TPOT", "ms", [], ("vLLM",))).tag.endswith("svg")  # noqa: S314


def test_runs_are_drawn_in_three_panels() -> None:
    found = drawings(RUNS, in_sample(RUNS))
    assert set(found) == {"tpot", "ttft", "throughput"}
    assert "TensorRT-LLM" in found["throughput"]
