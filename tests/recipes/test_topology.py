"""topology.sh runs on the target: here against programs that print what real ones print."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from servings import serving
from shellcheck import assert_sound

from golden import golden
from rightrig.facts.catalog import shipped
from rightrig.measuring.probe.probed import Probed, probed
from rightrig.measuring.probe.readings import Card, Links, NvLink, PowerLimits, Reading, Slot
from rightrig.recipes.proving.topology import REMEDIES, topology_proofs, topology_script
from rightrig.recipes.proving.topology_wanted import wanted_of

if TYPE_CHECKING:
    from collections.abc import Mapping

FIXTURES = Path(__file__).parents[1] / "measuring" / "probe" / "fixtures"
NAME = "NVIDIA A100-SXM4-80GB"
ROWS = "".join(
    f"{n}, {NAME}, 81920, 4, 16, Enabled, Enabled, Disabled, 400.00, 580.95.05\n" for n in range(2)
)
PEERS = " \tGPU0\tGPU1\t\n GPU0\tX\tOK\t\n GPU1\tOK\tX\t\n\nLegend:\n\n  X    = Self\n"
HEALTHY = {
    "query": ROWS,
    "errors": "0, 0\n1, 0\n",
    "topo -m": (FIXTURES / "dgx-a100.topo.txt").read_text(),
    "topo -p2p": PEERS,
    "nvlink": (FIXTURES / "a100.nvlink.txt").read_text(),
    "-L": f"GPU 0: {NAME} (UUID: GPU-1)\nGPU 1: {NAME} (UUID: GPU-2)\n",
}
PAIR = ("llama-3.1-8b", "2xa100-sxm-80gb")
FAKE = """#!/bin/sh
case "$1 $2" in
  --query-gpu=*ecc.errors*) cat "{folder}/errors" ;;
  --query-gpu=*) cat "{folder}/query" ;;
  "topo -m") cat "{folder}/topo -m" ;;
  "topo -p2p") cat "{folder}/topo -p2p" ;;
  "nvlink -s") cat "{folder}/nvlink" ;;
  "-L "*) cat "{folder}/-L" ;;
  *) echo "unknown: $*" >&2; exit 6 ;;
esac
"""
ALL_REDUCE = """# nThread 1 nGpus 2 minBytes 268435456 maxBytes 268435456
   268435456      67108864     float     sum      -1   1234.5  217.4  {rate}      0   1235.0
# Out of bounds values : 0 OK
# Avg bus bandwidth    : {rate}
#
"""
COPIES = """Unidirectional P2P=Disabled Bandwidth (P2P Writes) Matrix (GB/s)
   D\\D     0      1
     0 1564.24  11.02
     1  11.04 1566.13
Unidirectional P2P=Enabled Bandwidth (P2P Writes) Matrix (GB/s)
   D\\D     0      1
     0 1562.25 {rate}
     1 275.10 1565.19
Bidirectional P2P=Disabled Bandwidth Matrix (GB/s)
   D\\D     0      1
     0 1580.43  19.01
     1  19.11 1581.20
