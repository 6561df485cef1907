"""What a checklist is checked against: the plan, the machine, kept runs, and what watches them.

Everything here was read before; nothing here reads. What was not asked for is ``None``, and what
was asked for and did not answer says why.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

from rightrig.watching.checklist import names

if TYPE_CHECKING:
    import datetime
    from collections.abc import Mapping

    from rightrig.deployment.deployment import Deployment
    from rightrig.measuring.bench.judging import Verdict
    from rightrig.measuring.load.readers_plan import Planned
    from rightrig.measuring.probe.findings import Finding
    from rightrig.measuring.probe.probed import Probed
    from rightrig.planning.questions.lock_in import LockIn
    from rightrig.watching.expected import Expected
    from rightrig.watching.rules.alert import Alert
    from rightrig.watching.states import EngineState


@dataclass(frozen=True, slots=True)
class Sample:
    """The newest value of one series.

    Attributes:
        age_s: Since it was taken; 0 where it was taken for this very answer.
    """

    name: str
    labels: Mapping[str, str]
    value: float
    age_s: float = 0.0


@dataclass(frozen=True, slots=True)
class MetricsSeen:
    """What a Prometheus or an exporter has of the metrics that the checklist is about.

    Attributes:
        source: Its address.
        trouble: Why it could not be asked.
        unclear: Why it is not known which of them are of the deployment.
    """

    source: str
    samples: tuple[Sample, ...] = ()
    trouble: str = ""
    unclear: str = ""

    def of(self, *names: str) -> tuple[Sample, ...]:
        """Return the series of some names."""
        return tuple(sample for sample in self.samples if sample.name in names)

    def serving(self, deployment: str, most_hosts_count: int) -> MetricsSeen:
        """Return what is of the hosts that serve a deployment: a Prometheus has many others.

        Args:
            deployment: As exporters name it that were given the plan.
            most_hosts_count: Machines of the plan: of no more, all are taken for its own.
        """
        hosts = {
            host_of(one)
            for one in self.of(names.PLAN)
            if one.labels.get("deployment") == deployment
        }
        known = {host_of(one) for one in self.of(*names.GPU, *names.CARDS_UP)}
        if not hosts:
            unclear = (
                f"{self.source} has cards of {len(known)} hosts, and none says that it serves "
                f"{deployment}"
            )
            return replace(self, unclear=unclear) if len(known) > most_hosts_count else self
        # DCGM's exporter may call the same host otherwise.
        cards = {one.labels.get("UUID", "") for one in self.samples if host_of(one) in hosts} - {""}
        told = any(host_of(one) in hosts for one in self.of(*names.ENGINE))
        return replace(
            self,
            samples=tuple(
                one for one in self.samples
                if host_of(one) in hosts
                or one.labels.get("UUID") in cards
                or (one.name in names.ENGINES_OWN and not told)
            ),
        )  # fmt: skip


def host_of(sample: Sample) -> str:
    """Return the host of a sample; DCGM's exporter has two spellings of the label."""
    return sample.labels.get("Hostname") or sample.labels.get("hostname", "")


@dataclass(frozen=True, slots=True)
class LoadedAlert:
    """An alert rule as it is loaded, or stands in a file.

    Attributes:
        health: ``ok``, ``err``, or ``unknown`` before it was first evaluated.
        query: Its PromQL, which names the plan that it is of; empty where that was not seen.
    """

    name: str
    health: Literal["ok", "err", "unknown"] = "ok"
    error: str = ""
    runbook_url: str = ""
    query: str = ""


