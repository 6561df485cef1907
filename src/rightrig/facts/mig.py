"""MIG: how one NVIDIA card is partitioned, and what an instance has of it.

SMs are a fact of each profile, never slices / 7: an H100 gives 1g.10gb 16 of its 132 SMs,
1g.20gb 26, and 3g.40gb 60.
"""

from __future__ import annotations

from typing import Final, Literal

from pydantic import NonNegativeInt, PositiveFloat, PositiveInt

from rightrig.errors import InputError
from rightrig.facts.gpu import Gpu, PeakRates
from rightrig.facts.source import Record, Source
from rightrig.interval import Interval
from rightrig.quantities import GIB, MIB

# An instance's memory over its nominal part of what nvidia-smi prints for the whole card, on
# the profiles where both are known: 0.912 (H200 1g.18gb) to 0.998 (H100 7g.80gb).
_OF_NOMINAL_RATIO: Final = Interval(0.91, 0.975, 1.0)


class MigProfile(Record):
    """One way to cut an instance out of a card.

    Attributes:
        profile: Its name, such as ``1g.10gb``; ``+me`` adds media engines, ``-me`` takes them
            away, ``+gfx`` adds graphics.
        compute_slice_count: Of 7 (of 4 on cards of four slices).
        memory_slice_count: Of 8 (of 4); memory bandwidth and L2 come with them.
        sm_count: Its streaming multiprocessors; ``None`` where nobody printed them.
        memory_gib: What ``nvidia-smi mig -lgip`` prints, and what CUDA reports as the
            instance's total.
        max_instance_count: Most instances of this profile alone.
        profile_id: What ``nvidia-smi mig -cgi`` takes for it; names do too. ``None`` where no
            listing was found.
        starts: Positions of the card's memory at which an instance may begin, as
            ``nvidia-smi mig -lgipp`` prints them. It then takes ``MigTable.positions_count``.
        copy_engine_count: Its copy engines.
        media_extension: ``+me``, ``+me.all``, ``-me``, or nothing for the usual share.
        graphics: Whether it renders.
    """

    profile: str
    compute_slice_count: PositiveInt
    memory_slice_count: PositiveInt
    sm_count: PositiveInt | None = None
    memory_gib: PositiveFloat | None = None
    max_instance_count: PositiveInt
    profile_id: NonNegativeInt | None = None
    starts: tuple[NonNegativeInt, ...] = ()
    copy_engine_count: PositiveInt | None = None
    media_extension: Literal["", "+me", "+me.all", "-me"] = ""
    graphics: bool = False
    note: str = ""

    @property
    def is_plain(self) -> bool:
        """Whether it has the usual media engines and no graphics."""
        return not self.media_extension and not self.graphics


class MigTable(Record):
    """The profiles of one kind of card.

    Attributes:
        slug: The card's; ``aliases`` are the slugs of other cards with the same profiles.
        memory_slice_total: Memory slices of the whole card.
        positions_per_slice: Positions of ``nvidia-smi mig -lgipp`` in one memory slice: 1, and 3
            on cards whose listing has twelve positions for four slices.
    """

    slug: str
    name: str
    aliases: tuple[str, ...] = ()
    memory_slice_total: PositiveInt
    positions_per_slice: PositiveInt = 1
    profiles: tuple[MigProfile, ...]
    sources: tuple[Source, ...]
    note: str = ""

    @property
    def gpus(self) -> tuple[str, ...]:
        """Slugs of the cards that are cut like this."""
        return (self.slug, *self.aliases)

    @property
    def compute_slice_total(self) -> int:
        """Compute slices that all instances together may have: those of the widest profile."""
        return max(p.compute_slice_count for p in self.profiles)

    def positions_count(self, profile: MigProfile) -> int:
        """Return the positions of memory that an instance takes from its start on."""
        return profile.memory_slice_count * self.positions_per_slice

    def profile(self, name: str) -> MigProfile:
        """Return the profile of that name.

        Raises:
            InputError: names the profiles that the card has.
        """
        for profile in self.profiles:
            if profile.profile == name.lower():
                return profile
        known = ", ".join(p.profile for p in self.profiles)
        raise InputError(f"{self.slug} has no MIG profile {name[:40]!r}; it has {known}")


