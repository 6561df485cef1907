"""TensorRT-LLM: how ``trtllm-serve`` is started, with its file of further options.

Options: tensorrt_llm/commands/serve.py of NVIDIA/TensorRT-LLM, commit 00209af; fields of the file:
tensorrt_llm/llmapi/llm_args.py (``TorchLlmArgs``, which refuses unknown ones).
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any, Final

from rightrig.deployment.compatibility_formats import stored_format
from rightrig.recipes.engines.paged import (
    checkpoint_word,
    common_notes,
    context_reason,
    drafting_reason,
    machines_reason,
    runs_own_code,
    unread_family_reason,
)
from rightrig.recipes.launch import File, Flag, Launch, everywhere
from rightrig.recipes.templating import render

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rightrig.recipes.serving import Serving

PORT: Final = 8000
_OPTIONS: Final = "trtllm.yaml"
_NODES: Final = "trtllm-nodes.sh"
_ADAPTED: Final = (
    "attn_q", "attn_k", "attn_v", "attn_dense", "mlp_h_to_4h", "mlp_4h_to_h", "mlp_gate",
)  # fmt: skip
"""Every dense projection, as the fit counts them (docs/source/features/lora.md)."""
_DRAFTING: Final = {"draft": "DraftTarget", "mtp": "MTP", "ngram": "NGram"}
"""``decoding_type`` of a method (docs/source/features/speculative-decoding.md)."""
_INT4: Final = ("awq", "gptq")
_NGRAM_TOKENS: Final = 4
"""Tokens of the prompt's end that are looked up, as the documentation has it."""
_SERVER: Final = (
    everywhere(),
    Flag("--port", str(PORT), "the usual one"),
)


def launch_of(serving: Serving) -> Launch:
    """Return how one engine is started.

    Over several machines one command of MPI starts all of it: a file of the recipe holds it.

    Args:
        serving: One that :func:`reason` has nothing against.
    """
    flags = (*_split(serving), *_room(serving), *_SERVER)
    words = (
        "trtllm-serve",
        checkpoint_word(serving),
        *(word for flag in flags for word in flag.words),
    )
    nodes = (_nodes(serving, words),) if serving.engine_nodes > 1 else ()
    return Launch(
        engine=serving.runtime.slug,
        version=serving.version,
        entry=words[:1],
        positional=words[1:2],
        flags=flags,
        port=PORT,
        health="/health",
        # The page of /metrics is JSON; this one is there by return_perf_metrics.
        metrics="/prometheus/metrics",
        image=serving.image,
        files=(_options(serving), *nodes),
        notes=tuple(_notes(serving)),
    )


def reason(serving: Serving) -> str | None:
    """Return why TensorRT-LLM cannot serve this, with the nearest that it can, or ``None``."""
    split = serving.deployment.parallelism
    shared = (
        unread_family_reason(serving),
        _format_reason(serving),
        context_reason(serving),
        machines_reason(serving),
        drafting_reason(serving),
    )
    found = next((text for text in shared if text), None)
    if found:
        return found
    if split.context_parallel > 1:
        return (
            "TensorRT-LLM spreads a sequence's cache over ranks of their own, and only where "
            f"prompts are read elsewhere; leave --cp {split.context_parallel} out, or use "
            "--runtime vllm"
        )
    if split.attention_dp > 1 and split.tp > 1:
        return (
            f"TensorRT-LLM's attention on separate sequences takes every rank, not groups of "
            f"{split.tp}; use --tp 1 --dp {split.expert_ranks}"
        )
    speculation = serving.speculation
    if speculation and speculation.method == "ngram" and split.attention_dp > 1:
        return (
            "TensorRT-LLM drafts from the prompt without its overlapped schedule, which was not "
            "read for attention on separate sequences; leave --dp or the draft out"
        )
    return None


def _format_reason(serving: Serving) -> str | None:
    """Return why INT4 weights do not load (``model_config.py``)."""
    llm, planned = serving.deployment.llm, stored_format(serving.deployment)
    if planned not in _INT4:
        return None
    if planned == "gptq" or serving.checkpoint == llm.name:
        return (
            "TensorRT-LLM's PyTorch backend reads INT4 weights as Model Optimizer writes them, not "
            f"the {planned.upper()} of other tools; use --weights awq with a --checkpoint that has "
            "hf_quant_config.json, or --runtime vllm"
        )
    return None


def _split(serving: Serving) -> Iterator[Flag]:
    """Yield how the model is divided: the ranks of attention groups count as tensor-parallel."""
    split = serving.deployment.parallelism
    yield Flag("--backend", "pytorch", "loads checkpoints as they are")
    yield Flag("--tp_size", str(split.expert_ranks), f"the plan: {split.text}")
    yield Flag("--pp_size", str(split.pp), f"the plan: {split.text}")
    if serving.deployment.llm.has_experts:
        yield Flag("--ep_size", str(split.experts_over), "ranks over which whole experts are dealt")
    if runs_own_code(serving):
        why = "the model's repository holds Python code: read it"
        yield Flag("--trust_remote_code", None, why)
    if serving.engine_nodes > 1:
        cards = serving.deployment.rig.cards_per_node
        yield Flag("--gpus_per_node", str(cards), f"the rig: {serving.deployment.rig.text}")


