"""Layers that keep a state of constant size: linear attention and state-space layers.

Equations: formulas F2.4 (state) and F5.1 (work) of docs/methodology/memory.md and speed.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from rightrig.facts.llm import Recurrent

CONV_BITS: Final = 16
"""Bits of one kept input of the short convolution."""
UPDATES_PER_STATE_COUNT: Final = 4.0
"""Multiplications with the state a token: decay, outer product, correction, read-out (F5.1)."""


def state_bytes(recurrent: Recurrent, ranks_count: int = 1) -> float:
    """Return the bytes that one layer keeps of one sequence on one rank.

    ``H·d_k·d_v·bits/8 + channels·(kernel − 1)·2``; ranks divide heads and channels, whole
    ones where there are fewer heads than ranks. Mamba2: ``H·d_head·d_state`` and its
    convolution (arXiv:2405.21060).

    Source for the others: gated delta rule, Yang et al. 2024, arXiv:2412.06464. Validity: exact for
    states of the width that the record says.
    """
    heads = max(1, recurrent.head_count // ranks_count)
    state = heads * recurrent.key_dim * recurrent.value_dim * recurrent.state_bits / 8.0
    kept_inputs = max(0, recurrent.conv_kernel - 1)
    channels = recurrent.conv_channels * heads / recurrent.head_count
    return state + channels * kept_inputs * CONV_BITS / 8.0


def recurrent_params(recurrent: Recurrent, ranks_count: int = 1) -> int:
    """Return the parameters of one such mixer on one tensor-parallel rank."""
    return recurrent.split_params // ranks_count + recurrent.whole_params


def state_flop_per_token(recurrent: Recurrent) -> float:
    """Return the work of one token on the state of one layer: ``2·c·H·d_k·d_v``, c = 4 (F5.1)."""
    size = recurrent.head_count * recurrent.key_dim * recurrent.value_dim
    return 2.0 * UPDATES_PER_STATE_COUNT * size
