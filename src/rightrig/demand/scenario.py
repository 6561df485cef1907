"""Synthetic traffic: who asks what, how often, how long; and requests drawn from it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Final

import numpy as np
from pydantic import Field, NonNegativeFloat, PositiveInt, model_validator

from rightrig.demand.arrivals import Arrivals, ClosedLoop, Poisson
from rightrig.demand.lengths import AnyLengths, Fixed, Lengths, Tokens, chosen
from rightrig.demand.objective import SloClass, Tenant
from rightrig.demand.pauses import Pause
from rightrig.demand.requests import Requests
from rightrig.demand.sessions import Turns, chain, grown, prefix_blocks
from rightrig.demand.workload import MAX_REQUESTS
from rightrig.errors import InputError
from rightrig.facts.source import Record
from rightrig.quantities import check_count, check_positive

if TYPE_CHECKING:
    from typing import Self

    from numpy.typing import NDArray

    from rightrig.demand.workload import Workload

    Whole = NDArray[np.int64]

_STREAMS: Final = (
    "arrivals", "input", "output", "reasoning", "turns", "think", "prefix", "class", "tenant",
    "patience", "users",
)  # fmt: skip
"""Each part draws from its own stream, so that a change of one leaves the others. Append only."""


class ReasoningShare(Record):
    """The share of the answer that is reasoning, by percentiles, straight lines between them.

    Attributes:
        levels_ratio: From 0 to 1, rising.
        shares_ratio: The share at each level.
    """

    levels_ratio: Annotated[tuple[float, ...], Field(min_length=2)] = (0.0, 1.0)
    shares_ratio: tuple[Annotated[float, Field(ge=0.0, le=1.0)], ...]

    @model_validator(mode="after")
    def _check_levels(self) -> Self:
        levels, shares = np.array(self.levels_ratio), np.array(self.shares_ratio)
        if len(levels) != len(shares) or (np.diff(shares) < 0.0).any():
            raise ValueError("shares must be as many as levels and must not fall")
        if levels[0] != 0.0 or levels[-1] != 1.0 or (np.diff(levels) <= 0.0).any():
            raise ValueError("levels must rise from 0 to 1")
        return self

    @property
    def mean_ratio(self) -> float:
        """Mean share."""
        shares = np.array(self.shares_ratio)
        return float((np.diff(self.levels_ratio) * (shares[1:] + shares[:-1]) / 2.0).sum())


class Sessions(Record):
    """Conversations: each turn's prompt is all that was said before and something new.

    The reasoning of earlier turns stays in the context.

    Attributes:
        turns: How many turns a session has: a distribution of whole numbers, not of tokens.
        think: The pause between an answer and the next turn.
        max_context_tokens: A turn that would pass it, prompt and answer together, starts again
            from the shared prefix and its own new tokens, as after a compaction.
    """

    turns: Lengths
    think: Pause = Pause()
    max_context_tokens: Tokens = 1_000_000


class SharedPrefixes(Record):
    """Beginnings that many prompts share, such as system prompts.

    Attributes:
        count: How many there are.
        tokens: Tokens of each.
        popularity_ratio: Exponent of a Zipf law over them; 0 for all alike.
        is_within_input: Whether the lengths of prompts count the prefix; otherwise it is added to
            each prompt (of a session once, at its beginning).
    """

    count: Annotated[PositiveInt, Field(le=1_000_000)] = 1
    tokens: Tokens
    popularity_ratio: Annotated[NonNegativeFloat, Field(le=50.0)] = 0.0
    is_within_input: bool = False


class Scenario(Record):
    """Traffic as distributions.

    Attributes:
        name: What it is called.
        arrivals: When requests come; with sessions, when sessions begin.
        input: Tokens of a prompt; with sessions, the new ones of a turn.
        output: Tokens of an answer.
        reasoning: Tokens of reasoning before the answer: a ``ReasoningShare`` is part of
            ``output``, lengths come on top of it.
        sessions: ``None`` when every request stands alone.
        prefixes: ``None`` when prompts share nothing.
        classes: Kinds of requests, drawn by their shares; of a session all turns are alike.
        tenants: Who asks, drawn by their shares.
        patience: How long a user waits for the whole answer; ``None`` for ever.
        block_tokens: Tokens of a prefix block in the requests, a multiple of the engine's.
    """

    name: str = "custom"
    arrivals: Arrivals = Poisson()
    input: Lengths
    output: Lengths
    reasoning: Lengths | ReasoningShare | None = None
    sessions: Sessions | None = None
    prefixes: SharedPrefixes | None = None
    classes: tuple[SloClass, ...] = ()
    tenants: tuple[Tenant, ...] = ()
    patience: Pause | None = None
    block_tokens: Annotated[PositiveInt, Field(le=65_536)] = 64

    @model_validator(mode="after")
    def _check_names(self) -> Self:
        for records in (self.classes, self.tenants):
            names = [record.name for record in records]
            if len(set(names)) != len(names):
                raise ValueError(f"names must differ: {', '.join(names)}")
        if self.patience is not None and self.patience.mean_s == 0.0:
            raise ValueError("patience must have a mean_s above 0")
        if self.sessions and self.prefixes and self.prefixes.is_within_input:
            raise ValueError("with sessions a prefix is added once: is_within_input must be false")
        return self

    @property
    def requests_per_arrival_count(self) -> float:
        """Mean requests of an arrival: the turns of a session, or 1."""
        return self.sessions.turns.mean_tokens if self.sessions else 1.0

    def at_rate(self, rate_requests_per_s: float) -> Scenario:
        """Return the scenario at a mean rate of requests, all turns of sessions counted.

        Raises:
            InputError: for arrivals that have no rate.
        """
        rate = check_positive(rate_requests_per_s, name="the rate", limit=1e6)
        arrivals = self.arrivals.at_rate(rate / self.requests_per_arrival_count)
        return self.model_copy(update={"arrivals": arrivals})

    def within(self, most_tokens: int) -> Scenario:
        """Return the scenario with sessions that are compacted before a model's longest context."""
        if self.sessions is None:
            return self
        most = min(self.sessions.max_context_tokens, most_tokens)
        sessions = self.sessions.model_copy(update={"max_context_tokens": most})
        return self.model_copy(update={"sessions": sessions})


