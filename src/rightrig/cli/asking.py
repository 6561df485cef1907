"""From the words of ``plan`` to a question, and its answer."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, cast

from rightrig.cli.naming import model_named
from rightrig.demand.objective import MAX_GPUS, Limits, Slo
from rightrig.demand.workload import MAX_RATE_PER_S, Workload
from rightrig.errors import InputError
from rightrig.facts.quantization import KV_BITS, is_gguf_mix, weight_format
from rightrig.planning.search import Plan, Question, Space, plan, space_of, tariff_facts
from rightrig.quantities import check_count, parse

if TYPE_CHECKING:
    from rightrig.facts.catalog import Catalog
    from rightrig.facts.llm import Llm
    from rightrig.facts.source import Record
    from rightrig.quantities import Dimension

_VENDORS = ("NVIDIA", "AMD", "Intel", "Google", "Apple")
_MOST_HEADROOM_RATIO = 10.0
_LONGEST_TTFT_S = 3600.0
_LONGEST_TPOT_S = 10.0
"""A longer one is a forgotten ``ms``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The words of one ``plan`` command."""

    model: str
    rate: str
    input: int
    output: int
    ttft_p99: str | None
    tpot_p99: str | None
    budget: str | None
    max_power: str | None
    max_gpus: int
    gpu: str | None
    vendor: str | None
    provider: str | None
    weights: str | None
    kv: str | None
    headroom: float
    confidence: str
    rank_by: str
    top: int


def search(catalog: Catalog, asked: Asked) -> tuple[Plan, tuple[Record, ...]]:
    """Return the plan that the words ask for, and the records that it rests on."""
    llm = model_named(asked.model, catalog)
    question = Question(_workload(asked, llm), _slo(asked), _limits(asked, catalog))
    check_count(asked.top, name="--top", limit=1000)
    found = plan(llm, question, _space(asked, catalog, question), asked.top)
    return found, _records_of(found, catalog)


def _records_of(found: Plan, catalog: Catalog) -> tuple[Record, ...]:
    """Return the records that the plans rest on."""
    cards = (catalog.gpu(p.gpu) for p in found.plans)
    prices = (p.purchase.price for p in found.plans)
    return (found.llm, *cards, *prices, *tariff_facts(catalog))


def _workload(asked: Asked, llm: Llm) -> Workload:
    """Return the traffic."""
    most = llm.max_context_tokens
    check_count(asked.input, name="--input", limit=most)
    check_count(asked.output, name="--output", limit=most)
    if asked.input + asked.output > most:
        raise InputError(
            f"--input and --output are {asked.input + asked.output:,} tokens together; {llm.name} "
            f"was made for {most:,}"
        )
    rate = parse(asked.rate, "rate", name="--rate", limit=MAX_RATE_PER_S)
    return Workload(rate_requests_per_s=rate, input_tokens=asked.input, output_tokens=asked.output)


def _optional(
    text: str | None, dimension: Dimension, name: str, limit: float = 1e12
) -> float | None:
    """Return a quantity that may be absent."""
    return None if text is None else parse(text, dimension, name=name, limit=limit)


def _slo(asked: Asked) -> Slo:
    """Return the latency objectives."""
    return Slo(
        ttft_p99_s=_optional(asked.ttft_p99, "time", "--ttft-p99", _LONGEST_TTFT_S),
        tpot_p99_s=_optional(asked.tpot_p99, "time", "--tpot-p99", _LONGEST_TPOT_S),
    )


def _limits(asked: Asked, catalog: Catalog) -> Limits:
    """Return the limits, each checked where it enters."""
    _one_of(asked.confidence, ("surely", "likely"), "--confidence")
    _one_of(asked.rank_by, ("month", "token"), "--rank-by")
    if not (math.isfinite(asked.headroom) and 0.0 <= asked.headroom <= _MOST_HEADROOM_RATIO):
        raise InputError(
            f"--headroom is {asked.headroom:g}: it lies between 0 and {_MOST_HEADROOM_RATIO:g}"
        )
    vendor = None
    if asked.vendor is not None:
        vendor = next((v for v in _VENDORS if v.lower() == asked.vendor.lower()), None)
        if vendor is None:
            raise InputError(
                f"--vendor is {asked.vendor[:40]!r}: it is one of {', '.join(_VENDORS)}"
            )
    return Limits(
        budget_usd_per_month=_optional(asked.budget, "money_per_month", "--budget"),
        max_power_w=_optional(asked.max_power, "power", "--max-power"),
        max_gpus_count=check_count(asked.max_gpus, name="--max-gpus", limit=MAX_GPUS),
        vendor=vendor,
        provider=_provider(asked, catalog),
        gpu=None if asked.gpu is None else catalog.gpu(asked.gpu).slug,
        headroom_ratio=asked.headroom,
        confidence=cast("Literal['surely', 'likely']", asked.confidence),
        rank_by=cast("Literal['month', 'token']", asked.rank_by),
    )


def _one_of(value: str, allowed: tuple[str, ...], name: str) -> None:
    """Refuse a word that is none of those allowed."""
    if value not in allowed:
        raise InputError(f"{name} is {value[:40]!r}: it is {' or '.join(allowed)}")


def _provider(asked: Asked, catalog: Catalog) -> str | None:
    """Return the provider by its own spelling."""
    if asked.provider is None:
        return None
    known = sorted({price.provider for price in catalog.prices()})
    found = next((name for name in known if name.lower() == asked.provider.lower()), None)
    if found is None:
        raise InputError(
            f"--provider is {asked.provider[:40]!r}: prices are known of {', '.join(known)}"
        )
    return found


def _space(asked: Asked, catalog: Catalog, question: Question) -> Space:
    """Return what may be chosen from, with the formats that were fixed."""
    space = space_of(catalog, question)
    if not space.gpus:
        limits = question.limits
        raise InputError(
            f"no card is both --gpu {limits.gpu} and --vendor {limits.vendor}; drop one"
        )
    if asked.weights is not None:
        name = asked.weights.lower()
        if name != "checkpoint" and not is_gguf_mix(name):
            weight_format(name)
        space = replace(space, formats=(name,))
    if asked.kv is not None:
        if asked.kv.lower() not in KV_BITS:
            raise InputError(f"--kv is {asked.kv[:40]!r}: it is one of {', '.join(KV_BITS)}")
        space = replace(space, kv=asked.kv.lower())
    return space
