"""Compare: the same requests on several rigs and hosted APIs, and which is cheapest how surely."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from rightrig.costs.token_price import work_per_usd_ratios
from rightrig.costs.tornado import flip_of, tornado
from rightrig.costs.uncertain import SURE_RATIO, Race, Side, Uncertain, race
from rightrig.errors import InputError
from rightrig.facts.explanation import Explanation, Figure
from rightrig.interval import Interval
from rightrig.planning.costing.bills import halved_ratio
from rightrig.planning.costing.capacity import whole_count
from rightrig.quantities import MILLION, SECONDS_PER_MONTH, show_number, show_usd

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rightrig.costs.tornado import Swing
    from rightrig.costs.uncertain import Standing, Values
    from rightrig.facts.api_price import ApiPrice
    from rightrig.facts.llm import Llm
    from rightrig.planning.costing.bills import Owning, Renting
    from rightrig.planning.costing.capacity import Capacity
    from rightrig.prediction.regimes import Lengths

USER_TRUST: Final = "user"
"""Of a price that the user states."""
RATE_KEY: Final = "rate"
USE_KEY: Final = "use"
FULL_RATIO: Final = Interval(1.0, 1.0, 1.0)
_LEAST_SIDES: Final = 2


@dataclass(frozen=True, slots=True)
class Demand:
    """How much work there is: a rate, or a share of what each rig carries.

    Attributes:
        rate_requests_per_s: Whole rigs are then paid for, as many as carry it.
        use_ratio: Of each rig's capacity, where no rate is asked for.
    """

    rate_requests_per_s: Interval | None
    use_ratio: Interval = FULL_RATIO

    @property
    def given(self) -> Uncertain:
        """The demand as an input."""
        if self.rate_requests_per_s is not None:
            return Uncertain(RATE_KEY, "rate", self.rate_requests_per_s, "requests/s")
        return Uncertain(USE_KEY, "use", self.use_ratio)


@dataclass(frozen=True, slots=True)
class Contender:
    """One of the things that are compared: a rig with its bill, or an API.

    Attributes:
        name: As the user wrote it.
        capacity, bill: Of a rig; both ``None`` for an API.
        api: ``None`` for a rig.
        claimed_requests_per_s: What the rig carries as the user says, instead of a prediction.
    """

    name: str
    capacity: Capacity | None = None
    bill: Renting | Owning | None = None
    api: ApiPrice | None = None
    claimed_requests_per_s: float | None = None

    @property
    def date(self) -> str:
        """Day of its published price; empty where the user states it."""
        if self.api is not None:
            return "" if self.api.trust == USER_TRUST else self.api.date
        return "" if self.bill is None else self.bill.date

    @property
    def reason(self) -> str:
        """Why it cannot serve; empty where it can."""
        return "" if self.capacity is None else self.capacity.reason


@dataclass(frozen=True, slots=True)
class Comparison:
    """The answer.

    Attributes:
        race: ``None`` where fewer than two sides can serve.
        swings: What moves the cost of the cheapest over that of the next, most first.
        flip_demand: Rate or use at which the next becomes the cheaper of the two, others at their
            middles; ``None`` where none within a factor of 100 does.
        rigs_count: Whole rigs that each side takes at the middles; ``None`` of an API.
        claimed_usd: What a request would cost by the speeds that the user states, of every side
            that has one, whether it fits or not.
    """

    llm: Llm
    lengths: Lengths
    demand: Demand
    contenders: tuple[Contender, ...]
    race: Race | None
    swings: tuple[Swing, ...]
    flip_demand: float | None
    rigs_count: Mapping[str, int | None]
    claimed_usd: Mapping[str, float]

    @property
    def standings(self) -> tuple[Standing, ...]:
        """The sides that serve, cheapest first."""
        return () if self.race is None else self.race.standings

    @property
    def request_tokens(self) -> float:
        """Tokens of a request, prompt and answer."""
        return self.lengths.input_tokens + self.lengths.output_tokens

    @property
    def work_ratios(self) -> dict[str, float | None]:
        """Work for a dollar over that of the best; ``None`` of what cannot serve."""
        known = {one.name: one.cost_usd.mid for one in self.standings}
        return work_per_usd_ratios({c.name: known.get(c.name) for c in self.contenders})

    @property
    def winner(self) -> str | None:
        """The cheapest, where that is sure."""
        return None if self.race is None else self.race.winner

    @property
    def is_answered(self) -> bool:
        """Whether anything can serve at all."""
        return any(not one.reason for one in self.contenders)

    def usd_per_month(self, cost_usd: Interval) -> Interval | None:
        """Return a request's cost as a month's bill at the middle of the rate asked for."""
        rate = self.demand.rate_requests_per_s
        return None if rate is None else cost_usd.scaled(rate.mid * SECONDS_PER_MONTH)

    def explain(self) -> Explanation:
        """Return the verdict, what it hangs on, and where the figures are from."""
        return _explain(self)


def side_of(contender: Contender, lengths: Lengths, demand: Demand) -> Side:
    """Return the cost of one request on a contender, with the inputs that it depends on."""
    if contender.api is not None:
        return _api_side(contender.name, contender.api, lengths)
    capacity, bill = contender.capacity, contender.bill
    assert capacity is not None  # noqa: S101 - a rig has both
    assert bill is not None  # noqa: S101
    speeds = speed_inputs(contender)

    def cost_usd(values: Values) -> Any:  # noqa: ANN401 - a number or an array
        carried = carried_at_requests_per_s(contender, values)
        if demand.rate_requests_per_s is None:
            use = values[USE_KEY]
            return bill.cost_usd_per_month(values, capacity, use) / (
                use * carried * SECONDS_PER_MONTH
            )
        rate = values[RATE_KEY]
        rigs = whole_count(rate, carried)
        month = rigs * bill.cost_usd_per_month(values, capacity, rate / (carried * rigs))
        return month / (rate * SECONDS_PER_MONTH)

    return Side(contender.name, (*bill.inputs(capacity), *speeds, demand.given), cost_usd)


def _api_side(name: str, api: ApiPrice, lengths: Lengths) -> Side:
    """Return an API's side: its price a request is what it is."""
    price = api.request_usd(lengths.input_tokens, lengths.output_tokens, lengths.cached_tokens)
    key = f"api:{api.provider}"
    known = Uncertain(key, f"price of {name}", Interval.exact(1.0), "USD/request", price)
    return Side(name, (known,), lambda values: price * values[key])


