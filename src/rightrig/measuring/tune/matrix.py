"""What is run: the baseline, and each value of each knob with everything else as it was."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rightrig.measuring.tune.settings import number_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rightrig.measuring.tune.settings import Knob, Setting


@dataclass(frozen=True, slots=True)
class Step:
    """One change.

    Attributes:
        knob: The one field in which ``setting`` differs from the baseline.
        direction: Steps of a knob in one direction come one after another, each further from the
            baseline; when one does harm, those beyond it are not tried.
    """

    knob: str
    value: str
    setting: Setting
    direction: str


def steps_of(baseline: Setting, knobs: Sequence[Knob]) -> tuple[Step, ...]:
    """Return every change, in the order in which they are tried.

    Numbers go up from the baseline, then down from it, nearest first. Words are tried as they are
    written, and none of them stops another.
    """
    return tuple(
        Step(knob.name, value, baseline.turned(knob.name, value), direction)
        for knob in knobs
        for direction, values in _directions(baseline[knob.name], knob.values)
        for value in values
    )


def _directions(start: str, values: Sequence[str]) -> list[tuple[str, tuple[str, ...]]]:
    """Return the values of a knob by direction."""
    begin = number_of(start)
    numbers = {value: number_of(value) for value in values}
    if begin is None or any(number is None for number in numbers.values()):
        return [(f"{value}", (value,)) for value in values]
    known = sorted((number, value) for value, number in numbers.items() if number is not None)
    up = tuple(value for number, value in known if number > begin)
    down = tuple(value for number, value in reversed(known) if number < begin)
    return [(name, found) for name, found in (("up", up), ("down", down)) if found]
