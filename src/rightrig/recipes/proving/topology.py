"""Whether a machine is the planned one: a script for it, and proofs where this one is it."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Final

from rightrig.deployment.limits import version_of
from rightrig.measuring.probe.describing import lanes_now
from rightrig.measuring.probe.links import nvlinks_count
from rightrig.recipes.launch import File
from rightrig.recipes.proving.proof import Proof
from rightrig.recipes.proving.topology_wanted import plain_name, wanted_of
from rightrig.recipes.templating import render

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rightrig.measuring.probe.probed import Probed
    from rightrig.measuring.probe.readings import Card, Pair, Reading
    from rightrig.recipes.proving.topology_wanted import Kind, Wanted
    from rightrig.recipes.serving import Serving

ID: Final = "PROVE-TOPOLOGY"
PATH: Final = "topology.sh"
REMEDIES: Final = {
    "driver": "install a newer driver of NVIDIA, and restart the machine",
    "cards": "seat the missing card again and read dmesg; or plan for the cards that are there",
    "name": "plan for the cards that are there, in the order of nvidia-smi",
    "memory": "plan with --on this after rightrig probe, so that the cards count as they are",
    "generation": "take another slot, set it in the firmware, or write @pcie4x16 into the rig",
    "lanes": "seat card and riser again, set the bifurcation in the firmware, or write @pcie4x4",
    "mig_off": "nvidia-smi -i CARD -mig 0, as root, while nobody uses the card",
    "mig_on": "cut the cards as rightrig tenants --recipe nvidia-smi says",
    "power": "nvidia-smi -i CARD -pl WATTS, as root; or write the limit into the rig (@220w)",
    "persistence": "persistence is off: the first start after a pause takes longer",
    "ecc": "error correction is off: errors of memory go unseen",
    "errors": "nvidia-smi -q -d ECC; reset the card, replace it if they come again",
    "links": "nvidia-smi nvlink -e shows errors; seat the bridge or board again, reset the card",
    "paths": "see that the bridge is seated, and that nvidia-fabricmanager runs on a board of SXM",
    "peers": "turn ACS or the IOMMU off in the firmware, or write @no-p2p into the rig",
    "slow": "look at links and slots above; set NCCL_DEBUG=INFO to see which way NCCL takes",
    "hang": "run it by hand with NCCL_DEBUG=INFO; NCCL_P2P_DISABLE=1 tells whether peers are why",
    "tests": "build nccl-tests of NVIDIA and set ALL_REDUCE_PERF to its all_reduce_perf",
}
"""What to do, by check."""


def topology_script(serving: Serving) -> File:
    """Return a script for the target that says, check by check, whether it is as planned."""
    wanted = wanted_of(serving)
    about = "checks, on the target, that the machine is as planned"
    if wanted is None:
        text = render("topology-unchecked.sh", rig=serving.deployment.rig.text)
        return File(PATH, text, about, is_executable=True)
    text = render(
        PATH,
        wanted=wanted,
        remedies=REMEDIES,
        nodes=serving.deployment.rig.nodes_count,
        links=[(n, kind.links_count) for kind in wanted.kinds if kind.links_count
               for n in kind.indices],
        bus=f"{wanted.bus_gb_per_s or 0.0:.1f}",
        pair=f"{wanted.pair_gb_per_s or 0.0:.1f}",
    )  # fmt: skip
    return File(PATH, text, about, is_executable=True)


def topology_proofs(serving: Serving, probed: Probed) -> tuple[Proof, ...]:
    """Return whether the machine that was probed is as planned.

    Bandwidths are not measured here: the script does, where the tools for it are.
    """
    wanted = wanted_of(serving)
    rig = serving.deployment.rig.text
    if wanted is None:
        said = "only cards of NVIDIA are checked"
        return (Proof(ID, "unverifiable", rig, said, "compare rightrig probe with the rig"),)
    if not probed.read:
        said = f"no card answers on {probed.machine.name or 'this machine'}"
        return (Proof(ID, "unverifiable", rig, said, f"run sh {PATH} on the target"),)
    return tuple(_proofs(wanted, probed.reading, [one.card for one in probed.read]))


def _proofs(wanted: Wanted, reading: Reading, cards: list[Card]) -> Iterator[Proof]:
    """Yield what holds of the machine."""
    yield _proof(
        "cards",
        f"{len(cards)} of {wanted.cards_count} cards",
        "cards" if len(cards) < wanted.cards_count else "",
    )
    yield _driver(wanted, reading.versions.get("driver", ""))
    by_index = {card.index: card for card in cards}
    for kind in wanted.kinds:
        for index in kind.indices:
            if index in by_index:
                yield from _card_proofs(kind, by_index[index])
    if wanted.ranks_count > 1:
        yield from _path_proofs(wanted, reading)


def _driver(wanted: Wanted, driver: str) -> Proof:
    """Return whether the driver is new enough."""
    least = wanted.least_driver
    if not driver or not least:
        said = (
            f"driver {driver}, needed is not recorded" if driver else "the driver says no version"
        )
        return Proof(ID, "unverifiable", "driver", said, f"run sh {PATH} on the target")
    is_old = version_of(driver) < version_of(least)
    return _proof("driver", f"{driver}, needed {least} or newer", "driver" if is_old else "")


def _card_proofs(kind: Kind, card: Card) -> Iterator[Proof]:
    """Yield what is wrong with one card, or that nothing is."""
    subject = f"card {card.index}"
    wrong = tuple(_wrong(kind, card))
    for said, remedy in wrong:
        yield _proof(subject, said, remedy)
    if not wrong:
        yield _proof(subject, f"{card.name}, as planned")


def _wrong(kind: Kind, card: Card) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with one card, each with its remedy."""
    lanes, generation = lanes_now(card), card.slot.most_generation
    memory_mib = card.memory_mib or kind.least_mib
    is_small = memory_mib < kind.least_mib
    if (is_small or memory_mib > kind.most_mib) and plain_name(card.name) not in kind.names:
        yield f"it is a {card.name}, planned is a {kind.title}", "name"
    if is_small:
        yield f"{card.memory_mib:,} MiB, planned {kind.least_mib:,} or more", "memory"
    if generation is not None and generation < (kind.generation or 0):
        yield f"PCIe generation {generation}, planned {kind.generation}", "generation"
    if lanes is not None and lanes < (kind.lanes or 0):
        yield f"PCIe x{lanes}, planned x{kind.lanes}", "lanes"
    if card.mig is not None and card.mig != bool(kind.mig):
        yield f"MIG is {'on' if card.mig else 'off'}", "mig_off" if card.mig else "mig_on"
    if card.power.set_w is not None and card.power.set_w < (kind.least_w or 0):
        yield f"limited to {card.power.set_w:.0f} W, planned {kind.least_w} or more", "power"
    up = sum(link.is_up for link in card.nvlinks)
    if kind.links_count is not None and up < kind.links_count:
        yield f"{up} of {kind.links_count} NVLinks are up", "links"


