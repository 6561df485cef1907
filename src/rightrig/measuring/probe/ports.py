"""Network adapters for messages between machines, as ``ibstat`` lists them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from rightrig.measuring.probe.readings import Port
from rightrig.quantities import GIGA

if TYPE_CHECKING:
    from collections.abc import Iterator

COMMAND: Final = ("ibstat",)
_ADAPTER: Final = re.compile(r"CA '([\w.-]{1,40})'")
_FIELD: Final = re.compile(r"\s+([A-Za-z][A-Za-z ]{1,40}):\s*(.{0,80})")


def parse_ibstat(text: str) -> tuple[Port, ...]:
    """Return every port; rates in bits a second. Lines of a failing ``ibstat`` are passed over."""
    return tuple(_ports(text))


def _ports(text: str) -> Iterator[Port]:
    """Yield every port."""
    for block in re.split(r"(?m)^(?=CA ')", text):
        adapter = _ADAPTER.match(block)
        if adapter is None:
            continue
        head, *parts = re.split(r"(?m)^\s+Port (?=\d{1,3}:)", block)
        kind = _fields(head).get("CA type", "")
        for part in parts:
            values = _fields(part.partition(":")[2])
            rate = re.match(r"\d{1,5}(\.\d+)?", values.get("Rate", ""))
            yield Port(
                adapter=adapter[1],
                kind=kind,
                number=int(part.partition(":")[0]),
                state=values.get("State", ""),
                rate_bits_per_s=float(rate[0]) * GIGA if rate else 0.0,
                link_layer=values.get("Link layer", ""),
            )


def _fields(text: str) -> dict[str, str]:
    """Return names and values of one block; of equal names the first counts."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        match = _FIELD.fullmatch(line)
        if match:
            found.setdefault(match[1], match[2].strip())
    return found
