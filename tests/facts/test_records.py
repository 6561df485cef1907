"""Records of the shipped catalogue: schemas, numbers that must never slip, and names."""

from __future__ import annotations

import csv
import os
import re
import tomllib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from rightrig.facts.catalog import normalised
from rightrig.facts.failure_rate import FailureRate
from rightrig.facts.generation import Generation
from rightrig.facts.gpu import EccCost, Fabric, FmaRates, Gpu, PeakRates
from rightrig.facts.index import DATA
from rightrig.facts.link import Link
from rightrig.facts.part import Part
from rightrig.facts.power import PowerFact
from rightrig.facts.price import Price
from rightrig.facts.provider import Provider
from rightrig.facts.quantization import FORMATS, GGUF_MIXES, KV_BITS
from rightrig.facts.resale import Resale
from rightrig.facts.runtime import Runtime
from rightrig.facts.system import System
from rightrig.facts.terms import Licence
from rightrig.facts.territory import Territory
from rightrig.facts.unspecified import unspecified
from rightrig.quantities import GIB, MIB

if TYPE_CHECKING:
    from rightrig.facts.source import Record

SHARED: Final = Path(
    os.environ.get("RIGHTRIG_SHARED") or Path(__file__).parents[2] / ".." / "shared"
)
CLASSES: Final[dict[str, type[Record]]] = {
    "failure_rates": FailureRate, "generations": Generation, "gpus": Gpu, "licences": Licence,
    "links": Link,
    "parts": Part, "power": PowerFact, "providers": Provider, "resale": Resale,
    "runtimes": Runtime, "systems": System, "territories": Territory,
}  # fmt: skip
FILES: Final = tuple((kind, path) for kind in CLASSES for path in sorted((DATA / kind).glob("*")))
GPU_FILES: Final = tuple(path for kind, path in FILES if kind == "gpus")


@cache
def gpu(slug: str) -> Gpu:
    return Gpu.model_validate(tomllib.loads((DATA / "gpus" / f"{slug}.toml").read_text("utf-8")))


@cache
def gpus() -> tuple[Gpu, ...]:
    return tuple(gpu(path.stem) for path in GPU_FILES)


@cache
def names() -> dict[str, set[str]]:
    """Return normalised name → slugs of the cards that claim it."""
    found: dict[str, set[str]] = {}
    for card in gpus():
        for name in (card.slug, card.name, *card.aliases):
            found.setdefault(normalised(name), set()).add(card.slug)
    return found


@cache
def prices() -> tuple[Price, ...]:
    with (DATA / "prices" / "cloud.csv").open(encoding="utf-8", newline="") as file:
        rows = [{key: text for key, text in row.items() if text} for row in csv.DictReader(file)]
    return tuple(Price.model_validate(row) for row in rows)


def table(name: str) -> list[dict[str, str]]:
    """Return a table of ../shared, or skip the test where it is absent."""
    path = SHARED / name
    if not path.is_file():
        pytest.skip(f"{name} is not in {SHARED}: set RIGHTRIG_SHARED")
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize(("kind", "path"), FILES, ids=lambda part: getattr(part, "stem", part))
def test_a_record_matches_its_schema_and_is_named_after_its_file(kind: str, path: Path) -> None:
    record = CLASSES[kind].model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    assert path.suffix == ".toml"
    assert record.model_dump()["slug"] == path.stem
    assert record.model_dump()["sources"], "a record needs a source"


def test_the_catalogue_holds_every_row_of_the_fact_tables() -> None:
    count = {kind: sum(k == kind for k, _ in FILES) for kind in CLASSES}
    assert count == {
        "failure_rates": 10,
        "generations": 30,
        "gpus": 150,
        "licences": 34,
        "links": 49,
        "parts": 3,
        "power": 71,
        "providers": 10,
        "resale": 2,
        "runtimes": 23,
        "systems": 52,
        "territories": 2,
    }
    assert len(prices()) == 115


