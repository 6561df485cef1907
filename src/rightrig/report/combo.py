"""The report of a combo: memory, links, runtimes, splits, models, strengths, alternatives."""

from __future__ import annotations

import datetime
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from rightrig.deployment.compatibility_matrix import Asked
from rightrig.deployment.limits import LAYERED
from rightrig.deployment.rig import Rig
from rightrig.planning.combos.links import LINK_NAMES
from rightrig.planning.combos.speed import LENGTHS, STREAM_TOKENS_PER_S
from rightrig.quantities import GB, GIB, TERA, show_gib, show_number, show_seconds, show_usd
from rightrig.report.combo_upkeep import upkeep_parts
from rightrig.report.document import Document, Grid, Paragraph
from rightrig.report.runtimes import support_document

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rightrig.deployment.rig import Link
    from rightrig.planning.combos.combo import Combo
    from rightrig.planning.combos.models import Coverage
    from rightrig.planning.combos.rivals import Rival
    from rightrig.planning.combos.speed import SplitSpeed

_MOST_MATRIX: Final = 8
_SMALL_BOARD: Final = 4
_NO: Final = "–"


def combo_document(found: Combo) -> Document:
    """Return everything that is known of a rig."""
    return tuple(block for part in combo_parts(found).values() for block in part)


def combo_parts(found: Combo) -> dict[str, Document]:
    """Return the parts of the document by name, in its order; a page has an order of its own."""
    sources = (
        "Sources: the records of the cards ('rightrig gpus show' names theirs), of the runtimes "
        "and of the prices; speeds are predictions with their evidence."
    )
    avoid = [one.reason for one in found.avoid]
    return {
        "memory": _memory(found),
        "links": _links(found),
        "runtimes": support_document(Asked(found.rig), found.support),
        "splits": _splits(found),
        "models": _models(found),
        "best": _words(Paragraph("Best at", "good"), found.best),
        "bad": _words(Paragraph("Bad at", "warn"), found.bad),
        "avoid": _words(Paragraph("Who should avoid it", "bad"), avoid),
        "alternatives": _alternatives(found),
        "price": _price(found),
        **upkeep_parts(found),
        "sources": (Paragraph(sources, "dim"),),
    }


def _words(heading: Paragraph, sentences: Sequence[str]) -> Document:
    """Return sentences below a heading; nothing where there are none."""
    return (heading, *(Paragraph(f"- {text}") for text in sentences)) if sentences else ()


def _memory(found: Combo) -> Document:
    """Return the headline, each kind of card, and what a model takes of one."""
    memory = found.memory
    rows = tuple(
        (
            card.gpu,
            str(card.count),
            f"{card.marketed_bytes / GIB:g} GiB",
            show_gib(card.visible_bytes.mid),
            f"{card.bandwidth_bytes_per_s / GB:,.0f} GB/s",
            f"{card.layer_ratio:.1%}",
            f"{card.sweep_ratio:.1%}",
        )
        for card in memory.cards
    )
    headers = ("card", "count", "on the box", "visible", "bandwidth", "layers", "step time")
    return (
        Paragraph(
            f"{found.rig.text}: {memory.effective_bytes / GIB:.1f} GiB effective VRAM of "
            f"{memory.visible_bytes / GIB:.1f} GiB visible",
            "title",
        ),
        Paragraph(
            f"Effective: {memory.memory_ratio:.0%} of the visible memory, less "
            f"{memory.overhead_bytes / GIB:g} GiB a card; of the {memory.marketed_bytes / GIB:g} "
            f"GiB on the boxes the same rule leaves {memory.effective_marketed_bytes / GIB:g} GiB. "
            "It is a headline: a model fits when each card holds its share.",
        ),
        Grid(headers, rows, (1, 2, 3, 4, 5, 6), spare=(6, 5)),
        Paragraph(
            f"Shares of one card where layers are dealt out by memory. Equal shares, as of tensor "
            f"parallelism, use {memory.equal_shares_bytes / GIB:.1f} GiB; the pool is no single "
            f"card: the largest shard is {_largest(found)}.",
            "dim",
        ),
        *_truth(found),
    )


def _largest(found: Combo) -> str:
    """Return the visible memory of the largest card."""
    return show_gib(max(card.visible_bytes.mid for card in found.memory.cards))


def _truth(found: Combo) -> Document:
    """Return what the reference model and one sequence take of the tightest card."""
    if found.truth is None:
        return (Paragraph("No reference model in 8 bits fits this rig.", "dim"),)
    fit, card = found.truth, found.truth.binding
    weights = sum(p.size_bytes.mid for p in card.components if p.name == "weights")
    rest = sum(p.size_bytes.mid for p in card.components) - weights - card.kv_sequence_bytes
    return (
        Paragraph(
            f"By the card: {fit.deployment.llm.name} in {fit.deployment.precision.weights} on "
            f"{fit.deployment.runtime.name} ({fit.deployment.parallelism.text}) takes "
            f"{show_gib(weights)} of weights, {show_gib(card.kv_sequence_bytes)} for one sequence "
            f"of {fit.context_tokens:,} tokens and {show_gib(rest)} for all else, of a budget of "
            f"{show_gib(card.budget_bytes.mid)} on {card.gpu}: {card.verdict}."
        ),
    )


