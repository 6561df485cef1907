"""A whole answer: what was found, the records of a user and the fresh prices that it rests on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rightrig.report.prices import refreshed_dates, refreshed_document
from rightrig.report.user_records import user_records_document, user_records_json
from rightrig.verbs.price_ages import today

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rightrig.report.document import Document
    from rightrig.report.schema.shared import WholeJson
    from rightrig.verbs.found import Found


def whole_json(found: Found[Mapping[str, object]]) -> dict[str, object]:
    """Return an answer as JSON, with the records of a user's catalogue, and refreshed prices."""
    own, dates = user_records_json(found.records), refreshed_dates(found.records)
    beside: WholeJson = {}
    if own:
        beside["user_records"] = own
    if dates:
        beside["refreshed_prices_from"] = dates[0].isoformat()
    return {**found.data(), **beside}


def whole_document(found: Found[Mapping[str, object]]) -> Document:
    """Return an answer as a document, with the same below it."""
    newer = refreshed_document(found.records, today())
    return (*found.document(), *newer, *user_records_document(found.records))
