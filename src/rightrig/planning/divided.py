"""Divided engines: some only read prompts, others only decode what those send them (F9.5).

Of ``n`` equal engines ``n_p = ⌈λ / rate_p⌉`` read prompts and ``n_d = ⌈λ / rate_d⌉`` decode. A
reading engine is an M/D/1 queue of prompts and makes the first token; its cache then travels to a
decoding one, which the second token waits for. A decoding engine never reads a prompt, so that
TPOT has none of their time.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from rightrig.deployment.rig import NODE_LINK_BYTES_PER_S
from rightrig.prediction.network import SENDS_RATIO
from rightrig.prediction.regimes import own_moments
from rightrig.prediction.serving import (
    QUANTILES,
    largest_steady_seqs,
    next_s,
    total_s,
    wait_tail_s,
)
from rightrig.work.kv_cache import kv_bytes_per_token

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from rightrig.demand.objective import Metric, Percentile
    from rightrig.planning.evaluate import Group
    from rightrig.prediction.regimes import Lengths
    from rightrig.prediction.serving import Goal

    Column = NDArray[np.float64]

SENDING: Final = ("vllm", "sglang", "tensorrt-llm")
"""Runtimes that hand caches from one engine to another."""
_MOST_BUSY_RATIO: Final = 0.95
_BISECTIONS: Final = 12
_BITS: Final = 16.0


@dataclass(frozen=True, slots=True)
class Divided:
    """What engines of some rows carry when they are divided, a value a row.

    Attributes:
        read_rate_per_s: Prompts that one reading engine takes within the objectives.
        decode_rate_per_s: Answers that one decoding engine makes within them.
        read_s: A prompt's own steps.
        send_s: The sending of its cache.
        wait_service_s: What a prompt occupies of a reading engine.
        running_seqs: In one decoding engine at its rate.
    """

    group: Group
    lengths: Lengths
    read_rate_per_s: Column
    decode_rate_per_s: Column
    read_s: Column
    send_s: Column
    wait_service_s: Column
    running_seqs: Column

    def ttft_s(self, rate_per_s: Column, percentile: Percentile) -> Column:
        """Return the bound on TTFT of a reading engine at its share of the rate."""
        busy = np.minimum(rate_per_s * self.wait_service_s, 1.0)
        tail = wait_tail_s(self.wait_service_s, busy, 1.0 - percentile / 100.0)
        endless = np.where(busy >= 1.0, np.inf, 0.0)
        request_s = self.group.timer.speeds.request_s
        return np.asarray(request_s + self.read_s + tail + endless)

    def tpot_s(self, running_seqs: Column, percentile: Percentile) -> Column:
        """Return the bound on TPOT of a decoding engine with so many sequences."""
        crowd = running_seqs + QUANTILES[percentile] * np.sqrt(running_seqs)
        sent_s = self.send_s / max(self.lengths.output_tokens - 1.0, 1.0)
        return np.asarray(next_s(self.group.timer, crowd, 0.0 * crowd, self.lengths) + sent_s)

    def tail_s(
        self, metric: Metric, percentile: Percentile, rate_per_s: Column, running_seqs: Column
    ) -> Column:
        """Return the bound on a latency at a reading engine's rate and a decoding one's load."""
        if metric == "ttft":
            return self.ttft_s(rate_per_s, percentile)
        if metric in {"tpot", "itl"}:
            return self.tpot_s(running_seqs, percentile)
        later = (self.lengths.output_tokens - 1.0) * self.tpot_s(running_seqs, percentile)
        return self.ttft_s(rate_per_s, percentile) + later

    def steady_seqs(self, rate_per_s: Column) -> Column:
        """Return the sequences in a decoding engine at a rate (Little's law, bisected)."""
        low, high = np.full_like(rate_per_s, 1e-6), np.maximum(self.running_seqs, 2e-6)
        for _ in range(2 * _BISECTIONS):
            middle = np.sqrt(low * high)
            step = next_s(self.group.timer, middle, 0.0 * middle, self.lengths)
            is_low = middle < rate_per_s * self.lengths.output_tokens * step
            low, high = np.where(is_low, middle, low), np.where(is_low, high, middle)
        return low


def divided(
    group: Group, lengths: Lengths, capacity_seqs: Column, goals: Sequence[Goal]
) -> Divided:
    """Return what each row's engines carry when they are divided.

    Args:
        group: The rows.
        lengths: Of the requests.
        capacity_seqs: Sequences that one engine holds.
        goals: Objectives with their limits, lowered where they are judged surely.
    """
    timer, pace = group.timer, group.timer.pace
    nothing = 0.0 * capacity_seqs
    own = np.asarray(total_s(timer, own_moments(pace, nothing, lengths)))
    service = own / (pace.in_flight_count * pace.groups_count)
    found = Divided(
        group=group,
        lengths=lengths,
        read_rate_per_s=nothing,
        decode_rate_per_s=nothing,
        read_s=own,
        send_s=sending_s(group, lengths),
        wait_service_s=np.asarray(service),
        running_seqs=largest_steady_seqs(capacity_seqs) + nothing,
    )
    return _within(found, goals)


def _within(whole: Divided, goals: Sequence[Goal]) -> Divided:
    """Return the largest rates within the objectives, found by bisection on both sides."""
    low = np.full_like(whole.wait_service_s, 1e-4)
    high = np.full_like(low, _MOST_BUSY_RATIO)
    few = np.full_like(low, 0.02)
    many = np.maximum(whole.running_seqs, few)
    read = [goal for goal in goals if goal.metric == "ttft"]
    decode = [goal for goal in goals if goal.metric in {"tpot", "itl"}]
    # An objective on the whole answer binds both sides at once.
    both = [goal for goal in goals if goal.metric == "e2e"]
    for _ in range(_BISECTIONS):
        busy, running = np.sqrt(low * high), np.sqrt(few * many)
        rate = busy / whole.wait_service_s
        keeps_read, keeps_decode = np.ones_like(busy, bool), np.ones_like(busy, bool)
        for goal in read:
            keeps_read &= whole.ttft_s(rate, goal.percentile) <= goal.limit_s
        for goal in decode:
            keeps_decode &= whole.tpot_s(running, goal.percentile) <= goal.limit_s
        for goal in both:
            keeps = whole.tail_s("e2e", goal.percentile, rate, running) <= goal.limit_s
            keeps_read &= keeps
            keeps_decode &= keeps
        low, high = np.where(keeps_read, busy, low), np.where(keeps_read, high, busy)
        few, many = np.where(keeps_decode, running, few), np.where(keeps_decode, many, running)
    step = np.asarray(next_s(whole.group.timer, few, 0.0 * few, whole.lengths))
    return replace(
        whole,
        read_rate_per_s=low / whole.wait_service_s,
        decode_rate_per_s=few / (whole.lengths.output_tokens * step),
        running_seqs=few,
    )


def sending_s(group: Group, lengths: Lengths) -> Column:
    """Return the time to send a prompt's cache to another engine, which may be in another machine.

    All ranks of an engine send their parts at once, each over its machine's share of the network.
    """
    llm, stored = group.timer.llm, group.timer.stored
    per_token = kv_bytes_per_token(llm.block_counts, _BITS) * np.asarray(stored.kv_bits) / _BITS
    sent = per_token * lengths.input_tokens
    return np.asarray(sent / (SENDS_RATIO * NODE_LINK_BYTES_PER_S))
