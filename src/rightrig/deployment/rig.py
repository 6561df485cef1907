"""Rigs: which cards, how many, how they are linked.

Notation: ``COUNTxGPU[@OPTION…][+COUNTxGPU…]``, ``Nn:`` before it for nodes. Options: a power
cap (``220w``), a PCIe generation and width (``pcie3x16``), cards that exchange through host
memory (``no-p2p``), a bridge (``nvlink``), a 4-GPU board (``hgx4``), a MIG profile, whose
instances are then counted (``mig=1g.10gb``), host memory (``ram=128GiB``), the network
between nodes (``net=25GB/s``, one direction), the cards of this very machine as they were probed
(``this``). ``this`` alone is the whole machine.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal

from rightrig.errors import InputError, UnknownNameError
from rightrig.facts.catalog import THIS
from rightrig.facts.mig import instance_gpu
from rightrig.quantities import GB, GIB, check_count, parse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rightrig.facts.catalog import Catalog
    from rightrig.facts.gpu import Gpu

MAX_CARDS_PER_NODE: Final = 72
MAX_NODES: Final = 1024
NODE_LINK_BYTES_PER_S: Final = 12.5e9
"""One direction between nodes where the rig does not say: 100 Gb/s Ethernet."""
_LANE_BYTES_PER_S: Final = {3: 0.985e9, 4: 1.969e9, 5: 3.938e9, 6: 7.563e9}
_HGX4_PAIR_BYTES_PER_S: Final = 150e9
_HGX4_CARDS: Final = 4
_GROUP: Final = re.compile(r"(?:(\d{1,12})\s*x\s*)?([^@+]{1,80})((?:@[^@+]{1,40})*)", re.IGNORECASE)
_WRONG_COUNT: Final = re.compile(r"([+-]?\d[\d.,]*)\s*x\s*\D", re.IGNORECASE)
_COUNT_BEHIND: Final = re.compile(r"(\S.{0,60}?)\s*[x×*]\s*(\d{1,3})", re.IGNORECASE)
_PCIE: Final = re.compile(r"pcie([3-6])x(1|2|4|8|16)", re.IGNORECASE)
_WATTS: Final = re.compile(r"(\d{1,5})w", re.IGNORECASE)
_EXAMPLE: Final = "write it as 8xh100-sxm, 4xrtx-4090+1xa100-sxm-80gb or 2n:8xh200-sxm"

LinkKind = Literal["none", "nvlink-switch", "nvlink-bridge", "mesh", "pcie", "pcie-host", "network"]


@dataclass(frozen=True, slots=True)
class Link:
    """What joins a group of cards that work on one token together.

    Attributes:
        kind: ``pcie-host`` is PCIe without peer-to-peer: transfers are staged in host memory.
        bytes_per_s: Rated bandwidth of one card in one direction.
    """

    kind: LinkKind
    bytes_per_s: float


@dataclass(frozen=True, slots=True)
class CardGroup:
    """Equal cards of one node.

    Attributes:
        power_cap_w: A limit set below the board's power.
        pcie_bytes_per_s: One direction, where the slot is narrower than the card.
        bridged: Whether NVLink bridges join pairs.
        staged: Whether cards exchange through host memory although they could do without, as in
            virtual machines and behind an IOMMU.
        board: ``hgx4`` for a four-GPU board without NVSwitch.
        mig: Profile of the MIG instances that the group counts, ``1g.10gb``; ``gpu`` is then
            one instance.
        mig_most_count: Instances of it that one card has at most.
    """

    count: int
    gpu: Gpu
    power_cap_w: float | None = None
    pcie_bytes_per_s: float | None = None
    bridged: bool = False
    staged: bool = False
    board: str = ""
    options: str = ""
    mig: str = ""
    mig_most_count: int = 1

    @property
    def text(self) -> str:
        """The group in rig notation."""
        return f"{self.count}x{self.gpu.slug}{self.options}"

    @property
    def card_power_w(self) -> float | None:
        """Power of one card: its cap, or the board's."""
        return self.power_cap_w or self.gpu.board_power_w


