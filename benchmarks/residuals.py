"""Hold predictions against published runs of vLLM and llama.cpp: the spread sets the intervals.

    python benchmarks/residuals.py SHARED_DIR

Prints, for each source and quantity, the median and 90th percentile of |predicted / measured
− 1| and the factor that holds the central 80 % of measured / predicted. The tables stay where
they are; only the factors in src/rightrig/prediction/data/intervals.toml are derived.
"""

from __future__ import annotations

import argparse
import csv
import math
import re
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rightrig.deployment.compatibility import broken
from rightrig.deployment.deployment import Deployment, Precision
from rightrig.deployment.limits import default_limits
from rightrig.deployment.parallelism import Parallelism
from rightrig.deployment.rig import parse_rig
from rightrig.errors import RightrigError
from rightrig.facts.catalog import shipped
from rightrig.prediction.predict import predict
from rightrig.prediction.serving import Lengths, decode_step, prefill_s
from rightrig.prediction.timers import timer_of

if TYPE_CHECKING:
    from collections.abc import Iterator

Row = dict[str, str]
_FORMATS = {
    "fp8": "fp8", "fp16": "checkpoint", "bf16": "checkpoint", "": "checkpoint", "f16": "f16",
    "q4_k_m": "q4_k_m", "fp4": "checkpoint", "mxfp4": "checkpoint", "awq": "awq",
}  # fmt: skip
_MODELS = {
    "Llama-3-8B": "Meta-Llama-3-8B", "Llama-3-70B": "Meta-Llama-3-70B",
    "meta-llama/Llama-3.1-70B": "Llama-3.1-70B", "gpt-oss-120b": "openai/gpt-oss-120b",
}  # fmt: skip


@dataclass(frozen=True)
class Residual:
    """One row: where from, which quantity, predicted and measured."""

    source: str
    quantity: str
    evidence: str
    predicted: float
    measured: float


def main() -> None:
    """Print the residuals of every source that the adapters understand."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("shared", type=Path)
    parser.add_argument("--each", action="store_true", help="print every row too")
    arguments = parser.parse_args()
    skipped: Counter[str] = Counter()
    found = [
        residual
        for name in ("serving.csv", "inference.csv")
        for residual in _residuals(arguments.shared / "measurements" / name, skipped)
    ]
    _report(found)
    if arguments.each:
        for r in found:
            print(f"{r.source[:60]} {r.quantity} {r.predicted:.4g} {r.measured:.4g}")
    for reason, count in skipped.most_common(12):
        print(f"skipped {count:5} {reason}")


def _residuals(path: Path, skipped: Counter[str]) -> Iterator[Residual]:
    """Yield residuals of one table; what cannot be predicted is counted by its reason."""
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            try:
                residual = _residual(row)
            except RightrigError as error:
                skipped[f"{type(error).__name__}: {str(error)[:70]}"] += 1
                continue
            if residual is None:
                skipped[f"no adapter: {row['runtime'][:20]} {row['metric']}"] += 1
            else:
                yield residual


def _residual(row: Row) -> Residual | None:
    """Return the residual of a row that one of the adapters understands."""
    runtime = row["runtime"].lower()
    if "XiongjieDai" in row["source"]:
        return _llama_bench(row)
    if runtime == "vllm" and "aiconfigurator" in row["source"]:
        return _closed_loop(row, f"vLLM {row['gpu']} {row['model'].split('/')[-1]}")
    if "anyscale" in row["source"] and "baseline" in row["notes"]:
        return _closed_loop(row, "vLLM anyscale")
    return None


def _deployment(row: Row, runtime: str, weights: str, split: Parallelism) -> Deployment:
    """Return the deployment that a row describes."""
    catalog = shipped()
    llm = catalog.llm(_MODELS.get(row["model"], row["model"]))
    rig = parse_rig(f"{row['gpu_count']}x{row['gpu']}", catalog)
    engine = catalog.runtime(runtime)
    kv = "fp16" if runtime == "llama.cpp" else "bf16"
    deployment = Deployment(
        llm, rig, split, Precision(weights, kv), engine, default_limits(engine, rig.gpu)
    )
    bad = broken(deployment)
    if bad:
        raise RightrigError(bad[0].reason)
    return deployment


def _closed_loop(row: Row, source: str) -> Residual | None:
    """Return the residual of a closed-loop TTFT, TPOT or throughput row."""
    if "attention_dp=1" not in row["notes"] and "attention_dp" in row["notes"]:
        return None
    if not row["isl"] or not row["osl"]:
        return None
    tp, cards = int(row["tp"] or row["gpu_count"]), int(row["gpu_count"])
    split = Parallelism(tp, 1, cards // tp)
    weights = _FORMATS.get(row["weight_dtype"].lower(), row["weight_dtype"].lower())
    deployment = _deployment(row, "vllm", weights, split)
    lengths = Lengths(float(row["isl"]), float(row["osl"]))
    result = predict(deployment, lengths, int(float(row["concurrency_or_batch"])))
    values = {
        "ttft_ms": ("ttft", result.ttft_s.mid * 1e3),
        "tpot_ms": ("tpot", result.tpot_s.mid * 1e3),
        "output_tok_s_total": ("throughput", result.output_tokens_per_s.mid),
    }
    if row["metric"] not in values:
        return None
    quantity, predicted = values[row["metric"]]
    return Residual(source, quantity, result.evidence, predicted, float(row["value"]))


def _llama_bench(row: Row) -> Residual | None:
    """Return the residual of a llama-bench row: decode of one sequence, or a prompt."""
    weights = {"q4_k_m": "q4_k_m", "f16": "f16", "fp16": "f16"}.get(row["weight_dtype"].lower())
    if weights is None or (re.search("l40s|a100-sxm-80|5000-ada", row["gpu"]) and weights == "f16"):
        return None
    cards = int(row["gpu_count"])
    deployment = _deployment(row, "llama.cpp", weights, Parallelism(1, cards))
    timer = timer_of(deployment)
    if row["metric"] == "decode_tok_s_per_seq":
        lengths = Lengths(1.0, float(row["osl"] or 512))
        predicted = 1.0 / float(timer.step_s(decode_step(timer, 1.0, lengths)))
    elif row["metric"] == "prefill_tok_s":
        lengths = Lengths(float(row["isl"] or 512), 1.0)
        predicted = lengths.input_tokens / float(prefill_s(timer, 0.0, lengths))
    else:
        return None
    kind = "decode" if "decode" in row["metric"] else "prefill"
    name = f"llama.cpp {timer.speeds.family} {weights}{' multi' if cards > 1 else ''}"
    return Residual(name, kind, timer.speeds.evidence, predicted, float(row["value"]))


def _report(found: list[Residual]) -> None:
    """Print one line a source and quantity."""
    by: dict[tuple[str, str], list[Residual]] = defaultdict(list)
    for residual in found:
        by[residual.source, residual.quantity].append(residual)
        by[f"= all: {residual.evidence}", residual.quantity].append(residual)
    print(f"{'source':52} {'quantity':10} rows  med%   p90%  bias%  factor80")
    for (source, quantity), rows in sorted(by.items()):
        ratios = np.array([r.predicted / r.measured for r in rows])
        errors = np.abs(ratios - 1.0)
        factor = math.exp(float(np.quantile(np.abs(np.log(ratios)), 0.8)))
        print(
            f"{source:52} {quantity:10} {len(rows):4} {np.median(errors):6.1%} "
            f"{np.quantile(errors, 0.9):6.1%} {np.median(ratios) - 1.0:+6.1%} {factor:6.2f}"
        )


if __name__ == "__main__":
    main()
