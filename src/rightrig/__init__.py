"""rightrig: which hardware should serve this language model, and does it deliver?

The public API on one screen. Names are loaded when they are first used, so that importing
rightrig costs nothing.

>>> import rightrig
>>> catalog = rightrig.shipped()
>>> rig = rightrig.parse_rig("4xh100-sxm", catalog)
>>> deployment = rightrig.propose(catalog, catalog.llm("llama-3.3-70b"), rig)
>>> rightrig.fit(deployment, context_tokens=8192, concurrency=16).verdict
'fits'
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from rightrig.client import ask
    from rightrig.demand.objective import Limits, Slo
    from rightrig.demand.presets import preset
    from rightrig.demand.requests import Requests
    from rightrig.demand.scenario import Scenario
    from rightrig.demand.trace import read_trace
    from rightrig.demand.workload import Workload
    from rightrig.deployment.deployment import Deployment
    from rightrig.deployment.propose import Choices, propose
    from rightrig.deployment.rig import Rig, parse_rig
    from rightrig.deployment.training import (
        Adapter,
        Batch,
        TrainingJob,
        TrainingSplit,
        TrainingStates,
    )
    from rightrig.facts.catalog import Catalog, shipped
    from rightrig.facts.models import find_llm
    from rightrig.facts.user_catalog import load_catalog
    from rightrig.interval import Interval
    from rightrig.planning.constraints import Question
    from rightrig.planning.search import plan, space_of
    from rightrig.prediction.accuracy import accuracy
    from rightrig.prediction.drafting import speculating
    from rightrig.prediction.finetune import finetune
    from rightrig.prediction.kernels import allreduce_s, gemm_s, tp_efficiency, tp_speedup_ratio
    from rightrig.prediction.memory_fit import fit
    from rightrig.prediction.predict import predict
    from rightrig.prediction.regimes import Lengths
    from rightrig.prediction.roofline import ridge_tokens_count
    from rightrig.simulation.limit import find_limit
    from rightrig.simulation.simulate import Setting, simulate, simulate_cluster

__version__: Final = "0.1.0"
__all__ = [
    "Adapter", "Batch", "Catalog", "Choices", "Deployment", "Interval", "Lengths", "Limits",
    "Question", "Requests", "Rig", "Scenario", "Setting", "Slo", "TrainingJob", "TrainingSplit",
    "TrainingStates", "Workload", "accuracy", "allreduce_s", "ask", "find_limit", "find_llm",
    "finetune", "fit", "gemm_s", "load_catalog", "parse_rig", "plan", "predict", "preset",
    "propose", "read_trace", "ridge_tokens_count", "shipped", "simulate", "simulate_cluster",
    "space_of", "speculating", "tp_efficiency", "tp_speedup_ratio",
]  # fmt: skip

_HOME: Final = {
    "Adapter": "deployment.training",
    "Batch": "deployment.training",
    "Catalog": "facts.catalog",
    "Choices": "deployment.propose",
    "Deployment": "deployment.deployment",
    "Interval": "interval",
    "Lengths": "prediction.regimes",
    "Limits": "demand.objective",
    "Question": "planning.constraints",
    "Requests": "demand.requests",
    "Rig": "deployment.rig",
    "Scenario": "demand.scenario",
    "Setting": "simulation.simulate",
    "Slo": "demand.objective",
    "TrainingJob": "deployment.training",
    "TrainingSplit": "deployment.training",
    "TrainingStates": "deployment.training",
    "Workload": "demand.workload",
    "accuracy": "prediction.accuracy",
    "allreduce_s": "prediction.kernels",
    "ask": "client",
    "find_limit": "simulation.limit",
    "find_llm": "facts.models",
    "finetune": "prediction.finetune",
    "fit": "prediction.memory_fit",
    "gemm_s": "prediction.kernels",
    "load_catalog": "facts.user_catalog",
    "parse_rig": "deployment.rig",
    "plan": "planning.search",
    "predict": "prediction.predict",
    "preset": "demand.presets",
    "propose": "deployment.propose",
    "read_trace": "demand.trace",
    "ridge_tokens_count": "prediction.roofline",
    "shipped": "facts.catalog",
    "simulate": "simulation.simulate",
    "simulate_cluster": "simulation.simulate",
    "space_of": "planning.search",
    "speculating": "prediction.drafting",
    "tp_efficiency": "prediction.kernels",
    "tp_speedup_ratio": "prediction.kernels",
}


def __getattr__(name: str) -> object:
    """Load a public name from its room."""
    if name not in _HOME:
        raise AttributeError(f"module 'rightrig' has no attribute {name!r}")
    return getattr(importlib.import_module(f"rightrig.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    """Name the public API."""
    return sorted([*__all__, "__version__"])