@dataclass(frozen=True, slots=True)
class Rig:
    """One or more equal nodes, each with groups of cards.

    Attributes:
        network_bytes_per_s: One direction between two nodes.
    """

    groups: tuple[CardGroup, ...]
    nodes_count: int = 1
    host_memory_bytes: float | None = None
    network_bytes_per_s: float = NODE_LINK_BYTES_PER_S

    @property
    def text(self) -> str:
        """The rig in its own notation."""
        prefix = f"{self.nodes_count}n:" if self.nodes_count > 1 else ""
        return prefix + "+".join(group.text for group in self.groups)

    @property
    def node_cards(self) -> tuple[CardGroup, ...]:
        """One entry a card of one node, each a group of one."""
        return tuple(replace(group, count=1) for group in self.groups for _ in range(group.count))

    @property
    def cards_per_node(self) -> int:
        """Cards in one node."""
        return sum(group.count for group in self.groups)

    @property
    def cards_count(self) -> int:
        """Cards in all nodes."""
        return self.cards_per_node * self.nodes_count

    @property
    def is_uniform(self) -> bool:
        """Whether all cards are of one kind."""
        return len({(group.gpu.slug, group.mig) for group in self.groups}) == 1

    @property
    def gpu(self) -> Gpu:
        """The card of a uniform rig; of a mixed one, the first."""
        return self.groups[0].gpu

    def has_switch(self, ranks_count: int) -> bool:
        """Whether a switch of NVLink joins this many ranks."""
        return self.link(ranks_count).kind == "nvlink-switch"

    def link(self, ranks_count: int) -> Link:
        """Return what joins ``ranks_count`` cards of this rig that work on one token."""
        if ranks_count <= 1:
            return Link("none", float("inf"))
        if ranks_count > self.cards_per_node:
            return Link("network", self.network_bytes_per_s)
        return min((_group_link(g, ranks_count) for g in self.groups), key=lambda k: k.bytes_per_s)


def _group_link(group: CardGroup, ranks_count: int) -> Link:
    """Return the link among equal cards of a node."""
    fabric = group.gpu.fabric
    if fabric is not None and ranks_count <= fabric.max_cards:
        if group.board == "hgx4":
            return Link("nvlink-bridge", _HGX4_PAIR_BYTES_PER_S * (ranks_count - 1))
        if fabric.topology == "switch":
            return Link("nvlink-switch", fabric.bytes_per_s)
        if fabric.topology == "mesh":
            peer = fabric.peer_bytes_per_s or fabric.bytes_per_s
            return Link("mesh", min(fabric.bytes_per_s, peer * (ranks_count - 1)))
        if group.bridged:
            return Link("nvlink-bridge", fabric.bytes_per_s)
    pcie = group.gpu.pcie
    if pcie is None:
        return Link("network", NODE_LINK_BYTES_PER_S)
    rate = group.pcie_bytes_per_s or pcie.bytes_per_s
    return Link("pcie" if pcie.peer_to_peer and not group.staged else "pcie-host", rate)


@dataclass(frozen=True, slots=True)
class _Part:
    """What one ``COUNTxGPU@…`` says: cards, and of their machine what it names."""

    group: CardGroup
    host_bytes: float | None = None
    network_bytes_per_s: float | None = None
    nodes_count: int = 1


