"""Accelerators: what one card (or chip) is, by its datasheet and its driver."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt

from rightrig.facts.measured_here import MeasuredHere
from rightrig.facts.source import Record, Source
from rightrig.interval import Interval
from rightrig.quantities import GIB, MIB

# What the driver and the first context keep back where only the NVML figure is known:
# 0.30 to 0.60 GiB on the cards where both are (H100 0.46, RTX 4090 0.47, RTX 3090 0.42,
# A100-80 0.65 GiB), so 0.45 with an interval.
_DRIVER_RESERVE_BYTES: Final = Interval(0.30 * GIB, 0.45 * GIB, 0.70 * GIB)
# NVML prints less than the class of the card: 0.944 (L4, ECC on) to 1.0 of it.
_NVML_OF_MARKETED_RATIO: Final = Interval(0.935, 0.975, 1.0)

PROCESSOR: Final = "CPU"
"""The architecture of a processor that serves in place of a card."""
Tier = Literal["data-centre", "professional", "consumer", "embedded", "cloud"]
Cooling = Literal["own fans", "chassis air", "chassis air or liquid", "liquid", "system"]


class PeakRates(Record):
    """Peak dense rates in flop/s. Sparse figures are never stored.

    A bare precision accumulates in FP32; ``*_fp16_accumulate_*`` is the doubled rate of
    GeForce cards, which vendors print first.
    """

    fp64_flop_per_s: PositiveFloat | None = None
    fp64_tensor_flop_per_s: PositiveFloat | None = None
    fp32_flop_per_s: PositiveFloat | None = None
    tf32_flop_per_s: PositiveFloat | None = None
    fp16_flop_per_s: PositiveFloat | None = None
    fp16_fp16_accumulate_flop_per_s: PositiveFloat | None = None
    bf16_flop_per_s: PositiveFloat | None = None
    fp8_flop_per_s: PositiveFloat | None = None
    fp8_fp16_accumulate_flop_per_s: PositiveFloat | None = None
    int8_flop_per_s: PositiveFloat | None = None
    fp4_flop_per_s: PositiveFloat | None = None
    int4_flop_per_s: PositiveFloat | None = None


class FmaRates(Record):
    """Multiply-adds that one SM (compute unit, core) starts a clock, dense, by precision.

    The names are those of :class:`PeakRates`; peak = SMs × multiply-adds × 2 × clock.
    """

    fp64: PositiveInt | None = None
    fp64_tensor: PositiveInt | None = None
    fp32: PositiveInt | None = None
    tf32: PositiveInt | None = None
    fp16: PositiveInt | None = None
    fp16_fp16_accumulate: PositiveInt | None = None
    bf16: PositiveInt | None = None
    fp8: PositiveInt | None = None
    fp8_fp16_accumulate: PositiveInt | None = None
    int8: PositiveInt | None = None
    fp4: PositiveInt | None = None
    int4: PositiveInt | None = None


class EccCost(Record):
    """What error correction takes while it is on, as shares of the card without it.

    Attributes:
        capacity_ratio: Of the memory.
        bandwidth_low_ratio, bandwidth_high_ratio: Of the bandwidth.
    """

    capacity_ratio: NonNegativeFloat | None = None
    bandwidth_low_ratio: NonNegativeFloat | None = None
    bandwidth_high_ratio: NonNegativeFloat | None = None


class Fabric(Record):
    """A link between cards other than PCIe: NVLink, Infinity Fabric, ICI, RoCE.

    Attributes:
        kind: The family of the link.
        generation: Its generation where it has one.
        bytes_per_s: Bandwidth of one card in **one direction**, to all peers together.
        peer_bytes_per_s: The same towards a single peer, where that is less.
        topology: ``switch`` (any pair at full rate), ``mesh`` (direct links to each peer),
            ``bridge`` (an optional bridge joins ``max_cards`` cards).
        max_cards: Cards in one domain.
    """

    kind: Literal["nvlink", "infinity-fabric", "ici", "roce"]
    generation: PositiveInt | None = None
    bytes_per_s: PositiveFloat
    peer_bytes_per_s: PositiveFloat | None = None
    topology: Literal["switch", "mesh", "bridge"]
    max_cards: PositiveInt


class Pcie(Record):
    """The card's PCIe connector; ``bytes_per_s`` is one direction, before protocol overhead."""

    generation: PositiveInt
    lanes: PositiveInt
    bytes_per_s: PositiveFloat
    peer_to_peer: bool = True


class StreetPrice(Record):
    """What a card cost somewhere, once. Every price carries its date and source."""

    low_usd: PositiveFloat
    high_usd: PositiveFloat
    condition: Literal["new", "used", "unstated"]
    date: str
    source: str


