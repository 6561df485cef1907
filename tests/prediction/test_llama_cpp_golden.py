"""llama.cpp's own figures: 30 kept rows, the measured table, the program where there is one."""

from __future__ import annotations

import argparse
import csv
import importlib
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from rightrig.facts.catalog import shipped
from rightrig.quantities import MIB
from rightrig.work.ggml_alloc import HOST
from rightrig.work.llama_cpp import memory
from rightrig.work.llama_cpp_options import Options, place

if TYPE_CHECKING:
    from types import ModuleType

ROOT: Final = Path(__file__).parents[2]
GOLDEN: Final = Path(__file__).parent / "llama_cpp_golden.csv"
SHARED: Final = Path(os.environ.get("RIGHTRIG_SHARED", ROOT.parent / "shared"))
BINARY: Final = Path(
    os.environ.get("RIGHTRIG_LLAMA_FIT_PARAMS", ROOT / ".cache/llama.cpp/bin/llama-fit-params")
)
FORMATS: Final = {"f16": "fp16"}
MEASURED: Final = {
    "Llama-2-7B F16": ("llama-2-7b", "f16"),
    "Gemma-3-27B Q4_0": ("gemma-3-27b-it", "q4_0"),
}
COLUMNS: Final = {"weights": "weights_bytes", "kv": "cache_bytes", "compute": "compute_bytes"}


def options_of(words: str) -> Options:
    """Read the options of a kept command line."""
    parser = argparse.ArgumentParser()
    for name in ("-c", "-ub", "-b", "-np"):
        parser.add_argument(name, type=int)
    for name in ("-ctk", "-ctv", "-fa"):
        parser.add_argument(name)
    parser.add_argument("--swa-full", action="store_true")
    found = parser.parse_args(words.split())
    return Options(
        context_tokens=found.c,
        ubatch_tokens=found.ub,
        batch_tokens=found.b,
        slots_count=found.np,
        full_windows=found.swa_full,
        key_format=FORMATS.get(found.ctk, found.ctk),
        value_format=FORMATS.get(found.ctv, found.ctv),
        flash_attention=found.fa == "on",
    )


def kept_rows() -> list[dict[str, str]]:
    lines = [line for line in GOLDEN.read_text().splitlines() if not line.startswith("#")]
    return list(csv.DictReader(lines))


@pytest.mark.parametrize("row", kept_rows(), ids=lambda row: row["model"])
def test_every_component_is_llama_cpps_own_to_the_mib(row: dict[str, str]) -> None:
    llm = shipped().llm(row["model"])
    found = memory(llm, row["file_type"], options_of(row["arguments"]), place(llm.layer_count, ()))[
        HOST
    ]
    assert int(found.weights_bytes // MIB) == int(row["weights_mib"])
    assert int(found.cache_bytes // MIB) == int(row["cache_mib"])
    assert int(found.compute_bytes // MIB) == pytest.approx(int(row["compute_mib"]), rel=1e-3)


def measured_options(words: list[str]) -> Options:
    """Read a configuration of the measured table (build 0c1e570, 2026-10-01)."""
    return Options(
        context_tokens=int(words[0].removeprefix("c=")),
        ubatch_tokens=2048 if "ub=2048" in words else 512,
        slots_count=4 if "np=4" in words else 1,
        full_windows="swa-full" in words,
        flash_attention="fa=off" not in words,
        mixes_batches=False,
    )


def test_the_measured_table_is_met_to_the_mib() -> None:
    table = SHARED / "measurements" / "memory.csv"
    if not table.exists():
        pytest.skip(f"no measured table at {table}; set RIGHTRIG_SHARED")
    with table.open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["model"] in MEASURED]
    assert len(rows) == 19
    for row in rows:
        name, file_type = MEASURED[row["model"]]
        llm = shipped().llm(name)
        options = measured_options(row["config"].split())
        found = memory(llm, file_type, options, place(llm.layer_count, ()))[HOST]
        assert int(getattr(found, COLUMNS[row["component"]]) // MIB) == int(row["value"])


def oracle() -> ModuleType:
    sys.path.insert(0, str(ROOT / "benchmarks"))
    try:
        return importlib.import_module("llama_cpp_oracle")
    finally:
        sys.path.remove(str(ROOT / "benchmarks"))


def test_the_program_agrees_within_one_percent_on_random_cases() -> None:
    if not BINARY.exists():
        pytest.skip(f"no llama-fit-params at {BINARY}: make oracle, or RIGHTRIG_LLAMA_FIT_PARAMS")
    rows, refused = oracle().run(BINARY, 20, 3)
    assert refused < 5
    assert max(abs(error) for _, _, error in rows) < 0.01
