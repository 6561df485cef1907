"""The command of SGLang: ``sglang serve`` with every limit of the fit.

Options, their values and the rules between them: SGLang 0.5.23, ``sglang/srt/arg_groups`` (fields
and hooks) and ``sglang/srt/mem_cache/kv_cache_configurator.py``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rightrig.deployment.compatibility_formats import is_between, stored_format
from rightrig.quantities import GIB, show_gib
from rightrig.recipes.engines.paged import (
    BLOCK,
    checkpoint_word,
    common_notes,
    common_reason,
    compute_flag,
    compute_word,
    is_published,
    quantization_word,
    room_text,
    trust_flags,
    width_text,
)
from rightrig.recipes.launch import LEADER, RANK, Flag, Launch, everywhere

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rightrig.recipes.serving import Serving

PORT: Final = 30_000
_MEETING_PORT: Final = 20_000
_PAGE: Final = 256
"""The largest page of a cache of latent, compressed or sparse attention, and of Blackwell's
kernels: 16, 32, 64, 128 and 256 divide it."""
_MARLIN_EXPERTS: Final = ("awq", "gptq")
_MARLIN_SINCE: Final = "8.0"
_BLACKWELL: Final = "10.0"
_TABLE_ENTRY_BYTES: Final = 4.0
_LARGE_TABLE_BYTES: Final = 0.5 * GIB


def launch_of(serving: Serving) -> Launch:
    """Return how SGLang is started for a serving that fits and has no ``reason`` against it."""
    return Launch(
        engine="sglang",
        version=serving.version,
        entry=("sglang", "serve"),
        flags=tuple(_flags(serving)),
        port=PORT,
        health="/health",
        image=serving.image,
        waiting_metric="sglang:num_queue_reqs",
        node_flags=_node_flags(serving.engine_nodes),
        notes=tuple(_notes(serving)),
    )


def reason(serving: Serving) -> str | None:
    """Return why SGLang would not start, though the rules of the deployment hold; else ``None``."""
    found = (
        common_reason(serving),
        _name_reason(serving),
        _blocks_reason(serving),
        _bitsandbytes_reason(serving),
        _experts_reason(serving),
        _step_reason(serving),
        _drafting_reason(serving),
    )
    return next((text for text in found if text), None)


def _flags(serving: Serving) -> Iterator[Flag]:
    """Yield the options for one machine."""
    yield Flag("--model-path", checkpoint_word(serving))
    yield Flag("--served-model-name", serving.name, "what clients call it")
    yield everywhere()
    yield Flag("--port", str(PORT))
    yield Flag("--enable-metrics", why="else /metrics is missing")
    yield from _split_flags(serving)
    yield from _format_flags(serving)
    yield from _limit_flags(serving)
    yield from _drafting_flags(serving)
    yield from _adapter_flags(serving)
    yield from trust_flags(serving)


def _split_flags(serving: Serving) -> Iterator[Flag]:
    """Yield how the model is split; SGLang's tensor ranks include the groups of attention."""
    split = serving.deployment.parallelism
    text = f"the plan: {split.text}"
    groups = f", {split.attention_dp} groups of {split.tp}" if split.attention_dp > 1 else ""
    yield Flag("--tp-size", str(split.expert_ranks), f"{text}{groups}")
    yield Flag("--pp-size", str(split.pp), text)
    if split.pp > 1:
        why = "stages and the schedule that runs ahead exclude each other"
        yield Flag("--disable-overlap-schedule", why=why)
    if split.attention_dp > 1:
        why = f"{text}: groups attend to separate sequences"
        yield Flag("--attn-dp-size", str(split.attention_dp), why)
    if split.experts_over > 1:
        why = f"whole experts are dealt over {split.experts_over} cards"
        yield Flag("--ep-size", str(split.experts_over), why)
    if split.context_parallel > 1:
        why = f"{text}: one sequence's cache lies on several cards"
        yield Flag("--dcp-size", str(split.context_parallel), why)


def _format_flags(serving: Serving) -> Iterator[Flag]:
    """Yield the formats of weights, activations and cache."""
    made, planned = quantization_word(serving), stored_format(serving.deployment)
    if made:
        why = f"makes {planned.upper()} of the 16-bit weights while it loads"
        yield Flag("--quantization", made, why)
    if planned.startswith("nf4"):
        yield Flag("--load-format", "bitsandbytes", "the loader of this format")
    yield compute_flag(serving)
    yield _cache_flag(serving)


