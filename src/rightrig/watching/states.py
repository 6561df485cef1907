"""What was read of a machine at work at one moment: cards, engine; in base units.

Nothing here is judged. What could not be read is ``None``, an empty text or an empty tuple.
Counts grow until a driver or an engine is started anew, as Prometheus expects of counters.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

Counts: TypeAlias = "Mapping[str, int]"
"""Kind → how many."""


@dataclass(frozen=True, slots=True)
class LinkState:
    """One NVLink of a card.

    Attributes:
        errors: Kind (``replay``, ``recovery``, ``crc_flit``, ``crc_data``) → how many.
    """

    number: int
    is_up: bool
    errors: Counts = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class InstanceState:
    """One MIG instance; ``profile`` is its name where the driver gives it, such as ``1g.10gb``."""

    number: int
    uuid: str = ""
    profile: str = ""
    memory_total_bytes: int | None = None
    memory_used_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class ProcessState:
    """One program that holds memory of a card."""

    pid: int
    name: str = ""
    memory_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Activity:
    """Shares of time or of units at work, each 0 to 1.

    Attributes:
        gpu_ratio: Of the time in which any kernel ran.
        memory_ratio: Of the time in which memory was read or written.
        sm_ratio: Of the SMs that had work (GPM: Hopper and newer; or DCGM).
        occupancy_ratio: Of the warps that could be resident.
        tensor_ratio: Of the time in which tensor cores worked.
        dram_ratio: Of the memory's peak bandwidth.
    """

    gpu_ratio: float | None = None
    memory_ratio: float | None = None
    sm_ratio: float | None = None
    occupancy_ratio: float | None = None
    tensor_ratio: float | None = None
    dram_ratio: float | None = None


@dataclass(frozen=True, slots=True)
class Heat:
    """Temperatures; ``margin_celsius`` is what remains until the card slows itself down."""

    gpu_celsius: float | None = None
    memory_celsius: float | None = None
    margin_celsius: float | None = None


@dataclass(frozen=True, slots=True)
class Power:
    """What a card draws, what it may, what it was delivered with, and its energy so far."""

    draw_w: float | None = None
    limit_w: float | None = None
    default_limit_w: float | None = None
    energy_j: float | None = None


@dataclass(frozen=True, slots=True)
class ClockState:
    """Clocks, the highest allowed, and what holds them down.

    Attributes:
        reasons: In the driver's terms, as ``rightrig probe`` names them: ``idle``,
            ``application clocks``, ``software power cap``, ``hardware slowdown``, ``sync boost``,
            ``software thermal slowdown``, ``hardware thermal slowdown``, ``hardware power brake``,
            ``display clocks``. ``None`` where the driver does not say.
        held_s: Policy (``power``, ``thermal``, ``board_limit``, ``reliability``) → seconds so far.
    """

    sm_hz: float | None = None
    sm_max_hz: float | None = None
    memory_hz: float | None = None
    memory_max_hz: float | None = None
    reasons: tuple[str, ...] | None = None
    held_s: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Health:
    """Errors of memory, and what the driver did or wants done about them.

    Attributes:
        ecc_volatile, ecc_aggregate: ``corrected`` or ``uncorrected`` → errors since the driver was
            loaded, and ever.
        remapped_rows: ``corrected`` or ``uncorrected`` → rows.
        retired_pages: ``corrected`` or ``uncorrected`` → pages (before Ampere).
        recovery_action: What the driver wants: 0 nothing, 1 reset of the card, 2 reboot,
            3 drain of P2P, 4 drain and reset, 5 recovery of IMEX, 6 reset of the bus,
            7 reboot of the system.
        xids: Number of a driver's error event → events seen since watching began.
    """

    ecc_volatile: Counts = field(default_factory=dict)
    ecc_aggregate: Counts = field(default_factory=dict)
    remapped_rows: Counts = field(default_factory=dict)
    is_remap_pending: bool | None = None
    has_remap_failed: bool | None = None
    retired_pages: Counts = field(default_factory=dict)
    is_page_pending: bool | None = None
    recovery_action: int | None = None
    xids: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class BusState:
    """A card's PCIe link now, the best that card and slot together can do, and replays."""

    generation: int | None = None
    lanes: int | None = None
    max_generation: int | None = None
    max_lanes: int | None = None
    replays_count: int | None = None


