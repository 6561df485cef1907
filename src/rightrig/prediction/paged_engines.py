"""Engines that split equally and page their cache: vLLM, SGLang, TensorRT-LLM and others.

Their three meanings of "0.9": of the card (vLLM), of the card for weights and cache alone
(SGLang), of what is free once the weights are loaded (TensorRT-LLM, LMDeploy, Transformers with
continuous batching).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rightrig.deployment.limits import version_of
from rightrig.facts.quantization import KV_BITS
from rightrig.interval import Interval
from rightrig.prediction.engine_memory import (
    CacheLayout,
    CardShare,
    Component,
    Engine,
    Era,
    MemoryRule,
    eras,
    overheads,
    weights_component,
)
from rightrig.quantities import MIB
from rightrig.work import activations, companions, weights

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rightrig.deployment.parallelism import Parallelism
    from rightrig.facts.llm import Block, Llm

_EXPERT_KERNELS_WITHOUT_BUFFERS: Final = ("mxfp4",)
"""Formats whose expert kernels keep no buffers beside the sampler's peak (gpt-oss on vLLM 0.19)."""
_ENCODERS_WHOLE: Final = {"vllm": ("gemma3n_text", "gemma4_text"), "sglang": ()}
"""Engines that divide encoders, and families whose encoders are transformers' own there."""
_ENCODER_HEADS: Final = 16
"""Heads of SigLIP-so400m, MoonViT, Pixtral, and the encoders of Qwen3-VL and Llama 4."""
_ENCODER_UNDIVIDED_RATIO: Final = 0.2
_SCHEDULES_AHEAD_SINCE: Final = (0, 26)
_SGLANG_META_BYTES: Final = 512.0 * MIB
_SGLANG_BYTES_PER_TOKEN: Final = 1.5 * MIB


@dataclass(frozen=True, slots=True)
class _Kind:
    """How one engine lays out its cache and what its fraction multiplies."""

    layout: CacheLayout
    rule: MemoryRule
    block_tokens: int = 16


_KINDS: Final[dict[str, _Kind]] = {
    "vllm": _Kind("paged", "of-total"),
    "sglang": _Kind("pool", "static-share"),
    "tensorrt-llm": _Kind("blocks", "of-free", 32),
    "lmdeploy": _Kind("blocks", "of-free", 64),
    "transformers": _Kind("blocks", "of-free", 256),
}
PAGED: Final = tuple(_KINDS)
"""Runtimes whose memory this module knows."""


def era_of(version: str) -> Era:
    """Return vLLM's era of a version."""
    own = version_of(version)
    return next((era for era in eras() if version_of(era.since) <= own), eras()[-1])


def paged_shares(engine: Engine, stages: Sequence[int] | None = None) -> tuple[CardShare, ...]:
    """Return one share a pipeline stage; every tensor-parallel rank of a stage holds the same.

    Args:
        engine: The engine.
        stages: The stages that are asked about; ``None`` for all.
    """
    llm, split = engine.llm, engine.split
    kind = _KINDS[engine.runtime]
    stored = paged_weight_bytes(llm, engine.precision.weights, split, engine.runtime)
    shares = []
    blocks_of = weights.stage_blocks(llm, split.pp)
    for stage in range(split.pp) if stages is None else stages:
        blocks = blocks_of[stage]
        is_last = stage == split.pp - 1
        fixed = [weights_component(llm, engine.precision.weights, stored[stage])]
        fixed += _encoder(engine) if stage == 0 else []
        fixed += _companions(engine, blocks) if is_last else _adapters(engine, blocks)
        fixed += _overheads(engine, is_last=is_last)
        shares.append(
            CardShare(
                fixed=tuple(fixed),
                blocks=(*blocks, *_draft_blocks(engine)) if is_last else blocks,
                kv_bits=KV_BITS[engine.precision.kv],
                ranks=split.tp,
                step_tokens=engine.limits.max_batched_tokens,
                layout=kind.layout,
                rule=kind.rule,
                block_tokens=kind.block_tokens,
                context_ranks=split.context_parallel,
                ahead_tokens=_ahead_tokens(engine),
            )
        )
    return tuple(shares)


