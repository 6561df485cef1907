"""From the words of ``plan`` to a question, and its answer."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, cast, get_args

from rightrig.demand.objective import MAX_GPUS, Limits, RankBy
from rightrig.demand.workload import Workload
from rightrig.deployment.propose import MODELLED
from rightrig.errors import InputError
from rightrig.facts.licence import licence_reason
from rightrig.facts.provider import in_countries
from rightrig.facts.quantization import KV_BITS, is_gguf_mix, weight_format
from rightrig.planning.search import Question, Space, plan, space_of, tariff_facts
from rightrig.quantities import check_count, parse
from rightrig.verbs.naming import model_named
from rightrig.verbs.objectives import slo_of
from rightrig.verbs.progress import watcher
from rightrig.verbs.requesting import Words, asked_requests_per_s, check_words, traffic_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rightrig.demand.objective import Confidence
    from rightrig.demand.requests import Requests
    from rightrig.facts.catalog import Catalog
    from rightrig.facts.llm import Llm
    from rightrig.facts.runtime import Runtime
    from rightrig.facts.source import Record
    from rightrig.planning.planned import Plan
    from rightrig.quantities import Dimension

_VENDORS: Final = ("NVIDIA", "AMD", "Intel", "Google", "Apple")
_MOST_HEADROOM_RATIO: Final = 10.0
_MOST_SIMULATED: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What a plan may not exceed, where it may come from, what it is ranked by."""

    budget: str | None = None
    capex: str | None = None
    max_power: str | None = None
    max_gpus: int = 64
    max_machines: int | None = None
    available: str | None = None
    gpu: str | None = None
    vendor: str | None = None
    provider: str | None = None
    region: str | None = None
    country: str | None = None
    licence: str | None = None
    buy: bool = False
    spot: bool = False
    headroom: float = 0.3
    spare: int = 0
    min_engines: int = 1
    confidence: str = "likely"
    rank_by: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The words of one ``plan`` command.

    Attributes:
        objectives: What stands behind ``--ttft-p50`` to ``--itl-p99``.
        simulate: How many of the first plans to simulate.
    """

    model: str
    traffic: Words
    objectives: Sequence[str | None]
    bounds: Bounds
    weights: str | None = None
    kv: str | None = None
    runtime: str | None = None
    top: int = 10
    simulate: int = 0


@dataclass(frozen=True, slots=True)
class Posed:
    """A question as it was asked, ready to be answered.

    Attributes:
        requests: Of a trace or preset; ``None`` for fixed lengths.
        source: What the traffic is, in words; empty for fixed lengths.
    """

    catalog: Catalog
    llm: Llm
    question: Question
    space: Space
    requests: Requests | None
    source: str

    @property
    def records(self) -> tuple[Record, ...]:
        """The records that an answer may rest on."""
        return (self.llm, *self.space.gpus, *self.space.prices)


def posed(catalog: Catalog, asked: Asked) -> Posed:
    """Return the question that the words ask."""
    llm = model_named(asked.model, catalog)
    _refuse_licence(llm, asked.bounds.licence, catalog)
    workload, requests, source = _workload(asked.traffic, llm)
    limits = _limits(asked.bounds, catalog)
    question = Question(workload, slo_of(asked.objectives), limits)
    _refuse_unsimulated(question, asked)
    return Posed(catalog, llm, question, _space(asked, catalog, question), requests, source)


def search(catalog: Catalog, asked: Asked) -> tuple[Plan, Posed]:
    """Return the plan that the words ask for, and the question."""
    check_count(asked.top, name="--top", limit=1000)
    if asked.simulate:
        check_count(asked.simulate, name="--simulate", limit=_MOST_SIMULATED)
    question = posed(catalog, asked)
    found = plan(question.llm, question.question, question.space, asked.top)
    if asked.simulate and found.plans:
        # The simulator is not wanted otherwise, and takes its time to start.
        from rightrig.planning.simulated import Simulating, simulated

        with watcher().shares() as progress:
            how = Simulating(asked.simulate, asked.traffic.seed, question.requests, progress)
            found = simulated(found, question.space, how)
    return found, question


def records_of(found: Plan, catalog: Catalog) -> tuple[Record, ...]:
    """Return the records that the plans rest on."""
    cards = (catalog.gpu(p.gpu) for p in found.plans)
    prices = (p.purchase.price for p in found.plans if p.purchase is not None)
    hosts = (p.bought.good.host for p in found.plans if p.bought is not None)
    return (
        found.llm, *cards, *prices, *dict.fromkeys(host for host in hosts if host is not None),
        *tariff_facts(catalog),
    )  # fmt: skip


def _refuse_licence(llm: Llm, wanted: str | None, catalog: Catalog) -> None:
    """Refuse a model whose licence is not the one that is wanted."""
    reason = None if wanted is None else licence_reason(llm, wanted, catalog)
    if reason is not None:
        raise InputError(f"--licence {wanted}: {reason}")


def _refuse_unsimulated(question: Question, asked: Asked) -> None:
    """Refuse objectives of which there is no analytic bound worth the name."""
    if any(one.metric == "itl" for one in question.slo.objectives()) and not asked.simulate:
        raise InputError(
            "--itl objectives are judged by simulation; add --simulate 3 for the first three plans"
        )


def _workload(words: Words, llm: Llm) -> tuple[Workload, Requests | None, str]:
    """Return the traffic: fixed lengths, or the means of a preset or trace with its requests."""
    check_words(words, finds_limit=False)
    if words.trace is None and words.preset is None:
        return _fixed(words, llm), None, ""
    if words.rate is None and words.preset is not None:
        raise InputError("--preset says how long requests are; add --rate 5/s for how many come")
    traffic = traffic_of(words, llm.max_context_tokens, finds_limit=False)
    requests = traffic.requests
    workload = Workload(
        rate_requests_per_s=words.rate_per_s or requests.mean_rate_requests_per_s,
        input_tokens=max(1, round(float(requests.input_tokens.mean()))),
        output_tokens=max(1, round(float(requests.output_tokens.mean()))),
    )
    return workload, requests, traffic.source


def _fixed(words: Words, llm: Llm) -> Workload:
    """Return requests of fixed lengths."""
    if words.rate is None:
        raise InputError("how many requests come? Add --rate 5/s, or --trace FILE")
    prompt = _whole(words.input, 1000, "--input")
    return workload_of(llm, words.rate, (prompt, _whole(words.output, 300, "--output")))


def workload_of(llm: Llm, rate: str, tokens: tuple[int, int], dashes: str = "--") -> Workload:
    """Return traffic of fixed lengths, within what a model was made for.

    Args:
        llm: The model.
        rate: Requests: ``5/s``.
        tokens: Of the prompt and of the answer.
        dashes: What stands before the names in messages; nothing for those of a file.
    """
    most = llm.max_context_tokens
    names = (f"{dashes}input", f"{dashes}output")
    prompt, answer = (
        check_count(n, name=name, limit=most) for n, name in zip(tokens, names, strict=True)
    )
    if prompt + answer > most:
        raise InputError(
            f"{names[0]} and {names[1]} are {prompt + answer:,} tokens together; {llm.name} "
            f"was made for {most:,}"
        )
    rate_per_s = asked_requests_per_s(rate, f"{dashes}rate")
    return Workload(rate_requests_per_s=rate_per_s, input_tokens=prompt, output_tokens=answer)


def _whole(text: str | None, usual: int, name: str) -> int:
    """Return a whole number of tokens."""
    if text is None:
        return usual
    try:
        return int(text.replace(",", "").replace("_", ""))
    except ValueError:
        raise InputError(
            f"{name} is {text[:40]!r}: a plan takes a whole number of tokens; for a distribution "
            "use --preset or --trace"
        ) from None


def _optional(
    text: str | None, dimension: Dimension, name: str, limit: float = 1e12
) -> float | None:
    """Return a quantity that may be absent."""
    return None if text is None else parse(text, dimension, name=name, limit=limit)


def _limits(words: Bounds, catalog: Catalog) -> Limits:
    """Return the limits, each checked where it enters."""
    _one_of(words.confidence, ("surely", "likely"), "--confidence")
    rank_by = words.rank_by or ("capex" if words.buy else "month")
    _one_of(rank_by, get_args(RankBy), "--rank-by")
    _refuse_clashes(words, rank_by)
    if not (math.isfinite(words.headroom) and 0.0 <= words.headroom <= _MOST_HEADROOM_RATIO):
        raise InputError(
            f"--headroom is {words.headroom:g}: it lies between 0 and {_MOST_HEADROOM_RATIO:g}"
        )
    machines = words.max_machines
    return Limits(
        budget_usd_per_month=_optional(words.budget, "money_per_month", "--budget"),
        max_capex_usd=_optional(words.capex, "money", "--capex"),
        max_power_w=_optional(words.max_power, "power", "--max-power"),
        max_gpus_count=check_count(words.max_gpus, name="--max-gpus", limit=MAX_GPUS),
        max_machines_count=None
        if machines is None
        else check_count(machines, name="--max-machines", limit=MAX_GPUS),
        vendor=_vendor(words.vendor),
        provider=_known(words.provider, {p.provider for p in catalog.prices()}, "--provider"),
        region=_known(words.region, {p.region for p in catalog.prices()}, "--region"),
        country=tuple(part.strip().lower() for part in (words.country or "").split(",") if part),
        gpu=None if words.gpu is None else catalog.gpu(words.gpu).slug,
        available=_available(words.available, catalog),
        headroom_ratio=words.headroom,
        spare_engines_count=_count_from_0(words.spare, "--spare"),
        min_engines_count=check_count(words.min_engines, name="--min-engines", limit=MAX_GPUS),
        confidence=cast("Confidence", words.confidence),
        buys=words.buy,
        spot=words.spot,
        rank_by=cast("RankBy", rank_by),
    )


def _refuse_clashes(words: Bounds, rank_by: str) -> None:
    """Refuse limits that do not go with renting, or with buying."""
    if words.buy:
        wrong = {"--budget": words.budget, "--provider": words.provider, "--region": words.region,
                 "--country": words.country, "--spot": words.spot or None}  # fmt: skip
        name = next((name for name, value in wrong.items() if value is not None), None)
        if name is not None:
            raise InputError(f"{name} is about renting, and --buy buys; drop one")
        if rank_by in {"month", "token"}:
            raise InputError(f"--rank-by {rank_by} is about rent; with --buy use capex or energy")
    elif words.capex is not None:
        raise InputError("--capex is what may be spent on buying; add --buy, or --own RIG")
    elif rank_by == "capex":
        raise InputError("--rank-by capex is about buying; add --buy")


def _count_from_0(count: int, name: str) -> int:
    """Return a count that may be 0."""
    return 0 if count == 0 else check_count(count, name=name, limit=MAX_GPUS)


def _one_of(value: str, allowed: Sequence[str], name: str) -> None:
    """Refuse a word that is none of those allowed."""
    if value not in allowed:
        words = f"{', '.join(allowed[:-1])} or {allowed[-1]}"
        raise InputError(f"{name} is {value[:40]!r}: it is {words}")


def _vendor(name: str | None) -> str | None:
    """Return a maker by its own spelling."""
    if name is None:
        return None
    found = next((v for v in _VENDORS if v.lower() == name.lower()), None)
    if found is None:
        raise InputError(f"--vendor is {name[:40]!r}: it is one of {', '.join(_VENDORS)}")
    return found


def _known(name: str | None, known: set[str], option: str) -> str | None:
    """Return a name of the prices by its own spelling."""
    if name is None:
        return None
    found = next((one for one in sorted(known) if one.lower() == name.lower()), None)
    if found is None:
        names = ", ".join(sorted(known))
        raise InputError(f"{option} is {name[:40]!r}: prices are known of {names}")
    return found


def _available(text: str | None, catalog: Catalog) -> dict[str, int]:
    """Return the cards that can be had, from ``h100-sxm=8,l40s=16``."""
    found = {}
    for part in (text or "").split(","):
        if not part.strip():
            continue
        name, sign, count = part.partition("=")
        if not sign or not count.strip().isdigit():
            raise InputError(f"--available is {part[:40]!r}: write it as h100-sxm=8,l40s=16")
        found[catalog.gpu(name.strip()).slug] = min(int(count), MAX_GPUS)
    return found


def _space(asked: Asked, catalog: Catalog, question: Question) -> Space:
    """Return what may be chosen from, with the formats and runtimes that were fixed."""
    space, limits = space_of(catalog, question), question.limits
    if not space.gpus:
        raise InputError(
            f"no card is both --gpu {limits.gpu} and --vendor {limits.vendor}; drop one"
        )
    if limits.country:
        prices = tuple(p for p in space.prices if in_countries(catalog, p, limits.country))
        space = replace(space, prices=prices)
    if asked.runtime is not None:
        space = replace(space, runtimes=_runtimes(asked.runtime, catalog))
    if asked.weights is not None:
        space = replace(space, formats=(format_named(asked.weights),))
    if asked.kv is not None:
        space = replace(space, kv=kv_named(asked.kv))
    return space


def format_named(text: str) -> str:
    """Return a weight format that exists."""
    name = text.strip().lower()
    if name != "checkpoint" and not is_gguf_mix(name):
        weight_format(name)
    return name


def kv_named(text: str) -> str:
    """Return a format of the cache that exists."""
    if text.lower() not in KV_BITS:
        raise InputError(f"--kv is {text[:40]!r}: it is one of {', '.join(KV_BITS)}")
    return text.lower()


def _runtimes(text: str, catalog: Catalog) -> tuple[Runtime, ...]:
    """Return the runtimes that may be used, at the versions that were named."""
    found = []
    for part in text.split(","):
        name, _, version = part.strip().partition("@")
        runtime = catalog.runtime(name)
        if runtime.slug not in MODELLED:
            raise InputError(
                f"--runtime {runtime.slug}: a plan knows the memory and speed of "
                f"{', '.join(MODELLED)}"
            )
        found.append(runtime.model_copy(update={"version": version}) if version else runtime)
    return tuple(found)
