"""A machine, probed: what was read, what the catalogue knows of it, and how it is written down."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rightrig.deployment.compatibility_matrix import Asked, support
from rightrig.deployment.rig import parse_rig
from rightrig.facts.catalog import Catalog
from rightrig.measuring.probe.describing import Described, described
from rightrig.measuring.probe.naming import Known, known
from rightrig.measuring.probe.processor import SLUG, measured_rates, processor_record
from rightrig.measuring.probe.software import ENGINES
from rightrig.quantities import MIB

if TYPE_CHECKING:
    from rightrig.facts.gpu import Gpu
    from rightrig.facts.machine import Machine
    from rightrig.measuring.probe.readings import Reading


@dataclass(frozen=True, slots=True)
class Engine:
    """An engine that is installed, and whether it runs on these cards.

    Attributes:
        reasons: Why not; empty where it runs, or where nothing is known of it.
    """

    name: str
    version: str
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Probed:
    """A machine, probed.

    Attributes:
        processor: Its processor as a record, where it has no card and was measured.
        left_out: What its notation does not say; sentences.
        is_here: Whether it is this machine, and not one that files describe.
    """

    reading: Reading
    knowns: tuple[Known, ...]
    machine: Machine
    engines: tuple[Engine, ...] = ()
    processor: Gpu | None = None
    left_out: tuple[str, ...] = ()
    is_here: bool = False

    @property
    def read(self) -> tuple[Known, ...]:
        """The cards that answered."""
        return tuple(one for one in self.knowns if not one.card.lost)


def probed(reading: Reading, catalog: Catalog, date: str, *, is_here: bool) -> Probed:
    """Return a machine with what the catalogue knows of it.

    Args:
        reading: What was read of it.
        catalog: Where its cards' records are.
        date: Of today, ISO.
        is_here: Whether it is this machine, whose processor is then measured where it has no
            card; it takes less than a second.
    """
    knowns = tuple(known(card, catalog) for card in reading.cards)
    found = described(reading, knowns, catalog, date)
    processor = None
    if is_here and not reading.cards:
        processor = processor_record(reading.host, measured_rates(reading.host), date)
    if processor is not None:
        found = _of_processor(found, processor)
    return Probed(
        reading=reading,
        knowns=knowns,
        machine=found.machine,
        engines=_engines(reading, found.machine, catalog),
        processor=processor,
        left_out=found.left_out,
        is_here=is_here,
    )


def _of_processor(found: Described, processor: Gpu) -> Described:
    """Return a machine without a card as one whose card is its processor."""
    machine = found.machine.model_copy(update={"rig": f"1x{SLUG}", "own_cards": (processor,)})
    return Described(machine, found.left_out)


def _engines(reading: Reading, machine: Machine, catalog: Catalog) -> tuple[Engine, ...]:
    """Return the engines that are installed, with why they do not run on the cards."""
    found = []
    for name, slug in ENGINES.items():
        version = reading.versions.get(name)
        if version is None:
            continue
        reasons: tuple[str, ...] = ()
        if machine.rig and reading.cards:
            whole = Catalog(layers=catalog.layers, machine=lambda: machine)
            answer = support(catalog.runtime(slug), Asked(parse_rig(machine.rig, whole)))
            reasons = answer.reasons if answer.verdict == "no" else ()
        found.append(Engine(name, version, reasons))
    return tuple(found)


def memory_bytes(probed: Probed) -> float:
    """Return the memory of all cards together, in bytes; 0 where there is none."""
    mib = sum(one.card.memory_mib or 0 for one in probed.read)
    return mib * MIB
