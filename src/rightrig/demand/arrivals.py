"""When requests come: processes that give times of arrival.

Random numbers do not depend on the rate: at twice the rate the same gaps are half as long.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal

import numpy as np
from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt, model_validator

from rightrig.demand.pauses import Pause
from rightrig.demand.trace import read_trace
from rightrig.demand.workload import MAX_RATE_PER_S, MAX_REQUESTS
from rightrig.errors import InputError
from rightrig.facts.source import Record

if TYPE_CHECKING:
    from typing import Self

    from numpy.typing import NDArray

Rate = Annotated[float, Field(gt=0.0, le=MAX_RATE_PER_S)]
_MAX_SOJOURNS: Final = 50_000_000
_PIECES: Final = 4096
"""A diurnal period is that many pieces of constant rate: 21 s of a day."""


class _Open(Record):
    """Arrivals that do not wait for answers."""

    rate_requests_per_s: Rate = 1.0

    def at_rate(self, rate_requests_per_s: float) -> Self:
        """Return the same process at another mean rate."""
        return self.model_validate(self.model_dump() | {"rate_requests_per_s": rate_requests_per_s})


class Poisson(_Open):
    """Independent arrivals: exponential gaps."""

    kind: Literal["poisson"] = "poisson"

    def sampled_s(self, count: int, rng: np.random.Generator) -> NDArray[np.float64]:
        """Return ``count`` times of arrival."""
        return rng.standard_exponential(count).cumsum() / self.rate_requests_per_s


class GammaArrivals(_Open):
    """Independent gaps of a gamma law, as ``vllm bench serve --burstiness`` has them.

    Attributes:
        burstiness_ratio: The shape of the law, as vLLM names it: 1 is Poisson, *below* 1 is
            burstier, above 1 more even. The gaps' coefficient of variation is 1/√burstiness.
    """

    kind: Literal["gamma"] = "gamma"
    burstiness_ratio: Annotated[float, Field(ge=1e-3, le=1e6)]

    def sampled_s(self, count: int, rng: np.random.Generator) -> NDArray[np.float64]:
        """Return ``count`` times of arrival."""
        gaps = rng.standard_gamma(self.burstiness_ratio, count) / self.burstiness_ratio
        return np.asarray(gaps.cumsum() / self.rate_requests_per_s, np.float64)


class MarkovModulated(Record):
    """A Poisson process whose rate jumps between states (MMPP); states follow in a ring.

    The stay in a state is exponential; the first state is drawn by its share of the time, so
    that the process is stationary. Times are exact: a Poisson process of rate 1 is mapped
    through the inverse of the cumulative rate.

    Attributes:
        rates_requests_per_s: The rate of each state; 0 is silence.
        sojourns_s: The mean stay in each state.
    """

    kind: Literal["mmpp"] = "mmpp"
    rates_requests_per_s: Annotated[tuple[NonNegativeFloat, ...], Field(min_length=2)]
    sojourns_s: Annotated[tuple[PositiveFloat, ...], Field(min_length=2)]

    @model_validator(mode="after")
    def _check_states(self) -> Self:
        if len(self.rates_requests_per_s) != len(self.sojourns_s):
            raise ValueError("there must be as many rates as sojourns")
        if not 0.0 < max(self.rates_requests_per_s) <= MAX_RATE_PER_S:
            raise ValueError(f"the largest rate must be above 0 and at most {MAX_RATE_PER_S:g}/s")
        return self

    @property
    def rate_requests_per_s(self) -> float:
        """Mean rate: Σ rate · sojourn / Σ sojourn."""
        return float(np.average(self.rates_requests_per_s, weights=self.sojourns_s))

    def at_rate(self, rate_requests_per_s: float) -> MarkovModulated:
        """Return the process with all rates scaled to a mean; the stays remain."""
        scale = rate_requests_per_s / self.rate_requests_per_s
        rates = tuple(rate * scale for rate in self.rates_requests_per_s)
        return MarkovModulated(rates_requests_per_s=rates, sojourns_s=self.sojourns_s)

    def sampled_s(self, count: int, rng: np.random.Generator) -> NDArray[np.float64]:
        """Return ``count`` times of arrival."""
        points, stays, start = rng.spawn(3)
        wanted = points.standard_exponential(count).cumsum()
        shares = np.cumsum(self.sojourns_s) / np.sum(self.sojourns_s)
        state = int(np.searchsorted(shares, start.random(), side="right"))
        ends_s, mass = self._jumps(float(wanted[-1]), state % len(shares), stays)
        return np.asarray(np.interp(wanted, mass, ends_s), np.float64)

    def _jumps(
        self, most_count: float, state: int, rng: np.random.Generator
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the times of jumps from 0, and the mean number of arrivals until each."""
        rates, sojourns = (
            np.roll(values, -state) for values in (self.rates_requests_per_s, self.sojourns_s)
        )
        stays_s = np.empty(0)
        while True:
            per_ring = max(float((rates * sojourns).sum()), 1e-300)
            rings = 8 + len(stays_s) // len(rates) + most_count / per_ring
            if rings * len(rates) > _MAX_SOJOURNS:
                raise InputError(
                    f"arrivals: the states of mmpp change {rings * len(rates):,.0f} times within "
                    f"the requests; the most is {_MAX_SOJOURNS:,}: use longer sojourns or poisson"
                )
            more = rng.standard_exponential((int(rings), len(rates))) * sojourns
            stays_s = np.concatenate((stays_s, more.ravel()))
            arrivals = stays_s * np.tile(rates, len(stays_s) // len(rates))
            mass = np.concatenate(([0.0], arrivals.cumsum()))
            if mass[-1] >= most_count:
                return np.concatenate(([0.0], stays_s.cumsum())), mass


class Diurnal(_Open):
    """A Poisson process whose rate follows the time of day.

    rate(t) ∝ exp(κ cos(2π (t/period + start) − π)): a von Mises curve, for which any ratio of peak
    to mean has one κ; a ratio below 1.5 is nearly a sine. The period is cut into 4,096 pieces of
    constant rate; times are exact for those, by inversion of the cumulative rate. A sample shorter
    than a period has the rate of the hours that it covers.

    Attributes:
        peak_ratio: Highest rate over the mean.
        period_s: One day by default.
        start_ratio: Where in the period time 0 is: 0 the quietest moment, 0.5 the busiest.
    """

    kind: Literal["diurnal"] = "diurnal"
    peak_ratio: Annotated[float, Field(ge=1.0, le=100.0)]
    period_s: Annotated[float, Field(gt=0.0, le=1e9)] = 86_400.0
    start_ratio: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.0

    def sampled_s(self, count: int, rng: np.random.Generator) -> NDArray[np.float64]:
        """Return ``count`` times of arrival."""
        mass = np.concatenate(([0.0], relative_rates_ratio(self.peak_ratio).cumsum())) / _PIECES
        edges = np.linspace(0.0, 1.0, _PIECES + 1)
        skipped = np.interp(self.start_ratio, edges, mass)
        per_period = self.rate_requests_per_s * self.period_s
        periods = rng.standard_exponential(count).cumsum() / per_period + skipped
        days = np.floor(periods)
        within = np.interp(periods - days, mass / mass[-1], edges)
        return np.asarray((days + within - self.start_ratio) * self.period_s, np.float64)


def relative_rates_ratio(peak_ratio: float) -> NDArray[np.float64]:
    """Return the rate over the mean in each piece of a period, from the quietest moment on.

    >>> curve = relative_rates_ratio(2.0)
    >>> round(float(curve.mean()), 9), round(float(curve.max()), 3)
    (1.0, 2.0)
    """
    angle = 2.0 * np.pi * (np.arange(_PIECES) + 0.5) / _PIECES - np.pi
    low, high = 0.0, 1e5
    for _ in range(100):  # bisection: peak over mean rises with κ
        middle = (low + high) / 2.0
        is_flat = 1.0 / np.exp(middle * (np.cos(angle) - 1.0)).mean() < peak_ratio
        low, high = (middle, high) if is_flat else (low, middle)
    curve = np.exp(low * (np.cos(angle) - 1.0))
    return np.asarray(curve / curve.mean(), np.float64)


class AtOnce(Record):
    """Everything is there at time 0: a batch, or ``vllm bench serve`` at an infinite rate."""

    kind: Literal["at-once"] = "at-once"

    def sampled_s(self, count: int, rng: np.random.Generator) -> NDArray[np.float64]:  # noqa: ARG002 - the protocol's
        """Return ``count`` times of arrival."""
        return np.zeros(count)

    def at_rate(self, rate_requests_per_s: float) -> AtOnce:
        """Refuse: there is no rate to scale."""
        raise InputError(
            f"arrivals: at-once has no rate, so none of {rate_requests_per_s:g}/s; use poisson"
        )


class ClosedLoop(Record):
    """Users who each wait for the answer, pause, and ask again.

    Requests are dealt to users in turn, so that each asks the same number of times.

    Attributes:
        users: How many; at most so many requests are in the system.
        think: The pause between an answer and the next request, and before the first.
    """

    kind: Literal["closed"] = "closed"
    users: Annotated[PositiveInt, Field(le=MAX_REQUESTS)]
    think: Pause = Pause()

    def at_rate(self, rate_requests_per_s: float) -> ClosedLoop:
        """Refuse: the rate follows from the answers."""
        raise InputError(
            f"arrivals: a closed loop has no rate, so none of {rate_requests_per_s:g}/s; change "
            "users or think, or use poisson"
        )


class Replay(Record):
    """The arrival times of a trace, repeated end to end; lengths come from elsewhere.

    Attributes:
        path: The trace; see ``read_trace``.
        rate_requests_per_s: Scales the times to this mean rate; ``None`` keeps them.
    """

    kind: Literal["replay"] = "replay"
    path: str
    rate_requests_per_s: Rate | None = None

    def at_rate(self, rate_requests_per_s: float) -> Replay:
        """Return the same times scaled to a mean rate."""
        return Replay(path=self.path, rate_requests_per_s=rate_requests_per_s)

    def sampled_s(self, count: int, rng: np.random.Generator) -> NDArray[np.float64]:  # noqa: ARG002 - the protocol's
        """Return ``count`` times of arrival."""
        requests = read_trace(Path(self.path)).requests
        if self.rate_requests_per_s is not None:
            requests = requests.at_rate(self.rate_requests_per_s)
        return requests.repeated(count).arrival_s


AnyArrivals = Poisson | GammaArrivals | MarkovModulated | Diurnal | AtOnce | ClosedLoop | Replay
Arrivals = Annotated[AnyArrivals, Field(discriminator="kind")]


def says_rate(arrivals: AnyArrivals) -> bool:
    """Whether it is known how often requests come: a rate was said, or the process has none.

    >>> says_rate(Poisson()), says_rate(Poisson(rate_requests_per_s=5.0)), says_rate(AtOnce())
    (False, True, True)
    """
    name = "rate_requests_per_s"
    is_free = name in type(arrivals).model_fields and name not in arrivals.model_fields_set
    return arrivals.kind == "replay" or not is_free
