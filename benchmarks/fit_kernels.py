"""Fit achieved shares of peak per GPU family from measured kernels.

    python benchmarks/fit_kernels.py SHARED_DIR [--write]

reads ``measurements/kernels*.csv`` and ``facts/gpus.csv`` below SHARED_DIR, prints each fit with
its errors, and with ``--write`` rewrites ``src/rightrig/prediction/data/kernels.toml``.
"""

from __future__ import annotations

import argparse
import csv
from collections import defaultdict
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rightrig.prediction.kernel_fit import (
    AllReduceFit,
    AllReduceSample,
    DevicePeak,
    KernelFit,
    KernelSample,
    fit_all_reduce,
    fit_attention,
    fit_gemm,
)
from rightrig.work.operators import attention_flop, cache_bytes, gemm_bytes, gemm_flop

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    Row = dict[str, str]
    KernelGroups = dict[tuple[str, str], list[KernelSample]]
    KernelFits = dict[tuple[str, str], KernelFit]
    AllReduceFits = dict[tuple[str, str, int], AllReduceFit]

TOML: Final = Path(__file__).parents[1] / "src/rightrig/prediction/data/kernels.toml"
DATE: Final = "2026-11-20"
COMMAND: Final = "python benchmarks/fit_kernels.py ../shared --write"
SOURCES: Final = (
    "aiconfigurator-core 0.12.0 kernel samples (NVIDIA, Apache-2.0)",
    "casys-kaist/LLMServingSim 5daddb2, in-engine kernel times (MIT)",
    "microsoft/vidur 7d47513, A40 operator times (MIT)",
)

# The name in the tables: (family, slug of the datasheet facts). GB300 and B60 have no facts.
GPUS: Final = {
    "a100_sxm": ("ampere", "a100-80-sxm"),
    "a40-48gb": ("ampere_pro", "a40"),
    "b200_sxm": ("blackwell", "b200"),
    "b300_sxm": ("blackwell", "b300"),
    "gb200": ("blackwell", "gb200"),
    "h100_sxm": ("hopper", "h100-sxm"),
    "h200_sxm": ("hopper", "h200-sxm"),
    "l40s": ("ada_pro", "l40s"),
    "rtx-4090-24gb": ("ada_geforce", "rtx-4090"),
    # The edition is unstated; at the server's clock both sources reach the same share.
    "rtx-pro-6000-blackwell-96gb": ("blackwell_rtx", "rtx-pro-6000-server"),
    "rtx_pro_6000_server": ("blackwell_rtx", "rtx-pro-6000-server"),
}
# B300 runs NVFP4 no faster than B200 here, at 1.6 times the datasheet peak: its own class.
LEFT_OUT: Final = {("b300_sxm", "nvfp4")}
DTYPES: Final = {"bfloat16": "bf16", "fp16": "bf16"}
PEAK_COLUMNS: Final = {
    "bf16": "tflops_fp16_fp32acc_dense",
    "fp8": "tflops_fp8_fp32acc_dense",
    "nvfp4": "tflops_fp4_dense",
}
# NVFP4: 4 bits and an 8-bit scale per 16 elements.
ELEMENT_BYTES: Final = {"bf16": 2.0, "fp8": 1.0, "nvfp4": 0.5625}
PCIE_FAMILIES: Final = {"ada_pro", "blackwell_rtx"}
NOISE: Final = 1e-9  # a nanosecond of overhead is the solver's word for none
MESSAGE_LIMITS_BYTES: Final = (4 * 2**10, 64 * 2**20)


def rows(path: Path) -> Iterator[Row]:
    """Yield the rows of a CSV file whose GPU has a family and facts."""
    with path.open(newline="", encoding="utf-8") as file:
        yield from (row for row in csv.DictReader(file) if row["gpu"] in GPUS)


def read_facts(shared: Path) -> dict[str, Row]:
    """Return the datasheet rows by the GPU names of the measurement tables."""
    with (shared / "facts/gpus.csv").open(newline="", encoding="utf-8") as file:
        by_slug = {row["slug"]: row for row in csv.DictReader(file)}
    return {name: by_slug[slug] for name, (_, slug) in GPUS.items()}


def peak_of(facts: Row, dtype: str) -> DevicePeak:
    """Return the dense peak of a format, accumulated in FP32, and the memory bandwidth."""
    return DevicePeak(float(facts[PEAK_COLUMNS[dtype]]) * 1e12, float(facts["mem_bw_gbps"]) * 1e9)


