"""From the words of ``accuracy`` to a table of measured runs beside its predictions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rightrig.prediction.accuracy import accuracy
from rightrig.prediction.kv_cases import kv_cases, kv_tools
from rightrig.report.accuracy import accuracy_document
from rightrig.report.kv_cases import kv_cases_document

if TYPE_CHECKING:
    from rightrig.facts.catalog import Catalog
    from rightrig.prediction.accuracy_score import Accuracy
    from rightrig.report.document import Document


def judged(catalog: Catalog, file: str | None) -> tuple[Accuracy, Document]:
    """Return a table's accuracy and its text; without a file, the golden rows and known caches."""
    if file is not None:
        found = accuracy(catalog, Path(file))
        return found, accuracy_document(found)
    found = accuracy(catalog)
    caches = kv_cases_document(kv_cases(catalog), kv_tools())
    return found, (*accuracy_document(found), *caches)
