"""Kept load tests of a deployment, level by level."""

from __future__ import annotations

import datetime
from collections import defaultdict
from typing import TYPE_CHECKING, Final

from rightrig.measuring.load.breaking import Tried
from rightrig.measuring.load.ramp_kept import served_by
from rightrig.watching.checklist.evidence import Level

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from rightrig.deployment.deployment import Deployment
    from rightrig.store.records import Run, Served

_ENDED: Final = frozenset({"finished", "interrupted"})
_SOUND: Final = "VALID"
_SAME: Final = ("gpu", "runtime", "weights", "kv", "tp", "pp")
"""What a server ran must agree in; versions change and are another item."""


def levels_of(runs: Iterable[Run], deployment: Deployment, model: str) -> tuple[Level, ...]:
    """Return the levels of the runs that tested a deployment, in the order of the runs.

    Args:
        runs: Of any kind, with their figures.
        deployment: Of one machine; several of them may have been tested together.
        model: As the plan names it.
    """
    wanted = served_by(deployment, model)
    found: list[Level] = []
    for run in runs:
        served = run.new.served
        if run.new.kind != "load" or run.status not in _ENDED or served is None:
            continue
        count = _machines_count(served, wanted)
        if count:
            found.extend(_levels(run, served.version, count))
    return tuple(found)


def _machines_count(served: Served, wanted: Served) -> int:
    """Return how many machines of a plan a server was; 0 where it was something else."""
    is_same = all(getattr(served, name) == getattr(wanted, name) for name in _SAME)
    whole, rest = divmod(served.gpu_count, wanted.gpu_count)
    is_model = served.model.lower() == wanted.model.lower()
    return whole if is_same and is_model and not rest else 0


def _levels(run: Run, version: str, machines_count: int) -> Iterator[Level]:
    """Yield the levels of a run that have what is needed."""
    means: dict[object, dict[str, float]] = defaultdict(dict)
    labels: dict[object, Mapping[str, str | float]] = {}
    for value in run.values:
        if value.labels.get("statistic") == "mean":
            means[value.labels.get("level")][value.name] = value.value
            labels[value.labels.get("level")] = value.labels
    day = datetime.date.fromisoformat(run.started[:10])
    for number, of in means.items():
        asked = labels[number].get("rate_requests_per_s")
        rate = float(asked) if asked is not None else of.get("requests_per_s", 0.0)
        yield Level(
            run_id=run.id,
            day=day,
            machines_count=machines_count,
            asked_requests_per_s=None if asked is None else rate,
            served_requests_per_s=of.get("requests_per_s", 0.0),
            output_tokens_per_s=of.get("output_tokens_per_s", 0.0),
            input_tokens=float(labels[number].get("input_tokens", 0.0)),
            output_tokens=float(labels[number].get("output_tokens", 0.0)),
            concurrency_count=float(
                labels[number].get("concurrency", of.get("concurrency_mean_count", 0.0))
            ),
            holds=Tried(rate, of.get("good_ratio", 1.0), of.get("error_ratio", 0.0)).holds,
            is_sound=labels[number].get("verdict", _SOUND) == _SOUND,
            version=version,
        )
