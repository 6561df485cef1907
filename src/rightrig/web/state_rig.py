"""The rig of the configurator: between the notation of the command line and a form's fields."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from rightrig.deployment.rig import NODE_LINK_BYTES_PER_S, parse_rig
from rightrig.errors import InputError, RightrigError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rightrig.deployment.rig import CardGroup, Rig
    from rightrig.facts.catalog import Catalog

    Given = Mapping[str, Sequence[str]]

_WATTS: Final = re.compile(r"(\d{1,5})w")
_MOST_ROWS: Final = 16
_LONGEST: Final = 80
_PROPERTIES: Final = ("count", "link", "slot", "watts", "mig")
_MACHINE: Final = ("nodes", "ram", "net")


@dataclass(frozen=True, slots=True)
class CardRow:
    """One kind of card as the form says it, everything as text.

    Attributes:
        link: Options that join cards, ``nvlink``, ``hgx4``, ``no-p2p``, by ``@`` where several.
        slot: ``pcie3x16`` where the slot is named.
        watts: A power cap without its unit.
        mig: A MIG profile, whose instances are then counted.
    """

    card: str = ""
    count: str = "1"
    link: str = ""
    slot: str = ""
    watts: str = ""
    mig: str = ""

    @staticmethod
    def names() -> frozenset[str]:
        """Return the names of fields that say a rig."""
        return frozenset({"card", *_PROPERTIES, *_MACHINE, "without"})

    @property
    def text(self) -> str:
        """The cards in rig notation."""
        watts = f"{self.watts}w" if self.watts else ""
        mig = f"mig={self.mig}" if self.mig else ""
        options = (watts, self.slot, *self.link.split("@"), mig)
        return f"{self.count}x{self.card}{''.join(f'@{option}' for option in options if option)}"


@dataclass(frozen=True, slots=True)
class RigWords:
    """A rig with the fields that say it.

    Attributes:
        rig_or_none: ``None`` where no card is understood.
        text: The canonical notation.
        rows: Kinds of cards, wrong ones as they were typed.
        nodes, ram, net: Of the machine: how many, its memory, the network between them.
        wrong: Why a field is wrong; fields of a row end in its number.
        notices: What else was not understood.
        is_form: Whether the fields of a form said it.
        is_redrawn: Whether the form holds what its cards do not have.
    """

    rig_or_none: Rig | None
    text: str
    rows: tuple[CardRow, ...]
    nodes: str = "1"
    ram: str = ""
    net: str = ""
    wrong: Mapping[str, str] = field(default_factory=dict)
    notices: tuple[str, ...] = ()
    is_form: bool = False
    is_redrawn: bool = False

    @property
    def rig(self) -> Rig:
        """The rig, where one is understood."""
        assert self.rig_or_none is not None  # noqa: S101 - put in by whoever reads a state
        return self.rig_or_none


def text_words(text: str, catalog: Catalog) -> RigWords:
    """Return the fields of a rig in its notation; of a wrong one what remains of it."""
    try:
        return _words_of(parse_rig(text, catalog), catalog)
    except RightrigError as error:
        known = _remaining(text, catalog)
        why = f"The rig of this link: {error}."
        if known is None:
            return RigWords(None, "", (), wrong={"rig": why})
        return RigWords(
            known.rig_or_none, known.text, known.rows, known.nodes, known.ram, known.net,
            {"rig": f"{why} It was left out, the rest was computed."},
        )  # fmt: skip


def _remaining(text: str, catalog: Catalog) -> RigWords | None:
    """Return the parts of a rig that are understood each for itself."""
    kept = []
    for part in text.split("+")[:_MOST_ROWS]:
        try:
            parse_rig(part, catalog)
        except RightrigError:
            continue
        kept.append(part)
    try:
        return _words_of(parse_rig("+".join(kept), catalog), catalog) if kept else None
    except RightrigError:
        return None


def _words_of(rig: Rig, catalog: Catalog) -> RigWords:
    """Return the fields of a rig, which is called by its canonical notation from here on."""
    ram = net = ""
    rows = []
    for group in rig.groups:
        row, named = _row_of(group)
        rows.append(row)
        ram, net = named.get("ram", ram), named.get("net", net)
    words = _whole_words(rig, tuple(rows), str(rig.nodes_count), ram, net)
    is_own = words.text == rig.text
    return words if is_own else replace(words, rig_or_none=parse_rig(words.text, catalog))


def _row_of(group: CardGroup) -> tuple[CardRow, dict[str, str]]:
    """Return the fields of a group of cards, and what it names of its machine."""
    links, slot, watts, named = [], "", "", {}
    for option in filter(None, group.options.split("@")):
        key, _, value = option.partition("=")
        lower = option.lower()
        if key.lower() in {"ram", "net"}:
            named[key.lower()] = value
        elif matched := _WATTS.fullmatch(lower):
            watts = matched[1]
        elif lower.startswith("pcie"):
            slot = lower
        elif key.lower() != "mig":
            links.append(lower)
    row = CardRow(group.gpu.slug, str(group.count), "@".join(links), slot, watts, group.mig)
    return row, named


def _whole_words(
    rig: Rig, rows: tuple[CardRow, ...], nodes: str, ram: str, net: str
) -> RigWords:  # fmt: skip
    """Return a rig with its fields and its canonical notation."""
    text = _text(rows, nodes, ram, net if rig.nodes_count > 1 else "")
    return RigWords(rig, text, rows, nodes, ram, _shown_net(rig, net))


def _shown_net(rig: Rig, net: str) -> str:
    """Return the network between machines as the form shows it."""
    return net if rig.network_bytes_per_s != NODE_LINK_BYTES_PER_S else ""


def _text(rows: Sequence[CardRow], nodes: str, ram: str, net: str) -> str:
    """Return fields in rig notation; what is of the machine stands at its first cards."""
    prefix = f"{nodes}n:" if nodes not in {"", "1"} else ""
    machine = (f"@ram={ram}" if ram else "") + (f"@net={net}" if net else "")
    first, *others = (row.text for row in rows)
    return f"{prefix}{'+'.join([first + machine, *others])}"


def form_words(given: Given, catalog: Catalog) -> RigWords:
    """Return the rig that the fields of a form say; wrong rows are left out and told."""
    rows = _sent_rows(given)
    wrong: dict[str, str] = {}
    good: list[CardRow] = []
    for number, row in enumerate(rows):
        try:
            good.append(_checked(row, catalog))
        except RightrigError as error:
            wrong[f"card-{number}"] = str(error)
    nodes, ram, net = (_one(given, name) for name in _MACHINE)
    found = _put_together(good, _Machine(nodes or "1", ram, net), catalog, wrong)
    if found is None:
        return RigWords(None, "", rows, nodes or "1", ram, net, wrong, is_form=True)
    shown = rows if wrong else found.rows
    return RigWords(
        found.rig_or_none, found.text, shown, nodes or "1", ram, net, wrong, is_form=True,
        is_redrawn=rows != found.rows,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Machine:
    """What a form says of the machine around the cards."""

    nodes: str
    ram: str
    net: str


def _put_together(
    rows: Sequence[CardRow], machine: _Machine, catalog: Catalog, wrong: dict[str, str]
) -> RigWords | None:
    """Return the rig of good rows in a machine; a wrong value of the machine is left out."""
    if not rows:
        wrong.setdefault("rig", "Name one card at least.")
        return None
    said = {"nodes": "1", "ram": "", "net": ""}
    for name in _MACHINE:
        value = getattr(machine, name)
        if not value or (name == "net" and said["nodes"] == "1"):
            continue
        try:
            if name == "nodes" and not (value.isascii() and value.isdecimal()):
                raise InputError(f"machines are {value[:40]!r}: write a whole number")
            parse_rig(_text(rows, **(said | {name: value})), catalog)
        except RightrigError as error:
            wrong[name] = str(error)
            continue
        said[name] = value.lstrip("0") if name == "nodes" else value
    try:
        rig = parse_rig(_text(rows, **said), catalog)
    except RightrigError as error:
        wrong["rig"] = str(error)
        return None
    return _whole_words(rig, tuple(rows), **said)


def _sent_rows(given: Given) -> tuple[CardRow, ...]:
    """Return the kinds of cards of a form, without blank rows and the one to remove."""
    columns = {name: list(given.get(name) or ()) for name in ("card", *_PROPERTIES)}
    removed = _one(given, "without")
    rows = []
    for number, card in enumerate(columns["card"][:_MOST_ROWS]):
        values = {
            name: column[number].strip()[:_LONGEST]
            for name, column in columns.items()
            if number < len(column)
        }
        if card.strip() and str(number) != removed and values.get("count") != "0":
            rows.append(CardRow(**(values | {"count": values.get("count") or "1"})))
    return tuple(rows)


def _checked(row: CardRow, catalog: Catalog) -> CardRow:
    """Return a row with its card's own name; links that another card had are left out.

    Raises:
        InputError: for what the card does not have.
    """
    if row.watts and not (row.watts.isascii() and row.watts.isdecimal()):
        raise InputError(f"a power cap of {row.watts[:40]!r}: write whole watts, such as 220")
    if not (row.count.isascii() and row.count.isdecimal()):
        raise InputError(f"a count of {row.count[:40]!r}: write a whole number from 1 to 72")
    if any(letter in part for part in (row.card, row.link, row.slot, row.mig) for letter in "+="):
        raise InputError(f"{row.card[:40]!r} is no card; a row holds one kind")
    own = CardRow(catalog.gpu(row.card).slug, str(int(row.count)), watts=row.watts)
    for name in ("link", "slot", "mig"):
        # The fields of another card, or of more cards, may still be on the page.
        more = replace(own, **{name: getattr(row, name)})
        try:
            parse_rig(more.text, catalog)
        except InputError:
            continue
        own = more
    parse_rig(own.text, catalog)
    return own


def _one(given: Given, name: str) -> str:
    """Return the last value of a name."""
    values = given.get(name) or ("",)
    return values[-1].strip()[:_LONGEST]
