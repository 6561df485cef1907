"""What a search returns: plans, and why the other candidates lost."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

from rightrig.facts.explanation import Explanation
from rightrig.quantities import HOURS_PER_MONTH

if TYPE_CHECKING:
    from rightrig.costs.goods import Bought
    from rightrig.costs.offers import Purchase
    from rightrig.demand.objective import Limits
    from rightrig.deployment.parallelism import Parallelism
    from rightrig.facts.llm import Llm
    from rightrig.interval import Interval
    from rightrig.planning.constraints import Question
    from rightrig.prediction.evidence import Evidence

Met = Literal["surely", "likely", "not", "no objective"]
Method = Literal["analytic", "simulated"]


@dataclass(frozen=True, slots=True)
class Tariff:
    """What electricity costs, and the share that does not reach the cards (PUE).

    ``usd_origin`` and ``pue_origin`` say in a few words whose figures they are.
    """

    usd_per_kwh: float
    pue_ratio: float
    usd_origin: str
    pue_origin: str


@dataclass(frozen=True, slots=True)
class PlannedRig:
    """One plan: engines on rented or bought cards, their latency at the asked rate, their cost.

    Attributes:
        number: Its row among the candidates of the search.
        split: With ``replicas`` engines, spares included.
        prefill_count: Of its engines, those that only read prompts and send their cache to the
            others; 0 where all do everything.
        kv: Format of the KV cache.
        step_tokens: Most tokens in one step (``--max-batched-tokens``).
        purchase: What is rented; ``None`` where it is bought.
        bought: What is bought; ``None`` where it is rented.
        rent_usd_per_month: Rent around the clock; of bought cards 0.
        capex_usd: Price of what is bought, hosts around single cards included; 0 of a rental.
        machines_count: Instances or machines.
        cost_usd_per_token, cost_usd_per_output_token: Rent at the asked traffic.
        full_cost_usd_per_token: Rent if the rig carried all that it can within the objectives:
            a token within them is a good token.
        capacity_requests_per_s: Most that all engines but the spares carry within the objectives.
        running_seqs: Mean sequences in all engines.
        ttft_p99_s, tpot_p99_s: At the asked rate, with intervals.
        ttft_mean_s, tpot_mean_s: Means at the asked rate.
        method: Whether percentiles are analytic bounds or simulated.
        met: Whether the objectives are met surely, likely or not.
        power_w: Mean draw of the cards.
        host_power_w: Of bought machines, what they draw beside the cards, estimated; 0 of a rental.
        energy_usd_per_month: Of both; included in a rent.
        quality: What the formats cost in quality, as far as it is published; empty for 16 bits.
        on_front: Whether no other candidate is as good in cost, both latencies and throughput and
            better in one.
    """

    number: int
    gpu: str
    cards_count: int
    split: Parallelism
    runtime: str
    weights: str
    kv: str
    step_tokens: int
    purchase: Purchase | None
    bought: Bought | None
    rent_usd_per_month: float
    capex_usd: float
    machines_count: int
    capacity_requests_per_s: float
    running_seqs: float
    ttft_mean_s: float
    tpot_mean_s: float
    ttft_p99_s: Interval
    tpot_p99_s: Interval
    met: Met
    evidence: Evidence
    cost_usd_per_token: float = 0.0
    cost_usd_per_output_token: float = 0.0
    full_cost_usd_per_token: float = 0.0
    power_w: float | None = None
    host_power_w: float = 0.0
    energy_usd_per_month: float | None = None
    quality: str = ""
    method: Method = "analytic"
    on_front: bool = False
    prefill_count: int = 0

    @property
    def engine_split(self) -> str:
        """The split of one engine."""
        return replace(self.split, replicas=1).text

    @property
    def rig(self) -> str:
        """One engine's cards in rig notation."""
        return f"{self.split.engine_cards}x{self.gpu}"

    @property
    def cost_usd(self) -> float:
        """Rent a month, or the price of what is bought."""
        return self.rent_usd_per_month if self.purchase is not None else self.capex_usd

    @property
    def rent_usd_per_hour(self) -> float:
        """Rent of one hour."""
        return self.rent_usd_per_month / HOURS_PER_MONTH

    def working_count(self, limits: Limits) -> int:
        """Return the engines that carry the load: all but the spares."""
        return max(self.split.replicas - limits.spare_engines_count, 1)

    def engine_requests_per_s(self, limits: Limits) -> float:
        """Return what each of them carries within the objectives."""
        return self.capacity_requests_per_s / self.working_count(limits)

    @property
    def source(self) -> tuple[str, str, str]:
        """Whose price it is, of what, and where that was published (with its date)."""
        if self.purchase is not None:
            price = self.purchase.price
            return price.provider, price.instance, f"{price.date} ({price.source})"
        if self.bought is None:  # a plan is rented or bought
            raise AssertionError(self.rig)
        good = self.bought.good
        return "bought", good.name, f"{good.date} ({good.source})"


