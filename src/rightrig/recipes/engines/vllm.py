"""The command of vLLM: ``vllm serve`` with every limit of the fit.

Options, their values and the rules between them: vLLM 0.33.0, ``vllm/engine/arg_utils.py``,
``vllm/config/*.py`` and ``vllm/entrypoints/cli/serve.py``.
"""

from __future__ import annotations

import json
from math import gcd
from typing import TYPE_CHECKING, Final

from rightrig.deployment.compatibility_formats import stored_format
from rightrig.deployment.limits import version_of
from rightrig.deployment.parallelism import tp_reason
from rightrig.prediction.cache_room import pools
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
from rightrig.work.kv_cache import paged_groups

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rightrig.recipes.serving import Serving

PORT: Final = 8000
_WITHOUT_FLOAT16: Final = ("gemma2", "gemma3", "gemma3_text")
"""Families that vLLM ends with rather than run in FP16 (``vllm/config/model.py``)."""
LORA_RANKS: Final = (1, 8, 16, 32, 64, 128, 256, 320, 512)
"""Sizes of slots for adapters (``MaxLoRARanks`` in ``vllm/config/lora.py``)."""
_LEAST_BLOCK: Final = 32
_NGRAM_TOKENS: Final = (2, 5)
"""Shortest and longest run of tokens that is looked up in the prompt."""


def launch_of(serving: Serving) -> Launch:
    """Return how vLLM is started for a serving that fits and has no ``reason`` against it."""
    nodes = serving.engine_nodes
    return Launch(
        engine="vllm",
        version=serving.version,
        entry=("vllm", "serve"),
        positional=(checkpoint_word(serving),),
        flags=tuple(_flags(serving)),
        port=PORT,
        health="/health",
        image=serving.image,
        image_entry=("vllm", "serve"),
        waiting_metric="vllm:num_requests_waiting",
        node_flags=_node_flags(nodes),
        worker_flags=(Flag("--headless", why="only machine 0 answers"),) if nodes > 1 else (),
        notes=tuple(_notes(serving)),
    )


def reason(serving: Serving) -> str | None:
    """Return why vLLM would not start, though the rules of the deployment hold; else ``None``."""
    found = (
        common_reason(serving),
        _blocks_reason(serving),
        _context_ranks_reason(serving),
        _lora_reason(serving),
        _ahead_reason(serving),
        _step_reason(serving),
        _float_reason(serving),
        _states_reason(serving),
    )
    return next((text for text in found if text), None)


def _flags(serving: Serving) -> Iterator[Flag]:
    """Yield the options for one machine."""
    yield Flag("--served-model-name", serving.name, "what clients call it")
    yield everywhere()
    yield Flag("--port", str(PORT))
    yield from _split_flags(serving)
    yield from _format_flags(serving)
    yield from _limit_flags(serving)
    yield from _companion_flags(serving)
    yield from trust_flags(serving)


def _split_flags(serving: Serving) -> Iterator[Flag]:
    """Yield how the model is split over the cards of one engine."""
    split = serving.deployment.parallelism
    text = f"the plan: {split.text}"
    yield Flag("--tensor-parallel-size", str(split.tp), text)
    yield Flag("--pipeline-parallel-size", str(split.pp), text)
    if split.attention_dp > 1:
        why = f"{text}: groups attend to separate sequences"
        yield Flag("--data-parallel-size", str(split.attention_dp), why)
    if split.experts_over > 1:
        why = f"whole experts are dealt over {split.experts_over} cards"
        yield Flag("--enable-expert-parallel", why=why)
    if split.context_parallel > 1:
        why = f"{text}: one sequence's cache lies on several cards"
        yield Flag("--decode-context-parallel-size", str(split.context_parallel), why)


def _format_flags(serving: Serving) -> Iterator[Flag]:
    """Yield the formats of weights, activations and cache."""
    made = quantization_word(serving)
    if made:
        planned = stored_format(serving.deployment).upper()
        yield Flag("--quantization", made, f"makes {planned} of the 16-bit weights while it loads")
    yield compute_flag(serving)
    yield _cache_flag(serving)


def _cache_flag(serving: Serving) -> Flag:
    """Return the format of the KV cache; one of 16 bits must be that of the activations.

    Older versions have no names for it but ``auto``.
    """
    kv, compute = serving.deployment.precision.kv, compute_word(serving)
    if version_of(serving.version) < version_of(serving.runtime.version):
        compute = "auto"
    if kv in {"bf16", "fp16"}:
        why = "as the activations" if compute == "auto" else "the fit counts 16 bits a value"
        return Flag("--kv-cache-dtype", compute, why)
    return Flag("--kv-cache-dtype", kv, "the fit counts 8 bits a value")


