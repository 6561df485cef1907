"""What a run of one setting found: throughput, latency, memory, cost."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Final, Literal

from rightrig.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from rightrig.demand.objective import Slo
    from rightrig.store.records import Value

Metric = Literal["output-tokens", "requests", "goodput", "ttft-p99", "tpot-p99", "e2e-p99"]
_FIELDS: Final[dict[Metric, str]] = {
    "output-tokens": "output_tokens_per_s",
    "requests": "requests_per_s",
    "goodput": "goodput_requests_per_s",
    "ttft-p99": "ttft_p99_s",
    "tpot-p99": "tpot_p99_s",
    "e2e-p99": "e2e_p99_s",
}
_LESS_IS_BETTER: Final = frozenset({"ttft-p99", "tpot-p99", "e2e-p99"})


@dataclass(frozen=True, slots=True)
class Figures:
    """One run; a latency is ``None`` where no request was served.

    Attributes:
        requests_count: Counted; ``good_ratio`` and ``error_ratio`` are shares of them.
        goodput_requests_per_s: Requests a second within every objective; ``None`` without one.
        memory_bytes: Host memory of a live engine's processes; card memory of a simulated one, the
            tightest card. ``None`` where it is not known.
        usd_per_output_token: At the rig's price; ``None`` without one.
        keeps_slo: Whether every objective was kept; ``None`` without one.
        limited: Why the figures are not the server's but this client's; empty when they are.
    """

    requests_count: int
    error_ratio: float
    requests_per_s: float
    output_tokens_per_s: float
    ttft_p50_s: float | None
    ttft_p99_s: float | None
    tpot_p50_s: float | None
    tpot_p99_s: float | None
    e2e_p50_s: float | None
    e2e_p99_s: float | None
    goodput_requests_per_s: float | None = None
    good_ratio: float | None = None
    memory_bytes: float | None = None
    usd_per_output_token: float | None = None
    keeps_slo: bool | None = None
    limited: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Ran:
    """One run, with what it is made from.

    Attributes:
        values: What a load found, in more detail; empty of a simulation.
        samples: Raw samples by name, columns each; empty of a simulation.
    """

    figures: Figures
    values: tuple[Value, ...] = ()
    samples: Mapping[str, Mapping[str, NDArray[np.generic]]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Judged:
    """The figure by which settings are judged.

    Attributes:
        metric: As it is named on the command line.
        name: Of the field of :class:`Figures`.
        is_more_better: Whether a larger one is better.
    """

    metric: Metric
    name: str
    is_more_better: bool

    def over_most_ratio(self, groups: Sequence[Sequence[Figures]]) -> list[list[float]]:
        """Return the figure of every run over the largest of all; 0 where a run has none."""
        values = [[getattr(run, self.name) or 0.0 for run in runs] for runs in groups]
        most = max((value for group in values for value in group), default=0.0) or 1.0
        return [[value / most for value in group] for group in values]

    def change_ratio(self, figures: Figures, before: Figures) -> float | None:
        """Return the figure over what it was before; ``None`` where one of them is not known."""
        new, old = getattr(figures, self.name), getattr(before, self.name)
        return new / old if new and old else None


def judged_by(metric: str | None, slo: Slo) -> Judged:
    """Return what settings are judged by: goodput where there are objectives, else tokens.

    Raises:
        InputError: for another word, or goodput without an objective.
    """
    name = (metric or ("goodput" if slo.objectives() else "output-tokens")).lower()
    found = next((known for known in _FIELDS if known == name), None)
    if found is None:
        raise InputError(f"--metric is {name[:40]!r}: it is one of {', '.join(_FIELDS)}")
    if found == "goodput" and not slo.objectives():
        raise InputError("--metric goodput needs an objective, such as --ttft-p99 500ms")
    return Judged(found, _FIELDS[found], found not in _LESS_IS_BETTER)


def mean_figures(runs: tuple[Figures, ...]) -> Figures:
    """Return the mean of several runs of one setting, field by field where all know it.

    The objectives count as kept when most runs kept them; requests add up.
    """
    found: dict[str, object] = {}
    for name in (one.name for one in fields(Figures)):
        values = [getattr(run, name) for run in runs]
        if any(value is None for value in values):
            found[name] = None
        elif name == "requests_count":
            found[name] = sum(values)
        elif name == "keeps_slo":
            found[name] = 2 * sum(values) > len(values)
        elif name == "limited":
            found[name] = next((value for value in values if value), "")
        else:
            found[name] = sum(values) / len(values)
    return Figures(**found)  # type: ignore[arg-type]
