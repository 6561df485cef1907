"""Collectives: latency and bandwidth (α-β) times of what cards send each other.

Bandwidths are of one card in one direction. Sources: Thakur et al. 2005
(doi:10.1177/1094342005051521), Patarasuk and Yuan 2009; formulas F7.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from rightrig.work.operators import Floats, Operator, Shard

SENDS_RATIO: Final = 0.8
"""Share of a link that a cache in large pieces reaches (NCCL's and NIXL's large messages)."""


def bus_bytes(operator: Operator, shard: Shard) -> Floats:
    """Return the bytes of an operator's messages as a link's bus bandwidth counts them.

    An all-reduce of ``S`` bytes among ``n`` ranks moves ``2·(n−1)/n · S`` (nccl-tests), an
    all-gather ``(n−1)/n · S``; what is sent to one place moves as it is. One rank sends nothing.

    Source: https://github.com/NVIDIA/nccl-tests/blob/master/doc/PERFORMANCE.md. Validity: exact
    volumes; what hides beside arithmetic is decided elsewhere.
    """
    sent = operator.launches_count * operator.message_bytes
    if operator.kind == "all_reduce":
        return 2.0 * (shard.tp - 1.0) / shard.tp * sent
    if operator.kind == "all_gather":
        return (shard.context_parallel - 1.0) / shard.context_parallel * sent
    return sent


def all_reduce_s(
    message_bytes: Floats, ranks_count: Floats, latency_s: Floats, bus_bytes_per_s: Floats
) -> Floats:
    """Return ``α + 2·(n−1)/n · S / busbw``, the form that kernel samples are fitted with.

    ``bus_bytes_per_s`` is the bus bandwidth of nccl-tests. One rank sends nothing.

    Source: Thakur et al. 2005, doi:10.1177/1094342005051521. Validity: one line for all sizes;
    libraries change algorithms between them.
    """
    moved = 2.0 * (ranks_count - 1.0) / ranks_count * message_bytes
    return np.where(
        np.asarray(ranks_count) > 1, latency_s + moved / bus_bytes_per_s, 0.0 * latency_s
    )


def ring_all_reduce_s(
    message_bytes: float, ranks_count: int, hop_s: float, link_bytes_per_s: float
) -> float:
    """Return ``2·(n−1)·α + 2·(n−1)/n · S/bw``.

    Source: Patarasuk and Yuan 2009, doi:10.1016/j.jpdc.2008.09.002. Validity: equal links; trees
    and reductions in the switch are quicker for small messages.

    >>> round(ring_all_reduce_s(134217728, 2, 0.0, 450e9) * 1e3, 4)
    0.2983
    """
    steps = ranks_count - 1
    return 2.0 * steps * hop_s + 2.0 * steps / ranks_count * message_bytes / link_bytes_per_s


def tensor_parallel_decode_s(
    rank_bytes: float, achieved_bytes_per_s: float, all_reduces_count: int, all_reduce_time_s: float
) -> float:
    """Return a batch-1 decode step: ``W/(tp·BW·η) + 2L·t_AR``.

    Source: Pope et al. 2022, arXiv:2211.05102. Validity: batch 1, cache and host left out, nothing
    overlaps.

    >>> round(tensor_parallel_decode_s(68.98e9 / 4, 3.35e12 * 0.8, 160, 6e-6) * 1e3, 2)
    7.39
    """
    return rank_bytes / achieved_bytes_per_s + all_reduces_count * all_reduce_time_s
