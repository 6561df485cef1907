"""The reports of decisions: go or no-go, criteria, lock-in, ecosystem."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rightrig.deployment.compatibility import SYSTEM_NAMES
from rightrig.planning.questions.criteria import NORMALISATION
from rightrig.planning.questions.ecosystem import SCORE_RULE, SOFT_RULE
from rightrig.planning.questions.go_no_go import CRITERIA
from rightrig.planning.questions.lock_in import exit_text
from rightrig.quantities import show_number, show_usd
from rightrig.report.document import Document, Grid, Paragraph
from rightrig.report.values import explanation_json

if TYPE_CHECKING:
    from rightrig.planning.questions.criteria import Ranking
    from rightrig.planning.questions.ecosystem import Ecosystem, Ecosystems
    from rightrig.planning.questions.go_no_go import Decision
    from rightrig.planning.questions.lock_in import Exit, LockIn
    from rightrig.report.schema.ask_decisions import (
        CriteriaJson,
        EcosystemJson,
        ExitJson,
        GoNoGoJson,
        LockInJson,
    )


def go_no_go_document(found: Decision) -> Document:
    """Return the decision, every criterion, and what blocks."""
    rows = tuple(
        (one.id, f"{one.weight_ratio:.0%}", "blocks" if one.blocks else "", reply, one.question)
        for one, reply in zip(CRITERIA, found.replies, strict=True)
    )
    first, *others = found.explain().sentences
    return (
        Paragraph(first, "good" if found.is_go else "bad"),
        Grid(("criterion", "weight", "", "answer", "question"), rows, (1,)),
        *(Paragraph(sentence) for sentence in others),
    )


def go_no_go_json(found: Decision) -> GoNoGoJson:
    """Return the decision as JSON."""
    return {
        "technique": found.technique,
        "go": found.is_go,
        "score_ratio": found.score_ratio,
        "blocking": [one.id for one in found.blocking],
        "open": [one.id for one in found.open],
        "criteria": [
            {
                "id": one.id, "question": one.question, "weight_ratio": one.weight_ratio,
                "blocks": one.blocks, "answer": reply, "evidence": one.evidence,
            }
            for one, reply in zip(CRITERIA, found.replies, strict=True)
        ],
        "explanation": explanation_json(found.explain()),
    }  # fmt: skip


def criteria_document(found: Ranking) -> Document:
    """Return the ranking, what would change it, and where computed values come from."""
    names = [f"{one.name} ({one.weight_ratio:.0%})" for one in found.criteria]
    rows = tuple(
        (
            str(place),
            option.name,
            f"{option.score_ratio:.3f}",
            *(
                f"{show_number(value)} → {normal:.2f}"
                for value, normal in zip(option.values, option.normal_ratio, strict=True)
            ),
        )
        for place, option in enumerate(found.options, 1)
    )
    numeric = (0, *range(2, 3 + len(names)))
    first, _, *others = found.explain().sentences
    return (
        Paragraph(first, "title"),
        Grid(("#", "option", "score", *names), rows, numeric),
        Paragraph(NORMALISATION, "dim"),
        *(Paragraph(sentence) for sentence in others),
        *(Paragraph(f"Computed: {note}.", "dim") for note in found.notes),
    )


def criteria_json(found: Ranking) -> CriteriaJson:
    """Return the ranking as JSON."""
    names = [one.name for one in found.criteria]
    return {
        "criteria": [
            {
                "name": one.name,
                "weight_ratio": one.weight_ratio,
                "better": one.better,
                "computed": one.computed,
            }
            for one in found.criteria
        ],
        "normalisation": NORMALISATION,
        "options": [
            {
                "name": option.name,
                "score_ratio": option.score_ratio,
                "values": dict(zip(names, option.values, strict=True)),
                "normal_ratios": dict(zip(names, option.normal_ratio, strict=True)),
            }
            for option in found.options
        ],
        "swings": [
            {
                "criterion": swing.criterion,
                "weight_now_ratio": swing.now_ratio,
                "weight_level_ratio": swing.weight_ratio,
                "winner": swing.winner or None,
            }
            for swing in found.swings
        ],
        "dominated": [{"option": worse, "by": better} for worse, better in found.dominated],
        "explanation": explanation_json(found.explain()),
    }


def lock_in_document(found: LockIn) -> Document:
    """Return the checklist, and what leaving costs."""
    rows = tuple((item.name, item.state) for item in found.items)
    own = found.own
    stay = (
        f"Staying: {own.cards_count} × {own.gpu} with {own.runtime} {own.weights} at "
        f"{show_usd(own.rent_usd_per_month)} a month carry {found.llm.name}."
        if own
        else f"Staying: no priced plan carries {found.llm.name} on {found.rig.gpu.slug}."
    )
    return (
        Paragraph(found.explain().sentences[0], "title"),
        Grid(("consideration", "state"), rows),
        *(Paragraph(f"- {item.name}: {item.text} [{item.source}]") for item in found.items),
        Paragraph(stay),
        *(Paragraph(exit_text(one)) for one in found.exits),
    )


def lock_in_json(found: LockIn) -> LockInJson:
    """Return the checklist as JSON."""
    return {
        "rig": found.rig.text,
        "runtime": found.runtime.slug,
        "model": found.llm.name,
        "tied_count": found.tied_count,
        "items": [
            {"name": i.name, "state": i.state, "text": i.text, "source": i.source}
            for i in found.items
        ],
        "own_rent_usd_per_month": found.own.rent_usd_per_month if found.own else None,
        "exits": [_exit_json(one) for one in found.exits],
        "explanation": explanation_json(found.explain()),
    }


def _exit_json(found: Exit) -> ExitJson:
    """Return what leaving for one vendor costs as JSON."""
    plan = found.plan
    return {
        "vendor": found.vendor,
        "gpu": plan.gpu if plan else None,
        "cards_count": plan.cards_count if plan else None,
        "rent_usd_per_month": plan.rent_usd_per_month if plan else None,
        "difference_usd_per_month": found.difference_usd_per_month,
        "text": exit_text(found),
    }


def ecosystem_document(found: Ecosystems) -> Document:
    """Return the counts of each card, and the score that they add up to."""
    first = found.cards[0]
    headers = ("component", *(card.gpu.slug for card in found.cards))
    rows = [
        (
            one.name,
            *(f"{len(card.components[place].names)} of {one.most_count}" for card in found.cards),
        )
        for place, one in enumerate(first.components)
    ]
    rows.append(("score", *(f"{card.score_ratio:.2f}" for card in found.cards)))
    rows.append(
        ("compute capability", *(card.gpu.compute_capability or "–" for card in found.cards))
    )
    rows.append(("measured", *(card.evidence for card in found.cards)))
    soft = [found.soft_usd(card) for card in found.cards]
    known = [usd for usd in soft if usd is not None]
    rows += [("soft cost", *map(show_usd, known))] if known else []
    return (
        Paragraph("The software around " + ", ".join(c.gpu.slug for c in found.cards), "title"),
        Grid(headers, tuple(rows), tuple(range(1, len(headers)))),
        Paragraph(SCORE_RULE, "dim"),
        *((Paragraph(SOFT_RULE, "dim"),) if known else ()),
        *(block for card in found.cards for block in _ecosystem_notes(card)),
    )


def _ecosystem_notes(card: Ecosystem) -> Document:
    """Return the names behind the counts of one card."""
    shown = [
        f"{one.name}: {', '.join(one.names)}"
        for one in card.components
        if one.names and one.name != "families of models"
    ]
    families = ", ".join(f"{name} {count}" for name, count in card.families_count.items())
    shown += [f"families served: {families}"] if families else []
    systems = ", ".join(f"{SYSTEM_NAMES[n]} {c}" for n, c in sorted(card.systems_count.items()))
    shown += [f"runtimes by operating system: {systems}"] if systems else []
    shown += [f"below the floor of: {', '.join(card.below_floor)}"] if card.below_floor else []
    return (
        Paragraph(card.gpu.slug, "warn"),
        *(Paragraph(f"- {line}.") for line in shown),
    )


def ecosystem_json(found: Ecosystems) -> EcosystemJson:
    """Return the counts as JSON."""
    return {
        "cards": [
            {
                "gpu": card.gpu.slug,
                "score_ratio": card.score_ratio,
                "components": [
                    {
                        "name": one.name, "count": len(one.names), "most_count": one.most_count,
                        "ratio": one.ratio, "names": list(one.names),
                    }
                    for one in card.components
                ],
                "families_count": card.families_count,
                "systems_count": card.systems_count,
                "below_floor": list(card.below_floor),
                "compute_capability": card.gpu.compute_capability,
                "evidence": card.evidence,
                "soft_usd": found.soft_usd(card),
            }
            for card in found.cards
        ],
        "explanation": explanation_json(found.explain()),
    }  # fmt: skip