@pytest.mark.parametrize("path", [p for _, p in FILES], ids=lambda path: path.stem)
def test_a_record_names_no_private_place(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert re.search(r"/(?:work|tmp)/|pypi\.org|code-index|from_memory", text) is None


def field_names() -> set[str]:
    nested: dict[str, type[Record]] = {
        "peak": PeakRates, "fabric": Fabric, "fma_per_clock": FmaRates, "ecc_cost": EccCost,
    }  # fmt: skip
    dotted = {f"{name}.{inner}" for name, cls in nested.items() for inner in cls.model_fields}
    return set(Gpu.model_fields) | dotted


@pytest.mark.parametrize("path", GPU_FILES, ids=lambda path: path.stem)
def test_what_is_unverified_or_sourced_is_a_field_of_the_card(path: Path) -> None:
    card = gpu(path.stem)
    named = {*card.unverified, *(field for source in card.sources for field in source.fields)}
    assert named <= field_names()
    flagged = {f for s in card.sources if s.kind == "unverified" for f in s.fields}
    assert flagged == set(card.unverified)


@pytest.mark.parametrize(
    ("slug", "bytes_per_s", "topology", "max_cards"),
    [
        ("v100-sxm-16gb", 150e9, "mesh", 8),
        ("a100-sxm-80gb", 300e9, "switch", 8),
        ("h100-sxm", 450e9, "switch", 8),
        ("h200-sxm", 450e9, "switch", 8),
        ("b200-sxm", 900e9, "switch", 8),
        ("gb200", 900e9, "switch", 72),
        ("a100-pcie-80gb", 300e9, "bridge", 2),
        ("h100-nvl", 300e9, "bridge", 2),
        ("h200-nvl", 450e9, "bridge", 4),
        ("rtx-3090", 56.25e9, "bridge", 2),
    ],
)
def test_nvlink_is_stored_for_one_direction(
    slug: str, bytes_per_s: float, topology: str, max_cards: int
) -> None:
    fabric = gpu(slug).fabric
    assert fabric is not None
    assert fabric.kind == "nvlink"
    assert (fabric.bytes_per_s, fabric.topology) == (bytes_per_s, topology)
    assert fabric.max_cards == max_cards


def test_infinity_fabric_gives_one_peer_a_seventh() -> None:
    for slug, peer_bytes_per_s in (("mi300x", 64e9), ("mi325x", 64e9), ("mi355x", 76.5e9)):
        fabric = gpu(slug).fabric
        assert fabric is not None
        assert fabric.peer_bytes_per_s == peer_bytes_per_s
        assert fabric.bytes_per_s == pytest.approx(7 * peer_bytes_per_s)


@pytest.mark.parametrize(
    ("slug", "marketed_gib", "nvml_mib", "cuda_gib"),
    [
        ("h100-sxm", 80, 81_559, 79.19),
        ("a100-sxm-80gb", 80, 81_920, 81_251 / 1024),
        ("rtx-4090", 24, 24_564, 25_250_627_584 / GIB),
        ("rtx-3090", 24, 24_576, 23.58),
    ],
)
def test_a_card_has_three_sizes(
    slug: str, marketed_gib: float, nvml_mib: int, cuda_gib: float
) -> None:
    card = gpu(slug)
    assert card.memory_marketed_gib == marketed_gib
    assert card.memory_nvml_mib == nvml_mib
    assert card.memory_cuda_bytes == pytest.approx(cuda_gib * GIB, abs=2)
    assert card.memory_bytes.low == card.memory_bytes.high == card.memory_cuda_bytes


@pytest.mark.parametrize(
    ("slug", "nvml_mib"),
    [("h200-sxm", 143_771), ("b200-sxm", 183_359), ("gb200", 189_471), ("b300-sxm", 275_040),
     ("rtx-5090", 32_607), ("l40s", 46_068), ("a40", 46_068), ("l4", 23_034)],
)  # fmt: skip
def test_nvml_sizes_are_those_that_nvidia_smi_prints(slug: str, nvml_mib: int) -> None:
    assert gpu(slug).memory_nvml_mib == nvml_mib


@pytest.mark.parametrize("path", GPU_FILES, ids=lambda path: path.stem)
def test_each_size_is_below_the_one_that_sells_better(path: Path) -> None:
    card = gpu(path.stem)
    marketed_bytes = card.memory_marketed_gib * GIB
    nvml_bytes = card.memory_nvml_mib * MIB if card.memory_nvml_mib else marketed_bytes
    assert 0.93 * marketed_bytes <= nvml_bytes <= marketed_bytes
    if card.memory_cuda_bytes is not None:
        assert 0.3 * GIB <= nvml_bytes - card.memory_cuda_bytes <= 0.7 * GIB


def test_no_rate_is_sparse() -> None:
    """A sparse figure is twice the dense one and would break the ladder of formats."""
    for card in gpus():
        peak = card.peak
        # Apple, Gaudi 3 and TPU have no doubled or no FP16 rate: the fastest 16 bits count.
        sixteen = (
            peak.fp16_fp16_accumulate_flop_per_s,
            peak.bf16_flop_per_s,
            peak.fp16_flop_per_s,
        )
        dense = max(rate or 0.0 for rate in sixteen) or peak.fp32_flop_per_s or 0.0
        fp8 = peak.fp8_fp16_accumulate_flop_per_s or peak.fp8_flop_per_s or 0.0
        # Blackwell Ultra raised FP4 alone; Pascal has no 16 bits worth using, and DP4A.
        fp4_ratio = 6.3 if card.architecture == "Blackwell Ultra" else 4.25
        int8_ratio = 4.05 if card.architecture == "Pascal" else 2.05
        assert dense > 0.0, card.slug
        assert (peak.tf32_flop_per_s or 0.0) <= 0.51 * dense, card.slug
        assert fp8 <= 2.05 * dense, card.slug
        assert (peak.int8_flop_per_s or 0.0) <= int8_ratio * dense, card.slug
        assert (peak.int4_flop_per_s or 0.0) <= 4.1 * dense, card.slug
        assert (peak.fp4_flop_per_s or 0.0) <= fp4_ratio * dense, card.slug


@pytest.mark.parametrize("path", GPU_FILES, ids=lambda path: path.stem)
def test_the_bare_rate_of_geforce_accumulates_in_fp32(path: Path) -> None:
    card = gpu(path.stem)
    peak = card.peak
    if not card.name.startswith("GeForce") or card.architecture == "Pascal":
        assert peak.fp16_fp16_accumulate_flop_per_s is None
        return
    has_bf16 = card.architecture != "Turing"
    assert peak.bf16_flop_per_s == (peak.fp16_flop_per_s if has_bf16 else None)
    assert peak.fp16_fp16_accumulate_flop_per_s == pytest.approx(
        2 * (peak.fp16_flop_per_s or 0), rel=0.003
    )
    assert card.pcie is not None
    assert not card.pcie.peer_to_peer, "the GeForce driver gives no peer-to-peer over PCIe"


@pytest.mark.parametrize(
    ("slug", "tier"),
    [("h100-sxm", "data-centre"), ("l4", "data-centre"), ("a40", "professional"),
     ("l40s", "professional"), ("rtx-4090", "consumer"), ("rtx-3090", "consumer"),
     ("tpu-v5e", "cloud"), ("orin-agx-64gb", "embedded")],
)  # fmt: skip
def test_cards_stand_in_their_makers_tier(slug: str, tier: str) -> None:
    assert gpu(slug).tier == tier


@pytest.mark.parametrize(
    ("slug", "cus_count", "flop_per_s"), [("mi250x", 110, 191.5e12), ("mi250", 104, 181.05e12)]
)
def test_an_mi250_is_one_of_its_two_dies(slug: str, cus_count: int, flop_per_s: float) -> None:
    card = gpu(slug)
    assert (card.sm_count, card.memory_marketed_gib) == (cus_count, 64)
    assert card.memory_bandwidth_bytes_per_s == pytest.approx(1638e9, rel=0.001)
    assert card.peak.fp16_flop_per_s == flop_per_s


def test_every_card_of_the_fact_table_resolves_to_its_bandwidth() -> None:
    for row in table("facts/gpus.csv"):
        slugs = names()[normalised(row["slug"])]
        assert len(slugs) == 1, row["slug"]
        card = gpu(next(iter(slugs)))
        dies_count = 2 if card.slug == "mi250x" else 1
        expected = float(row["mem_bw_gbps"]) * 1e9 / dies_count
        assert card.memory_bandwidth_bytes_per_s == pytest.approx(expected, rel=0.01)


@pytest.mark.parametrize(
    "name",
    ["facts/prices_cloud.csv"]
    + [
        f"measurements/{stem}.csv"
        for stem in ("inference", "serving", "training", "kv_capacity", "kernels",
                     "kernels_gemm", "kernels_attention", "kernels_allreduce")
    ],
)  # fmt: skip
def test_names_of_the_shared_tables_are_known(name: str) -> None:
    spelled = {row["gpu"] for row in table(name)}
    # "a100-80gb (assumed)" is a remark on a name that has a record.
    plain = {re.sub(r" \((?:8-GPU NVSwitch, inferred|assumed)\)", "", text) for text in spelled}
    without = {normalised(text) for kind, text in unspecified() if kind == "gpus"}
    unknown = {text for text in plain if normalised(text) not in {*names(), *without}}
    assert plain
    assert not unknown


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("NVIDIA H100 80GB HBM3", "h100-sxm"),
        ("H100 SXM5", "h100-sxm"),
        ("h100_sxm", "h100-sxm"),
        ("NVIDIA A100-SXM4-80GB", "a100-sxm-80gb"),
        ("NVIDIA GeForce RTX 4090", "rtx-4090"),
        ("rtx4090", "rtx-4090"),
        ("4090", "rtx-4090"),
        ("rtx-4090-24gb", "rtx-4090"),
        ("NVIDIA L40S", "l40s"),
        ("Tesla T4", "t4"),
        ("GH200", "gh200-96gb"),
        ("rtx-3080", "rtx-3080-10gb"),
        ("H20", "h20-96gb"),
        ("b60", "arc-pro-b60"),
        ("mi250-128gb", "mi250"),
        ("m1-7c-8gb", "m1-7-core"),
    ],
)
def test_names_from_drivers_clouds_and_people_resolve(name: str, slug: str) -> None:
    assert names()[normalised(name)] == {slug}