def _path_proofs(wanted: Wanted, reading: Reading) -> Iterator[Proof]:
    """Yield what joins the cards, and whether one may read the other."""
    pairs = list(combinations(range(wanted.cards_count), 2))
    if wanted.path in {"nvlink", "bridge"}:
        joined = {pair for pair in pairs if nvlinks_count(reading.links, *pair)}
        apart = _unjoined(wanted, pairs, joined)
        yield _proof(
            "paths", _said(apart, "without NVLink", "NVLink joins them"), apart and "paths"
        )
    if wanted.path in {"", "host"}:
        return
    if not reading.links.peer:
        said = "the driver says nothing of peers"
        yield Proof(ID, "unverifiable", "peers", said, f"run sh {PATH} on the target")
        return
    allowed = {pair for pair in pairs if reading.links.peer.get(pair) == "OK"}
    barred = _unjoined(wanted, pairs, allowed)
    yield _proof(
        "peers", _said(barred, "not allowed", "they may read each other"), barred and "peers"
    )


def _unjoined(wanted: Wanted, pairs: list[Pair], joined: set[Pair]) -> str:
    """Return the pairs that are not joined; with bridges, the cards that no bridge joins."""
    if wanted.path == "bridge":
        reached = {card for pair in joined for card in pair}
        return ", ".join(str(n) for n in range(wanted.cards_count) if n not in reached)
    return ", ".join(f"{one}-{two}" for one, two in pairs if (one, two) not in joined)


def _said(wrong: str, fault: str, fine: str) -> str:
    """Return what is said of pairs."""
    return f"{fault}: {wrong}" if wrong else fine


def _proof(subject: str, said: str, remedy: str = "") -> Proof:
    """Return a proof that failed where there is a remedy, and passed where there is none."""
    return Proof(ID, "fail" if remedy else "pass", subject, said, REMEDIES.get(remedy, ""))
