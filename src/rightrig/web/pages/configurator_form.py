"""The form of the configurator: what its fields hold, and what a card may be asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rightrig.deployment.compatibility import SYSTEM_NAMES
from rightrig.deployment.propose import MEMORY_MODELLED
from rightrig.errors import RightrigError
from rightrig.facts.quantization import KV_BITS
from rightrig.web.state import written
from rightrig.web.state_rig import CardRow

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rightrig.facts.catalog import Catalog
    from rightrig.facts.gpu import Gpu
    from rightrig.web.pages.configurator_shelf import Shelf
    from rightrig.web.state import Reading

_LANES: Final = (16, 8, 4, 1)
_LOWEST_GENERATION: Final = 3
_HGX4_CARDS: Final = 4
WEIGHTS: Final = (
    "checkpoint", "bf16", "fp8", "int8", "awq", "gptq", "nvfp4", "mxfp4", "nf4", "q8_0", "q6_k",
    "q5_k_m", "q4_k_m", "q3_k_m", "iq4_xs", "iq2_m",
)  # fmt: skip
"""Formats of weights that are offered; others are taken from a link."""

Options = tuple[tuple[str, str], ...]
"""Value and name of each option of a select."""


@dataclass(frozen=True, slots=True)
class RowView:
    """The fields of one kind of card; without a card a blank row to add one.

    Attributes:
        cards: The options of all cards as HTML, its own one chosen.
        links, slots, profiles: What its card may have; empty where it has no choice.
        wrong: Why the row is left out; empty where it is not.
    """

    number: int
    row: CardRow
    cards: str
    links: Options = ()
    slots: Options = ()
    profiles: Options = ()
    most_w: int = 0
    wrong: str = ""


@dataclass(frozen=True, slots=True)
class FormView:
    """The whole form.

    Attributes:
        rows: Kinds of cards, and a blank one.
        values: What stands in each other field.
        wrong: Why a field is wrong, by its name.
        faulty: Names of the wrong fields, to be sent along.
        selects: Options by field.
        opens: Whether the rarer fields are shown.
    """

    rows: tuple[RowView, ...]
    values: Mapping[str, str]
    wrong: Mapping[str, str]
    selects: Mapping[str, Options]
    opens: bool

    @property
    def faulty(self) -> str:
        """Names of the wrong fields."""
        return " ".join(self.wrong)


def form_of(reading: Reading, shelf: Shelf) -> FormView:
    """Return the form of what was read, wrong values as they were typed."""
    words = reading.words
    values = written(reading.state) | dict(reading.typed)
    values |= {"nodes": words.nodes, "ram": words.ram, "net": words.net}
    rows = [
        _row_view(number, row, shelf, reading.wrong.get(f"card-{number}", ""))
        for number, row in enumerate(words.rows)
    ]
    rows.append(RowView(len(rows), CardRow(), shelf.cards))
    return FormView(tuple(rows), values, reading.wrong, _selects(values), _opens(values))


def _row_view(number: int, row: CardRow, shelf: Shelf, wrong: str) -> RowView:
    """Return the fields of one kind of card."""
    try:
        gpu = shelf.catalog.gpu(row.card)
    except RightrigError:
        return RowView(number, row, shelf.cards, wrong=wrong)
    own = f'value="{gpu.slug}"'
    # Drawing hundreds of options anew takes longer than the rest of the form.
    cards = shelf.cards.replace(own, f"{own} selected")
    return RowView(
        number, row, cards, _with_own(_links(gpu, row), row.link), _with_own(_slots(gpu), row.slot),
        _profiles(gpu, shelf.catalog), int(gpu.board_power_w or 0), wrong,
    )  # fmt: skip


def _with_own(options: Options, own: str) -> Options:
    """Return options with the value that a link brought, so that the form keeps it."""
    known = {value for value, _ in options}
    return options if not own or own in known else (*options, (own, own.replace("@", ", ")))


def _links(gpu: Gpu, row: CardRow) -> Options:
    """Return what may join a card's neighbours, as the rig notation allows it."""
    found = [("", _usual_link(gpu))]
    if gpu.fabric is not None and gpu.fabric.kind == "nvlink" and gpu.fabric.topology == "bridge":
        found.append(("nvlink", "NVLink bridge"))
    is_few = row.count.isdecimal() and int(row.count) <= _HGX4_CARDS
    if gpu.fabric is not None and gpu.fabric.topology == "switch" and is_few:
        found.append(("hgx4", "HGX board of 4"))
    if gpu.pcie is not None and gpu.pcie.peer_to_peer:
        found.append(("no-p2p", "PCIe through the host"))
    return tuple(found) if len(found) > 1 else ()


def _usual_link(gpu: Gpu) -> str:
    """Return what joins a card's neighbours where nothing is said."""
    if gpu.fabric is not None and gpu.fabric.topology != "bridge":
        return "usual: its own fabric"
    return "usual: PCIe" if gpu.pcie is not None else "usual: network"


def _slots(gpu: Gpu) -> Options:
    """Return the slots that a card of PCIe may sit in."""
    if gpu.pcie is None or gpu.mount != "slot":
        return ()
    own = gpu.pcie
    found = [("", f"usual: PCIe {own.generation} ×{own.lanes}")]
    for generation in range(own.generation, _LOWEST_GENERATION - 1, -1):
        found += [
            (f"pcie{generation}x{lanes}", f"PCIe {generation} ×{lanes}")
            for lanes in _LANES
            if lanes <= own.lanes
        ]
    return tuple(found)


def _profiles(gpu: Gpu, catalog: Catalog) -> Options:
    """Return the MIG profiles of a card."""
    profiles = catalog.mig_profiles(gpu.slug)
    found = tuple((p.profile, p.profile) for p in profiles)
    return (("", "whole cards"), *found) if found else ()


def _selects(values: Mapping[str, str]) -> dict[str, Options]:
    """Return the options of every select, with a value that only a link brought."""
    plain = {
        "runtime": (("", "usual"), *((n, n) for n in MEMORY_MODELLED)),
        "os": (("", "any"), *SYSTEM_NAMES.items()),
        "weights": (("", "best that fits"), *((name, name) for name in WEIGHTS)),
        "kv": (("", "usual"), *((name, name) for name in KV_BITS)),
    }
    return {name: _with_own(options, values[name]) for name, options in plain.items()}


def _opens(values: Mapping[str, str]) -> bool:
    """Whether one of the rarer fields holds something."""
    rare = ("max-seqs", "max-batched-tokens", "gpu-memory-utilization", "net")
    return any(values[name] for name in rare)
