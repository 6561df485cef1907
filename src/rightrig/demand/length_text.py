"""Lengths as the command line takes them: ``1000``, ``lognormal:mean=1155,p99=4142``."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rightrig.demand.lengths import (
    AnyLengths,
    Empirical,
    Fixed,
    Gamma,
    LogNormal,
    Normal,
    Quantiles,
    Zipf,
    lognormal_sigma_ratio,
)
from rightrig.demand.option_text import OptionText, split_option
from rightrig.demand.text_files import checked_size_bytes, text_of
from rightrig.demand.workload import MAX_TOKENS
from rightrig.errors import InputError
from rightrig.quantities import parse

if TYPE_CHECKING:
    from collections.abc import Callable

FORMS: Final = (
    "1000, lognormal:mean=1155,p99=4142 (or p50= or cv=), normal:mean=1000,sd=200, "
    "gamma:mean=1000,cv=0.5, zipf:exponent=1.2,low=1,high=8k, quantiles:0=1,0.5=1020,1=14050 or "
    "empirical:FILE; all but the last two take low= and high="
)
_MAX_FILE_BYTES: Final = 16 * 2**20


def parse_lengths(text: str, *, name: str = "lengths") -> AnyLengths:
    """Return the distribution that a user wrote.

    Raises:
        InputError: for an unknown form or impossible values; it shows the allowed forms.

    >>> parse_lengths("8k")
    Fixed(kind='fixed', tokens=8000)
    >>> round(parse_lengths("lognormal:mean=1155,p99=4142").mean_tokens)
    1155
    """
    option = split_option(text, name=name, forms=FORMS)
    reader = _READERS.get(option.kind)
    if reader is not None:
        return reader(option)
    if option.rest or not option.kind[:1].isdigit():
        raise option.wrong(f"{option.kind[:40]!r} is no distribution")
    tokens = parse(text, "count", name=name, limit=MAX_TOKENS)
    if tokens != int(tokens):
        raise option.wrong(f"{text} is no whole number of tokens")
    return Fixed(tokens=int(tokens))


def _normal(option: OptionText) -> Normal:
    mean, deviation = option.needed("mean"), option.needed("sd")
    return option.record(Normal, centre_tokens=mean, deviation_tokens=deviation, **option.bounds())


def _lognormal(option: OptionText) -> LogNormal:
    mean = option.needed("mean")
    given = {key: option.number(key) for key in ("p99", "p50", "cv")}
    if sum(value is not None for value in given.values()) != 1:
        raise option.wrong("lognormal needs mean and one of p99, p50, cv")
    sigma = lognormal_sigma_ratio(
        mean, p99_tokens=given["p99"], median_tokens=given["p50"], cv_ratio=given["cv"]
    )
    median = mean * math.exp(-(sigma**2) / 2.0)
    return option.record(LogNormal, median_tokens=median, sigma_ratio=sigma, **option.bounds())


def _gamma(option: OptionText) -> Gamma:
    mean, cv = option.needed("mean"), option.needed("cv")
    return option.record(Gamma, shape_ratio=cv**-2, scale_tokens=mean * cv**2, **option.bounds())


def _zipf(option: OptionText) -> Zipf:
    return option.record(Zipf, exponent_ratio=option.needed("exponent"), **option.bounds())


def _quantiles(option: OptionText) -> Quantiles:
    try:
        levels = sorted(float(key) for key in option.values)
    except ValueError:
        raise option.wrong("a level of quantiles is no number") from None
    values = {float(key): option.whole(key) for key in tuple(option.values)}
    return option.record(
        Quantiles, levels_ratio=tuple(levels), values_tokens=tuple(values[p] for p in levels)
    )


def _empirical(option: OptionText) -> Empirical:
    """Read one length a line, or ``length,weight``; lines that begin with # are left out."""
    path = Path(option.rest)
    checked_size_bytes(path, limit_bytes=_MAX_FILE_BYTES)
    rows = [
        _length_and_weight(path, number, line)
        for number, line in enumerate(text_of(path).splitlines(), start=1)
        if line.strip() and not line.startswith("#")
    ]
    option.values.clear()
    values, weights = zip(*rows, strict=True) if rows else ((), ())
    return option.record(Empirical, values_tokens=values, weights_ratio=weights)


def _length_and_weight(path: Path, number: int, line: str) -> tuple[int, float]:
    length, _, weight = line.partition(",")
    try:
        found = int(length), float(weight or 1.0)
    except ValueError:
        found = 0, math.nan
    if not (1 <= found[0] <= MAX_TOKENS and 0.0 <= found[1] < math.inf):
        raise InputError(
            f"{path} line {number}: {line[:40]!r} is no length; write a whole number of tokens "
            f"from 1 to {MAX_TOKENS:,} a line, or length,weight"
        )
    return found


_READERS: Final[dict[str, Callable[[OptionText], AnyLengths]]] = {
    "normal": _normal, "lognormal": _lognormal, "gamma": _gamma, "zipf": _zipf,
    "quantiles": _quantiles, "empirical": _empirical,
}  # fmt: skip