@pytest.mark.parametrize(
    ("name", "count"), [("H100", 3), ("A100", 4), ("A100-80GB", 2), ("V100", 2), ("H200", 2)]
)
def test_a_bare_family_name_has_several_candidates(name: str, count: int) -> None:
    assert len(names()[normalised(name)]) == count


def test_systems_and_prices_name_cards_of_the_catalogue() -> None:
    slugs = {card.slug for card in gpus()}
    for kind, path in FILES:
        if kind == "systems":
            assert tomllib.loads(path.read_text(encoding="utf-8"))["gpu"] in slugs
    assert {price.gpu for price in prices()} <= slugs


def test_every_price_has_a_date_a_source_and_a_plausible_amount() -> None:
    for price in prices():
        assert price.source
        assert re.search(r"20\d\d|undated", price.date)
        assert price.trust in {"list", "snapshot", "undated", "low"}
        assert price.max_gpu_count >= price.gpu_count
        if price.per_gpu_usd_per_hour is not None:
            assert 0.1 < price.per_gpu_usd_per_hour < 15


def test_a_superseded_price_is_a_note_and_no_offer() -> None:
    rows = [price for price in prices() if price.instance == "p5.48xlarge"]
    offers = {p.on_demand_usd_per_hour for p in rows if p.provider == "aws"}
    assert offers == {55.04, None}
    assert any("uperseded" in p.note for p in rows if p.on_demand_usd_per_hour is None)


