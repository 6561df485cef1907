"""A profiled step beside the model's: what each operator takes, should take, and cannot beat."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rightrig.measuring.profile.roles import (
    ATTENTION,
    ATTENTION_DECODE,
    ATTENTION_OUTPUT,
    ATTENTION_PREFILL,
    BACK,
    HEAD,
    IDLE,
    INTO,
    PRODUCTS,
    QKV,
    ROUTER,
    SMALL,
)
from rightrig.prediction.network import bus_bytes
from rightrig.prediction.roofline import bound_s
from rightrig.prediction.step_time import account
from rightrig.work.operators import SENT

if TYPE_CHECKING:
    from rightrig.measuring.profile.account import Account
    from rightrig.prediction.step_time import Part, StepTimer
    from rightrig.work.operators import Operator, Step

HOST: Final = "idle, sampling and copies"
_PREDICTED_HOST: Final = "scheduler and sampling"
_PLACED: Final = (QKV, ATTENTION_OUTPUT, INTO, BACK)
_LINES: Final[dict[str, tuple[str, ...]]] = {
    QKV: ("qkv",),
    ATTENTION_OUTPUT: ("attention output",),
    INTO: (
        "feed-forward: gate, up", "feed-forward: up", "shared expert: gate, up",
        "shared expert: up",
    ),
    BACK: ("feed-forward: down", "shared expert: down"),
    ROUTER: ("router",),
    "experts": ("experts",),
    HEAD: ("head",),
    ATTENTION_DECODE: ("attention decode",),
    ATTENTION_PREFILL: ("attention prefill",),
    "recurrent": ("recurrent state", "recurrent prefill"),
    SMALL: ("norms and activations",),
    "all-reduce": ("all-reduce",),
    "all-gather": ("context-parallel exchange",),
    "expert exchange": ("expert exchange",),
    "stage to stage": ("stage to stage",),
}  # fmt: skip
"""Operators as they are measured → as the model has them."""
_JOINED: Final = {PRODUCTS: (*_PLACED, ROUTER, HEAD), ATTENTION: (ATTENTION_DECODE,
                  ATTENTION_PREFILL)}  # fmt: skip
"""What is told as one where kernels do not tell it apart."""
_OTHER_PRODUCTS: Final = ("other matrices", "recurrent projections", "indexer", "adapters")


@dataclass(frozen=True, slots=True)
class Line:
    """One operator: measured, expected, and the least that is possible.

    Attributes:
        measured_s: In the profiled step.
        expected_s: By the calibrated model; ``None`` where it has no such part.
        bound_s: At the datasheet's rates (η = 1).
        waits_for: What it should wait for: memory bandwidth, compute, communication, host.
    """

    name: str
    measured_s: float
    expected_s: float | None
    bound_s: float | None
    waits_for: str | None

    @property
    def excess_s(self) -> float:
        """How much longer it takes than expected; all of it where nothing is expected."""
        return self.measured_s - (self.expected_s or 0.0)

    @property
    def ratio(self) -> float | None:
        """Measured over expected."""
        return self.measured_s / self.expected_s if self.expected_s else None


@dataclass(frozen=True, slots=True)
class Compared:
    """A step and its model.

    Attributes:
        lines: Longest first; together they are the step, and what ran beside other kernels.
        expected_s: The step that the model expects.
        bound_s: The least of all operators one after another.
    """

    lines: tuple[Line, ...]
    expected_s: float
    bound_s: float


def compared(found: Account, timer: StepTimer, step: Step) -> Compared:
    """Return a profiled step beside the model's of the same batch.

    Of several pipeline stages a profile has one: the model's layers are divided evenly.
    """
    share = 1.0 / float(timer.shard.stages)
    expected = {part.name: part for part in account(timer, step)}
    bounds_s = _bounds_s(timer, step)
    measured = _measured_s(found)
    names = _joined_names(measured)
    lines = [
        _line(name, measured.pop(name, 0.0), own, (expected, bounds_s, share))
        for name, own in names.items()
    ]
    lines.append(_host_line(found, measured, expected, share))
    lines += [Line(name, time_s, None, None, None) for name, time_s in measured.items()]
    shown = [line for line in lines if line.measured_s > 0.0 or line.expected_s]
    total_s = sum(part.time_s for part in expected.values()) * share
    return Compared(
        tuple(sorted(shown, key=lambda line: -line.measured_s)),
        total_s,
        sum(bounds_s.values()) * share,
    )


def _measured_s(found: Account) -> dict[str, float]:
    """Return the time of each operator, and idle time."""
    times = {spent.name: spent.time_s for spent in found.spent}
    if found.timeline is not None:
        times[IDLE] = found.timeline.idle_s
    return times


def _joined_names(measured: dict[str, float]) -> dict[str, tuple[str, ...]]:
    """Return the lines, joined as far as the kernels do not tell operators apart.

    Where any product of a layer has no place, all of them are one line.
    """
    lines = dict(_LINES)
    is_placed = bool(measured.get(ATTENTION_OUTPUT)) and not measured.get(PRODUCTS)
    others = QKV if is_placed else PRODUCTS
    lines[others] = (*lines.get(others, ()), *_OTHER_PRODUCTS)
    for whole, parts in _JOINED.items():
        if is_placed if whole == PRODUCTS else not measured.get(ATTENTION):
            continue
        own = tuple(name for part in parts for name in lines.pop(part, ()))
        lines[whole] = (*lines.get(whole, ()), *own)
        measured[whole] = sum(measured.pop(name, 0.0) for name in (whole, *parts))
    return lines


def _line(
    name: str,
    measured_s: float,
    own: tuple[str, ...],
    model: tuple[dict[str, Part], dict[str, float], float],
) -> Line:
    """Return one operator beside its parts of the model."""
    expected, bounds_s, share = model
    parts = [expected[part] for part in own if part in expected]
    if not parts:
        return Line(name, measured_s, None, None, None)
    longest = max(parts, key=lambda part: part.time_s)
    return Line(
        name,
        measured_s,
        sum(part.time_s for part in parts) * share,
        sum(bounds_s.get(part.name, 0.0) for part in parts) * share,
        longest.resource,
    )


def _host_line(
    found: Account, measured: dict[str, float], expected: dict[str, Part], share_ratio: float
) -> Line:
    """Return the host's part: idle time, sampling and copies; without a clock no idle time."""
    time_s = sum(measured.pop(name, 0.0) for name in (IDLE, "sampling", "copies"))
    host = expected.get(_PREDICTED_HOST)
    name = HOST if found.timeline is not None else "sampling and copies"
    return Line(name, time_s, host.time_s * share_ratio if host else None, 0.0, "host")


def _bounds_s(timer: StepTimer, step: Step) -> dict[str, float]:
    """Return the least time of each operator by the datasheet, by its name (η = 1)."""
    found: dict[str, float] = {}
    for operator in timer.operators(step):
        found[operator.name] = found.get(operator.name, 0.0) + _bound_s(timer, operator)
    return found


def _bound_s(timer: StepTimer, operator: Operator) -> float:
    """Return the least time of one operator: ``max(flop/Π, bytes/BW)``; of messages bytes/link."""
    speeds = timer.speeds
    if operator.kind in SENT:
        return float(bus_bytes(operator, timer.shard)) / float(speeds.link_bytes_per_s)
    is_stored = operator.kind in {"gemm", "experts"}
    peak = speeds.peak_flop_per_s if is_stored else speeds.peak_16bit_flop_per_s
    return float(bound_s(operator.flop, operator.moved_bytes, peak, speeds.peak_bytes_per_s))
