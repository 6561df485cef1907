"""Units of published figures: what a unit is made of, and how many base units it has.

Base units are those of the library: byte, second, flop, US dollar, watt; what is counted (tokens,
cards, requests, errors) and shares have no dimension.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from rightrig.errors import InputError
from rightrig.facts.reading import plain
from rightrig.quantities import GIB, HOURS_PER_MONTH, MIB, SECONDS_PER_HOUR

BASES: Final = ("B", "s", "FLOP", "USD", "W", "°C")
Dimension = tuple[int, ...]
"""Exponents of ``BASES``."""
NONE: Final[Dimension] = (0,) * len(BASES)
_YEAR_S: Final = 8760.0 * SECONDS_PER_HOUR
_MOST_PARTS: Final = 6


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit.

    Attributes:
        dimension: What it measures.
        scale_ratio: Base units that one of it has.
    """

    dimension: Dimension
    scale_ratio: float

    def times(self, other: Unit, power: int = 1) -> Unit:
        """Return the product with a power of another unit."""
        both = zip(self.dimension, other.dimension, strict=True)
        dimension = tuple(one + power * two for one, two in both)
        return Unit(dimension, self.scale_ratio * other.scale_ratio**power)


def _of(base: str, scale_ratio: float = 1.0) -> Unit:
    """Return some base units as a unit."""
    return Unit(tuple(int(name == base) for name in BASES), scale_ratio)


def _rate(base: str, scale_ratio: float) -> Unit:
    """Return some base units a second."""
    return _of(base, scale_ratio).times(_of("s"), -1)


