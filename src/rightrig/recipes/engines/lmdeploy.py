"""LMDeploy: how ``lmdeploy serve api_server`` is started.

Options: lmdeploy 0.18.0 ``lmdeploy/cli/serve.py`` and ``lmdeploy/cli/utils.py``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rightrig.deployment.compatibility_formats import stored_format
from rightrig.recipes.engines.paged import (
    checkpoint_word,
    common_notes,
    context_reason,
    trust_flags,
    unread_family_reason,
)
from rightrig.recipes.launch import Flag, Launch, everywhere

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rightrig.recipes.serving import Serving

PORT: Final = 23333
_BLOCK_TOKENS: Final = 64
"""Tokens of a block of the cache, as the fit counts them."""
_TURBOMIND: Final = (
    "gpt_oss", "llama", "mixtral", "qwen2", "qwen2_5_vl", "qwen2_5_vl_text", "qwen2_moe",
    "qwen2_vl", "qwen2_vl_text", "qwen3", "qwen3_5", "qwen3_5_moe", "qwen3_5_moe_text",
    "qwen3_5_text", "qwen3_moe",
)  # fmt: skip
"""Families of the faster engine (``turbomind/supported_models.py``)."""
_TURBOMIND_FORMATS: Final = ("awq", "gptq", "mxfp4")
"""What the other engine does not load, or not all of it."""
_FORMATS: Final = {"awq": "awq", "gptq": "gptq", "fp8-block": "fp8", "mxfp4": "mxfp4"}
"""Formats that ``--model-format`` names."""
_CACHES: Final = {"bf16": "none", "fp16": "none", "int8": "int8"}
"""``--quant-policy`` of a format of the cache."""
_TYPES: Final = {"bf16": "bfloat16", "fp16": "float16"}


def launch_of(serving: Serving) -> Launch:
    """Return how one engine is started.

    Args:
        serving: One that :func:`reason` has nothing against.
    """
    return Launch(
        engine=serving.runtime.slug,
        version=serving.version,
        entry=("lmdeploy", "serve", "api_server"),
        positional=(checkpoint_word(serving),),
        flags=(*_model(serving), *_room(serving), *_SERVER),
        port=PORT,
        port_flag="--server-port",
        health="/health",
        metrics="/metrics",
        waiting_metric="lmdeploy:num_requests_waiting",
        image=serving.image,
        notes=tuple(common_notes(serving)),
    )


def reason(serving: Serving) -> str | None:
    """Return why LMDeploy cannot serve this, with the nearest that it can, or ``None``."""
    split = serving.deployment.parallelism
    found = (unread_family_reason(serving), context_reason(serving), _format_reason(serving))
    first = next((text for text in found if text), None)
    if first:
        return first
    if split.tp & (split.tp - 1):
        near = 1 << (split.tp.bit_length() - 1)
        return f"LMDeploy divides a model over powers of two, not over {split.tp}; use --tp {near}"
    if serving.speculation or serving.deployment.companions.lora_count:
        return (
            "the recipe of LMDeploy has no drafts and no adapters; leave them out, or use "
            "--runtime vllm"
        )
    return None


def _format_reason(serving: Serving) -> str | None:
    """Return why weights do not load in the engine that takes the model.

    What TurboMind lacks (``turbomind/supported_models.py``) goes to the PyTorch engine, whose
    experts know none of these formats, and whose other layers AWQ alone (``pytorch/nn``).
    """
    llm, planned = serving.deployment.llm, stored_format(serving.deployment)
    is_wide = planned == "awq" and not llm.has_experts
    if planned not in _TURBOMIND_FORMATS or llm.family in _TURBOMIND or is_wide:
        return None
    what, instead = ("experts", "bf16") if llm.has_experts else ("weights", "awq")
    return (
        f"LMDeploy serves {llm.name} by its PyTorch engine, which loads no {what} in "
        f"{planned.upper()}; use --weights {instead}, or --runtime vllm"
    )


def _model(serving: Serving) -> Iterator[Flag]:
    """Yield what is loaded and how it is divided."""
    deployment = serving.deployment
    stored = stored_format(deployment)
    yield Flag("--backend", "turbomind", "for a model that it lacks LMDeploy takes the other")
    yield Flag("--model-name", serving.name, "the model's name for clients")
    yield Flag("--tp", str(deployment.parallelism.tp), f"the plan: {deployment.parallelism.text}")
    if stored in _FORMATS:
        yield Flag("--model-format", _FORMATS[stored], "format of the weights in the fit")
    if stored in _TYPES:
        yield Flag("--dtype", _TYPES[stored], "format of the weights in the fit")
    yield from trust_flags(serving)


def _room(serving: Serving) -> Iterator[Flag]:
    """Yield the limits of the fit."""
    deployment, limits = serving.deployment, serving.deployment.limits
    context = serving.context_tokens
    yield Flag("--session-len", str(context), "longest prompt and answer together")
    seqs = f"the fit: {serving.fit.max_concurrency} sequences of {context:,} tokens"
    yield Flag("--max-batch-size", str(limits.max_seqs), seqs)
    step = "the fit's activations are for this step"
    yield Flag("--max-prefill-token-num", str(limits.max_batched_tokens), step)
    free = "share of what the weights leave free, as the fit has it"
    yield Flag("--cache-max-entry-count", f"{limits.memory_ratio:g}", free)
    yield Flag("--cache-block-seq-len", str(_BLOCK_TOKENS), "blocks of the fit")
    policy = _CACHES[deployment.precision.kv]
    yield Flag("--quant-policy", policy, "format of the cache in the fit")
    if serving.prefix_cache:
        yield Flag("--enable-prefix-caching", None, "prompts that begin alike share their cache")


_SERVER: Final = (
    everywhere("--server-name"),
    Flag("--server-port", str(PORT), "the usual one"),
)
