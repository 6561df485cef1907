"""One tenant's engine on one instance, card or share of a card: room, speed, and what it misses."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from rightrig.deployment.limits import LAYERED
from rightrig.deployment.propose import Choices, propose
from rightrig.errors import InputError
from rightrig.prediction.cache_room import pools, printed_tokens
from rightrig.prediction.memory_fit import Fit, fit
from rightrig.prediction.predict import Prediction, predict
from rightrig.prediction.regimes import Lengths
from rightrig.quantities import show_gib, show_number, show_seconds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rightrig.deployment.rig import Rig
    from rightrig.facts.catalog import Catalog
    from rightrig.facts.llm import Llm
    from rightrig.interval import Interval

MOST_KINDS: Final = 6
MOST_TENANTS: Final = 10_000
USUAL_INPUT_TOKENS: Final = 1000
USUAL_OUTPUT_TOKENS: Final = 300
_LEAST_OUTPUT_TOKENS: Final = 2


@dataclass(frozen=True, slots=True)
class Tenant:
    """What one kind of tenant needs, and how many of it there are.

    Attributes:
        choices: Runtime and formats that the tenant fixes.
        context_tokens: Of its longest sequence: prompt and answer.
        concurrency: Sequences of that length that its engine must hold at once, and the users
            at which its speed is predicted.
        lengths: A usual prompt and answer, for the speed.
        count: Tenants of this kind.
        ttft_s, tpot_s: Most mean latency at that concurrency; ``None`` where none is asked for.
        rate_requests_per_s: Requests that its engine must finish at that concurrency.
    """

    name: str
    llm: Llm
    choices: Choices
    context_tokens: int
    concurrency: int
    lengths: Lengths
    count: int = 1
    ttft_s: float | None = None
    tpot_s: float | None = None
    rate_requests_per_s: float | None = None


@dataclass(frozen=True, slots=True)
class TenantEngine:
    """A tenant's engine on some rig of one card.

    Attributes:
        fit: For the tenant's context and concurrency.
        prediction: ``None`` where the engine does not fit.
        missed: Objectives that the middle of the prediction misses, in words.
    """

    tenant: Tenant
    fit: Fit
    prediction: Prediction | None
    missed: tuple[str, ...]

    @property
    def is_served(self) -> bool:
        """Whether it fits and keeps every objective."""
        return self.prediction is not None and not self.missed

    @property
    def reason(self) -> str:
        """Why the tenant is not served here; empty when it is."""
        if self.prediction is None:
            card = self.fit.binding
            needed, budget = show_gib(card.required_bytes.mid), show_gib(card.budget_bytes.mid)
            return f"needs {needed} of {budget}"
        return "; ".join(self.missed)

    @property
    def pool_bytes(self) -> Interval | None:
        """What the engine's cache gets; ``None`` for engines that reserve slots, not a pool."""
        if self.fit.deployment.runtime.slug in LAYERED:
            return None
        return pools(self.fit.deployment)[0][1]

    @property
    def cache_tokens(self) -> Interval | None:
        """Tokens of cache that the engine prints at its start; ``None`` without a pool."""
        deployment = self.fit.deployment
        if deployment.runtime.slug in LAYERED:
            return None
        return printed_tokens(deployment, self.tenant.context_tokens)


def check_tenants(tenants: Sequence[Tenant]) -> None:
    """Refuse no tenants, too many kinds of them, two of one name, or too many in all."""
    if not 1 <= len(tenants) <= MOST_KINDS:
        raise InputError(f"{len(tenants)} kinds of tenants are named; name from 1 to {MOST_KINDS}")
    names = [tenant.name for tenant in tenants]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise InputError(f"two kinds of tenants are called {twice[:60]!r}; give each a name")
    total = sum(tenant.count for tenant in tenants)
    if total > MOST_TENANTS:
        raise InputError(f"{total:,} tenants are asked for; ask for at most {MOST_TENANTS:,}")


def usual_lengths(context_tokens: int) -> Lengths:
    """Return a usual prompt and answer that a context holds: 1,000 and 300, or less.

    >>> usual_lengths(8192)
    Lengths(input_tokens=1000.0, output_tokens=300.0, cached_tokens=0.0, \
tokens_per_step_count=1.0, accepted_count=1.0, patches_count=0.0)
    """
    output = max(_LEAST_OUTPUT_TOKENS, min(USUAL_OUTPUT_TOKENS, context_tokens // 4))
    return Lengths(float(max(1, min(USUAL_INPUT_TOKENS, context_tokens - output))), float(output))


def engine_on(
    catalog: Catalog, rig: Rig, tenant: Tenant, memory_ratio: float | None = None
) -> TenantEngine | None:
    """Return a tenant's engine on a rig of one card; ``None`` where the card does not run it.

    Args:
        catalog: Where the runtime is looked up.
        rig: One card or one MIG instance.
        tenant: What it serves.
        memory_ratio: The engine's memory fraction, where it is not the usual one.
    """
    choices = tenant.choices
    if memory_ratio is not None:
        choices = replace(choices, memory_ratio=memory_ratio)
    try:
        deployment = propose(catalog, tenant.llm, rig, choices)
    except InputError:
        return None
    found = fit(deployment, tenant.context_tokens, tenant.concurrency)
    if found.verdict not in {"fits", "tight"}:
        return TenantEngine(tenant, found, None, ())
    speed = predict(deployment, tenant.lengths, tenant.concurrency)
    return TenantEngine(tenant, found, speed, missed_objectives(tenant, speed))


def missed_objectives(tenant: Tenant, speed: Prediction) -> tuple[str, ...]:
    """Return the tenant's objectives that the middle of a prediction misses, in words."""
    missed = []
    for name, limit_s, got_s in (
        ("TTFT", tenant.ttft_s, speed.ttft_s.mid),
        ("TPOT", tenant.tpot_s, speed.tpot_s.mid),
    ):
        if limit_s is not None and got_s > limit_s:
            missed.append(f"mean {name} is {show_seconds(got_s)}, not {show_seconds(limit_s)}")
    rate = tenant.rate_requests_per_s
    if rate is not None and speed.requests_per_s.mid < rate:
        got = show_number(speed.requests_per_s.mid)
        missed.append(f"{got} requests/s at its concurrency, not {show_number(rate)}")
    return tuple(missed)
