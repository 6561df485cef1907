"""What follows from two readings and a plan: rates, cost, energy, bandwidth, plan against reality.

What cannot be known is ``None``: an engine that was started anew, a clock that stood or went back,
a card that is lost.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from rightrig.interval import Interval
from rightrig.watching.states import Derived

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rightrig.watching.expected import Expected, ExpectedRate
    from rightrig.watching.states import CardState, EngineState, Moment, Snapshot

_SECONDS_PER_HOUR: Final = 3600.0


def derived(before: Moment, now: Moment, expected: Expected | None) -> Derived:
    """Return what follows from two readings.

    Args:
        before: The earlier.
        now: The later.
        expected: What the plan promised; without it neither cost nor bandwidth nor a comparison.
    """
    over_s = _over_s(before, now)
    if over_s <= 0.0:
        return Derived(over_s=0.0)
    earlier, later = _pair(before, now)
    rate = None
    if earlier is not None and later is not None:
        rate = _growth_per_s(earlier.generation_tokens, later.generation_tokens, over_s)
    users = None if earlier is None or later is None else running_seqs(earlier, later)
    energy = _draw_w(before.snapshot, now.snapshot, expected)
    read = _read_bytes_per_s(earlier, later, over_s)
    planned = _planned_bytes_per_s(rate, users, expected)
    share, source = _bandwidth(now.snapshot, read, planned, expected)
    return Derived(
        over_s=over_s,
        output_tokens_per_s=rate,
        requests_per_s=_requests_per_s(earlier, later, over_s),
        cost_usd_per_output_token=_cost_usd_per_output_token(rate, expected),
        output_tokens_per_j=_over(rate, energy),
        bandwidth_ratio=share,
        bandwidth_source=source,
        prediction_ratio=_prediction_ratio(rate, users, expected),
    )


def _over_s(before: Moment, now: Moment) -> float:
    """Return the time between two readings: of the engine, where one is asked."""
    if before.engine is not None and now.engine is not None:
        over_s = now.engine.at_s - before.engine.at_s
    else:
        over_s = now.snapshot.at_s - before.snapshot.at_s
    return over_s if math.isfinite(over_s) else 0.0


def _pair(before: Moment, now: Moment) -> tuple[EngineState | None, EngineState | None]:
    """Return the engine twice; nothing where it is not the same one, or could not be read."""
    earlier, later = before.engine, now.engine
    if earlier is None or later is None or earlier.trouble or later.trouble:
        return None, None
    is_same = (earlier.url, earlier.kind, earlier.model) == (later.url, later.kind, later.model)
    return (earlier, later) if is_same and not is_restarted(earlier, later) else (None, None)


def is_restarted(before: EngineState, now: EngineState) -> bool:
    """Whether an engine was started anew: one of its counts fell."""
    pairs = [
        (before.prompt_tokens, now.prompt_tokens),
        (before.generation_tokens, now.generation_tokens),
        (before.preemptions_count, now.preemptions_count),
        *((count, now.finished.get(way)) for way, count in before.finished.items()),
    ]
    return any(one is not None and other is not None and other < one for one, other in pairs)


def _growth_per_s(
    before_count: float | None, now_count: float | None, over_s: float
) -> float | None:
    """Return by how much a count grew a second; ``None`` where it fell or is not known."""
    if before_count is None or now_count is None or now_count < before_count:
        return None
    return (now_count - before_count) / over_s


def _requests_per_s(
    before: EngineState | None, now: EngineState | None, over_s: float
) -> float | None:
    """Return the requests that ended a second, in whatever way."""
    if before is None or now is None or not now.finished:
        return None
    return _growth_per_s(sum(before.finished.values()), sum(now.finished.values()), over_s)


def _over(numerator: float | None, denominator: float | None) -> float | None:
    """Return a quotient; ``None`` where it is not known, or has no end."""
    if numerator is None or denominator is None or denominator <= 0.0:
        return None
    found = numerator / denominator
    return found if math.isfinite(found) else None


def _cost_usd_per_output_token(
    rate_tokens_per_s: float | None, expected: Expected | None
) -> float | None:
    """Return the plan's rent over the tokens; ``None`` while none is generated."""
    if expected is None or expected.cost_usd_per_hour is None or not rate_tokens_per_s:
        return None
    return _over(expected.cost_usd_per_hour / _SECONDS_PER_HOUR, rate_tokens_per_s)


def deployed_cards(snapshot: Snapshot, expected: Expected | None) -> tuple[CardState, ...]:
    """Return the cards that serve; empty where some of them are lost, or not here.

    Of more cards than the plan names, those with the fullest memory: they hold the model.
    """
    cards = snapshot.cards
    if snapshot.trouble or any(card.trouble for card in cards):
        return ()
    if expected is None or len(cards) == expected.cards_count:
        return cards
    if len(cards) < expected.cards_count:
        return ()
    fullest = sorted(cards, key=lambda card: -(card.memory_used_bytes or 0))
    return tuple(fullest[: expected.cards_count])


def _draw_w(before: Snapshot, now: Snapshot, expected: Expected | None) -> float | None:
    """Return what the cards drew on average, in W: by their energy, else by their power.

    Of engines that span machines, the others' cards are not seen.
    """
    over_s = now.at_s - before.at_s
    is_whole = expected is None or expected.machines_count == 1
    cards = deployed_cards(now, expected) if is_whole else ()
    earlier = {(card.uuid, card.index): card for card in before.cards if not card.trouble}
    # Engines may be read more often than cards: the same reading of them has their power.
    if over_s < 0.0 or not math.isfinite(over_s) or not cards or before.trouble:
        return None
    watts = [_card_w(earlier.get((card.uuid, card.index)), card, over_s) for card in cards]
    known = [one for one in watts if one is not None]
    return sum(known) if len(known) == len(watts) else None


