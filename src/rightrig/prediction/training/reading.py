"""Published rows of training as jobs that can be predicted, or the reason why not."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Literal

from rightrig.deployment.training import TrainingJob
from rightrig.errors import InputError
from rightrig.facts.measurement import positive_number
from rightrig.prediction.accuracy_words import source_project
from rightrig.prediction.reading_runs_rules import first_rule
from rightrig.prediction.training.as_needed import least_that_fits
from rightrig.prediction.training.reading_words import (
    BOOK,
    adapter_of,
    batch_of,
    card_named,
    checkpointed_ratio,
    model_named,
    rig_of,
    split_of,
    states_of,
    texts,
)
from rightrig.quantities import GB, GIB, TERA

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rightrig.facts.catalog import Catalog
    from rightrig.facts.measurement import Measurement
    from rightrig.work.training_flop import FlopConvention

TrainingMetric = Literal[
    "tokens_per_s_per_card", "mfu_ratio", "flop_per_s_per_card", "peak_memory_bytes"
]
COLUMNS: Final[dict[str, TrainingMetric]] = {
    "tok_s_per_gpu": "tokens_per_s_per_card",
    "mfu": "mfu_ratio",
    "tflops": "flop_per_s_per_card",
    "peak_mem_gb": "peak_memory_bytes",
}
"""Columns of measured values, the one that a row is judged on first, and what each measures."""
_SECTIONS: Final = (
    "framework", "method", "targets", "base", "compute", "sharing", "recipe", "checkpointing",
    "offload", "optimizer", "compiled", "parallel", "schedule", "overlap", "length",
    "machine",
)  # fmt: skip
_AS_NEEDED: Final = "as-needed"


@dataclass(frozen=True, slots=True)
class TrainingRun:
    """One measured run of training.

    Attributes:
        metric: What the row is judged on.
        measured: Its value: tokens a second and card, a ratio, flop a second and card, or bytes
            of the fullest card.
        also: The row's other measures, likewise.
        kind: The framework that ran it, a slug of ``training.toml``.
        source: The project that published it.
        note: What had to be read into the row.
        flop_convention: How the framework counts the flop of a token.
        mfu_at_16_bits: Whether its MFU is over the peak of 16 bits whatever it computes in.
        memory_unit_bytes: Bytes of one unit of the row's memory; where it sums several cards,
            over their number.
    """

    job: TrainingJob
    metric: TrainingMetric
    measured: float
    also: Mapping[TrainingMetric, float]
    kind: str
    source: str
    note: str
    memory_unit_bytes: float
    flop_convention: FlopConvention = "palm"
    mfu_at_16_bits: bool = False


def training_run(row: Measurement, catalog: Catalog) -> TrainingRun:
    """Return the run that a row of ``training`` describes.

    Raises:
        InputError: one sentence why it cannot be predicted.
    """
    if row.fault:
        raise InputError(row.fault)
    said = _said(row)
    fixed, fixed_note = _fixed_job(row, said, catalog)
    job, plan_note = _planned(fixed, said)
    unit_bytes = {"gb": GB, "gib": GIB}[said.get("memory_unit", "gb")]
    unit_bytes /= job.cards_count if said.get("sums_cards") else 1
    measures = _measures(row, unit_bytes)
    metric = next(iter(measures))
    notes = (fixed_note, said.get("said", ""), plan_note)
    return TrainingRun(
        job=job,
        metric=metric,
        measured=measures.pop(metric),
        also=measures,
        kind=said["slug"],
        source=source_project(row["source"]),
        note="; ".join(filter(None, notes)),
        memory_unit_bytes=unit_bytes,
        flop_convention=said.get("flop_convention", "palm"),
        mfu_at_16_bits=said.get("mfu_at_16_bits", False),
    )


def _fixed_job(row: Measurement, said: dict[str, Any], catalog: Catalog) -> tuple[TrainingJob, str]:
    """Return the job as far as the row and the rules fix it, and what was read into its names."""
    gpu, gpu_note = card_named(row, catalog)
    llm, llm_note = model_named(row, catalog)
    rig = rig_of(row, gpu, said, catalog)
    split = split_of(row, said)
    job = TrainingJob(
        llm=llm,
        rig=rig,
        method=said["method"],
        batch=batch_of(row, said, split, split.data_ranks(rig.cards_count)),
        split=split,
        states=states_of(said),
        adapter=adapter_of(row, said),
        framework=said["slug"],
        has_flash_attention=said.get("has_flash_attention", True),
        has_fused_loss=said.get("has_fused_loss", False),
        checkpointed_ratio=checkpointed_ratio(row, said),
        is_compiled=said.get("is_compiled", False),
        has_async_tp=said.get("has_async_tp", False),
        date=said.get("date", ""),
    )
    return job, "; ".join(filter(None, (gpu_note, llm_note)))


def _said(row: Measurement) -> dict[str, Any]:
    """Return what the rules say of a row; later sections overrule earlier ones.

    Raises:
        InputError: for what nothing here predicts.
    """
    text_of = texts(row)
    refused = first_rule("refusal", text_of, BOOK)
    if refused:
        raise InputError(refused["reason"])
    said: dict[str, Any] = {}
    for section in _SECTIONS:
        said |= first_rule(section, text_of, BOOK)
    return said


def _planned(job: TrainingJob, said: dict[str, Any]) -> tuple[TrainingJob, str]:
    """Return the job with what its framework does as memory asks for it, and a note of that."""
    offload, kept = said.get("offload", "none"), said.get("checkpointing", "full")
    if _AS_NEEDED not in {offload, kept}:
        job = replace(job, checkpointing=kept, states=replace(job.states, offload=offload))
        return job, ""
    found = least_that_fits(job)
    words = (
        f"checkpointing {found.checkpointing}, offload {found.states.offload}, "
        f"sharing {found.split.sharing}"
    )
    return found, f"read as the least that fits: {words}"


def _measures(row: Measurement, memory_unit_bytes: float) -> dict[TrainingMetric, float]:
    """Return all that the row measured, the one that it is judged on first.

    Raises:
        InputError: when it measured nothing, or one of the values is no number.
    """
    scales = {"tflops": TERA, "peak_mem_gb": memory_unit_bytes}
    found = {
        metric: positive_number(row[column]) * scales.get(column, 1.0)
        for column, metric in COLUMNS.items()
        if row[column]
    }
    if not found:
        raise InputError("the row states no measured value")
    return found
