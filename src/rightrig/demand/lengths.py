"""How long prompts and answers are: distributions of whole numbers of tokens.

Continuous laws are cut to ``[low, high]`` (a draw outside is drawn again) and rounded.
``mean_tokens`` is the mean of what is drawn, the cut included.
"""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import TYPE_CHECKING, Annotated, Final, Literal

import numpy as np
from pydantic import Field, NonNegativeFloat, PositiveFloat, model_validator

from rightrig.demand.workload import MAX_TOKENS
from rightrig.errors import InputError
from rightrig.facts.source import Record

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

    from numpy.typing import NDArray

    Whole = NDArray[np.int64]

Tokens = Annotated[int, Field(ge=1, le=MAX_TOKENS)]
_STANDARD: Final = NormalDist()
_ROUNDS: Final = 200
"""A law of which 1 draw in 10 is within bounds ends with certainty; 1 in 100 is refused."""
_MAX_ZIPF_VALUES: Final = 10_000_000
_MAX_VALUES: Final = 1_000_000


class Fixed(Record):
    """Every request alike."""

    kind: Literal["fixed"] = "fixed"
    tokens: Tokens

    @property
    def mean_tokens(self) -> float:
        """Mean of what is drawn."""
        return float(self.tokens)

    def sampled(self, count: int, rng: np.random.Generator) -> Whole:  # noqa: ARG002 - the protocol's
        """Return ``count`` lengths."""
        return np.full(count, self.tokens, np.int64)


class _Cut(Record):
    """A continuous law between bounds."""

    low_tokens: Tokens = 1
    high_tokens: Tokens = MAX_TOKENS

    @model_validator(mode="after")
    def _check_bounds(self) -> Self:
        if self.low_tokens > self.high_tokens:
            raise ValueError(f"low {self.low_tokens} is above high {self.high_tokens}")
        return self

    def _within(self, draw: Callable[[int], NDArray[np.float64]], count: int) -> Whole:
        """Return ``count`` lengths within the bounds; ``draw`` gives so many without them.

        Raises:
            InputError: when hardly any draw of the law lies within them.
        """
        drawn_tokens = draw(count)
        for _ in range(_ROUNDS):
            low, high = self.low_tokens - 0.5, self.high_tokens + 0.5
            outside = np.flatnonzero(~((drawn_tokens > low) & (drawn_tokens < high)))
            if not outside.size:
                return np.rint(drawn_tokens).astype(np.int64)
            drawn_tokens[outside] = draw(outside.size)
        raise InputError(
            f"lengths: hardly any draw of {self!r} lies between {self.low_tokens:,} and "
            f"{self.high_tokens:,} tokens; widen low and high"
        )


class Normal(_Cut):
    """Normal, cut to its bounds.

    Attributes:
        centre_tokens: Mean before the cut.
        deviation_tokens: Standard deviation before the cut.
    """

    kind: Literal["normal"] = "normal"
    centre_tokens: PositiveFloat
    deviation_tokens: NonNegativeFloat

    @property
    def mean_tokens(self) -> float:
        """Mean of what is drawn: μ + σ (φ(a) − φ(b)) / (Φ(b) − Φ(a)) of the cut at a and b."""
        if self.deviation_tokens == 0.0:
            return self.centre_tokens
        law = NormalDist(self.centre_tokens, self.deviation_tokens)
        low, high = self.low_tokens - 0.5, self.high_tokens + 0.5
        share = law.cdf(high) - law.cdf(low)
        pull = self.deviation_tokens**2 * (law.pdf(low) - law.pdf(high))
        return self.centre_tokens + (pull / share if share > 0.0 else 0.0)

    def sampled(self, count: int, rng: np.random.Generator) -> Whole:
        """Return ``count`` lengths within the bounds."""
        return self._within(
            lambda n: rng.normal(self.centre_tokens, self.deviation_tokens, n), count
        )


class LogNormal(_Cut):
    """Log-normal, cut to its bounds; ``lognormal`` makes one from a mean and a percentile.

    Attributes:
        median_tokens: exp(μ).
        sigma_ratio: σ, the standard deviation of the logarithm.
    """

    kind: Literal["lognormal"] = "lognormal"
    median_tokens: PositiveFloat
    sigma_ratio: Annotated[float, Field(ge=0.0, le=10.0)]

    @property
    def mean_tokens(self) -> float:
        """Mean of what is drawn: exp(μ + σ²/2) (Φ(b − σ) − Φ(a − σ)) / (Φ(b) − Φ(a))."""
        sigma = self.sigma_ratio
        whole_tokens = self.median_tokens * math.exp(sigma**2 / 2.0)
        if sigma == 0.0:
            return whole_tokens
        low, high = (
            math.log(bound / self.median_tokens) / sigma
            for bound in (self.low_tokens - 0.5, self.high_tokens + 0.5)
        )
        share = _STANDARD.cdf(high) - _STANDARD.cdf(low)
        above = _STANDARD.cdf(high - sigma) - _STANDARD.cdf(low - sigma)
        return whole_tokens * above / share if share > 0.0 else whole_tokens

    def sampled(self, count: int, rng: np.random.Generator) -> Whole:
        """Return ``count`` lengths within the bounds."""
        log_median = math.log(self.median_tokens)
        return self._within(lambda n: rng.lognormal(log_median, self.sigma_ratio, n), count)