@dataclass(frozen=True, slots=True)
class Relaxation:
    """The smallest change of one limit, all others kept, that gives a plan.

    Attributes:
        rule: ID of the limit's rule.
        option: The limit as the command line takes it, such as ``--budget 2100/month``.
        engine: The engine that would then do.
    """

    rule: str
    option: str
    engine: str


@dataclass(frozen=True, slots=True)
class Outbid:
    """The best candidate of a card that lost by what plans are ranked by.

    Attributes:
        engine: Its engines, such as ``2 × 4xl40s (tp4, fp8)``.
        cost_usd: Rent a month, or price when bought.
        gap_usd: Over the first plan; below 0 where another thing than cost ranks.
    """

    gpu: str
    engine: str
    cost_usd: float
    gap_usd: float


@dataclass(frozen=True, slots=True)
class Counts:
    """What a search went through.

    Attributes:
        candidates_count: Engines that were enumerated, and cards that no runtime runs on.
        pruned_count: Those without a price, and those that the rules or memory ruled out.
        evaluated_count: Those whose load within the objectives was worked out.
        feasible_count: Those that keep every limit.
        front_count: Those on the Pareto front.
    """

    candidates_count: int
    pruned_count: int
    evaluated_count: int
    feasible_count: int
    front_count: int


@dataclass(frozen=True, slots=True)
class Plan:
    """The answer of ``plan``.

    Attributes:
        plans: Best first: the best of each card and weight format.
        rejected: (card, rule, reason) of every card without a plan.
        nearest: Without a plan, what comes closest to one and what would make it one.
        front: The candidates on the Pareto front, cheapest first.
        outbid: Every card that has a plan but not the first, nearest in cost first.
        relaxations: Without a plan, the least change of each limit that alone would give one.
        reasons: Why the first plan wins and what would change it (``explain``).
    """

    llm: Llm
    question: Question
    plans: tuple[PlannedRig, ...]
    rejected: tuple[tuple[str, str, str], ...]
    nearest: str
    counts: Counts
    elapsed_s: float
    tariff: Tariff
    front: tuple[PlannedRig, ...] = ()
    outbid: tuple[Outbid, ...] = ()
    relaxations: tuple[Relaxation, ...] = ()
    reasons: Explanation = field(default_factory=lambda: Explanation(()))

    @property
    def candidates_count(self) -> int:
        """Engines that were enumerated."""
        return self.counts.candidates_count

    @property
    def pruned_count(self) -> int:
        """Candidates without a price, and those that the rules or memory ruled out."""
        return self.counts.pruned_count

    @property
    def feasible_count(self) -> int:
        """Candidates that keep every limit."""
        return self.counts.feasible_count

    def explain(self) -> Explanation:
        """Return why the first plan wins, or what stands nearest to a plan."""
        return self.reasons
