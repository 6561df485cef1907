"""What an engine is told to load: the published weights, or others that must be made or found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rightrig.deployment.compatibility_formats import stored_format
from rightrig.facts.quantization import is_gguf_mix

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rightrig.deployment.deployment import Deployment

MADE_WHILE_LOADING: Final[Mapping[str, Mapping[str, str]]] = {
    "vllm": {"fp8": "fp8_per_tensor", "fp8-block": "fp8_per_block"},
    "sglang": {"fp8": "fp8", "mxfp8": "mxfp8", "nf4": "bitsandbytes"},
}
"""Engine → format that it makes of 16-bit weights while it loads them → ``--quantization``.

vLLM 0.33.0 ``vllm/config/quantization.py`` (its shorthands for online quantization; ``fp8`` alone
is refused since ``fp8.py`` loads checkpoints only). SGLang 0.5.23
``sglang/srt/arg_groups/choices.py``, and ``model_loader/loader.py`` for NF4 with double
quantisation. What they make of experts alone is left out.
"""
_SIXTEEN_BITS: Final = frozenset({"bf16", "fp16"})


def is_made_while_loading(deployment: Deployment) -> bool:
    """Whether the engine turns the published weights into the planned format by itself."""
    return bool(made_while_loading(deployment))


def made_while_loading(deployment: Deployment) -> str:
    """Return what ``--quantization`` says for weights that are made while loading, else nothing."""
    own, planned = deployment.llm.checkpoint.format, stored_format(deployment)
    makes = MADE_WHILE_LOADING.get(deployment.runtime.slug, {})
    return makes.get(planned, "") if own in _SIXTEEN_BITS else ""


def checkpoint_of(deployment: Deployment, given: str | None = None) -> tuple[str, str]:
    """Return what the engine loads, and, where that is not known, what it must be.

    Args:
        deployment: Says the format.
        given: What the user says that holds it: a hub id, a folder, a file.
    """
    own, planned = deployment.llm.checkpoint.format, stored_format(deployment)
    if given:
        return given, ""
    is_same = planned == own or {own, planned} <= _SIXTEEN_BITS
    if is_same or is_made_while_loading(deployment):
        return deployment.llm.name, ""
    kind = "a GGUF file" if is_gguf_mix(planned) else "a checkpoint"
    return "", f"{kind} of {deployment.llm.name} in {planned.upper()}"
