"""Rules about what joins cards with each other and with their host."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, ClassVar, Final

from rightrig.measuring.probe.describing import expected_links_count, lanes_now
from rightrig.measuring.probe.links import nvlinks_count
from rightrig.measuring.probe.wording import cards_text, of, values_text, verb

if TYPE_CHECKING:
    from rightrig.measuring.probe.findings import Severity
    from rightrig.measuring.probe.naming import Known
    from rightrig.measuring.probe.probed import Probed

_WHY: Final = {
    "CNS": "the chipset does not allow it",
    "GNS": "the driver does not offer it for these cards",
    "TNS": "they hang on different processors",
    "DR": "a setting of the driver forbids it",
    "NS": "it is not supported here",
    "U": "the driver does not know",
}


class SlotLanes:
    """Cards use all their PCIe lanes."""

    id: ClassVar[str] = "PROBE-PCIE-LANES"
    severity: ClassVar[Severity] = "warning"
    remedy: ClassVar[str] = (
        "seat the card and its riser again, take a slot with more lanes, or set the slot's "
        "bifurcation in the firmware"
    )

    def check(self, subject: Probed) -> str | None:
        """Return which do not."""
        narrow = [one for one in subject.read if _lanes_short(one)]
        if not narrow:
            return None
        now = values_text(f"x{lanes_now(one.card)}" for one in narrow)
        most = values_text(f"x{_lanes_most(one)}" for one in narrow)
        return f"{of(narrow)} {verb(narrow, 'uses', 'use')} {now} of {most} PCIe lanes"


def _lanes_most(one: Known) -> int:
    """Return the lanes that a card has."""
    own = one.gpu.pcie.lanes if one.gpu and one.gpu.pcie else 0
    return max(own, one.card.slot.most_lanes or 0)


def _lanes_short(one: Known) -> bool:
    """Whether a card uses fewer lanes than it has."""
    lanes = lanes_now(one.card)
    return lanes is not None and lanes < _lanes_most(one)


class SlotGeneration:
    """Slots are of the generation of their cards."""

    id: ClassVar[str] = "PROBE-PCIE-SLOT"
    severity: ClassVar[Severity] = "note"
    remedy: ClassVar[str] = (
        "it matters where cards exchange over PCIe, and while weights load; the rig says so"
    )

    def check(self, subject: Probed) -> str | None:
        """Return which are older."""
        old = [
            one
            for one in subject.read
            if one.card.slot.most_generation
            and one.card.slot.most_generation < _generation_most(one)
        ]
        if not old:
            return None
        slots = values_text(one.card.slot.most_generation for one in old)
        own = values_text(_generation_most(one) for one in old)
        return (
            f"{of(old)} {verb(old, 'stands', 'stand')} in a slot of PCIe generation {slots} and "
            f"could use {own}"
        )


def _generation_most(one: Known) -> int:
    """Return the generation of PCIe that a card speaks."""
    own = one.gpu.pcie.generation if one.gpu and one.gpu.pcie else 0
    return max(own, one.card.slot.card_generation or 0)


class LinkSlow:
    """Under load, PCIe runs at its full generation."""

    id: ClassVar[str] = "PROBE-PCIE-SLOW"
    severity: ClassVar[Severity] = "warning"
    remedy: ClassVar[str] = "check riser and seat; the firmware may force a lower generation"

    def check(self, subject: Probed) -> str | None:
        """Return where it does not."""
        slow = [one for one in subject.read if _is_below(one) and not one.card.is_idle]
        return _generations(slow, "under load") if slow else None


class LinkAsleep:
    """Idle cards keep their PCIe generation."""

    id: ClassVar[str] = "PROBE-PCIE-IDLE"
    severity: ClassVar[Severity] = "note"
    remedy: ClassVar[str] = (
        "idle cards save power so: only under load does it count; probe again then"
    )

    def check(self, subject: Probed) -> str | None:
        """Return which do not."""
        asleep = [one for one in subject.read if _is_below(one) and one.card.is_idle]
        return _generations(asleep, "while idle") if asleep else None


def _is_below(one: Known) -> bool:
    """Whether a card's link is of a lower generation now than it could be."""
    slot = one.card.slot
    return bool(slot.generation and slot.most_generation and slot.generation < slot.most_generation)


def _generations(slow: list[Known], when: str) -> str:
    """Say which generation some links run at."""
    now = values_text(one.card.slot.generation for one in slow)
    most = values_text(one.card.slot.most_generation for one in slow)
    return f"{of(slow)} {verb(slow, 'runs', 'run')} PCIe generation {now} of {most} {when}"


class PeersOff:
    """Cards that can exchange memory may."""

    id: ClassVar[str] = "PROBE-P2P"
    severity: ClassVar[Severity] = "warning"
    remedy: ClassVar[str] = (
        "turn the IOMMU and access control services (ACS) of the bridges off, or pass bridges "
        "through to the virtual machine; the rig says @no-p2p until then"
    )

    def check(self, subject: Probed) -> str | None:
        """Return which may not."""
        return _without_peers(subject, able=True)


class PeersNever:
    """The driver offers peer-to-peer transfers for these cards."""

    id: ClassVar[str] = "PROBE-P2P-NEVER"
    severity: ClassVar[Severity] = "note"
    remedy: ClassVar[str] = (
        "their record says so, and predictions follow it; --pp moves less than --tp"
    )

    def check(self, subject: Probed) -> str | None:
        """Return for which it does not."""
        return _without_peers(subject, able=False)


