"""llama.cpp: how ``llama-server`` is started.

Options, their values and rules between them: build 11434 (2026-10-06), common/arg.cpp,
tools/server/server.cpp, src/llama-context.cpp.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rightrig.facts.gpu import PROCESSOR
from rightrig.quantities import GIB
from rightrig.recipes.engines import gguf
from rightrig.recipes.launch import Flag, Launch, everywhere

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rightrig.recipes.serving import Serving

PORT: Final = 8080
_NGRAM: Final = "ngram-mod"
_MOST_NGRAM: Final = 1024
"""Most tokens that ``--spec-ngram-mod-n-max`` takes."""
_IMAGES: Final = {"NVIDIA": "server-cuda", "AMD": "server-rocm", "Intel": "server-intel"}
"""Kinds of published images by the maker of the cards; ``server`` is for processors."""

_SERVER: Final = (
    everywhere(),
    Flag("--port", str(PORT), "the usual one"),
    Flag("--metrics", None, "serves /metrics"),
)


def launch_of(serving: Serving) -> Launch:
    """Return how one engine is started.

    Args:
        serving: One that :func:`reason` has nothing against.
    """
    return Launch(
        engine=serving.runtime.slug,
        version=serving.version,
        entry=("llama-server",),
        image_entry=("llama-server",),
        flags=(
            *_weights(serving),
            *_room(serving),
            *_layers(serving),
            *_caches(serving),
            *_speculation(serving),
            *_SERVER,
        ),
        port=PORT,
        health="/health",
        metrics="/metrics",
        waiting_metric="llamacpp:requests_deferred",
        image=_image(serving),
        notes=tuple(_notes(serving)),
    )


def reason(serving: Serving) -> str | None:
    """Return why llama.cpp cannot serve this, with the nearest that it can, or ``None``."""
    found = gguf.common_reason(serving)
    if found:
        return found
    speculation = serving.speculation
    if speculation and speculation.method != "ngram":
        return (
            "the memory of a draft is not counted for llama.cpp, so that its command could not "
            "keep the fit; draft from the prompt (ngram), or use --runtime vllm"
        )
    if speculation and speculation.tokens_count > _MOST_NGRAM:
        return f"llama.cpp drafts at most {_MOST_NGRAM} tokens a step; draft {_MOST_NGRAM} or fewer"
    return None


def _weights(serving: Serving) -> Iterator[Flag]:
    """Yield what is loaded, and under which name it is asked for."""
    found, wanted = gguf.weights_file(serving)
    if gguf.is_file(found):
        yield Flag("--model", found, f"must first hold {wanted}" if wanted else "the weights")
    else:
        yield Flag("--hf-repo", found, "the weights, from the hub")
        yield Flag("--no-mmproj", None, "the fit counts no encoder of images")
    yield Flag("--alias", serving.name, "the model's name for clients")


def _room(serving: Serving) -> Iterator[Flag]:
    """Yield slots and context: each slot has a stream of cells of its own, as the fit counts."""
    slots, context = serving.engine_seqs, serving.context_tokens
    told = gguf.options(serving)
    why = f"{slots} × {context:,} tokens: the context is divided among the slots"
    yield Flag("--ctx-size", str(slots * context), why)
    yield Flag("--parallel", str(slots), "sequences at once that are promised")
    yield Flag("--no-kv-unified", None, "the fit counts a cache of its own for every slot")
    yield Flag("--batch-size", str(told.batch_tokens), "tokens handed in at once")
    yield Flag("--ubatch-size", str(told.ubatch_tokens), "the fit's buffers are for this step")
    yield Flag("--fit", "off", "the limits here are those of the fit, none is to be guessed again")


def _layers(serving: Serving) -> Iterator[Flag]:
    """Yield where the layers lie."""
    layers, parts = gguf.gpu_layers(serving), gguf.card_parts(serving)
    if _is_processor(serving):
        yield Flag("--gpu-layers", "0", "the rig is a processor")
    elif layers is None:
        yield Flag("--gpu-layers", "all", "every layer and the output matrix fit the cards")
    else:
        left = serving.fit.offloaded_layers
        yield Flag("--gpu-layers", str(layers), f"the fit: {left} layers stay in host memory")
    if parts:
        yield Flag("--split-mode", "layer", "whole layers on each card, as the fit deals them")
        yield Flag("--tensor-split", parts, "parts of the layers by which the fit deals them")
    experts = serving.deployment.placement.host_expert_layers
    if experts:
        yield Flag("--n-cpu-moe", str(experts), "layers whose experts stay in host memory")


def _caches(serving: Serving) -> Iterator[Flag]:
    """Yield how keys and values are stored, and what is kept of prompts."""
    kv = serving.deployment.precision.kv
    name, has_flash = gguf.CACHE_NAMES.get(kv, kv), gguf.options(serving).flash_attention
    yield Flag("--flash-attn", "on" if has_flash else "off", "the fit's buffers are for this")
    yield Flag("--cache-type-k", name, "format of the cache in the fit")
    yield Flag("--cache-type-v", name, "format of the cache in the fit")
    kept_mib, checkpoints = gguf.host_caches(serving)
    if serving.prefix_cache:
        yield Flag("--cache-prompt", None, "prompts that begin alike share their cache")
    else:
        yield Flag("--no-cache-prompt", None, "prompts are computed whole, as asked")
    yield Flag("--cache-ram", str(kept_mib), "MiB of host memory for prompts, beside the fit's")
    yield Flag("--ctx-checkpoints", str(checkpoints), "of a slot, in the same host memory")


def _speculation(serving: Serving) -> Iterator[Flag]:
    """Yield drafting from the prompt."""
    if serving.speculation:
        count = str(serving.speculation.tokens_count)
        yield Flag("--spec-type", _NGRAM, "drafts from the tokens so far, without a model")
        yield Flag("--spec-ngram-mod-n-max", count, "tokens drafted a step")


def _is_processor(serving: Serving) -> bool:
    """Whether no card computes."""
    return serving.deployment.rig.gpu.architecture == PROCESSOR


def _image(serving: Serving) -> str:
    """Return the published image of these cards, with the tag of the known one's build.

    A tag is the kind and the build: ``server-cuda-b11434`` (.github/workflows/docker.yml, build
    11434); none is published for Apple's machines.
    """
    known = serving.stack.image
    maker = serving.deployment.rig.gpu.vendor
    kind = "server" if _is_processor(serving) else _IMAGES.get(maker, "")
    makers = {group.gpu.vendor for group in serving.deployment.rig.groups}
    if not known or not kind:
        return ""
    if len(makers) > 1:
        kind = "server-vulkan"
    repository, _, tag = known.rpartition(":")
    return f"{repository}:{kind}-{tag.rsplit('-', 1)[-1]}"


def _notes(serving: Serving) -> Iterator[str]:
    """Yield what the reader must know before the first start."""
    found, wanted = gguf.weights_file(serving)
    if wanted:
        yield (
            f"{found} must hold {wanted}: take a published one, or make it with "
            "convert_hf_to_gguf.py and llama-quantize of the same build."
        )
    if not serving.deployment.rig.is_uniform:
        yield (
            "--tensor-split is in the order of the rig's text. llama-server --list-devices shows "
            "the order here; set CUDA_DEVICE_ORDER=PCI_BUS_ID, or name the order by --device."
        )
    if serving.fit.verdict == "offload" and serving.deployment.rig.host_memory_bytes is None:
        yield (
            "--cache-ram and --ctx-checkpoints take host memory beside the fit's "
            f"{serving.fit.host_bytes / GIB:.1f} GiB, and the rig does not say how much there is; "
            "add @ram=128GiB to it."
        )
