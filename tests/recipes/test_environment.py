"""Which variables a rig needs: few, each for a reason."""

from __future__ import annotations

from typing import Any

import pytest
from servings import serving

from rightrig.recipes.environment import environment_of


def variables(model: str, on: str, **choices: Any) -> dict[str, str]:
    """Return what is set for a deployment."""
    return {one.name: one.value for one in environment_of(serving(model, on, **choices))}


@pytest.mark.parametrize(
    "rig", ["1xh100-sxm", "8xh100-sxm", "1xrtx-4090", "2xl40s", "2xrtx-3090@nvlink", "1xmi300x"]
)
def test_nothing_is_set_where_libraries_choose_well(rig: str) -> None:
    assert variables("llama-3.1-8b", rig) == {}


@pytest.mark.parametrize("rig", ["2xrtx-4090", "2xrtx-5090", "2xl40s@no-p2p"])
def test_cards_without_peers_do_not_try(rig: str) -> None:
    assert variables("llama-3.1-8b", rig, tp=2) == {"NCCL_P2P_DISABLE": "1"}


def test_replicas_of_one_card_have_no_peers_to_ask() -> None:
    assert variables("llama-3.1-8b", "2xrtx-4090", replicas=2) == {}


def test_llama_cpp_has_no_collectives() -> None:
    assert variables("llama-3.1-8b", "2xrtx-4090", runtime="llama.cpp", weights="q4_k_m") == {}


def test_unequal_cards_are_numbered_as_nvidia_smi_does() -> None:
    found = variables("llama-3.1-8b", "1xrtx-4090+1xrtx-3090", runtime="llama.cpp")
    assert found == {"CUDA_DEVICE_ORDER": "PCI_BUS_ID"}


def test_machines_need_a_network_that_the_reader_names() -> None:
    usual = variables("llama-3.1-70b", "2n:4xh100-sxm", tp=4, pp=2)
    assert int(usual.pop("VLLM_ENGINE_READY_TIMEOUT_S")) > 600
    assert set(usual) == {"NCCL_SOCKET_IFNAME", "GLOO_SOCKET_IFNAME"}
    assert all(value.startswith(f"${{{name}:?") for name, value in usual.items())
    fast = variables("llama-3.1-70b", "2n:4xh100-sxm@net=50GB/s", tp=4, pp=2)
    assert set(fast) == {*usual, "NCCL_IB_HCA", "VLLM_ENGINE_READY_TIMEOUT_S"}


def test_every_variable_has_its_source() -> None:
    rigs = ("2n:4xh100-sxm@net=50GB/s", "2xrtx-4090")
    found = [one for rig in rigs for one in environment_of(serving("llama-3.1-8b", rig))]
    assert found
    assert all("NCCL's manual" in one.why for one in found)
