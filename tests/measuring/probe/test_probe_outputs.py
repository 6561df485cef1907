from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rightrig.errors import InputError
from rightrig.measuring.probe.amd import parse_amd_smi, parse_rocm_smi
from rightrig.measuring.probe.apple import parse_system_profiler
from rightrig.measuring.probe.host import parse_cpuinfo, parse_meminfo, read_host
from rightrig.measuring.probe.links import parse_topology
from rightrig.measuring.probe.ports import parse_ibstat
from rightrig.measuring.probe.saved import parse_saved, read_saved
from rightrig.measuring.probe.smi import parse_smi

if TYPE_CHECKING:
    from rightrig.measuring.probe.readings import Reading

FIXTURES: Final = Path(__file__).with_name("fixtures")


def smi(name: str) -> Reading:
    found = parse_smi((FIXTURES / name).read_text("utf-8"))
    assert found is not None
    return found


def test_the_text_of_nvidia_smi_tells_two_rtx_4090() -> None:
    found = smi("rtx-4090.q.txt")
    assert found.versions == {"driver": "535.154.05", "cuda": "12.2"}
    idle, busy = found.cards
    assert idle.name == "NVIDIA GeForce RTX 4090"
    assert idle.uuid == "GPU-370465f5-30e0-6877-b85c-16729f41b90f"
    assert (idle.memory_mib, idle.ecc, idle.mig, idle.persistence) == (24_564, False, None, True)
    assert idle.clocks.memory_max_hz == pytest.approx(10_501e6)
    assert (idle.power.set_w, idle.power.default_w) == (450.0, 450.0)
    assert (idle.slot.generation, idle.slot.most_generation, idle.slot.lanes) == (1, 4, 16)
    assert idle.is_idle
    assert not busy.is_idle
    assert busy.clocks.sm_hz == pytest.approx(2_640e6)
    assert busy.slowdowns == ("software power cap",)


def test_reasons_below_a_reason_with_a_value_of_its_own_are_read() -> None:
    first, second = smi("h100-hgx.q.txt").cards
    assert first.slowdowns == ("hardware slowdown", "hardware power brake")
    assert (first.fabric, second.fabric) == ("completed", "completed")
    assert (second.bus_id, second.memory_mib) == ("00000000:3B:00.0", 81_559)


def test_the_xml_of_nvidia_smi_tells_mig_instances() -> None:
    (card,) = smi("a100-mig.q.xml").cards
    assert card.mig is True
    assert [(part.memory_mib, part.sm_count) for part in card.instances] == [(19_968, 14)] * 4
    assert (card.power.set_w, card.persistence, card.ecc) == (500.0, False, True)


def test_the_text_of_nvidia_smi_tells_mig_instances_too() -> None:
    part = (
        "    MIG Device\n        Index : {}\n        Device Attributes\n            Shared\n"
        "                Multiprocessor count : 14\n"
        "        FB Memory Usage\n            Total : 9728 MiB\n"
    )
    text = (
        "==NVSMI LOG==\nDriver Version : 535.1\nGPU 00000000:07:00.0\n"
        "    Product Name : NVIDIA A100-SXM4-80GB\n    MIG Mode\n        Current : Enabled\n"
        + part.format(0)
        + part.format(1)
        + "    FB Memory Usage\n        Total : 81920 MiB\n        Free : 81000 MiB\n"
    )
    found = parse_smi(text)
    assert found is not None
    (card,) = found.cards
    assert [(one.memory_mib, one.sm_count) for one in card.instances] == [(9_728, 14)] * 2
    assert (card.memory_mib, card.free_mib) == (81_920, 81_000)


def test_a_deprecated_field_is_no_value() -> None:
    (card,) = smi("rtx-pro-6000-max-q.q.xml").cards
    assert card.instances == ()
    assert (card.slot.most_generation, card.slot.card_generation) == (4, 5)


def test_entities_are_never_expanded() -> None:
    bomb = '<!DOCTYPE a [<!ENTITY b "b"><!ENTITY c SYSTEM "file:///etc/passwd">]>'
    assert parse_smi(f"<?xml version='1.0'?>{bomb}<nvidia_smi_log>&c;</nvidia_smi_log>") is None
    assert parse_smi("<nvidia_smi_log><gpu>") is None


def test_a_matrix_tells_pairs_adapters_and_memory_nodes() -> None:
    links, near = parse_topology((FIXTURES / "dgx-a100.topo.txt").read_text("utf-8"))
    assert len(links.paths) == 28
    assert set(links.paths.values()) == {"NV12"}
    assert links.nics == tuple(f"mlx5_{n}" for n in range(8))
    assert near[0] == ("48-63,176-191", 3)
    assert near[7] == ("80-95,208-223", 5)


def test_a_painted_header_and_a_matrix_of_peers_are_read() -> None:
    links, near = parse_topology((FIXTURES / "rtx-4090.topo.txt").read_text("utf-8"))
    assert (links.paths, near[1]) == ({(0, 1): "PHB"}, ("0-31", 0))
    peers, _ = parse_topology((FIXTURES / "rtx-4090.p2p.txt").read_text("utf-8"))
    assert peers.peer == {(0, 1): "GNS"}


def test_ports_are_read_before_ibstat_panics() -> None:
    first, second = parse_ibstat((FIXTURES / "a100.ibstat.txt").read_text("utf-8"))
    assert (first.adapter, first.number, first.state) == ("mlx5_0", 1, "Active")
    assert second.rate_bits_per_s == pytest.approx(200e9)
    assert second.link_layer == "InfiniBand"


