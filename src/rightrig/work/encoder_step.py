"""What an encoder of images or sound does before a prompt is read.

Its parts that grow with the square of the patches (attention among them) are left out: the record
of a tower has no shapes. Full attention is ``patches / (6 · width)`` of the rest, which is a tenth
for 800 patches of a tower of width 1,280.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from rightrig.work.operators import Operator, gemm_flop

if TYPE_CHECKING:
    from rightrig.facts.llm import Tower
    from rightrig.work.operators import Floats

WEIGHT_BYTES: Final = 2.0
"""Towers stay at 16 bits."""


def encoder_flop(tower: Tower, patches_count: Floats) -> Floats:
    """Return the work of an encoder on some patches: ``2 · params · patches`` (F5.1).

    Projectors that join several patches before they multiply do less; they are a few percent.
    """
    return gemm_flop(patches_count, float(tower.params))


def encoder_bytes(tower: Tower) -> float:
    """Return the weights that an encoder reads in one pass over any number of patches."""
    return WEIGHT_BYTES * tower.params


def encoder_operator(tower: Tower, patches_count: Floats) -> Operator:
    """Return one pass of an encoder, whole on every rank; without patches it does nothing."""
    runs = np.asarray(patches_count) > 0.0
    return Operator(
        f"{tower.kind} encoder",
        "head",
        flop=encoder_flop(tower, patches_count),
        moved_bytes=np.where(runs, encoder_bytes(tower), 0.0),
        launches_count=1.0,
    )
