"""From what an alert fires: the plan's own figures, those of makers, and a few of ours.

Every threshold says where it comes from. What the plan does not promise is ``None``, and the rules
that would need it are left out.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from rightrig.quantities import MIB, MILLION, show_bytes, show_seconds

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rightrig.demand.objective import Metric
    from rightrig.watching.expected import Expected

OURS: Final = "a choice of rightrig"
_MEMORY_MARGIN_RATIO: Final = 1.05


_STANDING: Final[Mapping[str, str]] = {
    "busy_ratio": f"{OURS}: from half of the time a card is loaded",
    "margin_celsius": f"{OURS}; the margin itself is the card's own, so no fixed temperature",
    "clock_ratio": f"{OURS}: below 0.6 of the highest clock without a power cap, work is lost",
    "power_capped_ratio": f"{OURS}: more than half of the time",
    "ecc_corrected_count": f"{OURS}: no maker states a limit; 50 an hour is no background",
    "pcie_lanes_ratio": f"{OURS}: a quarter of the lanes, such as x4 of x16",
    "pcie_replays_ratio": "a bit error rate of 1e-12 on every lane, as NVIDIA's DCGM reckons",
    "nvlink_retries_count": f"{OURS}: a sound link sends nothing again",
    "nvlink_crc_per_s": "the limit of NVIDIA's DCGM for CRC errors of NVLink",
    "sample_age_s": f"{OURS}: thirty readings at the usual period",
    "restarts_count": f"{OURS}: more than three an hour are no accident",
    "telemetry_ratio": f"{OURS}: no SM at work beside a kernel that always runs is no reading",
    "memory_growth_bytes_per_hour": f"{OURS}: an engine that allocates once does not grow",
    "memory_full_ratio": f"{OURS}: the next allocation may fail",
    "hang_busy_ratio": f"{OURS}: a kernel that waits looks like one that works",
    "hang_occupancy_ratio": f"{OURS}: fewer warps than decoding at batch 1 keeps resident",
    "hang_power_ratio": f"{OURS}: near idle; work draws more",
    "slow_card_ratio": f"{OURS}: cards of one host run within a few percent of each other",
    "weak_card_ratio": f"{OURS}: cards that share the work draw alike",
    "idle_card_ratio": f"{OURS}: with tensor parallelism all cards work at once",
    "kv_full_ratio": f"{OURS}: above it the next request throws another out",
    "kv_high_ratio": f"{OURS}: a tenth is left",
    "queue_growth_count": f"{OURS}: ten more in ten minutes, and never empty",
    "error_ratio": f"{OURS}: one request in a hundred",
    "observations_count": f"{OURS}: a p99 of fewer than a hundred is no p99",
    "peak_ratio": f"{OURS}: a plan's cost is that of its peak; with less traffic a token costs "
    "more",
}


@dataclass(frozen=True, slots=True)
class Budget:
    """How many requests may miss one objective.

    Attributes:
        limit_s: What was promised at the percentile.
        missed_ratio: The share that may take longer: 0.01 for p99.
    """

    metric: Metric
    percentile: int
    limit_s: float
    missed_ratio: float


@dataclass(frozen=True, slots=True)
class Thresholds:
    """What alerts compare with.

    Attributes:
        deployment: Name of the plan, empty without one.
        busy_ratio: Share of time with a kernel from which a card counts as loaded.
        margin_celsius: Degrees until a card slows itself down.
        clock_ratio: Of the highest clock, under load.
        power_capped_ratio: Of the time of ten minutes.
        ecc_corrected_count: Errors in an hour.
        pcie_lanes_ratio: Of the lanes that card and slot can do, from which it is critical.
        pcie_replays_ratio: Of the replays that the link's bit errors explain.
        nvlink_retries_count: Replays and recoveries in a quarter of an hour.
        nvlink_crc_per_s: Errors of one card.
        sample_age_s: Of what the exporter read last.
        restarts_count: Of the reader, in an hour.
        telemetry_ratio: Share of time with a kernel at which some SM must have worked.
        memory_growth_bytes_per_hour: In each of three hours on end.
        memory_full_ratio: Of a card's memory.
        hang_busy_ratio, hang_occupancy_ratio, hang_power_ratio: A kernel runs all the time, and
            yet few warps are resident, or the card draws little of its limit.
        slow_card_ratio, weak_card_ratio: Clock and power of a loaded card over its host's median.
        idle_card_ratio: Share of time with a kernel, while the host's median card is loaded.
        kv_full_ratio, kv_high_ratio: Of the KV cache.
        queue_growth_count: Requests more in the queue within ten minutes.
        error_ratio: Of the requests that ended.
        observations_count: Of a latency within a span, below which a share of them says nothing.
        peak_ratio: Of the planned peak of requests, from which costs compare with the plan's.
        prediction_ratio: Output tokens a second over those predicted: the plan's low end.
        cost_usd_per_output_token: The plan's high end.
        peak_requests_per_s: Planned.
        memory_used_bytes: Of the fullest card, the plan's high end and a twentieth.
        power_limit_w: The plan's lowest cap of a card.
        links_count: NVLinks that each card should have up.
        cards_count: Of each machine; rules read it from the exporter, one moment needs it here.
        budgets: One a metric that was promised, of its highest percentile.
        origins: Field → where its value comes from, one clause.
    """

    deployment: str = ""
    busy_ratio: float = 0.5
    margin_celsius: float = 5.0
    clock_ratio: float = 0.6
    power_capped_ratio: float = 0.5
    ecc_corrected_count: float = 50.0
    pcie_lanes_ratio: float = 0.25
    pcie_replays_ratio: float = 1.0
    nvlink_retries_count: float = 0.0
    nvlink_crc_per_s: float = 100.0
    sample_age_s: float = 30.0
    restarts_count: float = 3.0
    telemetry_ratio: float = 0.9
    memory_growth_bytes_per_hour: float = 256.0 * MIB
    memory_full_ratio: float = 0.98
    hang_busy_ratio: float = 0.98
    hang_occupancy_ratio: float = 0.05
    hang_power_ratio: float = 0.35
    slow_card_ratio: float = 0.85
    weak_card_ratio: float = 0.6
    idle_card_ratio: float = 0.1
    kv_full_ratio: float = 0.95
    kv_high_ratio: float = 0.9
    queue_growth_count: float = 10.0
    error_ratio: float = 0.01
    observations_count: float = 100.0
    peak_ratio: float = 0.9
    prediction_ratio: float | None = None
    cost_usd_per_output_token: float | None = None
    peak_requests_per_s: float | None = None
    memory_used_bytes: float | None = None
    power_limit_w: float | None = None
    links_count: int | None = None
    cards_count: int | None = None
    budgets: tuple[Budget, ...] = ()
    origins: Mapping[str, str] = field(default_factory=lambda: _STANDING)

    def origin(self, name: str) -> str:
        """Return where a field's value comes from."""
        return self.origins[name]

    def budget(self, metric: Metric) -> Budget | None:
        """Return what may be missed of a metric, or nothing where nothing was promised."""
        return next((budget for budget in self.budgets if budget.metric == metric), None)


