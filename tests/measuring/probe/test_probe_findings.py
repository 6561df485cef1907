from __future__ import annotations

import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

from rightrig.facts.catalog import shipped
from rightrig.facts.generation import generation_of
from rightrig.measuring.probe.findings import RULES, Finding, findings
from rightrig.measuring.probe.precision import SHOWN, precisions, supports
from rightrig.measuring.probe.probed import Probed, probed
from rightrig.measuring.probe.readings import (
    Card,
    Clocks,
    Disk,
    Host,
    Links,
    Port,
    PowerLimits,
    Reading,
    Slot,
)
from rightrig.measuring.probe.running import run
from rightrig.measuring.probe.saved import read_saved
from rightrig.measuring.probe.software import parse_torch, seen_by_torch, torch_versions
from rightrig.quantities import GIB

FIXTURES: Final = Path(__file__).with_name("fixtures")
CATALOG: Final = shipped()
H100: Final = Card(0, "NVIDIA H100 80GB HBM3", "NVIDIA", memory_mib=81_559)
RTX_3090: Final = Card(0, "NVIDIA GeForce RTX 3090", "NVIDIA", memory_mib=24_576)


def of(reading: Reading) -> Probed:
    return probed(reading, CATALOG, "2026-11-21", is_here=False)


def told(reading: Reading) -> dict[str, Finding]:
    return {one.rule_id: one for one in findings(of(reading))}


def with_card(card: Card, **fields: object) -> dict[str, Finding]:
    return told(Reading(cards=(replace(card, **fields),)))  # type: ignore[arg-type]


def test_every_rule_has_an_id_a_sentence_and_a_remedy() -> None:
    assert len({rule.id for rule in RULES}) == len(RULES)
    for rule in RULES:
        assert (rule.__doc__ or "").endswith("."), rule.id
        assert rule.remedy, rule.id
        assert not rule.remedy.endswith("."), rule.id


def test_a_healthy_card_alone_says_nothing() -> None:
    assert with_card(H100, ecc=True, persistence=True, fabric="completed") == {}


def test_the_gravest_comes_first() -> None:
    found = findings(of(Reading(cards=(replace(H100, persistence=False, ecc=False),),
                                troubles=("it broke",))))  # fmt: skip
    assert [one.severity for one in found] == ["fault", "warning", "note"]


def test_a_power_brake_is_found_in_a_public_log() -> None:
    found = told(read_saved([FIXTURES / "h100-hgx.q.txt"]))["PROBE-SLOWDOWN"]
    assert found.severity == "fault"
    assert found.sentence == "Cards 0-1 are held to 86 of 1980 MHz: hardware power brake"


def test_a_narrow_slot_counts_and_an_idle_generation_does_not() -> None:
    found = with_card(RTX_3090, slot=Slot(1, 4, 4, 16, 4))
    assert found["PROBE-PCIE-LANES"].sentence == "Card 0 uses x4 of x16 PCIe lanes"
    assert found["PROBE-PCIE-IDLE"].severity == "note"
    assert "PROBE-PCIE-SLOW" not in found


def test_a_low_generation_under_load_counts() -> None:
    found = with_card(RTX_3090, slot=Slot(1, 16, 4, 16, 4), is_idle=False)
    assert found["PROBE-PCIE-SLOW"].sentence == "Card 0 runs PCIe generation 1 of 4 under load"
    assert "PROBE-PCIE-IDLE" not in found


def test_a_cap_below_the_default_is_said() -> None:
    found = with_card(RTX_3090, power=PowerLimits(220.0, 350.0))
    assert found["PROBE-POWER"].sentence == "Card 0 is capped at 220 W of 350 W"


def test_memory_that_others_hold_is_said() -> None:
    found = told(read_saved([FIXTURES / "rtx-4090.q.txt"]))["PROBE-MEMORY-FREE"]
    assert found.sentence == (
        "2,608 of 24,564 MiB of card 1 are free: other programs hold the rest"
    )


def test_error_correction_is_judged_by_the_card() -> None:
    assert with_card(H100, ecc=False)["PROBE-ECC-OFF"].severity == "warning"
    assert "PROBE-ECC-OFF" not in with_card(RTX_3090, ecc=False)
    ada = Card(0, "NVIDIA L40S", "NVIDIA", memory_mib=46_068, ecc=True)
    assert "of the memory" in with_card(ada)["PROBE-ECC-ON"].sentence


def test_partitions_without_instances_are_a_fault() -> None:
    assert with_card(H100, mig=True)["PROBE-MIG-EMPTY"].severity == "fault"
    assert "4 instances" in told(read_saved([FIXTURES / "a100-mig.q.xml"]))["PROBE-MIG"].sentence


