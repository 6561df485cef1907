"""What runs are kept for ``checklist``: benches of this machine, load tests of the deployment."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

from rightrig.errors import InputError
from rightrig.verbs.this_machine import machine_name

if TYPE_CHECKING:
    from rightrig.store.database import Store
    from rightrig.watching.checklist.evidence import Evidence

_MOST_LOADS: Final = 300
_MOST_BENCHES: Final = 40
_NO_STORE: Final = "no store of runs is installed: pip install 'rightrig[store]'"
_ENDED: Final = frozenset({"finished", "interrupted"})


def with_runs(evidence: Evidence) -> Evidence:
    """Return the evidence with what runs are kept, or why none could be read."""
    if find_spec("sqlalchemy") is None:
        return replace(evidence, store_trouble=_NO_STORE)
    from rightrig.store import open_store

    try:
        with open_store() as store:
            counted = replace(evidence, drift_runs_count=_most_of_one_command(store))
            return _with_figures(store, counted)
    except InputError as error:
        return replace(evidence, store_trouble=str(error))


def _with_figures(store: Store, evidence: Evidence) -> Evidence:
    """Return the evidence with benches here, and load tests of the deployment anywhere."""
    from rightrig.watching.checklist.kept_benches import benches_of
    from rightrig.watching.checklist.kept_loads import levels_of

    deployment, model = evidence.deployment, evidence.planned.model
    if deployment is None:
        return evidence
    bench, links = benches_of(store.runs("bench", machine_name(), _MOST_BENCHES), deployment.rig)
    levels = levels_of(store.runs("load", None, _MOST_LOADS), deployment, model)
    return replace(evidence, bench=bench, links=links, levels=levels)


def _most_of_one_command(store: Store) -> int:
    """Return how many runs of the command that ran most often are kept of this machine."""
    counted = Counter(
        run.new.command
        for kind in ("bench", "load")
        for run in store.runs(kind, machine_name(), with_values=False)
        if run.status in _ENDED
    )
    return max(counted.values(), default=0)
