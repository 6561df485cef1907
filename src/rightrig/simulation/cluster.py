"""What is simulated: engines with their traits and step times, a router, and what may happen."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from rightrig.errors import InputError
from rightrig.simulation.layout import MOST_PHASES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rightrig.prediction.step_table import StepTable

Order = Literal["chunked", "prefill-first", "static"]
Reserve = Literal["none", "prompt", "whole"]
Preemption = Literal["recompute", "swap"]
Router = Literal["round-robin", "least-loaded", "least-kv", "prefix", "power-of-two"]
Role = Literal["both", "prefill", "decode"]


@dataclass(frozen=True, slots=True)
class Speculation:
    """Tokens drafted for each step, and the chance that one is accepted."""

    drafted_count: int
    acceptance_ratio: float


@dataclass(frozen=True, slots=True)
class PrefixCache:
    """What an engine keeps of prefixes.

    Attributes:
        unit_tokens: Tokens of a block that has an identity; a multiple of the engine's block.
        cpu_tokens: Tokens that host memory keeps of what was evicted.
        cpu_s_per_token: To bring one of them back.
    """

    unit_tokens: int
    cpu_tokens: int = 0
    cpu_s_per_token: float = 0.0


@dataclass(frozen=True, slots=True)
class Transfer:
    """The link over which a prefill replica sends a request's cache."""

    latency_s: float
    time_s_per_token: float


@dataclass(frozen=True, slots=True)
class Traits:
    """How an engine schedules; docs/methodology/simulation.md defines the words.

    Attributes:
        order: What goes into a step.
        max_seqs: Most requests that run at once.
        max_batched_tokens: Most tokens in a step.
        reserve: What a request needs at admission.
        blocks_count: KV blocks of the pool; ``block_tokens`` each.
        watermark_blocks: Blocks that an admission leaves free.
        slot_tokens: Longest prompt and answer without blocks; 0 for any.
        preemption: What happens to the cache of a request that gives way.
        swap_s_per_token: To move a token's cache to host memory, or back.
        max_queue_count: Requests that may wait; ``None`` for any number.
        seq_rows_count: Tokens of the budget that a decoding sequence takes; with speculation, the
            drafted ones and one more.
    """

    order: Order
    max_seqs: int
    max_batched_tokens: int
    reserve: Reserve = "prompt"
    blocks_count: int = 0
    block_tokens: int = 16
    watermark_blocks: int = 0
    slot_tokens: int = 0
    preemption: Preemption = "recompute"
    swap_s_per_token: float = 0.0
    max_queue_count: int | None = None
    seq_rows_count: int = 1
    speculation: Speculation | None = None
    prefix_cache: PrefixCache | None = None
    transfer: Transfer | None = None

    def __post_init__(self) -> None:
        """Refuse traits that contradict each other."""
        if self.order == "static" and self.reserve == "prompt":
            raise InputError(
                "a static batch reserves whole answers: use reserve 'whole', or 'none' for slots"
            )
        if not 1 <= self.block_tokens <= MOST_PHASES:
            raise InputError(
                f"a KV block of {self.block_tokens} tokens: from 1 to {MOST_PHASES} are simulated"
            )
        if self.max_queue_count is not None and self.max_queue_count < 1:
            raise InputError(
                f"a queue of {self.max_queue_count} requests would reject all: give 1 or more"
            )
        cache = self.prefix_cache
        if cache is not None and cache.unit_tokens % self.block_tokens:
            raise InputError(
                f"prefixes are known by blocks of {cache.unit_tokens} tokens, which is no multiple "
                f"of the engine's {self.block_tokens}; choose a block size that divides it"
            )


@dataclass(frozen=True, slots=True)
class Engines:
    """Equal replicas: their traits, their step times, and what they do of a request.

    Attributes:
        weight_ratio: Load that one takes, relative to the others (for the router).
    """

    traits: Traits
    table: StepTable
    count: int = 1
    role: Role = "both"
    weight_ratio: float = 1.0


@dataclass(frozen=True, slots=True)
class Autoscaling:
    """When replicas start and stop.

    Attributes:
        fewest_count: Replicas that always run; ``most_count`` is how many there are.
        target_count: Requests in the system for each replica.
        interval_s: Between decisions.
        cold_start_s: From the decision to the first request, weights and graphs loaded anew.
        warm_start_s: The same for a replica of the warm pool, of ``warm_count``.
        cooldown_s: Surplus lasts so long before a replica is drained.
    """

    fewest_count: int
    target_count: float
    interval_s: float = 15.0
    cold_start_s: float = 120.0
    warm_start_s: float = 10.0
    warm_count: int = 0
    cooldown_s: float = 300.0


@dataclass(frozen=True, slots=True)
class Failures:
    """When which replica dies, in the order of time, and how long its repair takes."""

    at: tuple[tuple[float, int], ...]
    repair_s: float


@dataclass(frozen=True, slots=True)
class Cluster:
    """Engines behind a router.

    Attributes:
        request_s: Before a request reaches the router: front end and tokenizer.
        timeout_s: The operator's limit from arrival to the last token.
        tenant_limits: Most requests of a tenant in the system; more are rejected.
    """

    engines: tuple[Engines, ...]
    router: Router = "least-loaded"
    request_s: float = 0.0
    timeout_s: float = math.inf
    autoscaling: Autoscaling | None = None
    failures: Failures | None = None
    tenant_limits: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse clusters that could not serve a request."""
        roles = {engines.role for engines in self.engines}
        if not self.engines or sum(engines.count for engines in self.engines) < 1:
            raise InputError("a cluster needs at least one replica")
        if len(roles) > 1 and roles != {"prefill", "decode"}:
            raise InputError("replicas either do both, or are divided into prefill and decode")
        if len(roles) == 1 and roles != {"both"}:
            raise InputError(f"replicas only {roles.pop()}; add some of the other role")
        for engines in self.engines:
            if engines.role == "prefill" and engines.traits.transfer is None:
                raise InputError("prefill replicas need a link to send the cache over (transfer)")
        if self.autoscaling is not None and self.is_divided:
            raise InputError("autoscaling of divided prefill and decode replicas is not simulated")

    @property
    def is_divided(self) -> bool:
        """Whether prefill and decode are on replicas of their own."""
        return self.engines[0].role != "both"

    @property
    def replicas_count(self) -> int:
        """All replicas."""
        return sum(engines.count for engines in self.engines)
