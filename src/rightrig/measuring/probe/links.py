"""What joins cards: the matrices of ``nvidia-smi topo`` and the links that cards name."""

from __future__ import annotations

import re
from itertools import combinations
from typing import TYPE_CHECKING, Final

from rightrig.measuring.probe.readings import Card, Links, NvLink, Pair

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_CARD: Final = re.compile(r"GPU(\d{1,3})")
_PATH: Final = re.compile(r"NV\d{1,2}|PIX|PXB|PHB|NODE|SYS")
_PEER: Final = re.compile(r"OK|CNS|GNS|TNS|NS|DR|U")
_RANGES: Final = re.compile(r"\d+(-\d+)?(,\d+(-\d+)?)*")
_LINK: Final = re.compile(r"Link (\d{1,2}): (?:([\d.]+) GB/s|<?inactive>?)")
_LINK_CARD: Final = re.compile(r"GPU (\d{1,3}): ([^(]{1,80})\(UUID: ([\w-]{1,60})\)")
_MOST_CARDS: Final = 128
PAINT: Final = re.compile(r"\x1b\[[0-9;]{0,12}m")
"""What programs add for terminals: ``nvidia-smi`` underlines the header of its matrix."""


def bus_key(bus_id: str) -> str:
    """Return a bus id without its domain's length and case, by which two programs agree.

    >>> bus_key("00000000:3B:00.0") == bus_key("0000:3b:00.0")
    True
    """
    domain, _, rest = bus_id.strip().lower().partition(":")
    return f"{domain.lstrip('0')}:{rest}"


def nvlink_paths(cards: Sequence[Card]) -> dict[Pair, str]:
    """Return the pairs that NVLink joins: ``NV4`` for four links, through a switch or directly."""
    found: dict[Pair, str] = {}
    for one, other in combinations(cards, 2):
        direct = sum(
            link.is_up and bool(link.remote) and bus_key(link.remote) == bus_key(other.bus_id)
            for link in one.nvlinks
        )
        count = direct or min(_switched(one), _switched(other))
        if count:
            found[one.index, other.index] = f"NV{count}"
    return found


def _switched(card: Card) -> int:
    """Return how many links of a card lead to a switch."""
    return sum(link.is_up and link.remote == "switch" for link in card.nvlinks)


def nvlinks_count(links: Links, first: int, second: int) -> int:
    """Return the NVLinks between two cards; 0 where PCIe joins them."""
    path = links.paths.get((min(first, second), max(first, second)), "")
    return int(path[2:]) if path.startswith("NV") else 0


def parse_topology(text: str) -> tuple[Links, dict[int, tuple[str, int | None]]]:
    """Return what ``nvidia-smi topo -m`` or ``topo -p2p r`` prints.

    Returns:
        The pairs, and card → its processors and its memory node.
    """
    lines = [PAINT.sub("", line) for line in text.splitlines()]
    header = next((line.split() for line in lines if _is_header(line)), [])
    columns = [int(match[1]) for name in header if (match := _CARD.fullmatch(name))]
    paths: dict[Pair, str] = {}
    peer: dict[Pair, str] = {}
    near: dict[int, tuple[str, int | None]] = {}
    for row, cells in _rows(lines):
        for column, cell in zip(columns, cells, strict=False):
            if row < column and _PATH.fullmatch(cell):
                paths[row, column] = cell
            elif row < column and _PEER.fullmatch(cell):
                peer[row, column] = cell
        near[row] = _nearest(cells[len(columns) :])
    return Links(paths=paths, peer=peer, nics=_nics(header, lines)), near


def _is_header(line: str) -> bool:
    """Whether a line names the columns of a matrix."""
    words = line.split()
    return bool(words) and words[0] == "GPU0" and (len(words) == 1 or words[1] != "X")


def _rows(lines: list[str]) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows of cards: their number, and their cells."""
    for line in lines:
        words = line.split()
        match = _CARD.fullmatch(words[0]) if words else None
        if match and not _is_header(line) and int(match[1]) < _MOST_CARDS:
            yield int(match[1]), words[1:]


def _nearest(cells: list[str]) -> tuple[str, int | None]:
    """Return processors and memory node of a row, which follow the adapters' columns."""
    rest = [cell for cell in cells if not _PATH.fullmatch(cell)]
    processors = rest[0] if rest and _RANGES.fullmatch(rest[0]) else ""
    node = rest[1] if len(rest) > 1 else ""
    return processors, int(node) if node.isdigit() else None


def _nics(header: list[str], lines: list[str]) -> tuple[str, ...]:
    """Return the names of adapters in a matrix, by the legend where it translates ``NIC0``."""
    legend = {
        words[0].rstrip(":"): words[1]
        for line in lines
        if re.fullmatch(r"\s*NIC\d+: \S+\s*", line) and (words := line.split())
    }
    named = [name for name in header if re.fullmatch(r"NIC\d+|(mlx|bnxt_re|irdma)\w+", name)]
    return tuple(legend.get(name, name) for name in named)


def parse_nvlink_status(text: str) -> tuple[Card, ...]:
    """Return the cards that ``nvidia-smi nvlink -s`` lists, with the state of each link."""
    cards: list[Card] = []
    links: list[NvLink] = []
    for line in text.splitlines():
        card, link = _LINK_CARD.match(line), _LINK.search(line)
        if card:
            links = []
            cards.append(Card(int(card[1]), card[2].strip(), "NVIDIA", uuid=card[3]))
        elif link and cards:
            links.append(NvLink(int(link[1]), is_up=link[2] is not None))
            last = cards[-1]
            cards[-1] = Card(
                last.index, last.name, last.vendor, uuid=last.uuid, nvlinks=tuple(links)
            )
    return tuple(cards)
