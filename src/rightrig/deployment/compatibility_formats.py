"""Which weight formats a runtime loads on a card, and in which it multiplies."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Final

from rightrig.facts.quantization import USUAL_MIXES

if TYPE_CHECKING:
    from rightrig.deployment.deployment import Deployment
    from rightrig.facts.gpu import Gpu
    from rightrig.facts.runtime import Runtime

_MOST_NAMED: Final = 6
"""Formats that a remedy names; a list of llama.cpp's thirty would hide the sentence."""


@functools.cache
def capability(text: str) -> tuple[int, int]:
    """Return a compute capability as two numbers.

    >>> capability("8.9") < capability("12.0")
    True
    """
    major, _, minor = text.partition(".")
    return int(major), int(minor or 0)


def is_between(own: str | None, low: str | None, below: str | None) -> bool:
    """Whether a compute capability is at least ``low`` and less than ``below``.

    A bound that is ``None`` does not bind; neither does any where ``own`` is not known.
    """
    if own is None:
        return True
    number = capability(own)
    if low is not None and number < capability(low):
        return False
    return below is None or number < capability(below)


def stored_format(deployment: Deployment) -> str:
    """Return the name of the weight format, with ``checkpoint`` resolved."""
    return deployment.llm.format_of(deployment.precision.weights)


def loaded_formats(runtime: Runtime, gpu: Gpu) -> tuple[str, ...]:
    """Return the weight formats that a runtime loads on a card, in the order of its record."""
    if gpu.vendor != "NVIDIA":
        known = runtime.vendor_weight_formats
        return known.get(gpu.architecture, known.get(gpu.vendor, ()))
    below = runtime.weight_formats_below
    return tuple(
        name
        for name, floor in runtime.weight_formats.items()
        if is_between(gpu.compute_capability, floor, below.get(name))
    )


def format_reason(runtime: Runtime, gpu: Gpu, format_name: str) -> str | None:
    """Return why a runtime does not load a weight format on a card, or ``None``."""
    loaded = loaded_formats(runtime, gpu)
    if format_name in loaded:
        return None
    if gpu.vendor != "NVIDIA":
        return _vendor_format_reason(runtime, gpu, format_name, loaded)
    floor = runtime.weight_formats.get(format_name)
    if floor is None:
        return f"{runtime.name} does not load {format_name}; it loads {_some(loaded)} (--weights)"
    own, below = gpu.compute_capability, runtime.weight_formats_below.get(format_name)
    if is_between(own, floor, None):
        limit = f"below compute capability {below} only"
    else:
        limit = f"from compute capability {floor}"
    return (
        f"{runtime.name} loads {format_name} {limit}; {gpu.slug} has {own}, where it loads "
        f"{_some(loaded)} (--weights)"
    )


def _vendor_format_reason(
    runtime: Runtime, gpu: Gpu, format_name: str, loaded: tuple[str, ...]
) -> str:
    """Return why a runtime does not load a format on a card of another maker than NVIDIA."""
    if not loaded:
        return (
            f"{runtime.name} does not run on {gpu.architecture}, as {gpu.slug} is; use another "
            "--runtime"
        )
    return (
        f"{runtime.name} on {gpu.slug} loads {_some(loaded)}, not {format_name}; "
        "choose one of those with --weights, or another --runtime"
    )


def _some(names: tuple[str, ...]) -> str:
    """Return a list of formats that stays readable; of GGUF mixes, the usual ones come first.

    >>> _some(("bf16", "fp16"))
    'bf16, fp16'
    """
    usual = tuple(name for name in USUAL_MIXES if name in names)
    names = (*usual, *(name for name in names if name not in usual))
    shown = ", ".join(names[:_MOST_NAMED]) or "nothing that rightrig knows"
    return f"{shown} and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else shown


def is_native(runtime: Runtime, gpu: Gpu, format_name: str) -> bool:
    """Whether the tensor cores of a card multiply in this format, rather than in 16 bits."""
    floor = runtime.native_formats.get(format_name)
    if gpu.vendor != "NVIDIA":
        return floor is not None and gpu.peak.fp8_flop_per_s is not None and "fp8" in format_name
    if floor is None or gpu.compute_capability is None:
        return False
    return capability(gpu.compute_capability) >= capability(floor)
