"""How a command ends: print a document or JSON, and set the exit code."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from rightrig.facts.source import Record
    from rightrig.report.document import Document


@dataclass(frozen=True, slots=True)
class Found:
    """What a command of several forms prints, as :func:`answer` takes it."""

    data: Callable[[], dict[str, object]]
    document: Callable[[], Document]
    yes: bool
    records: tuple[Record, ...]


def answer(
    *,
    as_json: bool,
    data: Callable[[], dict[str, object]],
    document: Callable[[], Document],
    yes: bool = True,
    records: Iterable[Record] = (),
) -> None:
    """Print a result in the form asked for; exit with 1 when the answer is no.

    Args:
        as_json: Whether JSON was asked for.
        data: Makes the JSON.
        document: Makes the text.
        yes: Whether the answer is yes.
        records: The records that the answer rests on; those of a user's catalogue are named, and
            the age of refreshed prices is told.
    """
    import datetime

    from rightrig.report.prices import refreshed_dates, refreshed_document
    from rightrig.report.user_records import user_records_document, user_records_json

    records = tuple(records)
    if as_json:
        own, dates = user_records_json(records), refreshed_dates(records)
        whole = {**data(), "user_records": own} if own else data()
        if dates:
            whole["refreshed_prices_from"] = dates[0].isoformat()
        sys.stdout.write(json.dumps(whole, ensure_ascii=False, indent=1) + "\n")
    else:
        from rightrig.report.terminal import show

        today = datetime.datetime.now(tz=datetime.UTC).date()
        newer = refreshed_document(records, today)
        show((*document(), *newer, *user_records_document(records)))
    if not yes:
        sys.exit(1)