def parse_rig(text: str, catalog: Catalog) -> Rig:
    """Return the rig that a text describes, or a system's rig by its name.

    Raises:
        InputError: for wrong notation, absurd counts or options that the card does not have.
        UnknownNameError: for a card that no record knows, with suggestions.
    """
    body = text.strip()
    if body.lower() == THIS:
        return _this_rig(catalog)
    nodes = 1
    prefix = re.match(r"(\d{1,12})n:", body, re.IGNORECASE)
    if prefix:
        nodes = check_count(int(prefix[1]), name="nodes", limit=MAX_NODES)
        body = body[prefix.end() :]
    parts = [_parse_group(part, text, catalog) for part in body.split("+")]
    if len(parts) > 1 and any(part.nodes_count > 1 for part in parts):
        raise InputError(f"{text[:80]!r} mixes a system of several machines with other cards")
    nodes *= parts[0].nodes_count
    _refuse_two([part.network_bytes_per_s for part in parts], text, "rates of the network")
    _refuse_two([part.host_bytes for part in parts], text, "sizes of host memory")
    rig = Rig(
        tuple(part.group for part in parts),
        nodes,
        next((part.host_bytes for part in parts if part.host_bytes), None),
        next(
            (part.network_bytes_per_s for part in parts if part.network_bytes_per_s),
            NODE_LINK_BYTES_PER_S,
        ),
    )
    if nodes == 1 and any("@net=" in group.options.lower() for group in rig.groups):
        raise InputError(
            f"@net= is the network between machines and {text[:80]!r} is one; write 2n: before "
            "it, or leave the option out"
        )
    check_count(rig.cards_per_node, name="cards of one node", limit=MAX_CARDS_PER_NODE)
    check_count(rig.nodes_count, name="nodes", limit=MAX_NODES)
    return rig


def _this_rig(catalog: Catalog) -> Rig:
    """Return the probed machine's rig, its cards as they are here.

    Raises:
        InputError: when nobody probed it, or the probe found nothing to serve on.
    """
    machine = catalog.machine()
    if not machine.rig:
        raise InputError(
            f"the probe of {machine.name} found nothing that serves models; 'rightrig probe' looks "
            "again"
        )
    parts = machine.rig.split("+")
    return parse_rig(
        "+".join(part if _is_own(part) else f"{part}@{THIS}" for part in parts), catalog
    )


def _is_own(part: str) -> bool:
    """Whether a part of a rig names a card that only this machine has."""
    return bool(re.match(r"(\d+n:)?(\d+x)?this-", part, re.IGNORECASE))


def _refuse_two(values: Sequence[object], text: str, what: str) -> None:
    """Refuse what the parts of a rig name differently."""
    if len({value for value in values if value is not None}) > 1:
        raise InputError(f"{text[:80]!r} names two {what}; a machine has one")


def _parse_group(part: str, whole: str, catalog: Catalog) -> _Part:
    """Return one ``COUNTxGPU@…`` group with what it says of its machine."""
    match = _GROUP.fullmatch(part.strip())
    if match is None:
        raise InputError(f"{whole[:80]!r} is no rig: {_EXAMPLE}")
    if match[1] is None and (wrong := _WRONG_COUNT.match(match[2])):
        raise InputError(
            f"the count {wrong[1][:20]!r} of {whole[:80]!r} must be a whole number from 1 to "
            f"{MAX_CARDS_PER_NODE}"
        )
    count, name, options = int(match[1] or 1), match[2].strip(), match[3]
    if match[1] is not None:
        check_count(count, name=f"count of {name!r}", limit=MAX_CARDS_PER_NODE)
    try:
        gpu = catalog.gpu(name)
    except UnknownNameError as error:
        system = _system_part(part, catalog) if match[1] is None else None
        if system is None:
            _refuse_count_behind(name, catalog)
            raise error from None
        return system
    found = _Part(CardGroup(count, gpu, options=options))
    for option in filter(None, options.split("@")):
        found = _with_named(found, option, catalog)
    return found


def _refuse_count_behind(name: str, catalog: Catalog) -> None:
    """Refuse ``rtx-3090x2``, where the count stands behind a card that there is."""
    found = _COUNT_BEHIND.fullmatch(name)
    if found is not None and catalog.claims("gpus", found[1]):
        written = f"{found[2]}x{catalog.resolve('gpus', found[1])}"
        raise InputError(f"{name!r} is no rig: the number comes first, as in {written}")


