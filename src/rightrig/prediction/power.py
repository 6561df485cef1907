"""Power of a card while it idles, reads prompts and decodes (formulas F13).

A working card draws a floor for clocks and control, and more the more of its memory's bandwidth
and of its arithmetic a step uses. Decoding waits for memory, so that its draw follows the
bandwidth; prompts and large batches reach the board's limit. ``data/power.toml`` holds the
parameters and the public measurements behind them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

import numpy as np

from rightrig.interval import Interval
from rightrig.prediction.parameters import family_of, tables

if TYPE_CHECKING:
    from rightrig.deployment.rig import Rig
    from rightrig.facts.gpu import Gpu
    from rightrig.work.operators import Floats

PowerEvidence = Literal["runs", "anchors", "none"]
EVIDENCE_TEXT: Final[dict[PowerEvidence, str]] = {
    "runs": "power fitted on dozens of measured serving runs of its family",
    "anchors": "power fitted on one or two measured runs of its family",
    "none": "no measured power of its family; all measured cards together stand in",
}
_TABLE: Final = tables("power")
IDLE_RATIO: Final[float] = float(_TABLE["idle"]["server_ratio"])
_DESKTOP_IDLE_RATIO: Final[float] = float(_TABLE["idle"]["desktop_ratio"])
_TOP_RATIO: Final[float] = float(_TABLE["top_ratio"])
_MEMORY_SLOPE_RATIO: Final[float] = float(_TABLE["memory_slope_ratio"])
_COMPUTE_SLOPE_RATIO: Final[float] = float(_TABLE["compute_slope_ratio"])
_WAITING_USE_RATIO: Final = 0.8
"""Share of the bandwidth that kernels which wait for memory commonly reach."""
_COMPUTE_EXPONENT_COUNT: Final[float] = float(_TABLE["compute_exponent_count"])


@dataclass(frozen=True, slots=True)
class Draw:
    """How a kind of card draws power.

    Attributes:
        idle_ratio: Share of the board's power while a loaded model waits.
        floor_ratio: Share while it works, before any byte or flop.
        ends_ratio: Truth over prediction at the ends of the central 80 %.
        evidence: What the floor and the ends were fitted on.
        sources: Public measurements behind them.
    """

    idle_ratio: float
    floor_ratio: float
    ends_ratio: tuple[float, float]
    evidence: PowerEvidence
    sources: tuple[str, ...]


def draw_of(gpu: Gpu) -> Draw:
    """Return how a card draws power: from its family's measurements, or from all cards'."""
    floors, ends = _TABLE["floor"], _TABLE["interval"]
    floor = floors.get(family_of(gpu)["name"], floors["other"])
    evidence: PowerEvidence = floor["evidence"]
    desktop = gpu.tier in {"consumer", "embedded"} or gpu.cooling == "own fans"
    return Draw(
        idle_ratio=_DESKTOP_IDLE_RATIO if desktop else IDLE_RATIO,
        floor_ratio=floor["ratio"],
        ends_ratio=(ends[evidence]["low_ratio"], ends[evidence]["high_ratio"]),
        evidence=evidence,
        sources=tuple(_TABLE["sources"][name] for name in floor["sources"]),
    )


def working_power_w(
    board_power_w: Floats,
    limit_w: Floats,
    memory_use_ratio: Floats,
    compute_use_ratio: Floats,
    floor_ratio: Floats,
) -> Floats:
    """Return the power of a card at work, in W.

    ``P = min(limit, TDP · min(0.98, floor + 0.79·m + 1.24·c^0.75))`` with ``m`` and ``c`` the
    shares of the peak bandwidth and of the peak arithmetic that the step uses (fitted, see
    ``data/power.toml``). Validity: means over seconds; transients are in ``power_supply``.

    Source: fitted on the runs that ``prediction/data/power.toml`` names.

    >>> round(float(working_power_w(700.0, 700.0, 0.65, 0.03, 0.21)))
    569
    >>> round(float(working_power_w(700.0, 500.0, 0.3, 0.6, 0.21)))
    500
    """
    share = (
        floor_ratio
        + _MEMORY_SLOPE_RATIO * memory_use_ratio
        + _COMPUTE_SLOPE_RATIO * compute_use_ratio**_COMPUTE_EXPONENT_COUNT
    )
    return np.minimum(board_power_w * np.minimum(share, _TOP_RATIO), limit_w)


def waiting_draw_ratio(draw: Draw) -> float:
    """Return what work that waits for memory draws, over the board's power (F13).

    >>> from rightrig.facts.catalog import shipped
    >>> round(waiting_draw_ratio(draw_of(shipped().gpu("h100-sxm"))), 2)
    0.84
    """
    share = draw.floor_ratio + _MEMORY_SLOPE_RATIO * _WAITING_USE_RATIO
    return min(share, _TOP_RATIO)


def card_power_w(working_w: Floats, idle_w: Floats, busy_ratio: Floats) -> Floats:
    """Return the mean power of a card, or a machine, that works a share of the time (F13).

    The rest it idles.

    >>> card_power_w(500.0, 100.0, 0.25)
    200.0
    """
    return idle_w + (working_w - idle_w) * busy_ratio


def working_interval_w(mid_w: float, draw: Draw, limit_w: float) -> Interval:
    """Return the central 80 % around the power of one card, in W: no mean passes the limit."""
    low, high = draw.ends_ratio
    return Interval(mid_w * low, mid_w, max(mid_w, min(mid_w * high, limit_w)))


def idle_power_w(board_power_w: float, draw: Draw) -> Interval:
    """Return the power of a card whose model is loaded and which has nothing to do, in W."""
    return Interval.around(board_power_w * draw.idle_ratio, _TABLE["idle"]["spread_factor_ratio"])


def rig_idle_power_w(rig: Rig) -> float | None:
    """Return what all cards of a rig draw without work, in W; ``None`` where one is unknown."""
    watts = [(group, group.card_power_w) for group in rig.groups]
    known = [
        group.count * idle_power_w(card_w, draw_of(group.gpu)).mid
        for group, card_w in watts
        if card_w is not None
    ]
    return sum(known) * rig.nodes_count if len(known) == len(watts) else None


def energy_per_token_j(power_w: float, tokens_per_s: float) -> float:
    """Return joules a token: ``P / (tok/s)``.

    Source: definition. Validity: of the watts that are given: a card's, or a machine's at the wall.

    >>> energy_per_token_j(300.0, 2500.0)
    0.12
    """
    return power_w / tokens_per_s


def used_energy_per_token_j(
    working_w: float, idle_w: float, use_ratio: float, tokens_per_s: float
) -> float:
    """Return joules a token when a machine works only a share of the time.

    ``E(u) = P/(tok/s) + P_idle·(1 − u)/(u·tok/s)``: each token pays for the idle time around it.

    Source: definition. Validity: a machine that neither sleeps nor does other work.

    >>> used_energy_per_token_j(300.0, 100.0, 0.5, 100.0)
    4.0
    """
    waited_j = idle_w * (1.0 - use_ratio) / (use_ratio * tokens_per_s)
    return energy_per_token_j(working_w, tokens_per_s) + waited_j
