"""Worked examples: numbers of ../shared/design/worked_examples.csv, recomputed by the library.

An example begins with its row's id. ``ELSEWHERE`` says which file carries a row that takes more
than a number. Rows that the library has no function for:

- W059, W060: tiles and waves of one matrix product; fitted shares stand for them.
- W072, W073: NCCL's own tuner; fitted all-reduces stand for it.
- W078, W089, W090: interleaved pipelines, disaggregated serving.
- W081 to W086: queues (simulation).
- W093: flop of a published run by a rounded count of its parameters; here matrices are.
"""

from __future__ import annotations

import csv
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from rightrig.costs.break_even import break_even_months_count
from rightrig.costs.money import energy_usd_per_month, owned_cost_usd_per_token
from rightrig.costs.ownership import capital_recovery_per_year, present_value_usd
from rightrig.costs.spot import useful_usd_per_hour
from rightrig.deployment.deployment import Companions
from rightrig.deployment.rig import parse_rig
from rightrig.deployment.training import Batch, TrainingJob
from rightrig.facts.catalog import shipped
from rightrig.facts.llm import Attention, Block, Ffn
from rightrig.facts.mig import least_compute_ratio
from rightrig.facts.quantization import GGML_BITS, weight_format
from rightrig.planning.costing.renting import Interruptions
from rightrig.planning.tenancy.mig_layouts import maximal_layouts, multisets
from rightrig.prediction.gradient_sync import exposed_s, training_state_bytes
from rightrig.prediction.network import ring_all_reduce_s, tensor_parallel_decode_s
from rightrig.prediction.power import energy_per_token_j
from rightrig.prediction.roofline import (
    achieved_bandwidth_ratio,
    decode_bound_tokens_per_s,
    ridge_tokens_count,
    tensor_peak_flop_per_s,
)
from rightrig.prediction.training.time import training_time
from rightrig.quantities import GIB, MIB
from rightrig.reliability.checkpoint import (
    Saving,
    availability_period_s,
    daly_s,
    first_order_waste_ratio,
    young_s,
)
from rightrig.reliability.failures import fleet_of
from rightrig.reliability.rates import YEAR_S, rate_of, stated_rate
from rightrig.work import kv_cache
from rightrig.work.companions import adapter_bytes
from rightrig.work.operators import (
    Step,
    all_reduce_message_bytes,
    distinct_experts_count,
    experts_load_ratio,
    speculated_tokens_count,
)
from rightrig.work.step import prefill_flop, step_operators
from rightrig.work.stored import Stored
from rightrig.work.training_activations import Kept, Share, layer_activation_bytes
from rightrig.work.weights import (
    active_params_count,
    attention_params,
    class_bits,
    params_by_class,
    total_params_count,
    weight_bytes,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from rightrig.deployment.training import Sharing
    from rightrig.facts.failure_rate import FailingPart
    from rightrig.facts.gpu import Gpu
    from rightrig.facts.llm import Llm

SHARED: Final = Path(
    os.environ.get("RIGHTRIG_SHARED") or Path(__file__).parents[1] / ".." / "shared"
)


@dataclass(frozen=True, slots=True)
class Example:
    """One row: its id and subject, what the table expects, and how the library gets there."""

    name: str
    expected: float | str
    found: Callable[[], float | str]

    @property
    def row_id(self) -> str:
        return self.name.partition(" ")[0]


def llm(name: str) -> Llm:
    return shipped().llm(name)


def gpu(name: str) -> Gpu:
    return shipped().gpu(name)


def bandwidth(name: str) -> float:
    return gpu(name).memory_bandwidth_bytes_per_s


def total(name: str) -> Callable[[], float]:
    return lambda: total_params_count(llm(name))


def active(name: str) -> Callable[[], float]:
    return lambda: active_params_count(llm(name))


def kv_token_bytes(name: str, ranks: int = 1) -> float:
    return kv_cache.kv_bytes_per_token(llm(name).block_counts, 16.0, ranks)


def kv_sequence_bytes(name: str, tokens: int) -> float:
    return kv_cache.sequence_kv_bytes(llm(name).block_counts, tokens, 16.0)


def state_bytes_of(name: str) -> float:
    return kv_cache.recurrent_state_bytes(llm(name).block_counts)


def bits(name: str) -> Callable[[], float]:
    return lambda: weight_format(name).bits_per_weight


def gemma_style_bytes() -> float:
    """One sequence of 32,768 tokens; 8 layers see all of it, 40 the last 1,024."""

    def block(kind: str, window: int | None) -> Block:
        attention = {"head_count": 16, "kv_head_count": 8, "head_dim": 256}
        return Block(
            attention=Attention.model_validate(
                {**attention, "kind": kind, "window_tokens": window}
            ),
            ffn=Ffn(inner_size=8192),
            norm_params=0,
        )

    blocks = ((block("full", None), 8), (block("sliding", 1024), 40))
    return kv_cache.sequence_kv_bytes(blocks, 32768, 16.0)


def norms(name: str) -> int:
    """Norms count among the multiplied parameters of F1.4; a step multiplies matrices only."""
    return params_by_class(llm(name))["norm"]


def decode_flop(name: str, context: int) -> float:
    model = llm(name)
    stored = Stored(class_bits(model, "bf16"), 16.0)
    operators = step_operators(model, stored, Step(1.0, float(context)))
    return sum(float(operator.flop) for operator in operators) + 2.0 * norms(name)


def kv_room_bytes() -> float:
    """Return what an H100 keeps for the cache of Llama-2-7B, with 1.5 GB for the rest."""
    total_bytes = (gpu("h100-sxm").memory_nvml_mib or 0) * MIB
    return 0.92 * total_bytes - weight_bytes(llm("llama-2-7b"), "fp16") - 1.5e9


def kv_capacity_tokens() -> float:
    """Return the tokens of whole pages in that room."""
    blocks = llm("llama-2-7b").block_counts
    page_bytes = kv_cache.paged_sequence_kv_bytes(blocks, 1, 16.0, 1, 8192)
    return kv_room_bytes() // page_bytes * kv_cache.BLOCK_TOKENS


def adapter_params(name: str, rank: int) -> float:
    """Return the parameters of one adapter: one slot of two, at two bytes each."""
    model = llm(name)
    slots = Companions(lora_count=1, lora_rank=rank)
    return adapter_bytes(model.hidden_size, model.block_counts, slots, 1) / 2 / 2


def compute_ratio(name: str, profile: str) -> float:
    table = shipped().mig_table(name)
    assert table is not None
    return least_compute_ratio(shipped().gpu(name), table, table.profile(profile))


def distinct(name: str, tokens: int) -> float:
    ffn = llm(name).ffns[-1]
    return float(distinct_experts_count(ffn.expert_count, ffn.experts_per_token, tokens))


def speculated_speedup(draft_cost_ratio: float) -> float:
    """F9.4 with four drafted tokens, of which 0.8 are accepted, each at a share of a step."""
    return float(speculated_tokens_count(0.8, 4)) / (4 * draft_cost_ratio + 1.0)


def ring_ms(ranks: int, link_bytes_per_s: float) -> float:
    return 1e3 * ring_all_reduce_s(134217728.0, ranks, 0.0, link_bytes_per_s)


def tensor_parallel_ms(ranks: int, all_reduce_s: float) -> float:
    model = llm("llama-2-70b")
    return 1e3 * tensor_parallel_decode_s(
        total_params_count(model) * weight_format("fp8").bits_per_weight / 8.0 / ranks,
        0.8 * bandwidth("h100-sxm"),
        2 * model.layer_count,
        all_reduce_s,
    )


def peak_tflop_per_s(name: str, fma_per_clock: int) -> float:
    card = gpu(name)
    return 1e-12 * tensor_peak_flop_per_s(card.sm_count or 0, fma_per_clock, card.boost_hz or 0.0)


def usd_per_million(usd: float, tokens_per_s: float) -> Callable[[], float]:
    return lambda: 1e6 * owned_cost_usd_per_token(usd, tokens_per_s, 3.0)


def states_gb(params_count: float, ranks: int, sharing: Sharing) -> Callable[[], float]:
    return lambda: training_state_bytes(params_count, 16.0, ranks, sharing) / 1e9


def gradients_s(params_count: float) -> float:
    """Return what a step waits for two cards' gradients at 0.8 × 300 GB/s, without overlap."""
    return exposed_s(ring_all_reduce_s(2.0 * params_count, 2, 0.0, 0.8 * 300e9), 1.0, 0.0)


def layouts_text(name: str) -> str:
    """Return the full layouts of the five classic profiles, with places told apart and not."""
    table = shipped().mig_table(name)
    assert table is not None
    classic = [p for p in table.profiles if p.profile in CLASSIC]
    found = maximal_layouts(table, classic)
    return f"{len(found)} / {len(multisets(found))}"


def gpt_layer_bytes(share: Share, *, is_selective: bool = False) -> Callable[[], float]:
    """Return what a layer of Korthikanti et al. keeps, scores stored and dropout on."""
    attention = Attention(kind="full", head_count=96, kv_head_count=96, head_dim=128)
    ffn = Ffn(inner_size=4 * 12_288, gated=False)
    gpt = Block(attention=attention, ffn=ffn, norm_params=4 * 12_288)
    kept = Kept(has_flash_attention=False, has_dropout=True, is_selective=is_selective)
    return lambda: layer_activation_bytes(gpt, 12_288, share, kept)


def trained_tokens_per_s(gpu_name: str, llm_name: str) -> float:
    """Return the speed at half of the peak, with 6 flop a parameter, by a run's own MFU."""
    trained = llm(llm_name)
    run = training_time(
        TrainingJob(trained, parse_rig(f"1x{gpu_name}", shipped()), "full", Batch(2048))
    )
    at_peak_per_s = run.tokens_per_s.mid * run.model_flop_per_token / run.mfu_ratio.mid
    return 0.5 * at_peak_per_s / (6.0 * total_params_count(trained))


def mtbf_hours(preset: str, gpus_count: int) -> float:
    record = shipped().failure_rate(preset)
    fleet = fleet_of(rate_of(record), gpus_count, record.gpus_per_device_count or 1)
    return fleet.mtbf_s.mid / 3600.0


def years_of_one(preset: str, *parts: FailingPart) -> float:
    return 1.0 / rate_of(shipped().failure_rate(preset), *parts).events_per_year.mid


MTBF_S: Final = 3.093078759 * 3600.0
ELSEWHERE: Final = {
    "W077": "prediction/training/test_time.py",
    "W092": "work/test_training_step.py",
    "W094": "prediction/training/test_time.py",
}
"""Row → the test file that carries it, because it takes a whole job or a band, not one number."""
CLASSIC: Final = ("1g.10gb", "2g.20gb", "3g.40gb", "4g.40gb", "7g.80gb")
EXAMPLES: Final = (
    # F1: parameters.
    Example("W001 Llama-2-7B parameters", 6738415616, total("llama-2-7b")),
    Example("W002 Llama-2-13B parameters", 13015864320, total("llama-2-13b")),
    Example("W003 Llama-2-70B parameters", 68976648192, total("llama-2-70b")),
    Example("W004 Llama-3-8B parameters", 8030261248, total("llama-3-8b")),
    Example("W005 Llama-3.1-70B parameters", 70553706496, total("llama-3.1-70b")),
    Example("W006 Llama-3.1-405B parameters", 405853388800, total("llama-3.1-405b")),
    Example("W007 Mistral-7B parameters", 7241732096, total("mistral-7b-v0.1")),
    Example("W008 Mixtral-8x7B parameters", 46702792704, total("mixtral-8x7b-v0.1")),
    Example("W009 Mixtral-8x7B active", 12879925248, active("mixtral-8x7b-v0.1")),
    Example("W010 Qwen3-235B parameters", 235093634560, total("qwen3-235b-a22b")),
    Example("W011 Qwen3-235B active", 22190763520, active("qwen3-235b-a22b")),
    Example(
        "W012 DeepSeek-V3 attention of a layer",
        187107328,
        lambda: attention_params(llm("deepseek-v3").attentions[0], 7168),
    ),
    Example(
        "W048 parameters of a LoRA adapter", 39976960, lambda: adapter_params("llama-2-7b", 16)
    ),
    Example(
        "W119 H100's 1g.10gb has 16 of 132 SMs",
        0.1212121212,
        lambda: compute_ratio("h100-sxm", "1g.10gb"),
    ),
    Example("W013 DeepSeek-V3 parameters", 671026419200, total("deepseek-v3")),
    Example("W014 DeepSeek-V3 active", 37552297472, active("deepseek-v3")),
    # F2: KV cache.
    Example("W015 Llama-2-7B KV of a token", 524288, lambda: kv_token_bytes("llama-2-7b")),
    Example(
        "W016 Llama-2-7B KV of 4096 tokens",
        2147483648,
        lambda: kv_sequence_bytes("llama-2-7b", 4096),
    ),
    Example(
        "W017 Llama-2-7B KV of 32 x 4096 tokens",
        68719476736,
        lambda: 32 * kv_sequence_bytes("llama-2-7b", 4096),
    ),
    Example(
        "W018 Llama-2-70B KV of 4096 tokens",
        1342177280,
        lambda: kv_sequence_bytes("llama-2-70b", 4096),
    ),
    Example("W019 Qwen3-235B KV of a token", 192512, lambda: kv_token_bytes("qwen3-235b-a22b")),
    Example("W020 DeepSeek-V3 KV of a token", 70272, lambda: kv_token_bytes("deepseek-v3")),
    Example("W021 KV of windows and 32768 tokens", 2483027968, gemma_style_bytes),
    Example("W022 state of 45 delta nets", 192061440, lambda: state_bytes_of("qwen3.5-397b-a17b")),
    Example("W023 Llama-2-70B KV at tp16", 40960, lambda: kv_token_bytes("llama-2-70b", 16)),
    # F3: formats.
    Example("W024 nf4 bits", 4.5, bits("nf4-single")),
    Example("W025 nf4 bits, double quantisation", 4.126953125, bits("nf4")),
    Example("W026 awq bits", 4.15625, bits("awq")),
    Example("W027 mxfp4 bits", 4.25, bits("mxfp4")),
    Example("W028 nvfp4 bits", 4.5, bits("nvfp4")),
    Example("W029 q4_0 bits", 4.5, lambda: GGML_BITS["Q4_0"]),
    Example("W030 q4_k bits", 4.5, lambda: GGML_BITS["Q4_K"]),
    Example("W031 q6_k bits", 6.5625, lambda: GGML_BITS["Q6_K"]),
    Example("W032 q8_0 bits", 8.5, lambda: GGML_BITS["Q8_0"]),
    Example("W033 iq2_xxs bits", 2.0625, lambda: GGML_BITS["IQ2_XXS"]),
    Example("W034 fp8 in blocks bits", 8.001953125, bits("fp8-block")),
    Example("W035 Llama-2-70B AWQ", 36613668860.0, lambda: weight_bytes(llm("llama-2-70b"), "awq")),
    Example(
        "W036 Llama-3.1-70B NF4", 39517110270.0, lambda: weight_bytes(llm("llama-3.1-70b"), "nf4")
    ),
    Example(
        "W037 bits a weight of a Llama-3-70B file of 39.60 GiB",
        4.821311689,
        lambda: 39.60 * GIB * 8 / total_params_count(llm("llama-3-70b")),
    ),
    # F4: states of training.
    Example("W043 every card has all states", 120.0, states_gb(7.5e9, 64, "none")),
    Example("W044 optimizer shared", 31.40625, states_gb(7.5e9, 64, "zero-1")),
    Example("W045 gradients shared too", 16.640625, states_gb(7.5e9, 64, "zero-2")),
    Example("W046 weights shared too", 1.875, states_gb(7.5e9, 64, "zero-3")),
    Example("W047 states of Llama-2-70B", 1103.626371, states_gb(68_976_648_192, 1, "none")),
    Example("W038 a GPT layer", 11475615740.0, gpt_layer_bytes(Share(4 * 2048, 2048))),
    Example(
        "W039 the same on eight cards",
        2315255808.0,
        gpt_layer_bytes(Share(4 * 2048, 2048, 8, has_sequence_parallel=False)),
    ),
    Example("W040 and by tokens", 1434451968.0, gpt_layer_bytes(Share(4 * 2048, 2048, 8))),
    Example(
        "W041 and scores again",
        427819008.0,
        gpt_layer_bytes(Share(4 * 2048, 2048, 8), is_selective=True),
    ),
    Example(
        "W042 a layer of Llama-2-7B",
        629669888,
        lambda: layer_activation_bytes(
            llm("llama-2-7b").blocks[0], 4096, Share(4096, 4096), Kept()
        ),
    ),
    # F5: work and rooflines.
    Example(
        "W049 Llama-2-7B flop of a token", 15362170880.0, lambda: decode_flop("llama-2-7b", 4096)
    ),
    Example(
        "W050 Llama-2-7B prefill of 4096 tokens",
        57451925730000.0,
        lambda: prefill_flop(llm("llama-2-7b"), 4096.0) + 2.0 * 4096 * norms("llama-2-7b"),
    ),
    Example(
        "W051 Llama-2-7B on H100",
        248.5747534,
        lambda: decode_bound_tokens_per_s(
            weight_bytes(llm("llama-2-7b"), "fp16"), bandwidth("h100-sxm")
        ),
    ),
    Example(
        "W052 70B in 35 GB on H100",
        95.71428571,
        lambda: decode_bound_tokens_per_s(35e9, bandwidth("h100-sxm")),
    ),
    Example(
        "W053 Llama-2-7B on RTX 4090",
        74.79503027,
        lambda: decode_bound_tokens_per_s(
            weight_bytes(llm("llama-2-7b"), "fp16"), bandwidth("rtx-4090")
        ),
    ),
    Example(
        "W054 bandwidth used on RTX 4090",
        0.8126208356,
        lambda: achieved_bandwidth_ratio(
            60.78, weight_bytes(llm("llama-2-7b"), "fp16"), bandwidth("rtx-4090")
        ),
    ),
    Example(
        "W055 bandwidth used on A100 PCIe",
        0.514209018,
        lambda: achieved_bandwidth_ratio(
            73.83, weight_bytes(llm("llama-2-7b"), "fp16"), bandwidth("a100-pcie-80gb")
        ),
    ),
    Example(
        "W056 bandwidth used on H100 PCIe",
        0.5053327524,
        lambda: achieved_bandwidth_ratio(25.88, 36.37 * GIB, bandwidth("h100-pcie")),
    ),
    Example(
        "W057 bandwidth used on two H100",
        0.5667593143,
        lambda: achieved_bandwidth_ratio(1 / 18.58e-3, 35.2768e9, bandwidth("h100-sxm")),
    ),
    Example(
        "W058 ridge of H100",
        295.3432836,
        lambda: ridge_tokens_count(
            gpu("h100-sxm").peak.bf16_flop_per_s or 0.0, bandwidth("h100-sxm"), 2.0
        ),
    ),
    Example("W061 H100 peak", 989.42976, lambda: peak_tflop_per_s("h100-sxm", 2048)),
    Example("W062 RTX 4090 peak, FP16 sums", 330.30144, lambda: peak_tflop_per_s("rtx-4090", 512)),
    Example("W063 RTX 4090 peak", 165.15072, lambda: peak_tflop_per_s("rtx-4090", 256)),
    Example("W064 A100 peak", 311.86944, lambda: peak_tflop_per_s("a100-sxm-80gb", 1024)),
    # F6: experts; F7: what cards send.
    Example("W065 experts of a token", 8.0, lambda: distinct("qwen3-235b-a22b", 1)),
    Example("W066 experts of 32 tokens", 111.7710353, lambda: distinct("qwen3-235b-a22b", 32)),
    Example("W067 experts of 64 tokens", 222.4424877, lambda: distinct("deepseek-v3", 64)),
    Example(
        "W068 tokens of the fullest expert",
        165.6771207,
        lambda: 4096 * 8 / 256 * float(experts_load_ratio(4096.0 * 8, 256)),
    ),
    Example("W069 all-reduce between 2", 0.2982616178, lambda: ring_ms(2, 450e9)),
    Example("W070 all-reduce among 8", 0.5219578311, lambda: ring_ms(8, 450e9)),
    Example("W071 all-reduce over PCIe", 5.36870912, lambda: ring_ms(2, 25e9)),
    Example(
        "W074 all-reduce of a 70B",
        16384,
        lambda: float(all_reduce_message_bytes(1, llm("llama-2-70b").hidden_size)),
    ),
    Example("W075 step of a 70B at tp4", 7.394388824, lambda: tensor_parallel_ms(4, 6e-6)),
    Example("W076 step of a 70B at tp2", 13.66877765, lambda: tensor_parallel_ms(2, 5e-6)),
    Example(
        "W087 tokens of a verified step", 3.3616, lambda: float(speculated_tokens_count(0.8, 4))
    ),
    Example("W088 speed-up of speculation", 2.801333333, lambda: speculated_speedup(0.05)),
    Example("W095 gradients of Llama-2-70B", 0.5748054016, lambda: gradients_s(68_976_648_192)),
    Example(
        "W091 training at half of an A100's peak",
        3858.473784,
        lambda: trained_tokens_per_s("a100-sxm-80gb", "llama-2-7b"),
    ),
    # F11: failures, saves, bit errors.
    Example("W096 hours between interruptions", 3.093078759, lambda: mtbf_hours("llama-3", 16_384)),
    Example("W097 GPU-years of one", 5.781086286, lambda: years_of_one("llama-3")),
    Example(
        "W098 GPU-years observed",
        2422.275154,
        lambda: shipped().failure_rate("llama-3").exposure_s / YEAR_S,
    ),
    Example(
        "W099 GPU-years of one of HBM3", 33.64271047, lambda: years_of_one("llama-3", "memory")
    ),
    Example(
        "W100 hours between node failures", 1.802884615, lambda: mtbf_hours("meta-rsc-1", 16_384)
    ),
    Example("W101 Young", 1155.945511, lambda: young_s(60.0, MTBF_S)),
    Example("W102 Daly", 1116.291548, lambda: daly_s(60.0, MTBF_S)),
    Example(
        "W103 most availability", 1248.196122, lambda: availability_period_s(60.0, MTBF_S, 600.0)
    ),
    Example(
        "W104 first-order waste",
        0.1576948665,
        lambda: first_order_waste_ratio(young_s(60.0, MTBF_S), Saving(MTBF_S, 60.0, 600.0)),
    ),
    Example(
        "W105 errors of a thousand cards in a quarter",
        20000.0,
        lambda: stated_rate(1.0, "gigabyte").expected_count(1000 * 80.0, 0.25 * YEAR_S).mid,
    ),
    Example(
        "W106 errors a gigabyte and year", 0.5837484433, lambda: 1.0 / years_of_one("titan-sbe")
    ),
    Example("W107 GPU-years of a double-bit error", 358.1546886, lambda: years_of_one("titan-dbe")),
    # F8: capacity; F12: money; F13: energy.
    Example("W079 KV tokens of an H100", 121488, kv_capacity_tokens),
    Example(
        "W080 sequences of 4096",
        29.66370152,
        lambda: kv_room_bytes() / kv_sequence_bytes("llama-2-7b", 4096),
    ),
    Example("W108 H100 at 95 tokens/s", 3.50142861, usd_per_million(31470.0, 95.0)),
    Example("W109 RTX 4090 at 42 tokens/s", 0.6379708149, usd_per_million(2535.0, 42.0)),
    Example("W110 H100 at 2800 tokens/s", 0.1187984707, usd_per_million(31470.0, 2800.0)),
    Example("W111 RTX 4090 at 320 tokens/s", 0.08373366946, usd_per_million(2535.0, 320.0)),
    Example(
        "W114 electricity of a year",
        2459.808,
        lambda: 12 * energy_usd_per_month(2340.0, 1.0, 0.12),
    ),
    Example(
        "W115 months until a card has paid",
        3.604902668,
        lambda: break_even_months_count(800.0, 0.34 * 730.0, 0.45 * 0.08 * 730.0),
    ),
    Example(
        "W112 three years of an H100 in money of today",
        24119.73053,
        lambda: present_value_usd(30_000.0, 490.56, 9_000.0, 0.08, 3.0),
    ),
    Example("W113 capital recovery", 0.388033514, lambda: capital_recovery_per_year(0.08, 3.0)),
    Example(
        "W116 a spot hour of work",
        1.153651408,
        lambda: useful_usd_per_hour(1.0, Interruptions(None, 21_600.0, 120.0, 600.0).waste_ratio),
    ),
    Example("W118 full layouts of an A100", "19 / 14", lambda: layouts_text("a100-sxm-80gb")),
    Example("W117 energy of a token", 0.12, lambda: energy_per_token_j(300.0, 2500.0)),
)


def rows_of_table() -> dict[str, str]:
    """Return row id → expected value of the shared table, as it is written there."""
    path = SHARED / "design" / "worked_examples.csv"
    if not path.is_file():
        pytest.skip(f"{path} is not here: set RIGHTRIG_SHARED to the folder that holds design/")
    with path.open(encoding="utf-8", newline="") as file:
        return {row["id"]: row["expected"] for row in csv.DictReader(file)}


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_the_library_finds_what_the_table_expects(example: Example) -> None:
    if isinstance(example.expected, int | str):
        assert example.found() == example.expected
    else:
        assert example.found() == pytest.approx(example.expected, rel=1e-9)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.row_id)
def test_an_example_stands_in_the_shared_table(example: Example) -> None:
    stands = rows_of_table()[example.row_id]
    assert (stands if isinstance(example.expected, str) else float(stands)) == example.expected


@pytest.mark.parametrize(("row", "file"), ELSEWHERE.items())
def test_a_row_that_is_carried_elsewhere_is_named_there(row: str, file: str) -> None:
    text = (Path(__file__).parent / file).read_text(encoding="utf-8")
    assert row.lower() in text.lower()


def test_every_row_is_an_example_or_carried_elsewhere_or_without_a_function() -> None:
    without = {
        f"W{number:03}"
        for first, last in re.findall(
            r"W(\d{3})(?: to W(\d{3}))?", (__doc__ or "").split("for:")[1]
        )
        for number in range(int(first), int(last or first) + 1)
    }
    examples = {example.row_id for example in EXAMPLES}
    assert len(examples) == len(EXAMPLES)
    assert not examples & (without | ELSEWHERE.keys())
    assert examples | without | ELSEWHERE.keys() == rows_of_table().keys()
