"""Risks that need a rig or money: whose memory errs, and what lost time and saves cost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rightrig.errors import InputError
from rightrig.facts.derivation import marketed_bytes
from rightrig.quantities import GB, SECONDS_PER_HOUR
from rightrig.reliability.bit_risk import Cards

if TYPE_CHECKING:
    from rightrig.deployment.rig import Rig
    from rightrig.facts.gpu import Gpu
    from rightrig.interval import Interval

_ECC_AT_FIRST: Final = {"none": False, "native": True, "optional-off": False, "optional-on": True}


def cards_of(rig: Rig, *, ecc: bool | None) -> Cards:
    """Return the cards of a rig as memory that errs, with ECC as stated or as they come.

    Raises:
        InputError: for ECC that a card lacks or cannot turn off, and for cards that differ in it.
    """
    gpus = [group.gpu for group in rig.groups]
    states = {_ecc_of(gpu, asked=ecc) for gpu in gpus}
    if len(states) > 1:
        raise InputError(
            f"the cards of {rig.text} come with ECC on and off: ask about each kind of card alone"
        )
    total_bytes = sum(marketed_bytes(group.gpu) * group.count for group in rig.groups)
    return Cards(rig.cards_count, total_bytes / rig.cards_per_node / GB, states.pop())


def _ecc_of(gpu: Gpu, *, asked: bool | None) -> bool:
    """Return whether a card's ECC is on."""
    if asked is None:
        return _ECC_AT_FIRST[gpu.ecc]
    if asked and gpu.ecc == "none":
        raise InputError(f"{gpu.slug} has no ECC; leave --ecc out, or say --ecc off")
    if not asked and gpu.ecc == "native":
        raise InputError(f"{gpu.slug} has ECC built into its memory; leave --ecc out")
    return asked


def lost_usd(lost_gpu_s: Interval, gpu_usd_per_hour: float) -> Interval:
    """Return what time that is no lasting work costs: GPU hours × price of one."""
    return lost_gpu_s.scaled(gpu_usd_per_hour / SECONDS_PER_HOUR)


def storage_usd_per_month(
    state_bytes: float, kept_count: int, terabyte_usd_per_month: float
) -> float:
    """Return what the saves that are kept cost a month: bytes × saves × price of 10¹² bytes."""
    return state_bytes * kept_count / 1e12 * terabyte_usd_per_month
