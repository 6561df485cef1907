"""The report of a fit: a bar per card, what takes the memory, what remains, what would help."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rightrig.deployment.compatibility import SYSTEM_NAMES
from rightrig.deployment.limits import version_of
from rightrig.prediction.format_room import format_room
from rightrig.prediction.host_loading import loading_host_bytes
from rightrig.quantities import GIB, show_bytes, show_gib
from rightrig.report.document import Bar, Bars, Document, Grid, Paragraph
from rightrig.report.values import (
    deployment_json,
    deployment_text,
    explanation_json,
    interval_json,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rightrig.interval import Interval
    from rightrig.prediction.levers import Lever
    from rightrig.prediction.memory_fit import CardFit, Fit
    from rightrig.report.schema.fitting import CardFitJson, FitJson, WeightRoomJson

_STYLE = {"fits": "good", "tight": "warn", "offload": "warn", "no": "bad"}
_MANY = 4
_SIXTEEN_BITS = 16.0
_EIGHT_BITS = 8.0
_LEAST_BITS = 1.0


def fit_document(fit: Fit, changes: Sequence[Lever]) -> Document:
    """Return a fit as a document."""
    explanation = fit.explain()
    blocks: list[object] = [
        Paragraph(deployment_text(fit.deployment), "title"),
        Paragraph(f"{fit.verdict.upper()}: {explanation.sentences[0]}", _STYLE[fit.verdict]),  # type: ignore[arg-type]
        _bars(fit),
        _components(fit.binding),
        Paragraph(_kv_sentence(fit)),
        Paragraph(_room_sentence(fit)),
    ]
    if fit.lies_on_host or fit.host_bytes:
        blocks.append(Paragraph(_host_sentence(fit)))
    blocks += [Paragraph(text) for text in (_bits_sentence(fit), _loading_sentence(fit)) if text]
    if changes:
        blocks.append(Paragraph("What would make it fit, cheapest first:", "title"))
        blocks += [
            Paragraph(f"  {lever.change}   → {lever.fit.verdict}, costs {lever.costs}")
            for lever in changes
        ]
    blocks += [Paragraph(note, "dim") for note in _notes(fit)]
    return tuple(blocks)  # type: ignore[arg-type]


def _bars(fit: Fit) -> Bars:
    """Return one bar a card; equal cards of a large rig share one."""
    shown: list[tuple[str, CardFit]] = []
    cards = fit.cards
    start = 0
    for index, card in enumerate(cards):
        last = index + 1 == len(cards)
        if last or _differs(card, cards[index + 1]) or len(cards) <= _MANY:
            label = f"card {start}" if start == index else f"cards {start}-{index}"
            shown.append((f"{label} {card.gpu}", card))
            start = index + 1
    bars = tuple(
        Bar(
            label,
            tuple((part.name, part.size_bytes.mid / GIB) for part in card.components),
            card.total_bytes.mid / GIB,
            card.budget_bytes.mid / GIB,
            _need_text(card),
        )
        for label, card in shown
    )
    return Bars(bars, {"kv": "KV cache", "steps_ahead": "steps ahead"}, "GiB")


def _need_text(card: CardFit) -> str:
    """Return need, budget and verdict of one card."""
    need, budget = show_gib(card.required_bytes.mid), show_gib(card.budget_bytes.mid)
    return f"{need} of {budget}, {card.verdict}"


def _differs(left: CardFit, right: CardFit) -> bool:
    """Whether two neighbouring cards hold different things."""
    return (left.gpu, left.components) != (right.gpu, right.components)


def _components(card: CardFit) -> Grid:
    """Return the parts of the binding card with their intervals and grounds."""
    rows: list[tuple[str, ...]] = [
        (
            part.name if part.is_budgeted else f"({part.name})",
            show_bytes(part.size_bytes.mid),
            _between(part.size_bytes),
            _short(part.basis),
        )
        for part in card.components
    ]
    rows.append(
        (
            "free",
            show_bytes(card.free_bytes),
            "",
            f"budget {show_gib(card.budget_bytes.mid)} of {show_gib(card.total_bytes.mid)}",
        )
    )
    headers = ("part", "size", "80 % between", "grounds")
    return Grid(headers, tuple(rows), (1, 2), title=f"On the tightest card, card {card.card}:")


def _between(size_bytes: Interval) -> str:
    """Return the ends of an interval, or that there is none."""
    if size_bytes.low == size_bytes.high:
        return "exact"
    return f"{size_bytes.low / GIB:.2f} … {size_bytes.high / GIB:.2f} GiB"


def _short(text: str, width: int = 50) -> str:
    """Return a text cut at a word."""
    return text if len(text) <= width else text[: width - 1].rsplit(" ", 1)[0] + " …"


def _kv_sentence(fit: Fit) -> str:
    """Say what the KV cache takes, as the engine stores it and without its rounding."""
    split = fit.deployment.parallelism
    cards = len(fit.cards) // split.attention_dp
    text = (
        f"KV cache: {fit.kv_bytes_per_token:,.0f} B a token; one sequence of "
        f"{fit.context_tokens:,} tokens takes {show_bytes(fit.kv_sequence_bytes)} over "
        f"{cards} card{'s' if cards > 1 else ''}"
    )
    if fit.offloaded_layers:
        text += f" (of {show_bytes(fit.kv_sequence_ideal_bytes)}; the rest in host memory)"
    elif abs(fit.kv_sequence_bytes / fit.kv_sequence_ideal_bytes - 1.0) > 0.001:  # noqa: PLR2004 - not shown
        text += (
            f" ({show_bytes(fit.kv_sequence_ideal_bytes)} without pages, padding and replication)"
        )
    if fit.deployment.llm.has_mla and split.tp > split.context_parallel:
        text += (
            f"; the latent is whole on each of {split.tp // split.context_parallel} ranks, "
            f"{fit.binding.kv_bytes_per_token:,.0f} B a token"
        )
    return f"{text}. Weights: {show_bytes(fit.weights_bytes)}."


def _room_sentence(fit: Fit) -> str:
    """Say how far context and concurrency could go, each with the other as asked."""
    limit = fit.deployment.llm.max_context_tokens
    whole = " (the model's own limit)" if fit.max_context_tokens == limit else ""
    by = " by the cards alone" if fit.is_short_of_host else ""
    return (
        f"Largest possible{by}: {fit.max_context_tokens:,} tokens of context{whole} at concurrency "
        f"{fit.concurrency:,}; {fit.max_concurrency:,} concurrent "
        f"sequence{'' if fit.max_concurrency == 1 else 's'} of {fit.context_tokens:,} tokens."
    )


def _host_sentence(fit: Fit) -> str:
    """Say what stays in host memory."""
    hosted = fit.deployment.placement.host_expert_layers
    parts = ["the input embedding and buffers"]
    parts += [f"the experts of {hosted} layers"] if hosted else []
    parts += [f"{fit.offloaded_layers} layers"] if fit.offloaded_layers else []
    return f"Host memory: {show_bytes(fit.host_bytes)} for {', '.join(parts)}."


def _bits_sentence(fit: Fit) -> str:
    """Say how many bits a weight could take, and what so few cost."""
    if fit.lies_on_host:
        return ""
    room = format_room(fit)
    if room.bits_per_weight >= _SIXTEEN_BITS:
        return "Room for weights: 16 bits and more."
    if room.bits_per_weight < _LEAST_BITS:
        return "Room for weights: not even one bit each."
    text = f"Room for weights: {room.bits_per_weight:.2f} bits each on average"
    if room.point is not None and room.table is not None and room.bits_per_weight < _EIGHT_BITS:
        text += (
            f"; of llama.cpp's formats at most {room.point.format}, whose perplexity was "
            f"{room.point.perplexity_ratio - 1.0:+.1%} on {room.table.model}"
        )
    return text + (" (quality risk: below 3 bits)." if room.is_risky else ".")


def _loading_sentence(fit: Fit) -> str:
    """Say what host memory loading wants, and whether the rig names less."""
    need = loading_host_bytes(fit)
    text = (
        f"Host memory while loading: {show_bytes(need.low)} at least, {show_bytes(need.high)} to "
        "keep the checkpoint cached."
    )
    own = fit.deployment.rig.host_memory_bytes
    if own is not None and own < need.low:
        text += f" The rig names {show_gib(own)}: too little."
    return text


def _notes(fit: Fit) -> list[str]:
    """Return what a reader should know before trusting the numbers."""
    gpu = fit.deployment.rig.gpu
    notes = [f"Memory of {gpu.slug}: {gpu.evidence_of_memory}."]
    if any(not part.is_budgeted for part in fit.binding.components):
        notes.append(
            "Parts in brackets lie beside the share that the engine's memory fraction grants."
        )
    notes += _rig_notes(fit)
    runtime, version = fit.deployment.runtime, fit.deployment.version
    if version and version_of(version) > version_of(runtime.version):
        notes.append(
            f"{runtime.name} {version} is newer than {runtime.version}, the newest of its record, "
            "whose rules are used."
        )
    llm = fit.deployment.llm
    if llm.not_counted:
        notes.append(f"Not counted: {', '.join(llm.not_counted)}.")
    if fit.deployment.parallelism.replicas > 1 and fit.deployment.rig.is_uniform:
        notes.append(
            f"Cards of one of {fit.deployment.parallelism.replicas} equal engines are shown."
        )
    return notes


def _rig_notes(fit: Fit) -> list[str]:
    """Return what to know of MIG instances and of the operating system."""
    deployment = fit.deployment
    notes = []
    for group in deployment.rig.groups:
        if group.mig:
            cards = -(-group.count // group.mig_most_count)
            notes.append(
                f"{group.count} instances of {group.mig}, of which one card has "
                f"{group.mig_most_count} at most: {cards} card{'s' if cards > 1 else ''}."
            )
    system = deployment.operating_system
    caveat = deployment.runtime.operating_systems.get(system, "") if system else ""
    if system and caveat:
        notes.append(f"{deployment.runtime.name} on {SYSTEM_NAMES[system]}: {caveat}")
    return notes


def fit_json(fit: Fit, changes: Sequence[Lever]) -> FitJson:
    """Return a fit as JSON."""
    return {
        "verdict": fit.verdict,
        "deployment": deployment_json(fit.deployment),
        "context_tokens": fit.context_tokens,
        "concurrency": fit.concurrency,
        "weights_bytes": fit.weights_bytes,
        "kv_bytes_per_token": fit.kv_bytes_per_token,
        "kv_bytes_per_sequence": fit.kv_sequence_bytes,
        "kv_bytes_per_sequence_ideal": fit.kv_sequence_ideal_bytes,
        "max_context_tokens": fit.max_context_tokens,
        "max_concurrency": fit.max_concurrency,
        "host_bytes": fit.host_bytes,
        "loading_host_bytes": interval_json(loading_host_bytes(fit)),
        "room_for_weights": _room_json(fit),
        "offloaded_layers": fit.offloaded_layers,
        "binding_card": fit.binding.card,
        "cards": [_card_json(card) for card in fit.cards],
        "levers": [
            {"change": x.change, "costs": x.costs, "verdict": x.fit.verdict} for x in changes
        ],
        "explanation": explanation_json(fit.explain()),
    }


def _room_json(fit: Fit) -> WeightRoomJson:
    """Return the room for weights as JSON."""
    room = format_room(fit)
    return {
        "bits_per_weight": room.bits_per_weight,
        "format": room.point.format if room.point else None,
        "perplexity_ratio": room.point.perplexity_ratio if room.point else None,
        "measured_on": room.table.model if room.table else None,
        "quality_risk": room.is_risky,
    }


def _card_json(card: CardFit) -> CardFitJson:
    """Return one card as JSON."""
    return {
        "card": card.card,
        "gpu": card.gpu,
        "verdict": card.verdict,
        "total_bytes": interval_json(card.total_bytes),
        "budget_bytes": interval_json(card.budget_bytes),
        "required_bytes": interval_json(card.required_bytes),
        "free_bytes": card.free_bytes,
        "headroom_ratio": card.headroom_ratio,
        "kv_bytes_per_token": card.kv_bytes_per_token,
        "kv_bytes_per_sequence": card.kv_sequence_bytes,
        "max_context_tokens": card.max_context_tokens,
        "max_seqs": card.max_seqs,
        "components": [
            {
                "name": part.name,
                "bytes": interval_json(part.size_bytes),
                "source": part.basis,
                "in_budget": part.is_budgeted,
            }
            for part in card.components
        ],
    }
