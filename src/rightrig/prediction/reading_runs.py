"""Published rows of speed as runs that can be predicted, or the reason why not."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from rightrig.errors import InputError
from rightrig.facts.measurement import positive_number
from rightrig.prediction.accuracy_words import count_after
from rightrig.prediction.reading_runs_layout import layout_of
from rightrig.prediction.reading_runs_rules import first_rule
from rightrig.prediction.reading_runs_words import Lengths, first_count, lengths_of, subject_of
from rightrig.prediction.runs import InferenceRun
from rightrig.quantities import GIB
from rightrig.work.weights import weight_bytes

if TYPE_CHECKING:
    from rightrig.facts.catalog import Catalog
    from rightrig.facts.measurement import Measurement
    from rightrig.prediction.reading_runs_layout import Layout
    from rightrig.prediction.reading_runs_words import Subject
    from rightrig.prediction.runs import Metric, Regime

_MILLI_RATIO: Final = 1e-3
METRICS: Final[dict[str, tuple[Metric, float]]] = {
    "ttft_ms": ("ttft_s", _MILLI_RATIO),
    "tpot_ms": ("tpot_s", _MILLI_RATIO),
    "itl_ms": ("tpot_s", _MILLI_RATIO),
    "output_tok_s_total": ("output_tokens_per_s", 1.0),
    "decode_tok_s_per_seq": ("output_tokens_per_s", 1.0),
    "prefill_tok_s": ("prompt_tokens_per_s", 1.0),
    "total_tok_s": ("total_tokens_per_s", 1.0),
    "req_s": ("requests_per_s", 1.0),
}
"""Measures as tables name them: ours, and what a value is multiplied by."""
_OFFLOAD_RATIO: Final = 0.88
"""Ollama keeps layers in host memory where the weights take more of the card than this."""
_UNIFIED_RATIO: Final = 0.95
_RUNNING: Final = re.compile(r"avg running (\d+(?:\.\d+)?)")
_SEQS: Final = re.compile(r"max_num_seqs[ =:]*(\d{1,6})")
_MEDIAN: Final = re.compile(r"\bp50\b(?! TTFT| TPOT)")
_RATIO: Final = re.compile(r"gpu[_-]memory[_-]utili[sz]ation[ =:]*(0\.\d+)")


@dataclass(frozen=True, slots=True)
class _Load:
    """How the engine was loaded, and what of it was measured."""

    regime: Regime
    kind: str
    lengths: Lengths
    seqs: float | None
    metric: Metric
    measured: float
    starts_empty: bool

    @property
    def input_tokens(self) -> float:
        """Tokens of a prompt."""
        return self.lengths.input_tokens or 0.0

    @property
    def output_tokens(self) -> float:
        """Tokens of an answer."""
        return self.lengths.output_tokens or 1.0

    @property
    def context_tokens(self) -> float:
        """Mean context of a sequence while it generates."""
        before = 0.0 if self.starts_empty else self.input_tokens
        return before + self.output_tokens / 2.0


def read_run(row: Measurement, catalog: Catalog) -> InferenceRun:
    """Return the run that a row of ``inference`` or ``serving`` describes.

    Raises:
        InputError: one sentence why no model of speed can predict it.
    """
    if row.fault:
        raise InputError(row.fault)
    positive_number(row["value"])
    refused = first_rule("refusal", row.__getitem__)
    if refused:
        raise InputError(refused["reason"])
    subject = subject_of(row, catalog)
    load = _load(row)
    layout = layout_of(row, subject, catalog)
    _check_offload(subject)
    return _run(row, subject, load, layout)


def _run(row: Measurement, subject: Subject, load: _Load, layout: Layout) -> InferenceRun:
    """Return the parts of a row together."""
    ratio = _RATIO.search(row["notes"])
    limit = _SEQS.search(f"{row['concurrency_or_batch']} {row['notes']}")
    median = "a median" if _MEDIAN.search(row["notes"]) else ""
    notes = (*subject.notes, layout.note, load.lengths.note, median)
    return InferenceRun(
        llm=subject.llm,
        rig=layout.rig,
        split=layout.split,
        expert_parallel=layout.expert_parallel,
        precision=subject.precision,
        runtime=subject.runtime,
        version=subject.version,
        date=row["date"],
        regime=load.regime,
        input_tokens=load.input_tokens,
        output_tokens=load.output_tokens,
        seqs=load.seqs,
        context_tokens=load.context_tokens,
        metric=load.metric,
        measured=load.measured,
        kind=load.kind,
        memory_ratio=float(ratio[1]) if ratio else None,
        max_seqs=int(limit[1]) if limit else None,
        max_batched_tokens=count_after("max_num_batched_tokens", row["notes"]),
        alternatives=layout.alternatives,
        note="; ".join(filter(None, notes)),
    )


def _load(row: Measurement) -> _Load:
    """Return how the engine was loaded.

    Raises:
        InputError: when lengths or sequences are missing that the measure depends on.
    """
    said = first_rule("kind", row.__getitem__)
    if row["metric"] not in METRICS:
        raise InputError(f"{row['metric'][:30]!r} is not a measure that is predicted")
    metric, scale = METRICS[row["metric"]]
    lengths = lengths_of(row, _defaults(said, row["metric"]))
    regime: Regime = said["regime"]
    seqs = None if regime == "offline" else _seqs(row)
    value = positive_number(row["value"])
    measured = value * scale
    if row["metric"] == "decode_tok_s_per_seq":
        measured *= seqs or 1.0
    if regime == "closed_loop" and metric == "prompt_tokens_per_s":
        # Of several users, the rate of one prompt: its tokens over its time to the first token.
        measured, metric = (lengths.input_tokens or 0.0) / value, "ttft_s"
    if regime == "prompt" and metric == "ttft_s":
        regime = "closed_loop"
    _check_lengths(lengths, regime, metric)
    is_empty = said.get("context") == "empty"
    return _Load(regime, said["kind"], lengths, seqs, metric, measured, is_empty)


def _defaults(said: dict[str, Any], metric: str) -> dict[str, float]:
    """Return the lengths of a kind of source; a measure of prompts needs a stated one."""
    if metric in {"ttft_ms", "prefill_tok_s"}:
        return {}
    return {key: said[key] for key in ("input_tokens", "output_tokens") if key in said}


def _seqs(row: Measurement) -> float:
    """Return users or batch; as many as ran on average, where a row says so."""
    stated = first_count(row["concurrency_or_batch"])
    if stated is None and row["concurrency_or_batch"]:
        raise InputError(
            f"the load is not stated as a number: {row['concurrency_or_batch'][:40]!r}"
        )
    running = _RUNNING.search(row["notes"])
    seqs = stated or 1.0
    return min(seqs, float(running[1])) if running and float(running[1]) >= 1.0 else seqs


def _check_lengths(lengths: Lengths, regime: Regime, metric: Metric) -> None:
    """Refuse a measure whose lengths nobody states."""
    if lengths.input_tokens is None:
        raise InputError("the length of the prompts is not stated")
    is_of_prompt = regime == "prompt" or metric == "ttft_s"
    if is_of_prompt and lengths.input_tokens < 1.0:
        raise InputError("the length of the prompts is not stated")
    if lengths.output_tokens is None and not is_of_prompt:
        raise InputError("the length of the answers is not stated")


def _check_offload(subject: Subject) -> None:
    """Refuse an engine that keeps in host memory what the card has no room for."""
    if subject.runtime.slug != "ollama":
        return
    gpu = subject.gpu
    room_bytes = _OFFLOAD_RATIO * gpu.memory_bytes.mid
    if gpu.memory_is_unified:
        # The share that the system leaves to the GPU is a setting, and hosts of such weights
        # raise it.
        room_bytes = _UNIFIED_RATIO * gpu.memory_marketed_gib * GIB
    if weight_bytes(subject.llm, subject.precision.weights) > room_bytes:
        raise InputError(
            f"the weights exceed {_OFFLOAD_RATIO:.0%} of {gpu.slug}: Ollama keeps a part of them "
            "in host memory"
        )
