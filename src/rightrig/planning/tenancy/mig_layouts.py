"""Where the instances of a card may lie: every full layout, and whether a request has a place.

An instance covers positions of the card's memory from one of its profile's starts on
(``nvidia-smi mig -lgipp``). A layout holds when no position is covered twice, the compute slices
stay within the card's, and no profile occurs more often than the driver allows (formulas F14).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rightrig.errors import InputError
from rightrig.facts.mig import instance_memory_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rightrig.facts.gpu import Gpu
    from rightrig.facts.mig import MigProfile, MigTable

MOST_INSTANCES: Final = 64
"""Instances that one request may name: no card has more than 7."""


@dataclass(frozen=True, slots=True)
class Placed:
    """One instance at its place.

    Attributes:
        start: The first position that it covers.
    """

    profile: MigProfile
    start: int


@dataclass(frozen=True, slots=True)
class Layout:
    """Instances that one card holds together, by their start."""

    table: MigTable
    placed: tuple[Placed, ...]

    @property
    def counts(self) -> dict[str, int]:
        """Instances by profile, the widest first."""
        profiles = sorted((p.profile for p in self.placed), key=_width, reverse=True)
        return dict(Counter(profile.profile for profile in profiles))

    @property
    def text(self) -> str:
        """The instances as people write them: ``1×3g.40gb + 2×2g.20gb``."""
        return " + ".join(f"{count}×{name}" for name, count in self.counts.items())

    @property
    def compute_slices_count(self) -> int:
        """Compute slices in use."""
        return sum(p.profile.compute_slice_count for p in self.placed)

    @property
    def memory_slices_count(self) -> int:
        """Memory slices in use."""
        return sum(p.profile.memory_slice_count for p in self.placed)


@dataclass(frozen=True, slots=True)
class NoPlace:
    """Why a request has no place on the card."""

    reason: str


@dataclass(frozen=True, slots=True)
class Stranded:
    """What of a card no instance of a layout has.

    Attributes:
        sm_count: Streaming multiprocessors; ``None`` where a profile's are not known.
        sm_ratio: Of all that the card has outside MIG mode.
        memory_bytes: Of what the driver grants to instances: the profile of the whole card.
        memory_ratio: Of the memory slices, and of the bandwidth with them.
    """

    sm_count: int | None
    sm_ratio: float | None
    compute_slices_count: int
    memory_slices_count: int
    memory_bytes: float
    memory_ratio: float


def plain_profiles(table: MigTable) -> tuple[MigProfile, ...]:
    """Return the profiles with the usual media engines: one for each size.

    Raises:
        InputError: when a profile's places are not known.
    """
    unknown = next((p.profile for p in table.profiles if not p.starts), None)
    if unknown is not None:
        raise InputError(
            f"the places of {unknown} on {table.slug} are not known; name its starts in the "
            "record, as nvidia-smi mig -lgipp prints them"
        )
    return tuple(p for p in table.profiles if p.is_plain)


def maximal_layouts(table: MigTable, profiles: Sequence[MigProfile]) -> tuple[Layout, ...]:
    """Return every layout to which no instance of the profiles can be added.

    Layouts that differ in a place only are told apart. An A100 or H100 has 19 of its five
    classic profiles, and 78 with the 1g of double memory.

    Args:
        table: The card's profiles.
        profiles: Those that are cut.
    """
    places = _places(profiles)
    found = [
        placed
        for placed in _layouts(table, places, ())
        if placed and not any(_holds(table, (*placed, more)) for more in places)
    ]
    return tuple(Layout(table, placed) for placed in found)


def multisets(layouts: Sequence[Layout]) -> tuple[Layout, ...]:
    """Return one layout for each collection of profiles, the fewest instances first."""
    unique = {tuple(layout.counts.items()): layout for layout in reversed(layouts)}
    return tuple(sorted(unique.values(), key=lambda found: (len(found.placed), _widths(found))))


def place(
    table: MigTable, profiles: Sequence[MigProfile], kept: Sequence[Placed] = ()
) -> Layout | NoPlace:
    """Return a layout that holds the profiles, or why there is none.

    Args:
        table: The card's profiles.
        profiles: Those that are asked for, each as often as it occurs.
        kept: Instances that exist already and stay where they are.

    Raises:
        InputError: when more are asked for than any card could hold.
    """
    if len(profiles) > MOST_INSTANCES:
        raise InputError(
            f"{len(profiles)} instances are asked for; name at most {MOST_INSTANCES} of one card"
        )
    short = _shortage(table, profiles, kept)
    if short is not None:
        return NoPlace(short)
    widest_first = sorted(profiles, key=_width, reverse=True)
    found = next(_arranged(table, widest_first, tuple(kept)), None)
    if found is None:
        return NoPlace(_blocked(table, widest_first, kept))
    return Layout(table, tuple(sorted(found, key=lambda p: p.start)))


def sure_order(layout: Layout) -> tuple[MigProfile, ...] | None:
    """Return an order of creation that ends in these profiles wherever the driver puts each.

    Without a start in the command the driver chooses one, and drivers differ. An order is sure
    when every choice leaves room for the rest; ``None`` where no order is, as for one 3g and two
    2g: a 3g at 0 leaves one place for a 2g, and so does a 2g at 4 for a 3g.
    """
    widest_first = sorted((p.profile for p in layout.placed), key=_width, reverse=True)
    return _sure(layout.table, tuple(widest_first), frozenset({0}))


def stranded(gpu: Gpu, layout: Layout) -> Stranded:
    """Return what of a card no instance of the layout has.

    Args:
        gpu: The whole card.
        layout: Its instances.
    """
    table = layout.table
    sms = [p.profile.sm_count for p in layout.placed]
    lost = None
    if gpu.sm_count and None not in sms:
        lost = gpu.sm_count - sum(sm for sm in sms if sm is not None)
    whole = max(plain_profiles(table), key=_width)
    used_bytes = sum(instance_memory_bytes(gpu, table, p.profile).mid for p in layout.placed)
    free_slices = table.memory_slice_total - layout.memory_slices_count
    return Stranded(
        sm_count=lost,
        sm_ratio=None if lost is None else lost / (gpu.sm_count or 1),
        compute_slices_count=table.compute_slice_total - layout.compute_slices_count,
        memory_slices_count=free_slices,
        memory_bytes=max(0.0, instance_memory_bytes(gpu, table, whole).mid - used_bytes),
        memory_ratio=free_slices / table.memory_slice_total,
    )


def _width(profile: MigProfile) -> tuple[int, int, str]:
    """Order profiles by compute, then memory, then name."""
    return profile.compute_slice_count, profile.memory_slice_count, profile.profile


def _widths(layout: Layout) -> tuple[tuple[int, int, str], ...]:
    """Order layouts of as many instances: the one with the widest instances first."""
    return tuple(sorted((-w[0], -w[1], w[2]) for w in (_width(p.profile) for p in layout.placed)))


def _places(profiles: Sequence[MigProfile]) -> tuple[Placed, ...]:
    """Return every place of every profile, by start."""
    found = [Placed(profile, start) for profile in profiles for start in profile.starts]
    return tuple(sorted(found, key=lambda p: (p.start, _width(p.profile))))


def _covered(table: MigTable, placed: Placed) -> range:
    """Return the positions that an instance covers."""
    return range(placed.start, placed.start + table.positions_count(placed.profile))


def _holds(table: MigTable, placed: Sequence[Placed]) -> bool:
    """Whether a card holds instances together."""
    covered = [position for p in placed for position in _covered(table, p)]
    counts = Counter(p.profile.profile for p in placed)
    return (
        len(covered) == len(set(covered))
        and sum(p.profile.compute_slice_count for p in placed) <= table.compute_slice_total
        and all(counts[p.profile.profile] <= p.profile.max_instance_count for p in placed)
    )


def _layouts(
    table: MigTable, places: Sequence[Placed], placed: tuple[Placed, ...]
) -> Iterator[tuple[Placed, ...]]:
    """Yield every layout that begins with the instances placed, each once."""
    yield placed
    for number, more in enumerate(places):
        longer = (*placed, more)
        if _holds(table, longer):
            # Later starts only, so that each layout comes once.
            rest = [p for p in places[number + 1 :] if p.start > more.start]
            yield from _layouts(table, rest, longer)


def _arranged(
    table: MigTable, profiles: Sequence[MigProfile], placed: tuple[Placed, ...]
) -> Iterator[tuple[Placed, ...]]:
    """Yield the ways to add the profiles to what is placed."""
    if not profiles:
        yield placed
        return
    first, rest = profiles[0], profiles[1:]
    for start in first.starts:
        longer = (*placed, Placed(first, start))
        if _holds(table, longer):
            yield from _arranged(table, rest, longer)


def _sure(
    table: MigTable, profiles: tuple[MigProfile, ...], states: frozenset[int]
) -> tuple[MigProfile, ...] | None:
    """Return an order of the profiles in which every choice of places leads to the end.

    A state is the set of covered positions, as bits: how the driver came to it does not matter.
    """
    if not profiles:
        return ()
    for profile in dict.fromkeys(profiles):
        later = _states_after(table, profile, states)
        if later is None:
            continue
        number = profiles.index(profile)
        rest = _sure(table, (*profiles[:number], *profiles[number + 1 :]), later)
        if rest is not None:
            return profile, *rest
    return None


def _states_after(
    table: MigTable, profile: MigProfile, states: frozenset[int]
) -> frozenset[int] | None:
    """Return what may be covered after one more instance; ``None`` where it may find no place."""
    size = (1 << table.positions_count(profile)) - 1
    found: set[int] = set()
    for state in states:
        later = {state | size << start for start in profile.starts if not state & size << start}
        if not later:
            return None
        found |= later
    return frozenset(found)


def _shortage(
    table: MigTable, profiles: Sequence[MigProfile], kept: Sequence[Placed]
) -> str | None:
    """Return which sum exceeds the card, if one does."""
    wanted = [*profiles, *(p.profile for p in kept)]
    compute = sum(p.compute_slice_count for p in wanted)
    if compute > table.compute_slice_total:
        return f"needs {compute} compute slices; {table.slug} has {table.compute_slice_total}"
    memory = sum(p.memory_slice_count for p in wanted)
    if memory > table.memory_slice_total:
        return f"needs {memory} memory slices; {table.slug} has {table.memory_slice_total}"
    for name, count in Counter(p.profile for p in wanted).items():
        most = table.profile(name).max_instance_count
        if count > most:
            return f"needs {count} instances of {name}; {table.slug} has at most {most}"
    return None


def _blocked(table: MigTable, profiles: Sequence[MigProfile], kept: Sequence[Placed]) -> str:
    """Return which instance finds no place, where, and what stays stranded."""
    used = {position for p in kept for position in _covered(table, p)}
    free = [
        position
        for position in range(table.memory_slice_total * table.positions_per_slice)
        if position not in used
    ]
    for name, count in Counter(p.profile for p in profiles).items():
        profile = table.profile(name)
        starts = [s for s in profile.starts if _holds(table, (*kept, Placed(profile, s)))]
        if len(starts) < count:
            at = f"begins at {_listed(starts)} there" if starts else "begins at none of them"
            return (
                f"positions {_listed(free)} are free and {name} {at}: {count} are asked for, and "
                "what is left is stranded; create it before what is there, or with its start"
            )
    return f"positions {_listed(free)} are free, and no arrangement of the request covers them"


def _listed(numbers: Sequence[int]) -> str:
    """Return numbers as a list in words."""
    return ", ".join(str(number) for number in numbers) or "none"
