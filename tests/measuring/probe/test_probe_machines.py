from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rightrig.deployment.rig import parse_rig
from rightrig.facts.catalog import Catalog, shipped
from rightrig.measuring.probe.bandwidth import bandwidth_by_clock_bytes_per_s
from rightrig.measuring.probe.describing import expected_links_count
from rightrig.measuring.probe.naming import known
from rightrig.measuring.probe.probed import Probed, probed
from rightrig.measuring.probe.processor import Rates, measured_rates, processor_record
from rightrig.measuring.probe.readings import (
    Card,
    Host,
    Links,
    MigInstance,
    PowerLimits,
    Reading,
    Slot,
)
from rightrig.measuring.probe.saved import read_saved
from rightrig.quantities import GIB

FIXTURES: Final = Path(__file__).with_name("fixtures")
CATALOG: Final = shipped()
EPYC: Final = Host(name="box", cpu="AMD EPYC", cpu_vendor="AMD", memory_bytes=24.0 * GIB)


def described(reading: Reading) -> Probed:
    return probed(reading, CATALOG, "2026-11-21", is_here=False)


def saved(*names: str) -> Probed:
    return described(read_saved([FIXTURES / name for name in names]))


def cards(count: int, name: str, **fields: object) -> tuple[Card, ...]:
    return tuple(Card(n, name, "NVIDIA", **fields) for n in range(count))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("names", "rig"),
    [
        (("rtx-4090.q.txt", "rtx-4090.topo.txt", "rtx-4090.p2p.txt"), "2xrtx-4090"),
        (("h100-hgx.q.txt",), "2xh100-sxm"),
        (("a100-mig.q.xml",), "4xa100-sxm-80gb@mig=1g.20gb"),
        (("rtx-pro-6000-max-q.q.xml",), "1xrtx-pro-6000-max-q@pcie4x16"),
        (("mi300x.amd-smi.json",), "7xmi300x+1xmi300x@600w"),
        (("mi100.rocm-smi.json",), "2xmi100@290w"),
        (("a100.nvlink.txt", "dgx-a100.topo.txt"), "2xa100-sxm-80gb"),
        (("m3-max.system_profiler.json",), "1xthis-m3-max-64gb"),
    ],
)
def test_a_machine_gets_its_rig(names: tuple[str, ...], rig: str) -> None:
    subject = saved(*names)
    assert subject.machine.rig == rig
    assert subject.left_out == ()
    whole = Catalog(machine=lambda: subject.machine)
    assert parse_rig("this", whole).cards_count == parse_rig(rig, whole).cards_count


def test_every_name_that_nvidia_smi_prints_is_a_record() -> None:
    named = {
        alias: gpu.slug
        for gpu in CATALOG.gpus()
        if gpu.vendor == "NVIDIA"
        for alias in gpu.aliases
        if alias.startswith("NVIDIA ") and len(CATALOG.claims("gpus", alias)) == 1
    }
    assert len(named) > 100
    for name, slug in named.items():
        found = known(Card(0, name, "NVIDIA"), CATALOG)
        assert found.gpu is not None, name
        assert found.gpu.slug == slug


@pytest.mark.parametrize(
    ("name", "memory_mib", "slug"),
    [
        ("NVIDIA A100-PCIE-40GB", 40_960, "a100-pcie-40gb"),
        ("NVIDIA A100 80GB PCIe", 81_920, "a100-pcie-80gb"),
        ("Tesla V100-SXM2-16GB", 16_160, "v100-sxm-16gb"),
        ("Tesla V100-SXM2-32GB", 32_510, "v100-sxm-32gb"),
        ("NVIDIA H100 PCIe", 81_559, "h100-pcie"),
        ("NVIDIA H100 NVL", 95_830, "h100-nvl"),
        ("NVIDIA GeForce RTX 3060", 12_288, "rtx-3060-12gb"),
        ("NVIDIA L4", 23_034, "l4"),
    ],
)
def test_names_and_memory_choose_the_record(name: str, memory_mib: int, slug: str) -> None:
    found = known(Card(0, name, "NVIDIA", memory_mib=memory_mib), CATALOG)
    assert found.gpu is not None
    assert (found.gpu.slug, found.is_variant) == (slug, False)


def test_a_card_of_twice_the_memory_gets_a_record_of_its_own() -> None:
    found = known(Card(0, "NVIDIA GeForce RTX 4090", "NVIDIA", memory_mib=49_140), CATALOG)
    assert found.is_variant
    assert found.gpu is not None
    assert (found.gpu.slug, found.gpu.memory_nvml_mib) == ("this-rtx-4090-48gb", 49_140)
    assert found.gpu.memory_bandwidth_bytes_per_s == pytest.approx(1.008e12)


def test_a_chip_of_fewer_cores_is_not_the_larger_one() -> None:
    found = known(Card(0, "Apple M3 Max", "Apple", memory_mib=36_864, sm_count=30), CATALOG)
    assert found.gpu is None
    assert "40 cores and this one 30" in found.reason


def test_an_unknown_card_names_the_nearest_and_is_left_out() -> None:
    unknown = Card(1, "NVIDIA GeForce RTX 4099", "NVIDIA", memory_mib=24_564)
    subject = described(Reading(cards=(*cards(1, "NVIDIA L4", memory_mib=23_034), unknown)))
    assert subject.machine.rig == "1xl4"
    assert "rtx-4090" in subject.knowns[1].nearest


