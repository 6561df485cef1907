"""A cluster and its requests, replayed: the records of all requests, in their order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from rightrig.simulation.layout import SERVED
from rightrig.simulation.replay import Whole, replay

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rightrig.demand.requests import Requests
    from rightrig.simulation.cluster import Cluster


class Replayed(NamedTuple):
    records: Any
    whole: Whole

    @property
    def served(self) -> Any:
        return self.records[self.records["status"] == SERVED]

    @property
    def wait_s(self) -> NDArray[np.float64]:
        return np.asarray(self.records["scheduled_s"] - self.records["arrival_s"])

    @property
    def ttft_s(self) -> NDArray[np.float64]:
        return np.asarray(self.served["first_s"] - self.served["arrival_s"])

    @property
    def tpot_s(self) -> NDArray[np.float64]:
        several = self.served[self.served["output"] > 1]
        return np.asarray((several["finish_s"] - several["first_s"]) / (several["output"] - 1))

    @property
    def e2e_s(self) -> NDArray[np.float64]:
        return np.asarray(self.served["finish_s"] - self.served["arrival_s"])

    @property
    def hit_ratio(self) -> float:
        return float(self.served["cached"].sum() / self.served["input"].sum())


def replayed(cluster: Cluster, requests: Requests, seed: int = 1) -> Replayed:
    """Return what became of every request; each has ended once."""
    parts: list[Any] = []
    whole = replay(cluster, requests, seed, lambda records: parts.append(records.copy()))
    records = np.concatenate(parts)
    records = records[np.argsort(records["row"], kind="stable")]
    np.testing.assert_array_equal(records["row"], np.arange(len(requests)))
    return Replayed(records, whole)
