"""Ollama: the environment of its server, and the Modelfile of the model.

Ollama starts llama-server for a model and hands on its own environment (github:ollama/ollama at
fb30760, 2026-08-21: llm/llama_server.go ``startLlamaServer``, envconfig/config.go and
server/sched.go).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rightrig.recipes.engines import gguf
from rightrig.recipes.launch import File, Launch, Variable
from rightrig.recipes.templating import render

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rightrig.recipes.serving import Serving

PORT: Final = 11434
_ONE_AT_ONCE: Final = (
    "qwen3_vl_text", "qwen3_vl_moe_text", "qwen3_5", "qwen3_5_text", "qwen3_5_moe",
    "qwen3_5_moe_text", "qwen3_next", "lfm2", "lfm2_moe", "nemotron_h",
)  # fmt: skip
"""Families that Ollama serves one request at a time, whatever it is told (server/sched.go)."""


def launch_of(serving: Serving) -> Launch:
    """Return how the server is started; it loads the model of the ``Modelfile`` when asked for it.

    Args:
        serving: One that :func:`reason` has nothing against.
    """
    return Launch(
        engine=serving.runtime.slug,
        version=serving.version,
        entry=("ollama", "serve"),
        image_entry=("ollama",),
        flags=(),
        environment=tuple(_environment(serving)),
        port=PORT,
        port_flag="",
        health="/api/version",
        metrics="",
        image=serving.image,
        files=(_modelfile(serving),),
        notes=tuple(_notes(serving)),
    )


def reason(serving: Serving) -> str | None:
    """Return why Ollama cannot serve this, with the nearest that it can, or ``None``."""
    found = gguf.common_reason(serving)
    if found:
        return found
    deployment = serving.deployment
    if deployment.llm.family in _ONE_AT_ONCE and serving.engine_seqs > 1:
        return (
            f"Ollama serves {deployment.llm.family} one request at a time, and "
            f"{serving.engine_seqs} are asked of one engine; use --runtime llama.cpp, or "
            f"--concurrency {deployment.parallelism.replicas}"
        )
    if serving.speculation:
        return (
            "Ollama drafts tokens only with models that bring a draft along; leave the draft out, "
            "or use --runtime vllm"
        )
    return None


def _environment(serving: Serving) -> Iterator[Variable]:
    """Yield what the server reads at its start; the last ones are read by llama-server."""
    kv = serving.deployment.precision.kv
    has_flash = gguf.options(serving).flash_attention
    slots, context = serving.engine_seqs, serving.context_tokens
    yield Variable("OLLAMA_HOST", f"0.0.0.0:{PORT}", "every interface; a container publishes apart")
    yield Variable("OLLAMA_NUM_PARALLEL", str(slots), "sequences at once that are promised")
    yield Variable("OLLAMA_CONTEXT_LENGTH", str(context), "of each of them; Ollama multiplies")
    cache = gguf.CACHE_NAMES.get(kv, kv)
    yield Variable("OLLAMA_KV_CACHE_TYPE", cache, "format of the cache in the fit")
    flash = "1" if has_flash else "0"
    yield Variable("OLLAMA_FLASH_ATTENTION", flash, "the fit's buffers are for this")
    yield Variable("OLLAMA_MAX_LOADED_MODELS", "1", "the fit counts one model on these cards")
    yield Variable("OLLAMA_KEEP_ALIVE", "-1", "the model stays loaded")
    if serving.engine_cards > 1:
        yield Variable("OLLAMA_SCHED_SPREAD", "1", "the fit deals the layers over all cards")
        yield Variable("LLAMA_ARG_TENSOR_SPLIT", gguf.card_parts(serving), "parts of the fit")
    yield Variable("LLAMA_ARG_FIT", "off", "the limits are those of the fit")
    kept_mib, checkpoints = gguf.host_caches(serving)
    yield Variable("LLAMA_ARG_CACHE_RAM", str(kept_mib), "MiB of host memory for prompts")
    yield Variable("LLAMA_ARG_CTX_CHECKPOINTS", str(checkpoints), "of a slot, in host memory")
    experts = serving.deployment.placement.host_expert_layers
    if experts:
        yield Variable("LLAMA_ARG_N_CPU_MOE", str(experts), "layers whose experts stay in the host")


def _modelfile(serving: Serving) -> File:
    """Return the file that names the weights and the limits of the model."""
    found, _ = gguf.weights_file(serving)
    layers = gguf.gpu_layers(serving)
    if layers is None:
        layers = serving.deployment.llm.layer_count + 1
    text = render(
        "Modelfile",
        name=serving.name,
        weights=_source(found),
        context_tokens=serving.context_tokens,
        batch_tokens=gguf.options(serving).ubatch_tokens,
        gpu_layers=layers,
    )
    return File("Modelfile", text, "the model as Ollama is to create it")


def _source(found: str) -> str:
    """Return weights as ``FROM`` takes them: a path, or a repository of the hub."""
    if not gguf.is_file(found):
        return f"hf.co/{found}"
    return found if "/" in found else f"./{found}"


def _notes(serving: Serving) -> Iterator[str]:
    """Yield what the reader must know before the first start."""
    found, wanted = gguf.weights_file(serving)
    if wanted:
        yield f"{found} must hold {wanted}, beside the Modelfile."
    yield (
        f"Once, while the server runs: ollama create {serving.name} -f Modelfile. It loads the "
        f"model at the first request; ollama run {serving.name} '' loads it ahead."
    )
    if serving.engine_cards > 1 or serving.deployment.placement.host_expert_layers:
        yield (
            "Ollama has no option of its own for where layers lie: variables named LLAMA_ARG_ "
            "reach the llama-server that it starts (read at fb30760)."
        )