class Gamma(_Cut):
    """Gamma, cut to its bounds; the coefficient of variation is 1/√shape.

    Attributes:
        shape_ratio: k.
        scale_tokens: θ; the mean before the cut is k θ.
    """

    kind: Literal["gamma"] = "gamma"
    shape_ratio: Annotated[float, Field(gt=0.0, le=1e6)]
    scale_tokens: PositiveFloat

    @property
    def mean_tokens(self) -> float:
        """Mean of what is drawn: ∫ x f(x) dx / ∫ f(x) dx over the bounds, by the trapezoid rule."""
        shape, scale = self.shape_ratio, self.scale_tokens
        # Nothing of weight lies further out; steps are even in log(x), where the peak is wide.
        end = min(self.high_tokens + 0.5, scale * (shape + 40.0 * math.sqrt(shape) + 40.0))
        log_x = np.linspace(math.log(self.low_tokens - 0.5), math.log(end), 200_001)
        x_tokens = np.exp(log_x)
        log_density = shape * log_x - x_tokens / scale
        density = np.exp(log_density - log_density.max())
        return float((x_tokens * density).sum() / density.sum())

    def sampled(self, count: int, rng: np.random.Generator) -> Whole:
        """Return ``count`` lengths within the bounds."""
        return self._within(lambda n: rng.gamma(self.shape_ratio, self.scale_tokens, n), count)


class Zipf(Record):
    """Zipf over lengths: P(n) ∝ n^−exponent from low to high.

    Attributes:
        exponent_ratio: 0 is uniform.
    """

    kind: Literal["zipf"] = "zipf"
    exponent_ratio: Annotated[float, Field(ge=0.0, le=50.0)]
    low_tokens: Tokens = 1
    high_tokens: Tokens

    @model_validator(mode="after")
    def _check_bounds(self) -> Self:
        if not 0 <= self.high_tokens - self.low_tokens < _MAX_ZIPF_VALUES:
            raise ValueError(
                f"low {self.low_tokens} to high {self.high_tokens} must be 1 to "
                f"{_MAX_ZIPF_VALUES:,} values"
            )
        return self

    def _weights_ratio(self) -> NDArray[np.float64]:
        """Return n^−exponent, the largest scaled to 1."""
        lengths = np.arange(self.low_tokens, self.high_tokens + 1) / self.low_tokens
        return np.asarray(lengths**-self.exponent_ratio, np.float64)

    @property
    def mean_tokens(self) -> float:
        """Mean of what is drawn: Σ n^(1 − exponent) / Σ n^−exponent."""
        lengths = np.arange(self.low_tokens, self.high_tokens + 1)
        return float(np.average(lengths, weights=self._weights_ratio()))

    def sampled(self, count: int, rng: np.random.Generator) -> Whole:
        """Return ``count`` lengths, by inversion of the cumulative weights."""
        found: Whole = chosen(self._weights_ratio(), count, rng) + self.low_tokens
        return found


class Empirical(Record):
    """Lengths that were seen, drawn with replacement.

    Attributes:
        values_tokens: The lengths.
        weights_ratio: How often each was seen; empty when all weigh the same.
    """

    kind: Literal["empirical"] = "empirical"
    values_tokens: Annotated[tuple[Tokens, ...], Field(min_length=1, max_length=_MAX_VALUES)]
    weights_ratio: tuple[NonNegativeFloat, ...] = ()

    @model_validator(mode="after")
    def _check_weights(self) -> Self:
        if self.weights_ratio and len(self.weights_ratio) != len(self.values_tokens):
            raise ValueError("weights must be as many as values")
        if self.weights_ratio and sum(self.weights_ratio) <= 0.0:
            raise ValueError("weights must not all be 0")
        return self

    def _all_weights_ratio(self) -> NDArray[np.float64]:
        return np.array(self.weights_ratio or (1.0,) * len(self.values_tokens))

    @property
    def mean_tokens(self) -> float:
        """Mean of what is drawn."""
        return float(np.average(self.values_tokens, weights=self._all_weights_ratio()))

    def sampled(self, count: int, rng: np.random.Generator) -> Whole:
        """Return ``count`` of the lengths."""
        return np.array(self.values_tokens, np.int64)[chosen(self._all_weights_ratio(), count, rng)]


