"""The table of evaluated candidates: one array a column, one element a row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rightrig.planning.bounds import Amounts

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from rightrig.demand.objective import Objective
    from rightrig.deployment.parallelism import Parallelism
    from rightrig.facts.gpu import Gpu
    from rightrig.facts.runtime import Runtime
    from rightrig.planning.candidates import Candidates
    from rightrig.planning.supply import Suppliers

    Column = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Table:
    """Candidates with what was found out about them.

    Attributes:
        is_sold: Whether somebody rents, or sells, the cards of one engine.
        capacity_seqs: Sequences that one engine holds.
        short_bytes: What its tightest card lacks.
        is_bounded: Ruled out by the bytes of the weights alone.
        engine_rate_per_s: Largest load of one undivided engine within the objectives, requests/s.
        prefill_count: Of the engines, those that only read prompts; 0 where all do everything.
        capacity_requests_per_s: What all engines but the spares carry within the objectives; 0
            where none does.
        judged_s: An array an objective: the latency that it is judged by, raised when judged
            surely.
        ttft_p99_s, tpot_p99_s: Bounds at the asked rate.
        engines_count, cards_count: For the whole traffic with headroom and spares.
        usd: Cheapest rent a month, or price when bought; NaN where none is known.
        machines_count: Instances or machines behind it.
        suppliers: Who rents or sells what.
    """

    candidates: Candidates
    is_sold: NDArray[np.bool_]
    capacity_seqs: Column
    short_bytes: Column
    is_bounded: NDArray[np.bool_]
    engine_rate_per_s: Column
    prefill_count: NDArray[np.int64]
    capacity_requests_per_s: Column
    judged_s: dict[Objective, Column]
    ttft_p99_s: Column
    tpot_p99_s: Column
    engines_count: Column
    cards_count: Column
    usd: Column
    machines_count: Column
    suppliers: Suppliers

    @property
    def amounts(self) -> Amounts:
        """What the rows take, to be held against bounds."""
        return Amounts(
            self.candidates.gpus, self.rows["gpu"], self.cards_count, self.machines_count, self.usd
        )

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

    def kv_name(self, number: int) -> str:
        """Return the cache format of a row."""
        return self.candidates.kvs[int(self.rows[number]["kv"])]

    def split(self, number: int) -> Parallelism:
        """Return the split of one engine of a row."""
        return self.candidates.layouts[int(self.rows[number]["layout"])]

    def engine_cards(self, number: int) -> int:
        """Return the cards of one engine of a row."""
        return int(self.rows[number]["cards"])

    def engine_text(self, number: int) -> str:
        """Return one engine of a row in words."""
        return (
            f"{self.engine_cards(number)}x{self.gpu(number).slug} "
            f"({self.split(number).text}, {self.format_name(number)})"
        )