def instance_memory_bytes(gpu: Gpu, table: MigTable, profile: MigProfile) -> Interval:
    """Return the memory that CUDA reports for an instance, in bytes.

    Exact where a dump printed it; elsewhere the nominal part of the whole card, with the
    interval of the profiles where both are known.
    """
    if profile.memory_gib is not None:
        return Interval.exact(profile.memory_gib * GIB)
    whole_bytes = (gpu.memory_nvml_mib or gpu.memory_marketed_gib * 1024) * MIB
    part = profile.memory_slice_count / table.memory_slice_total
    return _OF_NOMINAL_RATIO.scaled(whole_bytes * part)


def least_compute_ratio(gpu: Gpu, table: MigTable, profile: MigProfile) -> float:
    """Return the part of a card's SMs that an instance has, or has at least.

    Where nobody printed its SMs, each compute slice counts as ⌊SMs / 8⌋ (⌊SMs / 4⌋ on cards of
    four slices): never more than the profiles whose SMs are known (H100 1g: 16 of 132; 3g: 60,
    not 48), so a pessimistic figure.
    """
    whole = gpu.sm_count or 0
    if not whole:
        return profile.compute_slice_count / table.memory_slice_total
    least = profile.compute_slice_count * (whole // table.memory_slice_total)
    return (profile.sm_count or least) / whole


def instance_gpu(gpu: Gpu, table: MigTable, name: str) -> Gpu:
    """Return an instance as a card: its SMs, memory, bandwidth, L2 and share of the power.

    Peak rates go with the SMs (``least_compute_ratio``), bandwidth and L2 with the memory
    slices. An SM count that nobody printed stays unknown. NVLink and
    peer-to-peer transfers are off in MIG mode, so an instance stands alone. The power is a
    share by SMs of what all instances draw together, since the card has one limit.

    Raises:
        InputError: when the card has no such profile.
    """
    profile = table.profile(name)
    compute = least_compute_ratio(gpu, table, profile)
    memory = profile.memory_slice_count / table.memory_slice_total
    rates = {key: rate * compute for key, rate in gpu.peak.model_dump(exclude_none=True).items()}
    size = instance_memory_bytes(gpu, table, profile)
    return gpu.model_copy(
        update={
            "name": f"{gpu.name} MIG {profile.profile}",
            "sm_count": profile.sm_count,
            "cuda_core_count": _scaled_count(gpu.cuda_core_count, compute),
            "memory_marketed_gib": _marketed_gib(profile.profile),
            "memory_nvml_mib": None,
            "memory_cuda_bytes": int(size.mid),
            "memory_bandwidth_bytes_per_s": gpu.memory_bandwidth_bytes_per_s * memory,
            "memory_bus_bits": None,
            "memory_stack_count": None,
            "tensor_core_count": _scaled_count(gpu.tensor_core_count, compute),
            "l2_bytes": _scaled_count(gpu.l2_bytes, memory),
            "peak": PeakRates.model_validate(rates),
            "board_power_w": None if gpu.board_power_w is None else gpu.board_power_w * compute,
            "pcie": None
            if gpu.pcie is None
            else gpu.pcie.model_copy(update={"peer_to_peer": False}),
            "fabric": None,
            "mig_instance_count": 0,
            "mig_profile": profile.profile,
        }
    )


def _scaled_count(whole: int | None, share_ratio: float) -> int | None:
    """Return a share of a whole number, or ``None``."""
    return None if whole is None else round(whole * share_ratio)


def _marketed_gib(profile: str) -> float:
    """Return the size in a profile's name: ``1g.10gb+me`` → 10.

    >>> _marketed_gib("1g.10gb+me")
    10.0
    """
    return float(profile.partition(".")[2].partition("gb")[0])
