"""Answers that are kept, by what was asked and what they depend on, within a bound.

An answer follows from the question, the program, its records and the day; its ETag is a digest of
them, so that it is known before the answer is computed.
"""

from __future__ import annotations

import gzip
import hashlib
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from rightrig.verbs.price_ages import today

if TYPE_CHECKING:
    from collections.abc import Mapping

MOST_BYTES: Final = 64 * 2**20
"""Of all answers that are kept, packed ones included."""
LEAST_PACKED_BYTES: Final = 1024
"""Shorter answers are sent as they are."""
_BESIDE_BYTES: Final = 1024
"""Of the objects that hold one answer, and its tag: short answers take little more."""
PACKING_LEVEL: Final = 5
"""Of gzip: beyond it time grows much faster than size falls."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer as it is sent.

    Attributes:
        body: As it was made.
        packed: By gzip; ``None`` where that is not worth it.
        media_type: With its character set.
        headers: Beside the usual ones.
    """

    body: bytes
    packed: bytes | None
    media_type: str
    headers: Mapping[str, str] = field(default_factory=dict)

    def size_bytes(self) -> int:
        """Return the bytes that keeping it takes, about."""
        headers_bytes = sum(len(name) + len(value) for name, value in self.headers.items())
        return len(self.body) + len(self.packed or b"") + headers_bytes + _BESIDE_BYTES


def answer_of(body: bytes, media_type: str, headers: Mapping[str, str] | None = None) -> Answer:
    """Return an answer, packed where that pays."""
    packed = None
    if len(body) >= LEAST_PACKED_BYTES:
        packed = gzip.compress(body, PACKING_LEVEL, mtime=0)
    return Answer(body, packed, media_type, headers or {})


class Kept:
    """Answers by their tags; those not asked for the longest go first."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        """Keep nothing yet."""
        self._answers: OrderedDict[str, Answer] = OrderedDict()
        self._most_bytes = most_bytes
        self.held_bytes = 0

    def __len__(self) -> int:
        """Count the answers."""
        return len(self._answers)

    def find(self, tag: str) -> Answer | None:
        """Return the answer of a tag, if it is kept."""
        answer = self._answers.get(tag)
        if answer is not None:
            self._answers.move_to_end(tag)
        return answer

    def add(self, tag: str, answer: Answer) -> None:
        """Keep an answer; one that is a tenth of the bound or more is not worth its room."""
        size_bytes = answer.size_bytes()
        if tag in self._answers or 10 * size_bytes > self._most_bytes:
            return
        self._answers[tag] = answer
        self.held_bytes += size_bytes
        while self.held_bytes > self._most_bytes:
            _, gone = self._answers.popitem(last=False)
            self.held_bytes -= gone.size_bytes()


def tag_of(*parts: str) -> str:
    """Return the ETag of what an answer depends on; the day counts, since ages are told."""
    text = "\0".join((*parts, today().isoformat()))
    return f'W/"{hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]}"'
