"""Outputs that somebody saved: what each is, by its content, and what it says."""

from __future__ import annotations

import codecs
import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from rightrig.facts.reading import no_file, read_bounded
from rightrig.measuring.probe.amd import parse_amd_smi, parse_rocm_smi
from rightrig.measuring.probe.apple import parse_system_profiler
from rightrig.measuring.probe.host import parse_cpuinfo, parse_meminfo
from rightrig.measuring.probe.joining import joined
from rightrig.measuring.probe.links import PAINT, parse_nvlink_status, parse_topology
from rightrig.measuring.probe.ports import parse_ibstat
from rightrig.measuring.probe.readings import Card, Host, Reading
from rightrig.measuring.probe.smi import parse_smi

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

KIND: Final = "saved output"
KNOWN: Final = (
    "nvidia-smi -q [-x], nvidia-smi topo -m, nvidia-smi nvlink -s, amd-smi static --json, "
    "rocm-smi --json, system_profiler -json, ibstat, /proc/cpuinfo or /proc/meminfo"
)
_MOST_BYTES: Final = 8_000_000
_BOMS: Final = {codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}


def read_saved(paths: Sequence[Path]) -> Reading:
    """Return the machine that saved outputs describe (at most 8 MB each).

    Raises:
        InputError: for a file that cannot be read, or that is no output of a known program.
    """
    found = joined(replace(parse_saved(_text(path), path), sources=(path.name,)) for path in paths)
    named = tuple(card for card in found.cards if card.name)
    return replace(found, cards=named)


def _text(path: Path) -> str:
    """Return the text of a file; what Windows redirects is UTF-16."""
    content = read_bounded(path, KIND, _MOST_BYTES)
    encoding = next((name for bom, name in _BOMS.items() if content.startswith(bom)), "utf-8-sig")
    return PAINT.sub("", content.decode(encoding, "replace"))


def parse_saved(text: str, path: Path) -> Reading:
    """Return what one output says.

    Raises:
        InputError: for the output of no known program.
    """
    stripped = text.lstrip()
    if stripped.startswith(("{", "[")):
        found = _from_json(stripped)
    elif stripped.startswith("<"):
        found = parse_smi(stripped)
    else:
        # A log may hold the outputs of several programs.
        parts = list(_from_text(text))
        found = joined(parts) if parts else None
    if found is None:
        raise no_file(path, KIND, f"it is none of {KNOWN}")
    return found


def _from_json(text: str) -> Reading | None:
    """Return what JSON of a vendor's program says."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return parse_amd_smi(value) or parse_rocm_smi(value) or parse_system_profiler(value)


def _from_text(text: str) -> Iterator[Reading]:
    """Yield what the programs of a text say."""
    told = parse_smi(text)
    if told is not None:
        yield told
    listed = parse_nvlink_status(text)
    if listed:
        yield Reading(cards=listed)
    if re.search(r"(?m)^\W*GPU0\b.*\n.*\bGPU0\b.*\bX\b", text):
        yield from_topology(text)
    ports = parse_ibstat(text)
    if ports:
        yield Reading(ports=ports)
    if re.search(r"(?m)^processor\s*: 0", text):
        yield Reading(host=parse_cpuinfo(text))
    memory_bytes, available_bytes = parse_meminfo(text)
    if memory_bytes is not None:
        yield Reading(host=Host(memory_bytes=memory_bytes, available_bytes=available_bytes))


def from_topology(text: str) -> Reading:
    """Return what ``nvidia-smi topo`` says, as links and as cards without names."""
    links, near = parse_topology(text)
    cards = tuple(
        Card(index, "", "NVIDIA", numa_node=node, cpu_affinity=processors)
        for index, (processors, node) in sorted(near.items())
    )
    return Reading(cards=cards, links=links)
