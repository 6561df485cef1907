"""The mean power of the cards over a simulation (formulas F13)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rightrig.prediction.predict import spent_power_w
from rightrig.prediction.regimes import decode_step, prompt_step

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rightrig.deployment.deployment import Deployment
    from rightrig.interval import Interval
    from rightrig.prediction.regimes import Lengths, Pace
    from rightrig.prediction.step_time import StepTimer
    from rightrig.simulation.outcome import Outcome, StepLoad
    from rightrig.work.operators import Step


def drawn_w(
    deployment: Deployment, timer: StepTimer, lengths: Lengths, found: Outcome
) -> Interval | None:
    """Return the mean power of the cards of replicas that are on, in W.

    Steps that only decode and steps with prompts draw apart, each for its share of the busy time;
    the rest of the time cards idle. Replicas that are switched off draw nothing.

    Returns:
        ``None`` where no step was made or a card's power is not published.
    """
    spent = [part for load in found.loads for part in _spent(timer.pace, load, lengths)]
    if not spent:
        return None
    on_s = sum(replica.on_s for replica in found.replicas)
    busy_s = sum(replica.busy_s for replica in found.replicas)
    power = spent_power_w(deployment, timer, spent, min(busy_s / on_s, 1.0))
    on_ratio = min(on_s / (len(found.replicas) * found.duration_s), 1.0)
    return None if power is None else power.scaled(on_ratio)


def _spent(pace: Pace, load: StepLoad, lengths: Lengths) -> Iterator[tuple[float, Step]]:
    """Yield the seconds and the step of one micro-batch of a load.

    A prompt lies in one micro-batch of a pipeline or group of ranks; those beside it only decode.
    """
    lanes = float(pace.in_flight_count) * float(pace.groups_count)
    reading_ratio = 0.0
    if load.prompt_tokens > 0.0:
        piece = min(lengths.read_tokens, float(pace.step_tokens), load.prompt_tokens)
        each = max(load.prompt_tokens / lanes, piece)
        reading_ratio = load.prompt_tokens / (each * lanes)
        step = prompt_step(pace, load.decode_seqs / lanes, each, lengths)
        yield load.time_s * reading_ratio, step
    if reading_ratio < 1.0 and load.decode_seqs > 0.0:
        plain = decode_step(pace, load.decode_seqs, lengths)
        yield load.time_s * (1.0 - reading_ratio), plain