"""


def ran(
    folder: Path,
    said: Mapping[str, str],
    asked: tuple[str, str] = PAIR,
    programs: Mapping[str, str] | None = None,
    **choices: Any,
) -> tuple[int, list[str]]:
    """Return the exit status and the lines of the script of a deployment."""
    texts = {**HEALTHY, **said}
    for name, text in texts.items():
        (folder / name).write_text(text)
    path = folder / "bin"
    path.mkdir(exist_ok=True)
    scripts = {"nvidia-smi": FAKE.format(folder=folder)}
    for name, text in (programs or {}).items():
        (folder / f"{name}.out").write_text(text)
        scripts[name] = f'#!/bin/sh\ncat "{folder}/{name}.out"\n'
    for name, text in scripts.items():
        (path / name).write_text(text)
        (path / name).chmod(0o755)
    script = folder / "topology.sh"
    script.write_text(topology_script(serving(*asked, **choices)).text)
    shell = shutil.which("sh")
    assert shell is not None
    environment = {"PATH": f"{path}:/usr/bin:/bin"}
    done = subprocess.run(
        [shell, str(script)], env=environment, capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    return done.returncode, done.stdout.splitlines()


def failed(lines: list[str]) -> list[str]:
    """Return what failed."""
    return [line.removeprefix("FAIL ") for line in lines if line.startswith("FAIL ")]


def test_a_machine_as_planned_passes(tmp_path: Path) -> None:
    status, lines = ran(tmp_path, {})
    assert (status, failed(lines)) == (0, [])
    assert "PASS NVLink: card 1 has 12 of 12 links up" in lines
    assert "PASS paths: every pair is joined by NVLink" in lines
    assert "PASS peers: every pair may read each other" in lines
    assert f"SKIP all-reduce: {REMEDIES['tests']}" in lines


@pytest.mark.parametrize(
    ("said", "line"),
    [
        ({"query": ROWS.splitlines(keepends=True)[0]}, "cards: 1 of 2"),
        ({"query": ROWS.replace("580.95.05", "570.86.15")},
         "driver: 570.86.15, needed 580 or newer"),
        ({"query": ROWS.replace("81920, 4, 16", "81920, 4, 4", 1)},
         "card 0: PCIe x4, planned x16"),
        ({"query": ROWS.replace("81920, 4, 16", "81920, 3, 16", 1)},
         "card 0: PCIe generation 3, planned 4"),
        ({"query": ROWS.replace("SXM4-80GB, 81920", "SXM4-40GB, 40960", 1)},
         "card 0: it is a NVIDIA A100-SXM4-40GB, planned is a A100 SXM4 80 GB"),
        ({"query": ROWS.replace(NAME + ", 81920", "NVIDIA H200, 143771", 1)},
         "card 0: it is a NVIDIA H200, planned is a A100 SXM4 80 GB"),
        ({"query": ROWS.replace("Disabled, 400", "Enabled, 400", 1)},
         "card 0: MIG is on, planned is the whole card"),
        ({"query": ROWS.replace("400.00", "250.00", 1)},
         "card 0: limited to 250.00 W, planned 380 or more"),
        ({"errors": "0, 0\n1, 3\n"}, "memory errors on card 1 "),
        ({"nvlink": HEALTHY["nvlink"].replace("Link 3: 25 GB/s", "Link 3: <inactive>", 1)},
         "NVLink: card 0 has 11 of 12 links up"),
        ({"topo -m": HEALTHY["topo -m"].replace("X \tNV12", "X \tSYS", 1)},
         "paths: without NVLink: 0-1=SYS "),
        ({"topo -p2p": PEERS.replace("OK", "CNS")}, "peers: not allowed: 0-1=CNS "),
    ],
)  # fmt: skip
def test_what_differs_from_the_plan_fails_with_its_line(
    said: dict[str, str], line: str, tmp_path: Path
) -> None:
    status, lines = ran(tmp_path, said)
    assert status == 1
    assert line in failed(lines)
    remedy = lines[lines.index(f"FAIL {line}") + 1].strip()
    assert remedy in REMEDIES.values()


@pytest.mark.parametrize(("rate", "status"), [("231.4", 0), ("18.2", 1)])
def test_an_all_reduce_below_the_prediction_fails(rate: str, status: int, tmp_path: Path) -> None:
    programs = {"all_reduce_perf": ALL_REDUCE.format(rate=rate)}
    found, lines = ran(tmp_path, {}, programs=programs)
    assert found == status
    assert any(rate in line and "on the bus" in line for line in lines)


@pytest.mark.parametrize(("rate", "status"), [("274.9", 0), ("21.5", 1)])
def test_slow_copies_between_cards_fail(rate: str, status: int, tmp_path: Path) -> None:
    programs = {"p2pBandwidthLatencyTest": COPIES.format(rate=rate)}
    found, lines = ran(tmp_path, {}, programs=programs)
    assert found == status
    assert any(rate in line and "copies" in line for line in lines)


def test_cards_without_peers_need_none(tmp_path: Path) -> None:
    rows = "".join(
        f"{n}, NVIDIA GeForce RTX 4090, 24564, 4, 16, Enabled, [N/A], [N/A], 450.00, 580.95.05\n"
        for n in range(2)
    )
    said = {
        "query": rows,
        "errors": "0, [N/A]\n1, [N/A]\n",
        "topo -m": (FIXTURES / "rtx-4090.topo.txt").read_text(),
        "topo -p2p": (FIXTURES / "rtx-4090.p2p.txt").read_text(),
        "nvlink": "",
    }
    status, lines = ran(tmp_path, said, ("llama-3.1-8b", "2xrtx-4090"))
    assert (status, failed(lines)) == (0, [])
    assert "SKIP peers: planned is the way through host memory" in lines
    assert "NOTE paths: 0-1=PHB " in lines


@pytest.mark.parametrize(
    ("driver", "status"), [("570.26", 0), ("570.9", 1), ("570.104.05", 0), ("565.99", 1)]
)
def test_drivers_are_compared_part_by_part(driver: str, status: int, tmp_path: Path) -> None:
    """What llama.cpp's CUDA 12 asks for is older than what this card does."""
    card = "NVIDIA GeForce RTX 5090, 32607, 5, 16, Enabled, [N/A], [N/A], 575.00"
    asked = ("llama-3.1-8b", "1xrtx-5090")
    said = {"query": f"0, {card}, {driver}\n", "errors": "0, [N/A]\n"}
    found, lines = ran(tmp_path, said, asked, runtime="llama.cpp", weights="q4_k_m")
    assert (found, bool(failed(lines))) == (status, bool(status))
    assert any(f"{driver}, needed 570.26 or newer" in line for line in lines)


