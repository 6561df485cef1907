"""How a rig fails: what one sees, which command shows it, what helps."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rightrig.planning.combos.links import LINK_NAMES

if TYPE_CHECKING:
    from collections.abc import Callable

    from rightrig.deployment.rig import Rig

_CHECKED: Final = ("NVIDIA", "AMD")
"""Makers whose tools are known here; for others a mode says that no command is."""
_UNKNOWN: Final = "no command known for this maker's cards"


@dataclass(frozen=True, slots=True)
class FailureMode:
    """One way in which a rig fails.

    Attributes:
        why: Which attribute of the rig brings it, with its number.
        symptom: What one sees.
        check: The command that shows it.
        fix: What helps.
    """

    id: str
    name: str
    why: str
    symptom: str
    check: str
    fix: str


@dataclass(frozen=True, slots=True)
class _Kind:
    """A way to fail, before it is known whether a rig has it.

    Attributes:
        why: Why a rig has it; ``None`` for one that does not.
        checks: Commands of the makers in :data:`_CHECKED`.
    """

    id: str
    name: str
    why: Callable[[Rig], str | None]
    symptom: str
    checks: tuple[str, str]
    fix: str


def _cooling(rig: Rig) -> str | None:
    """Return who moves the air, where it can go wrong."""
    gpu, watts = rig.gpu, _board_w(rig)
    if watts is None or gpu.cooling is None:
        return None
    if gpu.cooling == "own fans" and rig.cards_per_node < 2:  # noqa: PLR2004 - a neighbour
        return None
    by = "own fans side by side" if gpu.cooling == "own fans" else gpu.cooling
    cards = counted(whole_cards_count(rig) // rig.nodes_count, "card")
    return f"{cards} in a machine, {watts:,.0f} W, cooled by {by}"


def _versions(rig: Rig) -> str | None:
    """Return what the software has to be built for."""
    capability = rig.gpu.compute_capability
    if capability is None:
        return None
    return f"engine, framework and driver must all know compute capability {capability}"


def _switch(rig: Rig) -> str | None:
    """Return the switch, where there is one."""
    if not rig.has_switch(rig.cards_per_node):
        return None
    return f"{rig.cards_per_node} cards are joined by a switch with firmware of its own"


def _mig(rig: Rig) -> str | None:
    """Return the instances, where cards can be divided."""
    count = rig.gpu.mig_instance_count
    return f"each card divides into as many as {count} instances" if count else None


def _power(rig: Rig) -> str | None:
    """Return the power of the boards together."""
    watts = _board_w(rig)
    if watts is None:
        return None
    return f"boards take {watts:,.0f} W together by their limits, and more for milliseconds"


def _ranks(rig: Rig) -> str | None:
    """Return what joins the cards that work on one token."""
    if rig.cards_count == 1 or any(group.mig for group in rig.groups):
        return None
    link = rig.link(rig.cards_per_node if rig.nodes_count == 1 else rig.cards_count)
    return f"{rig.cards_count} cards over {LINK_NAMES[link.kind]} wait for each other in each layer"


def _silent(rig: Rig) -> str | None:
    """Return cards whose memory does not correct errors as it comes."""
    bare = {g.gpu.slug for g in rig.groups if g.gpu.ecc in {"none", "optional-off"}}
    return f"no ECC as it comes: {', '.join(sorted(bare))}" if bare else None


def _bus(rig: Rig) -> str | None:
    """Return the PCIe link of a card, where it has one."""
    pcie = rig.gpu.pcie
    return None if pcie is None else f"each card talks to its host over PCIe {pcie.generation}.0"


def _lost(rig: Rig) -> str | None:
    """Return that a card may fall off the bus."""
    return (
        f"{counted(whole_cards_count(rig), 'card')}, any of which ends the engine that it works for"
    )


def _board_w(rig: Rig) -> float | None:
    """Return the power limits of all boards of a node together."""
    limits = [g.gpu.board_power_w and g.gpu.board_power_w * g.count for g in rig.groups]
    return None if None in limits else sum(limit or 0.0 for limit in limits)


_KINDS: Final = (
    _Kind(
        "FAIL-COOLING", "too little cooling", _cooling,
        "clocks fall after minutes of load; tokens/s sink while nothing else changed",
        (
            ("nvidia-smi --query-gpu=temperature.gpu,clocks.sm,"
            "clocks_event_reasons.hw_thermal_slowdown --format=csv -l 5"),
            "amd-smi metric --temperature --clock",
        ),
        "more air or a lower power limit; move the card of the highest temperature first",
    ),
    _Kind(
        "FAIL-VERSION", "versions that do not match", _versions,
        "'no kernel image is available', or a slow fallback that the log mentions once",
        (
            ('nvidia-smi; python -c "import torch; print(torch.version.cuda, '
            'torch.cuda.get_device_capability())"'),
            'rocminfo | grep gfx; python -c "import torch; print(torch.version.hip)"',
        ),
        "pin driver, toolkit and engine together; 'rightrig runtimes list --on RIG' says which do",
    ),
    _Kind(
        "FAIL-SWITCH", "firmware of the switch", _switch,
        "collectives hang or are slow on all cards at once; SXid lines in the kernel log",
        (
            ("nvidia-smi -q | grep -A3 Fabric; systemctl status nvidia-fabricmanager; "
            "dmesg | grep -i sxid"),
            "amd-smi topology; dmesg | grep -i xgmi",
        ),
        "fabric manager of the driver's own version; the firmware that the maker lists for both",
    ),
    _Kind(
        "FAIL-MIG", "instances set up by mistake", _mig,
        "a card shows a part of its memory, or throughput is a fraction of the expected",
        (
            "nvidia-smi --query-gpu=index,mig.mode.current --format=csv; nvidia-smi mig -lgi",
            "amd-smi partition",
        ),
        "'rightrig tenants --layouts --on GPU' lists valid layouts; turn the mode off where unused",
    ),
    _Kind(
        "FAIL-POWER", "peaks of power", _power,
        "a machine goes off or restarts under load, without a line in its log",
        (
            ("nvidia-smi --query-gpu=power.draw,power.limit,clocks_event_reasons.sw_power_cap "
            "--format=csv -l 1; ipmitool sel list"),
            "amd-smi metric --power; ipmitool sel list",
        ),
        "supplies with room for peaks ('rightrig cost electrical'), or a lower power limit",
    ),
    _Kind(
        "FAIL-RANKS", "tensor parallelism that stalls", _ranks,
        "more cards give one user no more tokens/s; cards are busy and draw little power",
        (
            "rightrig predict MODEL --on RIG --splits; nvidia-smi topo -m",
            "rightrig predict MODEL --on RIG --splits; amd-smi topology",
        ),
        "fewer ranks and more replicas: 'rightrig ask split MODEL --on RIG' says which",
    ),
    _Kind(
        "FAIL-SILENT", "silent errors of memory", _silent,
        "rare wrong answers that no restart explains; checksums of weights that differ",
        (
            "nvidia-smi --query-gpu=ecc.mode.current --format=csv",
            "amd-smi metric --ecc",
        ),
        "turn ECC on where the card has it; 'rightrig risk bits RIG' says how often",
    ),
    _Kind(
        "FAIL-BUS", "a link that came up narrow", _bus,
        "loading weights and host copies are slow on one card only",
        (
            ("nvidia-smi --query-gpu=index,pcie.link.gen.current,pcie.link.width.current "
            "--format=csv"),
            "amd-smi static --bus",
        ),
        "seat the card or its riser again; look at the lanes of that slot in the board's manual",
    ),
    _Kind(
        "FAIL-LOST", "a card that is lost", _lost,
        "the engine ends with a CUDA or HIP error; Xid 79 or a reset in the kernel log",
        ("dmesg | grep -i xid; nvidia-smi -L", "dmesg | grep -i amdgpu; amd-smi list"),
        "reset or restart the machine and take it out of service when it comes twice; spares by "
        "'rightrig risk spares'",
    ),
)  # fmt: skip


def counted(number: int, noun: str, nouns: str = "") -> str:
    """Return a number with its noun, whose plural ends in s where none is given.

    >>> counted(1, "card"), counted(4, "card"), counted(2, "supply", "supplies")
    ('1 card', '4 cards', '2 supplies')
    """
    return f"{number:,} {noun if number == 1 else nouns or f'{noun}s'}"


def whole_cards_count(rig: Rig) -> int:
    """Return the cards of all nodes, of which one may hold several of the instances counted."""
    in_node = sum(math.ceil(group.count / group.mig_most_count) for group in rig.groups)
    return rig.nodes_count * in_node


def failure_modes(rig: Rig) -> tuple[FailureMode, ...]:
    """Return how a rig may fail, each with a symptom, a command that checks, and a fix."""
    vendor = rig.gpu.vendor
    found = []
    for kind in _KINDS:
        why = kind.why(rig)
        if why is None:
            continue
        check = kind.checks[_CHECKED.index(vendor)] if vendor in _CHECKED else _UNKNOWN
        found.append(FailureMode(kind.id, kind.name, why, kind.symptom, check, kind.fix))
    return tuple(found)
