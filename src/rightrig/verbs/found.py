"""What a verb finds: its answer as JSON, as a document, as text to keep, and what it rests on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from rightrig.facts.source import Record
    from rightrig.report.document import Document
    from rightrig.report.values import Json

T_co = TypeVar("T_co", bound=Mapping[str, object], covariant=True)


@dataclass(frozen=True, slots=True)
class Found(Generic[T_co]):
    """An answer, in every form that somebody may want it in; made when it is asked for.

    Attributes:
        data: Makes the JSON.
        document: Makes the text.
        yes: Whether the answer is yes.
        records: The records that the answer rests on.
        text: Makes a file to print as it is, such as a recipe, in place of the document.
        charts: Makes Vega-Lite specifications that show the answer.
        interrupted: Whether somebody ended it early: what was measured until then is all of it.
        is_shown: Whether it was shown already, as the last of several.
    """

    data: Callable[[], T_co]
    document: Callable[[], Document]
    yes: bool = True
    records: tuple[Record, ...] = ()
    text: Callable[[], str] | None = None
    charts: Callable[[], tuple[Json, ...]] = tuple
    interrupted: bool = False
    is_shown: bool = False