def _with_named(part: _Part, option: str, catalog: Catalog) -> _Part:
    """Return a part with one option, which speaks of its machine or of its cards."""
    key, _, value = option.partition("=")
    if key.lower() == "ram":
        host_bytes = parse(value, "bytes", name="ram", limit=1024 * 1024 * GIB)
        return replace(part, host_bytes=host_bytes)
    if key.lower() == "net":
        # The rate is bytes with "/s" behind them.
        rate_bytes_per_s = parse(value.strip().removesuffix("/s"), "bytes", name="net", limit=1e13)
        return replace(part, network_bytes_per_s=rate_bytes_per_s)
    return replace(part, group=_with_option(part.group, option, catalog))


def _system_part(name: str, catalog: Catalog) -> _Part | None:
    """Return the cards of a named machine, or ``None`` when no machine is called that."""
    try:
        system = catalog.system(name)
    except UnknownNameError:
        return None
    rate_bytes_per_s = system.network_bytes_per_s if system.nodes_count > 1 else None
    # The text of a rig says it all, so that it can be parsed again.
    options = "" if rate_bytes_per_s is None else f"@net={rate_bytes_per_s / GB:g}GB/s"
    cards = system.gpu_count // system.nodes_count
    group = CardGroup(cards, catalog.gpu(system.gpu), options=options)
    return _Part(group, None, rate_bytes_per_s, system.nodes_count)


def _with_mig(group: CardGroup, profile: str, catalog: Catalog) -> CardGroup:
    """Return the group as instances of a MIG profile of its card."""
    table = catalog.mig_table(group.gpu.slug)
    if table is None:
        raise InputError(
            f"@mig={profile[:20]}: no MIG profiles of {group.gpu.slug} are known; leave it out"
        )
    return replace(
        group,
        gpu=instance_gpu(group.gpu, table, profile),
        mig=profile,
        mig_most_count=table.profile(profile).max_instance_count,
    )


def _with_fabric(group: CardGroup, name: str) -> CardGroup:
    """Return the group with a bridge or on a four-card board, where the card allows it."""
    fabric = group.gpu.fabric
    if name == "nvlink":
        if fabric is None or fabric.kind != "nvlink":
            raise InputError(f"@nvlink: {group.gpu.slug} has no NVLink; leave the option out")
        return replace(group, bridged=True)
    if fabric is None or fabric.topology != "switch" or group.count > _HGX4_CARDS:
        raise InputError(f"@hgx4 is a board of up to 4 SXM cards; {group.text} is none")
    return replace(group, board="hgx4")


def _with_option(group: CardGroup, option: str, catalog: Catalog) -> CardGroup:
    """Return the group with one option applied, or say why it cannot be."""
    gpu = group.gpu
    if watts := _WATTS.fullmatch(option):
        cap_w = float(watts[1])
        limit_w = gpu.board_power_w or cap_w
        if not 0.2 * limit_w <= cap_w <= limit_w:
            raise InputError(
                f"@{option}: a power cap for {gpu.slug} lies between {0.2 * limit_w:.0f} "
                f"and {limit_w:.0f} W"
            )
        return replace(group, power_cap_w=cap_w)
    if slot := _PCIE.fullmatch(option):
        rate = _LANE_BYTES_PER_S[int(slot[1])] * int(slot[2])
        own = gpu.pcie.bytes_per_s if gpu.pcie else rate
        return replace(group, pcie_bytes_per_s=min(rate, own))
    name = option.lower()
    if name.startswith("mig="):
        return _with_mig(group, name[4:], catalog)
    if name == "no-p2p":
        return replace(group, staged=True)
    if name in {"nvlink", "hgx4"}:
        return _with_fabric(group, name)
    if name == THIS:
        return replace(group, gpu=catalog.machine().probed(gpu))
    raise InputError(
        f"@{option} is no option of a rig: use 220w, pcie3x16, no-p2p, nvlink, hgx4, "
        "mig=1g.10gb, ram=128GiB, net=25GB/s or this"
    )