def _without_peers(subject: Probed, *, able: bool) -> str | None:
    """Say which pairs exchange through host memory."""
    links = subject.reading.links
    found: dict[str, list[int]] = {}
    pairs = 0
    for one, other in combinations(subject.read, 2):
        first, second = one.card.index, other.card.index
        status = links.peer.get((first, second), "OK")
        could = all(
            k.gpu is not None and k.gpu.pcie is not None and k.gpu.pcie.peer_to_peer
            for k in (one, other)
        )
        if status != "OK" and could == able and not nvlinks_count(links, first, second):
            found.setdefault(_WHY.get(status, status), []).extend((first, second))
            pairs += 1
    if not found:
        return None
    reason, indices = next(iter(found.items()))
    return (
        f"{pairs} pair{'s' if pairs > 1 else ''} of {cards_text(indices)} "
        f"exchange{'' if pairs > 1 else 's'} through host memory: {reason}"
    )


class LinksDown:
    """Every NVLink of a board is up."""

    id: ClassVar[str] = "PROBE-NVLINK"
    severity: ClassVar[Severity] = "fault"
    remedy: ClassVar[str] = (
        "'nvidia-smi nvlink -s' names them; restart the fabric manager and the machine, then have "
        "the board looked at"
    )

    def check(self, subject: Probed) -> str | None:
        """Return where some are down."""
        short = []
        for one in subject.read:
            expected = expected_links_count(one.gpu) if one.gpu else None
            up = sum(link.is_up for link in one.card.nvlinks)
            if expected and one.card.nvlinks and up < expected and not one.card.mig:
                short.append((one, up, expected))
        if not short:
            return None
        cards = [one for one, _, _ in short]
        ups = values_text(up for _, up, _ in short)
        return f"{of(cards)} {verb(cards, 'has', 'have')} {ups} of {short[0][2]} NVLinks up"


class FabricOff:
    """Cards behind NVSwitch are members of its fabric."""

    id: ClassVar[str] = "PROBE-FABRIC"
    severity: ClassVar[Severity] = "fault"
    remedy: ClassVar[str] = (
        "'systemctl status nvidia-fabricmanager': start it, in the driver's version"
    )

    def check(self, subject: Probed) -> str | None:
        """Return which are not."""
        outside = [
            one
            for one in subject.read
            if one.gpu and one.gpu.fabric and one.gpu.fabric.topology == "switch"
            and one.card.fabric in {"not started", "in progress"}
        ]  # fmt: skip
        if not outside:
            return None
        states = values_text(one.card.fabric for one in outside)
        return f"{of(outside)} {verb(outside, 'is', 'are')} outside the NVLink fabric: {states}"


class NoBridge:
    """Cards that a bridge could join are joined."""

    id: ClassVar[str] = "PROBE-BRIDGE"
    severity: ClassVar[Severity] = "note"
    remedy: ClassVar[str] = "'rightrig compare RIG RIG@nvlink' says what a bridge would bring"

    def check(self, subject: Probed) -> str | None:
        """Return which are not."""
        able = [
            one
            for one in subject.read
            if one.gpu and one.gpu.fabric and one.gpu.fabric.kind == "nvlink"
            and one.gpu.fabric.topology == "bridge"
        ]  # fmt: skip
        links = subject.reading.links
        pairs = list(combinations([one.card.index for one in able], 2))
        # Without a matrix nobody knows.
        if not pairs or any(nvlinks_count(links, *pair) for pair in pairs):
            return None
        if not any(pair in links.paths for pair in pairs):
            return None
        return f"no NVLink bridge joins {cards_text(one.card.index for one in able)}"


class OneNode:
    """All cards hang on one memory node of the host."""

    id: ClassVar[str] = "PROBE-NUMA"
    severity: ClassVar[Severity] = "note"
    remedy: ClassVar[str] = (
        "bind each engine to the node of its cards (numactl --cpunodebind --membind), and split "
        "tensors within a node where NVLink does not join them"
    )

    def check(self, subject: Probed) -> str | None:
        """Return the nodes."""
        nodes: dict[int, list[int]] = {}
        for one in subject.read:
            if one.card.numa_node is not None:
                nodes.setdefault(one.card.numa_node, []).append(one.card.index)
        if len(nodes) < 2:  # noqa: PLR2004 - spread over two
            return None
        parts = [f"{cards_text(cards)} on node {node}" for node, cards in sorted(nodes.items())]
        return f"cards hang on {len(nodes)} memory nodes: {'; '.join(parts)}"


class PortsUp:
    """Adapters for messages between machines are up."""

    id: ClassVar[str] = "PROBE-PORTS"
    severity: ClassVar[Severity] = "warning"
    remedy: ClassVar[str] = "'ibstat' and 'iblinkinfo' show them; NCCL_IB_HCA names those to use"

    def check(self, subject: Probed) -> str | None:
        """Return which are not."""
        ports = subject.reading.ports
        down = [one.adapter for one in ports if one.state != "Active"]
        if not down:
            return None
        return f"{len(down)} of {len(ports)} network ports are down: {', '.join(down[:8])}"


RULES: Final = (
    SlotLanes(), SlotGeneration(), LinkSlow(), LinkAsleep(), PeersOff(), PeersNever(), LinksDown(),
    FabricOff(), NoBridge(), OneNode(), PortsUp(),
)  # fmt: skip