def paged_weight_bytes(
    llm: Llm, format_name: str, split: Parallelism, runtime: str
) -> tuple[float, ...]:
    """Return weight bytes on one rank of each pipeline stage."""
    # SGLang (0.5.23) divides all but attention and embedding by every rank of the groups.
    dense_ranks = split.expert_ranks if runtime == "sglang" else split.tp
    return weights.rank_weight_bytes(
        llm, format_name, split.tp, split.pp, split.expert_ranks, dense_ranks
    )


def _ahead_tokens(engine: Engine) -> int:
    """Return the tokens of steps that are scheduled before one ends.

    Since 0.26 vLLM frees what left a window once its step is done, and schedules one step ahead of
    the stages (``max_in_flight_tokens``, 0.33; PR 47728; issue 49878 shows it in 0.26.0's figures).
    """
    if engine.runtime != "vllm" or version_of(engine.version) < _SCHEDULES_AHEAD_SINCE:
        return 0
    return engine.split.pp * engine.limits.max_batched_tokens


def _encoder(engine: Engine) -> list[Component]:
    """Return the encoders of other modalities on a rank of the first stage.

    vLLM (0.33, ``mm_encoder_tp_mode`` "weights") and SGLang (0.5.23) divide heads and inner widths
    by the ranks, not all projectors and embeddings; whole where heads or code do not allow it.
    """
    params = sum(tower.params for tower in engine.llm.towers)
    if not params:
        return []
    ranks = engine.split.tp
    divides = engine.runtime in _ENCODERS_WHOLE and _ENCODER_HEADS % ranks == 0
    if ranks == 1 or not divides or engine.llm.family in _ENCODERS_WHOLE[engine.runtime]:
        size = Interval(1.9 * params, 2.0 * params, 2.1 * params)
        return [Component("encoder", size, "encoders at 16 bits, whole on every rank")]
    part = params / ranks
    most = 2.1 * part + _ENCODER_UNDIVIDED_RATIO * 2.1 * (params - part)
    basis = "encoders at 16 bits, divided by the ranks; high: a fifth of them whole"
    return [Component("encoder", Interval(1.9 * part, 2.0 * part, most), basis)]


def _companions(engine: Engine, blocks: tuple[tuple[Block, int], ...]) -> list[Component]:
    """Return a draft model, layers ahead and adapters, which the last stage holds."""
    found = []
    draft = companions.draft_weight_bytes(engine.llm, engine.companions, engine.split.tp)
    if draft:
        found.append(Component("draft", Interval(draft, draft, 1.05 * draft), "tensor by tensor"))
    return found + _adapters(engine, blocks)


def _adapters(engine: Engine, blocks: tuple[tuple[Block, int], ...]) -> list[Component]:
    """Return the slots of LoRA adapters for the layers of a stage."""
    size = companions.adapter_bytes(
        engine.llm.hidden_size, blocks, engine.companions, engine.split.tp
    )
    if not size:
        return []
    basis = "16 bits, r·(d_in + d_out) for every dense projection (F4.4), one slot more"
    return [Component("adapters", Interval(0.9 * size, size, 1.2 * size), basis)]


def _draft_blocks(engine: Engine) -> tuple[tuple[Block, int], ...]:
    """Return the layers whose cache a draft adds."""
    return companions.draft_blocks(engine.llm, engine.companions)


def _overheads(engine: Engine, *, is_last: bool) -> list[Component]:
    """Return activations, graphs and the runtime's own memory."""
    if engine.runtime == "vllm":
        return _vllm_overheads(engine, is_last=is_last)
    if engine.runtime == "sglang":
        return _sglang_overheads(engine)
    return _free_share_overheads(engine, is_last=is_last)


