"""Predictions beside measured runs: the score, the tables, the rows that state too little."""

from __future__ import annotations

import csv
import io
import math
import os
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rightrig.errors import InputError
from rightrig.facts.catalog import shipped
from rightrig.facts.measurement import TABLES, Measurement
from rightrig.interval import Interval
from rightrig.prediction.accuracy import accuracy
from rightrig.prediction.accuracy_kv import judge_kv
from rightrig.prediction.accuracy_memory import judge_memory
from rightrig.prediction.accuracy_score import AXES, Accuracy, Judged, score
from rightrig.prediction.accuracy_words import engine_of, gpu_named, llm_named, vllm_version
from rightrig.quantities import GIB

if TYPE_CHECKING:
    from rightrig.prediction.accuracy_score import Axis

SHARED: Final = Path(
    os.environ.get("RIGHTRIG_SHARED") or Path(__file__).parents[2] / ".." / "shared"
)
CATALOG: Final = shipped()
LLAMA: Final = {
    "source": "github:a/b:log", "gpu": "rtx-4090-24gb", "gpu_count": "1", "model": "Llama-3.1-8B",
    "weight_dtype": "bf16", "kv_dtype": "auto(bf16)", "gpu_memory_utilization": "0.9",
    "max_model_len": "32768", "reported_tokens_or_blocks": "41408", "block_size": "tokens",
    "notes": "vLLM 0.19.0",
}  # fmt: skip
H100: Final = {
    "engine": "vLLM", "version": "0.19.0", "hardware": "H100 (79.19 GiB)",
    "model": "Llama-3.1-8B-Instruct", "config": "tp=1 util=0.95", "component": "weights",
    "value": "14.99", "unit": "GiB", "source": "a/b",
}  # fmt: skip
# Rows of kv_capacity.csv that state card, utilisation and formats, of layers that keep everything.
FULL_ATTENTION_ROWS: Final = (1, 2, 3, 4, 5, 6, 7, 8, 9, 25)


def shared_table(name: str) -> Accuracy:
    """Judge a published table, or skip where it is absent."""
    path = SHARED / "measurements" / f"{name}.csv"
    if not path.exists():
        pytest.skip(f"{path.name} is not in {SHARED}: set RIGHTRIG_SHARED")
    return accuracy(CATALOG, path)


def kv_row(**changes: str) -> Judged:
    """Judge a row of kv_capacity that differs from a plain one."""
    return judge_kv(Measurement(1, LLAMA | changes), CATALOG)


def memory_row(**changes: str) -> Judged:
    """Judge a row of memory that differs from a plain one."""
    return judge_memory(Measurement(1, H100 | changes), CATALOG)


def mid(row: Judged) -> float:
    """Return the prediction of a row that must have one."""
    assert row.predicted is not None, row.reason
    return row.predicted.mid


def judged(measured: float | None, predicted: Interval | None) -> Judged:
    """Return a row with these values."""
    names: dict[Axis, str] = dict.fromkeys(AXES, "x")
    return Judged(1, names, "tokens", measured, predicted, "")


def test_the_score_of_three_rows_is_what_a_hand_computes() -> None:
    rows = [
        judged(100.0, Interval(90.0, 110.0, 120.0)),  # +10 %, inside
        judged(200.0, Interval(100.0, 160.0, 180.0)),  # -20 %, 20 above the interval
        judged(100.0, None),
    ]
    found = score(rows)
    assert (found.rows, found.predicted) == (3, 2)
    assert found.coverage_ratio == pytest.approx(2 / 3)
    assert found.median_abs_error_ratio == pytest.approx(0.15)
    assert found.p90_abs_error_ratio == pytest.approx(0.19)
    assert found.bias_ratio == pytest.approx(-0.05)
    assert found.interval_hit_ratio == pytest.approx(0.5)
    assert found.median_width_ratio == pytest.approx((1 / 3 + 0.8) / 2)
    # (30/100 + (80 + 10·20)/200) / 2
    assert found.interval_score == pytest.approx((0.3 + 1.4) / 2)


def test_rows_without_a_prediction_have_no_error_and_no_score() -> None:
    found = score([judged(1.0, None)])
    assert found.coverage_ratio == 0.0
    assert found.median_abs_error_ratio is None
    assert found.interval_score is None


