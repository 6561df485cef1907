"""Items about metrics: whether somebody watches the cards, the engine, and the past."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

from rightrig.planning.combos.failure_modes import whole_cards_count
from rightrig.quantities import show_seconds
from rightrig.watching.checklist import names
from rightrig.watching.checklist.item import Outcome, Topic, failed, passed, unverified

if TYPE_CHECKING:
    from rightrig.watching.checklist.evidence import Evidence, Sample

MOST_AGE_S: Final = 120.0
"""Of a value: two of the usual minutes between two scrapes."""
LEAST_DRIFT_RUNS: Final = 8
"""Runs of one command from which on a change can be told from chance."""
_WHOSE: Final = "run 'rightrig watch export --deployment FILE' on its machines"
_EXPORT: Final = "run 'rightrig watch export' on the machine and let Prometheus scrape it"


class _Watched:
    """A metric of every card is there, and fresh."""

    def __init__(self, id: str, what: str, *accepted: str) -> None:  # noqa: A002 - a rule's name
        """Look for a metric under several names."""
        self._id, self._what, self._accepted = id, what, accepted

    def check(self, evidence: Evidence) -> Outcome:
        """Return whether it is."""
        metrics = evidence.metrics
        if metrics is None:
            return unverified(
                "neither a Prometheus nor an exporter was named",
                "name one with --prometheus http://localhost:9090 or --exporter "
                "http://localhost:9401",
            )
        if metrics.trouble:
            return failed(f"{metrics.source}: {metrics.trouble}", f"start it; {_EXPORT}")
        if metrics.unclear:
            return unverified(metrics.unclear, _WHOSE)
        found = metrics.of(*self._accepted)
        if not found:
            return failed(
                f"{metrics.source} has no {self._what} ({self._accepted[0]}, {self._accepted[1]})",
                f"{_EXPORT}; before Hopper the occupancy of SMs takes NVIDIA's DCGM exporter, and "
                "'rightrig watch counters' lists what to turn on there",
            )
        return self._judged(evidence, metrics.source, found)

    def _judged(self, evidence: Evidence, source: str, found: tuple[Sample, ...]) -> Outcome:
        """Return whether what is there is fresh, and of every card."""
        fresh = [one for one in found if one.age_s <= MOST_AGE_S]
        if not fresh:
            youngest = min(one.age_s for one in found)
            return failed(
                f"the newest {self._what} of {source} is {show_seconds(youngest)} old",
                f"see why nothing is scraped any more; {_EXPORT}",
            )
        cards = {_card(one) for one in fresh}
        rig = None if evidence.deployment is None else evidence.deployment.rig
        wanted = 1 if rig is None else whole_cards_count(rig)
        told = f"{fresh[0].name} of {len(cards)} card{'' if len(cards) == 1 else 's'}"
        if len(cards) < wanted:
            return failed(f"{told}, and the plan is of {wanted}", f"watch every machine: {_EXPORT}")
        oldest = max(one.age_s for one in fresh)
        return passed(f"{told} in {source}, at most {show_seconds(oldest)} old")


def _card(sample: Sample) -> tuple[str, ...]:
    """Return what tells a card, or an instance of one, from others."""
    keys = ("Hostname", "instance", "gpu", "UUID", "GPU_I_ID")
    return tuple(sample.labels.get(key, "") for key in keys)


class GpuWatched(_Watched):
    """Utilisation of every card is watched."""

    id: ClassVar[str] = "CHECK-UTILISATION"
    topic: ClassVar[Topic] = "metrics"

    def __init__(self) -> None:
        """Look for it."""
        super().__init__(self.id, "utilisation of cards", *names.GPU)


class MemoryWatched(_Watched):
    """Utilisation of every card's memory is watched."""

    id: ClassVar[str] = "CHECK-MEMORY"
    topic: ClassVar[Topic] = "metrics"

    def __init__(self) -> None:
        """Look for it."""
        super().__init__(self.id, "utilisation of memory", *names.MEMORY)


class OccupancyWatched(_Watched):
    """Occupancy of every card's SMs is watched."""

    id: ClassVar[str] = "CHECK-OCCUPANCY"
    topic: ClassVar[Topic] = "metrics"

    def __init__(self) -> None:
        """Look for it."""
        super().__init__(self.id, "occupancy of SMs", *names.OCCUPANCY)