def gemm_sample(
    shape: tuple[int, int, int], dtype: str, measured_s: float, peak: DevicePeak, *, is_warm: bool
) -> KernelSample:
    """Return one timed product of ``(m, n, k)``; inputs have the format of the weights."""
    m, n, k = shape
    element_bytes = ELEMENT_BYTES[dtype]
    moved = float(gemm_bytes(m, n * k * element_bytes, k, n, element_bytes))
    return KernelSample(float(gemm_flop(m, n * k)), moved, measured_s, peak, is_warm)


def read_gemm(shared: Path, facts: Mapping[str, Row]) -> KernelGroups:
    """Return the timed matrix products by family and format."""
    groups: KernelGroups = defaultdict(list)
    for row in rows(shared / "measurements/kernels_gemm.csv"):
        dtype = DTYPES.get(row["dtype"], row["dtype"])
        if (row["gpu"], dtype) in LEFT_OUT:
            continue
        sample = gemm_sample(
            (int(row["m"]), int(row["n"]), int(row["k"])),
            dtype,
            float(row["latency_us"]) * 1e-6,
            peak_of(facts[row["gpu"]], dtype),
            is_warm=row["l2_suspect"] == "1",
        )
        groups[GPUS[row["gpu"]][0], dtype].append(sample)
    for row in rows(shared / "measurements/kernels.csv"):
        in_engine = "LLMServingSim" in row["source"] or row["gpu"] == "a40-48gb"
        if in_engine and row["what"] == "gemm_tflops":
            sample = in_engine_sample(row, facts[row["gpu"]])
            groups[GPUS[row["gpu"]][0], "bf16"].append(sample)
    return groups


def in_engine_sample(row: Row, facts: Row) -> KernelSample:
    """Return a 16-bit product timed inside an engine: cold unless it beats the memory.

    Between two runs of one layer the other layers' weights pass through the cache.
    """
    m_count, n_count, k_count = (int(part) for part in row["size"].split("x"))
    shape = (m_count, n_count, k_count)
    measured_s = float(gemm_flop(m_count, n_count * k_count)) / (float(row["value"]) * 1e12)
    sample = gemm_sample(shape, "bf16", measured_s, peak_of(facts, "bf16"), is_warm=False)
    beats_memory = sample.moved_bytes / measured_s > sample.peak.memory_bytes_per_s
    return replace(sample, is_warm=beats_memory)


def read_attention(shared: Path, facts: Mapping[str, Row]) -> KernelGroups:
    """Return the timed attention of decode steps by family and cache format.

    Caches of half to twice the L2 are left out: whether they were warm cannot be said.
    """
    groups: KernelGroups = defaultdict(list)
    for row in rows(shared / "measurements/kernels_attention.csv"):
        dtype = DTYPES.get(row["kv_dtype"], row["kv_dtype"])
        batch, size, context = int(row["batch"]), int(row["head_dim"]), int(row["context_len"])
        elements = 2 * size * int(row["n_kv_heads"])
        kv_bytes = float(cache_bytes(batch, context, elements, ELEMENT_BYTES[dtype]))
        is_warm = row["l2_suspect"] == "1"
        if is_warm and kv_bytes > 0.5e6 * float(facts[row["gpu"]]["l2_mb"]):
            continue
        flop = float(attention_flop(batch, context, int(row["n_heads"]), 2 * size))
        measured_s = float(row["latency_us"]) * 1e-6
        peak = peak_of(facts[row["gpu"]], "bf16")
        sample = KernelSample(flop, kv_bytes, measured_s, peak, is_warm)
        groups[GPUS[row["gpu"]][0], dtype].append(sample)
    return groups


def read_all_reduce(shared: Path) -> dict[tuple[str, str, int], list[AllReduceSample]]:
    """Return the timed all-reduces by family, implementation and ranks; graph replay only."""
    groups: dict[tuple[str, str, int], list[AllReduceSample]] = defaultdict(list)
    low, high = MESSAGE_LIMITS_BYTES
    for row in rows(shared / "measurements/kernels_allreduce.csv"):
        message_bytes = int(row["bytes"])
        if row["impl"].endswith("eager") or not low <= message_bytes <= high:
            continue
        family = GPUS[row["gpu"]][0]
        key = (family, implementation(row["impl"], family), int(row["n_gpus"]))
        groups[key].append(AllReduceSample(message_bytes, float(row["latency_us"]) * 1e-6))
    return groups


def implementation(name: str, family: str) -> str:
    """Return ``custom`` or ``nccl``: over PCIe, TensorRT-LLM's times are those of NCCL."""
    is_nccl = "NCCL" in name or (name.endswith("TRTLLM") and family in PCIE_FAMILIES)
    return "nccl" if is_nccl else "custom"


