"""Units at the edge: text to base units, base units to text. Nothing else converts.

Inside rightrig every number is a plain ``float`` in a base unit that its name ends with
(bytes, seconds, flop/s, watts, US dollars). This file is the only place that knows
what ``GB``, ``GiB``, ``ms`` or ``/month`` mean.
"""

from __future__ import annotations

import math
import re
from typing import Final, Literal

from rightrig.errors import InputError

Dimension = Literal["bytes", "time", "rate", "money", "money_per_month", "power", "count"]

SECONDS_PER_HOUR: Final = 3600.0
HOURS_PER_MONTH: Final = 8760.0 / 12.0
SECONDS_PER_MONTH: Final = HOURS_PER_MONTH * SECONDS_PER_HOUR
GIB: Final = 2.0**30
MIB: Final = 2.0**20
GB: Final = 1e9
MILLION: Final = 1e6
GIGA: Final = 1e9
TERA: Final = 1e12

_SCALES: Final[dict[Dimension, dict[str, float]]] = {
    "bytes": {
        "B": 1.0, "kB": 1e3, "KB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12,
        "KiB": 2.0**10, "MiB": MIB, "GiB": GIB, "TiB": 2.0**40,
    },
    "time": {
        "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9,
        "min": 60.0, "h": SECONDS_PER_HOUR, "d": 86400.0,
    },
    "rate": {"/s": 1.0, "/min": 1 / 60.0, "/h": 1 / SECONDS_PER_HOUR, "/d": 1 / 86400.0},
    "money": {"": 1.0, "USD": 1.0, "$": 1.0},
    "money_per_month": {
        "/month": 1.0, "/h": HOURS_PER_MONTH, "/d": HOURS_PER_MONTH / 24.0, "/year": 1 / 12.0,
    },
    "power": {"W": 1.0, "kW": 1e3, "MW": 1e6},
    "count": {"": 1.0, "k": 1e3, "K": 1e3, "M": 1e6},
}  # fmt: skip
# A bare number means the dimension's base unit: users type --rate 5 and --ttft-p99 1.
_BASE_UNIT: Final[dict[Dimension, str]] = {
    "bytes": "B", "time": "s", "rate": "/s", "money": "", "money_per_month": "/month",
    "power": "W", "count": "",
}  # fmt: skip
_EXAMPLE: Final[dict[Dimension, str]] = {
    "bytes": "24GiB or 80GB", "time": "500ms or 1.5s", "rate": "5/s or 300/min",
    "money": "$4000", "money_per_month": "$4000/month or $5.50/h", "power": "2.4kW",
    "count": "1000 or 8k",
}  # fmt: skip
ONE_VALUE: Final = "it takes one value, not a range; ask once with each end"
_NUMBER: Final = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*(.*)")


def parse(text: str, dimension: Dimension, *, name: str = "value", limit: float = 1e15) -> float:
    """Return a positive quantity in its base unit (bytes, s, /s, USD, USD/month, W, 1).

    Args:
        text: What the user wrote, such as ``"24GiB"``, ``"500ms"``, ``"5/s"``.
        dimension: Which kind of quantity is expected.
        name: The option's name, for the message.
        limit: The largest value that makes sense, in the base unit.

    Raises:
        InputError: for no number, an unknown unit, zero, a negative, NaN or absurd value.

    >>> parse("500ms", "time")
    0.5
    >>> parse("$5.50/h", "money_per_month")
    4015.0
    >>> parse("24GiB", "bytes")
    25769803776.0
    """
    cleaned = text.strip().replace(",", "").removeprefix("$").strip()
    if ".." in cleaned:
        raise InputError(f"{name} is {text[:64]!r}: {ONE_VALUE}")
    match = _NUMBER.fullmatch(cleaned) if len(cleaned) <= 64 else None  # noqa: PLR2004 - no number is longer
    if match is None:
        raise InputError(f"{name} is {text[:64]!r}: write a number such as {_EXAMPLE[dimension]}")
    number, unit = float(match[1]), match[2].strip() or _BASE_UNIT[dimension]
    scales = _SCALES[dimension]
    if unit not in scales:
        known = ", ".join(u for u in scales if u)
        raise InputError(f"{name} is {text!r}: unit {unit!r} is not one of {known}")
    value = number * scales[unit]
    if not math.isfinite(value) or value <= 0.0:
        raise InputError(f"{name} is {text.strip()}: it must be a positive, finite number")
    if value > limit:
        base = _BASE_UNIT[dimension]
        shown = f"{limit:,.10g}{' ' * base.isalpha()}{base}"
        raise InputError(f"{name} is {text.strip()}: the largest accepted is {shown}")
    return value