def _limit_flags(serving: Serving) -> Iterator[Flag]:
    """Yield the limits that the fit rests on."""
    limits = serving.deployment.limits
    yield Flag("--max-model-len", str(serving.context_tokens), "longest prompt and answer together")
    yield Flag("--max-num-seqs", str(limits.max_seqs), room_text(serving))
    yield Flag(
        "--max-num-batched-tokens",
        str(limits.max_batched_tokens),
        "the fit counts the activations of a step of so many tokens",
    )
    yield Flag("--enable-chunked-prefill", why="longer prompts are cut into steps of that size")
    yield Flag(
        "--gpu-memory-utilization",
        f"{limits.memory_ratio:g}",
        "of the whole card: weights, activations, graphs and cache",
    )
    yield _prefix_flag(serving)


def _prefix_flag(serving: Serving) -> Flag:
    """Return the switch of the prefix cache; models without attention have none."""
    if serving.prefix_cache and serving.deployment.llm.attentions:
        return Flag("--enable-prefix-caching", why="prompts that begin alike share their cache")
    return Flag("--no-enable-prefix-caching", why="nothing is shared between prompts")


def _companion_flags(serving: Serving) -> Iterator[Flag]:
    """Yield drafting and adapters."""
    asked = serving.speculation
    if asked is not None:
        value = json.dumps(_speculation(serving), separators=(",", ":"))
        yield Flag("--speculative-config", value, f"{asked.tokens_count} tokens drafted a step")
    beside = serving.deployment.companions
    if beside.lora_count:
        why = f"the fit counts {beside.lora_count} adapters of rank {beside.lora_rank}"
        yield Flag("--enable-lora", why=why)
        yield Flag("--max-loras", str(beside.lora_count), why)
        yield Flag("--max-lora-rank", str(beside.lora_rank), why)


def _speculation(serving: Serving) -> dict[str, str | int]:
    """Return the values of ``--speculative-config``."""
    asked, draft = serving.speculation, serving.deployment.companions.draft
    assert asked is not None  # noqa: S101 - for the type checker: the caller looked
    found: dict[str, str | int] = {"num_speculative_tokens": asked.tokens_count}
    if asked.method == "ngram":
        low, high = _NGRAM_TOKENS
        return {"method": "ngram", **found, "prompt_lookup_min": low, "prompt_lookup_max": high}
    if asked.method == "mtp":
        return {"method": "mtp", **found}
    ranks = serving.deployment.parallelism.tp
    if draft is not None and tp_reason(draft, ranks) is not None:
        # The fit counts a draft that the ranks do not divide whole on each card.
        found["draft_tensor_parallel_size"] = 1
    return {"method": "draft_model", "model": asked.model, **found}


def _node_flags(nodes: int) -> tuple[Flag, ...]:
    """Return the options of each of several machines."""
    if nodes == 1:
        return ()
    return (
        Flag("--nnodes", str(nodes), "machines of one engine"),
        Flag("--node-rank", RANK, "number of this machine"),
        Flag("--master-addr", LEADER, "address of machine 0"),
        Flag("--master-port", "29501", "the engine's own default; free on machine 0"),
    )


def _notes(serving: Serving) -> Iterator[str]:
    """Yield what the reader must know."""
    yield from common_notes(serving)
    if serving.fit.max_concurrency < serving.deployment.parallelism.engine_seqs_groups:
        yield (
            "The cache holds no whole sequence of --max-model-len, and vLLM ends with that error: "
            "lower the context."
        )
    if serving.deployment.companions.lora_count:
        yield "Name the adapters with --lora-modules NAME=PATH, a word for each."
    if serving.engine_nodes > 1:
        yield "All machines need the same weights at the same path, and the same version of vLLM."


