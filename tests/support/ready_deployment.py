"""A deployment that is ready for production, with the evidence that says so."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any, Final

from rightrig.deployment.propose import propose
from rightrig.deployment.rig import parse_rig
from rightrig.facts.catalog import shipped
from rightrig.measuring.bench.judging import Verdict
from rightrig.measuring.load.levels_predicted import predicted_closed
from rightrig.measuring.load.readers_plan import read_plan
from rightrig.measuring.probe.findings import findings
from rightrig.measuring.probe.probed import probed
from rightrig.measuring.probe.readings import Card, PowerLimits, Reading, Slot
from rightrig.watching.checklist import names
from rightrig.watching.checklist.evidence import (
    AlertmanagersSeen,
    BenchSeen,
    Evidence,
    Level,
    LoadedAlert,
    MetricsSeen,
    PriceSeen,
    RulesSeen,
    Sample,
    Words,
)
from rightrig.watching.expecting import expected_of
from rightrig.watching.rules.thresholds import thresholds_of
from rightrig.watching.rules.writing import kept
from rightrig.watching.states import EngineState

if TYPE_CHECKING:
    from pathlib import Path

    from rightrig.deployment.deployment import Deployment

CATALOG: Final = shipped()
TODAY: Final = datetime.date(2026, 11, 21)
RATE: Final = 5.0
PLAN: Final[dict[str, Any]] = {
    "model": "meta-llama/Llama-3.1-8B",
    "question": {
        "rate_requests_per_s": RATE, "input_tokens": 1000, "output_tokens": 300,
        "headroom_ratio": 0.3, "ttft_p99_s": 1.0, "tpot_p99_s": None,
    },
    "plans": [
        {
            "rig": "2xh100-sxm", "runtime": "vllm@0.19.0", "weights": "bf16", "kv": "bf16",
            "tp": 2, "pp": 1, "replicas": 1, "max_batched_tokens": 8192,
            "capacity_requests_per_s": 20.0, "rent_usd_per_month": 3650.0,
        }
    ],
}  # fmt: skip
PEAK: Final = 1.3 * RATE


def level(deployment: Deployment, **changes: object) -> Level:
    """Return a level at the planned peak that does what is predicted."""
    found = predicted_closed(deployment, 1000.0, 300.0, 8)
    plain: dict[str, Any] = {
        "run_id": 7, "day": TODAY, "machines_count": 1, "asked_requests_per_s": PEAK,
        "served_requests_per_s": PEAK, "output_tokens_per_s": found.output_tokens_per_s.mid,
        "input_tokens": 1000.0, "output_tokens": 300.0, "concurrency_count": 8.0, "holds": True,
        "is_sound": True, "version": "0.19.0",
    }  # fmt: skip
    return Level(**{**plain, **changes})


def card(index: int, **changes: Any) -> Card:
    """Return a sound H100 as the plan has it."""
    plain: dict[str, Any] = {
        "index": index, "name": "NVIDIA H100 80GB HBM3", "vendor": "NVIDIA", "memory_mib": 81_559,
        "ecc": True, "persistence": True, "fabric": "completed", "power": PowerLimits(700.0, 700.0),
        "slot": Slot(5, 16, 5, 16, 5),
    }  # fmt: skip
    return Card(**{**plain, **changes})


def machine(*cards: Card, **changes: Any) -> dict[str, Any]:
    """Return what a probe of some cards is as evidence."""
    plain: dict[str, Any] = {"cards": cards, "versions": {"driver": "580.95.05", "cuda": "13.0"}}
    found = probed(Reading(**{**plain, **changes}), CATALOG, "2026-11-21", is_here=False)
    return {"probed": found, "findings": findings(found)}


def samples(**changes: float) -> tuple[Sample, ...]:
    """Return fresh metrics of two sound cards and an engine, some of another value."""
    plain = {
        names.GPU[0]: 0.9, names.MEMORY[0]: 0.5, names.OCCUPANCY[0]: 0.3, names.LANES[0]: 16.0,
        names.LANES_MAX[0]: 16.0, names.NVLINK[0]: 1.0, names.XIDS[0]: 0.0, names.CARDS_UP[0]: 1.0,
    }  # fmt: skip
    labels = [{"gpu": str(number), "UUID": f"GPU-{number}", "Hostname": "h"} for number in (0, 1)]
    cards = [Sample(n, of, {**plain, **changes}[n], 5.0) for n in plain for of in labels]
    engine = Sample(names.ENGINE[0], {"engine": "http://e"}, changes.get("engine", 1.0), 5.0)
    return (*cards, engine)


def ready_evidence(plan_file: Path) -> Evidence:
    """Return the evidence of a deployment that passes every item."""
    planned = read_plan(str(plan_file))
    deployment = propose(
        CATALOG, CATALOG.llm(planned.model), parse_rig(planned.rig, CATALOG), planned.choices
    )
    expected = expected_of(planned, CATALOG)
    wanted = tuple(alert for alert, _ in kept(thresholds_of(expected)))
    loaded = tuple(
        LoadedAlert(one.name, runbook_url=f"http://x/runbooks/{one.runbook}") for one in wanted
    )
    return Evidence(
        words=Words("plan.json"),
        today=TODAY,
        planned=planned,
        deployment=deployment,
        expected=expected,
        asked_requests_per_s=RATE,
        price=PriceSeen(5.0, "the rent of the plan"),
        **machine(card(0), card(1)),
        bench=BenchSeen(3, TODAY, Verdict("healthy", "all is well", (), ())),
        links=BenchSeen(4, TODAY, Verdict("healthy", "all is well", (), ()), 6, 4, 0.85),
        levels=(
            level(deployment),
            level(deployment, asked_requests_per_s=2.0 * PEAK, served_requests_per_s=2.0 * PEAK),
        ),
        drift_runs_count=20,
        prometheus=MetricsSeen("http://p", samples()),
        rules=RulesSeen("http://p", loaded, is_loaded=True),
        alertmanagers=AlertmanagersSeen("http://p", ("http://a",)),
        engine=EngineState("http://e", 0.0, kind="vllm", model="Llama-3.1-8B"),
        wanted=wanted,
        logs="/var/log/journal",
    )
