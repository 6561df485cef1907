"""The catalogue: records by name, and the one resolver of names.

A name may be a slug, the record's name, a hub id with or without its owner, or an alias
(other spellings, what nvidia-smi prints, what a cloud calls it); case, spaces, ``-`` and
``_`` do not matter. An alias that several records claim answers with its candidates.
"""

from __future__ import annotations

import csv
import functools
import json
import tomllib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeVar

from rightrig.errors import InputError, RecordError, UnknownNameError
from rightrig.facts.checking import validated
from rightrig.facts.gpu import Gpu
from rightrig.facts.index import DATA, Entry
from rightrig.facts.source import Record

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from rightrig.facts.api_price import ApiPrice
    from rightrig.facts.failure_rate import FailureRate
    from rightrig.facts.link import Link
    from rightrig.facts.llm import Llm
    from rightrig.facts.machine import Machine
    from rightrig.facts.mig import MigProfile, MigTable
    from rightrig.facts.part import Part
    from rightrig.facts.power import PowerFact
    from rightrig.facts.price import Price
    from rightrig.facts.provider import Provider
    from rightrig.facts.resale import Resale
    from rightrig.facts.runtime import Runtime
    from rightrig.facts.system import System
    from rightrig.facts.terms import Licence
    from rightrig.facts.territory import Territory

R = TypeVar("R", bound=Record)
_LABEL = {
    "failure_rates": "failure rate", "gpus": "GPU", "licences": "licence", "llms": "model",
    "parts": "part", "providers": "provider", "resale": "resale preset", "runtimes": "runtime",
    "systems": "rig", "territories": "territory",
}  # fmt: skip
_VERB = {"llms": "models", "systems": "rigs"}
_MAX_SUGGESTIONS = 3


def normalised(name: str) -> str:
    """Return a name without case, spaces, hyphens and underscores.

    >>> normalised("RTX 4090"), normalised("rtx_4090")
    ('rtx4090', 'rtx4090')
    """
    return name.lower().translate(str.maketrans("", "", " -_\t"))


@dataclass(frozen=True, slots=True)
class Layer:
    """Records that come before those of the catalogue below: a user's folder, read and checked.

    Attributes:
        records: Kind → slug → record; one of the same slug replaces the one below.
        prices: Rental offers; one of the same provider, region, instance, card and terms
            replaces those below.
        api_prices: Of hosted APIs; those of the same provider and model replace those below.
    """

    records: Mapping[str, Mapping[str, Record]] = field(default_factory=dict)
    prices: tuple[Price, ...] = ()
    api_prices: tuple[ApiPrice, ...] = ()


THIS: Final = "this"
"""What a rig, or a card behind ``@``, is called where this machine is meant."""
_OWN: Final = "this-"
"""How cards are called that only the file of this machine describes."""


