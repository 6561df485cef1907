"""Cost and power of the configured rig, and where to go on with it."""

from __future__ import annotations

import datetime
import math
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from rightrig.costs.money import energy_usd_per_month
from rightrig.costs.rental import rent_usd_per_hour
from rightrig.planning.combos.rivals import cards_price
from rightrig.planning.search import tariff_of
from rightrig.planning.survey.speeds import HIGH, LOW, MID
from rightrig.quantities import HOURS_PER_MONTH, MILLION, show_number, show_usd
from rightrig.web.linking import rig_url
from rightrig.web.state import canonical

if TYPE_CHECKING:
    from rightrig.planning.survey.survey import Survey
    from rightrig.prediction.predict import Prediction
    from rightrig.web.pages.configurator_shelf import Shelf
    from rightrig.web.state import State


@dataclass(frozen=True, slots=True)
class Money:
    """The card of cost and power, and its links.

    Attributes:
        lines: Name, value, and where it is from.
        fits_command: Prints the verdicts; ``fit_command`` those of the chosen model.
        downloads: Name and address of the same answer in other forms.
        onward: Name and address of pages that go on with this rig.
    """

    lines: tuple[tuple[str, str, str], ...]
    fits_command: str
    fit_command: str
    downloads: tuple[tuple[str, str], ...]
    onward: tuple[tuple[str, str], ...]


def money_of(
    survey: Survey, shelf: Shelf, state: State, place: int | None, prediction: Prediction | None
) -> Money:
    """Return cost and power of a rig with the chosen model at its load."""
    lines = [_rent(survey), _buying(survey)]
    lines += _power(survey, shelf, prediction)
    if place is not None:
        lines.append(_token_price(survey, place))
    query = canonical(state)
    slug = "" if place is None else shelf.llms[place].slug
    return Money(
        tuple(lines), fits_command(state), fit_command(state, survey, place),
        (
            ("JSON", f"/api/v1/fits?{urlencode(_asked(state))}"),
            ("CSV", f"/configurator.csv?{query}"),
            ("Markdown", f"/configurator.md?{query}"),
        ),
        (
            ("Everything about this rig", rig_url(state.rig)),
            ("Best rigs for this load", f"/plan?{urlencode(_planned(survey, state, place, slug))}"),
            ("Compare with other rigs", f"/compare?{urlencode(_compared(state, slug))}"),
        ),
    )  # fmt: skip


def _rent(survey: Survey) -> tuple[str, str, str]:
    """Return the cheapest rent."""
    purchase = survey.purchase
    if purchase is None:
        return "Rent", "no offer known", "mixed cards, MIG instances and some cards are not rented"
    hourly = rent_usd_per_hour(
        purchase.rent_usd_per_month / HOURS_PER_MONTH / purchase.instances_count,
        purchase.instances_count,
    )
    price = purchase.price
    old = price.staleness(datetime.datetime.now(tz=datetime.UTC).date())
    return (
        "Rent",
        f"{show_usd(hourly)}/h, {show_usd(purchase.rent_usd_per_month)} a month",
        f"{purchase.text}, {price.date}{f' ({old})' if old else ''}, {price.trust} trust",
    )


def _buying(survey: Survey) -> tuple[str, str, str]:
    """Return what the cards cost to buy."""
    found = cards_price(survey.held.rig)
    if found is None:
        return "Buy", "no price known", "of the cards alone"
    ends = (show_usd(found.low_usd), show_usd(found.high_usd))
    text = ends[0] if ends[0] == ends[1] else f"{ends[0]} to {ends[1]}"
    return "Buy", text, f"the cards alone; {'; '.join(found.notes)}"