def test_amd_smi_tells_eight_mi300x() -> None:
    found = parse_amd_smi(json.loads((FIXTURES / "mi300x.amd-smi.json").read_text("utf-8")))
    assert found is not None
    assert found.versions == {"amdgpu": "6.12.12"}
    assert len(found.cards) == 8
    card = found.cards[3]
    assert (card.name, card.memory_mib, card.sm_count) == ("AMD Instinct MI300X", 196_592, 304)
    assert card.power.set_w == 600.0
    assert (card.slot.most_generation, card.slot.most_lanes) == (5, 16)
    assert [one.numa_node for one in found.cards] == [0] * 4 + [1] * 4


def test_rocm_smi_tells_two_mi100_behind_the_names_of_their_chips() -> None:
    found = parse_rocm_smi(json.loads((FIXTURES / "mi100.rocm-smi.json").read_text("utf-8")))
    assert found is not None
    assert [card.name for card in found.cards] == ["Instinct MI100"] * 2
    assert found.cards[0].memory_mib == 32_752
    assert found.cards[0].slot.generation == 4
    assert found.links.paths == {(0, 1): "PCIE"}


def test_system_profiler_tells_a_chip_and_its_memory() -> None:
    text = (FIXTURES / "m3-max.system_profiler.json").read_text("utf-8")
    found = parse_system_profiler(json.loads(text))
    assert found is not None
    (card,) = found.cards
    assert (card.name, card.sm_count, card.memory_mib) == ("Apple M3 Max", 40, 65_536)
    assert found.host.threads_count == 16


def test_a_processor_and_memory_are_read_as_linux_writes_them() -> None:
    cpu = parse_cpuinfo(
        "processor\t: 0\nvendor_id\t: AuthenticAMD\nmodel name\t: AMD EPYC 9654\n"
        "physical id\t: 0\nflags\t\t: fpu avx2 avx512f avx512_bf16 hypervisor\n\n"
        "processor\t: 1\nphysical id\t: 1\n"
    )
    assert (cpu.cpu, cpu.cpu_vendor, cpu.threads_count) == ("AMD EPYC 9654", "AMD", 2)
    assert (cpu.sockets_count, cpu.flags) == (2, ("avx2", "avx512f", "avx512_bf16"))
    assert cpu.virtual
    meminfo = "MemTotal:       131072 kB\nMemFree:  1 kB\nMemAvailable:   65536 kB\n"
    assert parse_meminfo(meminfo) == (2.0**27, 2.0**26)


def test_this_host_has_a_processor_memory_and_a_disk() -> None:
    host = read_host()
    assert host.threads_count is not None
    assert host.threads_count >= 1
    assert all(0.0 <= disk.free_bytes <= disk.size_bytes for disk in host.disks)


def test_several_saved_outputs_describe_one_machine() -> None:
    names = ("rtx-4090.q.txt", "rtx-4090.topo.txt", "rtx-4090.p2p.txt", "a100.ibstat.txt")
    found = read_saved([FIXTURES / name for name in names])
    assert found.sources == names
    assert [card.numa_node for card in found.cards] == [0, 0]
    assert (found.links.paths, found.links.peer) == ({(0, 1): "PHB"}, {(0, 1): "GNS"})
    assert len(found.ports) == 2


def test_one_log_may_hold_the_outputs_of_several_programs(tmp_path: Path) -> None:
    names = ("h100-hgx.q.txt", "a100.ibstat.txt")
    log = tmp_path / "all.log"
    log.write_text("\n".join((FIXTURES / name).read_text("utf-8") for name in names), "utf-8")
    found = read_saved([log])
    assert (len(found.cards), len(found.ports)) == (2, 2)


def test_what_windows_redirects_is_read(tmp_path: Path) -> None:
    path = tmp_path / "smi.txt"
    path.write_text((FIXTURES / "rtx-4090.q.txt").read_text("utf-8"), "utf-16")
    assert len(read_saved([path]).cards) == 2


def test_another_file_is_refused_with_what_is_known(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("nothing", "utf-8")
    with pytest.raises(InputError, match=r"notes\.txt is no saved output.*nvidia-smi topo -m"):
        read_saved([path])
    with pytest.raises(InputError, match="no such file"):
        read_saved([tmp_path / "missing"])


@given(
    st.one_of(
        st.text(max_size=300),
        st.sampled_from(sorted(FIXTURES.glob("*.*"))).flatmap(
            lambda path: st.tuples(
                st.just(path.read_text("utf-8")), st.integers(0, 4000), st.text(max_size=8)
            ).map(lambda cut: cut[0][: cut[1]] + cut[2] + cut[0][cut[1] + 7 :])
        ),
        st.recursive(
            st.none() | st.integers() | st.text(max_size=6),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(
                    st.sampled_from(["gpu_data", "asic", "vram", "size", "card0", "limit", "bus"]),
                    inner,
                    max_size=4,
                )
            ),
        ).map(json.dumps),
    )
)
def test_no_output_however_broken_ends_in_another_error(text: str) -> None:
    found, problem = None, ""
    try:
        found = parse_saved(text, Path("some"))
    except InputError as error:
        problem = str(error)
    assert found is not None or "some is no saved output" in problem
