"""From the words of ``simulate`` to the requests that come."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rightrig.demand.arrival_text import parse_arrivals
from rightrig.demand.arrivals import AtOnce, ClosedLoop, Poisson, says_rate
from rightrig.demand.length_text import parse_lengths
from rightrig.demand.pauses import Pause
from rightrig.demand.presets import preset
from rightrig.demand.scenario import Scenario, sample
from rightrig.demand.short_draw import short_draw_text
from rightrig.demand.trace import read_trace
from rightrig.demand.workload import MAX_RATE_PER_S, MAX_REQUESTS
from rightrig.errors import InputError
from rightrig.quantities import check_count, parse, show_number, show_seconds, show_users
from rightrig.report.simulated import Traffic

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rightrig.demand.arrivals import AnyArrivals
    from rightrig.demand.requests import Requests

_USUAL_REQUESTS: Final = 10_000
_USUAL_INPUT: Final = "1000"
_USUAL_OUTPUT: Final = "300"
_LONGEST_PAUSE_S: Final = 1e6
_MOST_SEED: Final = 2**63 - 1
_CLASHES: Final = {
    "--trace": ("--preset", "--concurrency", "--think", "--input", "--output", "--arrivals"),
    "--preset": ("--input", "--output"),
    "--concurrency": ("--rate", "--arrivals", "--find-limit"),
}
"""Options that do not go with another one."""
_WHY: Final = {
    "--trace": "a trace says when requests come and how long they are",
    "--preset": "a preset has lengths of its own",
    "--concurrency": "in a closed loop the answers set the rate",
}


@dataclass(frozen=True, slots=True)
class Words:
    """What a command says of its traffic."""

    rate: str | None
    concurrency: int | None = None
    think: str | None = None
    trace: str | None = None
    preset: str | None = None
    input: str | None = None
    output: str | None = None
    arrivals: str | None = None
    requests: int | None = None
    seed: int = 1

    @property
    def rate_per_s(self) -> float | None:
        """The rate that was asked for."""
        if self.rate is None:
            return None
        return asked_requests_per_s(self.rate)


def asked_requests_per_s(text: str, name: str = "--rate") -> float:
    """Return requests a second."""
    return parse(text, "rate", name=name, limit=MAX_RATE_PER_S)


def check_words(words: Words, *, finds_limit: bool) -> None:
    """Refuse options that contradict each other, and counts that cannot be.

    Raises:
        InputError: naming both options, or the value and its limit.
    """
    given: dict[str, object] = {
        "--rate": words.rate, "--concurrency": words.concurrency, "--think": words.think,
        "--trace": words.trace, "--preset": words.preset, "--input": words.input,
        "--output": words.output, "--arrivals": words.arrivals,
        "--find-limit": True if finds_limit else None,
    }  # fmt: skip
    said = {name for name, value in given.items() if value is not None}
    for name, others in _CLASHES.items():
        wrong = next((other for other in others if other in said), None)
        if name in said and wrong is not None:
            raise InputError(f"{name} and {wrong} do not go together: {_WHY[name]}; drop one")
    if "--think" in said and "--concurrency" not in said:
        raise InputError("--think is the pause of a closed loop's users; add --concurrency 32")
    if words.requests is not None:
        check_count(words.requests, name="--requests", limit=MAX_REQUESTS)
    if not 0 <= words.seed <= _MOST_SEED:
        raise InputError(f"--seed is {words.seed}: it must be a whole number from 0 to 2⁶³ − 1")


def traffic_of(words: Words, most_tokens: int, *, finds_limit: bool) -> Traffic:
    """Return the requests that a command asks for.

    Args:
        words: As they were checked.
        most_tokens: The longest context of the model; sessions are compacted before it.
        finds_limit: Whether the rate is what is looked for.
    """
    if words.trace is not None:
        return _recorded(words, words.trace, finds_limit=finds_limit)
    scenario = _scenario(words, most_tokens)
    arrivals = _arrivals(words, scenario, finds_limit=finds_limit)
    scenario = scenario.model_copy(update={"arrivals": arrivals})
    rate_per_s = words.rate_per_s
    if rate_per_s is not None:
        scenario = scenario.at_rate(rate_per_s)
    requests = sample(scenario, words.requests or _USUAL_REQUESTS, words.seed)
    return Traffic(
        requests=requests,
        origin="preset" if words.preset else "lengths",
        source=f"preset {words.preset}" if words.preset else "",
        arrivals=_arrival_words(words, arrivals, None if finds_limit else rate_per_s),
        users_count=arrivals.users if isinstance(arrivals, ClosedLoop) else None,
        notes=tuple(_notes(words, requests)),
    )


def _notes(words: Words, requests: Requests) -> Iterator[str]:
    """Yield what to know of drawn requests."""
    if words.preset:
        yield preset(words.preset).summary
    if words.rate_per_s is not None:
        short = short_draw_text(requests, words.rate_per_s, "--requests")
        yield from (short,) if short else ()


def _recorded(words: Words, file: str, *, finds_limit: bool) -> Traffic:
    """Return the requests of a trace, repeated or cut to the number asked for."""
    trace = read_trace(Path(file))
    requests, notes = trace.requests, trace.notes
    count = words.requests or len(requests)
    if count != len(requests):
        # A copy that found its prefixes in the cache would be quicker than any user's.
        requests = requests.repeated(count, distinct_prefixes=count > len(requests))
        if count > len(trace.requests):
            notes = (*notes, f"the trace's {len(trace.requests):,} requests come again and again")
    rate_per_s = words.rate_per_s
    own = "as in the trace"
    if rate_per_s is not None:
        requests, own = requests.at_rate(rate_per_s), "stretched"
    mean = f" at {show_number(requests.mean_rate_requests_per_s)} requests/s on average"
    return Traffic(
        requests=requests,
        origin="trace",
        source=f"{Path(file).name} ({trace.format})",
        arrivals="arrivals stretched" if finds_limit else f"arrivals {own}{mean}",
        notes=notes,
    )


def _scenario(words: Words, most_tokens: int) -> Scenario:
    """Return the lengths of a preset, or those that were written."""
    if words.preset is None:
        return Scenario(
            input=parse_lengths(words.input or _USUAL_INPUT, name="--input"),
            output=parse_lengths(words.output or _USUAL_OUTPUT, name="--output"),
        )
    return preset(words.preset).scenario.within(most_tokens)


def _arrivals(words: Words, scenario: Scenario, *, finds_limit: bool) -> AnyArrivals:
    """Return when requests come; refuse a rate that nobody said."""
    if words.concurrency is not None:
        users = check_count(words.concurrency, name="--concurrency", limit=MAX_REQUESTS)
        return ClosedLoop(users=users, think=_pause(words.think))
    found = scenario.arrivals
    if words.arrivals is not None:
        found = parse_arrivals(words.arrivals, name="--arrivals")
    if finds_limit and isinstance(found, AtOnce | ClosedLoop):
        raise InputError("--find-limit needs arrivals with a rate, such as --arrivals poisson")
    if not says_rate(found) and words.rate is None and not finds_limit:
        raise InputError(
            "how much comes is not said: add --rate 5/s, --concurrency 32 or --trace FILE"
        )
    return found


def _pause(think: str | None) -> Pause:
    """Return how long a user pauses."""
    if think is None:
        return Pause()
    return Pause(mean_s=parse(think, "time", name="--think", limit=_LONGEST_PAUSE_S))


def _arrival_words(words: Words, arrivals: AnyArrivals, rate_per_s: float | None) -> str:
    """Return how requests come, in words."""
    if isinstance(arrivals, ClosedLoop):
        users = show_users(arrivals.users)
        pause_s = arrivals.think.mean_s
        thinking = f" with pauses of {show_seconds(pause_s)} on average" if pause_s else ""
        return f"{users} in a closed loop{thinking}"
    if isinstance(arrivals, AtOnce):
        return "all at once"
    at = "" if rate_per_s is None else f" at {show_number(rate_per_s)} requests/s"
    if isinstance(arrivals, Poisson):
        return f"Poisson arrivals{at}"
    return f"arrivals {words.arrivals}{at}"