def _card_w(before: CardState | None, now: CardState, over_s: float) -> float | None:
    """Return what one card drew on average, in W."""
    if before is None:
        return None
    counted_w = None
    if over_s > 0.0:
        counted_w = _growth_per_s(before.power.energy_j, now.power.energy_j, over_s)
    if counted_w is not None and counted_w > 0.0:
        return counted_w
    first_w, last_w = before.power.draw_w, now.power.draw_w
    return None if first_w is None or last_w is None else (first_w + last_w) / 2.0


def _read_bytes_per_s(
    before: EngineState | None, now: EngineState | None, over_s: float
) -> float | None:
    """Return what one card reads by the engine's estimate; ``None`` where it makes none.

    Engines that were not told to estimate it count nothing.
    """
    if before is None or now is None:
        return None
    return _growth_per_s(before.read_bytes, now.read_bytes, over_s) or None


def _planned_bytes_per_s(
    rate_tokens_per_s: float | None, users_count: float | None, expected: Expected | None
) -> float | None:
    """Return what the cards of one machine move for so many tokens and users, as planned."""
    if rate_tokens_per_s is None or users_count is None or expected is None:
        return None
    # Where nothing ran and nothing was made, nothing moved.
    token_bytes = read_bytes_per_output_token(
        expected, users_count or (0.0 if rate_tokens_per_s else 1.0)
    )
    return (
        None if token_bytes is None else (rate_tokens_per_s * token_bytes / expected.machines_count)
    )


def _bandwidth(
    snapshot: Snapshot,
    read_bytes_per_s: float | None,
    planned_bytes_per_s: float | None,
    expected: Expected | None,
) -> tuple[float | None, str]:
    """Return the share of the memory's peak that is used, and how that was found.

    Args:
        snapshot: The cards.
        read_bytes_per_s: Of one card, as the engine estimates it.
        planned_bytes_per_s: Of all cards, as the plan's model has it.
        expected: What the plan promised.
    """
    shares = [card.activity.dram_ratio for card in deployed_cards(snapshot, expected)]
    measured = [share for share in shares if share is not None]
    if measured and len(measured) == len(shares):
        return sum(measured) / len(measured), "measured"
    if expected is None or not expected.cards_count:
        return None, ""
    peak = sum(card.count * card.bandwidth_bytes_per_s for card in expected.cards)
    if read_bytes_per_s is not None:
        return _over(read_bytes_per_s * expected.cards_count, peak), "engine"
    share = _over(planned_bytes_per_s, peak)
    return share, "" if share is None else "model"


def _prediction_ratio(
    rate_tokens_per_s: float | None, users_count: float | None, expected: Expected | None
) -> float | None:
    """Return the output over what is predicted for as many users as ran on average."""
    if expected is None or users_count is None:
        return None
    predicted = rate_at_tokens_per_s(expected, users_count)
    return None if predicted is None else _over(rate_tokens_per_s, predicted.mid)


def running_seqs(before: EngineState, now: EngineState) -> float | None:
    """Return the mean requests in the batch of two readings."""
    if before.running_count is None or now.running_count is None:
        return None
    return (before.running_count + now.running_count) / 2.0


def rate_at_tokens_per_s(expected: Expected, users_count: float) -> Interval | None:
    """Return the predicted output at a number of users; ``None`` without a user or a prediction.

    Between two predicted numbers of users on a straight line; below the first in proportion,
    beyond the last as there: more users only wait.
    """
    if not expected.rates or not users_count > 0.0:
        return None
    below, above, part = _around(expected.rates, users_count)
    if users_count <= below.users_count:
        return below.output_tokens_per_s.scaled(users_count / below.users_count)
    ends = zip(_ends(below.output_tokens_per_s), _ends(above.output_tokens_per_s), strict=True)
    low, mid, high = (one + part * (other - one) for one, other in ends)
    return Interval(min(low, mid), mid, max(mid, high))


def read_bytes_per_output_token(expected: Expected, users_count: float) -> float | None:
    """Return the memory traffic of one output token at a number of users, over all cards.

    A step reads the weights for all users and a cache for each, and gives each a token: what it
    moves lies on a straight line over the users.
    """
    rates = [one for one in expected.rates if one.read_bytes_per_output_token is not None]
    if not rates or not users_count > 0.0:
        return None
    below, above, part = _around(rates, users_count)
    seqs = below.users_count + part * (above.users_count - below.users_count)
    step_bytes, more_bytes = (
        (one.read_bytes_per_output_token or 0.0) * one.users_count for one in (below, above)
    )
    return (step_bytes + part * (more_bytes - step_bytes)) / seqs


def _around(
    rates: Sequence[ExpectedRate], users_count: float
) -> tuple[ExpectedRate, ExpectedRate, float]:
    """Return the predictions on both sides of a number of users, and how far it lies between."""
    place = next((i for i, one in enumerate(rates) if one.users_count >= users_count), None)
    if place is None or place == 0:
        end = rates[-1 if place is None else 0]
        return end, end, 0.0
    below, above = rates[place - 1], rates[place]
    part = (users_count - below.users_count) / (above.users_count - below.users_count)
    return below, above, part


def _ends(rate_tokens_per_s: Interval) -> tuple[float, float, float]:
    """Return low end, middle and high end."""
    return rate_tokens_per_s.low, rate_tokens_per_s.mid, rate_tokens_per_s.high