class Gpu(Record):
    """One accelerator as software sees it (one GCD of an MI250X, one chip of a TPU).

    The three sizes of a card are three fields: ``memory_marketed_gib`` (its class),
    ``memory_nvml_mib`` (what nvidia-smi prints), ``memory_cuda_bytes`` (what the driver lets
    an engine see, and what "0.9" multiplies).

    Attributes:
        sm_count: SMs, compute units (AMD), Xe cores (Intel), GPU cores (Apple).
        tensor_core_count: Tensor cores, or what the maker calls its matrix units.
        boost_hz: The clock of the stated rates; of a power-limited card, the highest.
        vector_boost_hz: The one for vector and FP64 rates, where it differs.
        fma_per_clock: What one SM starts a clock.
        not_by_clock: Rates that do not follow from SMs × FMA × 2 × clock …
        not_by_clock_reason: … and why; a power limit, or a rounded figure of the maker.
        memory_bus_bits, memory_pin_bits_per_s: Width and rate of a pin; their product over
            eight is the bandwidth. The rate is left out where the maker rounds too far.
        memory_stack_count: Stacks of HBM that are in use.
        display_output_count: Connectors for screens; 0 for a card made for servers.
        cooling: Who moves the air or liquid: the card itself, or the chassis around it.
        throttle_celsius: Chip temperature at which the card slows down.
        measured_here: What runs on this very machine made of the speed model; never of a record
            that is shipped.
        mig_profile: Of a MIG instance, its profile; empty for a whole card, as all records are.
    """

    slug: str
    name: str
    aliases: tuple[str, ...] = ()
    vendor: Literal["NVIDIA", "AMD", "Intel", "Google", "Apple"]
    architecture: str
    compute_capability: str | None = None
    tier: Tier
    form_factor: str
    sm_count: PositiveInt | None = None
    cuda_core_count: PositiveInt | None = None
    tensor_core_count: PositiveInt | None = None
    base_hz: PositiveFloat | None = None
    boost_hz: PositiveFloat | None = None
    vector_boost_hz: PositiveFloat | None = None
    fma_per_clock: FmaRates | None = None
    not_by_clock: tuple[str, ...] = ()
    not_by_clock_reason: str = ""
    memory_marketed_gib: PositiveFloat
    memory_nvml_mib: PositiveInt | None = None
    memory_cuda_bytes: PositiveInt | None = None
    memory_type: str
    memory_bandwidth_bytes_per_s: PositiveFloat
    memory_bus_bits: PositiveInt | None = None
    memory_pin_bits_per_s: PositiveFloat | None = None
    memory_stack_count: PositiveInt | None = None
    memory_is_unified: bool = False
    l2_bytes: PositiveInt | None = None
    peak: PeakRates
    board_power_w: PositiveFloat | None = None
    pcie: Pcie | None = None
    fabric: Fabric | None = None
    ecc: Literal["none", "native", "optional-off", "optional-on"]
    ecc_cost: EccCost | None = None
    mig_instance_count: NonNegativeInt = 0
    display_output_count: NonNegativeInt | None = None
    cooling: Cooling | None = None
    throttle_celsius: PositiveFloat | None = None
    release_date: str | None = None
    launch_price_usd: PositiveFloat | None = None
    street_price: StreetPrice | None = None
    sources: tuple[Source, ...]
    unverified: tuple[str, ...] = ()
    note: str = ""
    measured_here: tuple[MeasuredHere, ...] = ()
    mig_profile: str = Field(default="", exclude=True)

    @property
    def mount(self) -> Literal["slot", "board", "system"]:
        """How it is built in: a slot of any host, a board sold as a machine, or its own machine."""
        if self.cooling == "system" or self.form_factor.startswith(("SoC", "Superchip")):
            return "system"
        return "board" if self.form_factor.startswith(("SXM", "OAM", "module")) else "slot"

    @property
    def memory_bytes(self) -> Interval:
        """Memory that an engine can see, in bytes: exact where known, else with its interval."""
        if self.memory_cuda_bytes is not None:
            return Interval.exact(float(self.memory_cuda_bytes))
        if self.memory_nvml_mib is not None:
            nvml_bytes = self.memory_nvml_mib * MIB
            return _DRIVER_RESERVE_BYTES.map(lambda reserve_bytes: nvml_bytes - reserve_bytes)
        if self.memory_is_unified:
            return self._unified_memory_bytes()
        nvml = _NVML_OF_MARKETED_RATIO.scaled(self.memory_marketed_gib * GIB)
        return Interval(
            nvml.low - _DRIVER_RESERVE_BYTES.high,
            nvml.mid - _DRIVER_RESERVE_BYTES.mid,
            nvml.high - _DRIVER_RESERVE_BYTES.low,
        )

    def _unified_memory_bytes(self) -> Interval:
        """Share of a unified memory that the GPU may take, in bytes.

        macOS lets Metal use about 75 % by default (mlx ``set_wired_limit``); elsewhere the
        operating system and its programs keep some gigabytes.
        """
        total_bytes = self.memory_marketed_gib * GIB
        if self.vendor == "Apple":
            return Interval(0.67 * total_bytes, 0.75 * total_bytes, 0.80 * total_bytes)
        return Interval(0.80 * total_bytes, 0.90 * total_bytes, 0.95 * total_bytes)

    @property
    def evidence_of_memory(self) -> str:
        """Say how the visible memory is known."""
        if self.memory_cuda_bytes is not None:
            return "CUDA-visible size, from the record"
        if self.memory_nvml_mib is not None:
            return "nvidia-smi size less about 0.45 GiB"
        if self.memory_is_unified:
            return "share of unified memory that the system grants the GPU"
        return "marketed size less an estimated driver share"
