"""Training jobs in few words, for tests."""

from __future__ import annotations

from typing import Any

import rightrig
from rightrig.deployment.rig import parse_rig
from rightrig.deployment.training import Batch, TrainingJob, TrainingSplit

CATALOG = rightrig.shipped()


def training_job(model: str, rig: str, method: str = "full", **said: Any) -> TrainingJob:
    """Return a job of a model on a rig; two sequences of 2048 tokens a micro-batch unless said."""
    batch = said.pop("batch", Batch(2048, micro_seqs=2, accumulation_count=2))
    return TrainingJob(
        CATALOG.llm(model),
        parse_rig(rig, CATALOG),
        method,  # type: ignore[arg-type]
        batch,
        **said,
    )


def small_ddp_job(rig: str, accumulation_count: int = 2, **said: Any) -> TrainingJob:
    """Return Qwen2.5-1.5B with all states on every card of a rig."""
    return training_job(
        "Qwen/Qwen2.5-1.5B-Instruct",
        rig,
        batch=Batch(2048, micro_seqs=2, accumulation_count=accumulation_count),
        split=said.pop("split", TrainingSplit(sharing="none")),
        checkpointing=said.pop("checkpointing", "none"),
        **said,
    )