def fit_gemms(groups: KernelGroups, attention: KernelFits) -> KernelFits:
    """Fit each group; a memory share that cannot be told comes from 16-bit kernels.

    First the family's 16-bit products, else its 16-bit attention: the memory is the same.
    """
    fits: KernelFits = {}
    for family, dtype in sorted(groups):  # "bf16" sorts before the formats that lean on it
        wide = fits.get((family, "bf16")) or attention.get((family, "bf16"))
        fallback_ratio = wide.memory_ratio if wide else None
        fits[family, dtype] = fit_gemm(groups[family, dtype], fallback_memory_ratio=fallback_ratio)
    return fits


def table_lines(fit: KernelFit | AllReduceFit) -> list[str]:
    """Return a fit as TOML; the ranks are in the table's name already."""
    values = {field.name: getattr(fit, field.name) for field in fields(fit)}
    return [
        f"{name} = {as_value(value)}" for name, value in values.items() if name != "ranks_count"
    ]


def as_value(value: object) -> str:
    """Return a number or truth value as TOML spells it, floats at three significant digits."""
    if isinstance(value, float):
        return repr(float(f"{value if value > NOISE else 0.0:.3g}"))
    return str(value).lower()


def as_toml(gemm: KernelFits, attention: KernelFits, all_reduce: AllReduceFits) -> str:
    """Return the whole file."""
    lines = ["[meta]", "fitted_on = ["]
    lines += [f'  "{source}",' for source in SOURCES]
    lines += ["]", f'command = "{COMMAND}"', f'date = "{DATE}"']
    for kind, fits in (("gemm", gemm), ("attention", attention)):
        for (family, dtype), fit in sorted(fits.items()):
            lines += ["", f"[{kind}.{family}.{dtype}]", *table_lines(fit)]
    for (family, name, ranks), reduce_fit in sorted(all_reduce.items()):
        lines += ["", f"[all_reduce.{family}.{name}.n{ranks}]", *table_lines(reduce_fit)]
    return "\n".join(lines) + "\n"


def print_kernels(kind: str, fits: KernelFits) -> None:
    """Print shares and errors; a tilde marks a share that the samples do not tell."""
    print(f"{kind:22} dtype  rows {'compute':>8} {'memory':>7} {'µs':>6} {'med':>6} p90")
    for (family, dtype), fit in sorted(fits.items()):
        compute = f"{'' if fit.compute_identified else '~'}{fit.compute_ratio:.3f}"
        memory = f"{'' if fit.memory_identified else '~'}{fit.memory_ratio:.3f}"
        print(
            f"{family:22} {dtype:6} {fit.rows_count:4} {compute:>8} {memory:>7} "
            f"{fit.overhead_s * 1e6:6.1f} {fit.median_abs_error_ratio:6.1%} "
            f"{fit.p90_abs_error_ratio:.1%}"
        )


def print_all_reduce(fits: AllReduceFits) -> None:
    """Print latency, bus bandwidth and errors."""
    print(f"{'all-reduce':22} {'impl':6} {'n':>2} {'rows':>4} {'µs':>6} {'GB/s':>6} {'med':>6} p90")
    for (family, name, ranks), fit in sorted(fits.items()):
        print(
            f"{family:22} {name:6} {ranks:2} {fit.rows_count:4} {fit.latency_s * 1e6:6.1f} "
            f"{fit.bus_bytes_per_s / 1e9:6.1f} {fit.median_abs_error_ratio:6.1%} "
            f"{fit.p90_abs_error_ratio:.1%}"
        )


def main() -> None:
    """Read, fit, print and, if asked, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("shared", type=Path, metavar="SHARED_DIR")
    parser.add_argument("--write", action="store_true", help=f"rewrite {TOML.name}")
    arguments = parser.parse_args()
    facts = read_facts(arguments.shared)
    groups = read_attention(arguments.shared, facts)
    attention = {key: fit_attention(samples) for key, samples in groups.items()}
    gemm = fit_gemms(read_gemm(arguments.shared, facts), attention)
    all_reduce = {
        key: fit_all_reduce(samples, ranks_count=key[2])
        for key, samples in read_all_reduce(arguments.shared).items()
    }
    print_kernels("gemm", gemm)
    print_kernels("attention", attention)
    print_all_reduce(all_reduce)
    if arguments.write:
        TOML.write_text(as_toml(gemm, attention, all_reduce), encoding="utf-8")
        print(f"wrote {TOML.name}")


if __name__ == "__main__":
    main()
