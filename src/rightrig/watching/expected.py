"""What a plan lets one expect: thresholds of alerts, columns of ``rightrig watch once``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rightrig.demand.objective import Objective, Slo
    from rightrig.interval import Interval


@dataclass(frozen=True, slots=True)
class ExpectedCard:
    """One kind of card of the planned rig.

    Attributes:
        slug: Of the catalogue.
        count: On one machine.
        links_count: NVLinks that each card should have up; ``None`` where that is not known.
        pcie_generation, pcie_lanes: Of the slot that the rig names, else of the card.
        power_limit_w: The cap that the rig names, else the board's power.
        memory_total_bytes: What ``nvidia-smi`` prints.
        bandwidth_bytes_per_s: Peak of its memory.
    """

    slug: str
    name: str
    count: int
    links_count: int | None
    pcie_generation: int | None
    pcie_lanes: int | None
    power_limit_w: float | None
    memory_total_bytes: float
    bandwidth_bytes_per_s: float


@dataclass(frozen=True, slots=True)
class ExpectedRate:
    """Output tokens a second that are predicted at so many users, over all replicas.

    Attributes:
        read_bytes_per_output_token: Memory traffic of one of these tokens, over all cards.
    """

    users_count: int
    output_tokens_per_s: Interval
    read_bytes_per_output_token: float | None = None


@dataclass(frozen=True, slots=True)
class Expected:
    """A deployment as planned, with what is predicted of it at its planned peak.

    Attributes:
        name: One line, such as ``llama-3.1-8b on 1xh100-sxm, vllm``.
        peak_requests_per_s: Planned.
        capacity_requests_per_s: What the plan says it carries within its objectives.
        slo: Empty where nothing was promised.
        cost_usd_per_hour: Rent; ``None`` where none is known.
        output_tokens_per_s, ttft_s, tpot_s: Of the whole deployment at the planned peak.
        cost_usd_per_output_token: At the planned peak.
        draw_w: Of one card under load.
        memory_used_bytes: Of the fullest card, as the fit says.
        kv_capacity_tokens: Of the whole deployment.
        concurrent_count: Requests that its memory holds at once at the planned lengths.
        rates: What is predicted at other numbers of users, rising; empty where nothing is.
        machines_count: Equal machines that the engines which are watched lie on; ``cards`` are
            those of one of them. Replicas on machines of their own that are not watched are
            deployments of their own: peak, capacity, rent and speed are without them.
    """

    name: str
    model: str
    rig: str
    runtime: str
    cards: tuple[ExpectedCard, ...]
    peak_requests_per_s: float
    slo: Slo
    capacity_requests_per_s: Interval | None = None
    cost_usd_per_hour: float | None = None
    output_tokens_per_s: Interval | None = None
    ttft_s: Interval | None = None
    tpot_s: Interval | None = None
    cost_usd_per_output_token: Interval | None = None
    draw_w: Interval | None = None
    memory_used_bytes: Interval | None = None
    kv_capacity_tokens: float | None = None
    concurrent_count: float | None = None
    rates: tuple[ExpectedRate, ...] = ()
    machines_count: int = 1

    @property
    def cards_count(self) -> int:
        """Cards of one machine."""
        return sum(card.count for card in self.cards)

    @property
    def promised(self) -> Mapping[str, Objective]:
        """The objective of each latency that has one; of several that of the highest share."""
        # They come by metric and then by percentile: the last of a metric is its highest.
        return {one.metric: one for one in self.slo.objectives()}
