"""Where a figure comes from, and the base class of every record."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict


class Record(BaseModel):
    """A frozen record that refuses unknown fields, NaN and infinity.

    ``defer_build`` leaves the validator unbuilt until a record of the class is read, so
    that importing the rooms costs little.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
        defer_build=True,
        str_strip_whitespace=True,
    )


class Source(Record):
    """One public source of a record.

    Attributes:
        reference: A URL, ``github:owner/name@commit:path``, ``pypi:name==version``, or the
            name of a document.
        kind: ``datasheet`` or ``specification`` (the maker says so), ``repository`` and
            ``page`` (someone else says so), ``measured``, ``computed`` (from other fields),
            ``secondary`` (a public excerpt whose origin is not known), ``unverified``
            (stated from general knowledge; no stored source confirmed it), ``user`` (the file
            of a user's catalogue that the record was read from).
        date: ISO date or the closest to it that the source gives.
        fields: The fields that it speaks for; empty means the whole record.
        note: What a reader should know before trusting it.
    """

    reference: str
    kind: Literal[
        "datasheet", "specification", "repository", "page", "measured", "computed", "secondary",
        "unverified", "user",
    ]  # fmt: skip
    date: str | None = None
    fields: tuple[str, ...] = ()
    note: str = ""