class Catalog:
    """The records below one folder, and those that a user laid over them.

    Args:
        data: A folder laid out like ``facts/data``, with its ``index.json``.
        layers: Records that add to them and replace them; the last comes first.
        refreshed: Returns newer offers, which lie between the folder's and those of the layers:
            all offers of the folder for a card at a provider give way to them.
        machine: Returns this machine, as it was probed; asked when a rig names it.
    """

    def __init__(
        self,
        data: Path = DATA,
        layers: Sequence[Layer] = (),
        refreshed: Callable[[], Sequence[Price]] | None = None,
        machine: Callable[[], Machine | None] | None = None,
    ) -> None:
        """Read the index; records are read when they are asked for."""
        self._data = data
        self._refreshed = refreshed
        self._machine = machine
        self._prices: tuple[Price, ...] | None = None
        self._runtimes: dict[str, Runtime] = {}
        self.layers = tuple(layers)
        text = (data / "index.json").read_text(encoding="utf-8")
        self._index: dict[str, dict[str, Entry]] = json.loads(text)
        self._keys: dict[str, dict[str, set[str]]] = {}
        for layer in self.layers:
            for kind, records in layer.records.items():
                both = self._index[kind] | {slug: _entry(r, slug) for slug, r in records.items()}
                self._index[kind] = dict(sorted(both.items()))

    def slugs(self, kind: str) -> tuple[str, ...]:
        """Return the slugs of one kind of record, sorted."""
        return tuple(self._index[kind])

    def claims(self, kind: str, name: str) -> frozenset[str]:
        """Return the slugs of all records that answer to a name."""
        return frozenset(self._resolver(kind).get(normalised(name), ()))

    def resolve(self, kind: str, name: str) -> str:
        """Return the slug that a name means.

        Raises:
            UnknownNameError: when no record answers, with the nearest names.
            InputError: when several do, with the candidates.
        """
        keys = self._resolver(kind)
        found = keys.get(normalised(name), set())
        exact = {slug for slug in found if normalised(slug) == normalised(name)}
        candidates = sorted(exact or found)
        if len(candidates) == 1:
            return candidates[0]
        if not candidates:
            _refuse_unspecified(kind, name)
            raise UnknownNameError(_LABEL.get(kind, kind), name, self._nearest(kind, name))
        raise InputError(
            f"{name!r} may mean {', '.join(candidates[:-1])} or {candidates[-1]}: say which"
        )

    def _resolver(self, kind: str) -> dict[str, set[str]]:
        """Return normalised name → slugs, made once a kind."""
        if kind not in self._keys:
            keys: dict[str, set[str]] = {}
            for slug, entry in self._index[kind].items():
                names = [slug, entry["name"], *entry["aliases"]]
                # A hub id answers without its owner too.
                names += [text.rpartition("/")[2] for text in names if "/" in text]
                for text in names:
                    keys.setdefault(normalised(text), set()).add(slug)
            self._keys[kind] = keys
        return self._keys[kind]

    def _nearest(self, kind: str, name: str) -> list[str]:
        """Return slugs or names that look like ``name``."""
        import difflib  # noqa: PLC0415 - needed for a wrong name only

        keys = self._resolver(kind)
        wanted = normalised(name[:80])
        # "rtx4090super" first of all extends "rtx4090".
        near = sorted((key for key in keys if wanted.startswith(key)), key=len)[-1:]
        near += difflib.get_close_matches(wanted, keys, n=8, cutoff=0.55)
        near += [key for key in keys if wanted and key.startswith(wanted)]
        slugs = dict.fromkeys(slug for key in near for slug in sorted(keys[key]))
        shown = [self._index[kind][s]["name"] if kind == "llms" else s for s in slugs]
        return shown[:_MAX_SUGGESTIONS]

    def gpu(self, name: str) -> Gpu:
        """Return the card of that name; ``NAME@this`` is one of this machine, as it was probed."""
        kind, at, where = name.strip().rpartition("@")
        if at and where.lower() == THIS:
            return self.machine().probed(self.gpu(kind))
        if name.lower().startswith(_OWN) and (own := self._own_card(name)) is not None:
            return own
        return self._load("gpus", self.resolve("gpus", name), Gpu)

    def machine(self) -> Machine:
        """Return this machine.

        Raises:
            InputError: when nobody probed it.
        """
        found = None if self._machine is None else self._machine()
        if found is None:
            raise InputError("this machine was not probed yet: run 'rightrig probe' first")
        return found

    def _own_card(self, name: str) -> Gpu | None:
        """Return a card that only the file of this machine describes."""
        found = None if self._machine is None else self._machine()
        return None if found is None else found.own_card(name)

    def gpus(self) -> tuple[Gpu, ...]:
        """Return every card, in the order of their slugs."""
        return tuple(self._load("gpus", slug, Gpu) for slug in self.slugs("gpus"))

    def llm(self, name: str) -> Llm:
        """Return the model of that name."""
        from rightrig.facts.llm import Llm  # noqa: PLC0415 - a card's record needs no models

        return self._load("llms", self.resolve("llms", name), Llm)

    def runtime(self, name: str) -> Runtime:
        """Return the runtime of that name."""
        from rightrig.facts.runtime import Runtime  # noqa: PLC0415 - loaded when asked for

        slug = self.resolve("runtimes", name)
        # Asked for with every proposal: validated once.
        if slug not in self._runtimes:
            self._runtimes[slug] = self._load("runtimes", slug, Runtime)
        return self._runtimes[slug]

    def system(self, name: str) -> System:
        """Return the machine of that name."""
        from rightrig.facts.system import System  # noqa: PLC0415 - loaded when asked for

        return self._load("systems", self.resolve("systems", name), System)

    def link(self, name: str) -> Link:
        """Return the link of that name."""
        from rightrig.facts.link import Link  # noqa: PLC0415 - loaded when asked for

        return self._load("links", self.resolve("links", name), Link)

    def mig_table(self, gpu_slug: str) -> MigTable | None:
        """Return how a card is partitioned, or ``None`` where no table says so."""
        from rightrig.facts.mig import MigTable  # noqa: PLC0415 - loaded when asked for

        claims = self._resolver("mig").get(normalised(gpu_slug), set())
        return next((self._load("mig", slug, MigTable) for slug in sorted(claims)), None)

    def mig_profiles(self, gpu_slug: str) -> tuple[MigProfile, ...]:
        """Return the MIG profiles of a card; none for a card that is never partitioned."""
        table = self.mig_table(gpu_slug)
        return () if table is None else table.profiles

    def power_fact(self, name: str) -> PowerFact:
        """Return the published figure about power of that name."""
        from rightrig.facts.power import PowerFact  # noqa: PLC0415 - loaded when asked for

        return self._load("power", self.resolve("power", name), PowerFact)

    def failure_rate(self, name: str) -> FailureRate:
        """Return what one source observed of failures, by its name."""
        from rightrig.facts.failure_rate import FailureRate  # noqa: PLC0415 - loaded when asked for

        return self._load("failure_rates", self.resolve("failure_rates", name), FailureRate)

    def failure_rates(self) -> tuple[FailureRate, ...]:
        """Return every published failure rate, in the order of their slugs."""
        return tuple(self.failure_rate(slug) for slug in self.slugs("failure_rates"))

    def part(self, name: str) -> Part:
        """Return what machines need beside their cards, by its name."""
        from rightrig.facts.part import Part  # noqa: PLC0415 - loaded when asked for

        return self._load("parts", self.resolve("parts", name), Part)

    def resale(self, name: str) -> Resale:
        """Return the resale values of that name."""
        from rightrig.facts.resale import Resale  # noqa: PLC0415 - loaded when asked for

        return self._load("resale", self.resolve("resale", name), Resale)

    def provider(self, name: str) -> Provider:
        """Return the provider of that name."""
        from rightrig.facts.provider import Provider  # noqa: PLC0415 - loaded when asked for

        return self._load("providers", self.resolve("providers", name), Provider)

    def providers(self) -> tuple[Provider, ...]:
        """Return every provider, in the order of their slugs."""
        return tuple(self.provider(slug) for slug in self.slugs("providers"))

    def licence(self, name: str) -> Licence:
        """Return the licence of that name."""
        from rightrig.facts.terms import Licence  # noqa: PLC0415 - loaded when asked for

        return self._load("licences", self.resolve("licences", name), Licence)

    def territory(self, name: str) -> Territory:
        """Return the union of countries of that name."""
        from rightrig.facts.territory import Territory  # noqa: PLC0415 - loaded when asked for

        return self._load("territories", self.resolve("territories", name), Territory)

    def prices(self) -> tuple[Price, ...]:
        """Return every rental offer."""
        if self._prices is None:
            found = self._known_prices()
            for layer in self.layers:
                replaced = {price.offer for price in layer.prices}
                found = (*(p for p in found if p.offer not in replaced), *layer.prices)
            self._prices = found
        return self._prices

    def _known_prices(self) -> tuple[Price, ...]:
        """Return the offers of the folder, and the refreshed ones in place of older ones."""
        own = self._prices_of_folder()
        newer = () if self._refreshed is None else self._refreshed()
        # A snapshot may have been written by a version that knew other cards.
        taken = [price for price in newer if price.gpu in self._index["gpus"]]
        replaced = {(price.provider, price.gpu) for price in taken}
        return (*(p for p in own if (p.provider, p.gpu) not in replaced), *taken)

    def _prices_of_folder(self) -> tuple[Price, ...]:
        """Read the offers of the folder."""
        from rightrig.facts.price import Price  # noqa: PLC0415 - loaded when asked for

        path = self._data / "prices" / "cloud.csv"
        with path.open(encoding="utf-8", newline="") as file:
            rows = [
                {key: value for key, value in row.items() if value != ""}
                for row in csv.DictReader(file)
            ]
        return tuple(validated(Price, row, f"{path.name} row {n}") for n, row in enumerate(rows, 2))

    def api_prices(self) -> tuple[ApiPrice, ...]:
        """Return every price of a hosted API."""
        from rightrig.facts.api_price import read_api_prices  # noqa: PLC0415 - loaded when asked for

        found = read_api_prices(self._data / "prices" / "api.csv")
        for layer in self.layers:
            replaced = {(price.provider, price.llm) for price in layer.api_prices}
            kept = (p for p in found if (p.provider, p.llm) not in replaced)
            found = (*kept, *layer.api_prices)
        return found

    def _load(self, kind: str, slug: str, record_class: type[R]) -> R:
        """Return one record of a layer, or read and validate it."""
        for layer in reversed(self.layers):
            found = layer.records.get(kind, {}).get(slug)
            if isinstance(found, record_class):
                return found
        path = self._data / kind / f"{slug}.toml"
        return validated(record_class, _toml(path), path.name)


def _refuse_unspecified(kind: str, name: str) -> None:
    """Say why a name that published results use has no record."""
    from rightrig.facts.unspecified import unspecified  # noqa: PLC0415 - for a wrong name only

    for (listed, spelled), reason in unspecified().items():
        if listed == kind and normalised(spelled) == normalised(name):
            raise InputError(
                f"{spelled!r} has no specification. {reason} "
                f"'rightrig {_VERB.get(kind, kind)} list' shows those that have."
            )


@functools.cache
def _toml(path: Path) -> dict[str, Any]:
    """Read one file once a process."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise RecordError(f"{path.name} cannot be read: {error}") from error


def _entry(record: Record, slug: str) -> Entry:
    """Return what the index keeps of a record."""
    name = getattr(record, "name", getattr(record, "item", slug))
    return Entry(name=name, aliases=list(getattr(record, "aliases", ())))


@functools.cache
def shipped() -> Catalog:
    """Return the catalogue that comes with rightrig."""
    return Catalog()