class EngineWatched:
    """Metrics of the engine are watched."""

    id: ClassVar[str] = "CHECK-ENGINEMETRICS"
    topic: ClassVar[Topic] = "metrics"

    def check(self, evidence: Evidence) -> Outcome:
        """Return whether they are."""
        metrics = evidence.metrics
        if metrics is None:
            return unverified(
                "neither a Prometheus nor an exporter was named",
                "name one with --prometheus or --exporter",
            )
        if metrics.trouble:
            return failed(f"{metrics.source}: {metrics.trouble}", "start it")
        if metrics.unclear:
            return unverified(metrics.unclear, _WHOSE)
        own = [one for one in metrics.of(*names.ENGINES_OWN) if one.age_s <= MOST_AGE_S]
        told = [one for one in metrics.of(*names.ENGINE) if one.age_s <= MOST_AGE_S]
        down = [one.labels.get("engine", "?") for one in told if not one.value]
        if down and not own:
            return failed(f"the exporter cannot read {', '.join(down[:4])}", "see the engine's log")
        if own or told:
            what = own[0].name if own else told[0].name
            return passed(f"{metrics.source} has {what}")
        return failed(
            f"{metrics.source} has no metric of an engine",
            f"let Prometheus scrape {evidence.words.url}/metrics, or name it to 'rightrig watch "
            "export'",
        )


class Logged:
    """Errors of the driver (XIDs) are counted, and this machine keeps its logs."""

    id: ClassVar[str] = "CHECK-LOGS"
    topic: ClassVar[Topic] = "metrics"

    def check(self, evidence: Evidence) -> Outcome:
        """Return where."""
        metrics = evidence.metrics
        counts = () if metrics is None else metrics.of(*names.XIDS, *names.CARDS_UP)
        if metrics is not None and metrics.unclear:
            return unverified(metrics.unclear, _WHOSE)
        if metrics is not None and not metrics.trouble and not counts:
            return failed(
                f"{metrics.source} counts no error events of the driver",
                f"{_EXPORT}; of DCGM: DCGM_FI_DEV_XID_ERRORS",
            )
        if not counts and metrics is not None:
            return failed(f"{metrics.source}: {metrics.trouble}", _EXPORT)
        if not counts:
            return unverified(
                f"nobody was asked for error events{_kept(evidence)}",
                "name --prometheus or --exporter",
            )
        if not evidence.logs:
            return unverified(
                f"{counts[0].name} is watched; no log of this machine outlives a restart",
                "keep the journal (mkdir -p /var/log/journal), or send it elsewhere",
            )
        return passed(f"{counts[0].name} is watched{_kept(evidence)}")


def _kept(evidence: Evidence) -> str:
    """Return where logs are kept, as the end of a sentence."""
    return f"; logs are kept in {evidence.logs}" if evidence.logs else ""


class DriftWatched:
    """Regressions are looked for: enough runs are kept to tell a change from chance."""

    id: ClassVar[str] = "CHECK-DRIFT"
    topic: ClassVar[Topic] = "metrics"

    def check(self, evidence: Evidence) -> Outcome:
        """Return how many runs there are."""
        count, command = evidence.drift_runs_count, "rightrig watch drift"
        if evidence.store_trouble:
            return unverified(evidence.store_trouble, "pip install 'rightrig[store]'")
        told = f"{count} run{'' if count == 1 else 's'} of one command kept of this machine"
        if count >= LEAST_DRIFT_RUNS:
            return passed(f"{told}; '{command}' looks for shifts in them")
        if not count and (evidence.probed is None or not evidence.probed.knowns):
            return unverified(
                "this machine has no card and no kept run", "run it on the machine that serves"
            )
        return failed(
            f"{told}, {LEAST_DRIFT_RUNS} are needed",
            "bench every day, and look for shifts after it: see the guide 'Watch for regressions'",
            "rightrig bench --quick && rightrig watch drift",
        )


ITEMS: Final = (
    GpuWatched(), MemoryWatched(), OccupancyWatched(), EngineWatched(), Logged(), DriftWatched(),
)  # fmt: skip
