"""What is wanted of the latency, and the limits of money, power and size."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import NonNegativeFloat, PositiveFloat, PositiveInt

from rightrig.facts.source import Record

Confidence = Literal["surely", "likely"]
MAX_GPUS: Final = 100_000


class Slo(Record):
    """Latency objectives at the 99th percentile; ``None`` where none is set.

    Attributes:
        ttft_p99_s: Time to first token.
        tpot_p99_s: Time per output token after the first.
    """

    ttft_p99_s: PositiveFloat | None = None
    tpot_p99_s: PositiveFloat | None = None


class Limits(Record):
    """What a plan may not exceed, and where it may be bought.

    Attributes:
        headroom_ratio: Spare capacity over the mean rate; 0.3 plans for 1.3 times the rate.
        confidence: ``surely`` holds objectives at the pessimistic end of the prediction,
            ``likely`` at its middle.
        rank_by: What the list is sorted by.
    """

    budget_usd_per_month: PositiveFloat | None = None
    max_power_w: PositiveFloat | None = None
    max_gpus_count: PositiveInt = 64
    vendor: str | None = None
    provider: str | None = None
    gpu: str | None = None
    headroom_ratio: NonNegativeFloat = 0.3
    confidence: Confidence = "likely"
    rank_by: Literal["month", "token"] = "month"
