"""A machine in rig notation, from what was read and from the records of its cards."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rightrig.deployment.rig import parse_rig
from rightrig.errors import InputError
from rightrig.facts.catalog import Catalog
from rightrig.facts.machine import Machine, ProbedCard
from rightrig.measuring.probe.links import nvlinks_count
from rightrig.quantities import GIB, MIB

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rightrig.facts.gpu import Gpu
    from rightrig.measuring.probe.naming import Known
    from rightrig.measuring.probe.readings import Card, Links, MigInstance, Reading

_HGX4_CARDS: Final = 4
CAP_RATIO: Final = 0.98
_LEAST_CAP_RATIO: Final = 0.2
_NOTATED_GENERATIONS: Final = range(3, 7)
_NOTATED_LANES: Final = (1, 2, 4, 8, 16)
# One direction of one link, by generation of NVLink: SXM boards.
_LINK_BYTES_PER_S: Final = {2: 25e9, 3: 25e9, 4: 25e9, 5: 50e9}
_MIG_TOLERANCE_RATIO: Final = 0.08


@dataclass(frozen=True, slots=True)
class Described:
    """A machine, and what its notation could not say.

    Attributes:
        left_out: Cards without a record, and options that the notation refused; sentences.
    """

    machine: Machine
    left_out: tuple[str, ...] = ()


def expected_links_count(gpu: Gpu) -> int | None:
    """Return the NVLinks that a card on its board should have up, or ``None`` where none are.

    The bandwidth of the record in one direction over that of one link; cards with bridges have
    links that may well be unused.
    """
    fabric = gpu.fabric
    if fabric is None or fabric.kind != "nvlink" or fabric.topology == "bridge":
        return None
    each = _LINK_BYTES_PER_S.get(fabric.generation or 0)
    return None if each is None else round(fabric.bytes_per_s / each)


def is_capped(known: Known) -> bool:
    """Whether a card's power limit lies below what its record states."""
    limit_w = known.gpu.board_power_w if known.gpu else None
    set_w = known.card.power.set_w
    if limit_w is None or set_w is None:
        return False
    return _LEAST_CAP_RATIO * limit_w <= set_w < CAP_RATIO * limit_w


def lanes_now(card: Card) -> int | None:
    """Return the PCIe lanes that a card uses; they do not fall when it idles."""
    return card.slot.lanes or card.slot.most_lanes


def is_slower_slot(known: Known) -> bool:
    """Whether a card's slot is slower than the card of its record."""
    slot, pcie = known.card.slot, known.gpu.pcie if known.gpu else None
    lanes = lanes_now(known.card)
    if pcie is None or slot.most_generation is None or lanes is None:
        return False
    return slot.most_generation < pcie.generation or lanes < pcie.lanes


def lacks_peers(first: Known, others: Sequence[Known], links: Links) -> bool:
    """Whether a card and another that could exchange memory over PCIe may not."""
    if first.gpu is None or first.gpu.pcie is None or not first.gpu.pcie.peer_to_peer:
        return False
    one = first.card.index
    for other in others:
        two = other.card.index
        peer = links.peer.get((min(one, two), max(one, two)), "OK")
        if one != two and peer != "OK" and not nvlinks_count(links, one, two):
            return True
    return False


def instance_profile(known: Known, part: MigInstance, catalog: Catalog) -> str | None:
    """Return the profile of a MIG instance: by its name, else by its SMs and its memory."""
    if known.gpu is None:
        return None
    profiles = catalog.mig_profiles(known.gpu.slug)
    for profile in profiles:
        if profile.profile == part.profile:
            return profile.profile
    size_gib = part.memory_mib * MIB / GIB
    near = [
        (abs(profile.memory_gib / size_gib - 1.0), not profile.is_plain, profile.profile)
        for profile in profiles
        if profile.memory_gib and part.sm_count in {profile.sm_count, None}
    ]
    error_ratio, _, name = min(near, default=(1.0, False, ""))
    return name if error_ratio <= _MIG_TOLERANCE_RATIO else None


def _options(known: Known, peers: Sequence[Known], links: Links) -> str:
    """Return what is to be said of a card behind its name."""
    card = known.card
    found = f"@{round(card.power.set_w or 0.0)}w" if is_capped(known) else ""
    generation, lanes = card.slot.most_generation, lanes_now(card)
    if is_slower_slot(known) and generation in _NOTATED_GENERATIONS and lanes in _NOTATED_LANES:
        found += f"@pcie{generation}x{lanes}"
    found += _fabric_option(known, peers, links)
    if lacks_peers(known, peers, links):
        found += "@no-p2p"
    return found