def test_kv_capacity_is_within_3_percent_where_the_row_states_all() -> None:
    found = shared_table("kv_capacity")
    errors = [found.rows[number - 1].error_ratio for number in FULL_ATTENTION_ROWS]
    known = [abs(error) for error in errors if error is not None]
    assert len(known) == len(FULL_ATTENTION_ROWS), "each of them is predicted"
    assert median(known) <= 0.03
    assert max(known) <= 0.08


def test_every_row_of_the_published_tables_is_kept_and_reasoned() -> None:
    for name in ("kv_capacity", "memory"):
        found = shared_table(name)
        assert [row.row for row in found.rows] == list(range(1, len(found.rows) + 1))
        assert all(row.predicted is not None or row.reason for row in found.rows)


def test_llama_cpp_is_within_1_percent_of_what_it_says_itself() -> None:
    rows = [r for r in shared_table("memory").rows if r.names["runtime"].startswith("llama.cpp")]
    errors = [abs(row.error_ratio) for row in rows if row.error_ratio is not None]
    assert len(errors) == len(rows) >= 18
    assert max(errors) <= 0.01


@pytest.mark.parametrize(
    ("part", "most_median", "most_p90"),
    [
        ("weights", 0.005, 0.01),
        ("activation_peak", 0.01, 0.08),
        ("non_torch", 0.02, 0.03),
        ("kv_tokens", 0.005, 0.005),
    ],
)
def test_parts_of_vllm_0_19_follow_its_report(
    part: str, most_median: float, most_p90: float
) -> None:
    found = shared_table("memory").groups("metric", "runtime")[part, "vllm 0.19.0"]
    assert found.median_abs_error_ratio is not None
    assert found.p90_abs_error_ratio is not None
    assert found.median_abs_error_ratio <= most_median
    assert found.p90_abs_error_ratio <= most_p90


def test_the_golden_rows_are_predicted_and_mostly_inside_their_intervals() -> None:
    found = accuracy(CATALOG)
    assert found.table == "memory"
    assert len(found.rows) <= 20
    assert found.summary.coverage_ratio == 1.0
    assert found.summary.p90_abs_error_ratio is not None
    assert found.summary.p90_abs_error_ratio <= 0.05
    assert (found.summary.interval_hit_ratio or 0.0) >= 0.8


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"gpu": "a100-80gb (assumed)"}, "the card is not certain"),
        ({"gpu": "24GB-class (unstated)"}, "the card is not certain"),
        ({"gpu": "a100"}, "say which"),
        ({"gpu_memory_utilization": ""}, "the memory utilisation is not stated"),
        ({"gpu_memory_utilization": "see file"}, "the memory utilisation is not certain"),
        ({"gpu_memory_utilization": "7"}, "no share of the card"),
        ({"kv_dtype": "see file"}, "the format of the cache is not certain"),
        ({"kv_dtype": "fp7"}, "fp7"),
        ({"weight_dtype": ""}, "the format of the weights is not stated"),
        ({"model": "NoSuch-8B"}, "no model is called 'NoSuch-8B'"),
        ({"gpu_count": "0"}, "the number of cards is '0'"),
        ({"notes": "vLLM 0.19.0 tp=3"}, "does not divide the 1 cards"),
        ({"notes": "vLLM 0.19.0 tp=0"}, "tp and pp start at 1"),
        ({"notes": "vLLM 0.19.0 DFlash k=5"}, "a draft (dflash)"),
        ({"notes": "vLLM 0.19.0 MTP n=3"}, "a draft (mtp)"),
        ({"notes": "llama.cpp b5000"}, "prints no capacity"),
        ({"block_size": "furlongs"}, "none of tokens, blocks and GiB"),
        ({"reported_tokens_or_blocks": "nan"}, "'nan' is no positive number"),
        ({"reported_tokens_or_blocks": "-1"}, "'-1' is no positive number"),
    ],
)
def test_a_row_that_states_too_little_says_what_is_missing(
    changes: dict[str, str], words: str
) -> None:
    row = kv_row(**changes)
    assert row.predicted is None
    assert words in row.reason


def test_a_capacity_is_predicted_in_the_unit_of_its_row() -> None:
    tokens = mid(kv_row())
    assert mid(kv_row(block_size="16 (blocks)")) == pytest.approx(tokens / 16)
    # 131,072 B a token.
    pool_gib = mid(kv_row(block_size="GiB"))
    assert pool_gib * GIB / 131_072 == pytest.approx(tokens, rel=0.001)


