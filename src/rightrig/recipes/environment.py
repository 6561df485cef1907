"""Variables that a rig needs beside those of the engine: how its cards find each other.

Few are set, since libraries choose well by themselves: NCCL's manual warns against keeping its
debugging variables. Left alone on purpose are ``NCCL_CUMEM_ENABLE`` (vLLM set it to 0 up to 0.10.1,
SGLang 0.5.23 sets it itself), vLLM's own all-reduce (it tests peers and does without, vLLM 0.33.0
``custom_all_reduce.py``) and ``HF_HUB_OFFLINE`` (a first start must download). Which cards an
engine sees is said where it is started.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rightrig.deployment.limits import LAYERED
from rightrig.deployment.rig import NODE_LINK_BYTES_PER_S
from rightrig.recipes.launch import Variable
from rightrig.recipes.patience import startup_s

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rightrig.recipes.serving import Serving

_NCCL_MANUAL: Final = "NCCL's manual, Environment Variables"
_COLLECTIVE_VENDORS: Final = ("NVIDIA", "AMD")
"""Whose cards talk by NCCL, or by RCCL, which reads the same variables."""
_VLLM_PATIENCE_S: Final = 600


def environment_of(serving: Serving) -> tuple[Variable, ...]:
    """Return the variables that the rig needs, each with its reason and source.

    A value that begins with ``${`` is for the reader to fill in before the start.
    """
    return (*_order(serving), *_peers(serving), *_machines(serving), *_patience(serving))


def _patience(serving: Serving) -> Iterator[Variable]:
    """Yield how long vLLM's server waits for its engine: a large model loads longer than usual.

    After 600 s it ends (0.33.0 ``vllm/envs.py``), and who restarts it begins again and again.
    """
    if serving.runtime.slug != "vllm" or startup_s(serving) <= _VLLM_PATIENCE_S:
        return
    yield Variable(
        "VLLM_ENGINE_READY_TIMEOUT_S",
        str(startup_s(serving)),
        "a first start may take that long; vLLM gives up after 600 s (vLLM 0.33.0 vllm/envs.py)",
    )


def is_without_peers(serving: Serving) -> bool:
    """Whether the cards of one engine exchange through host memory."""
    ranks = min(serving.engine_cards, serving.deployment.rig.cards_per_node)
    return serving.deployment.rig.link(ranks).kind == "pcie-host"


def _order(serving: Serving) -> Iterator[Variable]:
    """Yield the order of unequal cards: CUDA counts the fastest first, other programs do not."""
    rig = serving.deployment.rig
    if rig.is_uniform or rig.gpu.vendor != "NVIDIA":
        return
    yield Variable(
        "CUDA_DEVICE_ORDER",
        "PCI_BUS_ID",
        "unequal cards: CUDA then numbers them as nvidia-smi does, not the fastest first (CUDA C++ "
        "Programming Guide, CUDA Environment Variables; vLLM 0.33.0 vllm/platforms/cuda.py)",
    )


def _peers(serving: Serving) -> Iterator[Variable]:
    """Yield what keeps NCCL from a path between cards that is not there."""
    if not _talks(serving) or not is_without_peers(serving):
        return
    yield Variable(
        "NCCL_P2P_DISABLE",
        "1",
        "these cards exchange through host memory: their driver, or the machine, does not let one "
        "read the other, and where it only claims to, engines hang at their start "
        f"({_NCCL_MANUAL}; github.com/NVIDIA/nccl-tests/issues/117)",
    )


def _machines(serving: Serving) -> Iterator[Variable]:
    """Yield which networks the machines of one engine meet on."""
    if serving.engine_nodes == 1 or not _talks(serving):
        return
    why = "the network interface on which the machines reach each other, such as eth0"
    source = "vLLM 0.33.0 docs/usage/troubleshooting.md"
    for name in ("NCCL_SOCKET_IFNAME", "GLOO_SOCKET_IFNAME"):
        yield Variable(name, f"${{{name}:?{why}}}", f"{why} ({_NCCL_MANUAL}; {source})")
    # A network that the rig names as faster than the usual one is not reached over TCP.
    if serving.deployment.rig.network_bytes_per_s > NODE_LINK_BYTES_PER_S:
        why = "the adapters that carry tensors between machines, such as mlx5_0,mlx5_1 (ibstat)"
        yield Variable("NCCL_IB_HCA", f"${{NCCL_IB_HCA:?{why}}}", f"{why} ({_NCCL_MANUAL})")


def _talks(serving: Serving) -> bool:
    """Whether the cards of one engine exchange tensors by NCCL or RCCL.

    llama.cpp and Ollama hand layers on by copies.
    """
    is_layered = serving.runtime.slug in LAYERED
    is_known = serving.deployment.rig.gpu.vendor in _COLLECTIVE_VENDORS
    return serving.engine_cards > 1 and is_known and not is_layered