ONE: Final = Unit(NONE, 1.0)
_PREFIXES: Final = {"": 1.0, "k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15}
_COUNTED: Final = (
    "x", "count", "GPU", "card", "seq", "tok", "token", "req", "request", "error", "flip", "core",
    "SM", "instance", "profile", "FMA", "clk", "clock", "thread", "layer", "stack", "lane", "param",
    "dir", "device", "link", "machine", "node", "user", "slice", "model",
)  # fmt: skip
ATOMS: Final[dict[str, Unit]] = {
    **dict.fromkeys(_COUNTED, ONE),
    **{f"{p}{name}": Unit(NONE, n) for p, n in _PREFIXES.items() for name in ("tok", "param")},
    **{f"{p}B": _of("B", n) for p, n in _PREFIXES.items()},
    **{f"{p}b": _of("B", n / 8.0) for p, n in _PREFIXES.items()},
    **{f"{p}bit": _of("B", n / 8.0) for p, n in _PREFIXES.items()},
    "KiB": _of("B", 1024.0), "MiB": _of("B", MIB), "GiB": _of("B", GIB), "TiB": _of("B", 2.0**40),
    "s": _of("s"), "ms": _of("s", 1e-3), "us": _of("s", 1e-6), "µs": _of("s", 1e-6),
    "ns": _of("s", 1e-9), "min": _of("s", 60.0), "h": _of("s", SECONDS_PER_HOUR),
    "d": _of("s", 86_400.0), "month": _of("s", HOURS_PER_MONTH * SECONDS_PER_HOUR),
    "mo": _of("s", HOURS_PER_MONTH * SECONDS_PER_HOUR), "yr": _of("s", _YEAR_S),
    **{f"{p}FLOP": _of("FLOP", n) for p, n in _PREFIXES.items()},
    **{f"{p}{name}": _rate("FLOP", n) for p, n in _PREFIXES.items() for name in ("FLOPS", "OPS")},
    **{f"{p}Hz": Unit(tuple(-int(b == "s") for b in BASES), n) for p, n in _PREFIXES.items()},
    **{f"{p}W": _of("W", n) for p, n in _PREFIXES.items()},
    **{f"{p}Wh": _of("W", n * SECONDS_PER_HOUR).times(_of("s")) for p, n in _PREFIXES.items()},
    "J": _of("W").times(_of("s")), "USD": _of("USD"), "kUSD": _of("USD", 1e3),
    "MUSD": _of("USD", 1e6), "percent": Unit(NONE, 0.01), "°C": _of("°C"), "degC": _of("°C"),
}  # fmt: skip
"""Every unit by its name; ``GB/s`` and ``USD/kWh`` are made of them."""
_SPELLED: Final = {"%": "percent", "$": "USD", "C": "°C", "bytes": "B", "year": "yr", "hr": "h"}


def parse_unit(text: str) -> Unit:
    """Return the unit that a text names: atoms joined by ``/`` and ``*``; empty for a count.

    Raises:
        InputError: for an atom that is none.

    >>> parse_unit("GB/s").scale_ratio, parse_unit("USD/kWh").dimension
    (1000000000.0, (0, -1, 0, 1, -1, 0))
    """
    cleaned = text.strip()
    if not cleaned:
        return ONE
    parts = re.split(r"([/*])", cleaned)
    if len(parts) > 2 * _MOST_PARTS:
        raise InputError(f"the unit {plain(cleaned, 40)!r} has more than {_MOST_PARTS} parts")
    found = ONE
    for sign, name in zip(["*", *parts[1::2]], parts[::2], strict=True):
        found = found.times(_atom(name.strip(), cleaned), -1 if sign == "/" else 1)
    return found


def _atom(name: str, whole: str) -> Unit:
    """Return one unit by its name, its plural too."""
    spelled = _SPELLED.get(name, name)
    for known in (spelled, spelled.removesuffix("s")):
        if known in ATOMS:
            return ATOMS[known]
    raise InputError(
        f"{plain(name, 24)!r} in the unit {plain(whole, 40)!r} is none that is known: write one "
        "such as GB/s, GiB, TFLOPS, tok/s, ms, W, USD/h, USD/Mtok, % or x"
    )


_WORDS: Final[dict[str, Unit]] = {
    "bytes": ATOMS["B"], "byte": ATOMS["B"], "bits": ATOMS["bit"], "bit": ATOMS["bit"],
    "gib": ATOMS["GiB"], "mib": ATOMS["MiB"], "flop": ATOMS["FLOP"], "s": ATOMS["s"],
    "hour": ATOMS["h"], "hours": ATOMS["h"], "month": ATOMS["month"], "months": ATOMS["month"],
    "year": ATOMS["yr"], "years": ATOMS["yr"], "hz": ATOMS["Hz"], "w": ATOMS["W"],
    "j": ATOMS["J"], "kwh": ATOMS["kWh"], "usd": ATOMS["USD"], "celsius": ATOMS["°C"],
}  # fmt: skip


def unit_of_name(name: str) -> Unit:
    """Return the unit that ends a name of the library; a count where none does.

    >>> unit_of_name("memory_bandwidth_bytes_per_s") == parse_unit("B/s")
    True
    >>> unit_of_name("owned_cost_usd_per_token") == parse_unit("USD/tok")
    True
    """
    first, *below = name.split("_per_")
    unit = _WORDS.get(first.rpartition("_")[2], ONE)
    # "break_even_months_count" counts months; "tokens_per_s" counts tokens.
    if first.endswith("_count"):
        unit = _WORDS.get(first.removesuffix("_count").rpartition("_")[2], ONE)
    for word in below:
        unit = unit.times(_WORDS.get(word.split("_")[0], ONE), -1)
    return unit


def show_dimension(dimension: Dimension) -> str:
    """Return what a dimension is called.

    >>> show_dimension(parse_unit("GB/s").dimension), show_dimension(NONE)
    ('B/s', 'a plain number')
    """
    above = [_power(name, e) for name, e in zip(BASES, dimension, strict=True) if e > 0]
    below = [_power(name, -e) for name, e in zip(BASES, dimension, strict=True) if e < 0]
    if not above and not below:
        return "a plain number"
    return "/".join([" ".join(above) or "1", *below])


def _power(name: str, exponent: int) -> str:
    """Return a base unit with its exponent."""
    return name if exponent == 1 else f"{name}^{exponent}"