@dataclass(frozen=True, slots=True)
class _Draw:
    """What every part of one sample needs."""

    scenario: Scenario
    turns: Turns
    streams: dict[str, np.random.Generator]


def sample(scenario: Scenario, count: int, seed: int = 0) -> Requests:
    """Return ``count`` requests; the same for the same seed.

    At another rate the same requests come with scaled gaps (common random numbers), so that two
    designs or two rates can be compared on few requests.

    Args:
        scenario: What to draw from.
        count: Rows, all turns of sessions counted; the last session may be cut short.
        seed: Any whole number of at least 0.
    """
    check_count(count, name="the number of requests", limit=MAX_REQUESTS)
    if seed < 0:
        raise InputError(f"the seed is {seed}; give a whole number of at least 0")
    spawned = np.random.SeedSequence(seed).spawn(len(_STREAMS))
    streams = dict(zip(_STREAMS, map(np.random.default_rng, spawned), strict=True))
    draw = _Draw(scenario, _turns(scenario, count, streams["turns"]), streams)
    if scenario.sessions is None and not isinstance(scenario.arrivals, ClosedLoop):
        return _independent(draw)
    return _chained(draw)


def requests_of(workload: Workload, count: int, seed: int = 0) -> Requests:
    """Return requests of fixed lengths that arrive at random."""
    scenario = Scenario(
        arrivals=Poisson(rate_requests_per_s=workload.rate_requests_per_s),
        input=Fixed(tokens=workload.input_tokens),
        output=Fixed(tokens=workload.output_tokens),
    )
    return sample(scenario, count, seed)


def _turns(scenario: Scenario, count: int, rng: np.random.Generator) -> Turns:
    if scenario.sessions is None:
        return Turns.of(np.ones(count, np.int64))
    law, sizes, total = scenario.sessions.turns, [np.empty(0, np.int64)], 0
    while total < count:
        wanted = math.ceil((count - total) / law.mean_tokens) + 8
        sizes.append(law.sampled(wanted, rng))
        total += int(sizes[-1].sum())
    drawn = np.concatenate(sizes)
    ends = np.minimum(drawn.cumsum(), count)
    turns = np.diff(ends, prepend=0)
    return Turns.of(turns[turns > 0])


def _independent(draw: _Draw) -> Requests:
    scenario, count = draw.scenario, draw.turns.rows_count
    arrival_s = scenario.arrivals.sampled_s(count, draw.streams["arrivals"])  # type: ignore[union-attr]
    return Requests(arrival_s=arrival_s, **_columns(draw))