def test_cards_without_peer_to_peer_are_offered_in_pods_of_eight() -> None:
    pods = [price for price in prices() if price.provider == "runpod"]
    assert {price.max_gpu_count for price in pods} == {8}
    assert all(price.trust in {"low", "snapshot"} for price in pods)


@pytest.mark.parametrize("path", [p for k, p in FILES if k == "power"], ids=lambda path: path.stem)
def test_figures_about_power_are_plausible(path: Path) -> None:
    fact = PowerFact.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    low, high = {
        "electricity": (0.05, 0.45), "pue": (1.0, 1.6), "server-overhead": (6_000, 15_000),
        "depreciation": (3, 6), "gpu-power": (20, 700), "transient": (100, 1_000),
    }[fact.category]  # fmt: skip
    assert low <= fact.low <= fact.high <= high


@pytest.mark.parametrize(
    "path", [p for k, p in FILES if k == "runtimes"], ids=lambda path: path.name
)
def test_a_runtime_speaks_of_formats_that_rightrig_knows(path: Path) -> None:
    runtime = Runtime.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    by_vendor = {name for known in runtime.vendor_weight_formats.values() for name in known}
    assert {*runtime.weight_formats, *by_vendor} <= {*FORMATS, *GGUF_MIXES}
    assert set(runtime.native_formats) <= set(runtime.weight_formats)
    assert set(runtime.kv_formats) <= set(KV_BITS)
    assert set(runtime.vendor_weight_formats) <= {
        *runtime.vendors,
        *(g.architecture for g in gpus()),
    }
    assert runtime.statements
    assert all(statement.source for statement in runtime.statements)


def test_runtimes_divide_memory_by_three_different_rules() -> None:
    def runtime(slug: str) -> Runtime:
        path = DATA / "runtimes" / f"{slug}.toml"
        return Runtime.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))

    vllm = runtime("vllm")
    assert (vllm.memory_rule, vllm.default_memory_ratio) == ("of-total", 0.92)
    assert (vllm.min_compute_capability, vllm.weight_formats["fp8"]) == ("7.5", "7.5")
    assert vllm.native_formats["fp8"] == "8.9"
    assert runtime("sglang").memory_rule == "static-share"
    assert runtime("tensorrt-llm").memory_rule == "of-free"
    assert runtime("lmdeploy").default_memory_ratio == 0.8
    assert set(GGUF_MIXES) <= set(runtime("llama.cpp").weight_formats)
    assert [slug for slug in ("vllm", "sglang", "llama.cpp") if runtime(slug).modelled] == [
        "vllm",
        "llama.cpp",
    ]
