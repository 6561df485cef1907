"""How long a replica takes from the decision to start it to its first request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rightrig.prediction.memory_fit import fit
from rightrig.simulation.cluster import Autoscaling

if TYPE_CHECKING:
    from rightrig.deployment.deployment import Deployment


@dataclass(frozen=True, slots=True)
class Storage:
    """Where weights come from, and what an engine does beside loading them.

    Attributes:
        source_bytes_per_s: Of the disk or the network that holds the weights; the slower where
            they pass both. The default is an NVMe disk of PCIe 4.
        pcie_bytes_per_s: From host memory to each card, in one direction.
        engine_s: Processes, imports, compiled graphs from their cache, profiling: 42 of the 59 s
            that vLLM 0.9 needed for a small model (vllm-project/vllm issue 20264).
        graphs_s: Capturing CUDA graphs: 17 s there.
    """

    source_bytes_per_s: float = 6e9
    pcie_bytes_per_s: float = 25e9
    engine_s: float = 42.0
    graphs_s: float = 17.0


def cold_start_s(weight_bytes: float, cards_count: int, storage: Storage) -> float:
    """Return the time of a cold start, in s.

    ``engine + max(weights/source, weights/(cards · PCIe)) + graphs``: the pieces of a checkpoint
    travel to the cards while the next ones are read.

    Source: derived here, a pipeline of two links; rates of storage are stated ones
    (``Storage``). Validity: the slower link stays the same over the whole load.

    >>> round(cold_start_s(16e9, 1, Storage()), 1)
    61.7
    """
    read_s = weight_bytes / storage.source_bytes_per_s
    copied_s = weight_bytes / cards_count / storage.pcie_bytes_per_s
    return storage.engine_s + max(read_s, copied_s) + storage.graphs_s


def warm_start_s(weight_bytes: float, cards_count: int, storage: Storage) -> float:
    """Return the time from a warm pool, in s: processes live, weights wait in host memory.

    ``weights/(cards · PCIe)``; graphs were captured before (vLLM's sleep mode, level 1).

    Source: derived here. Validity: host memory holds the weights.

    >>> round(warm_start_s(16e9, 1, Storage()), 2)
    0.64
    """
    return weight_bytes / cards_count / storage.pcie_bytes_per_s


def autoscaling_of(
    deployment: Deployment,
    *,
    fewest_count: int,
    target_count: float,
    warm_count: int = 0,
    storage: Storage | None = None,
) -> Autoscaling:
    """Return an autoscaler whose starts take what a deployment's weights need.

    Args:
        deployment: Its replicas are the most that run.
        fewest_count: Replicas that always run.
        target_count: Requests in the system for each replica.
        warm_count: Replicas of the warm pool.
        storage: Where weights come from.
    """
    place = storage or Storage()
    weights = fit(deployment, 1, 1).weights_bytes
    cards = deployment.parallelism.engine_cards
    return Autoscaling(
        fewest_count=fewest_count,
        target_count=target_count,
        cold_start_s=cold_start_s(weights, cards, place),
        warm_start_s=warm_start_s(weights, cards, place),
        warm_count=warm_count,
    )
