"""``finetune`` as JSON."""

from __future__ import annotations

import math
from dataclasses import fields
from typing import TYPE_CHECKING

from rightrig.report.finetune_money import spent_json
from rightrig.report.risk_values import files_json
from rightrig.report.values import explanation_json, interval_json

if TYPE_CHECKING:
    from rightrig.deployment.training import TrainingJob
    from rightrig.planning.finetuning.methods import Methods, Run, ScaledRun
    from rightrig.planning.finetuning.search import Doer, Search
    from rightrig.prediction.finetune import Finetune
    from rightrig.prediction.training.diagnosis import Diagnosis
    from rightrig.prediction.training.memory import TrainingMemory
    from rightrig.prediction.training.time import TrainingTime
    from rightrig.report.risk_values import Files
    from rightrig.report.schema.finetune import (
        DoerJson,
        TrainedJson,
        TrainingDiagnosisJson,
        TrainingJobJson,
        TrainingMemoryJson,
        TrainingMethodsJson,
        TrainingRunJson,
        TrainingScalingJson,
        TrainingSearchJson,
        TrainingTimeJson,
    )


def job_json(job: TrainingJob) -> TrainingJobJson:
    """Return a job as JSON."""
    split, batch, states, adapter = job.split, job.batch, job.states, job.adapter
    return {
        "model": job.llm.name,
        "rig": job.rig.text,
        "method": job.method,
        "framework": job.framework,
        "seq_tokens": batch.seq_tokens,
        "micro_seqs": batch.micro_seqs,
        "accumulation_count": batch.accumulation_count,
        "useful_ratio": batch.useful_ratio,
        "step_tokens": job.step_tokens,
        "tp": split.tp,
        "pp": split.pp,
        "context_parallel": split.context_parallel,
        "data_ranks": job.data_ranks,
        "sharing": split.sharing,
        "checkpointing": job.checkpointing,
        "optimizer": states.optimizer,
        "has_master_weights": states.has_master_weights,
        "base": states.base,
        "compute": states.compute,
        "offload": states.offload,
        "rank": None if job.method == "full" else adapter.rank,
        "targets": None if job.method == "full" else adapter.targets,
    }


def memory_json(memory: TrainingMemory) -> TrainingMemoryJson:
    """Return the memory of the fullest card as JSON."""
    return {
        "verdict": memory.verdict,
        "phase": memory.phase,
        "parts_bytes": {part.name: interval_json(part.size_bytes) for part in memory.parts},
        "required_bytes": interval_json(memory.required_bytes),
        "budget_bytes": interval_json(memory.budget_bytes),
        "whole_state_bytes": memory.whole_state_bytes,
        "rig_bytes": memory.rig_bytes,
        "host_bytes": memory.host_bytes,
    }


def time_json(time: TrainingTime) -> TrainingTimeJson:
    """Return the speed of a job as JSON."""
    return {
        "tokens_per_s": interval_json(time.tokens_per_s),
        "useful_tokens_per_s": interval_json(time.useful_tokens_per_s),
        "mfu_ratio": interval_json(time.mfu_ratio),
        "hfu_ratio": interval_json(time.hfu_ratio),
        "step_s": interval_json(time.step_s),
        "parts_s": {
            part.name.removesuffix("_s"): float(getattr(time.parts, part.name))
            for part in fields(time.parts)
        },
        "bottleneck": time.bottleneck,
        "communication_ratio": time.communication_ratio,
        "closeness": time.closeness,
    }


def found_json(found: Finetune) -> TrainedJson:
    """Return a job with its memory, and its time where it fits."""
    return {
        "job": job_json(found.job),
        "verdict": found.verdict,
        "memory": memory_json(found.memory),
        "time": None if found.time is None else time_json(found.time),
    }


def run_json(
    run: Run, scaled: ScaledRun | None = None, files: Files | None = None
) -> TrainingRunJson:
    """Return one job on one rig as JSON."""
    nearest = run.nearest
    return {
        **found_json(run.found),
        "nearest_remedy": None if nearest is None else nearest.name,
        "remedies": [
            {
                "name": one.name,
                "verdict": one.found.verdict,
                "required_bytes": one.found.memory.required_bytes.mid,
            }
            for one in run.remedies
        ],
        "scaling": None if scaled is None else _scaled_json(scaled),
        "spent": None if run.spent is None else spent_json(run.spent),
        "files": files_json(files),
        "explanation": explanation_json(run.explain()),
    }


def _scaled_json(scaled: ScaledRun) -> TrainingScalingJson:
    """Return scaling over cards and links as JSON."""
    return {
        "kind": scaled.curve.kind,
        "points": [
            {
                "cards_count": point.cards_count,
                "tokens_per_s": interval_json(point.time.tokens_per_s),
                "efficiency_ratio": point.efficiency_ratio,
                "communication_ratio": point.communication_ratio,
                "holds": point.cards_count in scaled.holding,
            }
            for point in scaled.curve.points
        ],
        "links": [
            {
                "name": point.name,
                "bytes_per_s": point.bytes_per_s if math.isfinite(point.bytes_per_s) else None,
                "tokens_per_s": interval_json(point.time.tokens_per_s),
                "communication_ratio": point.time.communication_ratio,
            }
            for point in scaled.links
        ],
    }


def methods_json(found: Methods, files: Files | None = None) -> TrainingMethodsJson:
    """Return every method as JSON."""
    return {
        "methods": [run_json(run) for run in found.runs],
        "files": files_json(files),
        "explanation": explanation_json(found.explain()),
    }


def search_json(found: Search) -> TrainingSearchJson:
    """Return a search as JSON."""
    aim = found.aim
    return {
        "model": found.llm.name,
        "method": found.wish.method,
        "job_tokens": found.terms.job_tokens,
        "deadline_s": aim.deadline_s if math.isfinite(aim.deadline_s) else None,
        "budget_usd": aim.budget_usd if math.isfinite(aim.budget_usd) else None,
        "confidence": "surely" if aim.surely else "likely",
        "rigs_count": found.rigs_count,
        "timed_count": found.timed_count,
        "rigs": [_doer_json(doer) for doer in found.doers],
        "rejected": [
            {"gpu": loser.gpu, "why": loser.why, "words": loser.words} for loser in found.losers
        ],
        "explanation": explanation_json(found.explain()),
    }


def _doer_json(doer: Doer) -> DoerJson:
    """Return a rig that does the job as JSON."""
    return {
        "rig": doer.rig.text,
        "is_own": doer.is_own,
        "elapsed_s": interval_json(doer.elapsed_s),
        "total_usd": interval_json(doer.total_usd),
        "offer": None if doer.is_own or doer.spent.rent is None else doer.spent.rent.purchase.text,
        **found_json(doer.found),
    }


def diagnosis_json(found: Diagnosis) -> TrainingDiagnosisJson:
    """Return a comparison with a measured speed as JSON."""
    return {
        "job": job_json(found.expected.job),
        "measured_tokens_per_s": found.measured_tokens_per_s,
        "expected_tokens_per_s": interval_json(found.expected_tokens_per_s),
        "linear_tokens_per_s": found.linear_tokens_per_s,
        "gap_ratio": found.gap_ratio,
        "is_as_expected": found.is_as_expected,
        "causes": [
            {
                "name": cause.name,
                "tokens_per_s": None
                if cause.tokens_per_s is None
                else interval_json(cause.tokens_per_s),
                "explained_ratio": cause.explained_ratio,
                "fits": cause.fits,
                "run": cause.run,
                "expected": cause.expected,
            }
            for cause in found.causes
        ],
        "explanation": explanation_json(found.explain()),
    }
