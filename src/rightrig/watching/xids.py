"""XIDs: the error events of NVIDIA's driver, what each means and what to do about it."""

from __future__ import annotations

import functools
import tomllib
from importlib.resources import files
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field

if TYPE_CHECKING:
    from collections.abc import Mapping

Severity = Literal["critical", "warning", "info"]


class Xid(BaseModel):
    """One kind of error event.

    Attributes:
        number: As the driver's log has it.
        name: NVIDIA's.
        nvidia_now: What NVIDIA says to do at once, in its own terms; empty where it says nothing.
        nvidia_then: What NVIDIA says to look into afterwards.
        severity: Ours.
        meaning, action: In our words, without a full stop.
        runbook: Slug of the page.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    number: int = Field(gt=0)
    name: str = Field(min_length=1)
    nvidia_now: str
    nvidia_then: str
    severity: Severity
    meaning: str = Field(min_length=1)
    action: str = Field(min_length=1)
    runbook: str = Field(min_length=1)


class _Catalogue(BaseModel):
    """The file.

    Attributes:
        source: Of what is NVIDIA's.
        source_date: When that was read, as YYYY-MM-DD.
        mirror: Where the same can be read as a list.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: str
    source_date: str
    mirror: str
    xid: tuple[Xid, ...]


@functools.cache
def _catalogue() -> _Catalogue:
    """Return the file's content."""
    text = files("rightrig.watching").joinpath("data/xids.toml").read_text(encoding="utf-8")
    return _Catalogue.model_validate(tomllib.loads(text))


@functools.cache
def xids() -> Mapping[int, Xid]:
    """Return number → what it is, ascending."""
    return MappingProxyType({row.number: row for row in _catalogue().xid})


def source() -> str:
    """Return where what is NVIDIA's comes from, and its date."""
    return f"{_catalogue().source} ({_catalogue().source_date})"


def numbers(severity: Severity) -> tuple[int, ...]:
    """Return the XIDs of a severity, ascending."""
    return tuple(number for number, row in xids().items() if row.severity == severity)


def severity_of(number: int) -> Severity:
    """Return how bad an XID is; one that is not in the table is a warning."""
    row = xids().get(number)
    return "warning" if row is None else row.severity