def _room(serving: Serving) -> Iterator[Flag]:
    """Yield the limits of the fit."""
    limits, context = serving.deployment.limits, serving.context_tokens
    seqs = f"the fit: {serving.fit.max_concurrency} sequences of {context:,} tokens"
    yield Flag("--max_batch_size", str(limits.max_seqs), seqs)
    step = "the fit's activations are for this step; longer prompts are read in pieces"
    yield Flag("--max_num_tokens", str(limits.max_batched_tokens), step)
    yield Flag("--max_seq_len", str(context), "longest prompt and answer together")
    free = "share of what weights and buffers leave free, as the fit has it"
    yield Flag("--kv_cache_free_gpu_memory_fraction", f"{limits.memory_ratio:g}", free)
    yield Flag("--extra_llm_api_options", _OPTIONS, "what has no option of its own")


def _options(serving: Serving) -> File:
    """Return the file of further options."""
    text = render("trtllm.yaml", fields=_fields(serving))
    return File(_OPTIONS, text, "further options of trtllm-serve")


def _fields(serving: Serving) -> dict[str, Any]:
    """Return the fields of ``TorchLlmArgs`` that the command has no option for.

    The share of free memory is said here again: releases differ in whether the file's
    ``kv_cache_config`` replaces the command's.
    """
    deployment, limits = serving.deployment, serving.deployment.limits
    found: dict[str, Any] = {
        "kv_cache_config": {
            "dtype": "fp8" if deployment.precision.kv == "fp8" else "auto",
            "enable_block_reuse": reuses(serving),
            "free_gpu_memory_fraction": limits.memory_ratio,
        },
        # Without it a prompt longer than one step is refused.
        "enable_chunked_prefill": True,
        "return_perf_metrics": True,
    }
    if deployment.precision.weights == "fp16":
        found["dtype"] = "float16"
    if deployment.parallelism.attention_dp > 1:
        found["enable_attention_dp"] = True
    if deployment.companions.lora_count:
        found["enable_lora"] = True
        found["lora_config"] = {
            "lora_target_modules": list(_ADAPTED),
            "max_lora_rank": deployment.companions.lora_rank,
            "max_loras": deployment.companions.lora_count,
        }
    return found | _drafting(serving)


def _drafting(serving: Serving) -> dict[str, Any]:
    """Return the fields of speculative decoding."""
    asked = serving.speculation
    if asked is None:
        return {}
    found: dict[str, Any] = {
        "decoding_type": _DRAFTING[asked.method],
        "max_draft_len": asked.tokens_count,
    }
    if asked.method == "mtp":
        found["num_nextn_predict_layers"] = asked.tokens_count
        return {"speculative_config": found}
    if asked.method == "draft":
        found["speculative_model_dir"] = asked.model
    else:
        found["max_matching_ngram_size"] = _NGRAM_TOKENS
    return {"speculative_config": found, "disable_overlap_scheduler": True}


def reuses(serving: Serving) -> bool:
    """Whether prompts share blocks.

    Not with encoders (docs/source/commands/trtllm-serve); with states of recurrent layers the
    start ends on an assertion (``_torch/pyexecutor/mamba_cache_manager.py``).
    """
    llm = serving.deployment.llm
    return serving.prefix_cache and not llm.towers and not llm.has_recurrent


def _nodes(serving: Serving, words: tuple[str, ...]) -> File:
    """Return the script that starts one engine over machines, by Slurm."""
    rig = serving.deployment.rig
    text = render(
        "trtllm-nodes.sh",
        nodes=serving.engine_nodes,
        ranks=serving.engine_cards,
        node_ranks=rig.cards_per_node,
        command=shlex.join(words),
    )
    return File(_NODES, text, "one engine over several machines, by Slurm", is_executable=True)


def _notes(serving: Serving) -> Iterator[str]:
    """Yield what the reader must know before the first start."""
    yield from common_notes(serving)
    deployment = serving.deployment
    if stored_format(deployment) in _INT4:
        yield "The checkpoint must be Model Optimizer's: one with hf_quant_config.json."
    if serving.engine_nodes > 1:
        yield (
            f"MPI starts the engine over {serving.engine_nodes} machines: {_NODES} does it by "
            "Slurm; without Slurm, mpirun of the image with the same command."
        )
    if serving.prefix_cache and not reuses(serving):
        yield (
            "Blocks are not reused: TensorRT-LLM does not reuse them with encoders of images, nor "
            "with states of recurrent layers."
        )
    if deployment.precision.kv != "fp8" and deployment.llm.checkpoint.kv_format:
        yield (
            f"The checkpoint asks for a KV cache in {deployment.llm.checkpoint.kv_format}, and "
            "dtype auto follows it: the cache then holds more than the fit says."
        )
    if deployment.companions.lora_count:
        yield "Adapters are named by each request; none is loaded at the start."
