"""Hugging Face Transformers: how its small server is started, with continuous batching.

Options: transformers 5.18.0 ``transformers serve --help``; pages of 256 tokens and the share of
memory: ``transformers/generation/continuous_batching``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rightrig.facts.gpu import PROCESSOR
from rightrig.recipes.engines.paged import (
    checkpoint_word,
    common_notes,
    compute_flag,
    context_reason,
    room_text,
    runs_own_code,
)
from rightrig.recipes.launch import Flag, Launch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rightrig.recipes.serving import Serving

PORT: Final = 8000
_BLOCK_TOKENS: Final = 256
"""Tokens of a page, as the fit counts them."""


def launch_of(serving: Serving) -> Launch:
    """Return how one engine is started.

    Args:
        serving: One that :func:`reason` has nothing against.
    """
    return Launch(
        engine=serving.runtime.slug,
        version=serving.version,
        entry=("transformers", "serve"),
        positional=(checkpoint_word(serving),),
        flags=tuple(_flags(serving)),
        port=PORT,
        health="/health",
        metrics="",
        notes=tuple(_notes(serving)),
    )


def reason(serving: Serving) -> str | None:
    """Return why this server cannot serve it, with the nearest that it can, or ``None``."""
    split, beside = serving.deployment.parallelism, serving.deployment.companions
    if split.engine_cards > 1:
        return (
            "transformers serve is one process on one card; use --replicas for more of them, or "
            "--runtime vllm for a model that is divided"
        )
    if serving.speculation or beside.lora_count:
        return "the recipe of Transformers has no drafts and no adapters; use --runtime vllm"
    return context_reason(serving)


def _flags(serving: Serving) -> Iterator[Flag]:
    """Yield the limits of the fit; those that are no options are the engine's own."""
    limits = serving.deployment.limits
    is_processor = serving.deployment.rig.gpu.architecture == PROCESSOR
    # An address of this machine: the server asks nobody for a key.
    yield Flag("--host", "127.0.0.1", "this machine alone; it knows no keys")
    yield Flag("--port", str(PORT), "the usual one")
    yield Flag("--device", "cpu" if is_processor else "cuda:0", "the card that the process sees")
    yield compute_flag(serving)
    yield Flag("--continuous-batching", None, "else requests wait for one another")
    yield Flag("--cb-block-size", str(_BLOCK_TOKENS), "pages of the fit")
    step = "the fit counts the activations of a step of so many tokens"
    yield Flag("--cb-max-batch-tokens", str(limits.max_batched_tokens), step)
    if is_processor:
        pages = serving.engine_seqs * -(-serving.context_tokens // _BLOCK_TOKENS)
        why = f"{serving.engine_seqs} sequences of {serving.context_tokens:,} tokens: on a "
        yield Flag("--cb-num-blocks", str(pages), f"{why}processor no share is taken")
    else:
        share = f"{limits.memory_ratio:g}"
        why = f"of what is free after loading; {room_text(serving)}"
        yield Flag("--cb-max-memory-percent", share, why)
    if runs_own_code(serving):
        yield Flag("--trust-remote-code", None, "the model's repository holds code: read it")


def _notes(serving: Serving) -> Iterator[str]:
    """Yield what to know before the first start."""
    yield from common_notes(serving)
    yield (
        f"Clients ask for the model as the command names it ({checkpoint_word(serving)}). The "
        "server is for trying things out: it exports no metrics, and has no limit of its queue."
    )
