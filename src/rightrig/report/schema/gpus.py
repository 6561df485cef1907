"""Cards: what ``gpus list`` and ``gpus show`` answer."""

from typing import Literal, NotRequired

from typing_extensions import TypedDict

from rightrig.report.schema.shared import IntervalJson, SourceJson


class FmaRatesJson(TypedDict):
    """Multiply-adds that one SM (compute unit, core) starts a clock, dense, by precision."""

    fp64: NotRequired[int]
    fp64_tensor: NotRequired[int]
    fp32: NotRequired[int]
    tf32: NotRequired[int]
    fp16: NotRequired[int]
    fp16_fp16_accumulate: NotRequired[int]
    bf16: NotRequired[int]
    fp8: NotRequired[int]
    fp8_fp16_accumulate: NotRequired[int]
    int8: NotRequired[int]
    fp4: NotRequired[int]
    int4: NotRequired[int]


class PeakRatesJson(TypedDict):
    """Peak dense rates in flop/s. Sparse figures are never stored."""

    fp64_flop_per_s: NotRequired[float]
    fp64_tensor_flop_per_s: NotRequired[float]
    fp32_flop_per_s: NotRequired[float]
    tf32_flop_per_s: NotRequired[float]
    fp16_flop_per_s: NotRequired[float]
    fp16_fp16_accumulate_flop_per_s: NotRequired[float]
    bf16_flop_per_s: NotRequired[float]
    fp8_flop_per_s: NotRequired[float]
    fp8_fp16_accumulate_flop_per_s: NotRequired[float]
    int8_flop_per_s: NotRequired[float]
    fp4_flop_per_s: NotRequired[float]
    int4_flop_per_s: NotRequired[float]


class PcieJson(TypedDict):
    """The card's PCIe connector; ``bytes_per_s`` is one direction, before protocol overhead."""

    generation: int
    lanes: int
    bytes_per_s: float
    peer_to_peer: bool


class FabricJson(TypedDict):
    """A link between cards other than PCIe: NVLink, Infinity Fabric, ICI, RoCE."""

    kind: Literal["nvlink", "infinity-fabric", "ici", "roce"]
    generation: NotRequired[int]
    bytes_per_s: float
    peer_bytes_per_s: NotRequired[float]
    topology: Literal["switch", "mesh", "bridge"]
    max_cards: int


class EccCostJson(TypedDict):
    """What error correction takes while it is on, as shares of the card without it."""

    capacity_ratio: NotRequired[float]
    bandwidth_low_ratio: NotRequired[float]
    bandwidth_high_ratio: NotRequired[float]


class MeasuredHereJson(TypedDict):
    """What runs of one engine on a card of this machine made of the speed model."""

    card: str
    era: str
    models: list[str]
    parameters: dict[str, float]
    ends: dict[str, list[float]]
    runs_count: int
    date: str


class StreetPriceJson(TypedDict):
    """What a card cost somewhere, once. Every price carries its date and source."""

    low_usd: float
    high_usd: float
    condition: Literal["new", "used", "unstated"]
    date: str
    source: str


class GpuListedJson(TypedDict):
    """A card in short: what a list is sorted and filtered by."""

    slug: str
    name: str
    aliases: list[str]
    vendor: Literal["NVIDIA", "AMD", "Intel", "Google", "Apple"]
    architecture: str
    compute_capability: NotRequired[str]
    tier: Literal["data-centre", "professional", "consumer", "embedded", "cloud"]
    form_factor: str
    sm_count: NotRequired[int]
    cuda_core_count: NotRequired[int]
    tensor_core_count: NotRequired[int]
    boost_hz: NotRequired[float]
    memory_marketed_gib: float
    memory_nvml_mib: NotRequired[int]
    memory_cuda_bytes: NotRequired[int]
    memory_type: str
    memory_bandwidth_bytes_per_s: float
    memory_bus_bits: NotRequired[int]
    memory_is_unified: bool
    l2_bytes: NotRequired[int]
    peak: PeakRatesJson
    board_power_w: NotRequired[float]
    pcie: NotRequired[PcieJson]
    fabric: NotRequired[FabricJson]
    ecc: Literal["none", "native", "optional-off", "optional-on"]
    mig_instance_count: int
    release_date: NotRequired[str]
    launch_price_usd: NotRequired[float]
    unverified: list[str]


class GpuRecordJson(GpuListedJson):
    """One accelerator as software sees it (one GCD of an MI250X, one chip of a TPU)."""

    base_hz: NotRequired[float]
    vector_boost_hz: NotRequired[float]
    fma_per_clock: NotRequired[FmaRatesJson]
    not_by_clock: list[str]
    not_by_clock_reason: str
    memory_pin_bits_per_s: NotRequired[float]
    memory_stack_count: NotRequired[int]
    ecc_cost: NotRequired[EccCostJson]
    display_output_count: NotRequired[int]
    cooling: NotRequired[
        Literal["own fans", "chassis air", "chassis air or liquid", "liquid", "system"]
    ]
    throttle_celsius: NotRequired[float]
    street_price: NotRequired[StreetPriceJson]
    sources: list[SourceJson]
    note: str
    measured_here: list[MeasuredHereJson]


class MigProfileJson(TypedDict):
    """One way to cut an instance out of a card."""

    profile: str
    compute_slice_count: int
    memory_slice_count: int
    sm_count: NotRequired[int]
    memory_gib: NotRequired[float]
    max_instance_count: int
    profile_id: NotRequired[int]
    starts: list[int]
    copy_engine_count: NotRequired[int]
    media_extension: Literal["", "+me", "+me.all", "-me"]
    graphics: bool
    note: str


class GenerationJson(TypedDict):
    """What cards of one compute capability (NVIDIA) or architecture share."""

    slug: str
    name: str
    vendor: Literal["NVIDIA", "AMD", "Intel", "Google", "Apple"]
    compute_capability: NotRequired[str]
    tensor_core_generation: NotRequired[int]
    native_formats: list[
        Literal["fp64", "tf32", "bf16", "fp16", "fp8", "fp6", "fp4", "int8", "int4"]
    ]
    mma_shapes: list[str]
    min_toolkit: NotRequired[str]
    min_driver: NotRequired[str]
    note: str
    sources: list[SourceJson]


class RateJson(TypedDict):
    """A stated rate, and what follows from the clock."""

    rate: str
    stated_flop_per_s: float | None
    fma_per_clock_count: float | None
    clocked_flop_per_s: float | None
    follows_clock: bool
    is_computed: bool
    flop_per_j: float | None


class GpuRentJson(TypedDict):
    """The cheapest rent, and the age of the prices."""

    rent_usd_per_hour: float | None
    rent_of_gb_usd_per_hour: float | None
    rent_provider: str | None
    rent_date: str | None
    rent_warning: str | None
    street_price_warning: str | None


class GpuDerivedJson(GpuRentJson):
    """What follows from the record of a card, and what it rents for."""

    memory_visible_bytes: IntervalJson
    memory_evidence: str
    bandwidth_by_bus_bytes_per_s: float | None
    bandwidth_per_byte_per_s: float
    sweep_s: float
    tensor_clock_hz: float | None
    link_bytes_per_s: float | None
    rates: list[RateJson]


class GpuShowJson(GpuRecordJson):
    """``gpus show``."""

    tier_reasons: list[str]
    generation: GenerationJson | None
    mig_profiles: list[MigProfileJson]
    derived: GpuDerivedJson


class GpusJson(TypedDict):
    """``gpus list``."""

    gpus: list[GpuListedJson]
