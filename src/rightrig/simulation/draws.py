"""Random numbers of a simulation: one stream, kept with its state, so that a run can be resumed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from rightrig.simulation._jit import kernel
from rightrig.simulation.arrays import kinds

if TYPE_CHECKING:
    from rightrig.simulation._rows import Row

_STEP: Final = np.uint64(0x9E3779B97F4A7C15)
_FIRST: Final = np.uint64(0xBF58476D1CE4E5B9)
_SECOND: Final = np.uint64(0x94D049BB133111EB)
_30: Final = np.uint64(30)
_27: Final = np.uint64(27)
_31: Final = np.uint64(31)
_11: Final = np.uint64(11)


@kernel
def uniform_ratio(w: Row) -> float:
    """Return a number from 0 up to 1: SplitMix64 (Steele, Lea, Flood 2014)."""
    w.random += _STEP
    mixed = w.random
    mixed = (mixed ^ (mixed >> _30)) * _FIRST
    mixed = (mixed ^ (mixed >> _27)) * _SECOND
    mixed = mixed ^ (mixed >> _31)
    return float(np.float64(mixed >> _11) / 9007199254740992.0)


@kernel
def drawn_steps(w: Row, rep: Row, tokens: int) -> int:
    """Return the steps that yield some tokens: one each, or fewer when drafts are accepted.

    Each drafted token is accepted with the same probability, up to the first that is not; the
    step yields one more: ``n`` tokens with ``α^(n−1)·(1 − α)``, all ``γ + 1`` with ``α^γ``.

    Source: Leviathan et al. 2023, arXiv:2211.17192. Validity: acceptance independent from token to
    token.
    """
    kind = kinds(w)[rep.kind]
    if kind.drafted == 0:
        return tokens
    steps, got = 0, 0
    while got < tokens:
        steps += 1
        got += 1
        ahead = 0
        while ahead < kind.drafted and uniform_ratio(w) < kind.acceptance_ratio:
            ahead += 1
        got += ahead
    return steps