def test_a_log_that_states_the_total_memory_is_predicted_with_it() -> None:
    more = mid(kv_row(notes="vLLM 0.19.0; total 23.62GiB"))
    # 0.1 GiB more than the record's 23.52, of which the engine takes 0.9.
    assert more - mid(kv_row()) == pytest.approx(0.9 * 0.1 * GIB / 131_072, rel=0.1)


def test_vllm_s_first_engine_takes_the_longest_sequence_in_one_step() -> None:
    notes = "vLLM 0.6.4"
    short, long = (mid(kv_row(notes=notes, max_model_len=n)) for n in ("20000", "29000"))
    # 9,000 tokens more of 2·(3·14,336 + 2·4,096) B.
    assert (short - long) * 131_072 == pytest.approx(9000 * 2 * (3 * 14_336 + 2 * 4096), rel=0.01)
    chunked = mid(kv_row(notes=notes, max_model_len="40000"))
    assert chunked > short, "from 32K on prompts are cut into chunks"


def test_ray_serve_starts_vllm_with_its_own_limits() -> None:
    h100 = {"gpu": "h100-sxm-80gb", "notes": "vLLM 0.11.0"}
    plain = kv_row(**h100)
    ray = kv_row(**h100, source="github:anyscale/ray-serve-llm-perf-examples@04ba8ab:x")
    # 896 sequences fewer of 128,256 logits at 37 B.
    saved = (mid(ray) - mid(plain)) * 131_072
    assert saved == pytest.approx(896 * 128_256 * 37.0, rel=0.01)


def test_layers_ahead_take_room_where_the_model_has_them() -> None:
    changes = {
        "gpu": "h200-sxm", "gpu_count": "8", "model": "deepseek-v3", "weight_dtype": "fp8-block",
    }  # fmt: skip
    plain = kv_row(**changes, notes="vLLM 0.19.0 tp=8")
    ahead = kv_row(**changes, notes="vLLM 0.19.0 tp=8 MTP")
    assert mid(ahead) < mid(plain)
    spread = kv_row(**changes, notes="vLLM 0.19.0 tp=8 dcp=8")
    assert mid(spread) == pytest.approx(8 * mid(plain), rel=0.01)


def test_the_tokens_of_mixed_layers_are_counted_as_each_release_counts_them() -> None:
    row = {
        "hardware": "unstated", "model": "gpt-oss-120b", "config": "5.38 GiB KV pool",
        "component": "kv_tokens", "unit": "tokens", "value": "78384",
    }  # fmt: skip
    # 36 layers of 2,048 B a token, as if all kept every token (hf-mem issue 60).
    old = mid(memory_row(**row, version="0.19.0"))
    assert old == pytest.approx(5.38 * GIB / (36 * 2048), rel=0.001)
    new = mid(memory_row(**row, version="0.33.0"))
    assert new == pytest.approx(2 * old, rel=0.2), "half of the layers keep 128 tokens"


@pytest.mark.parametrize(
    ("model", "pool_gib", "tokens"),
    [("Qwen3.5-122B-A10B", 21.43, 467_712), ("Gemma-4-26B-A4B-it", 51.62, 451_040)],
)
def test_a_logged_pool_of_mixed_layers_holds_the_tokens_that_the_log_prints(
    model: str, pool_gib: float, tokens: float
) -> None:
    # A Jetson Thor's logs of 2026-04: delta nets beside attention, windows beside full layers.
    # The format of the cache is not in the log; at 16 bits it would be half of it.
    row = memory_row(
        hardware="unstated", model=model, config=f"{pool_gib} GiB KV pool kv=fp8",
        component="kv_tokens", unit="tokens", value=str(tokens),
    )  # fmt: skip
    assert row.error_ratio == pytest.approx(0.0, abs=0.003)