def thresholds_of(expected: Expected | None) -> Thresholds:
    """Return what alerts of a deployment compare with; of nothing planned, hardware's alone."""
    if expected is None:
        return Thresholds()
    planned = _planned(expected)
    found = {name: value for name, (value, _) in planned.items()}
    origins = {name: why for name, (_, why) in planned.items()} | _origins(expected)
    return Thresholds(
        deployment=expected.name,
        prediction_ratio=found.get("prediction_ratio"),
        cost_usd_per_output_token=found.get("cost_usd_per_output_token"),
        peak_requests_per_s=found.get("peak_requests_per_s"),
        memory_used_bytes=found.get("memory_used_bytes"),
        power_limit_w=found.get("power_limit_w"),
        links_count=_links_count(expected),
        cards_count=expected.cards_count,
        budgets=_budgets(expected),
        origins=MappingProxyType({**_STANDING, **origins}),
    )


def _planned(expected: Expected) -> dict[str, tuple[float, str]]:
    """Return field → value, and where in the plan it stands; only of what is promised."""
    found = {"peak_requests_per_s": (expected.peak_requests_per_s, "the plan's peak of requests")}
    speed, cost = expected.output_tokens_per_s, expected.cost_usd_per_output_token
    if speed is not None and speed.mid > 0.0:
        why = f"the plan's low end, {speed.low:,.0f} of {speed.mid:,.0f} output tokens a second"
        found["prediction_ratio"] = (speed.low / speed.mid, why)
    if cost is not None:
        why = f"the plan's high end, ${cost.high * MILLION:.3g} a million output tokens"
        found["cost_usd_per_output_token"] = (cost.high, why)
    if expected.memory_used_bytes is not None:
        high_bytes = expected.memory_used_bytes.high
        # What a driver counts beside the engine's own is not all in the plan.
        why = (
            f"a twentieth above the plan's high end for the fullest card, {show_bytes(high_bytes)}"
        )
        found["memory_used_bytes"] = (_MEMORY_MARGIN_RATIO * high_bytes, why)
    caps_w = [card.power_limit_w for card in expected.cards if card.power_limit_w is not None]
    if caps_w:
        found["power_limit_w"] = (min(caps_w), f"the plan's power limit, {min(caps_w):.0f} W")
    return found


def _links_count(expected: Expected) -> int | None:
    """Return the NVLinks of a card; of several kinds of cards the fewest."""
    known = [card.links_count for card in expected.cards if card.links_count]
    return min(known, default=None)


def _budgets(expected: Expected) -> tuple[Budget, ...]:
    """Return what may be missed, one a metric."""
    return tuple(
        Budget(one.metric, one.percentile, one.limit_s, (100 - one.percentile) / 100.0)
        for one in expected.promised.values()
    )


def _origins(expected: Expected) -> dict[str, str]:
    """Return where links and budgets come from."""
    found = {}
    if (links := _links_count(expected)) is not None:
        found["links_count"] = f"the plan's cards have {links} NVLinks each"
    promised = [
        f"{b.metric} p{b.percentile} ≤ {show_seconds(b.limit_s)}" for b in _budgets(expected)
    ]
    if promised:
        found["budgets"] = f"the plan promises {', '.join(promised)}"
    return found


COMPARED: Final = tuple(
    one.name
    for one in fields(Thresholds)
    if one.name not in {"deployment", "cards_count", "origins"}
)
"""Fields that a rule may compare with."""
