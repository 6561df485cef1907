"""Versions that work together: what an engine was published with, and what that asks of a card."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rightrig.deployment.compatibility import SYSTEM_NAMES
from rightrig.deployment.limits import version_of
from rightrig.facts.generation import generation_of
from rightrig.facts.gpu import PROCESSOR
from rightrig.recipes.launch import File
from rightrig.recipes.templating import render

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rightrig.facts.runtime import Stack
    from rightrig.recipes.serving import Serving

PATH: Final = "requirements.txt"
_TORCH_INDEX: Final = "https://download.pytorch.org/whl"
"""Where builds of PyTorch with a suffix, such as ``+cu130``, are: not on the usual index."""
_FIRST_WITHOUT: Final = 13
_FLOOR: Final = (7, 5)
FLOOR_SOURCE: Final = "https://docs.nvidia.com/cuda/archive/13.0.0/cuda-toolkit-release-notes/"
"""CUDA 13 neither compiles for Maxwell, Pascal and Volta nor has libraries for them."""


def lock_file(serving: Serving) -> File:
    """Return the packages of an engine as pip takes them, under what they ask of the machine.

    The digest of an image is left to the reader: it is of the day on which the image is pulled.
    """
    stack = serving.stack
    text = render(
        PATH,
        name=serving.runtime.name,
        version=serving.version,
        stack=stack,
        driver=_driver(serving),
        brought=_brought(stack) if _is_nvidia(serving) else "",
        system=_system(serving),
        other_maker="" if _is_nvidia(serving) else _maker(serving),
        pins=list(_pins(stack)) if _is_nvidia(serving) else [],
        note=card_note(serving),
    )
    return File(PATH, text, "packages that work together, and the driver that they need")


def version_rows(serving: Serving) -> tuple[tuple[str, str], ...]:
    """Return what is pinned, as (what, version); what is not known is left out."""
    stack = serving.stack
    rows = [(serving.runtime.name, serving.version), ("Python", stack.python)]
    if _is_nvidia(serving):
        rows += [
            ("container image", stack.image), ("package", stack.package),
            ("PyTorch", stack.torch), ("CUDA", stack.cuda), ("NCCL", stack.nccl),
            ("NVIDIA driver", _driver(serving)), *stack.packages.items(),
        ]  # fmt: skip
    return tuple((what, version) for what, version in rows if version)


def stack_reason(serving: Serving) -> str | None:
    """Return why the pinned CUDA does not run on a card, with what does; ``None`` where it does."""
    gpu, cuda = serving.deployment.rig.gpu, version_of(serving.stack.cuda)
    capability = version_of(gpu.compute_capability or "")
    if not _is_nvidia(serving) or not cuda or not capability:
        return None
    if cuda[0] < _FIRST_WITHOUT or capability >= _FLOOR:
        return None
    return (
        f"{serving.runtime.name} {serving.version} is built with CUDA {serving.stack.cuda}, which "
        f"has nothing for compute capability {gpu.compute_capability} ({gpu.slug}); the nearest "
        "that runs is llama.cpp by its image of CUDA 12 (--runtime llama.cpp), and from 7.0 "
        f"LMDeploy, which is built with CUDA 12 ({FLOOR_SOURCE})"
    )


def card_note(serving: Serving) -> str:
    """Return what to know of a card that is older or newer than the pinned CUDA; mostly empty."""
    reason, gpu = stack_reason(serving), serving.deployment.rig.gpu
    capability = version_of(gpu.compute_capability or "")
    if reason or not _is_nvidia(serving) or not capability:
        return reason or ""
    if capability < _FLOOR:
        return (
            f"Compute capability {gpu.compute_capability}: stay with builds of CUDA 12 and a "
            f"driver of branch 580 or older; CUDA 13 has nothing for this card ({FLOOR_SOURCE})"
        )
    cuda, generation = version_of(serving.stack.cuda), generation_of(gpu)
    wanted = (generation.min_toolkit or "") if generation else ""
    # A bare major version says too little to compare.
    if len(cuda) > 1 and cuda < version_of(wanted.removeprefix("CUDA ")):
        return (
            f"The build is of CUDA {serving.stack.cuda}, and {gpu.slug} is known to {wanted} and "
            "later: where kernels are missing or slow, take the project's build for CUDA 13"
        )
    return ""


def least_driver(serving: Serving) -> str:
    """Return the oldest driver of NVIDIA that the pinned CUDA and every card run on.

    Empty where that CUDA's is not known: the cards alone would ask for too little.
    """
    if not serving.stack.least_driver:
        return ""
    found = (generation_of(group.gpu) for group in serving.deployment.rig.groups)
    drivers = [one.min_driver for one in found if one is not None and one.min_driver]
    return max((serving.stack.least_driver, *drivers), key=version_of)


def _is_nvidia(serving: Serving) -> bool:
    """Whether the pins, which are those of NVIDIA's builds, are for this rig."""
    return serving.deployment.rig.gpu.vendor == "NVIDIA"


def _maker(serving: Serving) -> str:
    """Return for whom no pins are known, in words."""
    gpu = serving.deployment.rig.gpu
    return "processors" if gpu.architecture == PROCESSOR else gpu.vendor


def _system(serving: Serving) -> str:
    """Return the operating system: the one that was asked for, else the usual one of such cards."""
    is_apple = serving.deployment.rig.gpu.vendor == "Apple"
    return SYSTEM_NAMES[serving.deployment.operating_system or ("macos" if is_apple else "linux")]


def _driver(serving: Serving) -> str:
    """Return the oldest driver, in words; empty where none is known or another maker's is meant."""
    least = least_driver(serving)
    return f"{least} or newer" if least and _is_nvidia(serving) else ""


def _brought(stack: Stack) -> str:
    """Return what the packages bring of CUDA, in words."""
    named = (("CUDA", stack.cuda), ("NCCL", stack.nccl))
    return " and ".join(f"{name} {version}" for name, version in named if version)


def _pins(stack: Stack) -> Iterator[str]:
    """Yield the lines of pip."""
    if not stack.package:
        return
    _, has_build, build = stack.torch.partition("+")
    if has_build:
        yield f"--extra-index-url {_TORCH_INDEX}/{build}"
    yield stack.package
    if stack.torch:
        yield _pin("torch", stack.torch)
    if stack.nccl:
        yield _pin(f"nvidia-nccl-cu{version_of(stack.cuda)[0]}", stack.nccl)
    yield from (_pin(name, version) for name, version in stack.packages.items())


def _pin(name: str, version: str) -> str:
    """Return one requirement.

    >>> _pin("torch", "2.14.0"), _pin("torch", ">=2.6")
    ('torch==2.14.0', 'torch>=2.6')
    """
    return f"{name}=={version}" if version[0].isdigit() else f"{name}{version}"
