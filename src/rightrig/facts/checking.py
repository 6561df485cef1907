"""From a table of values to a record, or one sentence that names the field at fault."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final, TypeVar, get_args

from pydantic import ValidationError

from rightrig.errors import RecordError
from rightrig.facts.reading import plain
from rightrig.facts.source import Record

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pydantic_core import ErrorDetails

R = TypeVar("R", bound=Record)
_SHOWN: Final = 60


def validated(
    record_class: type[R], data: Mapping[str, object], where: str, *, strict: bool = False
) -> R:
    """Return the record that a table describes.

    Args:
        record_class: What the table should be.
        data: The table.
        where: Which file, and which row of it; the message begins with it.
        strict: Refuse a number that is written as text, and ``true`` where a number belongs.

    Raises:
        RecordError: names the first field that breaks the schema.
    """
    try:
        if strict:
            # Only JSON has a strict mode that takes lists for tuples. Dates become text.
            return record_class.model_validate_json(json.dumps(data, default=str), strict=True)
        return record_class.model_validate(data)
    except ValidationError as error:
        found = error.errors()
        # A mistyped name is also a missing one: the first says more.
        first = next((e for e in found if e["type"] == "extra_forbidden"), found[0])
        raise RecordError(f"{where}: {_fault(record_class, first)}") from error


def _fault(record_class: type[Record], first: ErrorDetails) -> str:
    """Return what is wrong with a record, in words."""
    loc = first["loc"]
    field = plain(".".join(str(part) for part in loc) or "record", _SHOWN)
    if first["type"] == "missing":
        return f"{field} is missing"
    if first["type"] == "extra_forbidden":
        import difflib  # noqa: PLC0415 - needed for a wrong name only

        known = sorted(_fields(record_class, loc[:-1]))
        near = difflib.get_close_matches(str(loc[-1])[:_SHOWN], known, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]}?" if near else f"the fields are {', '.join(known)}"
        return f"{field} is no field of it; {hint}"
    value = first["input"]
    shown = "" if isinstance(value, dict | list) else f" is {plain(repr(value), _SHOWN)}"
    # Our own validators' sentences come behind pydantic's "Value error, ".
    told = first["msg"].removeprefix("Value error, ")
    return f"{field}{shown}: {told[:1].lower()}{told[1:]}"


def _fields(record_class: type[Record], loc: tuple[int | str, ...]) -> set[str]:
    """Return the names of the fields at a place within a record."""
    classes = {record_class}
    for part in loc:
        if isinstance(part, str):
            annotations = [
                c.model_fields[part].annotation for c in classes if part in c.model_fields
            ]
            classes = {c for annotation in annotations for c in _records_in(annotation)}
    return {name for c in classes for name in c.model_fields}


def _records_in(annotation: object) -> Iterator[type[Record]]:
    """Yield the classes of records that an annotation names, as in ``tuple[Source, ...]``."""
    if isinstance(annotation, type) and issubclass(annotation, Record):
        yield annotation
    for inner in get_args(annotation):
        yield from _records_in(inner)
