"""A catalogue that remembers what was read of it: what a verdict rests on."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, TypeVar

from rightrig.facts.catalog import Catalog
from rightrig.facts.source import Record

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rightrig.facts.api_price import ApiPrice
    from rightrig.facts.price import Price
    from rightrig.facts.runtime import Runtime

R = TypeVar("R", bound=Record)


class Watched(Catalog):
    """A catalogue with the records of another one; what is read of it is kept by name."""

    def __init__(self, catalog: Catalog) -> None:
        """Take over the records."""
        self.__dict__.update(catalog.__dict__)
        # Each engine is to be seen when it is asked for, and not only the first time.
        self._runtimes = {}
        self._seen: Counter[str] = Counter()

    def seen(self) -> tuple[str, ...]:
        """Return what was read since ``forget``: ``gpus/h100-sxm``, or ``…#field`` of it alone."""
        return tuple(sorted(name for name, times in self._seen.items() if times > 0))

    def forget(self) -> None:
        """Begin anew."""
        self._seen.clear()

    def note(self, name: str) -> None:
        """Keep what was read."""
        self._seen[name] += 1

    def note_field(self, record: str, field: str) -> None:
        """Keep that a record was read for one of its fields, and for nothing else this time."""
        self._seen[record] -= 1
        self._seen[f"{record}#{field}"] += 1

    def runtimes_seen(self) -> dict[str, int]:
        """Return how often each engine was read."""
        return {n: times for n, times in self._seen.items() if n.startswith("runtimes/")}

    def chose_runtime(self, slug: str, before: Mapping[str, int]) -> None:
        """Forget the engines that were only looked at since ``before`` to choose one of them."""
        for name in self.runtimes_seen():
            if name != f"runtimes/{slug}":
                self._seen[name] = before.get(name, 0)

    def runtime(self, name: str) -> Runtime:
        """Return the runtime of that name."""
        found = super().runtime(name)
        self.note(f"runtimes/{found.slug}")
        return found

    def prices(self) -> tuple[Price, ...]:
        """Return every rental offer."""
        self.note("prices")
        return super().prices()

    def api_prices(self) -> tuple[ApiPrice, ...]:
        """Return every price of a hosted API."""
        self.note("api-prices")
        return super().api_prices()

    def _load(self, kind: str, slug: str, record_class: type[R]) -> R:
        """Return one record, and keep its name."""
        self.note(f"{kind}/{slug}")
        return super()._load(kind, slug, record_class)