def _chained(draw: _Draw) -> Requests:
    """Lay turns of sessions, and sessions of closed users, in chains."""
    scenario, turns = draw.scenario, draw.turns
    columns = _columns(draw)
    rng = draw.streams["think"]
    think_s = (scenario.sessions.think if scenario.sessions else Pause()).sampled_s(
        turns.rows_count, rng
    )
    lanes = turns.sessions_count
    if isinstance(scenario.arrivals, ClosedLoop):
        lanes = min(scenario.arrivals.users, lanes)
        pauses_s = scenario.arrivals.think.sampled_s(lanes, draw.streams["users"])
        starts_s = np.sort(pauses_s)
        between_s = scenario.arrivals.think.sampled_s(
            turns.sessions_count, draw.streams["arrivals"]
        )
        think_s[turns.first_rows] = between_s
    else:
        starts_s = scenario.arrivals.sampled_s(lanes, draw.streams["arrivals"])
    return chain(columns, turns, starts_s=starts_s, think_s=think_s)


def _columns(draw: _Draw) -> dict[str, Any]:
    """Return every column but those of arrivals and chains, session after session."""
    scenario, turns, streams = draw.scenario, draw.turns, draw.streams
    count = turns.rows_count
    prompts = scenario.input.sampled(count, streams["input"])
    answers = scenario.output.sampled(count, streams["output"])
    columns: dict[str, Any] = {}
    if scenario.reasoning is not None:
        answers, thought = _reasoning(scenario.reasoning, answers, streams["reasoning"])
        columns["reasoning_tokens"] = thought
    prefix = scenario.prefixes
    added = prefix.tokens if prefix and not prefix.is_within_input else 0
    if scenario.sessions:
        most = scenario.sessions.max_context_tokens
        prompts, part = grown(turns, prompts, answers, added_tokens=added, most_tokens=most)
    else:
        prompts, part = prompts + added, np.arange(count)
    columns |= {"input_tokens": prompts, "output_tokens": answers}
    if scenario.sessions or prefix:
        columns |= _blocks(draw, prompts, answers, part)
    return columns | _people(draw)


def _reasoning(
    reasoning: AnyLengths | ReasoningShare, answers: Whole, rng: np.random.Generator
) -> tuple[Whole, Whole]:
    """Return the answers with their reasoning, and the reasoning."""
    if not isinstance(reasoning, ReasoningShare):
        thought = reasoning.sampled(len(answers), rng)
        return answers + thought, thought
    levels, shares = reasoning.levels_ratio, reasoning.shares_ratio
    thought = np.rint(np.interp(rng.random(len(answers)), levels, shares) * answers)
    return answers, np.minimum(thought.astype(np.int64), answers - 1)


def _blocks(draw: _Draw, prompts: Whole, answers: Whole, part: Whole) -> dict[str, Any]:
    scenario, turns = draw.scenario, draw.turns
    prefix = scenario.prefixes
    which = np.zeros(turns.sessions_count, np.int64)
    shared = np.zeros(turns.rows_count, np.int64)
    if prefix:
        weights = np.arange(1.0, prefix.count + 1.0) ** -prefix.popularity_ratio
        which = chosen(weights, turns.sessions_count, draw.streams["prefix"])
        shared = np.minimum(prefix.tokens, prompts) // scenario.block_tokens
    held = (prompts + answers) // scenario.block_tokens
    offsets, ids = prefix_blocks(
        held, shared, prefix_of_row=which[turns.session_of_row], context_of_row=part
    )
    return {"block_offsets": offsets, "block_ids": ids, "block_tokens": scenario.block_tokens}


def _people(draw: _Draw) -> dict[str, Any]:
    """Return classes and tenants, one a session, and the patience of each request."""
    scenario, turns, streams = draw.scenario, draw.turns, draw.streams
    found: dict[str, Any] = {}
    for key, records in (("class", scenario.classes), ("tenant", scenario.tenants)):
        if records:
            shares = np.array([record.share_ratio for record in records])
            of_session = chosen(shares, turns.sessions_count, streams[key])
            found[f"{key}_index"] = of_session[turns.session_of_row]
    if scenario.patience is not None:
        found["patience_s"] = scenario.patience.sampled_s(turns.rows_count, streams["patience"])
    return found | {
        "classes": scenario.classes,
        "tenants": tuple(tenant.name for tenant in scenario.tenants),
    }