def test_peers_that_never_talk_are_told_from_those_that_may_not() -> None:
    links = Links({(0, 1): "PHB"}, {(0, 1): "CNS"})
    a6000 = Card(0, "NVIDIA RTX A6000", "NVIDIA", memory_mib=49_140)
    old = told(Reading(cards=(a6000, replace(a6000, index=1)), links=links))
    assert "the chipset does not allow it" in old["PROBE-P2P"].sentence
    names = ("rtx-4090.q.txt", "rtx-4090.p2p.txt")
    new = told(read_saved([FIXTURES / name for name in names]))
    assert "PROBE-P2P" not in new
    assert new["PROBE-P2P-NEVER"].severity == "note"


def test_a_bridge_is_missed_only_where_the_paths_are_known() -> None:
    both = (RTX_3090, replace(RTX_3090, index=1))
    assert "PROBE-BRIDGE" not in told(Reading(cards=both))
    assert "PROBE-BRIDGE" in told(Reading(cards=both, links=Links({(0, 1): "PHB"})))
    assert "PROBE-BRIDGE" not in told(Reading(cards=both, links=Links({(0, 1): "NV4"})))


def test_a_fabric_that_is_not_complete_is_a_fault() -> None:
    assert with_card(H100, fabric="in progress")["PROBE-FABRIC"].severity == "fault"


def test_kinds_and_memory_nodes_are_told() -> None:
    found = told(
        Reading(cards=(replace(H100, numa_node=0), replace(RTX_3090, index=1, numa_node=1)))
    )
    assert "mixes 2 kinds" in found["PROBE-ONE-KIND"].sentence
    assert "card 0 on node 0; card 1 on node 1" in found["PROBE-NUMA"].sentence


def test_a_memory_that_computes_to_another_bandwidth_is_said() -> None:
    found = with_card(H100, clocks=Clocks(memory_max_hz=1.6e9))
    assert "2,048 GB/s by its memory clock" in found["PROBE-BANDWIDTH"].sentence


def test_an_unknown_card_is_told_with_the_nearest_and_a_way_out() -> None:
    found = with_card(H100, name="NVIDIA H100 81GB")["PROBE-CARD-KNOWN"]
    assert "h100" in found.sentence
    assert "add-your-own-hardware" in found.remedy


@pytest.mark.parametrize(
    ("versions", "rule", "words"),
    [
        ({"driver": "535.104.05", "torch": "2.13.0+cu130"}, "PROBE-DRIVER-TORCH", "580.65.06"),
        ({"driver": "470.82.01", "torch": "2.4.0+cu121"}, "PROBE-DRIVER-TORCH", "525.60.13"),
        ({"driver": "470.82.01"}, "PROBE-DRIVER-CARD", "520.61.05"),
        ({"torch": "1.12.0+cu113"}, "PROBE-TORCH-CARD", "CUDA 11.8 is the first"),
        ({"torch": "2.13.0+cpu"}, "PROBE-TORCH-CPU", "sees none of the cards"),
        ({"torch": "2.13.0+rocm6.4"}, "PROBE-TORCH-CPU", "built for AMD"),
        ({"nccl-cu12": "2.27.5", "nccl-cu13": "2.28.3"}, "PROBE-NCCL", "two builds"),
        ({"nccl": "2.27.5", "nccl-cu12": "2.21.5"}, "PROBE-NCCL", "PyTorch uses NCCL 2.27.5"),
    ],
)
def test_software_that_does_not_go_together_is_told(
    versions: dict[str, str], rule: str, words: str
) -> None:
    assert words in told(Reading(cards=(H100,), versions=versions))[rule].sentence


def test_software_that_goes_together_says_nothing() -> None:
    versions = {"driver": "535.104.05", "cuda": "12.2", "torch": "2.4.0+cu124", "vllm": "0.33.0"}
    assert told(Reading(cards=(replace(H100, ecc=True),), versions=versions)) == {}


def test_an_engine_that_does_not_run_on_the_cards_is_told() -> None:
    pascal = Card(0, "NVIDIA GeForce GTX 1080 Ti", "NVIDIA", memory_mib=11_264)
    found = told(Reading(cards=(pascal,), versions={"vllm": "0.33.0", "llama-server": "b9000"}))
    assert "vllm 0.33.0 needs compute capability 7.5" in found["PROBE-ENGINE"].sentence
    assert "llama" not in found["PROBE-ENGINE"].sentence


def test_a_small_host_is_told() -> None:
    eight = tuple(replace(H100, index=n) for n in range(8))
    host = Host(
        memory_bytes=32.0 * GIB, available_bytes=20.0 * GIB, virtual="a container",
        disks=(Disk("/", 500.0 * GIB, 90.0 * GIB, "NVMe"),),
    )  # fmt: skip
    found = told(Reading(cards=eight, host=host))
    assert "20.00 GiB of host memory are free" in found["PROBE-RAM"].sentence
    assert "637.18 GiB" in found["PROBE-RAM-CACHE"].sentence
    assert "90.00 GiB are free on /" in found["PROBE-DISK"].sentence
    assert "a container" in found["PROBE-VIRTUAL"].sentence