@dataclass(frozen=True, slots=True)
class RulesSeen:
    """Alert rules.

    Attributes:
        is_loaded: Whether a Prometheus evaluates them; not so of a file.
    """

    source: str
    alerts: tuple[LoadedAlert, ...] = ()
    is_loaded: bool = False
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class AlertmanagersSeen:
    """Alertmanagers that a Prometheus sends to.

    Attributes:
        ready: Addresses that answered.
        silent: Address → why it did not answer here.
        refused: Address → what it answered instead of being ready.
    """

    source: str
    ready: tuple[str, ...] = ()
    silent: Mapping[str, str] = field(default_factory=dict)
    refused: Mapping[str, str] = field(default_factory=dict)
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class Level:
    """One level of a kept load test of this deployment.

    Attributes:
        machines_count: Machines of the plan that were tested together.
        asked_requests_per_s: Of an open loop; ``None`` of users in a closed loop.
        holds: Whether the server carried it: enough good answers, few failures.
        concurrency_count: Requests in flight, mean.
        version: Of the engine, where the run says it.
    """

    run_id: int
    day: datetime.date
    machines_count: int
    asked_requests_per_s: float | None
    served_requests_per_s: float
    output_tokens_per_s: float
    input_tokens: float
    output_tokens: float
    concurrency_count: float
    holds: bool
    is_sound: bool
    version: str = ""


@dataclass(frozen=True, slots=True)
class BenchSeen:
    """A bench of this machine, judged again.

    Attributes:
        links_count: Figures of links, to the host and among cards.
        pairs_count: Those among cards.
        peers_ratio: The worst pair's share of what joins them; ``None`` where none was measured.
    """

    run_id: int
    day: datetime.date
    verdict: Verdict
    links_count: int = 0
    pairs_count: int = 0
    peers_ratio: float | None = None


@dataclass(frozen=True, slots=True)
class PriceSeen:
    """What the deployment costs.

    Attributes:
        warning: Why it should be looked at again; empty where it is fresh.
    """

    rent_usd_per_hour: float
    source: str
    warning: str = ""


@dataclass(frozen=True, slots=True)
class Words:
    """What commands in the answer name.

    Attributes:
        file: Of the deployment.
        url: Of the engine, or an example.
    """

    file: str
    url: str = "http://localhost:8000"


@dataclass(frozen=True, slots=True)
class Evidence:
    """All of it.

    Attributes:
        today: The day that ages are counted to.
        planned: The deployment as its file says it, and the traffic that it is for.
        deployment: Of one machine of the plan; ``None`` where this catalogue cannot make it.
        why_none: Why not.
        expected: What one machine of the plan lets one expect.
        asked_requests_per_s: The rate without the plan's headroom; ``None`` where none was asked.
        bench: The newest that measured memory or products.
        links: The newest that measured links.
        levels: Of kept load tests of this deployment, newest run first.
        drift_runs_count: Kept runs of one command, the most there are.
        wanted: Alerts that ``rightrig watch rules`` writes for this deployment.
        logs: Where this machine keeps its logs; empty where that is not seen.
        store_trouble: Why kept runs could not be read.
    """

    words: Words
    today: datetime.date
    planned: Planned
    deployment: Deployment | None = None
    why_none: str = ""
    expected: Expected | None = None
    asked_requests_per_s: float | None = None
    price: PriceSeen | None = None
    probed: Probed | None = None
    findings: tuple[Finding, ...] = ()
    bench: BenchSeen | None = None
    links: BenchSeen | None = None
    levels: tuple[Level, ...] = ()
    drift_runs_count: int = 0
    store_trouble: str = ""
    prometheus: MetricsSeen | None = None
    exporter: MetricsSeen | None = None
    rules: RulesSeen | None = None
    alertmanagers: AlertmanagersSeen | None = None
    engine: EngineState | None = None
    wanted: tuple[Alert, ...] = ()
    logs: str = ""
    lock_in: LockIn | None = None

    @property
    def metrics(self) -> MetricsSeen | None:
        """Metrics of the plan's machines in Prometheus, or else of the exporter itself."""
        seen = self.prometheus
        if seen is None or (seen.trouble and self.exporter):
            return self.exporter
        plan = self.expected
        if plan is None:
            return seen
        shares_count = round(self.planned.peak_requests_per_s / plan.peak_requests_per_s)
        return seen.serving(plan.name, shares_count * plan.machines_count)

    def age_days(self, day: datetime.date) -> int:
        """Return the days since some day."""
        return (self.today - day).days
