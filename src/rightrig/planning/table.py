"""The table of evaluated candidates: one array a column, one element a row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rightrig.deployment.parallelism import Parallelism

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from rightrig.costs.offers import Purchase
    from rightrig.facts.gpu import Gpu
    from rightrig.facts.runtime import Runtime
    from rightrig.planning.candidates import Candidates

    Column = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Table:
    """Candidates with what was found out about them.

    Attributes:
        capacity_seqs: Sequences that one engine holds.
        short_bytes: What its tightest card lacks.
        engine_rate_per_s: Largest load of one engine within the objectives, requests/s.
        judged_ttft_s, judged_tpot_s: p99 bounds at that load, raised when judged surely.
        engines_count, cards_count: For the whole traffic with headroom.
        rent_usd_per_month: Cheapest purchase; NaN where none is known.
        rated_power_w: Board power of all cards; NaN where not published.
        purchases: Row → the purchase behind its rent.
    """

    candidates: Candidates
    capacity_seqs: Column
    short_bytes: Column
    engine_rate_per_s: Column
    judged_ttft_s: Column
    judged_tpot_s: Column
    engines_count: Column
    cards_count: Column
    rent_usd_per_month: Column
    rated_power_w: Column
    purchases: dict[int, Purchase]

    @property
    def rows(self) -> NDArray[np.void]:
        """The engines themselves."""
        return self.candidates.rows

    def gpu(self, number: int) -> Gpu:
        """Return the card of a row."""
        return self.candidates.gpus[int(self.rows[number]["gpu"])]

    def runtime(self, number: int) -> Runtime:
        """Return the runtime of a row."""
        return self.candidates.runtimes[int(self.rows[number]["runtime"])]

    def format_name(self, number: int) -> str:
        """Return the weight format of a row."""
        return self.candidates.formats[int(self.rows[number]["format"])]

    def split(self, number: int) -> Parallelism:
        """Return the split of one engine of a row."""
        row = self.rows[number]
        return Parallelism(int(row["tp"]), int(row["pp"]))

    def engine_cards(self, number: int) -> int:
        """Return the cards of one engine of a row."""
        return self.split(number).engine_cards

    def engine_text(self, number: int) -> str:
        """Return one engine of a row in words."""
        return (
            f"{self.engine_cards(number)}x{self.gpu(number).slug} "
            f"({self.split(number).text}, {self.format_name(number)})"
        )
