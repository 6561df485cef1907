"""What ``probe`` answers."""

from typing import Literal, TypeAlias

from typing_extensions import TypedDict


class SlotJson(TypedDict):
    """A card's PCIe link: now, and the most of card and slot."""

    generation: int | None
    lanes: int | None
    most_generation: int | None
    most_lanes: int | None
    card_generation: int | None


class MigInstanceJson(TypedDict):
    """One instance of a partitioned card."""

    memory_mib: int
    sm_count: int | None
    profile: str | None


class CardIdentityJson(TypedDict):
    """What a card is, by its driver and by its record."""

    card: int
    name: str
    vendor: str
    record: str | None
    uuid: str
    bus_id: str
    memory_mib: int | None
    memory_free_mib: int | None
    memory_cuda_bytes: int | None
    compute_capability: str | None
    sm_count: int | None
    bandwidth_by_clock_bytes_per_s: float | None
    record_bandwidth_bytes_per_s: float | None
    numa_node: int | None
    cpu_affinity: str


class CardSettingJson(TypedDict):
    """How a card is set, and what it does."""

    sm_clock_hz: float | None
    sm_clock_max_hz: float | None
    memory_clock_hz: float | None
    memory_clock_max_hz: float | None
    power_limit_w: float | None
    power_default_w: float | None
    pcie: SlotJson
    ecc: bool | None
    persistence: bool | None
    mig: bool | None
    fabric: str
    slowdowns: list[str]
    idle: bool
    lost: str
    lacks: list[str]


class ProbedCardJson(CardIdentityJson, CardSettingJson):
    """One card, as its driver describes it, and its record."""

    mig_instances: list[MigInstanceJson]
    nvlinks_count: int
    nvlinks_up_count: int
    nvlink_version: int | None


class CardPairJson(TypedDict):
    """What joins two cards."""

    cards: list[int]
    path: str
    peer_to_peer: str


class PortJson(TypedDict):
    """One port of a network adapter."""

    adapter: str
    kind: str
    port: int
    state: str
    rate_bits_per_s: float
    link_layer: str


class DiskJson(TypedDict):
    """One file system."""

    path: str
    size_bytes: float
    free_bytes: float
    kind: str


class ProbedHostJson(TypedDict):
    """What stands around the cards."""

    name: str
    cpu: str
    cpu_vendor: str
    threads_count: int | None
    sockets_count: int | None
    numa_nodes_count: int | None
    instructions: list[str]
    memory_bytes: float | None
    available_bytes: float | None
    virtual: str
    disks: list[DiskJson]


class EngineJson(TypedDict):
    """An engine that is installed."""

    engine: str
    version: str
    runs: bool
    reasons: list[str]


class AdviceJson(TypedDict):
    """What to use, and why."""

    use: str
    reason: str


class PrecisionJson(TypedDict):
    """Which formats cards of one kind multiply, and what follows."""

    card: str
    native: dict[str, bool]
    serving: AdviceJson
    fine_tuning: AdviceJson


class FindingJson(TypedDict):
    """What is to be said of the machine."""

    rule: str
    severity: Literal["fault", "warning", "note"]
    sentence: str
    remedy: str


class ProcessorJson(TypedDict):
    """A processor in place of a card, measured."""

    record: str
    name: str
    fp32_flop_per_s: float
    bandwidth_bytes_per_s: float


class ProbeJson(TypedDict):
    """What a machine is."""

    name: str
    date: str
    rig: str
    saved: str | None
    why_not_saved: str
    speeds_kept_count: int
    sources: list[str]
    cards: list[ProbedCardJson]
    pairs: list[CardPairJson]
    nics: list[str]
    ports: list[PortJson]
    host: ProbedHostJson
    processor: ProcessorJson | None
    versions: dict[str, str]
    engines: list[EngineJson]
    precision: list[PrecisionJson]
    findings: list[FindingJson]


class SnippetJson(TypedDict):
    """A sample to run on the machine."""

    snippet: str
    text: str


ProbeAnswerJson: TypeAlias = ProbeJson | SnippetJson