def _fabric_option(known: Known, peers: Sequence[Known], links: Links) -> str:
    """Return ``@nvlink`` for bridges, ``@hgx4`` for a board of four without a switch."""
    gpu = known.gpu
    if gpu is None or gpu.fabric is None or gpu.fabric.kind != "nvlink":
        return ""
    counts = [
        nvlinks_count(links, known.card.index, other.card.index)
        for other in peers
        if other.card.index != known.card.index
    ]
    most = max(counts, default=0)
    if gpu.fabric.topology == "bridge":
        return "@nvlink" if most else ""
    expected = expected_links_count(gpu)
    # On a board of four each pair has a third of a card's links, behind a switch all of them.
    direct = expected is not None and 0 < most <= expected // 2
    return "@hgx4" if direct and len(peers) <= _HGX4_CARDS else ""


def described(reading: Reading, knowns: Sequence[Known], catalog: Catalog, date: str) -> Described:
    """Return a machine in rig notation.

    Args:
        reading: What was read.
        knowns: Its cards with their records; what has none is left out, and said.
        catalog: Where the records are from.
        date: Of today, ISO.
    """
    usable = [one for one in knowns if one.gpu is not None]
    own = {one.gpu.slug: one.gpu for one in usable if one.gpu is not None and one.is_variant}
    empty = Machine(
        name=reading.host.name or "machine",
        date=date,
        rig="",
        cards=_probed(usable),
        own_cards=tuple(own.values()),
        versions=dict(sorted(reading.versions.items())),
    )
    rig, left_out = _rig(reading, usable, empty, catalog)
    return Described(empty.model_copy(update={"rig": rig}), left_out)


def _probed(usable: Sequence[Known]) -> tuple[ProbedCard, ...]:
    """Return what the driver said of the cards of each kind, but for those in parts."""
    found: dict[str, ProbedCard] = {}
    for known in usable:
        slug, card = known.gpu.slug if known.gpu else "", known.card
        if card.instances or (known.gpu is not None and known.gpu.memory_is_unified):
            continue
        before = found.get(slug)
        nvml = [card.memory_mib, before.memory_nvml_mib if before else None]
        cuda = [card.memory_cuda_bytes, before.memory_cuda_bytes if before else None]
        found[slug] = ProbedCard(
            slug=slug,
            memory_nvml_mib=min((n for n in nvml if n), default=None),
            memory_cuda_bytes=min((n for n in cuda if n), default=None),
        )
    return tuple(found.values())


def _rig(
    reading: Reading, usable: Sequence[Known], machine: Machine, catalog: Catalog
) -> tuple[str, tuple[str, ...]]:
    """Return the rig, and what the notation refused of it."""
    groups: dict[str, int] = {}
    left_out: list[str] = []
    for known in usable:
        for text in _parts(known, usable, reading.links, catalog, left_out):
            groups[text] = groups.get(text, 0) + 1
    parts = [f"{count}x{text}" for text, count in groups.items()]
    known_names = Catalog(layers=catalog.layers, machine=lambda: machine)
    checked = []
    for part in parts:
        reason = _refused(part, known_names)
        if reason:
            left_out.append(reason)
        checked.append(part.partition("@")[0] if reason else part)
    host_bytes = reading.host.memory_bytes
    # A chip that shares the host's memory has none beside its own.
    is_shared = any(one.gpu is not None and one.gpu.memory_is_unified for one in usable)
    if checked and host_bytes is not None and host_bytes >= GIB and not is_shared:
        checked[0] += f"@ram={int(host_bytes // GIB)}GiB"
    rig = "+".join(checked)
    reason = _refused(rig, known_names) if rig else ""
    return ("", (*left_out, reason)) if reason else (rig, tuple(left_out))


def _parts(
    known: Known,
    usable: Sequence[Known],
    links: Links,
    catalog: Catalog,
    left_out: list[str],
) -> list[str]:
    """Return a card as the notation has it: itself, or its MIG instances."""
    gpu, card = known.gpu, known.card
    if gpu is None:
        return []
    options = _options(known, usable, links)
    if not card.instances:
        return [gpu.slug + options]
    found = []
    for part in card.instances:
        profile = instance_profile(known, part, catalog)
        if profile is None:
            left_out.append(
                f"card {card.index} has a MIG instance of {part.memory_mib} MiB, which no profile "
                f"of {gpu.slug} in the catalogue has"
            )
        else:
            found.append(f"{gpu.slug}{options}@mig={profile}")
    return found


def _refused(rig: str, catalog: Catalog) -> str:
    """Return why a rig cannot be read back, or nothing."""
    try:
        parse_rig(rig, catalog)
    except InputError as error:
        return str(error)
    return ""
