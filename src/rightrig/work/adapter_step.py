"""What LoRA adapters add to a step: two thin products beside every projection they adapt."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rightrig.work.attention_step import rank_elements_count
from rightrig.work.companions import ADAPTER_BYTES, adapted_widths_count
from rightrig.work.operators import (
    ACTIVATION_BYTES,
    Operator,
    distinct_experts_count,
    gemm_flop,
)

if TYPE_CHECKING:
    from rightrig.facts.llm import Block
    from rightrig.work.operators import Floats, Step
    from rightrig.work.stored import Adapters

_PRODUCTS_COUNT = 2.0
"""Kernels that multiply: down to the rank, and up again."""


def active_adapters_count(adapters: Adapters, step: Step) -> Floats:
    """Return the different adapters of a step: ``n·(1 − (1 − 1/n)^sequences)``, by chance (F6.1).

    Prompt tokens count as one sequence more.
    """
    seqs = step.decode_seqs + np.minimum(step.prefill_tokens, 1.0)
    return distinct_experts_count(float(adapters.loaded_count), 1.0, seqs)


def adapter_operators(
    block: Block, count: int, hidden: int, adapters: Adapters, step: Step, tp: Floats
) -> list[Operator]:
    """Return the products with the adapters of ``count`` equal layers on one rank.

    ``2·m·r·(d_in + d_out)`` flop over every dense projection (Hu et al. 2021, arXiv:2106.09685;
    F4.4); each adapter of the step is read once, inputs and results once more than without
    (Punica, arXiv:2310.18547). Every sequence has an adapter; routed experts carry none.
    """
    if not adapters.loaded_count:
        return []
    widths = rank_elements_count(lambda n: adapted_widths_count(block, hidden, n), tp)
    rows = step.rows_count
    params = adapters.rank_count * widths
    weights = active_adapters_count(adapters, step) * params * ADAPTER_BYTES
    has_dense = block.ffn is not None and (block.ffn.inner_size or block.ffn.shared_inner_size)
    # Query, key and value run together, and so do gate and up.
    groups = 2.0 * (block.attention is not None) + 2.0 * bool(has_dense)
    return [
        Operator(
            "adapters",
            "head",
            flop=count * gemm_flop(rows, params),
            moved_bytes=count * (weights + rows * widths * ACTIVATION_BYTES),
            launches_count=count * groups * _PRODUCTS_COUNT,
        )
    ]