def _cache_flag(serving: Serving) -> Flag:
    """Return the format of the KV cache; FP16 has no name of its own."""
    kv, compute = serving.deployment.precision.kv, compute_word(serving)
    if kv == "fp8":
        return Flag("--kv-cache-dtype", "fp8_e4m3", "the fit counts 8 bits a value")
    if compute == "bfloat16":
        return Flag("--kv-cache-dtype", "bfloat16", "the fit counts 16 bits a value")
    return Flag("--kv-cache-dtype", "auto", "16 bits, as the activations")


def _limit_flags(serving: Serving) -> Iterator[Flag]:
    """Yield the limits that the fit rests on; SGLang divides both counts by the groups."""
    limits, groups = serving.deployment.limits, serving.deployment.parallelism.attention_dp
    over = f", over {groups} groups" if groups > 1 else ""
    longest = "longest prompt and answer together"
    yield Flag("--context-length", str(serving.context_tokens), longest)
    yield Flag("--max-running-requests", str(limits.max_seqs * groups), room_text(serving) + over)
    step = f"the fit counts the activations of a step of so many tokens{over}"
    yield Flag("--chunked-prefill-size", str(limits.max_batched_tokens), step)
    yield Flag(
        "--mem-fraction-static",
        f"{limits.memory_ratio:g}",
        "of what is free before loading: weights and cache, not activations and graphs",
    )
    if not serving.prefix_cache:
        yield Flag("--disable-radix-cache", why="nothing is shared between prompts")


def _drafting_flags(serving: Serving) -> Iterator[Flag]:
    """Yield how tokens are drafted: one chain of them, whose root counts as a token."""
    asked = serving.speculation
    if asked is None:
        return
    why = f"{asked.tokens_count} tokens drafted a step"
    if asked.method == "ngram":
        yield Flag("--speculative-algorithm", "NGRAM", why)
        yield Flag("--speculative-num-draft-tokens", str(asked.tokens_count + 1), why)
        yield Flag("--speculative-ngram-max-bfs-breadth", "1", "a chain, which every kernel takes")
        return
    is_ahead = asked.method == "mtp"
    model = checkpoint_word(serving) if is_ahead else asked.model
    yield Flag("--speculative-algorithm", "NEXTN" if is_ahead else "STANDALONE", why)
    yield Flag("--speculative-draft-model-path", model, "holds the layers that draft")
    yield Flag("--speculative-num-steps", str(asked.tokens_count), why)
    yield Flag("--speculative-eagle-topk", "1", "a chain, which every kernel takes")
    yield Flag("--speculative-num-draft-tokens", str(asked.tokens_count + 1), why)


def _adapter_flags(serving: Serving) -> Iterator[Flag]:
    """Yield room for adapters; requests without one take a place of their own."""
    beside = serving.deployment.companions
    if not beside.lora_count:
        return
    why = f"the fit counts {beside.lora_count} adapters of rank {beside.lora_rank}"
    yield Flag("--enable-lora", why=why)
    yield Flag("--max-loras-per-batch", str(beside.lora_count + 1), f"{why}, and one for none")
    yield Flag("--max-lora-rank", str(beside.lora_rank), why)
    yield Flag("--lora-target-modules", "all", "the fit counts every dense projection")


def _node_flags(nodes: int) -> tuple[Flag, ...]:
    """Return the options of each of several machines."""
    if nodes == 1:
        return ()
    return (
        Flag("--nnodes", str(nodes), "machines of one engine"),
        Flag("--node-rank", RANK, "number of this machine"),
        Flag("--dist-init-addr", f"{LEADER}:{_MEETING_PORT}", "where they meet, on machine 0"),
    )


def _notes(serving: Serving) -> Iterator[str]:
    """Yield what the reader must know."""
    yield from common_notes(serving)
    beside, llm = serving.deployment.companions, serving.deployment.llm
    if beside.lora_count:
        yield "Name the adapters with --lora-paths NAME=PATH, a word for each."
        if llm.has_experts:
            yield "The fit counts no adapters on routed experts; SGLang makes room for them too."
    yield from _table_notes(serving)
    if llm.has_recurrent and serving.prefix_cache:
        yield (
            "States of recurrent layers that are kept for shared prompts take memory that the fit "
            "does not count: use --disable-radix-cache if fewer sequences run than promised."
        )
    if serving.engine_nodes > 1:
        yield "All machines need the same weights at the same path, and the same version of SGLang."