def test_a_split_that_a_report_keeps_is_the_least_that_holds_the_weights() -> None:
    row = memory_row(
        model="Mixtral arch", config="tp as in report", component="activation_peak", value="1.21"
    )
    assert "tp=2, the least that holds the weights" in row.reason
    assert "Mixtral arch read as mistralai/Mixtral-8x7B-v0.1" in row.reason
    assert row.error_ratio == pytest.approx(0.0, abs=0.1)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"engine": "Foo"}, "no engine is called 'Foo'"),
        ({"version": "main"}, "neither the engine's version nor a date"),
        ({"config": "tp=1 frob=2"}, "'frob=2' of the configuration is not understood"),
        ({"component": "soul"}, "'soul' is no part"),
        ({"component": "kv_tokens"}, "the unit 'gib' is none"),
        ({"component": "kv_pool", "config": "tp=1"}, "the memory utilisation is not stated"),
        ({"unit": "parsecs"}, "'parsecs'"),
        ({"value": "0.51/1.04/1.85"}, "is no positive number"),
        ({"hardware": "B9000"}, "no GPU is called 'B9000'"),
    ],
)
def test_a_part_that_cannot_be_predicted_has_a_reason(changes: dict[str, str], words: str) -> None:
    row = memory_row(**changes)
    assert row.predicted is None
    assert words in row.reason


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ("", "the context (c=TOKENS) is not stated"),
        ("c=0", "the context (c=TOKENS) is not stated"),
        ("c=4096 np=8192", "np=8192 slots share a context of 4,096"),
        ("c=4096 ctv=q4_0 fa=off", "needs flash attention"),
        ("c=4096 mmap", "'mmap' of the configuration is not understood"),
        ("c=9999999999999999999", "not understood"),
    ],
)
def test_a_start_of_llama_cpp_that_is_not_understood_has_a_reason(config: str, words: str) -> None:
    row = memory_row(
        engine="llama.cpp", version="0c1e570 (2026-10-01)", hardware="CPU", config=config,
        model="Llama-2-7B F16", component="kv", unit="MiB", value="2048",
    )  # fmt: skip
    assert row.predicted is None
    assert words in row.reason


CELL: Final = st.text(max_size=30) | st.sampled_from(
    [*LLAMA.values(), *H100.values(), "tp=2", "c=4096", "kv", "llama.cpp", "nan", "1e400", "-1"]
)


@settings(max_examples=150, deadline=None)
@given(data=st.data(), table=st.sampled_from(("kv_capacity", "memory")))
def test_any_text_in_any_cell_gives_a_row_with_a_value_or_a_reason(
    data: st.DataObject, table: str
) -> None:
    base = LLAMA if table == "kv_capacity" else H100
    columns = data.draw(st.lists(st.sampled_from(TABLES[table]), max_size=3, unique=True))
    changes = {column: data.draw(CELL) for column in columns}
    judge = judge_kv if table == "kv_capacity" else judge_memory
    row = judge(Measurement(7, base | changes), CATALOG)
    assert row.row == 7
    assert set(row.names) == set(AXES)
    assert row.predicted is not None or row.reason
    if row.predicted is not None:
        assert 0.0 <= row.predicted.mid < math.inf
        assert row.measured is not None


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("vLLM 0.19.0; 2026-08", "0.19.0"),
        ("vllm==0.10.1", "0.10.1"),
        ("~0.6.4 (2024-12)", "0.6.4"),
        ("vLLM v1 2025-10; tp=4", "0.11.0"),
        ("comment of 2024-12-02", "0.6.4"),
        ("boot log 2026-05-31", "0.22.0"),
        ("2022-01", "0.1.0"),
    ],
)
def test_a_version_is_read_or_told_from_the_date(text: str, version: str) -> None:
    assert vllm_version(text)[0] == version


def test_a_text_without_version_and_date_has_none() -> None:
    with pytest.raises(InputError, match="neither the engine's version nor a date"):
        vllm_version("vLLM nightly, tp=8")


def test_words_of_rows_mean_engines_cards_and_models() -> None:
    assert engine_of("SGLang mem-fraction-static 0.93") == "sglang"
    assert engine_of("a log") is None
    gpu, _ = gpu_named("H100 79.22 GiB", CATALOG)
    assert gpu.memory_bytes.mid == pytest.approx(79.22 * GIB, rel=1e-6)
    assert gpu_named("RTX 4090 (96 GiB)", CATALOG)[0] == CATALOG.gpu("rtx-4090")
    assert llm_named("Gemma-3-27B Q4_0", CATALOG)[0].slug == "google--gemma-3-27b-it"


def test_groups_hold_every_row_once() -> None:
    found = accuracy(CATALOG)
    for axis in AXES:
        assert sum(part.rows for part in found.groups(axis).values()) == len(found.rows)
    doubled = replace(found, rows=(*found.rows, *found.rows))
    assert doubled.summary.median_abs_error_ratio == found.summary.median_abs_error_ratio


def test_the_golden_rows_are_a_table_as_others_write_it() -> None:
    text = (Path(accuracy.__code__.co_filename).parent / "data" / "golden_memory.csv").read_text(
        encoding="utf-8"
    )
    rows = list(csv.DictReader(io.StringIO(text)))
    assert tuple(rows[0]) == TABLES["memory"]
    assert all(row["source"] and row["value"] for row in rows)
