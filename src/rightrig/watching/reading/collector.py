"""The cards of this machine, read again and again: the last reading is there at once."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from rightrig.errors import MissingError
from rightrig.watching.reading.feed import Feed
from rightrig.watching.reading.source import AMD, NVIDIA, has_amd, has_nvml
from rightrig.watching.states import Snapshot

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType
    from typing import Self

    from rightrig.watching.reading.feed import Told

MISSING: Final = "reading cards takes packages that are not here: pip install 'rightrig[watch]'"


def joined(told: Sequence[Told]) -> Snapshot:
    """Return what the readers of several makers told, as one; at least one told something.

    A maker of whom no card was ever seen has no say where another's cards are.
    """
    counts = [one for one in told if one.cards] or list(told)
    restarts: Counter[str] = Counter()
    for one in counts:
        restarts.update(one.restarts)
    return Snapshot(
        at_s=min(one.at_s for one in counts),
        cards=tuple(card for one in counts for card in one.cards),
        driver=next((one.driver for one in counts if one.driver), ""),
        trouble=next((one.trouble for one in counts if one.trouble), ""),
        restarts=dict(restarts),
    )


class Collector:
    """Reads cards in processes of their own, as long as it is entered."""

    def __init__(self, period_s: float) -> None:
        """Start nothing yet.

        Args:
            period_s: Between two readings, in seconds.

        Raises:
            MissingError: without any package or program that could read cards.
        """
        sources = [*([NVIDIA] if has_nvml() else []), *([AMD] if has_amd() else [])]
        if not sources:
            raise MissingError(MISSING)
        self._feeds = [Feed(source, period_s) for source in sources]
        self._joined: tuple[list[Told], Snapshot] | None = None

    def latest(self) -> Snapshot | None:
        """Return the last reading, at once; ``None`` before the first.

        As long as nothing new was read, it is the same object.
        """
        told = [one for feed in self._feeds if (one := feed.latest()) is not None]
        if not told:
            return None
        before = self._joined
        if before is None or [*map(id, before[0])] != [*map(id, told)]:
            before = self._joined = (told, joined(told))
        return before[1]

    def __enter__(self) -> Self:
        """Start to read."""
        for feed in self._feeds:
            feed.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        """End the readers."""
        for feed in self._feeds:
            feed.close()