class Quantiles(Record):
    """Published percentiles; between two of them the logarithm of the length is linear.

    On heavy tails the mean then lies near the published one, where straight lines are far above.

    Attributes:
        levels_ratio: From 0 to 1, rising.
        values_tokens: The length at each level.
    """

    kind: Literal["quantiles"] = "quantiles"
    levels_ratio: Annotated[tuple[float, ...], Field(min_length=2, max_length=_MAX_VALUES)]
    values_tokens: tuple[Tokens, ...]

    @model_validator(mode="after")
    def _check_levels(self) -> Self:
        levels, values = np.array(self.levels_ratio), np.array(self.values_tokens)
        if len(levels) != len(values):
            raise ValueError("levels must be as many as values")
        if levels[0] != 0.0 or levels[-1] != 1.0 or (np.diff(levels) <= 0.0).any():
            raise ValueError("levels must rise from 0 to 1")
        if (np.diff(values) < 0).any():
            raise ValueError("values must not fall as levels rise")
        return self

    @property
    def mean_tokens(self) -> float:
        """Mean of what is drawn: Σ Δp (b − a) / ln(b / a)."""
        values = np.array(self.values_tokens, np.float64)
        logs = np.diff(np.log(values))
        means = np.divide(np.diff(values), logs, out=values[1:].copy(), where=logs > 0.0)
        return float((np.diff(self.levels_ratio) * means).sum())

    def sampled(self, count: int, rng: np.random.Generator) -> Whole:
        """Return ``count`` lengths, by inversion."""
        logs = np.interp(rng.random(count), self.levels_ratio, np.log(self.values_tokens))
        return np.rint(np.exp(logs)).astype(np.int64)


Lengths = Annotated[
    Fixed | Normal | LogNormal | Gamma | Zipf | Empirical | Quantiles,
    Field(discriminator="kind"),
]
AnyLengths = Fixed | Normal | LogNormal | Gamma | Zipf | Empirical | Quantiles


def chosen(weights_ratio: NDArray[np.float64], count: int, rng: np.random.Generator) -> Whole:
    """Return ``count`` indices, each as often as its weight says."""
    ends = np.cumsum(weights_ratio)
    found = np.searchsorted(ends, rng.random(count) * ends[-1], side="right")
    return np.asarray(np.minimum(found, len(ends) - 1), np.int64)


def lognormal_sigma_ratio(
    mean_tokens: float,
    *,
    p99_tokens: float | None = None,
    median_tokens: float | None = None,
    cv_ratio: float | None = None,
) -> float:
    """Return σ of the log-normal of a mean and one of p99, median, coefficient of variation.

    cv² = exp(σ²) − 1; ln(mean / median) = σ²/2; ln(p99 / mean) = z σ − σ²/2 with z = 2.326,
    whose smaller root is taken: the other has p99 far below where such lengths end.

    Raises:
        InputError: when no log-normal has both.

    >>> round(lognormal_sigma_ratio(1155.0, p99_tokens=4142.0), 3)
    0.636
    """
    if cv_ratio is not None:
        return math.sqrt(math.log1p(cv_ratio**2))
    if median_tokens is not None:
        if median_tokens > mean_tokens:
            raise InputError(f"lengths: a median of {median_tokens:g} is above the mean")
        return math.sqrt(2.0 * math.log(mean_tokens / median_tokens))
    z = _STANDARD.inv_cdf(0.99)
    log_ratio = math.log((p99_tokens or mean_tokens) / mean_tokens)
    if not 0.0 <= log_ratio <= z**2 / 2.0:
        raise InputError(
            f"lengths: no log-normal has a p99 of {p99_tokens:g} with a mean of {mean_tokens:g}; "
            f"p99 must be 1 to {math.exp(z**2 / 2.0):.1f} times the mean"
        )
    return z - math.sqrt(z**2 - 2.0 * log_ratio)


def lognormal(
    mean_tokens: float,
    *,
    p99_tokens: float | None = None,
    median_tokens: float | None = None,
    cv_ratio: float | None = None,
) -> LogNormal:
    """Return the log-normal of a mean and one of p99, median, coefficient of variation."""
    sigma = lognormal_sigma_ratio(
        mean_tokens, p99_tokens=p99_tokens, median_tokens=median_tokens, cv_ratio=cv_ratio
    )
    return LogNormal(median_tokens=mean_tokens * math.exp(-(sigma**2) / 2.0), sigma_ratio=sigma)


def gamma(mean_tokens: float, cv_ratio: float) -> Gamma:
    """Return the gamma law of a mean and a coefficient of variation."""
    return Gamma(shape_ratio=cv_ratio**-2, scale_tokens=mean_tokens * cv_ratio**2)
