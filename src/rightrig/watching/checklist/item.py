"""An item of the checklist: what should hold, and what was found about it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final, Literal, Protocol

if TYPE_CHECKING:
    from rightrig.watching.checklist.evidence import Evidence

Status = Literal["pass", "fail", "not verifiable", "information"]
Topic = Literal["plan", "machine", "links", "metrics", "alerts", "load", "information"]
WORDS: Final[tuple[Status, ...]] = ("pass", "fail", "not verifiable", "information")
MOST_AGE_DAYS: Final = 30
"""Of what was measured: drivers, neighbours and fans change within a month."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was found about one item.

    Attributes:
        found: The evidence, a sentence without a full stop.
        remedy: What to do where it failed, or what would make it verifiable; empty where it passed.
        command: A command that does it, exactly for this deployment.
    """

    status: Status
    found: str
    remedy: str = ""
    command: str = ""


class Item(Protocol):
    """One item. Its docstring is the sentence that people read: what should hold.

    Attributes:
        id: A stable name, such as ``CHECK-LINKS``.
        topic: What it belongs to.
    """

    id: ClassVar[str]
    topic: ClassVar[Topic]

    def check(self, evidence: Evidence, /) -> Outcome:
        """Return what was found."""
        ...


@dataclass(frozen=True, slots=True)
class Checked:
    """An item with its outcome."""

    id: str
    topic: Topic
    sentence: str
    outcome: Outcome


def sentence_of(item: Item) -> str:
    """Return what an item says, without its full stop."""
    return re.sub(r"\s+", " ", type(item).__doc__ or "").strip().removesuffix(".")


def passed(found: str) -> Outcome:
    """Return that an item holds."""
    return Outcome("pass", found)


def failed(found: str, remedy: str, command: str = "") -> Outcome:
    """Return that an item does not hold."""
    return Outcome("fail", found, remedy, command)


def unverified(found: str, remedy: str, command: str = "") -> Outcome:
    """Return that nothing seen from here says whether an item holds."""
    return Outcome("not verifiable", found, remedy, command)
