"""Small pieces that several reports share."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from rightrig.quantities import show_number

if TYPE_CHECKING:
    from rightrig.deployment.deployment import Deployment
    from rightrig.facts.explanation import Explanation
    from rightrig.interval import Interval
    from rightrig.report.schema.shared import DeploymentJson, ExplanationJson, IntervalJson

Json = dict[str, object]


def interval_json(value: Interval) -> IntervalJson:
    """Return an interval as JSON: its ends and its middle."""
    return {"low": value.low, "mid": value.mid, "high": value.high}


def between_text(value: Interval) -> str:
    """Return the ends of an interval as people read them."""
    return f"{show_number(value.low)} to {show_number(value.high)}"


def finite(value: float | None) -> float | None:
    """Return a number as JSON knows it: one without end is null."""
    return None if value is None or not math.isfinite(value) else value


def explanation_json(explanation: Explanation) -> ExplanationJson:
    """Return an explanation as JSON."""
    return {
        "sentences": list(explanation.sentences),
        "figures": [
            {"name": f.name, "value": f.value, "text": f.text, "source": f.source}
            for f in explanation.figures
        ],
        "sources": list(explanation.sources),
    }


def deployment_json(deployment: Deployment) -> DeploymentJson:
    """Return what is deployed, as JSON."""
    split, limits = deployment.parallelism, deployment.limits
    return {
        "model": deployment.llm.name,
        "rig": deployment.rig.text,
        "runtime": deployment.runtime.slug,
        "runtime_version": deployment.version or deployment.runtime.version,
        "weights": deployment.precision.weights,
        "checkpoint_format": deployment.llm.checkpoint.format,
        "kv": deployment.precision.kv,
        "tp": split.tp,
        "pp": split.pp,
        "replicas": split.replicas,
        "attention_dp": split.attention_dp,
        "expert_parallel": split.experts_over,
        "context_parallel": split.context_parallel,
        "max_seqs": limits.max_seqs,
        "max_batched_tokens": limits.max_batched_tokens,
        "gpu_memory_utilization_ratio": limits.memory_ratio,
    }


def deployment_text(deployment: Deployment) -> str:
    """Return what is deployed, in one line."""
    precision = deployment.precision
    stored = deployment.llm.checkpoint.format
    weights = f"{stored} (as published)" if precision.weights == "checkpoint" else precision.weights
    version = deployment.version or deployment.runtime.version
    return (
        f"{deployment.llm.name} on {deployment.rig.text}, {deployment.runtime.name} {version}, "
        f"{deployment.parallelism.text}, weights {weights}, KV cache {precision.kv}"
    )