def test_instances_of_mig_are_counted(tmp_path: Path) -> None:
    rows = "0, NVIDIA H100 80GB HBM3, 81559, 5, 16, Enabled, Enabled, Enabled, 700.00, 580.95.05\n"
    listed = "GPU 0: NVIDIA H100 80GB HBM3 (UUID: GPU-1)\n" + "".join(
        f"  MIG 3g.40gb     Device  {n}: (UUID: MIG-{n})\n" for n in range(2)
    )
    asked = ("llama-3.1-8b", "2xh100-sxm@mig=3g.40gb")
    status, lines = ran(tmp_path, {"query": rows, "-L": listed, "errors": "0, 0\n"}, asked)
    assert (status, failed(lines)) == (0, [])
    fewer = {"query": rows, "-L": listed.rpartition("  MIG")[0], "errors": "0, 0\n"}
    status, lines = ran(tmp_path, fewer, asked)
    assert failed(lines) == ["MIG: 1 instances of 3g.40gb, planned 2"]


def test_a_machine_without_the_driver_is_told_from_a_bad_one(tmp_path: Path) -> None:
    script = tmp_path / "topology.sh"
    script.write_text(topology_script(serving(*PAIR)).text)
    shell = shutil.which("sh")
    assert shell is not None
    (tmp_path / "bin").mkdir()
    done = subprocess.run(
        [shell, str(script)], env={"PATH": str(tmp_path / "bin")}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stdout.startswith("FAIL nvidia-smi: it is not on PATH")


def test_cards_of_other_makers_are_said_to_be_unchecked() -> None:
    found = serving("llama-3.1-8b", "1xmi300x")
    assert wanted_of(found) is None
    assert "exit 2" in topology_script(found).text


RIGS = ("1xh100-sxm", "8xh100-sxm", "2xrtx-3090@nvlink", "4xl40s@pcie4x8", "1xmi300x",
        "2xh100-sxm@mig=3g.40gb", "2xrtx-4090")  # fmt: skip


@pytest.mark.parametrize("rig", RIGS)
def test_the_scripts_are_sound_for_shellcheck(rig: str, tmp_path: Path) -> None:
    assert_sound(topology_script(serving("llama-3.1-8b", rig)).text, tmp_path)


def test_the_script_reads_like_this() -> None:
    golden("topology-2xa100.sh", topology_script(serving(*PAIR)).text)


def machine(*cards: Card, links: Links | None = None, driver: str = "580.95.05") -> Probed:
    """Return a machine as a probe of it reads."""
    reading = Reading(cards=cards, links=links or Links(), versions={"driver": driver})
    return probed(reading, shipped(), "2026-11-21", is_here=False)


def card(index: int, lanes: int = 16, links_up: int = 12) -> Card:
    """Return one card of the pair."""
    return Card(
        index=index, name=NAME, vendor="NVIDIA", memory_mib=81920, mig=False,
        slot=Slot(generation=4, lanes=lanes, most_generation=4, most_lanes=16),
        power=PowerLimits(set_w=400.0),
        nvlinks=tuple(NvLink(n, n < links_up) for n in range(12)),
    )  # fmt: skip


JOINED = Links(paths={(0, 1): "NV12"}, peer={(0, 1): "OK"})


def test_the_probed_machine_is_proven_or_not() -> None:
    wanted = serving(*PAIR)
    fine = topology_proofs(wanted, machine(card(0), card(1), links=JOINED))
    assert {proof.state for proof in fine} == {"pass"}
    assert {proof.subject for proof in fine} == {
        "cards", "driver", "card 0", "card 1", "paths", "peers",
    }  # fmt: skip
    apart = Links(paths={(0, 1): "SYS"}, peer={(0, 1): "CNS"})
    wrong = topology_proofs(wanted, machine(card(0, lanes=4, links_up=11), links=apart))
    assert {proof.subject: proof.said for proof in wrong if proof.state == "fail"} == {
        "cards": "1 of 2 cards",
        "card 0": "11 of 12 NVLinks are up",
        "paths": "without NVLink: 0-1",
        "peers": "not allowed: 0-1",
    }
    assert all(proof.remedy for proof in wrong if proof.state == "fail")
    assert any(proof.said == "PCIe x4, planned x16" for proof in wrong)


def test_an_old_driver_is_no_proof_of_the_machine() -> None:
    found = topology_proofs(
        serving(*PAIR), machine(card(0), card(1), links=JOINED, driver="570.86")
    )
    assert [proof.said for proof in found if proof.state == "fail"] == [
        "570.86, needed 580 or newer"
    ]


def test_a_machine_without_cards_proves_nothing() -> None:
    found = topology_proofs(serving(*PAIR), machine())
    assert [(proof.state, proof.remedy) for proof in found] == [
        ("unverifiable", "run sh topology.sh on the target")
    ]
