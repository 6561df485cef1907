"""Predicted over measured values as a small SVG file: log-log, one colour a family of engines."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from zlib import crc32

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

MOST_POINTS: Final = 1500
BAND_RATIO: Final = 0.25
_SIZE: Final = 530.0
_LEFT: Final = 72.0
_TOP: Final = 44.0
_PANEL: Final = 410.0
_DIGITS: Final = 2
_DOT: Final = 3.4
# Okabe and Ito's colours, told apart by people who see few of them; the same on dark ground.
_COLOURS: Final = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#8a8a8a")
_STYLE: Final = (
    "text{font:12px sans-serif;fill:#333}.t{font-size:14px;font-weight:bold}"
    ".g{stroke:#ddd}.f{fill:none;stroke:#777}.d{stroke:#333}.b{fill:#000;opacity:.07}"
    "path.p{fill:none;stroke-linecap:round;stroke-opacity:.55}.w{fill:#fff}"
    "@media(prefers-color-scheme:dark){text{fill:#ddd}.g{stroke:#3a3d46}.d{stroke:#ddd}"
    ".b{fill:#fff;opacity:.09}.w{fill:#1e2129}}"
)


@dataclass(frozen=True, slots=True)
class Point:
    """A measured value beside its prediction.

    Attributes:
        name: Decides alone whether a point stays where there are too many.
        family: Of engines: its colour.
    """

    name: str
    family: str
    measured: float
    predicted: float


@dataclass(frozen=True, slots=True)
class _Axis:
    """Both axes: decades from one power of ten to another."""

    low: int
    high: int

    def across(self, value: float) -> float:
        """Return the place of a measured value."""
        return _LEFT + self._share(value) * _PANEL

    def up(self, value: float) -> float:
        """Return the place of a predicted value."""
        return _TOP + (1.0 - self._share(value)) * _PANEL

    def _share(self, value: float) -> float:
        return (math.log10(value) - self.low) / (self.high - self.low)


def thinned(points: Sequence[Point], most: int = MOST_POINTS) -> list[Point]:
    """Return at most so many points: the same ones whenever they are drawn."""
    return sorted(points, key=lambda p: (crc32(p.name.encode()), p.name))[:most]


def rounded(value: float) -> float:
    """Return a value with two digits: a drawing is no copy of the table behind it.

    >>> rounded(0.012345)
    0.012
    """
    return float(f"{value:.{_DIGITS}g}")


def scatter_svg(title: str, unit: str, points: Sequence[Point], families: Sequence[str]) -> str:
    """Return the drawing; ``families`` are at most five, in the order of their colours."""
    kept = [Point("", p.family, rounded(p.measured), rounded(p.predicted)) for p in thinned(points)]
    axis = _axis_of([value for p in kept for value in (p.measured, p.predicted)])
    found = {family: _dots(axis, [p for p in kept if p.family == family]) for family in families}
    shown = [(f, c, found[f]) for f, c in zip(families, _COLOURS, strict=False) if found[f]]
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_SIZE:g} {_SIZE:g}" '
        f'role="img" aria-label="{title}: predicted over measured">'
    )
    lines = [
        head,
        f"<style>{_STYLE}</style>",
        f'<rect class="w" width="{_SIZE:g}" height="{_SIZE:g}" rx="4"/>',
        _text(_LEFT, 24, f"{title}, {unit}", "t"),
        *_grid(axis),
        *_band(axis),
        *(
            f'<path class="p" stroke="{colour}" stroke-width="{_DOT}" d="{dots}"/>'
            for _, colour, dots in shown
        ),
        *_legend([(family, colour) for family, colour, _ in shown]),
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _axis_of(values: Sequence[float]) -> _Axis:
    """Return the decades that hold all values."""
    logs = [math.log10(value) for value in values] or [0.0]
    low = math.floor(min(logs))
    return _Axis(low, max(math.ceil(max(logs)), low + 1))


def _dots(axis: _Axis, points: Iterable[Point]) -> str:
    """Return points as one path, in no order of the table; a line of no length is a round dot."""
    places = {(round(axis.across(p.measured), 1), round(axis.up(p.predicted), 1)) for p in points}
    return "".join(f"M{x:g} {y:g}h0" for x, y in sorted(places))


def _grid(axis: _Axis) -> list[str]:
    """Return the frame, a line a decade, and the words beside it."""
    bottom, right = _TOP + _PANEL, _LEFT + _PANEL
    lines = []
    for power in range(axis.low, axis.high + 1):
        value = 10.0**power
        x, y = axis.across(value), axis.up(value)
        lines += [
            f'<path class="g" d="M{x:.1f} {_TOP:g}V{bottom:g}M{_LEFT:g} {y:.1f}H{right:g}"/>',
            _text(x, bottom + 18, f"{value:,.9g}", anchor="middle"),
            _text(_LEFT - 6, y + 4, f"{value:,.9g}", anchor="end"),
        ]
    middle = _TOP + _PANEL / 2
    words = _text(14, middle, "predicted", anchor="middle")
    turned = f'<g transform="rotate(-90 14 {middle:g})">{words}</g>'
    frame = f'<rect class="f" x="{_LEFT:g}" y="{_TOP:g}" width="{_PANEL:g}" height="{_PANEL:g}"/>'
    below = _text(_LEFT + _PANEL / 2, bottom + 40, "measured", anchor="middle")
    return [*lines, frame, below, turned]


def _band(axis: _Axis) -> list[str]:
    """Return the diagonal and the band around it, cut at the frame."""
    low, high = 10.0**axis.low, 10.0**axis.high
    up, down = 1.0 + BAND_RATIO, 1.0 - BAND_RATIO
    corners = (
        (low, low), (low, low * up), (high / up, high), (high, high), (high, high * down),
        (low / down, low),
    )  # fmt: skip
    places = " ".join(f"{axis.across(x):.1f},{axis.up(y):.1f}" for x, y in corners)
    start, end = (axis.across(low), axis.up(low)), (axis.across(high), axis.up(high))
    return [
        f'<polygon class="b" points="{places}"/>',
        f'<path class="d" d="M{start[0]:g} {start[1]:g}L{end[0]:g} {end[1]:g}"/>',
    ]


def _legend(named: Sequence[tuple[str, str]]) -> list[str]:
    """Return the families with their colours, in the empty corner."""
    height = 18 * len(named) + 8
    lines = [f'<rect class="w" x="{_LEFT + 2:g}" y="{_TOP + 2:g}" width="140" height="{height}"/>']
    for number, (family, colour) in enumerate(named):
        y = _TOP + 18 + 18 * number
        lines += [
            f'<circle cx="{_LEFT + 14:g}" cy="{y - 4:g}" r="4" fill="{colour}"/>',
            _text(_LEFT + 24, y, family),
        ]
    return lines


def _text(x: float, y: float, words: str, style: str = "", anchor: str = "start") -> str:
    """Return a line of words; ours have no sign that XML would need escaped."""
    kind = f' class="{style}"' if style else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{kind}>{words}</text>'