def _vllm_overheads(engine: Engine, *, is_last: bool) -> list[Component]:
    """Return vLLM's parts; CUDA graphs count in its budget since 0.21."""
    era = era_of(engine.version)
    activation = activation_peak(engine, *era.overheads["sampler_bytes_per_logit"], is_last=is_last)
    graphs, basis = overheads()["paged"]["graphs_bytes"]
    return [
        activation,
        _vllm_runtime(engine, era),
        Component("graphs", graphs, basis, is_budgeted=era.graphs_are_budgeted),
    ]


def activation_peak(
    engine: Engine, per_logit_bytes: Interval, source: str, *, is_last: bool
) -> Component:
    """Return the peak of the profiling run: the sampler's or the widest layer's, plus experts.

    ``max(base + c·vocab·max_num_seqs, base' + rows) + experts`` (docs/methodology/memory.md);
    only the last stage samples.
    """
    llm, limits, split = engine.llm, engine.limits, engine.split
    known = overheads()["paged"]
    rows = activations.rows_peak_bytes(llm, limits.max_batched_tokens, split.tp, split.pp)
    rows_peak = known["row_base_bytes"][0].map(lambda base: base + rows)
    experts = 0.0
    if llm.checkpoint.format not in _EXPERT_KERNELS_WITHOUT_BUFFERS:
        experts = activations.experts_peak_bytes(llm, limits.max_batched_tokens, split.expert_ranks)
    if not is_last:
        return Component("activation", rows_peak.map(lambda b: b + experts), source)
    base = known["activation_base_bytes"][0]
    sampler = per_logit_bytes.map(
        lambda c: activations.logits_peak_bytes(llm.vocab_size, limits.max_seqs, c)
    )
    both = Interval(
        max(base.low + sampler.low, rows_peak.low),
        max(base.mid + sampler.mid, rows_peak.mid),
        max(base.high + sampler.high, rows_peak.high),
    )
    return Component("activation", both.map(lambda b: b + experts), source)


def _vllm_runtime(engine: Engine, era: Era) -> Component:
    """Return what vLLM holds outside the framework: NCCL buffers, contexts of libraries."""
    if engine.split.expert_ranks > 1:
        key = "non_torch_switch_bytes" if engine.has_switch else "non_torch_tensor_parallel_bytes"
        return Component("runtime", *era.overheads[key])
    if engine.split.pp > 1:
        return Component("runtime", *overheads()["paged"]["non_torch_pipeline_bytes"])
    return Component("runtime", *era.overheads["non_torch_single_bytes"])


def _sglang_overheads(engine: Engine) -> list[Component]:
    """Return SGLang's parts: only the runtime lies inside what its fraction is taken of.

    Activations as its own reserve estimates them, ``512 + 1.5·max(chunk, 2048)`` MiB.
    """
    key = "runtime_tensor_parallel_bytes" if engine.split.tp > 1 else "runtime_single_bytes"
    tokens = max(engine.limits.max_batched_tokens, 2048)
    mid = _SGLANG_META_BYTES + _SGLANG_BYTES_PER_TOKEN * tokens
    size = Interval(0.3 * mid, 0.6 * mid, mid)
    basis = "at most SGLang's own estimate, 512 + 1.5·max(chunk, 2048) MiB (memory_hook.py, 0.5.23)"
    return [
        Component("runtime", *overheads()["sglang"][key]),
        Component("activation", size, basis, is_budgeted=False),
        Component("graphs", *overheads()["paged"]["graphs_bytes"], is_budgeted=False),
    ]


def _free_share_overheads(engine: Engine, *, is_last: bool) -> list[Component]:
    """Return the parts of the others, all loaded before the cache is sized."""
    name = engine.runtime.replace("-", "_")
    per_logit_bytes = Interval(4.0, 6.0, 14.0)
    basis = "logits and the widest layer, as vLLM's profiling run; not measured on this engine"
    found = [
        activation_peak(engine, per_logit_bytes, basis, is_last=is_last),
        Component("runtime", *overheads()[name]["runtime_bytes"]),
    ]
    if "graphs_bytes" in overheads()[name]:
        found.append(Component("graphs", *overheads()[name]["graphs_bytes"]))
    return found
