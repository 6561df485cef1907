"""From the words of ``risk serve`` and ``risk spares`` to their answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rightrig.errors import InputError
from rightrig.quantities import check_count
from rightrig.reliability.availability import (
    CO_FAILURE_RATIO,
    MOST_REPLICAS,
    ONE_ZONE,
    Replicas,
    Zones,
    available_ratio,
)
from rightrig.reliability.serve_risk import serve_risk
from rightrig.reliability.spares import Spares
from rightrig.reliability.spares import spares as spares_needed
from rightrig.report.charts_risk import spares_chart
from rightrig.report.risk_values import ServeFound
from rightrig.verbs.risk_saving import written
from rightrig.verbs.risk_words import (
    MOST_GPUS,
    below_one_ratio,
    card_rate,
    fleet,
    long_s,
    share_ratio,
)

if TYPE_CHECKING:
    from rightrig.facts.catalog import Catalog
    from rightrig.facts.failure_rate import FailureRate
    from rightrig.verbs.risk_words import RateWords

_MOST_ZONES: Final = 1000


@dataclass(frozen=True, slots=True)
class ZoneWords:
    """The words on zones that fail as a whole."""

    count: int
    mtbf: str | None
    mttr: str | None
    co_failure: str | None


@dataclass(frozen=True, slots=True)
class ServeAsked:
    """The words of ``risk serve``."""

    replicas: int
    spare: int | None
    target: str
    mttr: str
    rate: RateWords
    gpus_per_replica: int | None
    zones: ZoneWords
    save: str | None


def serve_of(catalog: Catalog, asked: ServeAsked) -> ServeFound:
    """Return whether enough replicas work, and draw it by spares."""
    needed = check_count(asked.replicas, name="--replicas", limit=MOST_REPLICAS)
    if asked.spare is not None and not 0 <= asked.spare <= MOST_REPLICAS:
        raise InputError(f"--spare is {asked.spare}: it must be from 0 to {MOST_REPLICAS:,}")
    if asked.rate.mtbf is None and asked.gpus_per_replica is None:
        raise InputError(
            "say how often a replica fails: --mtbf 20d, or --gpus-per-replica N with a preset"
        )
    if asked.rate.mtbf is not None and asked.gpus_per_replica is not None:
        raise InputError(
            "--mtbf is of a whole replica: --gpus-per-replica goes with --preset or --afr"
        )
    mttr_s = long_s(asked.mttr, "--mttr")
    one, record = fleet(catalog, asked.rate, asked.gpus_per_replica)
    mtbf_s = one.mtbf_s.mid
    replicas = Replicas(needed, available_ratio(mtbf_s, mttr_s), _zones(asked.zones))
    target = below_one_ratio(asked.target, "--target")
    risk = serve_risk(replicas, (mtbf_s, mttr_s), target, asked.spare, one.rate.source)
    return ServeFound(risk, record, written(asked.save, {"spares": spares_chart(risk)}))


def _zones(words: ZoneWords) -> Zones:
    """Return the zones.

    Raises:
        InputError: for zones that fail without a time to repair them, or the other way round.
    """
    count = check_count(words.count, name="--zones", limit=_MOST_ZONES)
    if words.mtbf is None and words.mttr is None:
        if words.co_failure is not None or count > 1:
            raise InputError(
                "zones matter when they fail as a whole: add --zone-mtbf 30d --zone-mttr 1h"
            )
        return ONE_ZONE
    if words.mtbf is None or words.mttr is None:
        raise InputError("--zone-mtbf and --zone-mttr belong together: 30d and 1h")
    up = available_ratio(
        long_s(words.mtbf, "--zone-mtbf"),
        long_s(words.mttr, "--zone-mttr"),
    )
    lost = (
        CO_FAILURE_RATIO
        if words.co_failure is None
        else share_ratio(words.co_failure, "--co-failure")
    )
    return Zones(count, up, lost)


def spares_of(
    catalog: Catalog, gpus: int, lead_time: str, target: str, words: RateWords
) -> tuple[Spares, FailureRate | None]:
    """Return the spare cards for the time of a delivery, and the record behind their rate."""
    check_count(gpus, name="--gpus", limit=MOST_GPUS)
    rate, record = card_rate(catalog, words)
    lead_s = long_s(lead_time, "--lead-time")
    return spares_needed(rate, gpus, lead_s, below_one_ratio(target, "--target")), record
