"""Which card of the catalogue an offer is. What does not follow is left out, never guessed."""

from __future__ import annotations

import functools
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rightrig.facts.catalog import Catalog
    from rightrig.fetching.gpuhunt_offers import Offered

_DATA: Final = Path(__file__).parent / "data" / "gpuhunt_cards.toml"
_TOLERANCE_RATIO: Final = 0.08
"""Drivers and clouds print 22.4 to 24 GiB for a card of 24; the next sizes lie further off."""
_MIG: Final = re.compile(r"\bmig\b|\d+g\.\d+gb", re.IGNORECASE)
_TPU: Final = re.compile(r"(v5litepod|v5p|v6e)-(\d+)", re.ASCII)
_CORES_PER_CHIP: Final = {"v5litepod": 1, "v5p": 2, "v6e": 1}
"""What the number behind a TPU's name counts, in a chip: cores of a v5p, chips of the others."""

NO_CARD: Final = "machines without an accelerator"
PART: Final = "less memory than the card has: a part of it (MIG, a fraction), or another version"
UNKNOWN: Final = "cards that the catalogue does not know by this name and memory"
AMBIGUOUS: Final = "cards whose form factor or edition is not stated"


@dataclass(frozen=True, slots=True)
class Cards:
    """The accelerators of an offer.

    Attributes:
        gpu: Slug of the card.
        count: How many the machine has.
    """

    gpu: str
    count: int


@dataclass(frozen=True, slots=True)
class Unmapped:
    """Why an offer is none for a card of the catalogue.

    Attributes:
        reason: One of the sentences above.
        what: The name at fault, as gpuhunt has it.
    """

    reason: str
    what: str


@functools.cache
def rules() -> dict[str, Any]:
    """Return the table of names, forms and flags."""
    with _DATA.open("rb") as file:
        return tomllib.load(file)


def cards_of(provider: str, offer: Offered, catalog: Catalog) -> Cards | Unmapped:
    """Return the accelerators of an offer, or why they are none of the catalogue's.

    Args:
        provider: gpuhunt's name of it.
        offer: One machine.
        catalog: Whose cards and aliases count.
    """
    if offer.cards_count < 1 or not offer.gpu_name:
        return Unmapped(NO_CARD, "")
    tpu = _TPU.fullmatch(offer.gpu_name)
    if tpu is not None:
        return _tpu(tpu[1], int(tpu[2]), catalog)
    memory = "" if offer.memory_gib is None else f" {offer.memory_gib:.0f} GB"
    what = f"{provider} {offer.gpu_name}{memory}"
    if _MIG.search(offer.gpu_name) or _MIG.search(offer.instance):
        return Unmapped(PART, what)
    named = _named(offer, catalog)
    sized = [slug for slug in named if _holds(slug, offer.memory_gib, catalog)]
    if not sized:
        smallest_gib = min((_marketed_gib(slug, catalog) for slug in named), default=0.0)
        is_part = offer.memory_gib is not None and offer.memory_gib < smallest_gib
        return Unmapped(PART if is_part else UNKNOWN, what)
    chosen = _of_form(provider, offer.instance, sized)
    if len(chosen) != 1:
        return Unmapped(AMBIGUOUS, what)
    return Cards(chosen[0], offer.cards_count)


def _tpu(name: str, number: int, catalog: Catalog) -> Cards | Unmapped:
    """Return the chips of a slice, which gpuhunt counts as one accelerator."""
    found = rules()["names"].get(name) or sorted(catalog.claims("gpus", name))
    count = number // _CORES_PER_CHIP[name]
    if len(found) != 1 or count < 1:
        return Unmapped(UNKNOWN, name)
    return Cards(found[0], count)


def _named(offer: Offered, catalog: Catalog) -> list[str]:
    """Return the cards that may be meant: by the machine's name, or by their own."""
    # Some providers call a machine what nvidia-smi prints for its card: that says everything.
    of_machine = catalog.claims("gpus", offer.instance)
    if len(of_machine) == 1:
        return list(of_machine)
    listed = rules()["names"].get(offer.gpu_name)
    if listed is not None:
        return list(listed)
    sized = "" if offer.memory_gib is None else f"{offer.gpu_name} {offer.memory_gib:.0f}GB"
    return sorted(catalog.claims("gpus", offer.gpu_name) | catalog.claims("gpus", sized))


@functools.cache
def _marketed_gib(slug: str, catalog: Catalog) -> float:
    """Return the memory that a card is sold with."""
    return catalog.gpu(slug).memory_marketed_gib


def _holds(slug: str, memory_gib: float | None, catalog: Catalog) -> bool:
    """Return whether a stated size of memory is that of a card; none stated is any."""
    if memory_gib is None:
        return True
    return abs(memory_gib / _marketed_gib(slug, catalog) - 1.0) <= _TOLERANCE_RATIO


def _of_form(provider: str, machine: str, cards: Iterable[str]) -> list[str]:
    """Return those of some cards that have the form factor of a machine, where it is known."""
    found = list(cards)
    if len(found) == 1:
        return found
    forms = [
        rule["form"]
        for rule in rules()["form"]
        if rule["provider"] == provider and re.match(rule["machines"], machine)
    ]
    forms += [f"-{form}" for form in ("sxm", "pcie", "nvl") if form in machine.lower()]
    return [slug for slug in found if any(form in slug for form in forms)]