def _power(
    survey: Survey, shelf: Shelf, prediction: Prediction | None
) -> list[tuple[str, str, str]]:
    """Return watts and electricity of the cards."""
    rig = survey.held.rig
    watts = [(group.count, group.card_power_w) for group in rig.groups]
    lines = []
    if all(power_w is not None for _, power_w in watts):
        limit_w = rig.nodes_count * sum(count * (power_w or 0.0) for count, power_w in watts)
        lines.append(("Power limit", f"{limit_w:,.0f} W", "all cards, without the hosts"))
    if prediction is None or prediction.power_w is None:
        return lines
    drawn_w = prediction.power_w
    tariff = tariff_of(shelf.catalog)
    usd = energy_usd_per_month(drawn_w.mid, tariff.pue_ratio, tariff.usd_per_kwh)
    lines.append((
        "Drawn at this load", f"{drawn_w.mid:,.0f} W ({drawn_w.low:,.0f} to {drawn_w.high:,.0f})",
        f"all cards with {prediction.deployment.llm.name}",
    ))  # fmt: skip
    kwh = drawn_w.mid * HOURS_PER_MONTH / 1e3
    lines.append((
        "Electricity", f"{show_usd(usd)} a month, {show_number(kwh)} kWh",
        (
            f"the cards; ${tariff.usd_per_kwh:.3g}/kWh ({tariff.usd_origin}), PUE "
            f"{tariff.pue_ratio:.3g} ({tariff.pue_origin})"
        ),
    ))  # fmt: skip
    return lines


def _token_price(survey: Survey, place: int) -> tuple[str, str, str]:
    """Return dollars a million output tokens at this load."""
    low, mid, high = (
        float(survey.output_usd_per_token[end, place]) * MILLION for end in (LOW, MID, HIGH)
    )
    name = "$/M output tokens"
    if not math.isfinite(mid):
        return name, "not known", "needs a rent and a predicted speed"
    return (
        name, f"{show_usd(mid)} ({show_usd(low)} to {show_usd(high)})",
        f"{survey.held.llms[place].name}, the rent around the clock over all tokens at this load",
    )  # fmt: skip


def _asked(state: State) -> dict[str, str]:
    """Return the words of the verb ``fits`` for a state."""
    said = {
        "on": state.rig, "context": str(state.context), "concurrency": str(_sequences(state)),
        "runtime": state.runtime, "weights": state.weights, "kv": state.kv, "os": state.os,
    }  # fmt: skip
    return {name: value for name, value in said.items() if value}


def _sequences(state: State) -> int:
    """Return the sequences at once that memory is judged for."""
    return 1 if state.rate_requests_per_s else state.users


def _command(words: tuple[str, ...], options: dict[str, str]) -> str:
    """Return a command line."""
    said = [text for name, value in options.items() for text in (f"--{name}", value)]
    return shlex.join(("rightrig", *words, *said))


def fits_command(state: State) -> str:
    """Return the command that prints the verdicts; it leaves limits of the engine as they are."""
    return _command(("fits",), _asked(state)) + (" --all" if state.every else "")


def fit_command(state: State, survey: Survey, place: int | None) -> str:
    """Return the command that prints the fit of the chosen model."""
    deployment = None if place is None else survey.deployments[place]
    if deployment is None or place is None:
        return ""
    said = _asked(state) | {
        "context": str(int(survey.held.tokens[place])),
        "runtime": state.runtime or deployment.runtime.slug,
        "weights": deployment.precision.weights,
        "max-seqs": str(state.max_seqs or ""),
        "max-batched-tokens": str(state.max_batched_tokens or ""),
        "gpu-memory-utilization": f"{state.utilization_ratio or '':}",
    }
    return _command(("fit", deployment.llm.slug), {k: v for k, v in said.items() if v})


def _planned(survey: Survey, state: State, place: int | None, slug: str) -> dict[str, str]:
    """Return the words of a plan for the same load; of users the requests that they make."""
    said = {
        "model": slug, "input": str(max(state.context - state.output, 1)),
        "output": str(state.output),
        "ttft_p99": f"{state.ttft_s:g}s" if state.ttft_s else "",
        "tpot_p99": f"{state.tpot_s:g}s" if state.tpot_s else "",
    }  # fmt: skip
    rate = state.rate_requests_per_s
    if not rate and place is not None and survey.has_speed(place):
        rate = float(survey.output_tokens_per_s[MID, place]) / state.output
    if rate:
        said["rate"] = f"{rate:.3g}/s"
    return {name: value for name, value in said.items() if value}


def _compared(state: State, slug: str) -> dict[str, str]:
    """Return the words of a comparison with this rig pinned."""
    said = {"rig": state.rig, "model": slug, "context": str(state.context)}
    return {k: v for k, v in (said | {"users": str(_sequences(state))}).items() if v}
