"""NVIDIA cards through their driver, read in a child process with a deadline."""

from __future__ import annotations

import importlib.util
import json
import re
import sys
from dataclasses import fields
from typing import TYPE_CHECKING, Any, Final

from rightrig.facts.reading import plain
from rightrig.measuring.probe.links import nvlink_paths
from rightrig.measuring.probe.readings import (
    Card,
    Clocks,
    Links,
    MigInstance,
    NvLink,
    PowerLimits,
    Reading,
    Slot,
)
from rightrig.measuring.probe.running import run

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

DEADLINE_S: Final = 30.0
"""For everything; a healthy machine of eight cards answers within a second."""
SOURCE: Final = "NVML"
_MODULE: Final = "rightrig.measuring.probe.nvml_child"
_NO_DRIVER: Final = ("LibraryNotFound", "DriverNotLoaded")
_WHY: Final = {
    "LibRmVersionMismatch": "the driver's library and its kernel module are of different versions: "
    "restart the machine",
    "NoPermission": "this user may not talk to the driver",
    "GpuIsLost": "the card fell off the bus",
    "ResetRequired": "the card must be reset",
    "GpuNotFound": "the driver does not find the card any more",
}


def is_readable() -> bool:
    """Whether ``nvidia-ml-py`` is installed, which the extra ``nvidia`` brings."""
    return importlib.util.find_spec("pynvml") is not None


def read_nvml(deadline_s: float = DEADLINE_S) -> Reading:
    """Return what NVIDIA's driver says; nothing where there is none.

    Args:
        deadline_s: How long it may take, in seconds. A call that hangs ends it, and what was
            read until then counts.
    """
    # The same interpreter, whatever lies in the folder that it is started in.
    output = run([sys.executable, "-P", "-m", _MODULE], deadline_s)
    return parsed(output.text, output.problem)


def parsed(text: str, problem: str = "") -> Reading:
    """Return the reading that lines of :mod:`nvml_child` stand for."""
    lines = list(_lines(text))
    error = next((line["error"] for line in lines if "error" in line), "")
    if error in _NO_DRIVER:
        return Reading()
    found = [line["found"] for line in lines if "found" in line]
    cards = tuple(_card(one) for one in found)
    head: Mapping[str, Any] = next((line for line in lines if "driver" in line), {})
    versions = {key: head[key] for key in ("driver", "cuda") if head.get(key)}
    return Reading(
        cards=cards,
        links=_links(cards, lines),
        versions=versions,
        sources=(SOURCE,) if lines else (),
        troubles=tuple(_troubles(lines, error, problem)),
        is_partial=not any("done" in line for line in lines),
    )


def _lines(text: str) -> Iterator[dict[str, Any]]:
    """Yield the lines that are whole; the last may have been cut."""
    for line in text.splitlines():
        try:
            value = json.loads(line)
        except ValueError:
            continue
        if isinstance(value, dict):
            yield value


def _troubles(lines: list[dict[str, Any]], error: str, problem: str) -> Iterator[str]:
    """Yield what went wrong, but for what is wrong with one card."""
    if error:
        yield f"NVIDIA's driver refuses ({plain(error, 60)}): {_WHY.get(error, 'restart it')}"
    elif not any("done" in line for line in lines):
        last = next((line for line in reversed(lines) if "at" in line), None)
        where = "" if last is None else f" in {plain(last['at'], 60)}"
        if last is not None and last.get("card") not in {None, -1}:
            where += f" of card {last['card']}"
        # The reader is a child of this program, which nobody knows by its name.
        reason = re.sub(r"^python[\d.]*", "its reader", problem)
        yield (
            f"NVIDIA's driver stopped answering{where} ({plain(reason or 'no reason given', 90)}); "
            "what was read before counts"
        )


def _card(found: Mapping[str, Any]) -> Card:
    """Return one card of a line."""
    plain_fields = {field.name for field in fields(Card)} - {
        "clocks", "power", "slot", "nvlinks", "instances", "slowdowns", "lacks", "lost", "name",
    }  # fmt: skip
    lost = str(found.get("lost", ""))
    return Card(
        name=str(found.get("name", "")),
        vendor="NVIDIA",
        clocks=Clocks(**found.get("clocks", {})),
        power=PowerLimits(**found.get("power", {})),
        slot=Slot(**found.get("slot", {})),
        nvlinks=tuple(NvLink(**link) for link in found.get("nvlinks", ())),
        instances=tuple(MigInstance(**part) for part in found.get("instances", ())),
        slowdowns=tuple(found.get("slowdowns", ())),
        lacks=tuple(found.get("lacks", ())),
        lost=_WHY.get(lost, lost),
        **{key: value for key, value in found.items() if key in plain_fields},
    )


def _links(cards: tuple[Card, ...], lines: list[dict[str, Any]]) -> Links:
    """Return what joins the cards: NVLinks where there are any, else the path over PCIe."""
    pairs = [line for line in lines if "pair" in line]
    paths = {(line["pair"][0], line["pair"][1]): line["path"] for line in pairs if line["path"]}
    peer = {(line["pair"][0], line["pair"][1]): line["peer"] for line in pairs if line["peer"]}
    return Links(paths={**paths, **nvlink_paths(cards)}, peer=peer)
