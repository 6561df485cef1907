"""A comparison of builds as rows of texts: a value a build, and what it is to the first."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rightrig.deployment.compatibility_formats import stored_format
from rightrig.interval import Interval
from rightrig.planning.combos.links import LINK_NAMES
from rightrig.quantities import (
    GIB,
    GIGA,
    HOURS_PER_MONTH,
    MILLION,
    TERA,
    show_number,
    show_seconds,
    show_usd,
)
from rightrig.verbs.price_ages import today

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from rightrig.planning.builds import Build, Comparison, Serving

    Show = Callable[[float], str]

UNKNOWN: Final = "–"
EQUAL: Final = "same"
_EQUAL_RATIO: Final = 0.005
"""Values that differ by less are shown as the same."""


@dataclass(frozen=True, slots=True)
class Cell:
    """What one build has of a quantity.

    Attributes:
        note: Ends of the interval, or where the value comes from.
        verdict: The value is a verdict; it then has a sign and a colour.
        delta: Against the first build; empty for the first and where nothing can be said.
        why: A longer reason.
        names: What the cell lists, by heading.
        url: Where the text leads.
    """

    text: str
    note: str = ""
    verdict: str = ""
    delta: str = ""
    why: str = ""
    names: tuple[tuple[str, tuple[str, ...]], ...] = ()
    url: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """One quantity, a cell a build."""

    label: str
    cells: tuple[Cell, ...]
    is_number: bool = True


@dataclass(frozen=True, slots=True)
class Section:
    """Rows under one heading."""

    title: str
    rows: tuple[Row, ...]


def sections(comparison: Comparison) -> tuple[Section, ...]:
    """Return everything that is compared."""
    load = comparison.load
    if load.rate_requests_per_s is None:
        count = load.users_count
        what = f"{count:,} user{'' if count == 1 else 's'} of {load.context_tokens:,} tokens"
    else:
        rate = show_number(load.rate_requests_per_s)
        what = f"{rate} requests/s of {load.context_tokens:,} tokens"
    return (
        Section("Cards, memory and links", tuple(_hardware(comparison.builds))),
        Section(f"Models that fit: {what}", tuple(_models(comparison))),
        Section(f"{comparison.llm.name}: {what}", tuple(_serving(comparison))),
        Section("Money, power and failures", tuple(_upkeep(comparison.builds))),
    )


def _row(
    label: str,
    builds: Sequence[Build],
    value: Callable[[Build], Interval | float | None],
    show: Show,
    note: Callable[[Build], str] = lambda build: "",  # noqa: ARG005 - most have none
) -> Row:
    """Return a quantity with its ratio to the first build."""
    values = [value(build) for build in builds]
    cells = []
    for place, (build, own) in enumerate(zip(builds, values, strict=True)):
        delta = _delta(own, values[0]) if place else ""
        cells.append(Cell(_shown(own, show), _ends(own, show) or note(build), delta=delta))
    return Row(label, tuple(cells))


def _shown(value: Interval | float | None, show: Show) -> str:
    """Return a value, of an interval its middle."""
    if value is None:
        return UNKNOWN
    return show(value.mid if isinstance(value, Interval) else value)


def _ends(value: Interval | float | None, show: Show) -> str:
    """Return the ends of an interval."""
    if not isinstance(value, Interval) or value.low == value.high:
        return ""
    return f"{show(value.low)} to {show(value.high)}"


def _delta(value: Interval | float | None, first: Interval | float | None) -> str:
    """Return a value over the first one; ``≈`` where their intervals meet."""
    if value is None or first is None:
        return UNKNOWN
    own, other = (v if isinstance(v, Interval) else Interval.exact(v) for v in (value, first))
    if not other.mid or not math.isfinite(own.mid) or not math.isfinite(other.mid):
        return UNKNOWN
    ratio = own.mid / other.mid
    if abs(ratio - 1.0) < _EQUAL_RATIO:
        return EQUAL
    meets = own.low <= other.high and other.low <= own.high
    return f"{'≈ ' if meets else ''}{ratio:.2f}×"


def _hardware(builds: Sequence[Build]) -> Iterator[Row]:
    """Yield cards, memory, bandwidth, link and rates."""
    yield Row("cards", tuple(_cards(build) for build in builds), is_number=False)

    def gib(size_bytes: float) -> str:
        return f"{size_bytes / GIB:,.1f} GiB"

    yield _row("memory on the box", builds, lambda one: one.memory.marketed_bytes, gib)
    yield _row("memory visible to engines", builds, lambda one: one.memory.visible_bytes, gib)
    yield _row(
        "effective memory", builds, lambda one: one.memory.effective_bytes, gib,
        lambda one: f"less {one.memory.overhead_bytes / GIB:g} GiB a card",
    )  # fmt: skip
    yield _row(
        "memory bandwidth of all cards", builds, lambda one: one.bandwidth_bytes_per_s,
        lambda rate: f"{rate / GIGA:,.0f} GB/s",
    )  # fmt: skip
    yield _row(
        "link of a card, one direction", builds,
        lambda one: one.link.bytes_per_s if one.memory.cards_count > 1 else None,
        lambda rate: f"{rate / GIGA:,.1f} GB/s", lambda one: LINK_NAMES[one.link.kind],
    )  # fmt: skip
    for name in ("bf16", "fp8"):
        yield _row(
            f"{name.upper()}, dense, all cards", builds,
            lambda one, name=name: one.peaks_flop_per_s[name],  # type: ignore[misc] # bound now
            lambda rate: f"{rate / TERA:,.0f} TFLOP/s",
        )  # fmt: skip


def _cards(build: Build) -> Cell:
    """Return the cards of a build."""
    found = [f"{card.count} × {card.gpu}" for card in build.memory.cards]
    nodes = build.rig.nodes_count
    return Cell(" + ".join(found), f"{nodes} machines" if nodes > 1 else "")


def _models(comparison: Comparison) -> Iterator[Row]:
    """Yield how many models fit, the largest, and which are gained and lost."""
    builds = comparison.builds
    cells = []
    for place, build in enumerate(builds):
        own = Cell(f"{len(build.held):,}", f"of {len(build.survey.held.llms):,}")
        if place:
            won, lost = comparison.gained(place), comparison.lost(place)
            names = (
                (f"{len(won)} gained", tuple(llm.name for llm in won)),
                (f"{len(lost)} lost", tuple(llm.name for llm in lost)),
            )
            delta = f"+{len(won)} −{len(lost)}" if won or lost else EQUAL
            own = Cell(own.text, own.note, delta=delta, names=tuple(n for n in names if n[1]))
        cells.append(own)
    yield Row("models that fit", tuple(cells))
    largest = (build.held[0] if build.held else None for build in builds)
    yield Row(
        "largest of them",
        tuple(
            Cell(llm.name, url=f"/models/{llm.slug}") if llm else Cell(UNKNOWN) for llm in largest
        ),
        is_number=False,
    )


def _serving(comparison: Comparison) -> Iterator[Row]:
    """Yield what the model does on every build."""
    builds = comparison.builds
    yield Row("verdict", tuple(_verdict(build.serving) for build in builds), is_number=False)
    yield Row("best format", tuple(_format(build.serving) for build in builds), is_number=False)
    yield _row(
        "longest context", builds, lambda one: _known_count(one.serving.max_context_tokens),
        lambda count: f"{count:,.0f}",
    )  # fmt: skip
    yield _row(
        "most users at once", builds, lambda one: _known_count(one.serving.max_users_count),
        lambda count: f"{count:,.0f}",
    )  # fmt: skip
    kind = "mean" if comparison.load.rate_requests_per_s is None else "p99"
    yield _row(f"time to first token, {kind}", builds, lambda one: one.serving.ttft_s, show_seconds)
    yield _row(
        "tokens/s for a user", builds, lambda one: one.serving.user_tokens_per_s, show_number
    )  # fmt: skip
    yield _row(
        "tokens/s in all", builds, lambda one: one.serving.output_tokens_per_s, show_number
    )  # fmt: skip
    yield _row(
        "$/M output tokens, rented", builds, lambda one: one.serving.output_usd_per_token,
        lambda usd: show_usd(usd * MILLION),
    )  # fmt: skip


def _known_count(count: int) -> float | None:
    """Return a count as a number; ``None`` for none at all."""
    return float(count) if count else None


def _verdict(serving: Serving) -> Cell:
    """Return whether the model fits, and why."""
    return Cell(serving.verdict, verdict=serving.verdict, why=serving.reason)


def _format(serving: Serving) -> Cell:
    """Return the best format, and what runs it."""
    if serving.deployment is None:
        return Cell(UNKNOWN)
    one = serving.deployment
    return Cell(stored_format(one), f"{one.runtime.name}, {one.parallelism.text}")


def _upkeep(builds: Sequence[Build]) -> Iterator[Row]:
    """Yield rent, purchase, watts, energy and failures."""
    yield _row("rent a month", builds, lambda one: one.rent_usd_per_month, show_usd)
    yield _row(
        "rent an hour", builds,
        lambda one: one.rent_usd_per_month and one.rent_usd_per_month / HOURS_PER_MONTH, show_usd,
    )  # fmt: skip
    yield Row("offer", tuple(_offer(build) for build in builds), is_number=False)
    yield _row("the cards to buy", builds, _cards_usd, show_usd)

    yield from _power(builds)
    yield _row("failures of a card a year", builds, lambda one: one.failures_per_year, show_number)


def _power(builds: Sequence[Build]) -> Iterator[Row]:
    """Yield watts and energy."""
    if all(build.watts is None for build in builds):
        cells = (Cell(UNKNOWN, build.watts_reason) for build in builds)
        yield Row("power", tuple(cells), is_number=False)
        return

    def watts(power_w: float) -> str:
        return f"{power_w:,.0f} W"

    yield _row(
        "power at this load", builds, lambda one: one.watts.load_w if one.watts else None, watts
    )
    yield _row(
        "power at the wall, at most", builds,
        lambda one: one.watts.peak_w if one.watts else None, watts, lambda one: one.watts_reason,
    )  # fmt: skip
    yield _row(
        "energy a month at this load", builds,
        lambda one: one.watts.energy_kwh_per_month if one.watts else None,
        lambda kwh: f"{kwh:,.0f} kWh", _energy_note,
    )  # fmt: skip


def _offer(build: Build) -> Cell:
    """Return whose rent it is, from when, and how old."""
    bought = build.purchase
    if bought is None:
        whole = "mixed cards and instances are rented out by nobody"
        return Cell(UNKNOWN, "no offer is known" if build.rig.is_uniform else whole)
    age = bought.price.age_days(today())
    dated = bought.price.date if age is None else f"{bought.price.date}, {age} days old"
    source = bought.price.source
    url = source if source.startswith(("https://", "http://")) else ""
    return Cell(bought.text, dated, url=url)


def _cards_usd(build: Build) -> Interval | None:
    """Return what the cards cost to buy, without a machine around them."""
    price = build.cards_price
    if price is None:
        return None
    return Interval(price.low_usd, (price.low_usd + price.high_usd) / 2.0, price.high_usd)


def _energy_note(build: Build) -> str:
    """Return what the energy costs, and by which tariff."""
    watts = build.watts
    if watts is None or watts.energy_usd_per_month is None:
        return ""
    return f"{show_usd(watts.energy_usd_per_month)} at ${watts.tariff.usd_per_kwh:.3g}/kWh"