def _links(found: Combo) -> Document:
    """Return the links of a machine: a matrix where it is small, and a sentence."""
    topology = found.topology
    count = len(topology.cards)
    if count == 1:
        first = "Topology: one card a machine."
    else:
        link = topology.all_cards
        peer = "peer to peer" if topology.peer_to_peer else "no peer-to-peer transfers"
        first = (
            f"Topology: {LINK_NAMES[link.kind]}; a card has {_rate(link)} in each direction when "
            f"all {count} work on one token, and {_rate(topology.slowest)} to its slowest peer; "
            f"{peer}.{_board(found)}"
        )
    between = topology.between_nodes
    second = f" Between machines: {_rate(between)} in each direction." if between else ""
    title = Paragraph(first + second)
    if not 1 < count <= _MOST_MATRIX:
        return (title,)
    names = [f"GPU{place}" for place in range(count)]
    rows = tuple(
        (f"{names[one]} {topology.cards[one]}", *(_cell(found, one, two) for two in range(count)))
        for one in range(count)
    )
    note = "GB/s in one direction, by specification. NV NVLink, DL direct links, PX PCIe, SY host."
    return (title, Grid(("", *names), rows), Paragraph(note, "dim"))


def _board(found: Combo) -> str:
    """Return what the other board of the same cards would give, for Hopper's."""
    groups = found.rig.groups
    first = groups[0]
    if len(groups) > 1 or first.gpu.architecture != "Hopper" or first.count > _SMALL_BOARD:
        return ""
    if first.board:
        return " The board of 8 has an NVSwitch: leave @hgx4 out for 4 of its cards."
    if found.topology.all_cards.kind != "nvlink-switch":
        return ""
    pair = Rig((replace(first, board="hgx4"),)).link(2)
    return (
        f" These are {first.count} cards of a board of 8 with NVSwitch; on the board of 4 "
        f"(@hgx4) a pair has {_rate(pair)}."
    )


_LABELS: Final = {
    "none": "–", "nvlink-switch": "NV", "nvlink-bridge": "NV", "mesh": "DL", "pcie": "PX",
    "pcie-host": "SY", "network": "net",
}  # fmt: skip


def _cell(found: Combo, one: int, two: int) -> str:
    """Return the link between two cards."""
    if one == two:
        return "X"
    link = found.topology.pairs[one, two]
    return f"{_LABELS[link.kind]} {link.bytes_per_s / GB:.0f}"


def _rate(link: Link) -> str:
    """Return the rate of a link."""
    return f"{link.bytes_per_s / GB:,.1f} GB/s" if link.kind != "none" else "no link"


def _splits(found: Combo) -> Document:
    """Return the ways to split the reference model, and the options that do it."""
    speeds = found.own.speeds
    headers = (
        "split",
        "runtime",
        "fits",
        "TPOT alone",
        "tokens/s at full load",
        "users",
        "evidence, or why not",
    )
    rows = tuple(_split_row(one) for one in speeds.splits)
    flags = f"As options: {'; '.join(found.flags)}." if found.flags else ""
    return (
        Paragraph(
            f"Ways to split {speeds.llm.name} in 8 bits over the rig ({LENGTHS.input_tokens:,.0f} "
            f"tokens in, {LENGTHS.output_tokens:,.0f} out)",
            "title",
        ),
        Grid(headers, rows, (3, 4, 5), spare=(5, 1)),
        *((Paragraph(flags),) if flags else ()),
    )


def _split_row(one: SplitSpeed) -> tuple[str, ...]:
    """Return one split as a line."""
    if one.tpot_s is None or one.tokens_per_s is None:
        return (one.split.text, one.runtime or _NO, one.verdict, _NO, _NO, _NO, one.reason)
    return (
        one.split.text,
        one.runtime,
        one.verdict,
        show_seconds(one.tpot_s.mid),
        show_number(one.tokens_per_s.mid),
        f"{one.users_count:,}",
        str(one.evidence),
    )


