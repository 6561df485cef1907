"""From the options of ``prices refresh`` to what it did."""

from __future__ import annotations

import datetime
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rightrig.errors import InputError
from rightrig.facts.price_snapshot import ENVIRONMENT, SHIPPED, snapshot_folder
from rightrig.quantities import parse
from rightrig.verbs.found import Found
from rightrig.verbs.price_ages import today as day_of_today

if TYPE_CHECKING:
    from rightrig.facts.catalog import Catalog
    from rightrig.fetching.gpuhunt_offers import Download
    from rightrig.report.schema.price_refresh import RefreshJson, UndoneJson

_LONGEST_TIMEOUT_S: Final = 3_600.0
_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


@dataclass(frozen=True, slots=True)
class Order:
    """What ``prices refresh`` was told, as texts."""

    provider: str | None
    timeout: str
    files: tuple[str, ...]
    date: str | None
    accept_fewer: bool
    undo: bool


def refreshed(catalog: Catalog, order: Order) -> Found[RefreshJson | UndoneJson]:
    """Do what was ordered, and return what to print.

    Args:
        catalog: Whose cards the offers are for, and whose prices say what is plausible.
        order: What was ordered.

    Raises:
        InputError: for options that do not go together or say nothing.
        MissingError: without the extra, the network, or room on the disk.
    """
    from rightrig.fetching.prices import refresh
    from rightrig.report.price_refresh import refresh_document, refresh_json

    folder = snapshot_folder()
    if folder is None:
        raise InputError(
            f"{ENVIRONMENT} is {SHIPPED!r}, so that refreshed prices would not count: unset it, or "
            "let it name a folder"
        )
    if order.undo:
        return _undone(order, folder)
    today = day_of_today()
    done = refresh(_came(order, today), folder, catalog, today, accept_fewer=order.accept_fewer)
    return Found(
        lambda: refresh_json(done), lambda: refresh_document(done), done.path is not None, ()
    )


def _undone(order: Order, folder: Path) -> Found[UndoneJson]:
    """Bring back the snapshot before."""
    from rightrig.fetching.price_store import bring_back
    from rightrig.report.price_refresh import undo_document, undo_json

    if order.provider or order.files or order.date or order.accept_fewer:
        raise InputError("--undo stands alone: it downloads and reads nothing new")
    found = bring_back(folder)
    return Found(lambda: undo_json(found), lambda: undo_document(found), yes=True, records=())


def _came(order: Order, today: datetime.date) -> Download:
    """Return the offers of the files that were named, or else of the network."""
    from rightrig.fetching import gpuhunt_offers

    timeout_s = parse(order.timeout, "time", name="--timeout", limit=_LONGEST_TIMEOUT_S)
    providers = gpuhunt_offers.provider_names(order.provider)
    date = _date(order.date)
    if date is not None and not order.files:
        raise InputError("--date needs a file to speak of: add --from FILE")
    gpuhunt_offers.refuse_without_extra()
    if not order.files:
        return gpuhunt_offers.download(providers, timeout_s, today)
    if order.provider is not None:
        raise InputError("--provider and --from exclude each other: a file has its own providers")
    return gpuhunt_offers.from_files([Path(f) for f in order.files], date, timeout_s, today)


def _date(text: str | None) -> datetime.date | None:
    """Return the day that --date names."""
    try:
        if text is None or _DAY.fullmatch(text):
            return None if text is None else datetime.date.fromisoformat(text)
    except ValueError:
        pass
    raise InputError(f"--date is {text!r}: write a day, such as 2026-11-20")
