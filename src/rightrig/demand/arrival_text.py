"""Arrivals as the command line takes them: ``poisson``, ``gamma:burstiness=0.5``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rightrig.demand.arrivals import (
    AnyArrivals,
    AtOnce,
    ClosedLoop,
    Diurnal,
    GammaArrivals,
    MarkovModulated,
    Poisson,
    Replay,
)
from rightrig.demand.option_text import OptionText, split_option
from rightrig.demand.pauses import Pause
from rightrig.quantities import parse

if TYPE_CHECKING:
    from collections.abc import Callable

FORMS: Final = (
    "poisson, gamma:burstiness=0.5 (below 1 is burstier), mmpp:rates=1/s+20/s,sojourns=60s+5s, "
    "diurnal:peak=2,period=24h,start=0.5, closed:users=32,think=2s,spread=constant, at-once or "
    "replay:FILE; poisson, gamma and diurnal take rate=5/s"
)


def parse_arrivals(
    text: str, rate_requests_per_s: float | None = None, *, name: str = "arrivals"
) -> AnyArrivals:
    """Return the process that a user wrote.

    Args:
        text: One of the forms.
        rate_requests_per_s: The mean rate that it is scaled to; ``None`` keeps its own, which
            is 1/s where the text has none.
        name: The option's name, for messages.

    Raises:
        InputError: for an unknown form or impossible values; it shows the allowed forms.

    >>> parse_arrivals("gamma:burstiness=0.5", 5.0)
    GammaArrivals(rate_requests_per_s=5.0, kind='gamma', burstiness_ratio=0.5)
    """
    option = split_option(text, name=name, forms=FORMS)
    reader = _READERS.get(option.kind)
    if reader is None:
        raise option.wrong(f"{option.kind[:40]!r} is no kind of arrivals")
    if option.rest and option.kind != "replay" and "=" not in option.rest:
        raise option.wrong(f"{option.rest[:40]!r} is no key=value")
    arrivals = reader(option)
    return arrivals if rate_requests_per_s is None else arrivals.at_rate(rate_requests_per_s)


def _rate(option: OptionText) -> dict[str, float]:
    rate = option.number("rate", "rate")
    return {} if rate is None else {"rate_requests_per_s": rate}


def _poisson(option: OptionText) -> Poisson:
    return option.record(Poisson, **_rate(option))


def _gamma(option: OptionText) -> GammaArrivals:
    burstiness = option.needed("burstiness")
    return option.record(GammaArrivals, burstiness_ratio=burstiness, **_rate(option))


def _mmpp(option: OptionText) -> MarkovModulated:
    texts = {key: option.values.pop(key, "") for key in ("rates", "sojourns")}
    # A rate of 0 is silence between bursts, which `parse` refuses as a quantity.
    rates = tuple(
        0.0 if part in {"0", "0/s"} else parse(part, "rate", name=f"{option.name}: rates")
        for part in texts["rates"].split("+")
    )
    sojourns = tuple(
        parse(part, "time", name=f"{option.name}: sojourns")
        for part in texts["sojourns"].split("+")
    )
    return option.record(MarkovModulated, rates_requests_per_s=rates, sojourns_s=sojourns)


def _diurnal(option: OptionText) -> Diurnal:
    given = {"period_s": option.number("period", "time"), "start_ratio": _start_ratio(option)}
    return option.record(
        Diurnal,
        peak_ratio=option.needed("peak"),
        **{key: value for key, value in given.items() if value is not None},
        **_rate(option),
    )


def _start_ratio(option: OptionText) -> float | None:
    if option.values.get("start") in {"0", "0.0"}:
        del option.values["start"]
    return option.number("start")


def _closed(option: OptionText) -> ClosedLoop:
    think = option.values.pop("think", "0")
    mean_s = 0.0 if think in {"0", "0s"} else parse(think, "time", name=f"{option.name}: think")
    spread = option.values.pop("spread", "exponential")
    if spread not in {"constant", "exponential"}:
        raise option.wrong(f"spread is {spread!r}, neither constant nor exponential")
    users = option.whole("users")
    return option.record(
        ClosedLoop, users=users, think=Pause.model_validate({"kind": spread, "mean_s": mean_s})
    )


def _at_once(option: OptionText) -> AtOnce:
    return option.record(AtOnce)


def _replay(option: OptionText) -> Replay:
    if not option.rest:
        raise option.wrong("replay needs the path of a trace")
    option.values.clear()
    return option.record(Replay, path=option.rest)


_READERS: Final[dict[str, Callable[[OptionText], AnyArrivals]]] = {
    "poisson": _poisson, "gamma": _gamma, "mmpp": _mmpp, "diurnal": _diurnal,
    "closed": _closed, "at-once": _at_once, "replay": _replay,
}  # fmt: skip
