"""Steps on more and more cards: what each saves, and where it saves nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rightrig.quantities import show_seconds
from rightrig.report.document import Document, Grid, Paragraph

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rightrig.prediction.splits import Divided, Undivided
    from rightrig.report.schema.predicting import SplitsJson, SplitStepJson

    Found = Sequence[tuple[tuple[Divided, ...], tuple[Undivided, ...]]]

_HEADERS = (
    "rig", "cards", "kernels", "communication", "host", "step", "speed-up", "efficiency", "memory",
)  # fmt: skip


def splits_document(model: str, users: int, input_tokens: int, found: Found) -> Document:
    """Return the steps of every rig, those that decode and those that read a prompt."""
    steps = [step for divided, _ in found for step in divided]
    titles = {
        "decode": f"A step that decodes for {users:,} user{'s' * (users > 1)}",
        "prompt": (
            f"A step that reads a prompt of {input_tokens:,} tokens, or as much as a step takes"
        ),
    }
    tables = [
        Grid(
            _HEADERS,
            tuple(_row(step) for step in steps if step.work == work),
            (1, 2, 3, 4, 5, 6, 7),
            title=title,
            spare=(4,),
        )
        for work, title in titles.items()
    ]
    refused = [one for _, undivided in found for one in undivided]
    return (
        Paragraph(f"{model} on tensor-parallel ranks", "title"),
        *tables,
        *(Paragraph(sentence, "warn") for sentence in _slower(steps)),
        *(Paragraph(sentence) for divided, _ in found for sentence in _quickest(divided)),
        *(
            Paragraph(f"{one.rig} on {one.ranks_count} cards: {one.reason}", "dim")
            for one in refused
        ),
        Paragraph(
            "Efficiency is speed-up over cards. Where memory says no, the step is that of cards "
            "which would hold the model.",
            "dim",
        ),
    )


def _row(step: Divided) -> tuple[str, ...]:
    """Return one step as a row."""
    return (
        step.rig,
        str(step.ranks_count),
        show_seconds(step.kernels_s),
        show_seconds(step.communication_s) if step.communication_s else "–",
        show_seconds(step.host_s),
        show_seconds(step.total_s),
        f"{step.speedup_ratio:.2f}×",
        f"{step.efficiency_ratio:.0%}",
        step.verdict,
    )


_DOES = {"decode": "decodes", "prompt": "reads a prompt"}


def _slower(steps: Sequence[Divided]) -> Iterator[str]:
    """Yield in words where more cards are slower than one."""
    for step in steps:
        if step.speedup_ratio < 1.0:
            yield (
                f"{step.rig}: on {step.ranks_count} cards it {_DOES[step.work]} "
                f"{step.speedup_ratio:.2f} times as fast as on one: slower, as messages take "
                f"{show_seconds(step.communication_s)} of {show_seconds(step.total_s)}."
            )


def _quickest(divided: Sequence[Divided]) -> Iterator[str]:
    """Yield the quickest split of a rig for each kind of step."""
    for work, does in _DOES.items():
        own = [step for step in divided if step.work == work]
        best = min(own, key=lambda step: step.total_s, default=None)
        if best is not None:
            yield (
                f"{best.rig} {does} quickest on {best.ranks_count} "
                f"card{'s' * (best.ranks_count > 1)}: {best.speedup_ratio:.2f} times one card."
            )


def splits_json(model: str, users: int, input_tokens: int, found: Found) -> SplitsJson:
    """Return the steps of every rig as JSON."""
    return {
        "model": model,
        "concurrency": users,
        "input_tokens": input_tokens,
        "steps": [_step_json(step) for divided, _ in found for step in divided],
        "refused": [
            {"rig": one.rig, "tp": one.ranks_count, "reason": one.reason}
            for _, undivided in found
            for one in undivided
        ],
    }


def _step_json(step: Divided) -> SplitStepJson:
    """Return one step as JSON."""
    return {
        "rig": step.rig,
        "tp": step.ranks_count,
        "work": step.work,
        "kernels_s": step.kernels_s,
        "communication_s": step.communication_s,
        "host_s": step.host_s,
        "total_s": step.total_s,
        "speedup_ratio": step.speedup_ratio,
        "efficiency_ratio": step.efficiency_ratio,
        "is_slower_than_one": step.speedup_ratio < 1.0,
        "fit_verdict": step.verdict,
    }
