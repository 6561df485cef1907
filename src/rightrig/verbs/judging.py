"""From the words of ``accuracy`` to a table of measured runs beside its predictions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rightrig.errors import InputError
from rightrig.prediction.accuracy import GOLDEN_SPEED, accuracy
from rightrig.prediction.kv_cases import kv_cases, kv_tools
from rightrig.report.accuracy import accuracy_brief, accuracy_document, accuracy_json
from rightrig.report.kv_cases import kv_cases_document

if TYPE_CHECKING:
    from rightrig.facts.catalog import Catalog
    from rightrig.report.document import Document
    from rightrig.report.schema.judging import AccuracyAnswerJson, GoldenAccuracyJson


def judged(
    catalog: Catalog, file: str | None, *, mine: bool = False
) -> tuple[AccuracyAnswerJson, Document]:
    """Return a table's accuracy as data and as text.

    Without a file: the golden rows of memory, those of speed, and known caches; or the user's own
    runs on this machine.
    """
    if mine:
        # Here, not above: a database takes longer to load than a table.
        from rightrig.verbs.mining import judged_own

        if file is not None:
            raise InputError("--mine and a file are two questions: leave one out")
        found = judged_own(catalog)
        return accuracy_json(found), accuracy_document(found)
    if file is not None:
        found = accuracy(catalog, Path(file))
        return accuracy_json(found), accuracy_document(found)
    found, speed = accuracy(catalog), accuracy(catalog, GOLDEN_SPEED)
    caches = kv_cases_document(kv_cases(catalog), kv_tools())
    data: GoldenAccuracyJson = {**accuracy_json(found), "speed": accuracy_json(speed)}
    return data, (*accuracy_document(found), *accuracy_brief(speed), *caches)
