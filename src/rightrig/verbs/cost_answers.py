"""The answers of ``cost tokens``, ``break-even`` and ``compare``, and their charts."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from rightrig.errors import InputError
from rightrig.planning.costing.break_even import break_even
from rightrig.planning.costing.capacity import rows_of
from rightrig.planning.costing.compare import compare
from rightrig.planning.costing.coverage import coverage_of
from rightrig.planning.costing.tokens import token_cost
from rightrig.quantities import parse
from rightrig.report.charts_money import break_even_charts, compare_charts, tokens_charts
from rightrig.report.cost_break_even import break_even_document, break_even_json
from rightrig.report.cost_compare import compare_document, compare_json
from rightrig.report.cost_tokens import tokens_document, tokens_json
from rightrig.verbs.costing import (
    API,
    OWN,
    batches_of,
    contender_of,
    stated_tokens_per_s,
)
from rightrig.verbs.found import Found
from rightrig.verbs.saving import save_charts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rightrig.planning.costing.compare import Contender
    from rightrig.report.schema.cost import (
        BreakEvenJson,
        CostCompareJson,
        TokensJson,
    )
    from rightrig.report.values import Json
    from rightrig.verbs.costing import CostAsked, MoneyWords

RENT: Final = "rent"
_MOST_USD: Final = 1e9
_MOST_SIDES: Final = 20


@dataclass(frozen=True, slots=True)
class Stated:
    """What a user states of rigs, beside their prices.

    Attributes:
        tokens_per_s: Output of each rig, by comma.
        bill: Money a time of each rig, by comma.
        budget: Money a time for the hours that it pays.
        batches: Sequences at once, by comma.
        coverage: Whether models are counted.
    """

    tokens_per_s: str | None
    bill: str | None = None
    budget: str | None = None
    batches: str = ""
    coverage: bool = False


def _saved(save: str | None, charts: dict[str, Json]) -> None:
    """Write charts where a folder is named; refuse where there is nothing to draw."""
    if save is None:
        return
    if not charts:
        raise InputError("--save: there is nothing to draw, for nothing here can be served")
    save_charts(save, charts)


def _with_speed(
    one: Contender, output_tokens: float, speed_tokens_per_s: float | None
) -> Contender:
    """Return a rig that carries what a stated speed makes of the answers' length."""
    if speed_tokens_per_s is None:
        return one
    return replace(one, claimed_requests_per_s=speed_tokens_per_s / output_tokens)


def _refuse_stray(money: MoneyWords, *, own: bool, rents: bool) -> None:
    """Refuse words on money that nothing here is paid with."""
    of_own = {
        "--capex": money.capex, "--power": money.power, "--other": money.other,
        "--tariff": money.tariff, "--pue": money.pue,
    }  # fmt: skip
    stray = next((name for name, text in of_own.items() if text is not None), None)
    if stray is not None and not own:
        raise InputError(f"{stray} is of a rig that is bought: add --own, or leave it out")
    if money.price is not None and not rents:
        raise InputError("--price is a rent and nothing is rented here: leave it out")


def tokens_found(
    asked: CostAsked, on: str, said: Stated, *, own: bool, save: str | None
) -> Found[TokensJson]:
    """Return what the tokens of a rig cost."""
    _refuse_stray(asked.money, own=own, rents=not own)
    if own and said.budget is not None:
        raise InputError("--budget pays for hours of a rented rig: leave --own or --budget out")
    one = contender_of(asked, on, owned=own)
    capacity = one.capacity
    if capacity is None:
        raise InputError(f"--on is {on[:40]!r}: name a rig; an API's price is on its page")
    (stated,) = stated_tokens_per_s(said.tokens_per_s, 1)
    rows = rows_of(capacity.deployment, capacity.lengths, batches_of(said.batches), stated)
    budget = said.budget
    money = None if budget is None else parse(
        budget, "money_per_month", name="--budget", limit=_MOST_USD
    )  # fmt: skip
    found = token_cost(
        _with_speed(one, capacity.lengths.output_tokens, stated), asked.demand, rows, money
    )
    _saved(save, tokens_charts(found))
    return Found(
        data=lambda: tokens_json(found),
        document=lambda: tokens_document(found),
        yes=found.is_answered,
        records=asked.records(capacity.deployment),
    )


