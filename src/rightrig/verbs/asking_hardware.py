"""From the words of the questions about hardware to what they are asked with."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, cast, get_args

from rightrig.demand.objective import OBJECTIVES, Limits, Slo
from rightrig.deployment.propose import Choices, propose
from rightrig.deployment.rig import MAX_CARDS_PER_NODE, parse_rig
from rightrig.errors import InputError
from rightrig.planning.questions import gpu_count
from rightrig.planning.questions.choose_gpu import (
    SERVICE_SLO,
    Kind,
    Use,
    users_rate_requests_per_s,
)
from rightrig.planning.questions.tiers import Home
from rightrig.quantities import check_count, parse, show_number, show_seconds
from rightrig.verbs.asking import Asked, Bounds, Posed, format_named, posed
from rightrig.verbs.naming import model_named
from rightrig.verbs.requesting import Words as Traffic
from rightrig.verbs.requesting import asked_requests_per_s

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rightrig.deployment.deployment import Deployment
    from rightrig.deployment.rig import Rig
    from rightrig.facts.catalog import Catalog
    from rightrig.facts.gpu import Gpu
    from rightrig.facts.llm import Llm

_LONGEST_THINK_S: Final = 86_400.0
_MOST_NAMES: Final = 32
_MOST_USERS: Final = 10_000_000
_MOST_USD: Final = 1e9
_MOST_SEQUENCES: Final = 10_000_000
_LEAST_TWO: Final = 2
_ANY_RATE: Final = "1/s"
"""Stands where the rate plays no part in the answer."""
_LIMITS: Final[dict[str, dict[str, object]]] = {
    "development": {"headroom_ratio": 0.0, "spare_engines_count": 0},
    "production": {"headroom_ratio": Limits().headroom_ratio, "spare_engines_count": 1},
}
"""What the kinds of use ask for beside objectives."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """What a question about hardware says; ``None`` where an option was left out."""

    model: str
    rate: str | None = None
    input: int
    output: int
    ttft_p99: str | None = None
    tpot_p99: str | None = None
    weights: str | None = None
    budget: str | None = None
    max_power: str | None = None
    max_gpus: int = 64


def asked_of(catalog: Catalog, words: Words) -> Posed:
    """Return what the words ask; without a rate one stands in that plays no part."""
    rate = _ANY_RATE if words.rate is None else words.rate
    traffic = Traffic(rate, input=str(words.input), output=str(words.output))
    objectives = {"ttft_p99": words.ttft_p99, "tpot_p99": words.tpot_p99}
    bounds = Bounds(budget=words.budget, max_power=words.max_power, max_gpus=words.max_gpus)
    return posed(catalog, Asked(
        model=words.model, traffic=traffic, weights=words.weights, bounds=bounds,
        objectives=[objectives.get(name) for name in OBJECTIVES],
    ))  # fmt: skip


def names(text: str, option: str) -> tuple[str, ...]:
    """Return the names of a list by comma, each once."""
    found = [name.strip() for name in text.split(",")]
    if not all(found) or len(found) > _MOST_NAMES:
        raise InputError(
            f"{option} {text[:40]!r}: write one to {_MOST_NAMES} names by comma, none of them empty"
        )
    return tuple(dict.fromkeys(found))


@dataclass(frozen=True, slots=True)
class Purpose:
    """The words of ``choose-gpu`` beside those that every question has."""

    kind: str
    users: int | None
    think: str
    card: str
    among: str | None


def use_of(catalog: Catalog, words: Words, purpose: Purpose) -> tuple[Posed, Use]:
    """Return what the card is for; a service gets headroom and objectives where none are set."""
    if purpose.kind not in get_args(Kind):
        raise InputError(f"--kind is {purpose.kind[:40]!r}: it is development or production")
    kind = cast("Kind", purpose.kind)
    rate, traffic = _traffic(words, purpose)
    found = asked_of(catalog, replace(words, rate=f"{rate!r}"))
    slo, limits = found.question.slo, found.question.limits
    if kind == "production":
        slo = Slo(
            ttft_p99_s=slo.ttft_p99_s or SERVICE_SLO.ttft_p99_s,
            tpot_p99_s=slo.tpot_p99_s or SERVICE_SLO.tpot_p99_s,
        )
    limits = limits.model_copy(update=_LIMITS[kind])
    space = found.space
    if purpose.among is not None:
        cards = tuple(dict.fromkeys(catalog.gpu(n).slug for n in names(purpose.among, "--among")))
        space = replace(space, gpus=tuple(catalog.gpu(slug) for slug in cards))
    question = replace(found.question, slo=slo, limits=limits)
    use = Use(kind, question, space, traffic, catalog.gpu(purpose.card))
    return replace(found, question=question, space=space), use


def _traffic(words: Words, purpose: Purpose) -> tuple[float, str]:
    """Return the rate and who sends it."""
    if words.rate is not None and purpose.users is not None:
        raise InputError("--rate and --users both say how much comes; drop one")
    if words.rate is not None:
        rate = asked_requests_per_s(words.rate)
        return rate, f"Traffic: {show_number(rate)} requests/s."
    if purpose.users is None and purpose.kind == "production":
        raise InputError("how much comes is not said: add --rate 5/s or --users 200")
    users = check_count(purpose.users or 1, name="--users", limit=_MOST_USERS)
    if purpose.users == 0:
        raise InputError("--users is 0: it must be a whole number from 1")
    think_s = parse(purpose.think, "time", name="--think", limit=_LONGEST_THINK_S)
    rate = users_rate_requests_per_s(users, think_s)
    who = "1 user who asks" if users == 1 else f"{users:,} users who each ask"
    return rate, (
        f"Traffic: {who} again {show_seconds(think_s)} after an answer: at most "
        f"{show_number(rate)} requests/s."
    )


def counting(
    catalog: Catalog, model: str, gpus: str, weights: str, size: tuple[int | None, int, int]
) -> tuple[Llm, gpu_count.Asked]:
    """Return the table that ``gpu-count`` asks for; ``size`` is context, concurrency, cards."""
    llm = model_named(model, catalog)
    context, concurrency, most = size
    tokens = min(8192, llm.max_context_tokens) if context is None else context
    check_count(tokens, name="--context", limit=llm.max_context_tokens)
    check_count(concurrency, name="--concurrency", limit=_MOST_SEQUENCES)
    check_count(most, name="--most-cards", limit=MAX_CARDS_PER_NODE)
    slugs = dict.fromkeys(catalog.gpu(name).slug for name in names(gpus, "--gpus"))
    cards: tuple[Gpu, ...] = tuple(catalog.gpu(slug) for slug in slugs)
    formats = tuple(format_named(name) for name in names(weights, "--weights"))
    return llm, gpu_count.Asked(cards, formats, tokens, concurrency, most)


def two_rigs(catalog: Catalog, many: str, one: str) -> tuple[Rig, Rig]:
    """Return the two rigs of ``many-or-one``, which differ in their card."""
    found = parse_rig(many, catalog), parse_rig(one, catalog)
    if found[0].gpu.slug == found[1].gpu.slug:
        raise InputError(
            f"--many and --one are both {found[0].gpu.slug}; name two kinds of card, such as "
            "--many 16xrtx-4090 --one 1xh100-sxm"
        )
    return found


def home_of(capital: str, power: str) -> Home:
    """Return the limits of a home lab."""
    return Home(
        parse(capital, "money", name="--capital", limit=_MOST_USD),
        parse(power, "power", name="--home-power", limit=1e6),
    )


def proposed(found: Posed, on: str) -> Deployment:
    """Return the model on the rig of ``overkill``, which must be of one kind of plain card."""
    rig = parse_rig(on, found.catalog)
    if not rig.is_uniform or any(group.options for group in rig.groups):
        raise InputError(f"{rig.text} has options or mixed cards; write it as 1xa100-sxm-80gb")
    formats = found.space.formats
    return propose(found.catalog, found.llm, rig, Choices(weights=formats[0] if formats else None))


def cards_and_model(catalog: Catalog, words: Sequence[str]) -> tuple[tuple[Gpu, ...], str]:
    """Return the cards of ``train-or-serve``, and the model, which comes last."""
    if len(words) < _LEAST_TWO or len(words) > _MOST_NAMES:
        raise InputError(
            "name one or more cards and then the model: train-or-serve h100-sxm l40s llama-3.1-8b"
        )
    slugs = dict.fromkeys(catalog.gpu(name).slug for name in words[:-1])
    return tuple(catalog.gpu(slug) for slug in slugs), words[-1]


def sequence_of(llm: Llm, tokens: int) -> int:
    """Return the tokens of a training sequence, at most the model's context."""
    return check_count(tokens, name="--sequence", limit=llm.max_context_tokens)