def _carried_requests_per_s(contender: Contender) -> Interval:
    """Return what a rig carries: as the user says, or as predicted."""
    if contender.claimed_requests_per_s is not None:
        return Interval.exact(contender.claimed_requests_per_s)
    carried = None if contender.capacity is None else contender.capacity.rate_requests_per_s
    assert carried is not None  # noqa: S101 - those with a reason are left out before
    return carried


def carried_at_requests_per_s(contender: Contender, values: Values) -> Any:  # noqa: ANN401 - a number or an array
    """Return what a rig carries with the errors of its speed at some values."""
    carried: Any = _carried_requests_per_s(contender).mid
    for one in speed_inputs(contender):
        carried = carried * values[one.key]
    return carried


def speed_inputs(contender: Contender) -> tuple[Uncertain, ...]:
    """Return the errors of a predicted speed: one that its class shares, and one of its own.

    How the spread divides is a judgement: half of the variance each.
    """
    capacity = contender.capacity
    if capacity is None or contender.claimed_requests_per_s is not None:
        return ()
    carried = _carried_requests_per_s(contender)
    factor = halved_ratio(carried)
    deployment = capacity.deployment
    own = f"{deployment.rig.text} {deployment.parallelism.text} {deployment.precision.weights}"
    kind = "mixture-of-experts" if deployment.llm.has_experts else "dense"
    shared = f"ratio of true to predicted speed ({kind} models on {deployment.runtime.name})"
    return (
        Uncertain(f"speed:{capacity.class_key}", shared, factor),
        Uncertain(
            f"speed:{own}", f"speed of {deployment.rig.text}", factor, "requests/s", carried.mid
        ),
    )


def compare(
    llm: Llm,
    lengths: Lengths,
    demand: Demand,
    contenders: Sequence[Contender],
    seed: int = 1,
) -> Comparison:
    """Return which contender serves the same requests for least, and how sure that is.

    Contenders that do not fit or miss an objective take no part and say why.

    Raises:
        InputError: for fewer than two contenders, or two of one name.
    """
    names = [one.name for one in contenders]
    if len(names) < _LEAST_SIDES:
        raise InputError(
            "a comparison needs two sides or more, such as: 2xh100-sxm own:4xrtx-4090 api:groq"
        )
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise InputError(f"{twice} is named twice; a side is compared with others, not with itself")
    able = [one for one in contenders if not one.reason]
    sides = {one.name: side_of(one, lengths, demand) for one in able}
    found = race(tuple(sides.values()), seed) if sides else None
    swings: tuple[Swing, ...] = ()
    flip = None
    if found is not None and len(found.standings) >= _LEAST_SIDES:
        first, second = (sides[one.name] for one in found.standings[:2])
        swings = tornado(first, second)
        shared = {one.key for one in (*first.inputs, *second.inputs)}
        flip = flip_of(first, second, demand.given) if demand.given.key in shared else None
    return Comparison(
        llm, lengths, demand, tuple(contenders), found, swings, flip,
        {one.name: _rigs_count(one, demand) for one in contenders},
        {
            one.name: side_of(one, lengths, demand).mid_usd()
            for one in contenders
            if one.claimed_requests_per_s is not None
        },
    )  # fmt: skip