def test_slots_caps_and_peers_become_options() -> None:
    slot = Slot(1, 8, 3, 8, 4)
    power = PowerLimits(220.0, 300.0)
    both = tuple(
        Card(n, "NVIDIA RTX A6000", "NVIDIA", memory_mib=49_140, slot=slot, power=power)
        for n in range(2)
    )
    host = Host(memory_bytes=128.0 * GIB)
    apart = described(Reading(cards=both, links=Links({(0, 1): "PHB"}, {(0, 1): "CNS"}), host=host))
    assert apart.machine.rig == "2xrtx-a6000@220w@pcie3x8@no-p2p@ram=128GiB"
    bridged = described(Reading(cards=both, links=Links({(0, 1): "NV4"}, {(0, 1): "OK"})))
    assert bridged.machine.rig == "2xrtx-a6000@220w@pcie3x8@nvlink"
    assert parse_rig(bridged.machine.rig, CATALOG).groups[0].bridged


def test_boards_have_the_links_of_their_generation() -> None:
    counts = {
        slug: expected_links_count(CATALOG.gpu(slug))
        for slug in ("v100-sxm-16gb", "a100-sxm-80gb", "h100-sxm", "b200-sxm", "rtx-3090", "l4")
    }
    assert counts == {
        "v100-sxm-16gb": 6, "a100-sxm-80gb": 12, "h100-sxm": 18, "b200-sxm": 18, "rtx-3090": None,
        "l4": None,
    }  # fmt: skip


def test_an_instance_that_no_profile_has_is_said() -> None:
    odd = Card(0, "NVIDIA A100-SXM4-80GB", "NVIDIA", memory_mib=81_920, mig=True,
               instances=(MigInstance(3_000, 5),))  # fmt: skip
    subject = described(Reading(cards=(odd,)))
    assert subject.machine.rig == ""
    assert "a MIG instance of 3000 MiB" in subject.left_out[0]


def test_the_clock_of_the_memory_gives_the_bandwidth_of_the_record() -> None:
    for name in ("rtx-4090.q.txt", "h100-hgx.q.txt", "a100-mig.q.xml", "rtx-pro-6000-max-q.q.xml"):
        one = saved(name).knowns[0]
        computed = bandwidth_by_clock_bytes_per_s(one)
        assert one.gpu is not None
        assert computed == pytest.approx(one.gpu.memory_bandwidth_bytes_per_s, rel=0.01), name


def test_memory_that_pytorch_sees_goes_into_the_machine() -> None:
    seen = Card(0, "NVIDIA H200", "NVIDIA", memory_mib=143_771, memory_cuda_bytes=150_121_545_728)
    (card,) = described(Reading(cards=(seen,))).machine.cards
    assert (card.slug, card.memory_nvml_mib) == ("h200-sxm", 143_771)
    assert card.memory_cuda_bytes == 150_121_545_728


@given(
    st.lists(
        st.builds(
            Card,
            index=st.integers(0, 7),
            name=st.sampled_from(
                ["NVIDIA H100 80GB HBM3", "NVIDIA GeForce RTX 3090", "NVIDIA L4", "?", ""]
            ),
            vendor=st.just("NVIDIA"),
            memory_mib=st.none() | st.integers(1, 200_000),
            power=st.builds(PowerLimits, set_w=st.none() | st.floats(0.0, 2_000.0)),
            slot=st.builds(
                Slot,
                lanes=st.none() | st.integers(0, 40),
                most_generation=st.none() | st.integers(0, 9),
            ),
            instances=st.just(()) | st.just((MigInstance(9_856, 16),)),
        ),
        max_size=8,
        unique_by=lambda card: card.index,
    ),
    st.dictionaries(
        st.tuples(st.integers(0, 3), st.integers(4, 7)), st.sampled_from(["NV6", "NV18", "SYS"])
    ),
)
def test_whatever_is_read_the_rig_can_be_read_back(
    read: list[Card], paths: dict[tuple[int, int], str]
) -> None:
    subject = described(Reading(cards=tuple(read), links=Links(paths)))
    whole = Catalog(machine=lambda: subject.machine)
    if subject.machine.rig:
        named = [one for one in subject.knowns if one.gpu is not None]
        rig = parse_rig("this", whole)
        least = sum(len(one.card.instances) or 1 for one in named) - len(subject.left_out)
        assert rig.cards_count >= least


def test_a_processor_becomes_a_card_that_rigs_name() -> None:
    gpu = processor_record(EPYC, Rates(1.2e11, 4.0e10, 3.5e10), "2026-11-21")
    assert gpu is not None
    assert gpu.memory_bandwidth_bytes_per_s == 4.0e10
    assert gpu.peak.fp32_flop_per_s == 1.2e11
    assert gpu.sources[0].kind == "measured"
    machine = described(Reading()).machine.model_copy(update={"own_cards": (gpu,)})
    rig = parse_rig("1xthis-cpu", Catalog(machine=lambda: machine))
    assert rig.gpu.memory_is_unified
    assert rig.gpu.memory_bytes.mid == pytest.approx(0.9 * 24.0 * GIB, rel=0.01)


def test_a_processor_of_an_unknown_maker_is_no_card() -> None:
    host = Host(cpu_vendor="ARM", memory_bytes=1e10)
    assert processor_record(host, Rates(1.0, 1.0, 1.0), "") is None


def test_the_rates_of_this_processor_are_measured_within_a_second() -> None:
    rates = measured_rates(Host(threads_count=2, available_bytes=4e9, last_cache_bytes=16e6))
    # Any processor of the last fifteen years: 1 GFLOPS to 100 TFLOPS, 0.2 to 5,000 GB/s.
    assert 1e9 < rates.flop_per_s < 1e14
    assert 2e8 < rates.read_bytes_per_s < 5e12
    assert 2e8 < rates.copy_bytes_per_s < 5e12
