"""The operators of a step's feed-forward parts, dense and of experts, on one rank."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rightrig.work.operators import (
    CORRELATION_EXPONENT,
    Operator,
    Shard,
    Step,
    destination_ranks_count,
    distinct_experts_count,
    experts_load_ratio,
    gemm_bytes,
    gemm_flop,
)
from rightrig.work.weights import matrices_count

if TYPE_CHECKING:
    from rightrig.facts.llm import Ffn, TensorClass
    from rightrig.work.operators import Floats
    from rightrig.work.stored import Stored


def ffn_operators(
    ffn: Ffn, count: int, hidden: int, stored: Stored, step: Step, shard: Shard
) -> list[Operator]:
    """Return the feed-forward operators of ``count`` equal layers."""
    found = []
    if ffn.expert_hidden_size:
        found.append(other_operator(2 * hidden * ffn.expert_hidden_size * count, stored, step))
    into = matrices_count(ffn) - 1
    dense = (
        _Dense("ffn", "feed-forward", ffn.inner_size / shard.tp, into),
        _Dense("shared_expert", "shared expert", ffn.shared_inner_size / shard.tp, into),
    )
    for part, inner in zip(dense, (ffn.inner_size, ffn.shared_inner_size), strict=True):
        if inner:
            found += _dense(part, count, hidden, stored, step)
    if ffn.expert_count:
        found.append(_router(ffn, count, hidden, stored, step))
        found.append(_experts(ffn, count, hidden, stored, step, shard))
        found += _exchange(ffn, count, hidden, step, shard)
    return found


def other_operator(params_count: int, stored: Stored, step: Step) -> Operator:
    """Return matrices beside attention and feed-forward, whole on every rank."""
    return Operator(
        "other matrices",
        "gemm",
        flop=gemm_flop(step.rows_count, params_count),
        moved_bytes=stored.weight_bytes("ffn", params_count),
        launches_count=1.0,
    )


@dataclass(frozen=True, slots=True)
class _Dense:
    """A dense feed-forward part on one rank.

    Attributes:
        inner_count: Its inner width there.
        into_count: Matrices into the inner width: gate and up, or one.
    """

    kind: TensorClass
    name: str
    inner_count: Floats
    into_count: int


def _dense(part: _Dense, count: int, hidden: int, stored: Stored, step: Step) -> list[Operator]:
    """Return the products into the inner width (gate and up together) and back."""
    kind, name, inner, into_count = part.kind, part.name, part.inner_count, part.into_count
    rows = step.rows_count
    into, back = into_count * hidden * inner, hidden * inner
    return [
        Operator(
            f"{name}: gate, up" if into_count > 1 else f"{name}: up",
            "gemm",
            flop=count * gemm_flop(rows, into),
            moved_bytes=count
            * gemm_bytes(rows, stored.weight_bytes(kind, into), hidden, into_count * inner),
            launches_count=float(count),
        ),
        Operator(
            f"{name}: down",
            "gemm",
            flop=count * gemm_flop(rows, back),
            moved_bytes=count * gemm_bytes(rows, stored.weight_bytes(kind, back), inner, hidden),
            launches_count=float(count),
        ),
    ]


def _router(ffn: Ffn, count: int, hidden: int, stored: Stored, step: Step) -> Operator:
    """Return the scores of all experts, whole on every rank."""
    params = hidden * ffn.expert_count
    weights = stored.weight_bytes("router", params)
    return Operator(
        "router",
        "head",
        flop=count * gemm_flop(step.rows_count, params),
        moved_bytes=count * gemm_bytes(step.rows_count, weights, hidden, ffn.expert_count),
        launches_count=float(count),
    )


@dataclass(frozen=True, slots=True)
class Routing:
    """How tokens spread over experts: numbers, or an element a layer.

    Attributes:
        experts_count: Routed experts of a layer.
        experts_per_token_count: Those that one token visits.
        ranks_count: Ranks over which whole experts are dealt.
    """

    experts_count: Floats
    experts_per_token_count: Floats
    ranks_count: Floats

    def busiest_count(self, tokens_count: Floats) -> tuple[Floats, Floats]:
        """Return the experts that the busiest rank reads (F6.1, F6.2), and the rows it works on."""
        independent = np.power(tokens_count, CORRELATION_EXPONENT)
        each = self.experts_per_token_count
        touched = distinct_experts_count(self.experts_count, each, independent)
        visits = tokens_count * each
        load = experts_load_ratio(visits, self.ranks_count)
        dealt = touched / self.ranks_count
        experts = np.minimum(dealt * load, self.experts_count / self.ranks_count)
        return experts, visits * load / self.ranks_count


def _experts(
    ffn: Ffn, count: int, hidden: int, stored: Stored, step: Step, shard: Shard
) -> Operator:
    """Return the routed experts of ``count`` equal layers, on the busiest rank.

    Only touched experts are read (F6.1). Ranks divide inner widths, or hold whole experts, whose
    load then differs (F6.2).
    """
    ranks = shard.tp * shard.attention_dp
    outer = ffn.expert_hidden_size or hidden
    routing = Routing(ffn.expert_count, ffn.experts_per_token, shard.expert_parallel)
    busiest, rows = routing.busiest_count(step.rows_count * shard.attention_dp)
    inner = ffn.expert_inner_size * shard.expert_parallel / ranks
    one = matrices_count(ffn) * outer * inner
    return Operator(
        "experts",
        "experts",
        flop=count * gemm_flop(rows, one),
        moved_bytes=count
        * gemm_bytes(
            rows, busiest * stored.weight_bytes("expert", one), 2.0 * outer,
            matrices_count(ffn) * inner,
        ),
        launches_count=2.0 * count,
    )  # fmt: skip


def _exchange(ffn: Ffn, count: int, hidden: int, step: Step, shard: Shard) -> list[Operator]:
    """Return the tokens that groups with sequences of their own send to experts and get back.

    To each destination once, at most a copy to every other rank (F6.3); 16-bit both ways.
    """
    if not isinstance(shard.attention_dp, np.ndarray) and shard.attention_dp <= 1:
        return []
    ranks = shard.tp * shard.attention_dp
    copies = destination_ranks_count(shard.expert_parallel, ffn.experts_per_token)
    copies = np.maximum(copies, shard.attention_dp - 1.0)
    message = 2.0 * step.rows_count / shard.tp * np.minimum(copies, ranks - 1.0) * hidden
    return [
        Operator(
            "expert exchange",
            "all_to_all",
            message_bytes=np.where(np.asarray(shard.attention_dp) > 1, message, 0.0),
            launches_count=2.0 * count,
        )
    ]