def _table_notes(serving: Serving) -> Iterator[str]:
    """Say what the table of tokens takes: 4 bytes a sequence and position (``ReqToTokenPool``)."""
    seqs = serving.deployment.limits.max_seqs
    table_bytes = _TABLE_ENTRY_BYTES * seqs * serving.context_tokens
    if table_bytes >= _LARGE_TABLE_BYTES:
        yield (
            f"The table for {seqs:,} sequences of {serving.context_tokens:,} tokens takes "
            f"{show_gib(table_bytes)} of a card beside weights and cache: plan with --max-seqs "
            "nearer to what is promised."
        )


def _name_reason(serving: Serving) -> str | None:
    """Return why clients cannot call the model so (``validation_hook.py``)."""
    if ":" not in serving.name:
        return None
    return f"SGLang takes no colon in the name of a model ({serving.name}): it marks adapters"


def _blocks_reason(serving: Serving) -> str | None:
    """Return why experts in blocks of FP8 cannot be divided (``layers/quantization/fp8.py``).

    vLLM refines the scales instead; SGLang refuses parts that are no multiple of a block.
    """
    split = serving.deployment.parallelism
    ranks = split.expert_ranks // split.experts_over
    is_cut = stored_format(serving.deployment) == "fp8-block" and ranks > 1
    if not is_cut or not is_published(serving):
        return None
    odd = (f.expert_inner_size for f in serving.deployment.llm.ffns if f.expert_count)
    width = next((size for size in odd if size // ranks % BLOCK), None)
    if width is None:
        return None
    text = width_text(serving, "the experts' inner width", width, ranks)
    return f"{text}, or deal whole experts with --ep {split.expert_ranks}"


def _bitsandbytes_reason(serving: Serving) -> str | None:
    """Return why a checkpoint of bitsandbytes is not divided (``model_loader/loader.py``)."""
    planned, ranks = stored_format(serving.deployment), serving.deployment.parallelism.expert_ranks
    if not planned.startswith("nf4") or quantization_word(serving) or ranks == 1:
        return None
    return (
        f"SGLang divides no checkpoint of bitsandbytes over {ranks} ranks; use --tp 1 with --pp, "
        "or the 16-bit weights, of which it makes NF4 while it loads"
    )


def _experts_reason(serving: Serving) -> str | None:
    """Return why experts in AWQ or GPTQ do not load: only Marlin's classes have a method for them.

    ``layers/quantization/awq/awq.py``, ``gptq/gptq.py``: NVIDIA from 8.0 on.
    """
    planned = stored_format(serving.deployment)
    if planned not in _MARLIN_EXPERTS or not serving.deployment.llm.has_experts:
        return None
    cards = [group.gpu for group in serving.deployment.rig.groups]
    if all(
        gpu.vendor == "NVIDIA" and is_between(gpu.compute_capability, _MARLIN_SINCE, None)
        for gpu in cards
    ):
        return None
    return (
        f"SGLang has no method for experts in {planned.upper()} on {cards[0].slug}: only its "
        f"Marlin kernels have one, for NVIDIA from {_MARLIN_SINCE} on; use "
        f"{'--runtime vllm' if cards[0].vendor == 'NVIDIA' else 'the 16-bit weights'}"
    )


def _step_reason(serving: Serving) -> str | None:
    """Return why a group's step does not hold whole pages of the cache (``validation_hook.py``)."""
    llm, groups = serving.deployment.llm, serving.deployment.parallelism.attention_dp
    step = serving.deployment.limits.max_batched_tokens
    has_pages = llm.has_mla or any(
        a.kind == "compressed" or a.indexer is not None for a in llm.attentions
    )
    is_new = any(
        is_between(group.gpu.compute_capability, _BLACKWELL, None)
        for group in serving.deployment.rig.groups
    )
    whole = _PAGE * groups
    if not (has_pages or is_new) or step // groups % _PAGE == 0:
        return None
    return (
        f"SGLang wants steps of whole pages, and {step} tokens over {groups} groups are none of "
        f"{_PAGE}; use --max-batched-tokens {max(whole, step // whole * whole)}"
    )


def _drafting_reason(serving: Serving) -> str | None:
    """Return why tokens are not drafted in this split (``speculative_hook.py``)."""
    asked, split = serving.speculation, serving.deployment.parallelism
    if asked is None:
        return None
    if split.pp > 1:
        return "SGLang drafts no tokens with pipeline stages; use --tp, or --runtime vllm"
    if split.attention_dp > 1 and asked.method != "mtp":
        return "SGLang drafts with attention in groups by layers ahead only; use --dp 1"
    if serving.deployment.companions.lora_count and asked.method == "draft":
        return (
            "SGLang drafts beside adapters by layers ahead or from the prompt only; leave one out"
        )
    return None
