"""Measured speeds that ship with rightrig: each prediction stays within its band.

Rows are of sources whose licence allows it, one or a few of each source, engine and family of
cards: of those within their group's band the first by a hash of its number. A band starts from
its group's p90 of |predicted / measured - 1| when their tables were left out
(docs/methodology/speed-accuracy.md), and may only shrink.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Final

import pytest

from rightrig.facts.catalog import shipped
from rightrig.facts.measurement import read_table
from rightrig.prediction.accuracy import GOLDEN, GOLDEN_SPEED, accuracy

BANDS: Final = Path(__file__).with_name("bands.csv")
MOST_ROWS: Final = 60
RECORDED: Final = {
    "NVIDIA/TensorRT-LLM, trtllm-1.2, NVIDIA": 0.365,
    "NVIDIA/TensorRT-LLM, trtllm-static, NVIDIA": 0.416,
    "NVIDIA/TensorRT-LLM, trtllm-static, NVIDIA, first tokens": 0.245,
    "QwenLM/Qwen3, sglang, NVIDIA": 0.501,
    "argonne-lcf/LLM-Inference-Bench, deepspeed, Gaudi": 0.147,
    "argonne-lcf/LLM-Inference-Bench, deepspeed-mii, NVIDIA": 0.32,
    "argonne-lcf/LLM-Inference-Bench, trtllm-cpp, NVIDIA": 0.258,
    "argonne-lcf/LLM-Inference-Bench, vllm-0, AMD": 0.541,
    "argonne-lcf/LLM-Inference-Bench, vllm-0, NVIDIA": 0.153,
    "arthurrasmusson/TensorRT-LLM, trtllm-cpp, NVIDIA": 0.219,
    "casper-hansen/AutoAWQ, autoawq, NVIDIA": 0.272,
    "mlc-ai/llm-perf-bench, exllama, NVIDIA": 0.22,
    "mlc-ai/llm-perf-bench, llama.cpp, NVIDIA": 0.258,
    "mlc-ai/llm-perf-bench, mlc, NVIDIA": 0.119,
    "mlc-ai/llm-perf-bench, vllm-0, NVIDIA": 0.283,
    "pytorch-labs/gpt-fast, gpt-fast, NVIDIA": 0.21,
}
"""The bands when they were first written: never raise one."""
LICENCES: Final = {"Apache-2.0", "BSD-3-Clause", "MIT"}


def bands() -> list[dict[str, str]]:
    """Return a band a row of the golden speeds."""
    with BANDS.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


ROWS: Final = accuracy(shipped(), GOLDEN_SPEED).rows


@pytest.mark.parametrize("band", bands(), ids=lambda band: f"{band['row']} {band['group']}")
def test_a_golden_speed_is_predicted_within_its_band(band: dict[str, str]) -> None:
    row = ROWS[int(band["row"]) - 1]
    assert row.error_ratio is not None, row.reason
    assert row.names["source"] == band["group"].split(",")[0]
    assert abs(row.error_ratio) <= float(band["band_ratio"])


def test_no_band_is_wider_than_it_was() -> None:
    assert [int(band["row"]) for band in bands()] == list(range(1, len(ROWS) + 1))
    for band in bands():
        assert 0.0 < float(band["band_ratio"]) <= RECORDED[band["group"]]


def test_the_golden_rows_are_few_and_of_sources_that_allow_it() -> None:
    speeds, memory = read_table(GOLDEN_SPEED).rows, read_table(GOLDEN).rows
    assert len(speeds) + len(memory) <= MOST_ROWS
    for row in speeds:
        assert row["notes"].split("licence ")[-1] in LICENCES
        assert "end-to-end sample" not in row["source"], "nothing of serving.csv is shipped"
