"""From the words of the questions about layout and growth to their answers."""

from __future__ import annotations

import datetime
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from rightrig.deployment.propose import Choices, propose
from rightrig.deployment.rig import parse_rig
from rightrig.errors import InputError
from rightrig.planning.questions.growth import MOST_MONTHS, Span, runway
from rightrig.planning.questions.measure_next import measure_next, measure_next_on
from rightrig.planning.questions.mixing import Mix, mix
from rightrig.planning.questions.split_choice import SplitChoice, split_choice
from rightrig.planning.search import plan
from rightrig.prediction.predict import refuse_unmodelled
from rightrig.prediction.regimes import Lengths
from rightrig.quantities import check_count, check_positive
from rightrig.report.plan import plan_document
from rightrig.report.plan_json import plan_json
from rightrig.report.questions_layout import growth_document, measure_next_document
from rightrig.report.questions_layout_json import growth_json, measure_next_json
from rightrig.verbs.asking import kv_named
from rightrig.verbs.asking_hardware import Words, asked_of, names
from rightrig.verbs.found import Found
from rightrig.verbs.naming import model_named
from rightrig.verbs.requesting import asked_requests_per_s

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rightrig.facts.catalog import Catalog
    from rightrig.facts.source import Record
    from rightrig.planning.planned import Plan
    from rightrig.report.schema.ask_layout import (
        GrowthJson,
        MeasureNextJson,
    )
    from rightrig.report.schema.planning import (
        PlanJson,
    )
    from rightrig.verbs.asking import Posed

__all__ = ["Choices", "Words"]
_MOST_RIGS: Final = 8
_MOST_MODELS: Final = 16
_MOST_PLACES: Final = 100
_LEAST_PLACES: Final = 10
_GROWTH: Final = re.compile(r"(\d+\.?\d*|\.\d+)\s*(%?)\s*(?:/\s*(month|year))?")
_MOST_GROWTH_RATIO: Final = 10.0
_MONTHS_PER_YEAR: Final = 12


def _lengths_of(asked: Posed) -> Lengths:
    """Return prompt and answer; a time per output token needs two tokens of it."""
    if asked.question.workload.output_tokens == 1:
        raise InputError(
            "--output is 1: an answer of one token has no time per output token; ask for 2 or more"
        )
    return asked.question.lengths


def splits_of_rigs(
    catalog: Catalog, words: Words, on: Sequence[str], fixed: Choices
) -> tuple[tuple[SplitChoice, ...], tuple[Record, ...]]:
    """Return the splits of every rig that is named, and the records behind them."""
    asked = asked_of(catalog, words)
    texts = tuple(dict.fromkeys(on))
    if len(texts) > _MOST_RIGS:
        raise InputError(f"--on names {len(texts)} rigs; name at most {_MOST_RIGS}")
    rigs = [parse_rig(text, catalog) for text in texts]
    mixes = next((rig for rig in rigs if not rig.is_uniform), None)
    if mixes is not None:
        raise InputError(
            f"{mixes.text} mixes cards; name cards of one kind, or ask 'rightrig ask mix'"
        )
    rate = None if words.rate is None else asked_requests_per_s(words.rate)
    traffic = (_lengths_of(asked), rate)
    slo = asked.question.slo
    found = tuple(split_choice(catalog, asked.llm, rig, fixed, traffic, slo) for rig in rigs)
    return found, (asked.llm, *(rig.gpu for rig in rigs))


def first_of(models: Sequence[str]) -> str:
    """Return the first model that was named.

    Raises:
        InputError: where none was, as a request can.
    """
    if models:
        return models[0]
    raise InputError("models is empty: name one or more, such as llama-3.1-8b")


def mixed(
    catalog: Catalog, words: Words, models: Sequence[str], rigs: str, fixed: Choices
) -> tuple[Mix, tuple[Record, ...]]:
    """Return whether cards of several kinds serve together, and the records behind it."""
    asked = asked_of(catalog, words)
    if len(models) > _MOST_MODELS:
        raise InputError(f"{len(models)} models; name at most {_MOST_MODELS}")
    llms = [model_named(model, catalog) for model in dict.fromkeys(models)]
    pools = [parse_rig(text, catalog) for text in names(rigs, "--rigs")]
    found = mix(catalog, llms, pools, fixed, _lengths_of(asked), asked.question.slo)
    cards = (group.gpu for pool in pools for group in pool.groups)
    return found, (*llms, *cards, *catalog.prices())