def check_positive(value: float, *, name: str, limit: float) -> float:
    """Return ``value`` unless it is NaN, infinite, zero, negative or above ``limit``."""
    if not math.isfinite(value) or value <= 0.0:
        raise InputError(f"{name} is {value:g}: it must be a positive, finite number")
    if value > limit:
        raise InputError(f"{name} is {value:,.10g}: the largest accepted is {limit:,.10g}")
    return value


def check_count(value: int, *, name: str, limit: int) -> int:
    """Return a whole number from 1 to ``limit``."""
    if not 1 <= value <= limit:
        raise InputError(f"{name} is {value}: it must be a whole number from 1 to {limit:,}")
    return value


def show_gib(size_bytes: float) -> str:
    """Return a size in GiB, as engines and nvidia-smi print it.

    >>> show_gib(25.76e9)
    '23.99 GiB'
    """
    return f"{size_bytes / GIB:.2f} GiB"


def show_bytes(size_bytes: float) -> str:
    """Return a size in both families of units, never mixed up.

    >>> show_bytes(2147483648)
    '2.147 GB (2.000 GiB)'
    """
    if abs(size_bytes) >= 1e-3 * GB:
        return f"{size_bytes / GB:,.3f} GB ({size_bytes / GIB:,.3f} GiB)"
    return f"{size_bytes:,.0f} B"


def show_seconds(duration_s: float) -> str:
    """Return a duration with three significant figures.

    >>> show_seconds(0.01234), show_seconds(2.5), show_seconds(11_140.0)
    ('12.3 ms', '2.5 s', '11,100 s')
    """
    if math.isinf(duration_s):
        return "∞"
    if duration_s >= 1.0:
        return f"{float(f'{duration_s:.3g}'):,.10g} s"
    if duration_s >= 1e-3:  # noqa: PLR2004 - one millisecond
        return f"{duration_s * 1e3:.3g} ms"
    return f"{duration_s * 1e6:.3g} µs"


def show_number(value: float) -> str:
    """Return a number with about three figures and thousands separated.

    >>> show_number(1234567.0), show_number(3.14159)
    ('1,234,567', '3.14')
    """
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"  # noqa: PLR2004 - three figures


def show_years(span_years: float) -> str:
    """Return a number of years.

    >>> show_years(1.0), show_years(3.0), show_years(2.5)
    ('1 year', '3 years', '2.5 years')
    """
    return f"{show_number(span_years)} year{'' if span_years == 1.0 else 's'}"


def show_users(count: int) -> str:
    """Return a number of users.

    >>> show_users(1), show_users(1024)
    ('1 user', '1,024 users')
    """
    return f"{count:,} user{'' if count == 1 else 's'}"


def show_usd(amount_usd: float) -> str:
    """Return an amount of money.

    >>> show_usd(1234.5), show_usd(0.0837)
    ('$1,234', '$0.0837')
    """
    if amount_usd >= 100:  # noqa: PLR2004 - cents stop to matter
        return f"${amount_usd:,.0f}"
    return f"${amount_usd:.2f}" if amount_usd >= 1 else f"${amount_usd:.3g}"
