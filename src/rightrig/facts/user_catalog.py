"""Catalogues of users: folders of records that add to the shipped ones and replace them.

A folder is laid out like ``facts/data``: ``gpus/NAME.toml``, ``llms/NAME.toml`` or
``llms/NAME/config.json``, ``links/``, ``systems/``, ``runtimes/``, ``mig/``, ``power/``,
``providers/``, ``territories/``, ``licences/``, ``failure_rates/``, ``parts/``, ``resale/`` and
``prices/*.csv``, of which ``api.csv`` lists hosted APIs and the others rented cards. Every record
is read and checked when the catalogue is loaded, so that a mistake is named at once, with its file
and field. Anybody may have written the files: their number and sizes are bounded, and so is the
time to read them.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rightrig.errors import InputError, RecordError, RightrigError
from rightrig.facts.catalog import Catalog, Layer, shipped
from rightrig.facts.index import DATA
from rightrig.facts.reading import plain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from rightrig.facts.api_price import ApiPrice
    from rightrig.facts.machine import Machine
    from rightrig.facts.price import Price
    from rightrig.facts.source import Record

ENVIRONMENT: Final = "RIGHTRIG_CATALOG"
"""The variable that names the user's own folder; empty means that there is none."""


def user_folder() -> Path | None:
    """Return the folder of records that a user keeps, if there is one.

    It is what ``RIGHTRIG_CATALOG`` names, or else ``catalog`` in the folder for rightrig's
    configuration, which on Linux is ``~/.config/rightrig``.
    """
    stated = os.environ.get(ENVIRONMENT)
    if stated is not None:
        return Path(stated) if stated else None
    from platformdirs import user_config_path  # noqa: PLC0415 - not where the variable is set

    folder = user_config_path("rightrig", appauthor=False) / "catalog"
    return folder if os.path.lexists(folder) else None


def load_catalog(
    folders: Iterable[str | Path] = (),
    refreshed: Callable[[], Sequence[Price]] | None = None,
    machine: Callable[[], Machine | None] | None = None,
) -> Catalog:
    """Return the shipped catalogue with the records of some folders laid over it.

    A record of the same slug replaces an earlier one; the last folder comes first. What a user
    keeps in the folder for configurations is not read here: add :func:`user_folder`.

    Args:
        folders: Folders laid out like ``facts/data``; no index is needed.
        refreshed: Returns offers that replace shipped ones; asked when prices are needed.
        machine: Returns this machine, as it was probed; asked when a rig names it.

    Raises:
        InputError: for a folder that cannot be read, or holds what is no record.
        RecordError: for a record that breaks its schema, takes the name of another, or names a
            card that is not known.
    """
    is_plain = refreshed is None and machine is None
    catalog = shipped() if is_plain else Catalog(DATA, (), refreshed, machine)
    layers: list[Layer] = []
    for folder in folders:
        layers.append(_layer(_existing(folder), catalog))
        catalog = Catalog(DATA, layers, refreshed, machine)
    return catalog


def _existing(folder: str | Path) -> Path:
    """Return a folder that is there, or say that it is not."""
    if not str(folder).strip():
        raise InputError("the folder of the catalogue is empty: name one, such as --catalog my/")
    try:
        path = Path(folder).expanduser()
    except RuntimeError:
        path = Path(folder)
    if os.path.isdir(path):  # noqa: PTH112 - never raises
        return path
    why = "it is a file" if os.path.isfile(path) else "there is no such folder"  # noqa: PTH113
    raise InputError(
        f"{plain(path)} is no catalogue: {why}; name a folder that holds gpus/, llms/ or prices/"
    )


def _layer(folder: Path, below: Catalog) -> Layer:
    """Read and check every record of a folder."""
    from rightrig.facts import user_files  # noqa: PLC0415 - only where there is a folder

    records: dict[str, dict[str, Record]] = {}
    paths: dict[tuple[str, str], str] = {}
    offers: list[Path] = []
    api_offers: list[Path] = []
    for file in user_files.files_in(folder):
        if file.kind == user_files.PRICES:
            (api_offers if file.slug == user_files.API_PRICES else offers).append(file.path)
            continue
        record = user_files.read_record(file, below)
        if file.slug in records.setdefault(file.kind, {}):
            raise RecordError(f"{plain(file.path)} describes {file.slug} a second time; keep one")
        records[file.kind][file.slug] = record
        paths[file.kind, file.slug] = plain(file.path)
    both = Catalog(DATA, [*below.layers, Layer(records)])
    for kind, found in records.items():
        for slug, record in found.items():
            _refuse_taken_names((kind, slug), record, below, both, paths[kind, slug])
            _refuse_unknown_cards(record, both, paths[kind, slug])
    prices = [price for path in offers for price in _prices(path, both)]
    api_prices = [price for path in api_offers for price in _api_prices(path, both)]
    return Layer(records, tuple(prices), tuple(api_prices))


def _prices(path: Path, catalog: Catalog) -> Iterable[Price]:
    """Yield the offers of a file, each for a card of the catalogue by its own name."""
    from rightrig.facts.user_files import read_prices  # noqa: PLC0415 - as above

    for where, price in read_prices(path):
        slug = _card(price.gpu, catalog, where)
        instance = price.instance or f"{price.gpu_count}x{slug}"
        yield price.model_copy(update={"gpu": slug, "instance": instance})


def _api_prices(path: Path, catalog: Catalog) -> Iterable[ApiPrice]:
    """Yield the prices of APIs in a file, each for a model of the catalogue by its own name."""
    from rightrig.facts.user_files import read_api_prices  # noqa: PLC0415 - as above

    for where, price in read_api_prices(path):
        try:
            slug = catalog.resolve("llms", price.llm)
        except RightrigError as error:
            raise RecordError(f"{where}: llm: {error}") from error
        yield price.model_copy(update={"llm": slug})


def _card(name: str, catalog: Catalog, where: str) -> str:
    """Return the slug of a card that a record names."""
    try:
        return catalog.resolve("gpus", name)
    except RightrigError as error:
        raise RecordError(f"{where}: gpu: {error}") from error


def _refuse_unknown_cards(record: Record, catalog: Catalog, where: str) -> None:
    """Refuse a machine or a table of MIG profiles of a card that is not known."""
    from rightrig.facts.mig import MigTable  # noqa: PLC0415 - only where there is a folder
    from rightrig.facts.system import System  # noqa: PLC0415 - the same

    if isinstance(record, System):
        _card(record.gpu, catalog, where)
    if isinstance(record, MigTable):
        for name in record.gpus:
            _card(name, catalog, where)


def _refuse_taken_names(
    place: tuple[str, str], record: Record, below: Catalog, catalog: Catalog, where: str
) -> None:
    """Refuse a name that would take another record's, or make it ambiguous.

    A record that replaces one may keep what that one shared, such as "a100".
    """
    kind, slug = place
    for name in (slug, getattr(record, "name", slug), *getattr(record, "aliases", ())):
        others = sorted(catalog.claims(kind, name) - {slug})
        if others and slug not in below.claims(kind, name):
            raise RecordError(
                f"{where}: the name {plain(name, 60)!r} belongs to {others[0]}; choose another, or "
                f"call the file {others[0]}.toml to replace that record"
            )