@dataclass(frozen=True, slots=True)
class GrowthWords:
    """The words of ``growth`` beside those of a plan."""

    growth: str
    start: str | None
    months: int
    place: int


def answer_growth(
    catalog: Catalog, words: Words, asked_growth: GrowthWords
) -> Found[GrowthJson | PlanJson]:
    """Return until when a plan lasts; without a plan, why there is none."""
    asked = asked_of(catalog, words)
    ratio = growth_ratio_per_month(asked_growth.growth)
    check_count(asked_growth.months, name="--months", limit=MOST_MONTHS)
    place = check_count(asked_growth.place, name="--place", limit=_MOST_PLACES)
    span = Span(start_of(asked_growth.start), asked_growth.months)
    found = plan(asked.llm, asked.question, asked.space, max(place, _LEAST_PLACES))
    if not found.plans:
        return _no_plan(found, asked)
    if place > len(found.plans):
        raise InputError(f"--place is {place} and there are {len(found.plans)} plans")
    lasts = runway(asked.llm, asked.question, asked.space, found.plans[place - 1], ratio, span)
    return Found(
        lambda: growth_json(lasts), lambda: growth_document(lasts), True, asked.records  # noqa: FBT003 - a plan is the answer yes
    )  # fmt: skip


def _no_plan(found: Plan, asked: Posed) -> Found[PlanJson]:
    """Return why there is no plan, as ``plan`` says it."""
    return Found(
        lambda: plan_json(found),
        lambda: plan_document(found),
        False,  # noqa: FBT003 - the answer no
        asked.records,
    )


def growth_ratio_per_month(text: str) -> float:
    """Return growth a month: ``10%/month``, ``0.1``, or a year's, spread over twelve months."""
    match = _GROWTH.fullmatch(text.strip())
    if match is None:
        raise InputError(f"--growth is {text[:40]!r}: write 10%/month or 200%/year")
    ratio = float(match[1]) / (100.0 if match[2] else 1.0)
    if match[3] == "year":
        ratio = (1.0 + ratio) ** (1.0 / _MONTHS_PER_YEAR) - 1.0
    return check_positive(ratio, name="--growth", limit=_MOST_GROWTH_RATIO)


def start_of(text: str | None) -> datetime.date:
    """Return the first day."""
    if text is None:
        return datetime.datetime.now(tz=datetime.UTC).date()
    try:
        return datetime.date.fromisoformat(text)
    except ValueError:
        raise InputError(f"--start is {text[:40]!r}: write a day as 2027-01-31") from None


def answer_measure_next(
    catalog: Catalog, words: Words, fixed: Choices, on: str | None, top: int
) -> Found[MeasureNextJson | PlanJson]:
    """Return what to measure: of the best plans, or of one rig."""
    check_count(top, name="--top", limit=_MOST_PLACES)
    asked = asked_of(catalog, words)
    question = asked.question
    if on is not None:
        deployment = propose(catalog, asked.llm, parse_rig(on, catalog), fixed)
        refuse_unmodelled(deployment)
        rate = question.workload.rate_requests_per_s
        found = measure_next_on(deployment, _lengths_of(asked), rate, question.slo)
        records: tuple[Record, ...] = (asked.llm, *(g.gpu for g in deployment.rig.groups))
    else:
        if fixed.runtime is not None:
            raise InputError("--runtime goes with --on; a plan takes the runtime that suits a card")
        _check_objectives(asked)
        space = asked.space if fixed.kv is None else replace(asked.space, kv=kv_named(fixed.kv))
        best = plan(asked.llm, question, space, top)
        if not best.plans:
            return _no_plan(best, asked)
        found, records = measure_next(best, space, top), asked.records
    return Found(
        lambda: measure_next_json(found), lambda: measure_next_document(found), True, records  # noqa: FBT003 - what to measure is the answer
    )  # fmt: skip


def _check_objectives(asked: Posed) -> None:
    """Refuse plans without an objective: nothing could be open."""
    slo = asked.question.slo
    if slo.ttft_p99_s is None and slo.tpot_p99_s is None:
        raise InputError(
            "nothing says what a measurement would decide: add --ttft-p99 or --tpot-p99, or name a "
            "rig with --on"
        )