def _blocks_reason(serving: Serving) -> str | None:
    """Return why experts in blocks of FP8 cannot be divided.

    vLLM refines the scales to a block that divides the part, of 32 at least
    (``fused_moe/oracle/fp8.py`` ``refine_fp8_moe_block_shape``).
    """
    split, llm = serving.deployment.parallelism, serving.deployment.llm
    ranks = split.expert_ranks // split.experts_over
    is_cut = stored_format(serving.deployment) == "fp8-block" and ranks > 1
    if not is_cut or not is_published(serving):
        return None
    widths = (ffn.expert_inner_size for ffn in llm.ffns if ffn.expert_count)
    odd = (w for w in widths if gcd(BLOCK, w // ranks, llm.hidden_size) < _LEAST_BLOCK)
    width = next(odd, None)
    if width is None:
        return None
    text = width_text(serving, "the experts' inner width", width, ranks)
    return f"{text}, or deal whole experts with --ep {split.expert_ranks}"


def _context_ranks_reason(serving: Serving) -> str | None:
    """Return why one sequence's cache cannot be spread over so many ranks (``verify_with_…``)."""
    ranks, llm = serving.deployment.parallelism.context_parallel, serving.deployment.llm
    if ranks == 1 or llm.has_mla:
        return None
    for attention in llm.attentions:
        shared = attention.head_count // attention.kv_head_count
        if shared % ranks:
            best = next(r for r in range(ranks, 0, -1) if shared % r == 0)
            return (
                f"vLLM spreads a cache over {ranks} ranks only where they divide the {shared} "
                f"query heads of a key-value head; use --cp {best}"
            )
    return None


def _lora_reason(serving: Serving) -> str | None:
    """Return why the adapters are refused: slots have fixed sizes, and drafts need wider steps."""
    beside, limits = serving.deployment.companions, serving.deployment.limits
    if not beside.lora_count:
        return None
    if beside.lora_rank not in LORA_RANKS:
        above = next((rank for rank in LORA_RANKS if rank > beside.lora_rank), LORA_RANKS[-1])
        return (
            f"vLLM makes slots for adapters of rank {', '.join(map(str, LORA_RANKS))}, not "
            f"{beside.lora_rank}; use --lora-rank {above}"
        )
    asked = serving.speculation
    wanted = limits.max_seqs * (asked.tokens_count + 1) if asked else 0
    if wanted > limits.max_batched_tokens:
        return (
            f"vLLM drafts beside adapters only where a step takes all drafts: {limits.max_seqs} "
            f"sequences need {wanted:,} tokens a step; use --max-batched-tokens {wanted}"
        )
    return None


def _ahead_reason(serving: Serving) -> str | None:
    """Return why so many tokens cannot be drafted by the layers ahead: each is used equally."""
    asked, ahead = serving.speculation, serving.deployment.llm.ahead
    if asked is None or asked.method != "mtp" or ahead is None:
        return None
    layers = ahead.layer_count
    if asked.tokens_count <= layers or asked.tokens_count % layers == 0:
        return None
    best = asked.tokens_count // layers * layers
    return (
        f"vLLM drafts with {layers} layers ahead a multiple of {layers} tokens, not "
        f"{asked.tokens_count}; use --spec-tokens {best}"
    )


def _step_reason(serving: Serving) -> str | None:
    """Return why a step is too small to draft in."""
    asked, step = serving.speculation, serving.deployment.limits.max_batched_tokens
    if asked is None or step > asked.tokens_count:
        return None
    return (
        f"a step of {step} tokens holds no draft of {asked.tokens_count}; use "
        f"--max-batched-tokens {asked.tokens_count + 1} or more"
    )


def _float_reason(serving: Serving) -> str | None:
    """Return why a model is not run in FP16: its activations leave the format's range."""
    family = serving.deployment.llm.family
    if family not in _WITHOUT_FLOAT16 or compute_word(serving) != "float16":
        return None
    return (
        f"vLLM refuses {serving.name} in FP16, in which the family {family} is not stable; use "
        "--weights bf16 on cards from compute capability 8.0 on, or --runtime llama.cpp"
    )


def _states_reason(serving: Serving) -> str | None:
    """Return why fewer sequences must run: each needs a block of the cache for its states.

    vLLM captures graphs for all of them and ends where there are fewer blocks
    (``vllm/config/compilation.py`` ``resolve_cudagraph_mode_and_sizes``).
    """
    deployment = serving.deployment
    if not deployment.llm.has_recurrent:
        return None
    most = min(
        int(size.low / paged_groups(share.blocks, share.kv_bits, share.ranks)[1])
        for share, size in pools(deployment)
        if any(block.recurrent is not None for block, _ in share.blocks)
    )
    if deployment.limits.max_seqs <= most:
        return None
    return (
        f"vLLM wants a block of the cache for the recurrent states of each of "
        f"{deployment.limits.max_seqs:,} sequences, and the cache has as few as {most:,}; use "
        f"--max-seqs {max(1, most)}"
    )