@dataclass(frozen=True, slots=True)
class CardState:
    """One card.

    Attributes:
        index: As the driver counts; a card that is lost keeps the one it had.
        trouble: Why it could not be read, in the driver's words (``GpuIsLost``); the rest is then
            what does not change.
        fabric: State of its membership of an NVSwitch fabric, empty where it has none.
        mig: Whether it is partitioned.
    """

    index: int
    name: str
    uuid: str = ""
    bus_id: str = ""
    vendor: Literal["NVIDIA", "AMD"] = "NVIDIA"
    trouble: str = ""
    activity: Activity = field(default_factory=Activity)
    memory_total_bytes: int | None = None
    memory_used_bytes: int | None = None
    heat: Heat = field(default_factory=Heat)
    power: Power = field(default_factory=Power)
    clocks: ClockState = field(default_factory=ClockState)
    health: Health = field(default_factory=Health)
    bus: BusState = field(default_factory=BusState)
    links: tuple[LinkState, ...] = ()
    fabric: str = ""
    mig: bool | None = None
    instances: tuple[InstanceState, ...] = ()
    processes: tuple[ProcessState, ...] = ()


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All cards at one moment.

    Attributes:
        at_s: Of the system's clock, since 1970.
        driver: Its version.
        trouble: Why the driver could not be asked: ``hung``, ``DriverNotLoaded``,
            ``LibraryNotFound``, ``LibRmVersionMismatch`` …; ``cards`` are then the last known.
        restarts: Why the reader was started anew → how often.
    """

    at_s: float
    cards: tuple[CardState, ...] = ()
    driver: str = ""
    trouble: str = ""
    restarts: Counts = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Histogram:
    """Latencies by bucket, as an engine counts them.

    Attributes:
        bounds_s: Upper bounds, ascending; the last is infinite.
        observations_count: At or below each bound.
        total_s: Sum of all.
    """

    bounds_s: tuple[float, ...]
    observations_count: tuple[float, ...]
    total_s: float


Latency = Literal["ttft", "tpot", "itl", "e2e", "queue"]


@dataclass(frozen=True, slots=True)
class EngineState:
    """An inference engine, by its own metrics under one set of names.

    Attributes:
        at_s: Of the system's clock, since 1970.
        kind: ``vllm``, ``sglang``, ``llama.cpp``, ``tensorrt-llm``; empty where it is none of them.
        trouble: Why it could not be read; the rest is then empty.
        finished: How requests ended (``stop``, ``length``, ``abort``, ``error`` …) → how many.
        prefix_queries_count, prefix_hits_count: Tokens that were looked for in the prefix cache,
            and found.
        read_bytes: Estimate of the engine itself, where it makes one.
    """

    url: str
    at_s: float
    kind: str = ""
    model: str = ""
    trouble: str = ""
    running_count: float | None = None
    waiting_count: float | None = None
    kv_used_ratio: float | None = None
    preemptions_count: float | None = None
    prompt_tokens: float | None = None
    generation_tokens: float | None = None
    finished: Mapping[str, float] = field(default_factory=dict)
    prefix_queries_count: float | None = None
    prefix_hits_count: float | None = None
    read_bytes: float | None = None
    latencies: Mapping[Latency, Histogram] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Derived:
    """What follows from two moments and the plan.

    Attributes:
        over_s: Between the two.
        output_tokens_per_s, requests_per_s: Of the engine.
        cost_usd_per_output_token: At the plan's rent, over the time between.
        output_tokens_per_j: By the energy that the cards counted.
        bandwidth_ratio: Of the memory's peak, over all cards of the deployment.
        bandwidth_source: How that was found: ``measured`` by the card, ``engine`` by its estimate,
            ``model`` by the bytes that the plan's model reads.
        prediction_ratio: Output tokens a second over what is predicted for as many users.
    """

    over_s: float
    output_tokens_per_s: float | None = None
    requests_per_s: float | None = None
    cost_usd_per_output_token: float | None = None
    output_tokens_per_j: float | None = None
    bandwidth_ratio: float | None = None
    bandwidth_source: str = ""
    prediction_ratio: float | None = None


@dataclass(frozen=True, slots=True)
class Moment:
    """A machine, its engine where one is asked, and what follows."""

    snapshot: Snapshot
    engine: EngineState | None = None
    derived: Derived | None = None