def test_ports_that_are_down_are_counted() -> None:
    up = Port("mlx5_0", "MT4129", 1, "Active", 4e11, "InfiniBand")
    found = told(Reading(cards=(H100,), ports=(up, replace(up, adapter="mlx5_1", state="Down"))))
    assert found["PROBE-PORTS"].sentence == "1 of 2 network ports are down: mlx5_1"


@pytest.mark.parametrize(
    ("capability", "fp8", "fp4"),
    [("8.9", True, False), ("8.6", False, False), ("9.0", True, False), ("10.0", True, True),
     ("12.0", True, True), ("8.0", False, False)],
)  # fmt: skip
def test_fp8_begins_at_8_9_and_fp4_at_10(capability: str, fp8: bool, fp4: bool) -> None:  # noqa: FBT001 - a table
    assert (supports(capability, "fp8"), supports(capability, "fp4")) == (fp8, fp4)


def test_where_formats_begin_agrees_with_every_record() -> None:
    seen = 0
    for gpu in CATALOG.gpus():
        generation = generation_of(gpu)
        if not gpu.compute_capability or generation is None:
            continue
        for name in ("bf16", "fp8", "fp4"):
            assert supports(gpu.compute_capability, name) == (name in generation.native_formats)
        seen += 1
    assert seen > 60


def test_no_hopper_is_advised_fp4_and_every_blackwell_is() -> None:
    names = {"Hopper": 0, "Blackwell": 0}
    for gpu in CATALOG.gpus():
        if gpu.architecture not in names:
            continue
        (found,) = precisions(of(Reading(cards=(Card(0, gpu.slug, "NVIDIA"),))), CATALOG)
        assert ("FP4" in found.serving.use) == (gpu.architecture == "Blackwell"), gpu.slug
        names[gpu.architecture] += 1
    assert min(names.values()) >= 5


@pytest.mark.parametrize(
    ("card", "serving", "tuning"),
    [
        ("rtx-4090", "FP8 weights", "BF16"),
        ("a100-sxm-80gb", "BF16; INT8", "BF16"),
        ("t4", "FP16", "FP16 with loss scaling"),
        ("p40", "GGUF", "nothing larger"),
        ("mi300x", "FP8 weights", "BF16"),
        ("m2-ultra", "GGUF or MLX", "LoRA with MLX"),
    ],
)
def test_the_advice_goes_by_what_a_card_multiplies(card: str, serving: str, tuning: str) -> None:
    (found,) = precisions(of(Reading(cards=(Card(0, card, "NVIDIA"),))), CATALOG)
    assert found.serving.use.startswith(serving)
    assert found.fine_tuning.use.startswith(tuning)
    assert found.formats.keys() == set(SHOWN)


def test_a_card_without_a_record_is_advised_by_its_compute_capability() -> None:
    new = Card(0, "NVIDIA New One", "NVIDIA", compute_capability="13.0")
    (found,) = precisions(of(Reading(cards=(new,))), CATALOG)
    assert found.formats["fp4"]
    kin = replace(new, compute_capability="8.6")
    assert not precisions(of(Reading(cards=(kin,))), CATALOG)[0].formats["fp8"]


def test_what_pytorch_sees_goes_to_the_card_of_that_uuid() -> None:
    text = (
        'a warning\n{"torch": "2.11.0", "cuda": "13.0", "hip": null, "nccl": "2.27.5", "seen": '
        '[{"uuid": "b", "sm_count": 132, "memory_bytes": 85029615042, "capability": "9.0"}]}'
    )
    told_by_torch = parse_torch(text)
    versions = {"torch": "2.11.0", "torch-cuda": "13.0", "nccl": "2.27.5"}
    assert torch_versions(told_by_torch) == versions
    both = (replace(H100, uuid="GPU-a"), replace(H100, index=1, uuid="GPU-b"))
    first, second = seen_by_torch(both, told_by_torch)
    assert (first.sm_count, second.sm_count) == (None, 132)
    assert second.memory_cuda_bytes == 85_029_615_042
    assert second.compute_capability == "9.0"


def test_a_program_that_does_not_end_is_ended_and_its_output_kept() -> None:
    endless = "import time\nprint('before', flush=True)\ntime.sleep(60)"
    start_s = time.monotonic()
    output = run([sys.executable, "-c", endless], 1.5)
    assert time.monotonic() - start_s < 10.0
    assert output.text.strip() == "before"
    assert "did not answer within 1.5 s" in output.problem


def test_a_missing_and_a_failing_program_are_told_apart() -> None:
    missing = run(["no-such-program-here"], 1.0)
    assert (missing.is_missing, missing.problem) == (True, "there is no no-such-program-here")
    failing = run([sys.executable, "-c", "import sys; sys.exit(3)"], 10.0)
    assert not failing.is_missing
    assert failing.problem.endswith("ended with exit code 3")
