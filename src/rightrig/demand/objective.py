"""What is wanted of the latency, for whom, and the limits of money, power and size."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final, Literal, NamedTuple

from pydantic import (
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    SerializerFunctionWrapHandler,
    model_serializer,
)

from rightrig.facts.source import Record
from rightrig.quantities import parse

Confidence = Literal["surely", "likely"]
Metric = Literal["ttft", "tpot", "e2e", "itl"]
Percentile = Literal[50, 90, 95, 99]
METRICS: Final[tuple[Metric, ...]] = ("ttft", "tpot", "e2e", "itl")
PERCENTILES: Final[tuple[Percentile, ...]] = (50, 90, 95, 99)
LONGEST_S: Final[dict[Metric, float]] = {
    "ttft": 3600.0, "tpot": 10.0, "e2e": 86_400.0, "itl": 60.0,
}  # fmt: skip
"""A longer objective is a forgotten ``ms``."""
MAX_GPUS: Final = 100_000
MAX_IN_FLIGHT: Final = 10_000_000
_ALWAYS_SHOWN: Final = ("ttft_p99_s", "tpot_p99_s")


class Objective(NamedTuple):
    """One limit of latency: so many percent of the requests stay at or below it.

    Attributes:
        metric: ``ttft``, ``tpot``, ``e2e`` or ``itl``; see ``Slo``.
        percentile: 50, 90, 95 or 99.
        limit_s: The largest value of the metric at that percentile.
    """

    metric: Metric
    percentile: Percentile
    limit_s: float


class Slo(Record):
    """Latency objectives at percentiles; ``None`` where none is set.

    ``ttft``: time to first token. ``tpot``: mean time per output token after the first, a
    value a request. ``e2e``: arrival to last token. ``itl``: time between two tokens, a value
    a pair of tokens.
    """

    ttft_p50_s: PositiveFloat | None = None
    ttft_p90_s: PositiveFloat | None = None
    ttft_p95_s: PositiveFloat | None = None
    ttft_p99_s: PositiveFloat | None = None
    tpot_p50_s: PositiveFloat | None = None
    tpot_p90_s: PositiveFloat | None = None
    tpot_p95_s: PositiveFloat | None = None
    tpot_p99_s: PositiveFloat | None = None
    e2e_p50_s: PositiveFloat | None = None
    e2e_p90_s: PositiveFloat | None = None
    e2e_p95_s: PositiveFloat | None = None
    e2e_p99_s: PositiveFloat | None = None
    itl_p50_s: PositiveFloat | None = None
    itl_p90_s: PositiveFloat | None = None
    itl_p95_s: PositiveFloat | None = None
    itl_p99_s: PositiveFloat | None = None

    @model_serializer(mode="wrap")
    def _without_unset(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out what is not set, but for the two that the JSON of a plan always has."""
        shown: dict[str, Any] = dump(self)
        return {k: v for k, v in shown.items() if v is not None or k in _ALWAYS_SHOWN}

    def objectives(self) -> tuple[Objective, ...]:
        """Return the limits that are set, by metric and then by percentile.

        >>> Slo(tpot_p99_s=0.05, ttft_p90_s=1.0).objectives()[0]
        Objective(metric='ttft', percentile=90, limit_s=1.0)
        """
        limits = (
            (metric, percentile, getattr(self, f"{metric}_p{percentile}_s"))
            for metric in METRICS
            for percentile in PERCENTILES
        )
        return tuple(Objective(m, p, limit_s) for m, p, limit_s in limits if limit_s is not None)


OBJECTIVES: Final[dict[str, Metric]] = {
    f"{metric}_p{percentile}": metric for metric in METRICS for percentile in PERCENTILES
}
"""The name of every objective, by metric and then by percentile, and its metric."""


def slo_of(texts: Mapping[str, str | None], label: Callable[[str], str]) -> Slo:
    """Return objectives from words.

    Args:
        texts: Names of ``OBJECTIVES`` → ``500ms``; ``None`` where one was left out.
        label: What messages call an objective, by its name.

    Raises:
        InputError: for what is no time, or too long to be meant.
    """
    limits_s = {
        f"{name}_s": parse(text, "time", name=label(name), limit=LONGEST_S[metric])
        for name, metric in OBJECTIVES.items()
        if (text := texts.get(name)) is not None
    }
    return Slo.model_validate(limits_s)


class SloClass(Record):
    """Requests that are alike: how urgent they are, and what they are promised.

    Attributes:
        name: Such as ``interactive`` or ``batch``.
        priority: Lower is served first.
        share_ratio: Share of the requests; shares need not add up to 1, only their ratios count.
        slo: Latency objectives of the class.
    """

    name: Annotated[str, Field(min_length=1)]
    priority: int = 0
    share_ratio: PositiveFloat = 1.0
    slo: Slo = Slo()


class Tenant(Record):
    """Somebody who shares the service with others.

    Attributes:
        name: Such as ``search-team``.
        share_ratio: Share of the requests; only ratios count.
        max_in_flight: Requests that may be in the system at once; more are refused. ``None``
            for no limit.
    """

    name: Annotated[str, Field(min_length=1)]
    share_ratio: PositiveFloat = 1.0
    max_in_flight: Annotated[PositiveInt, Field(le=MAX_IN_FLIGHT)] | None = None


RankBy = Literal["month", "token", "ttft", "tpot", "e2e", "energy", "capex"]


class Limits(Record):
    """What a plan may not exceed, where it may come from, and what it is ranked by.

    Attributes:
        max_capex_usd: Most that bought cards and machines may cost.
        max_machines_count: Most machines or instances: what fits a rack.
        country: ISO codes of the countries in which the machines may stand (``eu`` for all of
            the European Union); offers whose place is not known are left out.
        region: A provider's region, as its prices name it.
        available: Cards that can be had, by slug; of others as many as are asked for.
        headroom_ratio: Spare capacity over the mean rate; 0.3 plans for 1.3 times the rate.
        spare_engines_count: Engines beyond those that the traffic takes; 1 is N+1.
        min_engines_count: Fewest engines that stay warm.
        confidence: ``surely`` holds objectives at the pessimistic end of the prediction,
            ``likely`` at its middle.
        buys: Whether cards and machines are bought rather than rented.
        spot: Whether offers that may be withdrawn at any time are considered.
        rank_by: What the list is sorted by.
    """

    budget_usd_per_month: PositiveFloat | None = None
    max_capex_usd: PositiveFloat | None = None
    max_power_w: PositiveFloat | None = None
    max_gpus_count: PositiveInt = 64
    max_machines_count: PositiveInt | None = None
    vendor: str | None = None
    provider: str | None = None
    country: tuple[str, ...] = ()
    region: str | None = None
    gpu: str | None = None
    available: Mapping[str, NonNegativeInt] = Field(default_factory=dict)
    headroom_ratio: NonNegativeFloat = 0.3
    spare_engines_count: NonNegativeInt = 0
    min_engines_count: PositiveInt = 1
    confidence: Confidence = "likely"
    buys: bool = False
    spot: bool = False
    rank_by: RankBy = "month"

    @property
    def wanted_ratio(self) -> float:
        """What engines must be able to carry, over the mean rate."""
        return 1.0 + self.headroom_ratio