def break_even_found(
    asked: CostAsked, on: str, against: str, speed: str | None, *, own: bool, save: str | None
) -> Found[BreakEvenJson]:
    """Return when a rig has paid."""
    _refuse_stray(asked.money, own=own, rents=not own or against == RENT)
    one = contender_of(asked, on, owned=own)
    capacity = one.capacity
    if capacity is None:
        raise InputError(f"--on is {on[:40]!r}: name a rig; an API is what it is held --against")
    if against == RENT and not own:
        raise InputError(
            "--rent against rent compares a rig with itself: add --against api:PROVIDER, or leave "
            "--rent out"
        )
    (stated,) = stated_tokens_per_s(speed, 1)
    rival = (
        asked.rented(capacity.deployment)
        if against == RENT
        else contender_of(asked, against if against.startswith(API) else f"{API}{against}")
    )
    rig = _with_speed(one, capacity.lengths.output_tokens, stated)
    found = break_even(rig, rival, asked.demand)
    _saved(save, break_even_charts(found))
    return Found(
        data=lambda: break_even_json(found),
        document=lambda: break_even_document(found),
        yes=found.pays,
        records=asked.records(capacity.deployment),
    )


def compare_found(
    asked: CostAsked, sides: Sequence[str], stated: Stated, seed: int, save: str | None
) -> Found[CostCompareJson]:
    """Return which side is cheapest."""
    if asked.load.rate is None and asked.load.use is None:
        raise InputError(
            "how much work is there? Add --rate 2/s, or --use 0.6 for rigs at 60 % of what they "
            "carry"
        )
    if seed < 0:
        raise InputError(f"--seed is {seed}: it must be a whole number of 0 or more")
    if len(sides) > _MOST_SIDES:
        raise InputError(f"{len(sides)} sides are named; compare at most {_MOST_SIDES}")
    contenders = _contenders(asked, sides, stated)
    rigs = {one.name: one.capacity.deployment for one in contenders if one.capacity is not None}
    deployments = tuple(rigs.values())
    if not deployments:
        raise InputError("all sides are APIs: name a rig as well, such as 2xh100-sxm")
    lengths = asked.lengths(deployments[0])
    found = compare(asked.llm, lengths, asked.demand, contenders, seed)
    covered = {}
    if stated.coverage:
        held = {one.rig.text: coverage_of(asked.catalog, one.rig) for one in deployments}
        covered = {name: held[one.rig.text] for name, one in rigs.items()}
    _saved(save, compare_charts(found))
    return Found(
        data=lambda: compare_json(found, covered),
        document=lambda: compare_document(found, covered),
        yes=found.is_answered,
        records=asked.records(*deployments),
    )


def _contenders(asked: CostAsked, sides: Sequence[str], stated: Stated) -> tuple[Contender, ...]:
    """Return the sides, rigs with the bills and speeds that the user states."""
    rigs = [text for text in sides if not text.startswith(API)]
    speeds = dict(zip(rigs, stated_tokens_per_s(stated.tokens_per_s, len(rigs)), strict=True))
    bills = dict(zip(rigs, _bills(stated.bill, len(rigs)), strict=True))
    owned = next((text for text in rigs if text.startswith(OWN)), None)
    if stated.bill is not None and owned is not None:
        raise InputError(_of_a_bill(owned, sides))
    found = []
    for text in sides:
        money = replace(asked.money, price=bills.get(text))
        one = contender_of(replace(asked, money=money), text)
        found.append(_with_speed(one, float(asked.load.output), speeds.get(text)))
    return tuple(found)


def _of_a_bill(owned: str, sides: Sequence[str]) -> str:
    """Say that an owned side has no bill of its own, and what to write."""
    rig = owned.removeprefix(OWN)
    remedy = f"write {rig} for {owned}"
    if rig in sides:
        remedy = f"leave out {owned}, or compare both without --bill"
    return f"--bill states all that a rig costs, bought or rented: {remedy}"


def _bills(text: str | None, rigs_count: int) -> tuple[str | None, ...]:
    """Return what each rig costs a time as the user states it."""
    if text is None:
        return (None,) * rigs_count
    found = tuple(text.split(","))
    if len(found) != rigs_count:
        raise InputError(f"--bill has {len(found)} values for {rigs_count} rigs; write one a rig")
    return found
