"""Times of people and tools: pauses between requests, and how long a user waits."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import NonNegativeFloat, PositiveFloat, model_validator

from rightrig.facts.source import Record

if TYPE_CHECKING:
    from typing import Self

    from numpy.typing import NDArray


class Pause(Record):
    """A random time.

    Attributes:
        kind: ``exponential`` as of people in queueing theory; ``constant``; ``lognormal``,
            which needs ``median_s`` too, for the heavy tails of tools.
        mean_s: Mean; 0 is no pause.
        median_s: Median of the log-normal.
    """

    kind: Literal["exponential", "constant", "lognormal"] = "exponential"
    mean_s: NonNegativeFloat = 0.0
    median_s: PositiveFloat | None = None

    @model_validator(mode="after")
    def _check_median(self) -> Self:
        if (self.median_s is not None) != (self.kind == "lognormal"):
            raise ValueError("median_s is for kind = lognormal, which needs it")
        if self.median_s is not None and self.median_s > self.mean_s:
            raise ValueError(f"median_s {self.median_s:g} is above mean_s {self.mean_s:g}")
        return self

    def sampled_s(self, count: int, rng: np.random.Generator) -> NDArray[np.float64]:
        """Return ``count`` times."""
        if self.median_s is not None:
            sigma = math.sqrt(2.0 * math.log(self.mean_s / self.median_s))
            return rng.lognormal(math.log(self.median_s), sigma, count)
        if self.kind == "constant":
            return np.full(count, self.mean_s)
        return rng.standard_exponential(count) * self.mean_s
