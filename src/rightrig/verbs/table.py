"""Every verb: its words, and the function that answers it. The edges are made from this table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rightrig.verbs import (
    accuracy,
    ask_decisions,
    ask_hardware,
    ask_layout,
    audit,
    bench,
    catalogue,
    checklist,
    compare,
    cost_owning,
    cost_power,
    cost_tokens,
    finetune,
    fit,
    fits,
    fleet,
    load,
    plan,
    predict,
    prices,
    probe,
    profile,
    recipe,
    risk_bits,
    risk_fleet,
    risk_runs,
    runs,
    simulate,
    tenants,
    tune,
    watch,
    watch_drift,
    watch_rules,
    watch_runbook,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from rightrig.verbs.found import Found


@dataclass(frozen=True, slots=True)
class Verb:
    """A question, and what answers it.

    Attributes:
        words: How it is asked: ``("fit",)``, ``("cost", "own")``.
        answer: Takes a catalogue and the words of the question; it writes nothing but what its
            words in ``LOCAL`` name.
    """

    words: tuple[str, ...]
    answer: Callable[..., Found[Any]]


LOCAL: Final = frozenset({"save", "sweep", "engine", "jobs", "mine", "prove", "recipe_folder"})
"""Words that name folders to write into, and what only its own machine should or can do."""
FILES: Final = frozenset({"file", "trace", "deployment"})
"""Words that name a file to read."""
GROUPS: Final = {
    "cost": "Rent, ownership, energy, $/M tokens, break-even.",
    "risk": "Bit errors, failures, checkpoint interval, spares.",
    "ask": "Questions people bring, each computed.",
    "gpus": "Cards of the catalogue.",
    "models": "Models of the catalogue.",
    "rigs": "Machines and instances.",
    "prices": "Rental offers.",
    "runtimes": "Inference engines.",
    "runs": "Runs measured here, kept.",
    "watch": "Live metrics, alerts, runbooks.",
}
"""Verbs of two words, by their first; what each is about."""
VERBS: Final = tuple(
    Verb(tuple(words.split()), function)
    for words, function in (
        ("fit", fit.fit),
        ("fits", fits.fits),
        ("predict", predict.predict),
        ("simulate", simulate.simulate),
        ("plan", plan.plan),
        ("finetune", finetune.finetune),
        ("fleet", fleet.fleet),
        ("tenants", tenants.tenants),
        ("recipe", recipe.recipe),
        ("compare", compare.compare),
        ("accuracy", accuracy.accuracy),
        ("audit", audit.audit),
        ("cost rent", cost_owning.rent),
        ("cost own", cost_owning.own),
        ("cost energy", cost_owning.energy),
        ("cost tokens", cost_tokens.tokens),
        ("cost break-even", cost_tokens.break_even),
        ("cost compare", cost_tokens.compare),
        ("cost power", cost_power.power),
        ("cost electrical", cost_power.electrical),
        ("risk bits", risk_bits.bits),
        ("risk run", risk_runs.run),
        ("risk checkpoint", risk_runs.checkpoint),
        ("risk serve", risk_fleet.serve),
        ("risk spares", risk_fleet.spares),
        ("risk rig", risk_fleet.rig),
        ("risk presets", risk_fleet.presets),
        ("ask choose-gpu", ask_hardware.choose_gpu),
        ("ask gpu-count", ask_hardware.gpu_count),
        ("ask many-or-one", ask_hardware.many_or_one),
        ("ask tiers", ask_hardware.tiers),
        ("ask consumer-or-datacenter", ask_hardware.consumer_or_datacenter),
        ("ask overkill", ask_hardware.overkill),
        ("ask train-or-serve", ask_hardware.train_or_serve),
        ("ask split", ask_layout.split),
        ("ask buy-or-rent", ask_layout.buy_or_rent),
        ("ask scaling", ask_layout.scaling),
        ("ask mix", ask_layout.mix),
        ("ask growth", ask_layout.growth),
        ("ask measure-next", ask_layout.measure_next),
        ("ask go-no-go", ask_decisions.go_no_go),
        ("ask criteria", ask_decisions.criteria),
        ("ask lock-in", ask_decisions.lock_in),
        ("ask ecosystem", ask_decisions.ecosystem),
        ("gpus list", catalogue.gpus_list),
        ("gpus show", catalogue.gpus_show),
        ("models list", catalogue.models_list),
        ("models show", catalogue.models_show),
        ("rigs list", catalogue.rigs_list),
        ("rigs show", catalogue.rigs_show),
        ("prices list", prices.prices_list),
        ("prices show", prices.prices_show),
        ("prices status", prices.prices_status),
        ("runtimes list", catalogue.runtimes_list),
        ("runtimes show", catalogue.runtimes_show),
    )
)
"""In the order in which help lists them."""
HERE: Final = tuple(
    Verb(tuple(words.split()), function)
    for words, function in (
        ("probe", probe.probe),
        ("bench", bench.bench),
        ("load", load.load),
        ("profile", profile.profile),
        ("tune", tune.tune),
        ("runs list", runs.runs_list),
        ("runs show", runs.runs_show),
        ("runs targets", runs.runs_targets),
        ("runs export", runs.runs_export),
        ("runs import", runs.runs_import),
        ("runs delete", runs.runs_delete),
        ("watch once", watch.watch_once),
        ("watch rules", watch_rules.rules),
        ("watch alertmanager", watch_rules.alertmanager),
        ("watch dashboard", watch_rules.dashboard),
        ("watch counters", watch_rules.counters),
        ("watch runbook", watch_runbook.watch_runbook),
        ("watch drift", watch_drift.watch_drift),
        ("checklist", checklist.checklist),
    )
)
"""Verbs that measure or watch this machine or a server it reaches: for the command line alone."""