def _models(found: Combo) -> Document:
    """Return how many models fit, by class, and what a million tokens take."""
    largest = f"; the largest is {found.models[0].llm.name}" if found.models else ""
    sizes = ", ".join(
        f"{params / 1e9:.0f} B in {name}"
        for name, params in found.largest_params_count.items()
        if params
    )
    long = found.long
    is_layered = any(m.fit and m.fit.deployment.runtime.slug in LAYERED for m in found.models[:1])
    holds = (
        "no runtime that is modelled serves it on this rig"
        if long.held_count is None
        else f"beside the weights the rig holds {long.held_count}"
    )
    how = "in Q4_K_M on llama.cpp" if is_layered else "in the largest format that fits"
    return (
        Paragraph(
            f"{len(found.models)} of {found.models_count} models fit ({how}, one sequence of 8,192 "
            f"tokens){largest}",
            "title",
        ),
        Grid(
            ("class", "covered", "models", "largest that fits", "example", "its verdict"),
            tuple(_class_row(one) for one in found.coverage),
            (2,),
            spare=(3,),
        ),
        *((Paragraph(f"Largest dense model of usual shape: {sizes}."),) if sizes else ()),
        Paragraph(
            f"A million tokens of {long.llm.name} take {long.sequence_bytes / GB:.1f} GB of 16-bit "
            f"cache a sequence; {holds}. (It is made for {long.llm.max_context_tokens:,}.)"
        ),
        *_streams(found),
    )


def _class_row(one: Coverage) -> tuple[str, ...]:
    """Return one class as a line."""
    largest = one.held[0].llm.name if one.held else _NO
    count = f"{len(one.held)} of {one.models_count}"
    return (one.of.name, one.word, count, largest, one.example.llm.name, one.example.verdict)


def _streams(found: Combo) -> Document:
    """Return how fast streams decode."""
    return tuple(
        Paragraph(
            f"Decoding alone at a context of {one.context_tokens:,}: {one.streams_count} streams "
            f"of {found.own.speeds.llm.name} get {one.tokens_per_s.mid:.0f} tokens/s each "
            f"({one.tokens_per_s.low:.0f} to {one.tokens_per_s.high:.0f}); {one.quick_count} "
            f"streams get {STREAM_TOKENS_PER_S:.0f}; memory holds {one.held_count}."
        )
        for one in found.streams
    )


def _alternatives(found: Combo) -> Document:
    """Return the rig beside those of the same rent and of the same memory."""
    seen: dict[str, list[tuple[str, Rival]]] = {}
    for what, rivals in (
        ("this rig", (found.own,)), ("rent", found.same_rent), ("memory", found.same_memory),
    ):  # fmt: skip
        for one in rivals:
            seen.setdefault(one.rig.text, []).append((what, one))
    rows = tuple(
        _rival_row(" and ".join(what for what, _ in pairs), pairs[0][1]) for pairs in seen.values()
    )
    headers = (
        "rig", "same", "effective", "TFLOP/s", "TPOT alone", "tokens/s", "$/month", "price of",
        "cards",
    )  # fmt: skip
    return (
        Paragraph(f"Alternatives, on {found.own.speeds.llm.name} in 8 bits", "title"),
        Grid(headers, rows, (2, 3, 4, 5, 6), spare=(3, 8, 7)),
        Paragraph("Same rent or same effective memory within a factor of 1.3.", "dim"),
    )


def _rival_row(what: str, one: Rival) -> tuple[str, ...]:
    """Return one rig as a line, all columns by the same rules."""
    price = one.purchase.price if one.purchase else None
    peak = f"{one.peak_format} {(one.peak_flop_per_s or 0.0) / TERA:,.0f}"
    gpu = one.rig.gpu
    return (
        one.rig.text,
        what,
        f"{one.effective_bytes / GIB:,.0f} GiB",
        peak if one.peak_flop_per_s else _NO,
        show_seconds(one.tpot_s) if one.tokens_per_s else "does not fit",
        show_number(one.tokens_per_s) if one.tokens_per_s else _NO,
        f"{one.rent_usd_per_month:,.0f}" if one.rent_usd_per_month else _NO,
        f"{price.provider} {price.date}" if price else _NO,
        f"{gpu.tier}, ECC {gpu.ecc}",
    )


def _price(found: Combo) -> Document:
    """Return what the rig costs, with dates and sources."""
    today = datetime.datetime.now(tz=datetime.UTC).date()
    lines = []
    bought = found.own.purchase
    if bought is None:
        lines.append("Rent: no on-demand offer of these cards in one machine is known.")
    else:
        price = bought.price
        warning = price.staleness(today)
        lines.append(
            f"Rent: {show_usd(bought.rent_usd_per_month)} a month for {bought.text}, on demand, "
            f"seen {price.date}{f' ({warning})' if warning else ''}. {price.source}"
        )
    cards = found.cards_price
    if cards is not None:
        lines.append(
            f"To buy, cards alone: {show_usd(cards.low_usd)} to {show_usd(cards.high_usd)}. "
            f"{'; '.join(cards.notes)}"
        )
    return tuple(Paragraph(line) for line in lines)