def _rigs_count(contender: Contender, demand: Demand) -> int | None:
    """Return the whole rigs that a rate takes; ``None`` of an API and of what cannot serve."""
    if contender.capacity is None or contender.reason:
        return None
    rate = demand.rate_requests_per_s
    if rate is None:
        return 1
    carried = _carried_requests_per_s(contender)
    return int(whole_count(rate.mid, carried.mid))


def _explain(found: Comparison) -> Explanation:
    """Return the sentences of a comparison."""
    sentences = [
        f"{one.name} cannot serve it: {one.reason}." for one in found.contenders if one.reason
    ]
    sentences += _claim(found)
    figures = tuple(
        Figure(
            "usd_per_million_tokens",
            one.cost_usd.mid / found.request_tokens * MILLION,
            show_usd(one.cost_usd.mid / found.request_tokens * MILLION),
            one.name,
        )
        for one in found.standings
    )
    if len(found.standings) == 1:
        sentences.append(f"{found.standings[0].name} is the only one that can.")
    elif found.standings:
        sentences += [_verdict(found), *_decider(found)]
    sentences += _formats(found)
    sources = [text for one in found.contenders for text in sources_of(one)]
    return Explanation(tuple(sentences), figures, tuple(dict.fromkeys(sources)))


def _claim(found: Comparison) -> list[str]:
    """Say who would win by the stated speeds, where one of them cannot be."""
    order = sorted(found.claimed_usd, key=lambda name: found.claimed_usd[name])
    unfit = {one.name for one in found.contenders if one.reason}
    if len(order) < _LEAST_SIDES or not unfit & set(order):
        return []
    gap = found.claimed_usd[order[1]] / found.claimed_usd[order[0]]
    return [f"By the stated figures alone {order[0]} would be {gap:.2f}× cheaper than {order[1]}."]


def _formats(found: Comparison) -> list[str]:
    """Say that sides serve other weights, where they do."""
    named: dict[str, list[str]] = {}
    for one in found.contenders:
        weights = "" if one.api is None else one.api.weights
        if one.capacity is not None:
            stored = one.capacity.deployment.precision.weights
            weights = found.llm.checkpoint.format if stored == "checkpoint" else stored
        if weights:
            named.setdefault(weights, []).append(one.name)
    if len(named) < _LEAST_SIDES:
        return []
    told = "; ".join(f"{weights}: {', '.join(names)}" for weights, names in named.items())
    return [f"The sides serve other weights ({told}); what that costs in quality is not counted."]


def sources_of(contender: Contender) -> tuple[str, ...]:
    """Return where a contender's money is from."""
    if contender.api is not None:
        api = contender.api
        if api.trust == USER_TRUST:
            return (f"{api.text}: dollars a million tokens, as the user says",)
        return (f"{api.text} {api.offer}: {api.date}, trust {api.trust} ({api.source})",)
    return () if contender.bill is None else contender.bill.origins


def _verdict(found: Comparison) -> str:
    """Say who is the cheapest, or that it is too close to call."""
    first, second = found.standings[:2]
    gap = second.cost_usd.mid / first.cost_usd.mid
    middle = f"by the middles {first.name} is {gap:.2f}× cheaper than {second.name}"
    if found.winner is not None:
        sure = max(one.cheapest_ratio for one in found.standings)
        if found.winner != first.name:
            return f"{found.winner} is the cheapest with a probability of {sure:.0%}."
        return f"{first.name} is the cheapest with a probability of {sure:.0%}: {middle}."
    return (
        f"Too close to call: {middle}, but the probability that it is the cheapest is "
        f"{first.cheapest_ratio:.0%}, and a winner is named from {SURE_RATIO:.0%} on."
    )


def _decider(found: Comparison) -> list[str]:
    """Say which input decides, and from which value on the other side is cheaper."""
    first, second = found.standings[:2]
    said = []
    if found.swings:
        top = found.swings[0]
        what = "What decides is" if found.winner is None else "What matters most is"
        flip = "no value of it changes the order"
        if top.flip is not None:
            unit = f" {top.given.unit}" if top.given.unit else ""
            flip = f"at {show_number(top.flip)}{unit} both cost the same"
        said.append(
            f"{what} the {top.given.name}: from one end of it to the other the cost of "
            f"{first.name} goes from {_ends(top)} of that of {second.name}; {flip}."
        )
    if found.flip_demand is not None:
        given = found.demand.given
        unit = f" {given.unit}" if given.unit else ""
        said.append(
            f"With a {given.name} of {show_number(found.flip_demand)}{unit} the order of the two "
            "changes."
        )
    return said


def _ends(swing: Swing) -> str:
    """Return both ends of a swing as shares."""
    small, large = sorted((swing.low_ratio, swing.high_ratio))
    return f"{small:.0%} to {large:.0%}"
