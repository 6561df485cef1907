"""Tiers with reasons, native formats, oldest software, ECC and cooling of cards."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from rightrig.errors import InputError, UnknownNameError
from rightrig.facts.catalog import shipped
from rightrig.facts.generation import FORMATS, NativeFormat, generation_of
from rightrig.facts.tier import computed_tier, tier_reasons

if TYPE_CHECKING:
    from rightrig.facts.gpu import Gpu

CATALOG: Final = shipped()
CARDS: Final = CATALOG.gpus()


@pytest.mark.parametrize("gpu", CARDS, ids=lambda gpu: gpu.slug)
def test_the_tier_of_a_record_follows_from_its_attributes(gpu: Gpu) -> None:
    tier, decisive = computed_tier(gpu)
    assert tier == gpu.tier
    assert tier_reasons(gpu)[0] == f"{tier}: {decisive}"


def test_a_consumer_card_may_have_nvlink() -> None:
    reasons = " ".join(tier_reasons(CATALOG.gpu("rtx-3090")))
    assert reasons.startswith("consumer")
    assert "NVLink by a bridge between 2 cards" in reasons
    assert "no link between cards but PCIe" in " ".join(tier_reasons(CATALOG.gpu("rtx-4090")))


def test_reasons_name_mig_ecc_fp64_and_the_drivers_licence() -> None:
    h100 = " ".join(tier_reasons(CATALOG.gpu("h100-sxm")))
    assert "MIG of up to 7 instances" in h100
    assert "ECC built into the memory" in h100
    assert "FP64 at 1/2 of FP32" in h100
    assert "licence" not in h100
    geforce = " ".join(tier_reasons(CATALOG.gpu("rtx-4090")))
    assert "FP64 at 1/64 of FP32" in geforce
    assert "licence of the GeForce driver" in geforce
    assert "no ECC" in " ".join(tier_reasons(CATALOG.gpu("rtx-5090")))


@pytest.mark.parametrize(
    ("slug", "number_format", "is_native"),
    [
        ("rtx-4090", "fp8", True),
        ("l4", "fp8", True),
        ("a100-sxm-80gb", "fp8", False),
        ("rtx-3090", "fp8", False),
        ("h100-sxm", "fp4", False),
        ("b200-sxm", "fp4", True),
        ("rtx-5090", "fp4", True),
        ("t4", "bf16", False),
        ("a10", "bf16", True),
        ("h100-sxm", "int4", False),
        ("v100-sxm-16gb", "int8", False),
        ("mi300x", "fp8", True),
        ("mi250x", "fp8", False),
    ],
)
def test_native_formats_follow_from_the_compute_capability(
    slug: str, number_format: NativeFormat, *, is_native: bool
) -> None:
    generation = generation_of(CATALOG.gpu(slug))
    assert generation is not None
    assert (number_format in generation.native_formats) is is_native


@pytest.mark.parametrize("gpu", CARDS, ids=lambda gpu: gpu.slug)
def test_a_tensor_rate_is_stated_for_native_formats_only(gpu: Gpu) -> None:
    generation = generation_of(gpu)
    if generation is None or gpu.architecture == "Volta":
        return  # INT8 of Volta is DP4A, outside the tensor cores
    stated = {
        number_format
        for number_format in FORMATS
        if number_format != "fp64"
        and getattr(gpu.peak, f"{number_format}_flop_per_s", None) is not None
    }
    # AMD prints an INT4 rate for CDNA 2 that equals INT8's: there is no instruction of its own.
    printed: set[str] = {"int4"} if gpu.architecture == "CDNA2" else set()
    assert stated - printed <= set(generation.native_formats)


@pytest.mark.parametrize(
    ("slug", "toolkit", "driver"),
    [
        ("h100-sxm", "CUDA 11.8", "520.61.05"),
        ("rtx-4090", "CUDA 11.8", "520.61.05"),
        ("a100-sxm-80gb", "CUDA 11.0", "450.36.06"),
        ("rtx-3090", "CUDA 11.1", "455.23"),
        ("b200-sxm", "CUDA 12.8", "570.26"),
        ("rtx-5090", "CUDA 12.8", "570.26"),
        ("t4", "CUDA 10.0", "410.48"),
        ("v100-sxm-16gb", "CUDA 9.0", "384.81"),
        ("p40", "CUDA 8.0", "367.48"),
    ],
)
def test_the_oldest_toolkit_and_driver_of_a_card(slug: str, toolkit: str, driver: str) -> None:
    generation = generation_of(CATALOG.gpu(slug))
    assert generation is not None
    assert (generation.min_toolkit, generation.min_driver) == (toolkit, driver)


def test_every_nvidia_card_has_a_generation_of_its_compute_capability() -> None:
    for gpu in CARDS:
        if gpu.vendor == "NVIDIA":
            generation = generation_of(gpu)
            assert generation is not None, gpu.slug
            assert generation.compute_capability == gpu.compute_capability


def test_ecc_is_a_mode_with_a_cost() -> None:
    geforce, l4, hbm = (CATALOG.gpu(slug) for slug in ("rtx-4090", "l4", "h100-sxm"))
    assert geforce.ecc == "optional-off"
    assert geforce.ecc_cost is not None
    assert geforce.ecc_cost.bandwidth_low_ratio == 0.10
    assert geforce.ecc_cost.bandwidth_high_ratio == 0.15
    assert l4.ecc_cost is not None
    assert l4.ecc_cost.capacity_ratio == 0.0625
    assert hbm.ecc_cost is not None
    assert hbm.ecc_cost.capacity_ratio == hbm.ecc_cost.bandwidth_high_ratio == 0.0
    assert CATALOG.gpu("rtx-5090").ecc == "none"


@pytest.mark.parametrize("slug", ["l40s", "a40", "l4"])
def test_nvidia_smi_prints_what_ecc_leaves_of_the_memory(slug: str) -> None:
    """48 GiB less 12 MiB, less one part in sixteen, is 46,068 MiB."""
    gpu = CATALOG.gpu(slug)
    assert gpu.ecc == "optional-on"
    assert gpu.ecc_cost is not None
    left = 1.0 - (gpu.ecc_cost.capacity_ratio or 0.0)
    assert gpu.memory_nvml_mib == pytest.approx(gpu.memory_marketed_gib * 1024 * left, rel=0.001)


def test_a_card_without_ecc_has_no_cost_of_it() -> None:
    assert [gpu.slug for gpu in CARDS if gpu.ecc == "none" and gpu.ecc_cost is not None] == []


def test_boards_without_fans_are_cooled_by_the_chassis() -> None:
    assert CATALOG.gpu("h100-sxm").cooling == "chassis air or liquid"
    assert CATALOG.gpu("l40s").cooling == "chassis air"
    assert CATALOG.gpu("gb200").cooling == "liquid"
    assert CATALOG.gpu("rtx-4090").cooling == "own fans"


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("NVIDIA H100 80GB HBM3", "h100-sxm"),
        ("NVIDIA A100-SXM4-80GB", "a100-sxm-80gb"),
        ("NVIDIA GeForce RTX 3090", "rtx-3090"),
        ("NVIDIA L40S", "l40s"),
        ("NVIDIA RTX 6000 Ada Generation", "rtx-6000-ada"),
        ("NVIDIA B200", "b200-sxm"),
        ("AMD Instinct MI300X OAM", "mi300x"),
        ("NVIDIA RTX A5000", "rtx-a5000"),
        ("Quadro RTX 8000", "quadro-rtx-8000"),
        ("Tesla P100-PCIE-16GB", "p100-pcie-16gb"),
        ("NVIDIA RTX PRO 4000 Blackwell", "rtx-pro-4000"),
        ("Apple M3 Max", "m3-max"),
    ],
)
def test_what_drivers_print_resolves(name: str, slug: str) -> None:
    assert CATALOG.gpu(name).slug == slug


@pytest.mark.parametrize(
    ("name", "first"),
    [("RTX 4090 Super", "rtx-4090"), ("RTX 5080 Ti Super", "rtx-5080"), ("H101", "h100-nvl")],
)
def test_an_unreleased_card_is_refused_with_the_nearest(name: str, first: str) -> None:
    with pytest.raises(UnknownNameError) as error:
        CATALOG.gpu(name)
    assert error.value.suggestions[0] == first


@pytest.mark.parametrize("name", ["NVIDIA GeForce RTX 4060 Ti", "a100_sxm", "H100"])
def test_a_name_of_several_cards_is_answered_with_all(name: str) -> None:
    with pytest.raises(InputError, match=r"may mean .* or .*: say which"):
        CATALOG.gpu(name)


def test_a_name_without_specification_says_why() -> None:
    with pytest.raises(InputError, match=r"'sn40l' has no specification\. SambaNova publishes no"):
        CATALOG.gpu("SN40L")


def test_a_tier_that_a_record_states_against_the_rule_is_shown_as_stated() -> None:
    odd = CATALOG.gpu("l4").model_copy(update={"tier": "professional"})
    assert tier_reasons(odd)[0] == "professional: its record says so"
