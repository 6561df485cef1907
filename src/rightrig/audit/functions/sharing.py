"""A card that is partitioned (MIG): what an instance has of it, and what a tenant pays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rightrig.errors import InputError
from rightrig.facts.derivation import stated_flop_per_s
from rightrig.facts.mig import instance_gpu, least_compute_ratio
from rightrig.facts.reading import plain
from rightrig.quantities import check_positive

if TYPE_CHECKING:
    from rightrig.audit.naming import Setting
    from rightrig.facts.gpu import Gpu
    from rightrig.facts.mig import MigTable

_MOST_USD: Final = 1e12


def mig_compute_ratio(setting: Setting, card: str, profile: str) -> float:
    """Return the share of a card's SMs that a MIG instance has: never its slices over seven."""
    gpu, table = _cut(setting, card)
    return least_compute_ratio(gpu, table, table.profile(profile))


def mig_peak_flop_per_s(setting: Setting, card: str, profile: str, rate: str) -> float:
    """Return the dense peak of a MIG instance, by the name of the card's: ``"fp16"``."""
    gpu, table = _cut(setting, card)
    peak = instance_gpu(gpu, table, profile).peak
    found = stated_flop_per_s(peak, rate) if hasattr(peak, f"{rate}_flop_per_s") else None
    if found is None:
        raise InputError(f"{gpu.slug} has no peak rate {plain(rate, 24)!r}")
    return found


def mig_tenant_usd(setting: Setting, card: str, profile: str, card_usd: float) -> float:
    """Return what a card's price is for each of the most instances of one profile."""
    _, table = _cut(setting, card)
    check_positive(card_usd, name="card_usd", limit=_MOST_USD)
    return card_usd / table.profile(profile).max_instance_count


def _cut(setting: Setting, card: str) -> tuple[Gpu, MigTable]:
    """Return a card and the profiles that it is cut into."""
    gpu = setting.catalog.gpu(card)
    table = setting.catalog.mig_table(gpu.slug)
    if table is None:
        raise InputError(f"{plain(card, 40)} has no table of MIG profiles")
    return gpu, table


SHARING: Final = (mig_compute_ratio, mig_peak_flop_per_s, mig_tenant_usd)
